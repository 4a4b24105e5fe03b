"""SASRec and SSE-PT, their data, training, evaluation and figures, small enough to be read.

Everything public can be imported from here; a module is loaded when one of its names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "seqrec_lib.layers": (
        "Encoder",
        "EncoderLayer",
        "LayerNormalization",
        "MultiHeadAttention",
        "PointWiseFeedForward",
        "pad_sequences",
    ),
    "seqrec_lib.sasrec": ("SASREC",),
    "seqrec_lib.ssept": ("SSEPT",),
    "seqrec_lib.config": ("build_model",),
    "seqrec_lib.losses": ("BCE", "GBCE", "CrossEntropy", "SampledSoftmax"),
    "seqrec_lib.sampling": ("WarpSampler",),
    "seqrec_lib.sequences": ("SASRecDataSet", "Sequences", "filter_ratings", "prepare"),
    "seqrec_lib.datasets": ("load_movielens", "load_for_notebook", "read_interactions"),
    "seqrec_lib.sample": ("make_sample",),
    "seqrec_lib.ranking": ("full_ranks", "sampled_ranks"),
    "seqrec_lib.metrics": ("compare", "summarise"),
    "seqrec_lib.baselines": ("ItemKNN", "MarkovChain", "Popularity"),
    "seqrec_lib.recommendation": ("recommend", "similar_items"),
    "seqrec_lib.weights": ("read_weights",),
    "seqrec_lib.trained": ("load_trained", "trained_models"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE_OF)

if TYPE_CHECKING:
    from seqrec_lib.baselines import ItemKNN, MarkovChain, Popularity
    from seqrec_lib.config import build_model
    from seqrec_lib.datasets import load_for_notebook, load_movielens, read_interactions
    from seqrec_lib.layers import (
        Encoder,
        EncoderLayer,
        LayerNormalization,
        MultiHeadAttention,
        PointWiseFeedForward,
        pad_sequences,
    )
    from seqrec_lib.losses import BCE, GBCE, CrossEntropy, SampledSoftmax
    from seqrec_lib.metrics import compare, summarise
    from seqrec_lib.ranking import full_ranks, sampled_ranks
    from seqrec_lib.recommendation import recommend, similar_items
    from seqrec_lib.sample import make_sample
    from seqrec_lib.sampling import WarpSampler
    from seqrec_lib.sasrec import SASREC
    from seqrec_lib.sequences import SASRecDataSet, Sequences, filter_ratings, prepare
    from seqrec_lib.ssept import SSEPT
    from seqrec_lib.trained import load_trained, trained_models
    from seqrec_lib.weights import read_weights


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'seqrec_lib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
