"""One data set ready for training: sequences, ids, titles, and the leave-one-out split."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.data.readers import read_interactions
from seqrec_lib.data.sequences import LARGEST_ID, Sequences, refuse_sparse_ids
from seqrec_lib.data.titles import TitleIndex


class SASRecDataSet:
    """Users' item sequences with ids from 1 (0 is the padding), split by leave-one-out.

    A user's last item is the test item, the one before it the validation item, the rest is
    training; a user with fewer than 3 items is training only (SASRec, Sec. IV-A).

    filename: a text file of `user item` or `user item time` rows, ids from 1, any order of users.
        Without a time column a user's items keep the file's order. With one they are sorted by
        time, and rows with the same time keep the file's order. Repeated rows stay repeated.
    col_sep: what stands between the columns.

    Other ways in: `from_sequences`, `from_interactions`, and `seqrec_lib.prepare` for raw ids.

    sequences: Sequences, the whole history of users 1 to usernum in order. Ids may have gaps: a
        user without rows has an empty sequence, and is no key of the dicts.
    train: Sequences, what is left for training.
    valid_item, test_item: (usernum + 1,) int64 item ids by user, 0 = none.
    usernum, itemnum: the largest ids.
    items: None, or a table indexed 1 to itemnum with title, genres, year and raw_id.
    raw_users: (usernum + 1,) the users' ids in the raw files; entry 0 means nothing.

    Raises FileNotFoundError, and ValueError naming the line for a file that is not like this.
    """

    def __init__(self, filename: str | Path, col_sep: str = " ") -> None:
        rows = read_interactions(filename, sep=col_sep)
        self._hold(_ordered_sequences(rows))

    @classmethod
    def from_sequences(
        cls,
        sequences: Mapping[int, Sequence[int] | np.ndarray] | Sequences,
        itemnum: int | None = None,
        items: pd.DataFrame | None = None,
    ) -> "SASRecDataSet":
        """From {user id: item ids in order} or `Sequences`; itemnum defaults to the largest id.

        items: a table with a title column (and, where known, genres and year), indexed 1 to
        itemnum.
        Raises ValueError for a user without items, for ids that are not whole numbers from 1 and
        for items beyond itemnum.
        """
        if isinstance(sequences, Sequences):
            flat = sequences
        else:
            for user, values in sequences.items():
                if len(values) == 0:
                    raise ValueError(f"user {user} has no items; leave such users out")
            flat = Sequences.from_lists(sequences)
        dataset = cls.__new__(cls)
        dataset._hold(flat, itemnum, items)
        return dataset

    @classmethod
    def from_interactions(
        cls, interactions: pd.DataFrame, items: pd.DataFrame | None = None
    ) -> "SASRecDataSet":
        """From a table with user, item and, where known, time: the same rules as for a file.

        Raises ValueError for a missing column, a missing value or an id that is not a whole
        number from 1. `seqrec_lib.prepare` takes any ids and numbers them anew.
        """
        rows = check_interactions(interactions)
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
        dataset = cls.__new__(cls)
        dataset._hold(_ordered_sequences(rows), None, items)
        return dataset

    def _hold(
        self,
        sequences: Sequences,
        itemnum: int | None = None,
        items: pd.DataFrame | None = None,
        raw_users: np.ndarray | None = None,
    ) -> None:
        if len(sequences.items) == 0:
            raise ValueError("there are no interactions: a data set needs at least one")
        largest = int(sequences.items.max())
        if itemnum is None:
            refuse_sparse_ids(largest, len(sequences.items), "item")
        elif largest > itemnum:
            raise ValueError(f"item id {largest} is beyond itemnum={itemnum}")
        self.sequences = sequences
        self.usernum = sequences.num_users
        self.itemnum = largest if itemnum is None else int(itemnum)
        self.items = None if items is None else _checked_items(items, self.itemnum)
        self.raw_users = np.arange(self.usernum + 1) if raw_users is None else raw_users
        lengths, ends = sequences.lengths, sequences.starts[1:]
        held_out = lengths >= 3
        self.valid_item = np.zeros(self.usernum + 1, dtype=np.int64)
        self.test_item = np.zeros(self.usernum + 1, dtype=np.int64)
        self.valid_item[held_out] = sequences.items[ends[held_out] - 2]
        self.test_item[held_out] = sequences.items[ends[held_out] - 1]
        self.train = sequences.without_last(np.where(held_out, 2, 0))

    def split(self) -> None:
        """Fill `user_train`, `user_valid` and `user_test` now rather than at their first use."""
        _ = self.user_train, self.user_valid, self.user_test

    @cached_property
    def user_train(self) -> dict[int, list[int]]:
        """{user: training items}. For large data prefer the flat `train`."""
        return {user: self.train[user].tolist() for user in self._users()}

    @cached_property
    def user_valid(self) -> dict[int, list[int]]:
        """{user: [validation item], or [] for a user with fewer than 3 items}."""
        return _as_lists(self._users(), self.valid_item)

    @cached_property
    def user_test(self) -> dict[int, list[int]]:
        """{user: [test item], or [] for a user with fewer than 3 items}."""
        return _as_lists(self._users(), self.test_item)

    def _users(self) -> list[int]:
        return np.flatnonzero(self.sequences.lengths).tolist()

    def __repr__(self) -> str:
        return (
            f"SASRecDataSet({len(self._users()):,} users, {self.itemnum:,} items, "
            f"{len(self.sequences.items):,} interactions)"
        )

    def describe(self) -> pd.DataFrame:
        """The counts of SASRec's Table II, one row: users, items, interactions and their means."""
        users, rows = len(self._users()), len(self.sequences.items)
        used = int(np.count_nonzero(np.bincount(self.sequences.items)))
        return pd.DataFrame(
            {
                "users": [users],
                "items": [used],
                "interactions": [rows],
                "interactions per user": [rows / users],
                "interactions per item": [rows / used],
                "density": [rows / users / used],
            }
        )

    @cached_property
    def _titles(self) -> TitleIndex:
        if self.items is None:
            raise ValueError("this data set has no titles: give items= a table with titles")
        return TitleIndex(self.items["title"])

    def item_id(self, title: str) -> int:
        """The id of the film that a typed-in title means; case, year and 'The' are optional.

        Raises ValueError with the choices where several films match, with the closest titles
        where none does.
        """
        return self._titles.find(title)

    def title(self, item_id: int) -> str:
        """The title of an item id, as in the raw file. Raises ValueError outside 1 to itemnum."""
        if not 1 <= item_id <= self.itemnum:
            raise ValueError(f"item id {item_id} is outside 1 to {self.itemnum}")
        return f"item {item_id}" if self.items is None else str(self.items["title"].loc[item_id])

    def history_frame(self, user: int) -> pd.DataFrame:
        """One user's history in order: item, split and, where known, title, genres and year."""
        if user not in self.sequences:
            raise ValueError(f"user {user} is outside 1 to {self.usernum}")
        ids = self.sequences[user].astype(np.int64)
        split = np.full(len(ids), "train", dtype=object)
        if len(ids) >= 3:
            split[-2:] = ["valid", "test"]
        frame = pd.DataFrame({"item": ids, "split": split})
        frame.index = pd.RangeIndex(1, len(ids) + 1, name="position")
        if self.items is not None:
            shown = [name for name in ("title", "genres", "year") if name in self.items]
            frame[shown] = self.items[shown].loc[ids].set_axis(frame.index)
        return frame


