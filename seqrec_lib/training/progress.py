"""All that changes while a run goes on: what a checkpoint has to hold."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.batches import Sampler
from seqrec_lib.training.large_tables import RowwiseAdam
from seqrec_lib.training.sampling import WarpSampler


class Progress:
    """All that changes while a run goes on: what a checkpoint has to hold."""

    def __init__(
        self,
        model: SequenceModel,
        optimizer: torch.optim.Adam | RowwiseAdam,
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
