"""The compiled loops as functions of torch, each with its hand-written gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from seqrec_lib.network.fast import attention_kernels, kernels, linear_kernels


def array(x: Tensor) -> np.ndarray:
    """x as an array: the same memory, where x is contiguous."""
    return x.contiguous().numpy(force=True)  # force: of a tensor that wants a gradient, too


def new(like: Tensor) -> Tensor:
    """Room for a result. Contiguous whatever `like` is: a loop is compiled anew for each layout."""
    return torch.empty_like(like, memory_format=torch.contiguous_format)


def three(tensors: Sequence[Tensor]) -> tuple[np.ndarray, ...]:
    """`array` of each, filled up to three of them: a loop is compiled anew for each number."""
    mine = [array(x) for x in tensors]
    return tuple(mine + mine[:1] * (3 - len(mine)))


class Attention(Function):
    """q, k, v (N, D) → (N, D); starts, heads, and threshold and seed of the dropout of weights."""

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
        out = new(q)
        log_sum = np.empty((heads, len(q)), np.float32)
        attention_kernels.attention_forward(
            array(q),
            array(k),
            array(v),
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
        dq, dk, dv = new(q), new(k), new(v)
        attention_kernels.attention_backward(
            array(q),
            array(k),
            array(v),
            starts,
            heads,
            threshold,
            np.uint64(seed),
            array(out),
            log_sum,
            array(grads[0]),
            dq.numpy(),
            dk.numpy(),
            dv.numpy(),
        )
        return dq, dk, dv, None, None, None, None


class Normalise(Function):
    """x (N, D), gamma and beta (P, D), the row of these for each row of x, epsilon → (N, D)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, row: np.ndarray, epsilon: float
    ) -> Tensor:
        out = new(x)
        inverse = np.empty(len(x), np.float32)
        kernels.normalise_forward(
            array(x), array(gamma), array(beta), row, epsilon, out.numpy(), inverse
        )
        ctx.save_for_backward(x, gamma)
        ctx.rest = (row, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma = ctx.saved_tensors
        row, inverse = ctx.rest
        dx, dgamma, dbeta = new(x), torch.zeros_like(gamma), torch.zeros_like(gamma)
        kernels.normalise_backward(
            array(x),
            array(gamma),
            row,
            inverse,
            array(grads[0]),
            dx.numpy(),
            dgamma.numpy(),
            dbeta.numpy(),
        )
        return dx, dgamma, dbeta, None, None


class Lookup(Function):
    """table (P, D), ids (N,) → its rows (N, D). For each of them torch's gradient calls a BLAS."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: np.ndarray) -> Tensor:
        ctx.rest = (table.shape, ids)
        return torch.embedding(table, torch.from_numpy(ids))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        shape, ids = ctx.rest
        dtable = grads[0].new_zeros(shape)
        kernels.lookup_backward(ids, array(grads[0]), dtable.numpy())
        return dtable, None


class Dropout(Function):
    """x (N, D), seed and threshold → (N, D)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, seed: int, threshold: int) -> Tensor:
        ctx.rest = (seed, threshold)
        out = new(x)
        kernels.drop(array(x).ravel(), np.uint64(seed), threshold, out.numpy().ravel())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        seed, threshold = ctx.rest
        dx = new(grads[0])
        kernels.drop(array(grads[0]).ravel(), np.uint64(seed), threshold, dx.numpy().ravel())
        return dx, None, None


class Linear(Function):
    """x (N, D), then weight (C, D) and bias (C,) of each of several maps → (N, C) of each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        weights, biases = parameters[::2], parameters[1::2]
        outs = tuple(x.new_empty(len(x), len(weight)) for weight in weights)
        linear_kernels.linear(array(x), len(weights), three(weights), three(biases), three(outs))
        ctx.save_for_backward(x, *weights)
        return outs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        dx = new(x)
        dweights = [new(weight) for weight in weights]
        dbiases = [x.new_zeros(len(weight)) for weight in weights]
        linear_kernels.linear_backward(
            array(x),
            len(weights),
            three(weights),
            three(grads),
            dx.numpy(),
            three(dweights),
            three(dbiases),
        )
        return dx, *[part for pair in zip(dweights, dbiases, strict=True) for part in pair]


class FeedForward(Function):
    """x (N, D), two maps, threshold and seeds of two masks, 1 or 0 for the residual → (N, D)."""

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
        out, inner = new(x), x.new_empty(len(x), len(w1))
        linear_kernels.feed_forward(
            array(x),
            array(w1),
            array(b1),
            array(w2),
            array(b2),
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
        dx, dw1, dw2 = new(x), new(w1), new(w2)
        db1, db2 = x.new_zeros(len(w1)), x.new_zeros(len(w2))
        linear_kernels.feed_forward_backward(
            array(x),
            array(w1),
            array(w2),
            threshold,
            seed,
            residual,
            inner.numpy(),
            array(grads[0]),
            dx.numpy(),
            dw1.numpy(),
            db1.numpy(),
            dw2.numpy(),
            db2.numpy(),
        )
        return dx, dw1, db1, dw2, db2, None, None, None


class Dots(Function):
    """query (N, D), table (I+1, D), ids (N, M) → (N, M)."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, table: Tensor, ids: Tensor) -> Tensor:
        out = query.new_empty(ids.shape)
        kernels.dots(array(query), array(table), array(ids), out.numpy())
        ctx.save_for_backward(query, table, ids)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, table, ids = ctx.saved_tensors
        dquery, dtable = query.new_zeros(query.shape), table.new_zeros(table.shape)
        kernels.dots_backward(
            array(query),
            array(table),
            array(ids),
            array(grads[0]),
            dquery.numpy(),
            dtable.numpy(),
        )
        return dquery, dtable, None
