"""All that changes while a run goes on: what a checkpoint has to hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn


class Stateful(Protocol):
    """Something whose state can be taken and given back: optimizer, generator, sampler."""

    def state_dict(self) -> Any:
        """Tensors and plain values."""

    def load_state_dict(self, state: Any) -> Any:
        """Become what `state` was taken of."""


class TrainingState:
    """The history of a run, its best weights, and whatever else changes with each step.

    Args:
        model: what is trained.
        others: what else a run goes on with: optimizer, generator, sampler, by name.
    """

    def __init__(self, model: nn.Module, others: Mapping[str, Stateful]) -> None:
        self.model, self._others = model, others
        self.history: dict[str, list[float]] = {"loss": [], "val_ndcg": [], "val_hr": []}
        self.best, self.waited = -math.inf, 0
        self.best_weights: dict[str, Tensor] | None = None

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self.history["loss"])

    def tired(self, patience: int | None) -> bool:
        """Whether there were so many validations without a better one."""
        return patience is not None and self.waited >= patience

    def trained(self, loss: float) -> None:
        """Note the mean loss of an epoch."""
        self.history["loss"].append(loss)

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
