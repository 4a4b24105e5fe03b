"""One data set ready for training: sequences, ids, titles, and the leave-one-out split."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.data.histories import SplitHistories
from seqrec_lib.data.interactions import check_numbered, ordered_sequences
from seqrec_lib.data.lists import Lists
from seqrec_lib.data.readers import read_interactions
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.split import Split
from seqrec_lib.data.titles import TitleIndex


class SASRecDataSet(SplitHistories):
    """Users' item sequences with ids from 1 (0 is the padding), split by leave-one-out.

    A user's last item is the test item, the one before it the validation item, the rest is
    training; a user with fewer than 3 items is training only (SASRec, Sec. IV-A). `split` cuts
    otherwise. What is trained on and evaluated is what `user_train`, `user_valid` and `user_test`
    say, also where somebody edits them.

    filename: a text file of `user item` or `user item time` rows, ids from 1, any order of users.
        Without a time column a user's items keep the file's order. With one they are sorted by
        time, and rows with the same time keep the file's order. Repeated rows stay repeated. None:
        an empty data set, whose usernum, itemnum and dicts may be filled by hand.
    col_sep: what separates the columns.
    keep_times: keep the times, too, in `sequences.times` and `train.times`: 16 more bytes an
        interaction.
    sequences, itemnum, items, raw_users: the users' items in order instead of a file, and what is
        known beside them. `from_sequences`, `from_interactions` and `seqrec_lib.prepare`, which
        takes any ids, are more convenient.

    Attributes:

    filename, col_sep: as given. with_time: whether the file has a time column.
    usernum, itemnum, user_train, user_valid, user_test, User, Items, sequences, train, valid_item,
    test_item: see `SplitHistories`.
    items: None, or a table indexed 1 to itemnum with title, genres, year and raw_id.
    raw_users: (usernum + 1,) the users' ids in the raw files; entry 0 means nothing.
    report: None, or what became of the rows of the log, see `seqrec_lib.prepare`.

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
        self.filename, self.col_sep, self.with_time = filename, col_sep, False
        if filename is not None:
            rows = read_interactions(filename, sep=col_sep)
            self.with_time = "time" in rows
            sequences = ordered_sequences(rows, keep_times)
        super().__init__(sequences, itemnum)
        self.items = None if items is None else _checked_items(items, self.itemnum)
        self.raw_users = np.arange(self.usernum + 1) if raw_users is None else raw_users
        self.report: pd.DataFrame | None = None

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
            flat = Sequences.from_lists(sequences)
            for user in sequences:
                if flat.lengths[user] == 0:
                    raise ValueError(f"user {user} has no items; leave such users out")
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

    @classmethod
    def from_split(
        cls,
        train: Lists,
        valid: Lists,
        test: Lists,
        usernum: int | None = None,
        itemnum: int | None = None,
        items: pd.DataFrame | None = None,
    ) -> "SASRecDataSet":
        """From a split that is there already: each part {user: item ids in order} or `Sequences`.

        A user may be missing from any part. usernum and itemnum default to the largest ids. Times
        are not kept.
        Raises ValueError that names the part, the user and the value for ids that are not whole
        numbers from 1, or beyond usernum or itemnum.
        """
        split = Split.from_lists(train, valid, test, usernum, itemnum)
        dataset = cls(sequences=split.sequences, itemnum=itemnum, items=items)
        dataset._flat = split
        return dataset

    def __repr__(self) -> str:
        if self.is_empty:
            return "SASRecDataSet(empty)"
        return (
            f"SASRecDataSet({self._user_count():,} users, {self.itemnum:,} items, "
            f"{len(self.sequences.items):,} interactions)"
        )

    def _user_count(self) -> int:
        return int(np.count_nonzero(self.sequences.lengths))

    def describe(self) -> pd.DataFrame:
        """The counts of SASRec's Table II, one row: users, items, interactions and their means."""
        users, interactions = self._user_count(), len(self.sequences.items)
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

    @property
    def _known_items(self) -> pd.DataFrame:
        if self.items is None:
            raise ValueError("this data set has no titles: give items= a table with titles")
        return self.items

    @cached_property
    def _titles(self) -> TitleIndex:
        return TitleIndex(self._known_items["title"])

    def item_id(self, title: str) -> int:
        """The id of the film that a typed-in title means; case, year and 'The' are optional.

        Raises TitleError, a ValueError, with the choices where several films match, with the
        closest titles where none does. `search` lists titles.
        """
        return self._titles.find(title)

    def item_ids(self, titles: Iterable[str]) -> dict[str, int]:
        """{title: id} of typed-in titles. One TitleError names all that are wrong."""
        return self._titles.find_all(titles)

    def search(self, text: str = "", k: int = 10) -> pd.DataFrame:
        """The films whose titles hold the words of a text, the best match first.

        Returns at most k rows of `items`, indexed by item id. An empty text finds all, by title.
        """
        found = self._titles.search(text, k)
        shown = [name for name in ("title", "genres", "year") if name in self._known_items]
        return self._known_items.loc[found, shown]

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
        counts = [self.train.lengths[user], *(self.held_out(x)[user] for x in ("valid", "test"))]
        split = np.repeat(["train", "valid", "test"], counts).astype(object)
        frame = pd.DataFrame({"item": ids, "split": split})
        frame.index = pd.RangeIndex(1, len(ids) + 1, name="position")
        if self.items is not None:
            shown = [name for name in ("title", "genres", "year") if name in self.items]
            frame[shown] = self.items[shown].loc[ids].set_axis(frame.index)
        return frame


def _checked_items(items: pd.DataFrame, itemnum: int) -> pd.DataFrame:
    if "title" not in items.columns:
        raise ValueError(f"items must have a title column; it has {list(items.columns)}")
    if list(items.index) != list(range(1, itemnum + 1)):
        raise ValueError(f"items must be indexed by the item ids 1 to {itemnum}, in order")
    return items
