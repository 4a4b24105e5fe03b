"""How the rows of a batch are stored: what the blocks of `layers` ask when that matters.

Who attends to whom, which position a row has, how dropout is drawn. `Rows` lists the questions;
`PaddedRows` answers them in plain torch and is the definition; `fast.packed.PackedRows` is the fast
way to the same numbers on a CPU.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Rows(ABC):
    """The rows of a batch: x is (B, T, …) where they are padded, (N, …) where they are packed."""

    training: bool  # whether dropout acts

    @abstractmethod
    def zero_padding(self, x: Tensor) -> Tensor:
        """x with its padded positions set to zero."""

    @abstractmethod
    def last(self, x: Tensor) -> Tensor:
        """The last position of each sequence: (B, 1, D) or (G, D)."""

    @abstractmethod
    def by_position(self, weight: Tensor) -> Tensor:
        """The row of `weight` (n, D) that belongs to each position; the last row is the latest."""

    @abstractmethod
    def dropout(self, x: Tensor, rate: float) -> Tensor:
        """x with elements set to zero with probability `rate`, the others scaled by 1/(1-rate)."""

    @abstractmethod
    def linear(self, x: Tensor, maps: Sequence[nn.Linear]) -> list[Tensor]:
        """Each of the maps, which take and give equal widths, applied to x: (…, D) → (…, C)."""

    @abstractmethod
    def feed_forward(
        self, x: Tensor, inner: nn.Conv1d, outer: nn.Conv1d, rate: float, residual: bool
    ) -> Tensor:
        """Two maps of each row with ReLU between, dropout after both, and x: (…, D) → (…, D)."""

    @abstractmethod
    def normalise(self, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
        """Layer normalisation over the last axis; gamma, beta: (n, D) by position or (1, D)."""

    @abstractmethod
    def attention(self, q: Tensor, k: Tensor, v: Tensor, heads: int, rate: float) -> Tensor:
        """softmax(q kᵀ / sqrt(D/H)) v, each position over itself and the real ones before it.

        q, k, v: (…, D) → (…, D). Weights of the future, of padded keys and of padded queries are
        exactly 0. SASRec eq. (2) and the causality of Sec. III-B; Vaswani et al. 2017, eq. (1).
        """


class PaddedRows(Rows):
    """Rows stored as a rectangle with padding in front: the definition, in plain torch.

    Args:
        real: bool (B, T), False where a position is padding.
        training: whether dropout acts.
        generator: draws the dropout masks, on the rows' device; None is torch's global one.
        maps: a list that receives every block's attention weights (B, H, T, T); None keeps none.
        real_queries: bool (B, T), which queries are real, where that is not the same.
        times: (B, T), when each item was used, for models that read times.
    """

    def __init__(
        self,
        real: Tensor,
        training: bool = False,
        generator: torch.Generator | None = None,
        maps: list[Tensor] | None = None,
        real_queries: Tensor | None = None,
        times: Tensor | None = None,
    ) -> None:
        self.real, self.real_queries = real, real if real_queries is None else real_queries
        self.training, self.generator, self.maps, self.times = training, generator, maps, times

    def zero_padding(self, x: Tensor) -> Tensor:
        """See `Rows`."""
        return x * self.real.unsqueeze(-1)

    def last(self, x: Tensor) -> Tensor:
        """See `Rows`."""
        return x[:, -1:]

    def by_position(self, weight: Tensor) -> Tensor:
        """See `Rows`: the last T rows of (n, D); (1, D) is shared by all positions."""
        return weight if len(weight) == 1 else weight[-self.real.shape[1] :]

    def dropout(self, x: Tensor, rate: float) -> Tensor:
        """See `Rows`."""
        if not self.training or rate == 0:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - rate, generator=self.generator)
        return x * kept / (1 - rate)

    def linear(self, x: Tensor, maps: Sequence[nn.Linear]) -> list[Tensor]:
        """See `Rows`."""
        return [layer(x) for layer in maps]

    def feed_forward(
        self, x: Tensor, inner: nn.Conv1d, outer: nn.Conv1d, rate: float, residual: bool
    ) -> Tensor:
        """See `Rows`. SASRec eq. (4): a convolution of kernel size 1 is a map of each row."""
        y = functional.linear(x, inner.weight.squeeze(-1), inner.bias)  # (…, C)
        y = self.dropout(functional.relu(y), rate)
        y = functional.linear(y, outer.weight.squeeze(-1), outer.bias)  # (…, D)
        y = self.dropout(y, rate)
        return y + x if residual else y

    def normalise(self, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
        """See `Rows`."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))  # in float16, epsilon is 0
        x = x - x.mean(dim=-1, keepdim=True)
        normal = (x / torch.sqrt(x.square().mean(-1, True) + epsilon)).to(gamma.dtype)
        return normal * self.by_position(gamma) + self.by_position(beta)

    def attention(self, q: Tensor, k: Tensor, v: Tensor, heads: int, rate: float) -> Tensor:
        """See `Rows`: the whole of it, line by line."""
        B, T, D = q.shape
        q, k, v = (x.view(B, T, heads, D // heads).transpose(1, 2) for x in (q, k, v))  # B H T D/H
        scores = q @ k.transpose(-2, -1) / math.sqrt(D // heads)  # (B, H, T, T)
        past = torch.ones(T, T, dtype=torch.bool, device=q.device).tril()
        allowed = past & self.real[:, None, None, :] & self.real_queries[:, None, :, None]
        # A row with nothing to attend to (padding in front) would be 0/0; the lowest number instead
        # of -inf keeps the softmax finite, and the product with `allowed` makes the zeros exact.
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1) * allowed
        if self.maps is not None:
            self.maps.append(weights.detach())
        mixed = self.dropout(weights, rate) @ v  # (B, H, T, D/H)
        return mixed.transpose(1, 2).reshape(B, T, D)
