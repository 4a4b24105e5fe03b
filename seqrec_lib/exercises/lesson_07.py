"""The exercises of lesson 07, Ablations: signs, limits, order from a mask, and numbers of seeds."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import torch

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
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.reproduce.published import published_results

SEEDS = (2, 3, 5, 10)


def signs(answer: Any) -> None:
    """The rows of Table IV in which the data sets disagree about the sign."""
    hint_if(isinstance(answer, str), "give a list of names, even of one")
    try:
        given = {str(name) for name in answer}
    except TypeError:
        hint("give a list of the rows' names")
    cells = published_results("SASRec", "IV")["NDCG@10"].unstack("dataset")
    cells = cells.droplevel([0, 1, 2])
    change = (cells - cells.loc["default"]).drop(index="default").apply(np.sign)
    unknown = sorted(given - set(change.index))
    hint_if(unknown, f"the table `change` has no row {', '.join(map(repr, unknown))}")
    right = set(change.index[change.nunique(axis=1) > 1])
    agree = sorted(given - right)
    hint_if(agree, f"the same sign on all four data sets: {', '.join(agree)}")
    hint_if(right - given, "there are more: a single data set that disagrees is enough")


@cache
def limit(rows: int, S: int, degrees: int) -> float:
    """The largest of `rows` differences stays below in 95% of tables of noise, in its errors."""
    rng = np.random.default_rng(11)
    noise = rng.normal(size=(40_000, rows + 1)) / math.sqrt(S)
    sigma = np.sqrt(rng.chisquare(degrees, size=(40_000, 1)) / degrees)
    away = np.abs(noise[:, 1:] - noise[:, :1]) / (sigma * math.sqrt(2 / S))
    return float(np.quantile(away.max(axis=1), 0.95))


def limits(answer: Any) -> None:
    """How many standard errors nine rows ask for by the number of seeds, and what helps more."""
    errors, helps = parts(answer, 2)
    found = numbers(errors, len(SEEDS))

    def are(values: list[float]) -> bool:
        return all(near(a, b, 0.03) for a, b in zip(found, values, strict=True))

    right = [limit(9, S, 9 * (S - 1)) for S in SEEDS]
    hint_if(are(right[::-1]), "swapped: two seeds first, ten last")
    hint_if(are([limit(20, S, 20 * (S - 1)) for S in SEEDS]), "those are twenty rows; nine first")
    hint_if(are([limit(1, S, S - 1) for S in SEEDS]), "those are the limits of a single row")
    lonely = are([limit(9, S, S - 1) for S in SEEDS])
    hint_if(lonely, "each row tells something about the noise: nine rows have nine times as many "
            "degrees of freedom as one")  # fmt: skip
    hint_if(
        are([limit(9, S, 9 * S) for S in SEEDS]), "a row of S runs has S - 1 degrees of freedom"
    )
    hint_if(not are(right), "for each number of seeds call `limit(9, S, S, degrees)`: how many "
            "degrees of freedom do nine rows leave?")  # fmt: skip
    word = str(helps).strip().lower()
    hint_if(word not in ("rows", "seeds"), 'the limits are right. Which is it: "rows" or "seeds"?')
    hint_if(word != "seeds", "the limits are right. Now times the standard error, sqrt(2 / S): "
            "how small a difference counts as clear?")  # fmt: skip


def order_from_mask(answer: Any) -> None:
    """A forward pass (model, films (T,), masked), and the model without positions."""
    forward, model = parts(answer, 2)
    hint_if(not isinstance(model, SASREC), "the second part is the model, an `sl.SASREC`")
    films = torch.arange(1, 7)
    shuffled = films[[3, 0, 4, 2, 1, 5]]  # the last film stays
    with torch.no_grad():
        library = model.score(None, films.unsqueeze(0))[0, 1:].double()

    def mine(history: torch.Tensor, masked: bool) -> torch.Tensor:
        found = tensor(called(forward, model, history, masked))
        if found.dim() == 1 and len(found) == model.config.hidden_width:  # a state: its scores
            found = model.item_vectors()[1:].double() @ found
        hint_if(found.shape != library.shape, f"its shape is {tuple(found.shape)}; a state is "
                f" ({model.config.hidden_width},), scores are {tuple(library.shape)}")  # fmt: skip
        return found

    hint_if(model.config.positions, "this model has positions: build it with `positions=False`")
    with_mask, blind = mine(films, True), mine(films, False)
    hint_if(same(with_mask, blind, 1e-6), "the mask makes no difference: is the argument used?")
    hint_if(not same(with_mask, library), "with the mask, your scores aren't the library's: times "
            "the root of the width, queries alone from the normalised vectors, and a last "
            "normalisation?")  # fmt: skip
    text = "without the mask the order still counts: what else tells one position from another?"
    hint_if(not same(blind, mine(shuffled, False)), text)


def how_many_seeds(answer: Any) -> None:
    """Runs of each kind that show a difference of 0.003, and the sigma that was estimated."""
    runs, sigma = numbers(answer, 2)
    hint_if(not sigma > 0, "a standard deviation is positive")
    right = 2 * (1.96 + 0.84) ** 2 * sigma**2 / 0.003**2
    if near(runs, right, 0.02) or runs == max(2, math.ceil(right)):
        return
    z2 = (sigma / 0.003) ** 2
    mistakes = {
        "a difference of two means has two noises: the 2 in front": right / 2,
        "sigma is squared": right / sigma,
        "the difference is squared": right * 0.003,
        "that finds it in half of the cases: where's the 0.84?": 2 * 1.96**2 * z2,
        "that's all runs together; the question is for each kind": 2 * right,
        "that's for a difference of 0.01": right * (0.003 / 0.01) ** 2,
    }
    recognise(runs, mistakes, 5e-3)
    recognise(runs, {text: math.ceil(value) for text, value in mistakes.items()}, 1e-9)
    hint("put your sigma and 0.003 into the formula, and round up")


EXERCISES = {
    "07.1": Exercise("the names of the rows, as in `change`", signs),
    "07.2": Exercise(
        '((2, 3, 5, 10 seeds), limits of nine rows; "rows" or "seeds", which helps more)', limits
    ),
    "07.3": Exercise(
        "(your function of (model, films (T,), masked) to the last state, the model)",
        order_from_mask,
    ),
    "07.4": Exercise("(runs of each kind, your sigma)", how_many_seeds),
}
