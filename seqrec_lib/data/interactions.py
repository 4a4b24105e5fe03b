"""Tables of interactions: user, item and, where known, time; checked, and put into order."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.common.ids import LARGEST_ID, refuse_sparse_ids
from seqrec_lib.data.columns import columns_like, plain_ids, plain_times, times_among
from seqrec_lib.data.sequences import Sequences


def as_table(rows: Any) -> pd.DataFrame:
    """A DataFrame as it is, and one of what has `to_pandas`: tables of polars and Arrow.

    Raises TypeError for anything else.
    """
    if not isinstance(rows, pd.DataFrame) and hasattr(rows, "to_pandas"):
        rows = rows.to_pandas()
    if not isinstance(rows, pd.DataFrame):
        raise TypeError(f"expected a pandas DataFrame, got {type(rows).__name__}")
    return rows


def check_interactions(rows: pd.DataFrame, with_time: bool = True) -> pd.DataFrame:
    """The user, item and (where there) time columns of a table in plain types.

    rows: see `as_table`.
    with_time: False leaves the time out, and does not ask for it.

    Ids are int64 or text, times numbers, those of dates in seconds since 1970. Raises ValueError
    for a column that is missing or twice there, for no rows, for a missing value, for a time of
    another name beside no `time`, and for what is neither id nor time; TypeError for anything but
    a table.
    """
    rows = as_table(rows)
    for name in ("user", "item"):
        if name not in rows.columns:
            raise ValueError(_missing(name, rows))
    if with_time and "time" not in rows.columns:
        _refuse_other_times(rows)
    names = ["user", "item", "time"] if with_time and "time" in rows.columns else ["user", "item"]
    rows = rows[names]
    if rows.columns.has_duplicates:
        raise ValueError(f"a column name stands twice: {list(rows.columns)}")
    if len(rows) == 0:
        raise ValueError("the table has no rows")
    for name in names:
        empty = rows[name].isna().to_numpy()
        if empty.any():
            raise ValueError(f"column {name!r} has no value in row {int(empty.argmax())}")
    plain = {name: plain_ids(rows[name], name) for name in ("user", "item")}
    if "time" in names:
        plain["time"] = plain_times(rows["time"])
    return pd.DataFrame(plain)


def _missing(name: str, rows: pd.DataFrame) -> str:
    found = columns_like(name, rows.columns)
    rename = f": table.rename(columns={{{found[0]!r}: {name!r}}}) names it" if found else ""
    return f"column {name!r} is missing; the table has {list(rows.columns)}{rename}"


def _refuse_other_times(rows: pd.DataFrame) -> None:
    """A ValueError where there is a time under another name: the order would not follow it."""
    found = times_among(rows)
    if found:
        raise ValueError(
            f"there is no column 'time', but {', '.join(map(repr, found))} looks like one: "
            f"table.rename(columns={{{found[0]!r}: 'time'}}) sorts by it, "
            f"table.drop(columns={found!r}) keeps the order of the rows"
        )


def stable_order(user: np.ndarray, time: np.ndarray | None) -> np.ndarray:
    """Row numbers that sort by user, then time, rows equal in both keeping their order.

    user: (N,) non-negative integers; time: (N,) numbers or None. Returns (N,) int64.
    """
    if time is None or len(time) == 0:
        return np.argsort(user, kind="stable")
    if time.dtype.kind in "iu":
        low, high = int(time.min()), int(time.max())
        span = high - low + 1
        if (int(user.max()) + 1) * span < 2**63:  # both in one number: one sort instead of two
            key = user.astype(np.int64)
            key *= span
            key += time.astype(np.int64) - low
            return np.argsort(key, kind="stable")
    order = np.argsort(time, kind="stable")
    return order[np.argsort(user[order], kind="stable")]


def check_numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """`check_interactions`, and a ValueError for ids that are not whole numbers from 1."""
    rows = check_interactions(rows)
    for name in ("user", "item"):
        ids = rows[name].to_numpy()
        if ids.dtype.kind not in "iu":
            raise ValueError(
                f"column {name!r} must hold whole numbers from 1, not {ids.dtype}; "
                "prepare(interactions) numbers any ids anew"
            )
        if not 1 <= ids.min() <= ids.max() <= LARGEST_ID:
            raise ValueError(
                f"column {name!r} must hold whole numbers from 1 to {LARGEST_ID}, not "
                f"{ids.min()} to {ids.max()}; prepare(interactions) numbers any ids anew"
            )
    return rows


def times_of(rows: pd.DataFrame, keep_times: bool) -> np.ndarray | None:
    """The time column of a table (N,), or None where it has none.

    Raises ValueError where there is none although keep_times asks for it.
    """
    if "time" in rows:
        return rows["time"].to_numpy()
    if keep_times:
        raise ValueError("keep_times=True needs a time column, and there is none")
    return None


def ordered_sequences(rows: pd.DataFrame, keep_times: bool) -> Sequences:
    """A table with whole-number ids as sequences, each user's by time; ties stay in row order."""
    user, item = rows["user"].to_numpy(), rows["item"].to_numpy()
    refuse_sparse_ids(int(user.max()), len(user), "user")
    time = times_of(rows, keep_times)
    order = stable_order(user, time)
    kept = time[order] if time is not None and keep_times else None
    return Sequences.from_lengths(item[order], np.bincount(user), kept)


def warn_of_ratings(times: np.ndarray, name: str, sep: str) -> None:
    """Say that a column of a few small numbers, as ratings are, is about to be taken for times."""
    low, high = times.min(), times.max()
    # the scales in use: stars, halves of stars, up to 10, and -1 for no rating
    if low >= -1 and high <= 10 and bool((2 * times % 1 == 0).all()):
        warnings.warn(
            f"{name}: the third column holds {len(np.unique(times))} different values, {low} to "
            f"{high}, and is taken for times: each user's items are sorted by it. If these are "
            "ratings, give user and item alone: SASRecDataSet.from_interactions(pandas.read_csv("
            f"{name!r}, sep={sep!r}, names=['user', 'item', 'rating']))",
            UserWarning,
            stacklevel=3,
        )
