"""Packed rows: the CPU engine's way to store a batch, with no padding, and the operations on it.

`PackedRows` answers the same questions as `rows.PaddedRows`, so every block runs on either; each
answer here is one compiled loop with its hand-written gradient (`gradients`). The tests hold
the two against each other: losses, gradients, and the rate and scale of dropout.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from seqrec_lib.network.fast import attention_kernels
from seqrec_lib.network.fast.gradients import (
    Attention,
    Dots,
    Dropout,
    FeedForward,
    Linear,
    Lookup,
    Normalise,
    array,
    new,
)
from seqrec_lib.network.rows import Rows

_WORD = 2**64 - 1


def threshold_of(rate: float) -> int:
    """The byte below which an element is dropped: `rate` rounded to a multiple of 1/256."""
    return min(255, round(rate * 256))


class PackedRows(Rows):
    """Rows stored one sequence after another, (N, …): no padding, on a CPU, in float32.

    Args:
        lengths: int64 (G,), how many rows each sequence has; at least 1.
        seq_max_len: n; the last row of a sequence has position n - 1.
        training: whether dropout acts.
        seed: of the dropout masks. Equal seeds and rows give equal masks on any machine.
    """

    def __init__(
        self, lengths: Tensor, seq_max_len: int, training: bool = False, seed: int = 0
    ) -> None:
        self.training = training
        self.starts = np.zeros(len(lengths) + 1, np.int64)  # (G+1,)
        np.cumsum(lengths.numpy(), out=self.starts[1:])
        n = int(self.starts[-1])
        ends = np.repeat(self.starts[1:], np.diff(self.starts))
        self.place = seq_max_len - ends + np.arange(n)  # (N,) each row's position
        self._length = seq_max_len
        self._zeros = np.zeros(n, np.int64)
        self._seed = seed

    def _next_seed(self) -> int:
        self._seed = (self._seed * 6364136223846793005 + 1442695040888963407) & _WORD
        return (self._seed ^ (self._seed >> 29)) & _WORD

    def last(self, x: Tensor) -> Tensor:
        """See `Rows`: (N, D) → (G, D)."""
        return x[torch.from_numpy(self.starts[1:] - 1)]

    def of_last(self) -> PackedRows:
        """How what `last` gives is stored: one row a sequence."""
        return PackedRows(torch.ones(len(self.starts) - 1, dtype=torch.int64), self._length)

    def zero_padding(self, x: Tensor) -> Tensor:
        """x itself: nothing is padded."""
        return x

    def by_position(self, weight: Tensor) -> Tensor:
        """See `Rows`: (n, D) → (N, D)."""
        return Lookup.apply(weight, self.place)

    def dropout(self, x: Tensor, rate: float) -> Tensor:
        """See `Rows`."""
        if not self.training or rate == 0:
            return x
        return Dropout.apply(x, self._next_seed(), threshold_of(rate))

    def linear(self, x: Tensor, maps: Sequence[nn.Linear]) -> list[Tensor]:
        """See `Rows`."""
        return list(Linear.apply(x, *[part for m in maps for part in (m.weight, m.bias)]))

    def feed_forward(
        self, x: Tensor, inner: nn.Conv1d, outer: nn.Conv1d, rate: float, residual: bool
    ) -> Tensor:
        """See `Rows`."""
        threshold = threshold_of(rate) if self.training else 0
        seeds = (np.uint64(self._next_seed()), np.uint64(self._next_seed()))
        weights = (inner.weight.squeeze(-1), inner.bias, outer.weight.squeeze(-1), outer.bias)
        return FeedForward.apply(x, *weights, threshold, seeds, np.float32(residual))

    def normalise(self, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
        """See `Rows`."""
        return Normalise.apply(
            x, gamma, beta, self._zeros if len(gamma) == 1 else self.place, epsilon
        )

    def attention(self, q: Tensor, k: Tensor, v: Tensor, heads: int, rate: float) -> Tensor:
        """See `Rows`; q, k, v: (N, D) → (N, D)."""
        threshold = threshold_of(rate) if self.training else 0
        return Attention.apply(q, k, v, self.starts, heads, threshold, self._next_seed())

    def attention_of_last(self, q: Tensor, x: Tensor) -> Tensor:
        """softmax(q · xᵀ) x, asked by the last row of each sequence alone, without gradient:
        (G, H, D), (N, D) → (G, H, D)."""
        out = new(q)
        attention_kernels.attention_of_last(array(q), array(x), self.starts, out.numpy())
        return out


def dots(query: Tensor, table: Tensor, ids: Tensor) -> Tensor:
    """See `losses.dots`. The rows of the table are not copied out: memory does not grow with D."""
    return Dots.apply(query, table, ids)
