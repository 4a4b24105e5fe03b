"""From a ratings table to sequences: filter, order, number from 1."""

from typing import Literal

import numpy as np
import pandas as pd

from seqrec_lib.common.checks import one_of
from seqrec_lib.data.coding import coded, from_1
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.interactions import as_table, check_interactions, stable_order, times_of
from seqrec_lib.data.items import grown_table
from seqrec_lib.data.movielens import MovieLens
from seqrec_lib.data.own_log import Log
from seqrec_lib.data.report import preparation_report, print_report, split_report
from seqrec_lib.data.sequences import Sequences


def filter_ratings(
    ratings: pd.DataFrame,
    min_item_count: int = 5,
    min_user_count: int = 0,
    until_stable: bool = False,
) -> pd.DataFrame:
    """Drop the rows of rare items and of users with little history.

    A single pass counts items and users in the table as given, as the papers' preparation does;
    some that stay may then have fewer rows than asked. until_stable=True counts again until none
    has. Kept rows stay in order, with their index.

    Raises ValueError for a missing column or value, a negative count, or when nothing is left.
    """
    ratings = as_table(ratings)
    rows = check_interactions(ratings, with_time=False)
    read = coded(rows, keep_times=False)
    kept, _ = _kept_rows(read.user, read.item, min_item_count, min_user_count, until_stable)
    return ratings if kept is None else ratings.iloc[kept]


def prepare(
    ratings: pd.DataFrame | Log,
    items: pd.DataFrame | None = None,
    *,
    min_item_count: int = 5,
    min_user_count: int = 0,
    until_stable: bool = False,
    ties: Literal["file", "item", "random"] = "file",
    seed: int | None = None,
    keep_times: bool = False,
    verbose: bool | None = None,
    like: SASRecDataSet | None = None,
) -> SASRecDataSet:
    """Filter ratings, order each user's by time and number users and items from 1.

    With the defaults MovieLens 1M's `ratings.dat` gives the sequences of the papers' own file.

    ratings: a `Log` such as `MovieLens`, or a table with user and item (numbers or text) and, where
        known, time; any rating counts as an interaction, and repeated rows stay repeated.
    items: a table with title (and any other columns) indexed by raw item id.
    min_item_count, min_user_count, until_stable: see `filter_ratings`.
    ties: the order of a user's rows with equal time (all, without a time column): "file" is the
        file's, "item" goes by raw item id, "random" shuffles them and needs a seed.
    keep_times: keep the times, too, in `sequences.times`: 16 more bytes an interaction.
    like: a data set, such as `load` gives, whose users and items keep their numbers and titles,
        whether they are in this log or not, and are not dropped as rare. What is new follows.
    verbose: print `report` of the data set, a table of what became of the rows; None prints that of
        your own tables, and not that of a release.

    Users and items get the numbers 1, 2, … in the order of their raw ids, see `raw_users` and
    `raw_items`. An item without a title is called "item" and its raw id.
    Raises ValueError for a missing column or value, for a column of times that is not called
    "time", for numbers that a spreadsheet has rounded, when the filter leaves nothing, where no id
    is found in `items`, and for keep_times without a time column.
    """
    item_name = ratings.item_name if isinstance(ratings, Log) else "item"
    verbose = not isinstance(ratings, MovieLens) if verbose is None else verbose
    if isinstance(ratings, Log):
        items = ratings.items if items is None else items
        ratings = ratings.ratings
    _check_ties(ties, seed)
    read = coded(check_interactions(ratings), keep_times)
    known = None if like is None else like.vocabulary
    rules = (min_item_count, min_user_count, until_stable, read.known_to(known))
    kept, dropped = _kept_rows(read.user, read.item, *rules)
    left = (read if kept is None else read.only(kept)).after(known)
    order = _order(left.user, left.item, left.time, ties, seed)
    time = None if left.time is None else left.time[order]
    lengths = np.append(0, np.bincount(left.user, minlength=len(left.raw_users)))
    sequences = Sequences.from_lengths(left.item[order] + 1, lengths, time if keep_times else None)
    dataset = SASRecDataSet(
        sequences=sequences,
        itemnum=len(left.raw_items),
        items=grown_table(like, left.raw_items, items),
        raw_users=from_1(left.raw_users),
        item_name=item_name if like is None else like.item_name,
    )
    nameless = None if items is None else ~np.isin(left.raw_items, items.index)
    report = preparation_report((read.user, read.item), dropped, sequences, time, nameless)
    return _reported(dataset, report, verbose)


