"""The training loop, one for every model, loss and device; `assembly` puts a run together."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqrec_lib.common.bars import progress_bar
from seqrec_lib.common.distributed import World
from seqrec_lib.training.by_hand import keep_what_is_trained
from seqrec_lib.training.sampling import SampledBatch


class TrainingState:
    """All that changes while a run goes on: what a checkpoint has to hold.

    others: what changes beside the model, by name: optimizer, generator, sampler, all with
        `state_dict` and `load_state_dict`.
    """

    def __init__(self, model: nn.Module, others: Mapping[str, Any]) -> None:
        self.model, self._others = model, others
        self.history: dict[str, list[float]] = {"loss": [], "val_ndcg": [], "val_hr": []}
        self.best, self.waited = -math.inf, 0
        self.best_weights: dict[str, Tensor] | None = None

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self.history["loss"])

    def validated(self, ndcg: float, hit_rate: float) -> None:
        """Note the result of a validation, and the weights when it is the best so far."""
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

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "history": self.history,
            "best": self.best,
            "best_weights": self.best_weights,
            "waited": self.waited,
            **{name: part.state_dict() for name, part in self._others.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state` was taken of."""
        self.model.load_state_dict(state["model"])
        for name, part in self._others.items():
            part.load_state_dict(state[name])
        for name, values in state["history"].items():
            self.history[name][:] = values
        self.best, self.waited = state["best"], state["waited"]
        self.best_weights = state["best_weights"]


@dataclass
class Run:
    """A run, ready to go."""

    state: TrainingState
    num_epochs: int
    patience: float  # how many validations without a better one end it
    rate_after: Callable[[int], float]  # epochs done → the learning rate from there on
    validates_after: Callable[[int], bool]  # epochs done → whether there is a validation now
    engine: Any  # `PaddedEngine`, or what has its step and is used in a `with` block like it
    optimizer: Any  # Adam of one kind or another: param_groups, step
    next_batch: Callable[[], tuple[SampledBatch, Tensor]]  # a batch, and negatives (B, T, K)
    steps: int  # batches an epoch
    validate: Callable[[], tuple[float, float]]  # (NDCG@10, HR@10)
    save: Callable[[], None]  # a checkpoint, where there is a folder for it
    begin_epoch: Callable[[int], None]  # what several processes agree on before each epoch
    world: World
    verbose: bool

    def train(self) -> dict[str, list[float]]:
        """Train to the last epoch or to the end of patience, and put the best weights back."""
        state, verbose = self.state, self.verbose and self.world.first
        first, started, stopped = state.epochs, time.perf_counter(), False
        settings = {"unit": "epoch", "disable": not verbose}
        with progress_bar(total=self.num_epochs, initial=first, **settings) as bar:
            try:
                while state.epochs < self.num_epochs and state.waited < self.patience:
                    mean = self.epoch(state.epochs + 1)
                    state.history["loss"].append(mean)
                    bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
                    bar.update()
                    if self.validates_after(state.epochs):
                        ndcg, hit_rate = self.validate()
                        state.validated(ndcg, hit_rate)
                        if verbose:
                            said = f"validation NDCG@10 {ndcg:.4f}, HR@10 {hit_rate:.4f}"
                            bar.write(f"epoch {state.epochs}: {said}", file=sys.stdout)
                    self.save()
            except KeyboardInterrupt:
                if self.world.size > 1:  # the others are at another place; the checkpoints stay
                    raise
                stopped = keep_what_is_trained(state.epochs)  # the stop button of a notebook
        state.put_best_back()
        if verbose:
            print(self._summary(first, time.perf_counter() - started, stopped))
        return state.history

    def epoch(self, number: int) -> float:
        """One epoch; the mean of its losses. Nothing waits for a number until the epoch is over."""
        rate = self.rate_after(number - 1)
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
        line += f", loss {losses[0]:.4f} to {losses[-1]:.4f}" if losses else ""
        line += f", best validation NDCG@10 {state.best:.4f}" if state.best > -math.inf else ""
        return line + (" (stopped by hand)" if stopped else "")
