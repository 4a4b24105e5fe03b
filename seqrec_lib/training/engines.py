"""Which engine makes the steps of a run, and which optimizer takes them."""

from __future__ import annotations

import torch

from seqrec_lib.common.distributed import World
from seqrec_lib.network.fused import FusedRows
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.network.scoring import packs
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.large_tables import PagedEngine, RowwiseAdam, paged_loss
from seqrec_lib.training.options import PRECISIONS, TrainingOptions
from seqrec_lib.training.packed_engine import PackedEngine

Engine = PackedEngine | PaddedEngine | PagedEngine
Optimizer = torch.optim.Adam | RowwiseAdam


def engine_for(
    model: SequenceModel, options: TrainingOptions, dropout: torch.Generator, world: World
) -> Engine:
    """The packed engine where it can run and nothing else is asked for, else the padded one.

    Raises ValueError where engine="packed" cannot be had.
    """
    precision, paged = PRECISIONS[options.precision], options.tables == "sparse"
    fast = packs(model, precision) and not options.compiled
    if options.engine == "packed" and not fast:
        raise ValueError(
            "engine='packed' is for float32 on a CPU, not compiled: use engine='padded' or 'auto'"
        )
    loss = paged_loss(options.objective, model.item_num) if paged else options.objective
    engine: PackedEngine | PaddedEngine
    if fast and options.engine != "padded" and options.attention == "plain":
        engine = PackedEngine(model, loss, dropout, options.threads, world=world)
    else:
        rows = FusedRows if options.attention == "fused" else PaddedRows
        engine = PaddedEngine(
            model, loss, dropout, precision, options.compiled, world, not paged, rows
        )
    return PagedEngine(engine, model) if paged else engine


def optimizer_for(model: SequenceModel, options: TrainingOptions) -> Optimizer:
    """Adam for all weights, or row by row for the tables."""
    rate, betas, epsilon = options.learning_rate, options.betas, options.epsilon
    if options.tables == "sparse":
        return RowwiseAdam(model, rate, betas, epsilon, model.l2_reg)
    return torch.optim.Adam(
        model.parameters(), rate, betas, epsilon, weight_decay=model.l2_reg, fused=True
    )
