"""What a training run is made of: from a model, a data set, a sampler and options to a `Run`."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from seqrec_lib.common.distributed import World, current
from seqrec_lib.common.memory import says_what_to_lower
from seqrec_lib.common.modes import in_mode
from seqrec_lib.common.randomness import fresh_seed
from seqrec_lib.common.vocabulary import knows_all
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.adam import Adam
from seqrec_lib.training.by_hand import told
from seqrec_lib.training.checkpoints import CheckpointFolder
from seqrec_lib.training.choice import Draws, device_of, engine_for
from seqrec_lib.training.fitting_sampler import fitting_sampler
from seqrec_lib.training.gpu import says_what_cannot_be_compiled
from seqrec_lib.training.loop import Run, TrainingState
from seqrec_lib.training.loss_batches import Batches, ForeignSampler, Sampler, adapted
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sparse import RowwiseAdam


def train(
    model: SequenceModel,
    dataset: HasSplit,
    sampler: Sampler | None,
    options: TrainingOptions,
    validate: Callable[[int], tuple[float, float]],
) -> dict[str, list[float]]:
    """Train by Adam, and keep the best epoch by validation where there is validation.

    sampler, validate, errors: see `assembled`.
    Returns {"loss": one per epoch, "val_ndcg": …, "val_hr": one per validation}.
    """
    with ExitStack() as stack:
        return assembled(stack, model, dataset, sampler, options, validate).train()


def assembled(
    stack: ExitStack,
    model: SequenceModel,
    dataset: HasSplit,
    sampler: Sampler | None,
    options: TrainingOptions,
    validate: Callable[[int], tuple[float, float]],
) -> Run:
    """A run, ready to go for as long as the stack is open: the model is then in training mode.

    In a `distributed.processes` block the processes share every batch: the step is that of one, up
    to rounding and the draws of dropout. The sampler's batch_size is that of all together.

    sampler: None makes the one that fits, see `fitting_sampler`.
    validate: seed → (NDCG@10, HR@10) on the validation items.

    Raises, here or as it runs:
        ValueError: model, data and sampler do not fit, a batch is not of the right form, or this
            machine has no such device, precision or graph.
        FloatingPointError: a loss that is not finite; says where, and what to try.
        torch.cuda.OutOfMemoryError: says which settings to lower.
        distributed.ProcessLostError: another process ended or hangs.
    """
    dataset = as_dataset(dataset)
    knows_all(model, dataset, learns=True)
    dataset = _undivided(dataset, sampler) if options.all_events else dataset
    world = current()
    seed = world.broadcast(fresh_seed() if options.seed is None else options.seed)
    model.to(device_of(options, world))
    _make_trainable(model)
    sampler = fitting_sampler(sampler, model, dataset, options, seed)
    source = adapted(sampler, dataset.itemnum, dataset.usernum).to(model.device)
    draws = Draws(seed, model.device, world)
    _agree(world, model, dataset, source, options)
    engine = engine_for(model, options, world, draws, dataset.itemnum)
    optimizer = optimizer_for(model, options)
    batches = Batches(dataset, source, options.objective, options.sse, draws.shared, model)
    state = TrainingState(model, _states(optimizer, source, draws))
    stack.enter_context(_advice(model, options))
    stack.enter_context(says_what_cannot_be_compiled(options.compiled))
    stack.enter_context(in_mode(model, training=True))
    save = _resume(stack, state, options, world, source, _settings(model, dataset, source))
    stack.enter_context(told(model, state, options.verbose and world.first))
    return Run(
        state=state,
        num_epochs=options.num_epochs,
        patience=options.patience or math.inf,
        rate_after=options.rate_after,
        validates_after=options.validates_after,
        engine=engine,
        optimizer=optimizer,
        next_batch=batches.next,
        steps=steps_an_epoch(dataset, options.batch_size),
        validate=lambda: _validated(model, validate, seed),
        save=save,
        begin_epoch=draws.begin_epoch,
        world=world,
        verbose=options.verbose,
    )


def _undivided(dataset: SASRecDataSet, sampler: Sampler | None) -> SASRecDataSet:
    if sampler is not None:
        raise ValueError("all_events=True draws from whole histories itself: leave out sampler")
    return dataset.undivided()


def _validated(
    model: SequenceModel, validate: Callable[[int], tuple[float, float]], seed: int
) -> tuple[float, float]:
    """What `validate` finds; the model is back in training mode whatever was called there."""
    with in_mode(model, model.training):
        return validate(seed)


def _make_trainable(model: SequenceModel) -> None:
    """Weights side by side in memory: Adam's fused loop walks over weight and gradient as one.

    Raises ValueError for a model that has none to train, or has 16-bit ones.
    """
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ValueError(
            f"no weight of this {type(model).__name__} has requires_grad=True: there is nothing to "
            "train; model.requires_grad_() thaws them all"
        )
    rows, items = len(model.output_embedding), model.item_num
    if rows != items + 1:
        raise ValueError(
            f"{type(model).__name__}.output_embedding has {rows} rows: it must have item_num + 1 = "
            f"{items + 1}, row 0 the padding; what is no item, such as a mask, must not be there"
        )
    for name, part in model.named_modules():
        if getattr(part, "sparse", False) is True:
            raise ValueError(
                f"{name} has sparse=True, whose gradients Adam does not take: leave it out; "
                "tables='sparse' moves only the rows of a batch"
            )
    for name, weight in model.named_parameters():
        if weight.requires_grad and weight.dtype.itemsize < 4:
            raise ValueError(
                f"{name} is {weight.dtype}, for which most of Adam's steps are too small: train "
                "after model.float(); precision='bfloat16' then computes in 16 bits where it can"
            )
        weight.data = weight.data.contiguous()  # itself, where it is so already


def steps_an_epoch(dataset: HasSplit, batch_size: int) -> int:
    """How many batches an epoch has: users // batch_size, as in the authors' code, at least 1."""
    return max(1, int(np.count_nonzero(as_dataset(dataset).train.lengths)) // batch_size)


def optimizer_for(model: SequenceModel, options: TrainingOptions) -> Adam | RowwiseAdam:
    """Adam for all weights, or row by row for the embedding tables."""
    rate, betas, epsilon = options.learning_rate, options.betas, options.epsilon
    if options.tables == "sparse":
        return RowwiseAdam(model, rate, betas, epsilon, model.l2_reg)
    return Adam(model.parameters(), rate, betas, epsilon, model.l2_reg)


class _GeneratorState:
    """A generator, with the names that states have elsewhere."""

    def __init__(self, generator: torch.Generator) -> None:
        self.state_dict, self.load_state_dict = generator.get_state, generator.set_state


def _states(
    optimizer: Adam | RowwiseAdam,
    source: WarpSampler | ForeignSampler,
    draws: Draws,
) -> dict[str, Any]:
    """What changes with each step beside the model, by the names that checkpoints have."""
    generators = {"generator": draws.shared, "ambient": draws.ambient}
    if isinstance(source, WarpSampler):
        generators["sampler"] = source.generator
    states = {name: _GeneratorState(generator) for name, generator in generators.items()}
    return {"optimizer": optimizer, **states}


def _settings(
    model: SequenceModel, dataset: SASRecDataSet, source: WarpSampler | ForeignSampler
) -> dict[str, Any]:
    """What model, data and sampler were made of: it must be equal when a run is resumed."""
    return {
        "model": model.settings(),
        "sampler": source.settings(),
        "data": dataset.fingerprint,
        "items": dataset.vocabulary.items.fingerprint,
        "users": dataset.vocabulary.users.fingerprint,
        "device": model.device.type,
    }


def _resume(
    stack: ExitStack,
    state: TrainingState,
    options: TrainingOptions,
    world: World,
    source: WarpSampler | ForeignSampler,
    settings: dict[str, Any],
) -> Callable[[], None]:
    """Take up the last checkpoint, where there is one; what saves the next one."""
    if options.checkpoints is None:
        return lambda: None
    if options.seed is None or not isinstance(source, WarpSampler):
        raise ValueError(
            "checkpoints need seed= and the library's WarpSampler (with a seed, too): without them "
            "a run cannot be resumed as if it had never stopped"
        )
    if not world.first:
        saved = world.broadcast(None)
    else:
        settings = {**options.fixed(), **settings, "processes": world.size}
        weights = sum(weight.nbytes for weight in state.model.state_dict().values())
        needs = 4 * weights  # with two moments of each, and the best ones
        folder = CheckpointFolder(options.checkpoints, settings, options.keep_checkpoints, needs)
        stack.enter_context(folder)
        saved = world.broadcast(folder.latest())
    if saved is not None:
        state.load_state_dict(saved)
    if not world.first:
        return lambda: None
    return lambda: folder.save(state.epochs, state.state_dict())


def _agree(
    world: World,
    model: SequenceModel,
    dataset: SASRecDataSet,
    source: WarpSampler | ForeignSampler,
    options: TrainingOptions,
) -> None:
    """What has to be alike in all processes; the weights are made so."""
    if world.size == 1:
        return
    if not isinstance(source, WarpSampler):
        raise ValueError("several processes need the library's WarpSampler, with a seed")
    if source.batch_size < world.size:
        raise ValueError(
            f"the sampler's batch_size={source.batch_size} must be at least the number of "
            f"processes, {world.size}: it is that of all of them together"
        )
    alike = _settings(model, dataset, source)
    world.require_equal(
        {
            "the model's configuration": alike["model"],
            "the data set": alike["data"],
            "what the sampler draws": (
                alike["sampler"],
                source.generator.get_state().numpy().tobytes(),
            ),
            "how it is trained": (options.fixed(), options.num_epochs),
        }
    )
    world.broadcast_(list(model.state_dict().values()))


def _advice(model: SequenceModel, options: TrainingOptions) -> Any:
    return says_what_to_lower(
        "training",
        "halve batch_size; else lower seq_max_len, take a loss with fewer negatives (cross-entropy "
        "scores every item), or precision='bfloat16'",
        batch_size=options.batch_size,
        seq_max_len=model.seq_max_len,
        loss=options.objective,
        precision=options.precision,
    )
