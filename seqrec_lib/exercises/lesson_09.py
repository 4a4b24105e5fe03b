"""The exercises of lesson 09, Scaling out: memory, a search with a bound, and a backward pass."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from seqrec_lib.exercises.asking import (
    Exercise,
    called,
    hint,
    hint_if,
    near,
    numbers,
    parts,
    recognise,
    same,
    tensor,
)


def items_that_fit(answer: Any) -> None:
    """Items of width 64 in three quarters of 80 GB: dense Adam, sparse tables, row-wise Adagrad."""
    found = numbers(answer, 3)
    if max(found) < 1e5:
        found = [1e6 * x for x in found]  # millions
    room, D = 0.75 * 80e9, 64
    right = [room / (16 * D), room / (12 * D), room / (4 * D + 4)]
    names = ("dense Adam", "sparse tables", "row-wise Adagrad")
    gib = 2**30 / 1e9
    for name, value, size in zip(names, found, right, strict=True):
        if near(value, size, 2e-3) or near(value, size * gib, 2e-3):
            continue
        less = "its gradient counts, too; and tables may take three quarters only"
        if name != names[0]:
            less = "tables may take three quarters only"
        mistakes = {
            f"{name}: {less}": size / 0.75,
            f"{name}: a number has four bytes": size * 4,
            f"{name}: the width is 64": size * D,
            f"{name}: that's the weights alone, without what training needs": room / (4 * D),
        }
        recognise(value, mistakes, 2e-3)
        hint_if(near(value, room / (16 * D), 2e-3), f"{name}: its gradient is only a page")
        hint_if(near(value, room / (8 * D), 2e-3), f"{name}: count the copies of each number again")
        hint(f"{name}: how many bytes does one row need, with all that training keeps?")


def with_a_bound(answer: Any) -> None:
    """A function of query (D,), table (I, D), k, size: scores, items, blocks that were scored."""
    generator = torch.Generator().manual_seed(3)
    table = torch.randn(400, 8, generator=generator) * torch.logspace(0, -3, 400).unsqueeze(1)
    table = table[torch.randperm(400, generator=generator)]
    worst = 0
    for _ in range(5):
        query = torch.randn(8, generator=generator)
        got = called(answer, query, table, 10, 20)
        scores, items, blocks = parts(got, 3)
        right = (table @ query).topk(10)
        mine, chosen = tensor(scores, (10,)), tensor(items, (10,)).long()
        hint_if(not same(mine.sort(descending=True).values, right.values, 1e-4), "these aren't the "
                "ten best scores: it stops too early, or mixes up blocks")  # fmt: skip
        inside = bool((chosen >= 0).all() and (chosen < 400).all())
        hint_if(not inside or not same(table[chosen] @ query, mine, 1e-4), "the scores are right "
                "and the rows aren't: translate back from the sorted order")  # fmt: skip
        worst = max(worst, int(numbers(blocks, 1)[0]))
    hint_if(
        worst >= 20, "right, but it never stops: the longest vector of a block bounds its scores"
    )
    hint_if(worst < 1, "how many blocks were scored?")


def backward(answer: Any) -> None:
    """A function of q (D,), k, v (T, D), g (D,): the gradients of q, k and v."""
    generator = torch.Generator().manual_seed(4)
    for T in (64, 37, 1):
        q, g = torch.randn(2, 8, generator=generator, dtype=torch.float64)
        k, v = torch.randn(2, T, 8, generator=generator, dtype=torch.float64)
        leaves = [x.clone().requires_grad_() for x in (q, k, v)]
        p = (leaves[1] @ leaves[0] / math.sqrt(8)).softmax(dim=0)
        right = torch.autograd.grad(p @ leaves[2] @ g, leaves)
        given = parts(called(answer, q, k, v, g), 3)
        dq, dk, dv = (tensor(x, tuple(r.shape)) for x, r in zip(given, right, strict=True))
        hint_if(not same(dv, right[2], 1e-6), "the gradient of v isn't right: each value gets its "
                "weight's share of g" + " (the last block is shorter)" * (T == 37))  # fmt: skip
        hint_if(T > 1 and _without_o(dk, q, k, v, g), "v is right; k and q lack the second term: a "
                "weight that grows makes all the others smaller")  # fmt: skip
        for name, mine, theirs in (("q", dq, right[0]), ("k", dk, right[1])):
            root = same(mine, theirs * math.sqrt(8), 1e-6) and T > 1
            hint_if(root, f"v is right; {name} lacks the root of the width")
            hint_if(
                not same(mine, theirs, 1e-6), f"v is right, {name} isn't: is every block added?"
            )


def _without_o(dk: Tensor, q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> bool:
    p = (k @ q / math.sqrt(len(q))).softmax(dim=0)  # (T,)
    return same(dk, (p * (v @ g)).unsqueeze(1) * q / math.sqrt(len(q)), 1e-6)


EXERCISES = {
    "09.1": Exercise(
        "(dense Adam, sparse tables, row-wise Adagrad), items that fit", items_that_fit
    ),
    "09.3": Exercise(
        "your function of (query (D,), table (I, D), k, size): (scores, rows, blocks scored)",
        with_a_bound,
    ),
    "09.5": Exercise(
        "your function of (q (D,), k, v (T, D), g (D,)): the gradients of (q, k, v)", backward
    ),
}
