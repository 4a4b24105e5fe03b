"""Packed rows: the CPU engine's way to store a batch, with no padding, and the operations on it.

`PackedRows` answers the same questions as `rows.PaddedRows`, so every block runs on either; each
answer here is one compiled loop of `kernels` with its hand-written gradient. The tests hold the two
against each other: losses, gradients, and the rate and scale of dropout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function

from seqrec_lib import kernels, linear_kernels
from seqrec_lib.rows import PaddedRows

_WORD = 2**64 - 1


def threshold_of(rate: float) -> int:
    """The byte below which an element is dropped: `rate` rounded to a multiple of 1/256."""
    return min(255, round(rate * 256))


class PackedRows(PaddedRows):
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
        """The last row of each sequence: (N, D) → (G, D)."""
        return x[torch.from_numpy(self.starts[1:] - 1)]

    def last_rows(self) -> PackedRows:
        """The rows that `last` gives."""
        return PackedRows(torch.ones(len(self.starts) - 1, dtype=torch.int64), self._length)

    def blank(self, x: Tensor) -> Tensor:
        """x itself: nothing is padded."""
        return x

    def positions(self, table: Tensor) -> Tensor:
        """The row of `table` (n, D) that belongs to each row: (N, D)."""
        return torch.nn.functional.embedding(torch.from_numpy(self.place), table)

    def dropout(self, x: Tensor, rate: float) -> Tensor:
        """See `PaddedRows.dropout`."""
        if not self.training or rate == 0:
            return x
        return _Dropout.apply(x, self._next_seed(), threshold_of(rate))

    def linear(self, x: Tensor, maps: Sequence[nn.Linear]) -> list[Tensor]:
        """See `PaddedRows.linear`."""
        return list(_Linear.apply(x, *[part for m in maps for part in (m.weight, m.bias)]))

    def feed_forward(
        self, x: Tensor, inner: nn.Conv1d, outer: nn.Conv1d, rate: float, residual: bool
    ) -> Tensor:
        """See `PaddedRows.feed_forward`."""
        threshold = threshold_of(rate) if self.training else 0
        seeds = (np.uint64(self._next_seed()), np.uint64(self._next_seed()))
        weights = (inner.weight.squeeze(-1), inner.bias, outer.weight.squeeze(-1), outer.bias)
        return _FeedForward.apply(x, *weights, threshold, seeds, np.float32(residual))

    def normalise(self, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
        """See `PaddedRows.normalise`."""
        return _Normalise.apply(
            x, gamma, beta, self._zeros if len(gamma) == 1 else self.place, epsilon
        )

    def attention(self, q: Tensor, k: Tensor, v: Tensor, heads: int, rate: float) -> Tensor:
        """See `PaddedRows.attention`; q, k, v: (N, D) → (N, D)."""
        threshold = threshold_of(rate) if self.training else 0
        return _Attention.apply(q, k, v, self.starts, heads, threshold, self._next_seed())

    def mix_of_last(self, asked: Tensor, x: Tensor) -> Tensor:
        """See `PaddedRows.mix_of_last`; (G, H, D), (N, D) → (G, H, D). No gradient."""
        out = _new(asked)
        kernels.mix_of_last(_array(asked), _array(x), self.starts, out.numpy())
        return out


def dots(query: Tensor, table: Tensor, ids: Tensor) -> Tensor:
    """See `losses.dots`. The rows of the table are not copied out: memory does not grow with D."""
    return _Dots.apply(query, table, ids)


def _array(x: Tensor) -> np.ndarray:
    return x.detach().contiguous().numpy()


def _new(like: Tensor) -> Tensor:
    """Room for a result. Contiguous whatever `like` is: a loop is compiled anew for each layout."""
    return torch.empty_like(like, memory_format=torch.contiguous_format)


def _arrays(tensors: Sequence[Tensor]) -> tuple[np.ndarray, ...]:
    return tuple(_array(x) for x in tensors)


class _Attention(Function):
    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        starts: np.ndarray,
        heads: int,
        threshold: int,
        seed: int,
    ) -> Tensor:
        out = _new(q)
        log_sum = np.empty((heads, len(q)), np.float32)
        kernels.attention_forward(
            _array(q),
            _array(k),
            _array(v),
            starts,
            heads,
            threshold,
            np.uint64(seed),
            out.numpy(),
            log_sum,
        )
        ctx.save_for_backward(q, k, v, out)
        ctx.rest = (starts, heads, threshold, seed, log_sum)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, out = ctx.saved_tensors
        starts, heads, threshold, seed, log_sum = ctx.rest
        dq, dk, dv = _new(q), _new(k), _new(v)
        kernels.attention_backward(
            _array(q),
            _array(k),
            _array(v),
            starts,
            heads,
            threshold,
            np.uint64(seed),
            _array(out),
            log_sum,
            _array(grads[0]),
            dq.numpy(),
            dk.numpy(),
            dv.numpy(),
        )
        return dq, dk, dv, None, None, None, None


class _Normalise(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, row: np.ndarray, epsilon: float
    ) -> Tensor:
        out = _new(x)
        inverse = np.empty(len(x), np.float32)
        kernels.normalise_forward(
            _array(x), _array(gamma), _array(beta), row, epsilon, out.numpy(), inverse
        )
        ctx.save_for_backward(x, gamma)
        ctx.rest = (row, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma = ctx.saved_tensors
        row, inverse = ctx.rest
        dx, dgamma, dbeta = _new(x), torch.zeros_like(gamma), torch.zeros_like(gamma)
        kernels.normalise_backward(
            _array(x),
            _array(gamma),
            row,
            inverse,
            _array(grads[0]),
            dx.numpy(),
            dgamma.numpy(),
            dbeta.numpy(),
        )
        return dx, dgamma, dbeta, None, None


class _Dropout(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, seed: int, threshold: int) -> Tensor:
        ctx.rest = (seed, threshold)
        out = _new(x)
        kernels.drop(_array(x).ravel(), np.uint64(seed), threshold, out.numpy().ravel())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        seed, threshold = ctx.rest
        dx = _new(grads[0])
        kernels.drop(_array(grads[0]).ravel(), np.uint64(seed), threshold, dx.numpy().ravel())
        return dx, None, None


class _Linear(Function):
    """Several maps of the same rows: x, then weight and bias of each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        weights, biases = parameters[::2], parameters[1::2]
        outs = tuple(x.new_empty(len(x), len(weight)) for weight in weights)
        linear_kernels.linear(_array(x), _arrays(weights), _arrays(biases), _arrays(outs))
        ctx.save_for_backward(x, *weights)
        return outs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        dx = _new(x)
        dweights = [torch.zeros_like(weight) for weight in weights]
        dbiases = [x.new_zeros(len(weight)) for weight in weights]
        linear_kernels.linear_backward(
            _array(x),
            _arrays(weights),
            _arrays(grads),
            dx.numpy(),
            _arrays(dweights),
            _arrays(dbiases),
        )
        return dx, *[part for pair in zip(dweights, dbiases, strict=True) for part in pair]


