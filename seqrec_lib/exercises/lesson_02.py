"""The exercises of lesson 02, Attention from scratch: weights, masks, and attention in pieces."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seqrec_lib.exercises.asking import (
    Exercise,
    called,
    hint,
    hint_if,
    numbers,
    parts,
    same,
    tensor,
)


def sharper(answer: Any, x: Tensor) -> None:
    """The weights (T, T) for scores times 4 and times 1/4."""
    given, T = parts(answer, 2), len(x)
    sharp, soft = (tensor(part, (T, T)) for part in given)
    raw = x.double() @ x.double().T  # (T, T)
    scores = raw / math.sqrt(x.shape[1])
    right = [(factor * scores).softmax(dim=-1) for factor in (4, 0.25)]
    if same(sharp, right[0]) and same(soft, right[1]):
        return
    swapped = same(sharp, right[1]) and same(soft, right[0])
    hint_if(swapped, "swapped: times 4 comes first. A temperature of 4 *divides* the scores by 4")
    for weights, factor in ((sharp, 4), (soft, 0.25)):
        plain = scores.softmax(dim=-1)
        hint_if(same(weights, factor * plain), "the factor belongs before the softmax, not after")
        hint_if(same(weights, plain), "one of them is the same as without a factor")
        no_root = (factor * raw).softmax(dim=-1)
        hint_if(same(weights, no_root), "these scores aren't divided by the root of the width")
        columns = same(weights.sum(dim=0), torch.ones(T).double())
        rows = same(weights.sum(dim=1), torch.ones(T).double())
        hint_if(columns and not rows, "the columns add up to 1; the rows should: `dim=-1`")
        hint_if(not rows, "each row of weights must add up to 1")
    hint("take the scores of section 3, multiply, then softmax over each row")


def not_at_itself(answer: Any, x: Tensor) -> None:
    """The row that becomes NaN, and what `attend_6` makes of the mask (T, D)."""
    row, out = parts(answer, 2)
    (number,) = numbers(row, 1)
    allowed = torch.ones(len(x), len(x), dtype=torch.bool).tril(-1)
    scores = (x @ x.T / math.sqrt(x.shape[1])).double()
    lowest = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(dim=-1)
    vectors = x.double()
    cured = tensor(out, tuple(x.shape))
    hint_if(cured.isnan().any(), "there's still a NaN: `attend_6` uses the lowest finite number")
    text = "one row has nothing left to look at, and the softmax divides 0 by 0 there"
    hint_if(number != 0, text + " (rows count from 0)" * bool(number == 1))
    if same(cured, (lowest * allowed) @ vectors):
        return
    hint_if(same(cured, lowest @ vectors), "a row without anything to see got an average of all: "
            "multiply by the mask once more, after the softmax")  # fmt: skip
    for diagonal, text in ((0, "each film still sees itself: `tril(-1)`"), (-2, "one too far")):
        other = torch.ones_like(allowed).tril(diagonal)
        weights = scores.masked_fill(~other, torch.finfo(scores.dtype).min).softmax(dim=-1)
        hint_if(same(cured, (weights * other) @ vectors), text)
    upper = scores.masked_fill(~allowed.T, torch.finfo(scores.dtype).min).softmax(dim=-1)
    hint_if(same(cured, (upper * allowed.T) @ vectors), "this mask looks into the future: `tril`")
    hint("call `attend_6` with the five films as queries, keys and values, and the new mask")


def window_of_three(answer: Any) -> None:
    """The mask (T, T), and how many films back two layers see."""
    mask, back = parts(answer, 2)
    found = tensor(mask).bool()
    T = len(found)
    square = found.dim() == 2 and found.shape == (T, T) and T > 5
    hint_if(not square, "the mask is (T, T), with T of at least 6")
    place = torch.arange(T)
    distance = place.unsqueeze(1) - place  # (T, T): how far back
    hint_if((found & (distance < 0)).any(), "it sees the future: where the difference is negative")
    hint_if(not found.diagonal().all(), "the last three films are the one itself and two before it")
    reach = int((found[-1]).sum())
    hint_if(reach != 3, f"the last row sees {reach} films; three are wanted, itself among them")
    whole = torch.equal(found, (distance >= 0) & (distance < 3))
    hint_if(not whole, "the last row is right, and others aren't: draw the mask")
    (films,) = numbers(back, 1)
    if films == 4:
        return
    hint_if(films == 2, "that's one layer. A film in the window has itself seen others")
    hint_if(films == 5, "you counted the film itself; count how far *back* it sees")
    hint_if(films == 6, "windows overlap: the first layer's begins where the second's ends")
    hint("the gradient picture of two layers shows it: how many columns left of the diagonal?")


def other_way(answer: Any) -> None:
    """The share of right answers, with a fixed first layer."""
    (share,) = numbers(answer, 1)
    hint_if(share > 1, "give a share, from 0 to 1")
    text = "that's no solution yet. Does the look-up copy position vectors, too, and is the copy "
    hint_if(share < 0.95, text + "added to the film's own vector? And what if it's the first time?")


def in_pieces(answer: Any) -> None:
    """A function of q, k, v (T, D): causal attention without a T × T table."""
    generator = torch.Generator().manual_seed(5)
    for length, size in ((8, 1.0), (5, 1.0), (30, 1.0), (1, 1.0), (16, 40.0)):
        q, k, v = (size * torch.randn(length, 16, generator=generator) for _ in range(3))
        right = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        mine = tensor(called(answer, q, k, v), (length, 16))
        if torch.allclose(mine, right.double(), atol=1e-3, rtol=1e-3):
            continue
        hint_if(size > 1 and not mine.isfinite().all(), "large scores overflow: subtract the "
                "largest score so far before `exp`")  # fmt: skip
        hint_if(size > 1, "right for small scores, wrong for large ones: is what you carry scaled "
                "down when a larger score comes along?")  # fmt: skip
        hint_if(mine.isnan().any(), "there are NaNs: is a row all masked, or a sum 0?")
        future = functional.scaled_dot_product_attention(q, k, v)
        hint_if(same(mine, future), "it sees the future: mask each piece, too")
        plain = functional.scaled_dot_product_attention(q * 4, k, v, is_causal=True)
        hint_if(same(mine, plain), "the scores aren't divided by the root of the width")
        hint_if(length % 4, "right where the pieces fit, wrong where the last one is shorter")
        hint_if(same(mine[:4], right[:4]), "right in the first piece only: when a larger score "
                "comes along, the sum *and* the weighted sum must be scaled")  # fmt: skip
        hint("the first piece is wrong already: compare with `attend_4` on four films")


EXERCISES = {
    "02.1": Exercise("(weights for times 4, weights for times 1/4), (T, T) each", sharper),
    "02.2": Exercise(
        "(number of the row that's NaN, counted from 0; what `attend_6` gives, (T, D))",
        not_at_itself,
    ),
    "02.3": Exercise("(the mask (T, T), films back that two layers see)", window_of_three),
    "02.4": Exercise("the share of right answers on new histories", other_way),
    "02.5": Exercise("your function of q, k, v, (T, D) each", in_pieces),
}
