"""The exercises of lesson 01, MovieLens to sequences: what filters, padding and splits do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.own_log import Log
from seqrec_lib.data.preparation import filter_ratings, prepare
from seqrec_lib.exercises.asking import Exercise, NotHere, hint, hint_if, near, numbers


def twenty(answer: Any, data: Log) -> None:
    """Films and ratings that are left if films with fewer than twenty ratings go."""
    found = numbers(answer, 2)
    counts = data.ratings["item"].value_counts()

    def left(kept: pd.Series) -> list[float]:
        return [float(len(kept)), float(kept.sum())]

    if found == left(counts[counts >= 20]):
        return
    hint_if(found[::-1] == left(counts[counts >= 20]), "swapped: films first, then ratings")
    hint_if(found == left(counts[counts > 20]), "a film with exactly twenty has enough")
    hint_if(found == left(counts[counts >= 5]), "that's with five, the default")
    hint_if(found == left(counts), "that's before anything is dropped")
    users = filter_ratings(data.ratings, min_item_count=20)["user"].nunique()
    hint_if(users in found, "you counted users: `nunique` of the column `item`")
    both = filter_ratings(data.ratings, min_item_count=20, min_user_count=20)
    hint_if(found == left(both["item"].value_counts()), "only films are to be dropped, not users")
    hint("count different ids in `item`, and rows, of what `filter_ratings` gives")


def padding_behind(answer: Any, n: int) -> None:
    """The columns with the latest film of 30 and of 300, with zeros behind."""
    short, long = numbers(answer, 2)
    right: tuple[float, float] = (min(30, n) - 1, min(300, n) - 1)
    if (short, long) == right:
        return
    hint_if((short, long) == (right[0] + 1, right[1] + 1), "columns count from 0")
    hint_if((long, short) == right, "swapped: the user with 30 films comes first")
    hint_if((short, long) == (n - 1, n - 1), "that's with zeros in front")
    hint_if(long == 299, f"a row has {n} columns: what doesn't fit is cut off")
    hint_if(long == 0 or short == 0, "the latest film is wanted; the first column has the oldest")
    hint_if((short, long) == (n - 30 - 1, n - 1), "where do the zeros begin if they come behind?")
    hint("write both rows down: films from the left, oldest first, then zeros")


def liked_only(answer: Any, data: Log) -> None:
    """The share of users whose test film changes if only four stars and more are kept."""
    (share,) = numbers(answer, 1)
    if "rating" not in data.ratings.columns or data.ratings["rating"].nunique() < 2:
        raise NotHere("it has no ratings")
    rows = data.ratings
    before, after, strict = (
        prepare(table, data.items, verbose=False)
        for table in (rows, rows[rows["rating"] >= 4], rows[rows["rating"] > 4])
    )
    other = _others(before, after)
    right = float(other.mean())
    if near(share, right, at_least=0.006) or near(share, 100 * right, at_least=0.6):
        return
    hint_if(share == other.sum(), "you counted users; divide by those who have a test film in both")
    hint_if(near(share, 1 - right, at_least=2e-3), "that's the share of test films that stay")
    by_number = float(_others(before, after, raw=False).mean())
    text = "item numbers differ between two data sets: compare by the raw ids"
    hint_if(near(share, by_number, at_least=2e-3), text)
    above = float(_others(before, strict).mean())
    hint_if(near(share, above, at_least=2e-3), "four stars are enough; you kept only five")
    hint("take the users with a test film in both data sets, and compare raw ids of test films")


def _others(a: SASRecDataSet, b: SASRecDataSet, raw: bool = True) -> np.ndarray:
    """For the users with a test film in both data sets: whether it's another one."""
    films = {}
    for name, dataset in (("a", a), ("b", b)):
        has_one = np.flatnonzero(dataset.test_item)
        items = dataset.test_item[has_one]
        films[name] = pd.Series(
            dataset.raw_items[items] if raw else items, dataset.raw_users[has_one]
        )
    both = pd.concat(films, axis=1).dropna()
    return (both["a"] != both["b"]).to_numpy()


def one_moment(answer: Any, ratings: pd.DataFrame) -> None:
    """A moment, users with nothing to be tested on, and test films that training never saw."""
    moment, untested, new = numbers(answer, 3)
    if "time" not in ratings.columns:
        raise NotHere("it has no times")
    inside = ratings["time"].min() < moment <= ratings["time"].max()
    hint_if(not inside, "that moment is outside of all times: take a quantile of them")
    early, late = ratings[ratings["time"] < moment], ratings[ratings["time"] >= moment]
    users, items = ({p: set(x[c]) for p, x in (("early", early), ("late", late))}
                    for c in ("user", "item"))  # fmt: skip
    right: tuple[float, float] = (
        len(users["early"] - users["late"]),
        len(items["late"] - items["early"]),
    )
    if (untested, new) == right:
        return
    if untested != right[0]:
        text = "those have nothing *before* the moment; a test needs something *after* it"
        hint_if(untested == len(users["late"] - users["early"]), text)
        on_both = len(users["early"] & users["late"])
        hint_if(untested == on_both, "those are on both sides; who has nothing after the moment?")
        hint("the users aren't right: make a set of those before the moment, and one of the others")
    gone = len(items["early"] - items["late"])
    hint_if(new == gone, "the users are right. Films the other way round: after, but not before")
    hint("the users are right. Which films are in the test's set and not in training's?")


EXERCISES = {
    "01.1": Exercise("(films, ratings) that are left", twenty),
    "01.2": Exercise("(column for 30 films, column for 300), counted from 0", padding_behind),
    "01.3": Exercise(
        "the share of test films that change, of users who have one in both", liked_only
    ),
    "01.5": Exercise(
        "(moment, users with nothing to be tested on, test films never seen in training)",
        one_moment,
    ),
}
