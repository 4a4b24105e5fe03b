"""Where a run is trained and by which engine: what its options come to on this machine."""

from __future__ import annotations

from typing import Any

import torch

from seqrec_lib.common.distributed import World
from seqrec_lib.common.randomness import make_generator
from seqrec_lib.network.fast.fitness import fits_packed
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.network.sdpa import FusedRows
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.gpu import CapturedEngine, TF32Engine, refuse_what_cannot_be_had
from seqrec_lib.training.losses import is_own
from seqrec_lib.training.options import PRECISIONS, TrainingOptions
from seqrec_lib.training.own_step import ContractEngine
from seqrec_lib.training.packed_engine import PackedEngine
from seqrec_lib.training.parallel import ParallelEngine
from seqrec_lib.training.sparse import PagedEngine, paged_loss
from seqrec_lib.training.wrapped_losses import Checked, Within

Engine = PackedEngine | PaddedEngine | PagedEngine | ContractEngine | CapturedEngine | TF32Engine
DEVICES = ("cpu", "cuda")


class Draws:
    """Where the random numbers of a run come from, all by one seed.

    shared: of what several processes draw alike. dropout: of the masks, in each process its own.
    ambient: of layers that draw from torch's global generator, see `PaddedEngine`.
    """

    def __init__(self, seed: int, device: torch.device, world: World) -> None:
        self._seed, self._world = seed, world
        self.shared = make_generator(seed, device)
        self.dropout = self.shared if world.size == 1 else make_generator(seed, device)
        self.ambient = make_generator((seed + 1) % 2**63, device)

    def begin_epoch(self, number: int) -> None:
        """Several processes seed anew, so that a checkpoint of one has what all need."""
        if self._world.size > 1:
            for place, generator in enumerate((self.dropout, self.ambient)):
                generator.manual_seed(self._world.seed_of(self._seed + place, number))


def device_of(options: TrainingOptions, world: World) -> torch.device:
    """The device asked for, else this process's, else a GPU where there is one.

    Raises ValueError for one that is not there, or on which a run cannot draw its numbers.
    """
    asked = options.device or world.device
    try:
        device = torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise ValueError(f"device={asked!r} must be 'cpu' or 'cuda'; torch said: {error}") from None
    if device.type not in DEVICES:
        raise ValueError(
            f"device={str(device)!r}: training runs on 'cpu' and 'cuda'. Apple's GPU ('mps') has "
            "no 64-bit floating-point numbers, which draws need, and was never tried: use "
            "device='cpu', where the compiled loops run"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={str(device)!r}: torch {torch.__version__} sees {torch.cuda.device_count()} "
            "GPUs here; leave device out, or install a torch that is built for yours"
        )
    return device


def engine_for(
    model: SequenceModel, options: TrainingOptions, world: World, draws: Draws, item_num: int
) -> Engine:
    """The packed engine where it can run and nothing else is asked for, else the padded one; and
    for a class with a step of its own that step. item_num: of the data set.

    Raises ValueError where engine="packed", precision or captured cannot be had.
    """
    if getattr(model, "has_own_step", False):
        return ContractEngine(model, options, world, draws.dropout, draws.ambient)
    paged, fits = options.tables == "sparse", fits_packed(model)
    loss: Any = options.objective
    if is_own(loss):
        _refuse_what_an_own_loss_lacks(options)
        loss, fits = Checked(loss), False
    if options.engine == "packed" and not fits:
        raise ValueError(
            "engine='packed' is for float32 weights on a CPU and for SASREC and SSEPT as they are "
            f"in the library, which this {type(model).__name__} is not: use engine='padded' or "
            "'auto'"
        )
    if paged:
        loss = paged_loss(loss, item_num)
    elif item_num < model.item_num:
        loss = Within(loss, item_num)
    if fits and options.may_pack:
        packed = PackedEngine(model, loss, draws.dropout, options.threads, world=world)
        return PagedEngine(packed, model) if paged else packed
    refuse_what_cannot_be_had(options, model.device, world.size, model)
    # compiled and captured steps know torch's own generators alone
    lent = options.compiled or options.captured
    dropout, ambient = (None, draws.dropout) if lent else (draws.dropout, draws.ambient)
    rows = FusedRows if options.attention == "fused" else PaddedRows
    how = (model, loss, dropout, PRECISIONS[options.precision], options.compiled, rows, ambient)
    engine = ParallelEngine(world, not paged, *how) if world.size > 1 else PaddedEngine(*how)
    if options.precision == "tf32" and not paged:
        return TF32Engine(CapturedEngine(engine) if options.captured else engine)
    if options.captured:
        return CapturedEngine(engine)
    return PagedEngine(engine, model) if paged else engine


def _refuse_what_an_own_loss_lacks(options: TrainingOptions) -> None:
    """The packed step and sparse tables show a loss a part of the batch or of the table."""
    asked = {"engine": "packed", "tables": "sparse"}
    for name, value in asked.items():
        if getattr(options, name) == value:
            raise ValueError(
                f"{name}={value!r} runs the library's losses only, and "
                f"{type(options.objective).__name__} is your own: leave {name} out"
            )
