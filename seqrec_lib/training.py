"""The training loop: one for every model, loss and device."""

from __future__ import annotations

import math
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from seqrec_lib.checkpoints import CheckpointFolder
from seqrec_lib.checks import one_of, positive
from seqrec_lib.config import config_to_dict
from seqrec_lib.distributed import World, current
from seqrec_lib.engine import PackedEngine, PaddedEngine
from seqrec_lib.inference import packs
from seqrec_lib.losses import Loss, as_loss
from seqrec_lib.negatives import Complement
from seqrec_lib.randomness import fresh_seed, make_generator
from seqrec_lib.sampling import Batch, WarpSampler
from seqrec_lib.sse import SSE

if TYPE_CHECKING:
    from seqrec_lib.sasrec import SASREC
    from seqrec_lib.sequences import SASRecDataSet

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Sampler(Protocol):
    """Anything that gives training batches."""

    def next_batch(self) -> tuple[Any, Any, Any, Any]:
        """(users (B,), seq (B, T), pos (B, T), neg (B, T)), padded in front with 0."""


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
    seed: int | None = None,
    device: str | torch.device | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-7,
    patience: int | None = None,
    engine: str = "auto",
    precision: str = "float32",
    compiled: bool = False,
    threads: int | None = None,
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
        distributed.ProcessLostError: another process ended or hangs.
    """
    positive("num_epochs", num_epochs)
    positive("batch_size", batch_size)
    one_of("engine", engine, ("auto", "packed", "padded"))
    one_of("precision", precision, tuple(PRECISIONS))
    if not learning_rate > 0:
        raise ValueError(f"learning_rate={learning_rate} must be above 0")
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
    run: PackedEngine | PaddedEngine
    if fast and engine != "padded":
        run = PackedEngine(model, loss, dropout, threads, world=world)
    else:
        run = PaddedEngine(model, loss, dropout, PRECISIONS[precision], compiled, world)
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=learning_rate,
        betas=betas,
        eps=epsilon,
        weight_decay=model.l2_reg,
        fused=True,
    )
    progress = _Progress(model, optimizer, generator, sampler)
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
            "engine": type(run).__name__,
            "precision": precision,
            "threads": run.threads,
            "processes": world.size,
        }
        if world.first:
            folder = CheckpointFolder(checkpoints, settings, keep_checkpoints)
    batches = _Batches(dataset, sampler, loss, sse, generator, model)
    steps = max(1, int(np.count_nonzero(dataset.sequences.lengths)) // batch_size)
    verbose = verbose and world.first
    bar = tqdm(total=num_epochs, unit="epoch", file=sys.stdout, leave=False, disable=not verbose)
    started, first, interrupted = time.perf_counter(), 0, False
    history = progress.history
    with folder as saved, bar:
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
                with run:
                    mean = _epoch(run, batches, optimizer, steps, epoch, learning_rate)
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


class _Progress:
    """All that changes while a run goes on: what a checkpoint has to hold."""

    def __init__(
        self,
        model: SASREC,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        sampler: Sampler,
    ) -> None:
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.sampler = sampler
        self.history: dict[str, list[float]] = {"loss": [], "val_ndcg": [], "val_hr": []}
        self.best, self.waited = -math.inf, 0
        self.best_weights: dict[str, Tensor] | None = None

    def validated(self, ndcg: float, hit_rate: float) -> None:
        """Take a validation result down, and the weights when it is the best so far."""
        self.history["val_ndcg"].append(ndcg)
        self.history["val_hr"].append(hit_rate)
        self.waited += 1
        if ndcg > self.best:
            self.best, self.waited = ndcg, 0
            self.best_weights = {k: v.clone() for k, v in self.model.state_dict().items()}

    def put_best_back(self) -> None:
        """Give the model the weights of the best validation, if there was one."""
        if self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)

    def state(self) -> dict[str, Any]:
        """Tensors and plain values."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": self.history,
            "best": self.best,
            "best_weights": self.best_weights,
            "waited": self.waited,
        }
        if isinstance(self.sampler, WarpSampler):
            state["sampler"] = self.sampler.generator.get_state()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Become what `state` was taken of."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        for name, values in state["history"].items():
            self.history[name][:] = values
        self.best, self.waited = state["best"], state["waited"]
        self.best_weights = state["best_weights"]
        if isinstance(self.sampler, WarpSampler):
            self.sampler.generator.set_state(state["sampler"])


class _Batches:
    """Batches of tensors on the model's device, with as many negatives as the loss wants."""

    def __init__(
        self,
        dataset: SASRecDataSet,
        sampler: Sampler,
        loss: Loss,
        sse: SSE | None,
        generator: torch.Generator,
        model: SASREC,
    ) -> None:
        self.sampler, self.loss, self.sse, self.generator = sampler, loss, sse, generator
        self.device, self.itemnum = generator.device, dataset.itemnum
        # ids that the model has embeddings for; a model without users ignores them
        self.usernum = getattr(model, "user_num", dataset.usernum)
        self.length = model.seq_max_len
        if isinstance(sampler, WarpSampler):
            sampler.to(self.device)
        self.unseen = None
        if loss.negatives > 1:
            self.unseen = Complement(dataset.train, dataset.itemnum, device=self.device)

    def next(self) -> tuple[Batch, Tensor]:
        """A batch and its negatives (B, T, K)."""
        batch = self.sampler.sample() if isinstance(self.sampler, WarpSampler) else self._foreign()
        if batch.seq.shape[1] > self.length:
            raise ValueError(
                f"the sampler's sequences have {batch.seq.shape[1]} positions, more than the "
                f"model's seq_max_len={self.length}: build the sampler with maxlen={self.length}"
            )
        if self.unseen is None:
            negatives = batch.neg.unsqueeze(2)[:, :, : self.loss.negatives]
        else:
            real = batch.pos != 0
            negatives = batch.pos.new_zeros(*batch.pos.shape, self.loss.negatives)  # (B, T, K)
            rows = batch.users.unsqueeze(1).expand_as(real)[real]
            negatives[real] = self.unseen.draw(rows, self.loss.negatives, self.generator)
        if self.sse is not None:
            batch = self.sse.replace(batch, self.usernum, self.itemnum, self.generator)
        return batch, negatives

    def _foreign(self) -> Batch:
        """A batch of a sampler that is not the library's: arrays, which are checked."""
        users, *rest = (
            torch.as_tensor(np.asarray(x), dtype=torch.int64) for x in self.sampler.next_batch()
        )
        for name, ids in zip(("seq", "pos", "neg"), rest, strict=True):
            if ids.dim() != 2 or not 0 <= int(ids.min()) <= int(ids.max()) <= self.itemnum:
                raise ValueError(
                    f"the sampler's {name} has shape {tuple(ids.shape)} and ids from "
                    f"{int(ids.min())} to {int(ids.max())}: it must be (batch, length) with "
                    f"ids from 0 to {self.itemnum}"
                )
        return Batch(*(x.to(self.device) for x in (users.view(-1), *rest)))


def _epoch(
    run: PackedEngine | PaddedEngine,
    batches: _Batches,
    optimizer: torch.optim.Optimizer,
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
