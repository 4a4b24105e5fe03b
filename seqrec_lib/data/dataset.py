"""One data set ready for training: sequences, ids, titles, and the leave-one-out split."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.common.ids import refuse_sparse_ids
from seqrec_lib.data.interactions import check_numbered, ordered_sequences
from seqrec_lib.data.readers import read_interactions
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.titles import TitleIndex


class SASRecDataSet:
    """Users' item sequences with ids from 1 (0 is the padding), split by leave-one-out.

    A user's last item is the test item, the one before it the validation item, the rest is
    training; a user with fewer than 3 items is training only (SASRec, Sec. IV-A).

    filename: a text file of `user item` or `user item time` rows, ids from 1, any order of users.
        Without a time column a user's items keep the file's order. With one they are sorted by
        time, and rows with the same time keep the file's order. Repeated rows stay repeated.
    col_sep: what separates the columns.
    keep_times: keep the times, too, in `sequences.times` and `train.times`: 16 more bytes an
        interaction.
    sequences, itemnum, items, raw_users: the users' items in order instead of a file, and what is
        known beside them. `from_sequences`, `from_interactions` and `seqrec_lib.prepare`, which
        takes any ids, are more convenient.

    Attributes:

    sequences: Sequences, the whole history of users 1 to usernum in order. Ids may have gaps: a
        user without rows has an empty sequence, and is no key of the dicts.
    train: Sequences, what is left for training.
    valid_item, test_item: (usernum + 1,) int64 item ids by user, 0 = none.
    usernum, itemnum: the largest ids.
    items: None, or a table indexed 1 to itemnum with title, genres, year and raw_id.
    raw_users: (usernum + 1,) the users' ids in the raw files; entry 0 means nothing.

    Raises FileNotFoundError, ValueError naming the line for a file that is not like this, and
    ValueError for keep_times without a time column.
    """

    def __init__(
        self,
        filename: str | Path | None = None,
        col_sep: str = " ",
        keep_times: bool = False,
        *,
        sequences: Sequences | None = None,
        itemnum: int | None = None,
        items: pd.DataFrame | None = None,
        raw_users: np.ndarray | None = None,
    ) -> None:
        if filename is not None and sequences is not None:
            raise TypeError("give filename or sequences, not both")
        if filename is not None:
            sequences = ordered_sequences(read_interactions(filename, sep=col_sep), keep_times)
        elif sequences is None:
            raise TypeError(
                "filename is missing: name a file of `user item` rows, or use from_sequences, "
                "from_interactions or prepare"
            )
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
        return cls(sequences=flat, itemnum=itemnum, items=items)

    @classmethod
    def from_interactions(
        cls, interactions: pd.DataFrame, keep_times: bool = False
    ) -> "SASRecDataSet":
        """From a table with user, item and, where known, time: the same rules as for a file.

        The way in for a DataFrame whose ids are numbered from 1 already and must stay as they are;
        `seqrec_lib.prepare` takes any ids and numbers them anew.
        Raises ValueError for a missing column, a missing value or an id that is not a whole
        number from 1.
        """
        return cls(sequences=ordered_sequences(check_numbered(interactions), keep_times))

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
        users, interactions = len(self._users()), len(self.sequences.items)
        used = int(np.count_nonzero(np.bincount(self.sequences.items)))
        return pd.DataFrame(
            {
                "users": [users],
                "items": [used],
                "interactions": [interactions],
                "interactions per user": [interactions / users],
                "interactions per item": [interactions / used],
                "density": [interactions / users / used],
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell two data sets apart: equal ones have the same.

        They come from the sequences (order and times included), itemnum and the sizes of the split,
        not from titles and raw ids.
        """
        digest = hashlib.sha256()
        for array in (self.sequences.items, self.sequences.starts, self.sequences.times):
            if array is not None:
                digest.update(f"{array.dtype.str} {len(array)} ".encode())
                digest.update(array.data)
        held_out = [int(np.count_nonzero(items)) for items in (self.valid_item, self.test_item)]
        digest.update(f"{self.itemnum} {len(self.train.items)} {held_out}".encode())
        return digest.hexdigest()[:16]

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


def _as_lists(users: list[int], held_out: np.ndarray) -> dict[int, list[int]]:
    items = held_out[users].tolist()
    return {user: [item] if item else [] for user, item in zip(users, items, strict=True)}


def _checked_items(items: pd.DataFrame, itemnum: int) -> pd.DataFrame:
    if "title" not in items.columns:
        raise ValueError(f"items must have a title column; it has {list(items.columns)}")
    if list(items.index) != list(range(1, itemnum + 1)):
        raise ValueError(f"items must be indexed by the item ids 1 to {itemnum}, in order")
    return items
