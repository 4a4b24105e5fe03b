"""SASRec and SSE-PT, their data, training, evaluation and figures, small enough to be read.

Everything public can be imported from here, and figures from `seqrec_lib.plots`. To read the code,
begin with the core, in this order; each file needs only those before it:

    network     `rows`, `layers`, `model`: attention, the blocks made of it, what a model is
    models      `sasrec`, `ssept`: the two networks
    data        `sequences`, `unseen`: histories, and negatives that a user has not seen
    training    `sampling`, `engine`, `loop`: a batch, a step, an epoch
    evaluation  `ranks`: from scores to ranks, and what a tie is

`common` and `network.fast` are the machine room, `plots` draws, `explorer` shows a model live,
`exercises` checks a reader's answers, and `reproduce` and `benchmark` prove what the README says.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqrec_lib.common.version import __version__ as __version__

# All public names. Type checkers and editors read these lines as imports. At run time they are only
# a list, and a module is loaded when one of its names is first used (PEP 562): so each name is here
# once, and `import seqrec_lib` is quick.
if TYPE_CHECKING:
    from seqrec_lib.benchmark.cases import sequence_flops as sequence_flops
    from seqrec_lib.common.distributed import World as World
    from seqrec_lib.common.distributed import processes as processes
    from seqrec_lib.data.dataset import SASRecDataSet as SASRecDataSet
    from seqrec_lib.data.examples import example_items as example_items
    from seqrec_lib.data.loading import load_dataset as load_dataset
    from seqrec_lib.data.loading import load_for_notebook as load_for_notebook
    from seqrec_lib.data.logs import read_log as read_log
    from seqrec_lib.data.movielens import load_movielens as load_movielens
    from seqrec_lib.data.padding import pad_sequences as pad_sequences
    from seqrec_lib.data.preparation import filter_ratings as filter_ratings
    from seqrec_lib.data.preparation import prepare as prepare
    from seqrec_lib.data.preparation import prepare_split as prepare_split
    from seqrec_lib.data.readers import read_interactions as read_interactions
    from seqrec_lib.data.sample.world import make_sample as make_sample
    from seqrec_lib.data.sequences import Sequences as Sequences
    from seqrec_lib.data.unseen import Complement as Complement
    from seqrec_lib.evaluation.baselines import ItemKNN as ItemKNN
    from seqrec_lib.evaluation.baselines import MarkovChain as MarkovChain
    from seqrec_lib.evaluation.baselines import PersonalPopularity as PersonalPopularity
    from seqrec_lib.evaluation.baselines import Popularity as Popularity
    from seqrec_lib.evaluation.candidates import sampled_candidates as sampled_candidates
    from seqrec_lib.evaluation.choices import Choices as Choices
    from seqrec_lib.evaluation.metrics import compare as compare
    from seqrec_lib.evaluation.metrics import summarise as summarise
    from seqrec_lib.evaluation.metrics import user_values as user_values
    from seqrec_lib.evaluation.picker import FilmPicker as FilmPicker
    from seqrec_lib.evaluation.picker import film_table as film_table
    from seqrec_lib.evaluation.protocols import both_protocols as both_protocols
    from seqrec_lib.evaluation.protocols import (
        expected_sampled_hit_rate as expected_sampled_hit_rate,
    )
    from seqrec_lib.evaluation.protocols import pairs_table as pairs_table
    from seqrec_lib.evaluation.protocols import protocol_table as protocol_table
    from seqrec_lib.evaluation.ranking import candidate_ranks as candidate_ranks
    from seqrec_lib.evaluation.ranking import full_ranks as full_ranks
    from seqrec_lib.evaluation.ranking import sampled_ranks as sampled_ranks
    from seqrec_lib.evaluation.ranks import Ranks as Ranks
    from seqrec_lib.evaluation.ranks import Scorer as Scorer
    from seqrec_lib.evaluation.ranks import rank_of_target as rank_of_target
    from seqrec_lib.evaluation.recommendation import Strangers as Strangers
    from seqrec_lib.evaluation.recommendation import recommend as recommend
    from seqrec_lib.evaluation.recommendation import similar_items as similar_items
    from seqrec_lib.evaluation.recommendation import top_items as top_items
    from seqrec_lib.exercises.check import check as check
    from seqrec_lib.explorer.page import Explorer as Explorer
    from seqrec_lib.explorer.page import explore as explore
    from seqrec_lib.models.examples import example_model as example_model
    from seqrec_lib.models.export import Scores as Scores
    from seqrec_lib.models.files import build_model as build_model
    from seqrec_lib.models.files import read_weights as read_weights
    from seqrec_lib.models.files import (
        state_dict_for_recommenders as state_dict_for_recommenders,
    )
    from seqrec_lib.models.fit import fit as fit
    from seqrec_lib.models.growth import grow as grow
    from seqrec_lib.models.recommenders import SASREC as SASREC
    from seqrec_lib.models.recommenders import SSEPT as SSEPT
    from seqrec_lib.models.sasrec import SASRecConfig as SASRecConfig
    from seqrec_lib.models.saved import load as load
    from seqrec_lib.models.saved import read_card as read_card
    from seqrec_lib.models.saved import save as save
    from seqrec_lib.models.ssept import SSEPTConfig as SSEPTConfig
    from seqrec_lib.models.trained import trained_models as trained_models
    from seqrec_lib.network.layers import Encoder as Encoder
    from seqrec_lib.network.layers import EncoderLayer as EncoderLayer
    from seqrec_lib.network.layers import LayerNormalization as LayerNormalization
    from seqrec_lib.network.layers import MultiHeadAttention as MultiHeadAttention
    from seqrec_lib.network.layers import PointWiseFeedForward as PointWiseFeedForward
    from seqrec_lib.network.model import SequenceModel as SequenceModel
    from seqrec_lib.network.rows import PaddedRows as PaddedRows
    from seqrec_lib.network.sdpa import FusedRows as FusedRows
    from seqrec_lib.reproduce.comparison import REPRODUCTION_TOLERANCE as REPRODUCTION_TOLERANCE
    from seqrec_lib.reproduce.comparison import compare_with_paper as compare_with_paper
    from seqrec_lib.reproduce.comparison import verdict as verdict
    from seqrec_lib.reproduce.cost import run_cost as run_cost
    from seqrec_lib.reproduce.deviations import deviations_from_papers as deviations_from_papers
    from seqrec_lib.reproduce.experiments import experiments as experiments
    from seqrec_lib.reproduce.lines import CANDIDATE_SEED as CANDIDATE_SEED
    from seqrec_lib.reproduce.planning import plan_runs as plan_runs
    from seqrec_lib.reproduce.protocols_table import baselines_beside_runs as baselines_beside_runs
    from seqrec_lib.reproduce.published import published_results as published_results
    from seqrec_lib.reproduce.published import published_value as published_value
    from seqrec_lib.reproduce.recorded import recorded_curve as recorded_curve
    from seqrec_lib.reproduce.recorded import recorded_ranks as recorded_ranks
    from seqrec_lib.reproduce.recorded import recorded_runs as recorded_runs
    from seqrec_lib.reproduce.recorded import recorded_table as recorded_table
    from seqrec_lib.reproduce.recorded import run_label as run_label
    from seqrec_lib.reproduce.run import run_recipe as run_recipe
    from seqrec_lib.reproduce.tables import REPRODUCED_TABLES as REPRODUCED_TABLES
    from seqrec_lib.reproduce.tables import find_recipes as find_recipes
    from seqrec_lib.training.assembly import steps_an_epoch as steps_an_epoch
    from seqrec_lib.training.engine import PaddedEngine as PaddedEngine
    from seqrec_lib.training.losses import BCE as BCE
    from seqrec_lib.training.losses import GBCE as GBCE
    from seqrec_lib.training.losses import CrossEntropy as CrossEntropy
    from seqrec_lib.training.losses import SampledSoftmax as SampledSoftmax
    from seqrec_lib.training.options import TrainingOptions as TrainingOptions
    from seqrec_lib.training.sampling import Batch as Batch
    from seqrec_lib.training.sampling import WarpSampler as WarpSampler
    from seqrec_lib.training.sse import SSE as SSE

_MODULE_OF = {
    alias.name: statement.module
    for block in ast.parse(Path(__file__).read_text(encoding="utf-8")).body
    if isinstance(block, ast.If)
    for statement in block.body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for alias in statement.names
}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'seqrec_lib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
