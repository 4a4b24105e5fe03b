"""Attention as compiled loops: in blocks of queries, each against the keys up to its own end.

Scores, softmax, dropout and the product with the values happen while the block is in the cache; the
backward pass computes the scores again instead of reading them back (Dao et al. 2022,
"FlashAttention", section 3.1). Scores are held transposed, (keys, queries): the softmax then runs
over columns and every loop is over contiguous memory. `kernels` has the rules.
"""

from __future__ import annotations

import numpy as np

from seqrec_lib.network.fast.kernels import Array, exact, random_bytes, sums

QUERY_BLOCK = 32
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
        x = max(value, np.float32(-60.0))
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
def _scores(
    q: Array, k: Array, first: int, block: int, keys: int, scale: np.float32, out: Array
) -> None:
    """out (keys, block) = scale * k @ q.T for queries first:first+block, the future at -1e30."""
    np.dot(k[:keys], q[first : first + block].T, out)
    for j in range(keys):
        for i in range(block):
            out[j, i] *= scale
    for j in range(first + 1, keys):
        for i in range(j - first):
            out[j, i] = np.float32(-1e30)


@exact
def _drop_scores(p: Array, seed: np.uint64, first: int, threshold: int) -> None:
    """Zero the dropped elements of p (keys, block); the byte of (key, query) is fixed by seed."""
    keys, block = p.shape
    words = np.empty((keys * block + 7) // 8, np.uint64)
    random_bytes(seed, first, words)
    draw = words.view(np.uint8)
    limit = np.uint8(threshold)
    flat = p.reshape(keys * block)
    for j in range(keys * block):
        flat[j] = flat[j] if draw[j] >= limit else np.float32(0)


@sums
def _row_dots(a: Array, b: Array, out: Array) -> None:
    """out[i] = a[i] · b[i]."""
    for i in range(a.shape[0]):
        s = np.float32(0)
        for d in range(a.shape[1]):
            s += a[i, d] * b[i, d]
        out[i] = s


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
    scale = np.float32(1 / np.sqrt(width))
    keep = np.float32(256.0 / (256 - threshold))
    longest = 1
    for g in range(starts.shape[0] - 1):
        longest = max(longest, starts[g + 1] - starts[g])
    buffer = np.empty(longest * QUERY_BLOCK, np.float32)
    highest = np.empty(QUERY_BLOCK, np.float32)
    total = np.empty(QUERY_BLOCK, np.float32)
    result = np.empty(QUERY_BLOCK * width, np.float32)
    for g in range(starts.shape[0] - 1):
        a, b = starts[g], starts[g + 1]
        for h in range(heads):
            c = h * width
            qs = np.ascontiguousarray(q[a:b, c : c + width])
            ks = np.ascontiguousarray(k[a:b, c : c + width])
            vs = np.ascontiguousarray(v[a:b, c : c + width])
            for first in range(0, b - a, QUERY_BLOCK):
                block = min(QUERY_BLOCK, b - a - first)
                keys = first + block
                p = buffer[: keys * block].reshape(keys, block)
                _scores(qs, ks, first, block, keys, scale, p)
                highest[:] = np.float32(-1e30)
                for j in range(keys):
                    for i in range(block):
                        highest[i] = max(highest[i], p[j, i])
                for j in range(keys):
                    for i in range(block):
                        p[j, i] -= highest[i]
                _exp_in_place(buffer[: keys * block])
                total[:] = np.float32(0)
                for j in range(keys):
                    for i in range(block):
                        total[i] += p[j, i]
                if threshold > 0:
                    _drop_scores(p, seed, ((a + first) * heads + h) << 20, threshold)
                o = result[: block * width].reshape(block, width)
                np.dot(p.T, vs[:keys], o)
                for i in range(block):
                    inverse = keep / total[i]
                    for d in range(width):
                        out[a + first + i, c + d] = o[i, d] * inverse
                    log_sum[h, a + first + i] = highest[i] + np.log(total[i])


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

    With P the softmax, M the dropout mask times its scale and A = M∘P: dV = Aᵀ dO;
    dS = A∘(dO Vᵀ) - P∘δ with δ = rowsum(dO∘O); dQ = dS K, dK = dSᵀ Q (times the scale).
    """
    width = q.shape[1] // heads
    scale = np.float32(1 / np.sqrt(width))
    keep = np.float32(256.0 / (256 - threshold))
    longest = 1
    for g in range(starts.shape[0] - 1):
        longest = max(longest, starts[g + 1] - starts[g])
    buffer = np.empty(longest * QUERY_BLOCK, np.float32)
    dropped = np.empty(longest * QUERY_BLOCK, np.float32)
    product = np.empty(longest * QUERY_BLOCK, np.float32)
    part = np.empty(longest * width, np.float32)
    delta = np.empty(QUERY_BLOCK, np.float32)
    norm = np.empty(QUERY_BLOCK, np.float32)
    for g in range(starts.shape[0] - 1):
        a, b = starts[g], starts[g + 1]
        for h in range(heads):
            c = h * width
            qs = np.ascontiguousarray(q[a:b, c : c + width])
            ks = np.ascontiguousarray(k[a:b, c : c + width])
            vs = np.ascontiguousarray(v[a:b, c : c + width])
            gs = np.ascontiguousarray(grad[a:b, c : c + width])
            os = np.ascontiguousarray(out[a:b, c : c + width])
            dks = np.zeros((b - a, width), np.float32)
            dvs = np.zeros((b - a, width), np.float32)
            for first in range(0, b - a, QUERY_BLOCK):
                block = min(QUERY_BLOCK, b - a - first)
                keys = first + block
                size = keys * block
                p = buffer[:size].reshape(keys, block)
                _scores(qs, ks, first, block, keys, scale, p)
                norm[:block] = log_sum[h, a + first : a + first + block]
                for j in range(keys):
                    for i in range(block):
                        p[j, i] -= norm[i]
                _exp_in_place(buffer[:size])
                kept = dropped[:size].reshape(keys, block)
                for j in range(size):
                    dropped[j] = buffer[j] * keep
                if threshold > 0:
                    _drop_scores(kept, seed, ((a + first) * heads + h) << 20, threshold)
                g_block = gs[first : first + block]
                _row_dots(g_block, os[first : first + block], delta)
                add = part[: keys * width].reshape(keys, width)
                np.dot(kept, g_block, add)
                for j in range(keys):
                    for e in range(width):
                        dvs[j, e] += add[j, e]
                ds = product[:size].reshape(keys, block)
                np.dot(vs[:keys], g_block.T, ds)
                for j in range(keys):
                    for i in range(block):
                        ds[j, i] = scale * (kept[j, i] * ds[j, i] - p[j, i] * delta[i])
                np.dot(ds, qs[first : first + block], add)
                for j in range(keys):
                    for e in range(width):
                        dks[j, e] += add[j, e]
                to_q = part[: block * width].reshape(block, width)
                np.dot(ds.T, ks[:keys], to_q)
                dq[a + first : a + first + block, c : c + width] = to_q
            dk[a:b, c : c + width] = dks
            dv[a:b, c : c + width] = dvs


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
