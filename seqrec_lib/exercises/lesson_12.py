"""The exercises of lesson 12, Your own data: whom a split asks, and the latest favourites."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.exercises.asking import Exercise, called, hint, hint_if, numbers, recognise, tensor

DAYS = 60 * 86_400  # in seconds


def users_asked(answer: Any, shop: SASRecDataSet) -> None:
    """Users with a test item, by the split in time of `shop` and by leave-one-out."""
    in_time, last = numbers(answer, 2)
    lengths = shop.sequences.lengths
    some, two, three = (float((lengths >= least).sum()) for least in (1, 2, 3))
    right = float((shop.targets("test") > 0).sum()), three
    hint_if((last, in_time) == right, "both numbers are right, in the other order")
    recognise(
        last,
        {
            "leave-one-out: users with one or two rows have nothing left to train on": some,
            "leave-one-out: with two rows there's no validation item; three are needed": two,
        },
        1e-9,
    )
    hint_if(in_time != right[0], "in time: a user needs a row before the moment and one after it")
    hint_if(last != right[1], "leave-one-out: of how many users is an item ranked?")


def latest_favourites(answer: Any, shop: SASRecDataSet, rows: pd.DataFrame, moment: float) -> None:
    """A scorer that ranks by the counts of the 60 days before the moment."""
    hint_if(not hasattr(answer, "score"), "give the scorer itself, an object with score")
    histories = torch.zeros(2, 1, dtype=torch.int64)
    found = tensor(called(answer.score, None, histories), (2, shop.itemnum + 1))
    hint_if(not torch.equal(found[0], found[1]), "everybody gets the same list")
    score = found[0, 1:].numpy()

    def counts(first: float, end: float) -> np.ndarray:
        part = rows[(rows["time"] >= first) & (rows["time"] < end)]
        return part["item"].value_counts().reindex(shop.raw_items[1:], fill_value=0).to_numpy()

    if _ordered_by(score, counts(moment - DAYS, moment)):
        return
    slips = {
        "you count every row before the moment: it's popularity as always": counts(-np.inf, moment),
        "you count rows after the moment, too: they are what the test asks for": (
            counts(moment - DAYS, np.inf)
        ),
        "these are the 60 days after the moment": counts(moment, moment + DAYS),
    }
    for text, slip in slips.items():
        hint_if(_ordered_by(score, slip), text)
    hint("the order isn't that of the counts in the 60 days before the moment")


def _ordered_by(score: np.ndarray, counts: np.ndarray) -> bool:
    """Whether items of different counts have scores in the same order."""
    order = np.argsort(counts, kind="stable")
    score, counts = score[order], counts[order]
    starts = np.flatnonzero(np.diff(counts)) + 1
    groups = np.split(score, starts)
    return all(a.max() < b.min() for a, b in pairwise(groups))


EXERCISES = {
    "12.2": Exercise("(users asked in time, users asked for their last order)", users_asked),
    "12.3": Exercise("your scorer, made with the rows before test_from", latest_favourites),
}
