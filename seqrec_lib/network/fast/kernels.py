"""The compiled loops of the CPU engine, and what they have in common.

A *packed* batch holds the real positions of its sequences one after another, with no padding:
``x`` is (N, D) and sequence ``g`` owns the rows ``starts[g]:starts[g + 1]``. Three things make
these loops fast, and none of them changes the mathematics:

* **Nothing is padded.** On MovieLens-1M at n = 200, 46% of the positions and 59% of the attention
  squares of a padded batch are padding.
* **Nothing leaves the cache.** Attention walks over blocks of queries (`attention_kernels`), the
  linear maps over slices of rows (`linear_kernels`), and what belongs to them happens on the way.
* **Random numbers are not stored.** Dropout asks a counter-based generator (splitmix64: Steele,
  Lea and Flood 2014) for the byte of an element, so the backward pass asks for the same byte again.
  A byte below ``threshold`` drops its element: the rate is a multiple of 1/256 and the scale of the
  survivors matches it exactly.

Every function is compiled on first use (`compiling`), runs without the GIL, and is tested against
the plain padded layers. `gradients` makes torch functions of them.
"""

from __future__ import annotations

import numpy as np

from seqrec_lib.network.fast.compiling import compiled

Array = np.ndarray

# A product and the sum it goes into may be one instruction, which is quicker and rounded once.
exact = compiled(fastmath={"contract"})
# Sums over a row may be taken in any order (they are, in every BLAS): without leave to do so the
# compiler cannot use vector instructions. Nothing here relies on NaN or infinity.
sums = compiled(fastmath={"reassoc", "contract", "nsz", "arcp"})


@exact
def random_bytes(seed: np.uint64, first: int, words: Array) -> None:
    """Fill ``words`` (uint64) with outputs ``first`` and on of splitmix64's stream ``seed``."""
    for w in range(words.shape[0]):
        z = seed + np.uint64(first + w + 1) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        words[w] = z ^ (z >> np.uint64(31))


@exact
def drop(x: Array, seed: np.uint64, threshold: int, out: Array) -> None:
    """out = dropout(x) on flat arrays; called with a gradient for x it is its own backward pass."""
    keep = np.float32(256.0 / (256 - threshold))
    words = np.empty(128, np.uint64)
    draw = words.view(np.uint8)
    limit = np.uint8(threshold)
    for first in range(0, x.shape[0], 1024):
        random_bytes(seed, first // 8, words)
        source, target = x[first : first + 1024], out[first : first + 1024]
        for j in range(source.shape[0]):
            target[j] = source[j] * keep if draw[j] >= limit else np.float32(0)


@sums
def normalise_forward(
    x: Array, gamma: Array, beta: Array, row: Array, epsilon: float, out: Array, inverse: Array
) -> None:
    """Layer normalisation of packed rows: gamma and beta (P, D), token t uses their row ``row[t]``.

    Fills ``out`` (N, D) and ``inverse`` (N,), the reciprocal standard deviations.
    """
    n, width = x.shape
    for t in range(n):
        mean = np.float32(0)
        for d in range(width):
            mean += x[t, d]
        mean /= np.float32(width)
        variance = np.float32(0)
        for d in range(width):
            variance += (x[t, d] - mean) * (x[t, d] - mean)
        r = np.float32(1) / np.sqrt(variance / np.float32(width) + np.float32(epsilon))
        inverse[t] = r
        p = row[t]
        for d in range(width):
            out[t, d] = (x[t, d] - mean) * r * gamma[p, d] + beta[p, d]


@sums
def normalise_backward(
    x: Array,
    gamma: Array,
    row: Array,
    inverse: Array,
    grad: Array,
    dx: Array,
    dgamma: Array,
    dbeta: Array,
) -> None:
    """Gradients of ``normalise_forward``; dgamma and dbeta (P, D) must come in as zeros."""
    n, width = x.shape
    xhat = np.empty(width, np.float32)
    for t in range(n):
        mean = np.float32(0)
        for d in range(width):
            mean += x[t, d]
        mean /= np.float32(width)
        p, r = row[t], inverse[t]
        first, second = np.float32(0), np.float32(0)
        for d in range(width):
            xhat[d] = (x[t, d] - mean) * r
            g = grad[t, d]
            dgamma[p, d] += g * xhat[d]
            dbeta[p, d] += g
            first += g * gamma[p, d]
            second += g * gamma[p, d] * xhat[d]
        first /= np.float32(width)
        second /= np.float32(width)
        for d in range(width):
            dx[t, d] = r * (grad[t, d] * gamma[p, d] - first - xhat[d] * second)


@exact
def lookup_backward(ids: Array, grad: Array, dtable: Array) -> None:
    """The gradient of the rows ids (N,) of a table from grad (N, D): adds to dtable, in order."""
    for n in range(ids.shape[0]):
        row = ids[n]
        for d in range(grad.shape[1]):
            dtable[row, d] += grad[n, d]


@sums
def dots(query: Array, table: Array, ids: Array, out: Array) -> None:
    """out[n, m] = query[n] · table[ids[n, m]]: query (N, D), table (I+1, D), ids and out (N, M)."""
    for n in range(ids.shape[0]):
        for m in range(ids.shape[1]):
            row = ids[n, m]
            s = np.float32(0)
            for d in range(query.shape[1]):
                s += query[n, d] * table[row, d]
            out[n, m] = s


@exact
def dots_backward(
    query: Array, table: Array, ids: Array, grad: Array, dquery: Array, dtable: Array
) -> None:
    """Gradients of ``dots`` from grad (N, M): dquery (N, D) and dtable must come in as zeros.

    Row 0 of the table, the padding, gets none.
    """
    for n in range(ids.shape[0]):
        for m in range(ids.shape[1]):
            row, g = ids[n, m], grad[n, m]
            if row > 0:
                for d in range(query.shape[1]):
                    dquery[n, d] += g * table[row, d]
                    dtable[row, d] += g * query[n, d]
