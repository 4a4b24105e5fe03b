"""Adam without the two seconds that `torch.optim.Adam` takes to load torch's compiler.

Whoever makes one of torch's optimizers imports `torch._dynamo`, in every process, though nothing
is compiled. The steps are torch's own function, and the state has the form of its optimizer's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Kingma and Ba 2015, algorithm 1, fused: all weights of a device in one call.

    weight_decay: is added to the gradient, times the weight.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        self.param_groups: list[dict[str, Any]] = [{"params": list(parameters), **settings}]
        self._state: dict[int, dict[str, Tensor]] = {}  # of weights that have had a gradient

    @torch.no_grad()
    def step(self) -> None:
        """Move all weights that have a gradient."""
        group = self.param_groups[0]
        moved = {n: weight for n, weight in enumerate(group["params"]) if weight.grad is not None}
        for n, weight in moved.items():
            if n not in self._state:
                step = torch.zeros((), dtype=torch.float32, device=weight.device)
                moments = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
                self._state[n] = {"step": step, **moments}
        if not moved:
            return
        states = [self._state[n] for n in moved]
        adam(
            list(moved.values()),
            [weight.grad for weight in moved.values()],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            foreach=False,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """As `torch.optim.Adam` has it: tensors and plain values, weights by their number."""
        group = {**self.param_groups[0], "params": list(range(len(self.param_groups[0]["params"])))}
        return {"state": dict(self._state), "param_groups": [group]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what `state` was taken of, a `torch.optim.Adam`'s too."""
        group = self.param_groups[0]
        self._state = {
            int(n): {
                name: x.to(group["params"][int(n)].device, copy=True) for name, x in of.items()
            }
            for n, of in state["state"].items()
        }
        known = {name: state["param_groups"][0][name] for name in group if name != "params"}
        group.update(known)
