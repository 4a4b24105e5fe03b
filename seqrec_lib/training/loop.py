"""The training loop: one for every model, loss, engine and device.

What a run is made of is put together in `assembly`; here it is only used.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from tqdm import tqdm

from seqrec_lib.common.checks import positive
from seqrec_lib.common.distributed import World
from seqrec_lib.training.sampling import SampledBatch
from seqrec_lib.training.state import TrainingState


class Engine(Protocol):
    """What makes the steps; a `with` block holds what it needs for them, threads for example."""

    def step(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """Fill the gradients; this process's part of the mean loss, a scalar on the device."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class Optimizer(Protocol):
    """Adam of any kind."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Where a learning rate is set."""

    def step(self) -> None:
        """Move the weights by their gradients."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What happens when, counted in epochs; see `TrainingOptions` for what each field means."""

    num_epochs: int = 10
    learning_rate: float = 0.001
    schedule: Mapping[int, float] | None = None
    val_epoch: int = 0
    patience: int | None = None

    def __post_init__(self) -> None:
        positive("num_epochs", self.num_epochs)
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate} must be above 0")
        if any(done < 1 or not rate > 0 for done, rate in (self.schedule or {}).items()):
            raise ValueError(
                f"schedule={self.schedule} must map numbers of epochs to rates above 0"
            )
        if self.val_epoch < 0:
            raise ValueError(f"val_epoch={self.val_epoch} must be 0 (never) or a number of epochs")
        if self.patience is not None and (self.patience < 1 or self.val_epoch == 0):
            raise ValueError(
                f"patience={self.patience} needs to be at least 1, and val_epoch at least 1"
            )

    def rate_after(self, done: int) -> float:
        """The learning rate once `done` epochs are done."""
        rates = {0: self.learning_rate, **(self.schedule or {})}
        return rates[max(epochs for epochs in rates if epochs <= done)]

    def validates_after(self, epoch: int) -> bool:
        """Whether there is a validation after this epoch: every val_epoch, and after the last."""
        return self.val_epoch > 0 and (epoch % self.val_epoch == 0 or epoch == self.num_epochs)


@dataclass
class Run:
    """A run, ready to go."""

    schedule: Schedule
    state: TrainingState
    engine: Engine
    optimizer: Optimizer
    next_batch: Callable[[], tuple[SampledBatch, Tensor]]  # a batch, and negatives (B, T, K)
    steps: int  # batches an epoch
    validate: Callable[[], tuple[float, float]]  # (NDCG@10, HR@10)
    save: Callable[[], None]  # a checkpoint, where there is a folder for it
    begin_epoch: Callable[[int], None]  # what several processes agree on before each epoch
    world: World
    verbose: bool

    def train(self) -> dict[str, list[float]]:
        """Train to the last epoch or to the end of patience, and put the best weights back."""
        schedule, state, verbose = self.schedule, self.state, self.verbose and self.world.first
        first, started, stopped = state.epochs, time.perf_counter(), False
        settings = {"unit": "epoch", "file": sys.stdout, "leave": False, "disable": not verbose}
        with tqdm(total=schedule.num_epochs, initial=first, **settings) as bar:
            try:
                while state.epochs < schedule.num_epochs and not state.tired(schedule.patience):
                    mean = self.epoch(state.epochs + 1)
                    state.trained(mean)
                    bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
                    bar.update()
                    if schedule.validates_after(state.epochs):
                        state.validated(*self.validate())
                    self.save()
            except KeyboardInterrupt:
                if self.world.size > 1:  # the others are at another place; the checkpoints stay
                    raise
                stopped = True  # the stop button of a notebook: what was reached is worth keeping
        state.put_best_back()
        if verbose:
            print(self._summary(first, time.perf_counter() - started, stopped))
        return state.history

    def epoch(self, number: int) -> float:
        """One epoch; the mean of its losses. Nothing waits for a number until the epoch is over."""
        rate = self.schedule.rate_after(number - 1)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.begin_epoch(number)
        losses = []
        with self.engine:
            for _ in range(self.steps):
                losses.append(self.engine.step(*self.next_batch()))
                self.optimizer.step()
        values = torch.stack(losses).cpu()
        self.world.all_reduce_([values])  # each process has its part of each
        if not bool(values.isfinite().all()):
            step = int((~values.isfinite()).nonzero()[0]) + 1
            raise FloatingPointError(
                f"the loss became {float(values[step - 1])} in epoch {number}, step {step} of "
                f"{self.steps}, at learning_rate={rate}: try a tenth of it, precision='float32', "
                "or check the data"
            )
        return float(values.mean())

    def _summary(self, first: int, seconds: float, stopped: bool) -> str:
        losses, state = self.state.history["loss"], self.state
        line = f"resumed from the checkpoint of epoch {first}\n" if first else ""
        line += f"{len(losses) - first} epochs of {self.steps} steps in {seconds:.1f} s"
        if losses:
            line += f", loss {losses[0]:.4f} to {losses[-1]:.4f}"
        if state.history["val_ndcg"]:
            line += f", best validation NDCG@10 {state.best:.4f}"
        return line + (" (stopped by hand)" if stopped else "")
