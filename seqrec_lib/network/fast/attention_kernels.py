"""Attention as compiled loops: in blocks of queries, each against the keys up to its own end.

Scores, softmax, dropout and the product with the values happen while the block is in the cache; the
backward pass computes the scores again instead of reading them back (Dao et al. 2022,
"FlashAttention", section 3.1). Scores are held transposed, (keys, queries): the softmax then runs
over columns and every loop is over contiguous memory. `kernels` has the rules.
"""

from __future__ import annotations

import numpy as np

from seqrec_lib.network.fast.kernels import Array, exact, random_bytes, sums
from seqrec_lib.network.fast.product_kernels import (
    ADDED,
    AS_IT_IS,
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

QUERY_BLOCK = 32
_LINE, _TWO, _THREE = np.int64(1), np.int64(2), np.int64(3)  # of NumPy, as in product_kernels
_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_ROUND = np.float32(12582912.0)  # 1.5 * 2**23: adding it rounds a float32 to a whole number


@exact
def _exp_in_place(values: Array) -> None:
    """exp of a flat float32 array whose values are at most 0; relative error below 2e-7.

    Below -60 the result is exactly 0: next to the largest term, 1, it is lost in float32 anyway,
    and products of such numbers would be subnormal, which makes processors a hundred times slower.
    """
    bits = values.view(np.int32)
    for j in range(values.shape[0]):
        value = values[j]
        x = value if value > np.float32(-60.0) else np.float32(-60.0)
        shifted = x * _LOG2E + _ROUND
        whole = shifted - _ROUND
        f = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
        p = np.float32(1 / 5040)
        p = p * f + np.float32(1 / 720)
        p = p * f + np.float32(1 / 120)
        p = p * f + np.float32(1 / 24)
        p = p * f + np.float32(1 / 6)
        p = p * f + np.float32(0.5)
        p = p * f + np.float32(1)
        values[j] = p * f + np.float32(1)
        power = bits[j] + (np.int32(whole) << np.int32(23))
        bits[j] = power if value >= np.float32(-60.0) else np.int32(0)


@exact
def _hide_future(p: Array, first: int) -> None:
    """Scores p (keys, queries first:) of keys later than their query become -1e30."""
    for j in range(first + 1, p.shape[0]):
        for i in range(min(j - first, p.shape[1])):
            p[j, i] = np.float32(-1e30)


@exact
def _column_highest(p: Array, highest: Array) -> None:
    """highest[i] = the largest number in column i, exactly: at scores of 1e9 a rounded one would
    leave differences far above 0, whose powers overflow."""
    for i in range(p.shape[1]):
        highest[i] = p[0, i]
    for j in range(1, p.shape[0]):
        for i in range(p.shape[1]):
            score, best = p[j, i], highest[i]
            highest[i] = score if score > best else best


@exact
def _column_sums(p: Array, total: Array) -> None:
    """total[i] = the sum of column i."""
    for i in range(p.shape[1]):
        total[i] = np.float32(0)
    for j in range(p.shape[0]):
        for i in range(p.shape[1]):
            total[i] += p[j, i]


@exact
def _powers(p: Array, less: Array) -> None:
    """p = exp(p - less[i]) for column i."""
    for j in range(p.shape[0]):
        for i in range(p.shape[1]):
            p[j, i] -= less[i]
    _exp_in_place(p.reshape(p.size))


@exact
def _drop_scores(
    p: Array, seed: np.uint64, first: int, threshold: int, words: Array, kept: Array
) -> None:
    """kept = flat p without what is dropped; the byte of an element is fixed by seed and first.

    words: at least as many bytes as p has numbers.
    """
    size = p.shape[0]
    if threshold == 0:
        for j in range(size):
            kept[j] = p[j]
        return
    random_bytes(seed, first, words[: (size + 7) // 8])
    draw = words.view(np.uint8)
    limit = np.uint8(threshold)
    for j in range(size):
        kept[j] = p[j] if draw[j] >= limit else np.float32(0)


@sums
def _row_dots(a: Array, b: Array, first: int, last: int, c: int, width: int, out: Array) -> None:
    """out[i] = a · b of row first + i, columns c:c + width."""
    for i in range(last - first):
        mine, other = a[first + i, c : c + width], b[first + i, c : c + width]
        s = np.float32(0)
        for d in range(width):
            s += mine[d] * other[d]
        out[i] = s


@exact
def _longest(starts: Array) -> int:
    longest = 1
    for g in range(starts.shape[0] - 1):
        longest = max(longest, starts[g + 1] - starts[g])
    return longest


@exact
def attention_forward(
    q: Array,
    k: Array,
    v: Array,
    starts: Array,
    heads: int,
    threshold: int,
    seed: np.uint64,
    out: Array,
    log_sum: Array,
) -> None:
    """Causal attention of packed rows, with dropout of the weights.

    q, k, v, out: (N, D) float32; starts: (G + 1,) int64; log_sum: (H, N) float32, for the backward
    pass. Fills ``out`` and ``log_sum``.
    """
    width = q.shape[1] // heads
    wide = padded(width)
    scale = np.float32(1 / np.sqrt(width))
    keep = np.float32(256.0 / (256 - threshold))
    longest = _longest(starts)
    copies = room(2 * longest, wide).reshape(2, longest, wide)
    asked, buffers = room(_LINE, width * QUERY_BLOCK)[0], room(_TWO, longest * QUERY_BLOCK)
    result = room(QUERY_BLOCK, wide)
    words = np.empty(longest * QUERY_BLOCK // 8, np.uint64)
    column = np.empty((2, QUERY_BLOCK), np.float32)
    for g in range(starts.shape[0] - 1):
        a, b = starts[g], starts[g + 1]
        for h in range(heads):
            c = h * width
            ks, vs = copies[0, : b - a], copies[1, : b - a]
            copy_rows(k, a, c, width, ONE, ks)
            copy_rows(v, a, c, width, ONE, vs)
            for first in range(a, b, QUERY_BLOCK):
                last = min(first + QUERY_BLOCK, b)
                keys, queries = last - a, padded(last - first)
                qs = asked[: width * queries].reshape(width, queries)
                copy_turned(q, first, last, c, scale, qs)
                flat = buffers[0, : keys * queries]
                p = flat.reshape(keys, queries)
                product(ks[:keys], AS_IT_IS, qs, p, NEW)
                _hide_future(p, first - a)
                highest, total = column[0, :queries], column[1, :queries]
                _column_highest(p, highest)
                _powers(p, highest)
                _column_sums(p, total)
                if threshold > 0:
                    kept = buffers[1, : keys * queries]
                    _drop_scores(flat, seed, (first * heads + h) << 20, threshold, words, kept)
                    p = kept.reshape(keys, queries)
                product(p, TURNED, vs[:keys], result[: last - first], NEW)
                for i in range(last - first):
                    inverse = keep / total[i]
                    for d in range(width):
                        out[first + i, c + d] = result[i, d] * inverse
                    log_sum[h, first + i] = highest[i] + np.log(total[i])


@exact
def attention_backward(
    q: Array,
    k: Array,
    v: Array,
    starts: Array,
    heads: int,
    threshold: int,
    seed: np.uint64,
    out: Array,
    log_sum: Array,
    grad: Array,
    dq: Array,
    dk: Array,
    dv: Array,
) -> None:
    """Gradients of ``attention_forward``: fills dq, dk, dv (N, D) from grad (N, D).

    With P the softmax, M the dropout mask, A = M∘P, G the gradient dO times the mask's scale:
    dV = Aᵀ G; dS = A∘(G Vᵀ) - P∘δ with δ = rowsum(dO∘O); dQ = dS K, dK = dSᵀ Q (times the scale).
    """
    width = q.shape[1] // heads
    wide = padded(width)
    scale = np.float32(1 / np.sqrt(width))
    keep = np.float32(256.0 / (256 - threshold))
    longest = _longest(starts)
    copies = room(4 * longest, wide).reshape(4, longest, wide)
    asked, buffers = room(_LINE, width * QUERY_BLOCK)[0], room(_THREE, longest * QUERY_BLOCK)
    words = np.empty(longest * QUERY_BLOCK // 8, np.uint64)
    qs, gs, dqs = room(QUERY_BLOCK, wide), room(QUERY_BLOCK, wide), room(QUERY_BLOCK, wide)
    column = np.zeros((2, QUERY_BLOCK), np.float32)
    for g in range(starts.shape[0] - 1):
        a, b = starts[g], starts[g + 1]
        for h in range(heads):
            c = h * width
            ks, vs, dks, dvs = (
                copies[0, : b - a],
                copies[1, : b - a],
                copies[2, : b - a],
                copies[3, : b - a],
            )
            copy_rows(k, a, c, width, ONE, ks)
            copy_rows(v, a, c, width, ONE, vs)
            for j in range(b - a):
                for d in range(wide):
                    dks[j, d] = dvs[j, d] = np.float32(0)
            for first in range(a, b, QUERY_BLOCK):
                last = min(first + QUERY_BLOCK, b)
                keys, queries = last - a, padded(last - first)
                flat, flat_kept = buffers[0, : keys * queries], buffers[1, : keys * queries]
                p, kept = flat.reshape(keys, queries), flat_kept.reshape(keys, queries)
                ds = buffers[2, : keys * queries].reshape(keys, queries)
                turned = asked[: width * queries].reshape(width, queries)
                norm, delta = column[0, :queries], column[1, :queries]
                copy_turned(q, first, last, c, scale, turned)
                product(ks[:keys], AS_IT_IS, turned, p, NEW)
                _hide_future(p, first - a)
                for i in range(last - first):  # assigning a slice takes a second to compile
                    norm[i] = log_sum[h, first + i]
                _powers(p, norm)
                _drop_scores(flat, seed, (first * heads + h) << 20, threshold, words, flat_kept)
                _row_dots(grad, out, first, last, c, width, delta)
                g_block, q_block = gs[: last - first], qs[: last - first]
                copy_rows(grad, first, c, width, keep, g_block)
                copy_rows(q, first, c, width, scale, q_block)
                product(kept, AS_IT_IS, g_block, dvs[:keys], ADDED)
                copy_turned(grad, first, last, c, keep, turned)
                product(vs[:keys], AS_IT_IS, turned, ds, NEW)
                for j in range(keys):
                    for i in range(queries):
                        ds[j, i] = kept[j, i] * ds[j, i] - p[j, i] * delta[i]
                product(ds, AS_IT_IS, q_block, dks[:keys], ADDED)
                product(ds, TURNED, ks[:keys], dqs[: last - first], NEW)
                copy_back(dqs[: last - first], first, c, width, scale, dq)
            copy_back(dks, a, c, width, ONE, dk)
            copy_back(dvs, a, c, width, ONE, dv)


@sums
def attention_of_last(asked: Array, x: Array, starts: Array, out: Array) -> None:
    """out = softmax(asked · xᵀ) x over each sequence: asked, out (G, H, D), x (N, D)."""
    heads, width = asked.shape[1], asked.shape[2]
    for g in range(starts.shape[0] - 1):
        a, n = starts[g], starts[g + 1] - starts[g]
        p = np.empty(n, np.float32)
        for h in range(heads):
            highest = np.float32(-1e30)
            for j in range(n):
                s = np.float32(0)
                for d in range(width):
                    s += asked[g, h, d] * x[a + j, d]
                p[j] = s
                highest = max(highest, s)
            total = np.float32(0)
            for d in range(width):
                out[g, h, d] = np.float32(0)
            for j in range(n):
                weight = np.exp(p[j] - highest)
                total += weight
                for d in range(width):
                    out[g, h, d] += weight * x[a + j, d]
            for d in range(width):
                out[g, h, d] /= total
