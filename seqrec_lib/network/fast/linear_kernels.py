"""The linear maps of a block as compiled loops: slice by slice, so that the rows stay in the cache.

A matrix product of thousands of rows with a matrix as narrow as a model's is over before its rows
have come from memory. One operation at a time reads and writes them again and again: for the bias,
the ReLU, dropout, the residual, and most of all for the gradients. Here a slice of rows is taken
through all of it before the next one is touched; the products themselves are the BLAS's.

Written like `kernels`, which has the rules; masks of dropout are the bytes of its `drop`, for the
same seed. Matrices are (out, in), as torch's linear layers hold them.
"""

from __future__ import annotations

import numpy as np

from seqrec_lib.network.fast.kernels import Array, exact, random_bytes, sums

SLICE = 256  # rows: with a width of 100 an array of them takes 100 KB; a multiple of 8, see _bytes


@exact
def _bytes(seed: np.uint64, first: int, words: Array) -> None:
    """The bytes that ``kernels.drop`` draws for flat elements ``first`` (a multiple of 8) on."""
    random_bytes(seed, first // 8, words)


@exact
def _add_bias(y: Array, bias: Array) -> None:
    for t in range(y.shape[0]):
        for d in range(y.shape[1]):
            y[t, d] += bias[d]


@sums
def _add_columns(x: Array, total: Array) -> None:
    """total[d] += the sum of column d, added up apart first: total may already be large."""
    mine = np.zeros(x.shape[1], np.float32)
    for t in range(x.shape[0]):
        for d in range(x.shape[1]):
            mine[d] += x[t, d]
    for d in range(x.shape[1]):
        total[d] += mine[d]


@exact
def _add(x: Array, more: Array) -> None:
    for t in range(x.shape[0]):
        for d in range(x.shape[1]):
            x[t, d] += more[t, d]


@exact
def linear(
    x: Array, weights: tuple[Array, ...], biases: tuple[Array, ...], outs: tuple[Array, ...]
) -> None:
    """outs[i] = x weights[i]ᵀ + biases[i]: x (N, D), weights (C, D), outs (N, C)."""
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        for i in range(len(weights)):
            y = outs[i][first:last]
            np.dot(x[first:last], weights[i].T, y)
            _add_bias(y, biases[i])


@exact
def linear_backward(
    x: Array,
    weights: tuple[Array, ...],
    grads: tuple[Array, ...],
    dx: Array,
    dweights: tuple[Array, ...],
    dbiases: tuple[Array, ...],
) -> None:
    """Gradients of ``linear`` from grads[i] (N, C): fills dx, adds to dweights and dbiases."""
    more = np.empty((min(SLICE, x.shape[0]), x.shape[1]), np.float32)
    part = np.empty_like(weights[0])
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        for i in range(len(weights)):
            g = grads[i][first:last]
            if i == 0:
                np.dot(g, weights[0], dx[first:last])
            else:
                np.dot(g, weights[i], more[: last - first])
                _add(dx[first:last], more[: last - first])
            np.dot(g.T, x[first:last], part)
            _add(dweights[i], part)
            _add_columns(g, dbiases[i])


@exact
def _relu_drop(h: Array, bias: Array, draw: Array, threshold: int) -> None:
    """h = dropout(relu(h + bias)), one drawn byte an element; a threshold of 0 drops nothing."""
    keep = np.float32(256.0 / (256 - threshold))
    limit = np.uint8(threshold)
    for t in range(h.shape[0]):
        start = t * h.shape[1]
        for c in range(h.shape[1]):
            value = h[t, c] + bias[c]
            alive = draw[start + c] >= limit and value > np.float32(0)
            h[t, c] = value * keep if alive else np.float32(0)


@exact
def _drop_add(
    y: Array, bias: Array, draw: Array, threshold: int, x: Array, residual: np.float32
) -> None:
    """y = dropout(y + bias) + residual x."""
    keep = np.float32(256.0 / (256 - threshold))
    limit = np.uint8(threshold)
    for t in range(y.shape[0]):
        start = t * y.shape[1]
        for d in range(y.shape[1]):
            value = (y[t, d] + bias[d]) * keep if draw[start + d] >= limit else np.float32(0)
            y[t, d] = value + residual * x[t, d]


@exact
def feed_forward(
    x: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    threshold: int,
    seeds: tuple[np.uint64, np.uint64],
    residual: np.float32,
    inner: Array,
    out: Array,
) -> None:
    """out = dropout(dropout(relu(x w1ᵀ + b1)) w2ᵀ + b2) + residual x.

    x, out: (N, D); w1 (C, D), w2 (D, C); inner (N, C): the rows between the two maps, for the
    backward pass; seeds: of the two masks; residual: 1 or 0. Fills inner and out.
    """
    width, hidden = x.shape[1], w1.shape[0]
    words = np.zeros(SLICE // 8 * max(width, hidden), np.uint64)
    draw = words.view(np.uint8)
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        h, y = inner[first:last], out[first:last]
        np.dot(x[first:last], w1.T, h)
        if threshold > 0:
            _bytes(seeds[0], first * hidden, words[: SLICE // 8 * hidden])
        _relu_drop(h, b1, draw, threshold)
        np.dot(h, w2.T, y)
        if threshold > 0:
            _bytes(seeds[1], first * width, words[: SLICE // 8 * width])
        _drop_add(y, b2, draw, threshold, x[first:last], residual)


@exact
def feed_forward_backward(
    x: Array,
    w1: Array,
    w2: Array,
    threshold: int,
    seed: np.uint64,
    residual: np.float32,
    inner: Array,
    grad: Array,
    dx: Array,
    dw1: Array,
    db1: Array,
    dw2: Array,
    db2: Array,
) -> None:
    """Gradients of ``feed_forward`` from grad (N, D): fills dx, adds to the others.

    seed: of the second mask; the first one, and the ReLU's, are where ``inner`` is 0.
    """
    width, hidden = x.shape[1], w1.shape[0]
    keep = np.float32(256.0 / (256 - threshold))
    limit = np.uint8(threshold)
    words = np.zeros(SLICE // 8 * width, np.uint64)
    draw = words.view(np.uint8)
    rows = min(SLICE, x.shape[0])
    outer, between = np.empty((rows, width), np.float32), np.empty((rows, hidden), np.float32)
    part1, part2 = np.empty_like(w1), np.empty_like(w2)
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        g, h = grad[first:last], inner[first:last]
        dy, dh = outer[: last - first], between[: last - first]
        if threshold > 0:
            _bytes(seed, first * width, words)
        for t in range(last - first):
            for d in range(width):
                dy[t, d] = g[t, d] * keep if draw[t * width + d] >= limit else np.float32(0)
        _add_columns(dy, db2)
        np.dot(dy.T, h, part2)
        _add(dw2, part2)
        np.dot(dy, w2, dh)
        for t in range(last - first):
            for c in range(hidden):
                dh[t, c] = dh[t, c] * keep if h[t, c] > np.float32(0) else np.float32(0)
        _add_columns(dh, db1)
        np.dot(dh.T, x[first:last], part1)
        _add(dw1, part1)
        np.dot(dh, w1, dx[first:last])
        if residual != np.float32(0):
            _add(dx[first:last], g)
