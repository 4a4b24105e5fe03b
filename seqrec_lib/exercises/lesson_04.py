"""The exercises of lesson 04, What training costs: parameters, memory, and halves of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrec_lib.exercises.asking import (
    Exercise,
    hint,
    hint_if,
    near,
    numbers,
    parts,
    recognise,
    same,
    tensor,
)
from seqrec_lib.models.recommenders import SASREC, SSEPT

ITEMS, USERS, N, D = 23_715, 31_013, 50, 50  # Games, and the exercise's model


def parameters(answer: Any) -> None:
    """How many a SASRec and an SSE-PT have on Games."""
    sasrec, ssept = numbers(answer, 2)
    right = [
        sum(weight.numel() for weight in model.parameters())
        for model in (
            SASREC(ITEMS, N, 2, D, seed=1),
            SSEPT(ITEMS, N, 2, D, user_num=USERS, seed=1),
        )
    ]
    if [sasrec, ssept] == right:
        return
    hint_if([ssept, sasrec] == right, "swapped: SASRec first")
    recognise(
        sasrec,
        {
            "the table has a row more than there are items: the padding": right[0] - D,
            "input and output share one table: count it once": right[0] + (ITEMS + 1) * D,
            "normalisation has a scale and a shift for each position, in each block and at the "
            "end": right[0] - 3 * 2 * N * D,
            "positions have vectors, too": right[0] - N * D,
            "linear maps have a bias": right[0] - 2 * 5 * D,
        },
        rel=1e-9,
    )
    hint_if(sasrec != right[0], "SASRec isn't right: compare part by part with section 1")
    inside = ssept - (right[1] - right[0])
    hint_if(inside == right[0] - D, "SASRec is right. Users have a padding row, too")
    narrow = right[0] + (USERS + 1) * D
    hint_if(ssept == narrow, "SASRec is right. Inside, SSE-PT is as wide as film and user together")
    hint("SASRec is right. In SSE-PT everything but the two tables has the width of both together")


def longest(answer: Any, alpha: float, beta: float) -> None:
    """The largest n whose activations fit into 8 GB, for batches of 128 and of 32."""
    found = numbers(answer, 2)

    def fits(batch: int, memory: float = 8e9, size: float = 4.0) -> int:
        n = np.arange(1, 40_000)
        needed = size * batch * (alpha * n * D + beta * n**2.0)
        return int(n[needed <= memory][-1])

    right = [fits(128), fits(32)]
    gib = [fits(128, 2**33), fits(32, 2**33)]
    if any(all(near(a, b, 0.02) for a, b in zip(found, x, strict=True)) for x in (right, gib)):
        return
    hint_if(all(near(a, b, 0.02) for a, b in zip(found, right[::-1], strict=True)), "swapped: "
            "the batch of 128 comes first")  # fmt: skip
    mistakes = {
        "a number has four bytes": fits(128, size=1.0),
        "the vectors count, too: alpha of them at each position": int((8e9 / 512 / beta) ** 0.5),
        "the maps grow with the square of n": int(8e9 / (512 * (alpha * D + beta))),
        "that's for a single history: multiply by the batch": fits(1),
    }
    recognise(found[0], mistakes, rel=0.02)
    fourfold = near(found[0], right[0], 0.02) and near(found[1], 4 * found[0], 0.02)
    hint_if(fourfold, "the first is right. A quarter of the batch isn't four times the length")
    hint("4 bytes times the batch times (vectors of width 50, and maps of n by n): for which n is "
         "it still below 8 GB?")  # fmt: skip


def halves(answer: Any) -> None:
    """Three gradients: of the whole batch, of the halves' sums, of the mean of their means."""
    whole, summed, means = (tensor(part) for part in parts(answer, 3))
    hint_if(not whole.abs().sum() > 0, "the gradient of the whole batch is zero: `.backward()`?")
    hint_if(whole.shape != summed.shape or whole.shape != means.shape, "three gradients of the "
            "same weights are wanted, and their shapes differ")  # fmt: skip

    def off(gradient: Any) -> float:
        return float((gradient - whole).norm() / whole.norm())

    ratio = float((summed * whole).sum() / whole.square().sum())
    hint_if(near(ratio, 2, 0.01) and off(summed - whole) < 0.01, "the halves' sum is twice the "
            "whole: a gradient that wasn't set to zero, or the films of a half")  # fmt: skip
    text = "the halves don't add up to the whole: dropout off? the same weights? the films of the "
    hint_if(off(summed) > 1e-3, text + "*whole* batch in both?")
    hint_if(same(means, summed, 1e-9), "the second and the third are one and the same gradient")
    text = "the mean of means should differ: divide each half by its *own* films, then take half"
    hint_if(off(means) < 1e-5, text)
    hint_if(off(means) > 0.5, "the mean of means is far off: add the two halves, and divide by 2")


EXERCISES = {
    "04.1": Exercise("(SASRec's, SSE-PT's) number of parameters", parameters),
    "04.2": Exercise("(largest n for batches of 128, and of 32)", longest),
    "04.3": Exercise(
        "(gradient of the whole batch, of the halves' sums, of the mean of their means)", halves
    ),
}
