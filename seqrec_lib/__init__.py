"""SASRec and SSE-PT, their data, training, evaluation and figures, small enough to be read.

Everything public can be imported from here; a module is loaded when one of its names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqrec_lib.common.version import __version__ as __version__

_HOME = {
    "seqrec_lib.data.sequences": ("Sequences",),
    "seqrec_lib.data.padding": ("pad_sequences",),
    "seqrec_lib.data.dataset": ("SASRecDataSet",),
    "seqrec_lib.data.preparation": (
        "filter_ratings",
        "prepare",
    ),
    "seqrec_lib.data.movielens": ("load_movielens",),
    "seqrec_lib.data.loading": ("load_for_notebook",),
    "seqrec_lib.data.readers": ("read_interactions",),
    "seqrec_lib.data.sample.world": ("make_sample",),
    "seqrec_lib.network.layers": (
        "Encoder",
        "EncoderLayer",
        "LayerNormalization",
        "MultiHeadAttention",
        "PointWiseFeedForward",
    ),
    "seqrec_lib.models.recommenders": ("SASREC", "SSEPT"),
    "seqrec_lib.models.files": (
        "build_model",
        "read_weights",
    ),
    "seqrec_lib.models.trained": (
        "load_trained",
        "trained_models",
    ),
    "seqrec_lib.training.losses": (
        "BCE",
        "GBCE",
        "CrossEntropy",
        "SampledSoftmax",
    ),
    "seqrec_lib.training.sampling": ("WarpSampler",),
    "seqrec_lib.evaluation.ranking": (
        "full_ranks",
        "sampled_ranks",
    ),
    "seqrec_lib.evaluation.metrics": (
        "compare",
        "summarise",
    ),
    "seqrec_lib.evaluation.baselines": (
        "ItemKNN",
        "MarkovChain",
        "Popularity",
    ),
    "seqrec_lib.evaluation.recommendation": (
        "recommend",
        "similar_items",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE_OF)

if TYPE_CHECKING:
    from seqrec_lib.data.dataset import SASRecDataSet
    from seqrec_lib.data.loading import load_for_notebook
    from seqrec_lib.data.movielens import load_movielens
    from seqrec_lib.data.padding import pad_sequences
    from seqrec_lib.data.preparation import filter_ratings, prepare
    from seqrec_lib.data.readers import read_interactions
    from seqrec_lib.data.sample.world import make_sample
    from seqrec_lib.data.sequences import Sequences
    from seqrec_lib.evaluation.baselines import ItemKNN, MarkovChain, Popularity
    from seqrec_lib.evaluation.metrics import compare, summarise
    from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
    from seqrec_lib.evaluation.recommendation import recommend, similar_items
    from seqrec_lib.models.files import build_model, read_weights
    from seqrec_lib.models.recommenders import SASREC, SSEPT
    from seqrec_lib.models.trained import load_trained, trained_models
    from seqrec_lib.network.layers import (
        Encoder,
        EncoderLayer,
        LayerNormalization,
        MultiHeadAttention,
        PointWiseFeedForward,
    )
    from seqrec_lib.training.losses import BCE, GBCE, CrossEntropy, SampledSoftmax
    from seqrec_lib.training.sampling import WarpSampler


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'seqrec_lib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
