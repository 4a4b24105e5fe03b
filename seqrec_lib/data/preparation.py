"""From a ratings table to sequences: filter, order, number from 1."""

from typing import Any, Literal

import numpy as np
import pandas as pd

from seqrec_lib.common.checks import one_of
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.interactions import check_interactions, stable_order, times_of
from seqrec_lib.data.movielens import MovieLens
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
    rows = check_interactions(ratings)
    user, _ = _codes(rows["user"], "user")
    item, _ = _codes(rows["item"], "item")
    kept = _kept_rows(user, item, min_item_count, min_user_count, until_stable)
    return ratings if kept is None else ratings.iloc[kept]


def prepare(
    ratings: pd.DataFrame | MovieLens,
    items: pd.DataFrame | None = None,
    *,
    min_item_count: int = 5,
    min_user_count: int = 0,
    until_stable: bool = False,
    ties: Literal["file", "item", "random"] = "file",
    seed: int | None = None,
    keep_times: bool = False,
) -> SASRecDataSet:
    """Filter ratings, order each user's by time and number users and items from 1.

    With the defaults MovieLens 1M's `ratings.dat` gives the sequences of the papers' own file.

    ratings: `MovieLens`, or a table with user and item (numbers or text) and, where known, time;
        any rating counts as an interaction, and repeated rows stay repeated.
    items: a table with title (and any other columns, such as genres and year) indexed by raw item
        id.
    min_item_count, min_user_count, until_stable: see `filter_ratings`.
    ties: the order of a user's rows with equal time. "file" keeps the file's (a stable sort),
        "item" goes by raw item id, "random" shuffles them and needs a seed. Without a time column
        a user's rows are all ties.
    keep_times: keep the times, too, in `sequences.times` and `train.times`: 16 more bytes an
        interaction.

    Users and items that are left get the numbers 1, 2, … in the order of their raw ids; the raw
    ids are in `raw_users` and `raw_items`. An item without a title is called "item" and its raw id.

    Raises ValueError for a missing column or value, when the filter leaves nothing, and for
    keep_times without a time column.
    """
    item_name = "item"
    if isinstance(ratings, MovieLens):
        item_name = "film"
        items = ratings.items if items is None else items
        ratings = ratings.ratings
    rows = check_interactions(ratings)
    one_of("ties", ties, ("file", "item", "random"))
    if (ties == "random") != (seed is not None):
        raise ValueError(f"ties={ties!r} with seed={seed}: ties='random' alone needs a seed")

    user, raw_users = _codes(rows["user"], "user")
    item, raw_items = _codes(rows["item"], "item")
    time = times_of(rows, keep_times)
    kept = _kept_rows(user, item, min_item_count, min_user_count, until_stable)
    if kept is not None:
        user, raw_users = _renumber(user[kept], raw_users)
        item, raw_items = _renumber(item[kept], raw_items)
        time = None if time is None else time[kept]

    order = _order(user, item, time, ties, seed)
    item += 1
    lengths = np.zeros(len(raw_users) + 1, dtype=np.int64)
    lengths[1:] = np.bincount(user, minlength=len(raw_users))
    kept_times = time[order] if time is not None and keep_times else None
    return SASRecDataSet(
        sequences=Sequences.from_lengths(item[order], lengths, kept_times),
        itemnum=len(raw_items),
        items=_item_table(raw_items, items),
        raw_users=np.append(np.zeros(1, dtype=raw_users.dtype), raw_users),  # entry 0: no user
        item_name=item_name,
    )


def _codes(values: pd.Series, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Number raw ids 0, 1, … in their order: (N,) int32 codes and the raw ids by code."""
    raw = values.to_numpy()
    if raw.dtype.kind in "iu":
        low, high = int(raw.min()), int(raw.max())
        if high - low < 2 * len(raw) + 1_000_000:  # a table over the range beats a sort
            present = np.zeros(high - low + 1, dtype=bool)
            present[raw - low] = True
            code = np.cumsum(present, dtype=np.int32) - 1
            return code[raw - low], (np.flatnonzero(present) + low).astype(raw.dtype)
        unique, inverse = np.unique(raw, return_inverse=True)
        return inverse.astype(np.int32), unique
    kind = pd.api.types.infer_dtype(values)
    if kind.startswith("mixed"):
        raise ValueError(
            f"column {name!r} mixes kinds of ids ({kind}); make them all numbers or text"
        )
    codes, found = pd.factorize(values, sort=True)
    return codes.astype(np.int32), np.asarray(found)


def _renumber(codes: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps that a filter has left in codes (N,), and drop their raw ids."""
    present = np.zeros(len(raw), dtype=bool)
    present[codes] = True
    return (np.cumsum(present, dtype=np.int32) - 1)[codes], raw[present]


def _kept_rows(
    user: np.ndarray, item: np.ndarray, min_item: int, min_user: int, until_stable: bool
) -> np.ndarray | None:
    """The numbers of the rows that stay, in order, or None when all do."""
    for name, count in (("min_item_count", min_item), ("min_user_count", min_user)):
        if count < 0:
            raise ValueError(f"{name}={count} must not be negative")
    rows = np.arange(len(item))  # the numbers of the rows still in
    while True:
        item_counts, user_counts = np.bincount(item[rows]), np.bincount(user[rows])
        good = (item_counts[item[rows]] >= min_item) & (user_counts[user[rows]] >= min_user)
        before, rows = len(rows), rows[good]
        if len(rows) == 0:
            raise ValueError(
                f"no row is left with min_item_count={min_item}, min_user_count={min_user}"
            )
        if len(rows) == before or not until_stable:
            return rows if len(rows) < len(item) else None


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


def _item_table(raw_items: np.ndarray, items: pd.DataFrame | None) -> pd.DataFrame:
    """Titles, genres, year and raw id by the new ids 1 to len(raw_items)."""
    index = pd.RangeIndex(1, len(raw_items) + 1, name="item")
    unknown = pd.Series([f"item {raw}" for raw in raw_items], index=index, dtype="str")
    table = pd.DataFrame({"title": unknown, "genres": "", "raw_id": raw_items}, index=index)
    table["year"] = pd.array([pd.NA] * len(raw_items), dtype="Int64")
    others: list[Any] = []
    if items is not None:
        if "title" not in items.columns:
            raise ValueError(f"items must have a title column; it has {list(items.columns)}")
        if not items.index.is_unique:
            twice = items.index[items.index.duplicated()][0]
            raise ValueError(f"items must have one row for each raw id; {twice} has several")
        known = items.reindex(raw_items).set_index(index)
        table["title"] = known["title"].astype("str").where(known["title"].notna(), unknown)
        if "genres" in known:
            table["genres"] = known["genres"].fillna("").astype("str")
        if "year" in known:
            table["year"] = known["year"].astype("Int64")
        others = [name for name in known if name not in table]
        table[others] = known[others]
    return table[["title", "genres", "year", "raw_id", *others]]
