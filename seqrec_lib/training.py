"""The training loop: one for every model, loss and device."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from seqrec_lib.batches import Batches, Sampler
from seqrec_lib.checkpoints import CheckpointFolder
from seqrec_lib.checks import one_of, positive
from seqrec_lib.config import config_to_dict
from seqrec_lib.distributed import World, current
from seqrec_lib.engine import PackedEngine, PaddedEngine
from seqrec_lib.fused import FusedRows
from seqrec_lib.inference import packs
from seqrec_lib.losses import Loss, as_loss
from seqrec_lib.memory import says_what_to_lower
from seqrec_lib.progress import Progress
from seqrec_lib.randomness import fresh_seed, make_generator
from seqrec_lib.rows import PaddedRows
from seqrec_lib.sampling import WarpSampler
from seqrec_lib.sse import SSE
from seqrec_lib.tables import PagedEngine, RowwiseAdam, paged_loss

if TYPE_CHECKING:
    from seqrec_lib.sasrec import SASREC
    from seqrec_lib.sequences import SASRecDataSet

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def train(
    model: SASREC,
    dataset: SASRecDataSet,
    sampler: Sampler,
    *,
    num_epochs: int = 10,
    batch_size: int = 128,
    learning_rate: float = 0.001,
    val_epoch: int = 0,
    eval_batch_size: int = 256,
    verbose: bool = True,
    loss: str | Loss = "bce",
    schedule: Mapping[int, float] | None = None,
    seed: int | None = None,
    device: str | torch.device | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-7,
    patience: int | None = None,
    engine: str = "auto",
    precision: str = "float32",
    compiled: bool = False,
    threads: int | None = None,
    tables: str = "dense",
    attention: str = "plain",
    sse: SSE | None = None,
    checkpoints: str | Path | None = None,
    keep_checkpoints: int = 2,
) -> dict[str, list[float]]:
    """Train by Adam, and keep the best epoch by validation where there is validation.

    In a `distributed.processes` block the processes share every batch: the step is the same as that
    of one process, up to rounding and the draws of dropout. The sampler's batch_size is that of all
    processes together.

    Args:
        model, dataset, sampler: the sampler may be any object with `next_batch`.
        num_epochs: an epoch is max(1, users // batch_size) batches.
        learning_rate, betas, epsilon: of Adam; the model's l2_reg is its weight decay. The papers'
            betas are (0.9, 0.98).
        schedule: other learning rates for later: {400: 0.0003} takes 0.0003 once 400 epochs are
            done; None keeps learning_rate.
        val_epoch: validate after every so many epochs and after the last one, on sampled
            negatives that stay the same; the weights of the best validation NDCG@10 are put back
            at the end. 0 never validates and keeps the last weights.
        patience: stop after so many validations without a better one; None never stops early.
        loss: a name or an object of `seqrec_lib.losses`.
        seed: of dropout, of negatives beyond the sampler's, and of the validation negatives.
        device: None takes a GPU when there is one. The model stays there.
        engine: "packed" is the fast way on a CPU, "padded" the plain way anywhere; "auto" chooses.
        precision: "bfloat16" runs the forward pass of the padded engine in bfloat16.
        compiled: torch.compile for the padded engine; the first step then takes a minute or so.
        threads: of the packed engine; None takes what torch uses.
        tables: "sparse" for very large catalogues and losses with negatives: a step reads and moves
            only the rows of items and users that are in its batch, with torch's SparseAdam, which
            differs from Adam in that rows outside the batch do not move (see `tables`).
        attention: "fused" takes torch's fused kernels in the padded engine, for long histories:
            memory grows with their length, not with its square (see `fused`).
        sse: stochastic shared embeddings, see `sse.SSE`; None is none.
        checkpoints: a folder, written by process 0. The run is saved there after every epoch and,
            started again with the same settings (more epochs are allowed), goes on from the last
            one: with the library's sampler and on one CPU it ends with the same weights as if it
            had never stopped. Another number of processes may go on with it.
        keep_checkpoints: how many of the latest stay; each holds the best weights, too.
        verbose: a progress bar, and a line for every validation.

    Returns:
        {"loss": one per epoch, "val_ndcg": …, "val_hr": one per validation}.

    Raises:
        ValueError: an argument out of its range, or a batch that is not of the right form.
        FloatingPointError: a loss that is not finite; says where, and what to try.
        torch.cuda.OutOfMemoryError: says which settings to lower.
        distributed.ProcessLostError: another process ended or hangs.
    """
    positive("num_epochs", num_epochs)
    positive("batch_size", batch_size)
    one_of("engine", engine, ("auto", "packed", "padded"))
    one_of("precision", precision, tuple(PRECISIONS))
    one_of("tables", tables, ("dense", "sparse"))
    one_of("attention", attention, ("plain", "fused"))
    if attention == "fused" and engine == "packed":
        raise ValueError(
            "attention='fused' is of the padded engine; the packed one has fused loops of its own: "
            "leave attention out, or take engine='padded' or 'auto'"
        )
    rates = {0: learning_rate, **(schedule or {})}  # epochs done → learning rate from there on
    if not learning_rate > 0:
        raise ValueError(f"learning_rate={learning_rate} must be above 0")
    if min(rates) < 0 or not all(rate > 0 for rate in rates.values()) or 0 in (schedule or {}):
        raise ValueError(f"schedule={schedule} must map numbers of epochs to rates above 0")
    if val_epoch < 0:
        raise ValueError(f"val_epoch={val_epoch} must be 0 (never) or a number of epochs")
    if patience is not None and (patience < 1 or val_epoch == 0):
        raise ValueError(f"patience={patience} needs to be at least 1, and val_epoch at least 1")
    if dataset.itemnum > model.item_num:
        raise ValueError(
            f"the data set has items up to {dataset.itemnum}, the model only item_num="
            f"{model.item_num}: build the model with item_num=dataset.itemnum"
        )
    if dataset.usernum > getattr(model, "user_num", dataset.usernum):
        raise ValueError(
            f"the data set has users up to {dataset.usernum}, the model only user_num="
            f"{model.user_num}: build the model with user_num=dataset.usernum"
        )
    loss = as_loss(loss)
    if checkpoints is not None and (seed is None or not isinstance(sampler, WarpSampler)):
        raise ValueError(
            "checkpoints need seed= and the library's WarpSampler (with a seed, too): without them "
            "a run cannot be gone on with as if it had never stopped"
        )
    world = current()
    seed = world.give(fresh_seed() if seed is None else seed)
    if device is None:
        device = world.device or ("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(device)
    fast = packs(model.to(device), PRECISIONS[precision]) and not compiled
    if engine == "packed" and not fast:
        raise ValueError(
            "engine='packed' is for float32 on a CPU, not compiled: use engine='padded' or 'auto'"
        )
    generator = make_generator(seed, device)  # of what the processes draw alike
    dropout = make_generator(seed, device) if world.size > 1 else generator
    _check_shared(world, model, dataset, sampler)
    paged = tables == "sparse"
    step_loss = paged_loss(loss, model.item_num) if paged else loss
    run: PackedEngine | PaddedEngine | PagedEngine
    if fast and engine != "padded" and attention == "plain":
        run = PackedEngine(model, step_loss, dropout, threads, world=world)
    else:
        half = PRECISIONS[precision]
        rows = FusedRows if attention == "fused" else PaddedRows
        run = PaddedEngine(model, step_loss, dropout, half, compiled, world, not paged, rows)
    engine_name = type(run).__name__
    if paged:
        run = PagedEngine(run, model)
    optimizer = _optimizer(model, paged, learning_rate, betas, epsilon)
    progress = Progress(model, optimizer, generator, sampler)
    folder: CheckpointFolder | nullcontext[None] = nullcontext()
    if checkpoints is not None:
        settings = {
            "model": config_to_dict(model.config),
            "sampler": sampler.settings() if isinstance(sampler, WarpSampler) else {},
            "data": [dataset.usernum, dataset.itemnum, len(dataset.train.items)],
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "betas": list(betas),
            "epsilon": epsilon,
            "val_epoch": val_epoch,
            "patience": patience,
            "loss": repr(loss),
            "sse": repr(sse),
            "seed": seed,
            "device": device.type,
            "engine": engine_name,
            "precision": precision,
            "threads": run.threads,
            "processes": world.size,
        }
        if schedule:
            settings["schedule"] = [list(change) for change in sorted(schedule.items())]
        if paged:
            settings["tables"] = tables
        if attention != "plain":
            settings["attention"] = attention
        if world.first:
            folder = CheckpointFolder(checkpoints, settings, keep_checkpoints)
    batches = Batches(dataset, sampler, loss, sse, generator, model)
    steps = steps_an_epoch(dataset, batch_size)
    verbose = verbose and world.first
    bar = tqdm(total=num_epochs, unit="epoch", file=sys.stdout, leave=False, disable=not verbose)
    started, first, interrupted = time.perf_counter(), 0, False
    history = progress.history
    advice = says_what_to_lower(
        "training",
        "halve batch_size; else lower seq_max_len, take a loss with negatives, or "
        "precision='bfloat16'",
        batch_size=batch_size,
        seq_max_len=model.seq_max_len,
        loss=loss,
        precision=precision,
    )
    with folder as saved, bar, advice:
        state = world.give(None if saved is None else saved.latest())
        if state is not None:
            progress.restore(state)
        first = len(history["loss"])
        bar.update(first)
        try:
            for epoch in range(first + 1, num_epochs + 1):
                if patience is not None and progress.waited >= patience:
                    break
                if world.size > 1:
                    dropout.manual_seed(world.seed_of(seed, epoch))
                rate = rates[max(done for done in rates if done < epoch)]
                for group in optimizer.param_groups:
                    group["lr"] = rate
                with run:
                    mean = _epoch(run, batches, optimizer, steps, epoch, rate)
                history["loss"].append(mean)
                bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
                bar.update()
                if val_epoch and (epoch % val_epoch == 0 or epoch == num_epochs):
                    progress.validated(*model.evaluate_valid(dataset, seed, eval_batch_size))
                if saved is not None:
                    saved.save(epoch, progress.state())
        except KeyboardInterrupt:
            if world.size > 1:  # the others are at another place; the checkpoints stay
                raise
            # the stop button of a notebook: what was reached so far is worth keeping
            interrupted = True
        progress.put_best_back()
    if verbose:
        _report(history, first, steps, time.perf_counter() - started, progress.best, interrupted)
    return history


def steps_an_epoch(dataset: SASRecDataSet, batch_size: int) -> int:
    """How many batches an epoch has: users // batch_size, as in the authors' code, at least 1."""
    return max(1, int(np.count_nonzero(dataset.sequences.lengths)) // batch_size)


def _optimizer(
    model: SASREC, paged: bool, rate: float, betas: tuple[float, float], epsilon: float
) -> torch.optim.Adam | RowwiseAdam:
    """Adam for all weights, or row by row for the tables."""
    if paged:
        return RowwiseAdam(model, rate, betas, epsilon, model.l2_reg)
    return torch.optim.Adam(
        model.parameters(),
        lr=rate,
        betas=betas,
        eps=epsilon,
        weight_decay=model.l2_reg,
        fused=True,
    )


def _check_shared(world: World, model: SASREC, dataset: SASRecDataSet, sampler: Sampler) -> None:
    """What has to be alike in all processes; the weights are made so."""
    if world.size == 1:
        return
    if not isinstance(sampler, WarpSampler):
        raise ValueError("several processes need the library's WarpSampler, with a seed")
    if sampler.batch_size < world.size:
        raise ValueError(
            f"the sampler's batch_size={sampler.batch_size} must be at least the number of "
            f"processes, {world.size}: it is that of all of them together"
        )
    world.require_equal(
        {
            "the model's configuration": config_to_dict(model.config),
            "the data set": (dataset.usernum, dataset.itemnum, len(dataset.train.items)),
            "what the sampler draws": (
                sampler.settings(),
                sampler.generator.get_state().numpy().tobytes(),
            ),
        }
    )
    world.copy_(list(model.state_dict().values()))


def _epoch(
    run: PackedEngine | PaddedEngine | PagedEngine,
    batches: Batches,
    optimizer: torch.optim.Adam | RowwiseAdam,
    steps: int,
    epoch: int,
    learning_rate: float,
) -> float:
    """One epoch; the mean of its losses. Nothing waits for a number until the epoch is over."""
    losses = []
    for _ in range(steps):
        losses.append(run.step(*batches.next()))
        optimizer.step()
    values = torch.stack(losses).cpu()
    run.world.add_([values])  # each process has its part of each
    if not bool(values.isfinite().all()):
        step = int((~values.isfinite()).nonzero()[0]) + 1
        raise FloatingPointError(
            f"the loss became {float(values[step - 1])} in epoch {epoch}, step {step} of {steps}, "
            f"at learning_rate={learning_rate}: try a tenth of it, precision='float32', or check "
            "the data"
        )
    return float(values.mean())


def _report(
    history: dict[str, list[float]],
    first: int,
    steps: int,
    seconds: float,
    best: float,
    interrupted: bool,
) -> None:
    losses = history["loss"]
    if first:
        print(f"went on from the checkpoint of epoch {first}")
    line = f"{len(losses) - first} epochs of {steps} steps in {seconds:.1f} s"
    if losses:
        line += f", loss {losses[0]:.4f} to {losses[-1]:.4f}"
    if history["val_ndcg"]:
        line += f", best validation NDCG@10 {best:.4f}"
    print(line + (" (stopped by hand)" if interrupted else ""))
