"""One data set ready for training: sequences, ids, titles, and the leave-one-out split."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.common.vocabulary import Vocabulary
from seqrec_lib.data.histories import SplitHistories
from seqrec_lib.data.interactions import check_numbered, ordered_sequences
from seqrec_lib.data.lists import Lists
from seqrec_lib.data.naming import Names
from seqrec_lib.data.readers import read_interactions
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.split import Split
from seqrec_lib.data.titles import without_year


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
    items: None, or a table indexed 1 to itemnum with title, raw_id and any other column.
    raw_users, raw_items: the ids in the log, by number; entry 0 means nothing.
    item_name: what an item is called in messages.
    report: None, or what became of the rows of the log, see `seqrec_lib.prepare`.

    Sequences, dicts and arrays hold the numbers 1, 2, …; whatever takes or gives one user or item
    speaks the ids of the log (`item_number`, `user_number`, `raw_items`, `raw_users` translate). In
    a data set made without other ids the numbers are the ids.

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
        item_name: str = "item",
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
        self.item_name = item_name
        self._raw_users = raw_users
        self._names: Names | None = None
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
        are kept where all three parts are `Sequences` with times.
        Raises ValueError that names the part, the user and the value for ids that are not whole
        numbers from 1, or beyond usernum or itemnum.
        """
        split = Split.from_lists(train, valid, test, usernum, itemnum)
        dataset = cls(sequences=split.sequences, itemnum=itemnum, items=items)
        dataset._flat = split
        return dataset

    @classmethod
    def of_split(
        cls,
        split: Split,
        itemnum: int,
        items: pd.DataFrame | None,
        raw_users: np.ndarray | None,
        item_name: str,
    ) -> "SASRecDataSet":
        """From a split of any histories, also of users who have none at all."""
        dataset = cls(itemnum=itemnum, items=items, raw_users=raw_users, item_name=item_name)
        dataset.take_split(split)
        return dataset

    def undivided(self) -> "SASRecDataSet":
        """The same histories, with all items for training: nothing is left to evaluate on."""
        whole = Split.by_sizes(self.sequences, 0, 0, 1)
        return SASRecDataSet.of_split(
            whole, self.itemnum, self.items, self._raw_users, self.item_name
        )

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

    def name_like(self, other: "SASRecDataSet") -> None:
        """Take over what items and users are called, from a data set with the same numbers."""
        self.items, self._raw_users, self.item_name = other.items, other._raw_users, other.item_name

    @property
    def names(self) -> Names:
        """Finds items and users by the ids of the log, and items by title."""
        made_of = (self.items, self._raw_users, self.itemnum, self.usernum, self.item_name)
        if self._names is None or not self._names.are_of(*made_of):
            items, raw_users, itemnum, usernum, item_name = made_of
            self._names = Names(itemnum, usernum, items, raw_users, item_name)
        return self._names

    @property
    def vocabulary(self) -> Vocabulary:
        """Which item and which user of the log each number stands for."""
        return self.names.vocabulary

    def named(self, sequences: Sequences) -> Sequences:
        """See `SplitHistories`: users are called by the ids of the log."""
        sequences.user_ids = None if self._raw_users is None else self.vocabulary.users
        return sequences

    @property
    def raw_items(self) -> np.ndarray:
        """(itemnum + 1,) the items' ids in the log, by number; entry 0 means nothing."""
        return self.vocabulary.items.by_number()

    @property
    def raw_users(self) -> np.ndarray:
        """(usernum + 1,) the users' ids in the log, by number; entry 0 means nothing."""
        return self.vocabulary.users.by_number()

    @raw_users.setter
    def raw_users(self, raw: np.ndarray) -> None:
        self._raw_users = raw

    def item_number(self, item: Any) -> int:
        """The number 1 to itemnum of an item, by its id in the log or its title.

        Raises ValueError that says what the ids look like, or names the closest titles.
        """
        return self.names.item(item)

    def user_number(self, user: Any) -> int:
        """The number 1 to usernum of a user, by the id in the log. Raises ValueError for others."""
        return self.names.user(user)

    def item_id(self, title: str) -> Any:
        """The id, as in the log, of the item that a typed-in title means.

        Case, year and 'The' are optional. Raises ValueError with the choices where several items
        match, with the closest titles where none does.
        """
        return self.names.titles.find(title)

    def item_ids(self, titles: Iterable[str]) -> dict[str, Any]:
        """{title: id} of typed-in titles. One TitleError names all that are wrong."""
        return self.names.titles.find_all(titles)

    def search(self, text: str = "", k: int = 10) -> pd.DataFrame:
        """The items whose titles hold the words of a text, the best match first.

        Returns at most k rows with title, genres and year, indexed by the ids of the log. An empty
        text finds all, by title.
        """
        found = self.names.titles.search(text, k)
        assert self.items is not None
        shown = [name for name in ("title", "genres", "year") if name in self.items]
        rows = self.items.loc[[self.names.item(item) for item in found], shown]
        return rows.set_axis(pd.Index(found, name="item"))

    def title(self, item: Any, internal: bool = False, year: bool = True) -> str:
        """The title of an item, by its id in the log; internal=True: by its number, 1 to itemnum.

        year=False: without the year in brackets, where it ends with one. Raises ValueError for what
        is no item.
        """
        title = self.names.title(self.vocabulary.items.number(item, internal))
        return title if year else without_year(title)

    def history_frame(self, user: Any, internal: bool = False) -> pd.DataFrame:
        """One user's history in order: item, split, and the other columns of `items`.

        user: the id in the log. internal=True: user and item are numbers, 1 to usernum and itemnum.
        """
        number = self.names.user(user, internal)
        items = self.sequences[number].astype(np.int64)
        counts = [
            self.train.lengths[number],
            *(self.held_out(x)[number] for x in ("valid", "test")),
        ]
        split = np.repeat(["train", "valid", "test"], counts).astype(object)
        shown = items if internal else self.vocabulary.items.of(items)
        frame = pd.DataFrame({"item": shown, "split": split})
        frame.index = pd.RangeIndex(1, len(items) + 1, name="position")
        if self.items is not None:
            known = self.items.drop(columns="raw_id", errors="ignore").loc[items]
            frame = pd.concat([frame, known.set_axis(frame.index)], axis=1)
        return frame


def _checked_items(items: pd.DataFrame, itemnum: int) -> pd.DataFrame:
    if "title" not in items.columns:
        raise ValueError(f"items must have a title column; it has {list(items.columns)}")
    if list(items.index) != list(range(1, itemnum + 1)):
        raise ValueError(f"items must be indexed by the item ids 1 to {itemnum}, in order")
    return items