def prepare_split(
    train: pd.DataFrame,
    valid: pd.DataFrame | None,
    test: pd.DataFrame,
    items: pd.DataFrame | None = None,
    *,
    keep_times: bool = False,
    verbose: bool = True,
    like: SASRecDataSet | None = None,
) -> SASRecDataSet:
    """A data set from a split that is there already, as three tables.

    train, valid, test: tables as `prepare` takes them; None for no validation. Each user's rows are
        sorted by time within their part, or keep their order where no table has times. Nothing is
        dropped. A part may hold several items of a user: the first is ranked.
    items, keep_times, like: see `prepare`.
    verbose: print the report, which says how many rows of valid and test are of users or items
        without training rows: those users are not evaluated, those items cannot be learned.

    Raises ValueError as `prepare`, where some tables have times and others not, and for keep_times
    where none has.
    """
    given = {"train": train, "valid": valid, "test": test}
    tables = {name: check_interactions(t) for name, t in given.items() if t is not None}
    timed = {name: "time" in table for name, table in tables.items()}
    if len(set(timed.values())) > 1:
        raise ValueError(f"either all tables have a column 'time' or none; now {timed}")
    rows = pd.concat(tables.values())
    known = None if like is None else like.vocabulary
    user, item, raw_users, raw_items, _ = coded(rows, keep_times).after(known)
    first, parts, sequences = 0, {}, {}
    for name in given:
        table = tables.get(name, rows.iloc[:0])
        here = slice(first, first + len(table))
        first += len(table)
        parts[name] = user[here], item[here]
        time = times_of(table, keep_times=False)
        order = stable_order(user[here], time)
        kept = time[order] if time is not None and keep_times else None
        lengths = np.append(0, np.bincount(user[here], minlength=len(raw_users)))
        sequences[name] = Sequences.from_lengths(item[here][order] + 1, lengths, kept)
    dataset = SASRecDataSet.from_split(
        **sequences,
        usernum=len(raw_users),
        itemnum=len(raw_items),
        items=grown_table(like, raw_items, items),
    )
    dataset.raw_users = from_1(raw_users)
    dataset.item_name = dataset.item_name if like is None else like.item_name
    return _reported(dataset, split_report(parts), verbose)


def _reported(dataset: SASRecDataSet, report: pd.DataFrame, verbose: bool) -> SASRecDataSet:
    dataset.report = report
    if verbose:
        print_report(report)
    return dataset


def _kept_rows(
    user: np.ndarray,
    item: np.ndarray,
    min_item: int,
    min_user: int,
    until_stable: bool,
    spared: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """The numbers of the rows that stay, in order, or None when all do; those dropped, by rule.

    spared: bool by user and by item, whom no rule drops.
    """
    for name, count in (("min_item_count", min_item), ("min_user_count", min_user)):
        if count < 0:
            raise ValueError(f"{name}={count} must not be negative")
    by_item, by_user = f"min_item_count={min_item}", f"min_user_count={min_user}"
    dropped: dict[str, list[np.ndarray]] = {by_item: [], by_user: []}
    rows = np.arange(len(item))  # the numbers of the rows still in
    while True:
        item_counts, user_counts = np.bincount(item[rows]), np.bincount(user[rows])
        rare, short = item_counts[item[rows]] < min_item, user_counts[user[rows]] < min_user
        if spared is not None:
            short, rare = short & ~spared[0][user[rows]], rare & ~spared[1][item[rows]]
        dropped[by_item].append(rows[rare])
        dropped[by_user].append(rows[short & ~rare])
        before, rows = len(rows), rows[~(rare | short)]
        if len(rows) == 0:
            raise ValueError(f"no row is left with {by_item}, {by_user}")
        if len(rows) == before or not until_stable:
            gone = {rule: np.concatenate(parts) for rule, parts in dropped.items()}
            return rows if len(rows) < len(item) else None, gone


def _check_ties(ties: str, seed: int | None) -> None:
    one_of("ties", ties, ("file", "item", "random"))
    if (ties == "random") != (seed is not None):
        raise ValueError(f"ties={ties!r} with seed={seed}: ties='random' alone needs a seed")


def _order(
    user: np.ndarray, item: np.ndarray, time: np.ndarray | None, ties: str, seed: int | None
) -> np.ndarray:
    """The numbers of the rows by user, then by time, then by the rule for ties: (N,) int64."""
    if ties == "file":
        return stable_order(user, time)
    if ties == "item":
        first = np.argsort(item, kind="stable")
    else:
        first = np.random.default_rng(seed).permutation(len(item))
    return first[stable_order(user[first], None if time is None else time[first])]