def check_interactions(rows: pd.DataFrame) -> pd.DataFrame:
    """The user, item and (where there) time columns of a table, or a ValueError that says why."""
    if not isinstance(rows, pd.DataFrame):
        raise TypeError(f"expected a pandas DataFrame, got {type(rows).__name__}")
    missing = [name for name in ("user", "item") if name not in rows.columns]
    if missing:
        raise ValueError(f"column {missing[0]!r} is missing; the table has {list(rows.columns)}")
    names = ["user", "item", "time"] if "time" in rows.columns else ["user", "item"]
    rows = rows[names]
    if rows.columns.has_duplicates:
        raise ValueError(f"a column name stands twice: {list(rows.columns)}")
    if len(rows) == 0:
        raise ValueError("the table has no rows")
    for name in names:
        empty = rows[name].isna().to_numpy()
        if empty.any():
            raise ValueError(f"column {name!r} has no value in row {int(empty.argmax())}")
    if "time" in names:
        time = rows["time"]
        if pd.api.types.is_datetime64_any_dtype(time):
            rows = rows.assign(time=time.astype("int64"))
        elif time.dtype.kind not in "iuf" or not np.isfinite(time.to_numpy(np.float64)).all():
            raise ValueError(f"column 'time' must hold finite numbers or dates, not {time.dtype}")
    return rows


def stable_order(user: np.ndarray, time: np.ndarray | None) -> np.ndarray:
    """Row numbers that sort by user, then time, rows equal in both keeping their order.

    user: (N,) non-negative integers; time: (N,) numbers or None. Returns (N,) int64.
    """
    if time is None:
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


def _ordered_sequences(rows: pd.DataFrame) -> Sequences:
    user, item = rows["user"].to_numpy(), rows["item"].to_numpy()
    refuse_sparse_ids(int(user.max()), len(user), "user")
    order = stable_order(user, rows["time"].to_numpy() if "time" in rows else None)
    return Sequences.from_lengths(item[order], np.bincount(user))


def _as_lists(users: list[int], held_out: np.ndarray) -> dict[int, list[int]]:
    items = held_out[users].tolist()
    return {user: [item] if item else [] for user, item in zip(users, items, strict=True)}


def _checked_items(items: pd.DataFrame, itemnum: int) -> pd.DataFrame:
    if "title" not in items.columns:
        raise ValueError(f"items must have a title column; it has {list(items.columns)}")
    if list(items.index) != list(range(1, itemnum + 1)):
        raise ValueError(f"items must be indexed by the item ids 1 to {itemnum}, in order")
    return items