class _FeedForward(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
        threshold: int,
        seeds: tuple[np.uint64, np.uint64],
        residual: np.float32,
    ) -> Tensor:
        out, inner = _new(x), x.new_empty(len(x), len(w1))
        linear_kernels.feed_forward(
            _array(x),
            _array(w1),
            _array(b1),
            _array(w2),
            _array(b2),
            threshold,
            seeds,
            residual,
            inner.numpy(),
            out.numpy(),
        )
        ctx.save_for_backward(x, w1, w2, inner)
        ctx.rest = (threshold, seeds[1], residual)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, w1, w2, inner = ctx.saved_tensors
        threshold, seed, residual = ctx.rest
        dx = _new(x)
        dw1, db1, dw2, db2 = (
            x.new_zeros(shape) for shape in (w1.shape, len(w1), w2.shape, len(w2))
        )
        linear_kernels.feed_forward_backward(
            _array(x),
            _array(w1),
            _array(w2),
            threshold,
            seed,
            residual,
            inner.numpy(),
            _array(grads[0]),
            dx.numpy(),
            dw1.numpy(),
            db1.numpy(),
            dw2.numpy(),
            db2.numpy(),
        )
        return dx, dw1, db1, dw2, db2, None, None, None


class _Dots(Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, table: Tensor, ids: Tensor) -> Tensor:
        out = query.new_empty(ids.shape)
        kernels.dots(_array(query), _array(table), _array(ids), out.numpy())
        ctx.save_for_backward(query, table, ids)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, table, ids = ctx.saved_tensors
        dquery, dtable = query.new_zeros(query.shape), table.new_zeros(table.shape)
        kernels.dots_backward(
            _array(query),
            _array(table),
            _array(ids),
            _array(grads[0]),
            dquery.numpy(),
            dtable.numpy(),
        )
        return dquery, dtable, None
