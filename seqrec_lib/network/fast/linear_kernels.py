"""The linear maps of a block as compiled loops: slice by slice, so that the rows stay in the cache.

A matrix product of thousands of rows with a matrix as narrow as a model's is over before its rows
have come from memory. One operation at a time reads and writes them again and again: for the bias,
the ReLU, dropout, the residual, and most of all for the gradients. Here a slice of rows is taken
through all of it before the next one is touched; `product_kernels` multiplies what is in the cache.

Written like `kernels`, which has the rules; masks of dropout are the bytes of its `drop`, for the
same seed. Matrices are (out, in), as torch's linear layers hold them.
"""

from __future__ import annotations

import numpy as np

from seqrec_lib.network.fast.kernels import Array, exact, random_bytes, sums
from seqrec_lib.network.fast.product_kernels import (
    ADDED,
    AS_IT_IS,
    FIRST,
    NEW,
    ONE,
    TURNED,
    copy_back,
    copy_rows,
    copy_turned,
    padded,
    product,
    room,
)

SLICE = 64  # rows: with a width of 50 an array of them takes 14 KB; a multiple of 8, see _bytes


@exact
def _bytes(seed: np.uint64, first: int, words: Array) -> None:
    """The bytes that ``kernels.drop`` draws for flat elements ``first`` (a multiple of 8) on."""
    random_bytes(seed, first // 8, words)


@exact
def _whole(weight: Array, turned: bool) -> Array:
    """A copy of weight (C, D), or of its transpose, whose rows are `padded`."""
    rows, columns = (weight.shape[1], weight.shape[0]) if turned else weight.shape
    out = room(rows, padded(columns))
    if turned:
        copy_turned(weight, FIRST, weight.shape[0], FIRST, ONE, out)
    else:
        copy_rows(weight, FIRST, FIRST, columns, ONE, out)
    return out


@sums
def _add_columns(x: Array, total: Array) -> None:
    """total[d] += the sum of column d, added up apart first: total may already be large."""
    mine = np.zeros(total.shape[0], np.float32)
    for t in range(x.shape[0]):
        for d in range(mine.shape[0]):
            mine[d] += x[t, d]
    for d in range(mine.shape[0]):
        total[d] += mine[d]


@exact
def linear(
    x: Array,
    maps: int,
    weights: tuple[Array, ...],
    biases: tuple[Array, ...],
    outs: tuple[Array, ...],
) -> None:
    """outs[i] = x weights[i]ᵀ + biases[i]: x (N, D), weights (C, D), outs (N, C).

    Only the first `maps` of the tuples are looked at, so that one compiled form serves all numbers.
    """
    turned = [_whole(weights[i], TURNED) for i in range(maps)]
    whole = room(min(SLICE, x.shape[0]), padded(weights[0].shape[0]))
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        y = whole[: last - first]
        for i in range(maps):
            product(x[first:last], AS_IT_IS, turned[i], y, NEW)
            bias, out = biases[i], outs[i]
            for t in range(last - first):
                source, target = y[t], out[first + t]
                for d in range(bias.shape[0]):
                    target[d] = source[d] + bias[d]


@exact
def linear_backward(
    x: Array,
    maps: int,
    weights: tuple[Array, ...],
    grads: tuple[Array, ...],
    dx: Array,
    dweights: tuple[Array, ...],
    dbiases: tuple[Array, ...],
) -> None:
    """Gradients of ``linear`` from grads[i] (N, C): fills dx and dweights, adds to dbiases."""
    width, wide, hidden = x.shape[1], padded(x.shape[1]), weights[0].shape[0]
    rows = min(SLICE, x.shape[0])
    all_xs, all_dxs = room(rows, wide), room(rows, wide)
    whole = [_whole(weights[i], AS_IT_IS) for i in range(maps)]
    totals = room(maps * hidden, wide).reshape(maps, hidden, wide)
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        xs, dxs = all_xs[: last - first], all_dxs[: last - first]
        copy_rows(x, first, FIRST, width, ONE, xs)
        for i in range(maps):
            g = grads[i][first:last]
            product(g, AS_IT_IS, whole[i], dxs, i > 0)
            product(g, TURNED, xs, totals[i], ADDED)
            _add_columns(g, dbiases[i])
        copy_back(dxs, first, FIRST, width, ONE, dx)
    for i in range(maps):
        copy_back(totals[i], FIRST, FIRST, width, ONE, dweights[i])


@exact
def _relu_drop(h: Array, bias: Array, draw: Array, threshold: int, inner: Array) -> None:
    """h = dropout(relu(h + bias)), one drawn byte an element; inner (T, C) the same, unpadded.

    A threshold of 0 drops nothing.
    """
    keep = np.float32(256.0 / (256 - threshold))
    limit = np.uint8(threshold)
    width = bias.shape[0]
    for t in range(inner.shape[0]):
        row, kept, mine = h[t], inner[t], draw[t * width : (t + 1) * width]
        for c in range(width):
            value = row[c] + bias[c]
            alive = mine[c] >= limit and value > np.float32(0)
            kept[c] = value * keep if alive else np.float32(0)
        for c in range(width):
            row[c] = kept[c]


@exact
def _drop_add(
    y: Array,
    bias: Array,
    draw: Array,
    threshold: int,
    x: Array,
    residual: np.float32,
    out: Array,
) -> None:
    """out = dropout(y + bias) + residual x."""
    keep = np.float32(256.0 / (256 - threshold))
    limit = np.uint8(threshold)
    width = bias.shape[0]
    for t in range(out.shape[0]):
        row, more, target = y[t], x[t], out[t]
        mine = draw[t * width : (t + 1) * width]
        for d in range(width):
            value = (row[d] + bias[d]) * keep if mine[d] >= limit else np.float32(0)
            target[d] = value + residual * more[d]


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
    rows = min(SLICE, x.shape[0])
    words = np.zeros(SLICE // 8 * max(width, hidden), np.uint64)
    draw = words.view(np.uint8)
    turned1, turned2 = _whole(w1, TURNED), _whole(w2, TURNED)
    between, outer = room(rows, padded(hidden)), room(rows, padded(width))
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        h, y = between[: last - first], outer[: last - first]
        product(x[first:last], AS_IT_IS, turned1, h, NEW)
        if threshold > 0:
            _bytes(seeds[0], first * hidden, words[: SLICE // 8 * hidden])
        _relu_drop(h, b1, draw, threshold, inner[first:last])
        product(h, AS_IT_IS, turned2, y, NEW)
        if threshold > 0:
            _bytes(seeds[1], first * width, words[: SLICE // 8 * width])
        _drop_add(y, b2, draw, threshold, x[first:last], residual, out[first:last])


@exact
def _drop_gradient(grad: Array, draw: Array, threshold: int, dy: Array) -> None:
    """dy = grad through the mask of dropout; what dy has beyond it stays."""
    keep = np.float32(256.0 / (256 - threshold))
    limit = np.uint8(threshold)
    width = grad.shape[1]
    for t in range(grad.shape[0]):
        row, target, mine = grad[t], dy[t], draw[t * width : (t + 1) * width]
        for d in range(width):
            target[d] = row[d] * keep if mine[d] >= limit else np.float32(0)


@exact
def _where_alive(dh: Array, h: Array, keep: np.float32) -> None:
    """dh times keep where h is above 0, elsewhere 0."""
    for t in range(dh.shape[0]):
        row, alive = dh[t], h[t]
        for c in range(alive.shape[0]):
            row[c] = row[c] * keep if alive[c] > np.float32(0) else np.float32(0)


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
    """Gradients of ``feed_forward`` from grad (N, D): fills dx, dw1 and dw2, adds to db1 and db2.

    seed: of the second mask; the first one, and the ReLU's, are where ``inner`` is 0.
    """
    width, hidden = x.shape[1], w1.shape[0]
    wide, wide_inside = padded(width), padded(hidden)
    rows = min(SLICE, x.shape[0])
    keep = np.float32(256.0 / (256 - threshold))
    words = np.zeros(SLICE // 8 * width, np.uint64)
    draw = words.view(np.uint8)
    outside = room(3 * rows, wide).reshape(3, rows, wide)
    inside = room(2 * rows, wide_inside).reshape(2, rows, wide_inside)
    whole1, whole2 = _whole(w1, AS_IT_IS), _whole(w2, AS_IT_IS)
    total1, total2 = room(hidden, wide), room(width, wide_inside)
    for first in range(0, x.shape[0], SLICE):
        last = min(first + SLICE, x.shape[0])
        n = last - first
        dy, xs, dxs = outside[0, :n], outside[1, :n], outside[2, :n]
        hs, dh = inside[0, :n], inside[1, :n]
        if threshold > 0:
            _bytes(seed, first * width, words)
        _drop_gradient(grad[first:last], draw, threshold, dy)
        copy_rows(inner, first, FIRST, hidden, ONE, hs)
        copy_rows(x, first, FIRST, width, ONE, xs)
        _add_columns(dy, db2)
        product(dy, TURNED, hs, total2, ADDED)
        product(dy, AS_IT_IS, whole2, dh, NEW)
        _where_alive(dh, hs, keep)
        _add_columns(dh, db1)
        product(dh, TURNED, xs, total1, ADDED)
        product(dh, AS_IT_IS, whole1, dxs, NEW)
        for t in range(n):
            source, more, target = dxs[t], grad[first + t], dx[first + t]
            for d in range(width):
                target[d] = source[d] + residual * more[d]
    copy_back(total1, FIRST, FIRST, width, ONE, dw1)
    copy_back(total2, FIRST, FIRST, hidden, ONE, dw2)
