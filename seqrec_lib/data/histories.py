"""What training and evaluation ask a data set for: users' histories, and how they are split."""

from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.common.ids import refuse_sparse_ids
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.split import EditableSplit, Split


class SplitHistories:
    """The items of users 1 to usernum in order, split into training, validation and test.

    At first by leave-one-out: the last item is the test, the one before it the validation; a user
    with fewer than 3 items is training only. There is one truth: `user_train`, `user_valid` and
    `user_test`, once somebody has asked for one of them, and before that flat arrays alone, which
    are smaller and faster. All the rest follows an edit of the dicts.

    read: the histories, or None: empty, usernum, itemnum and the dicts to be filled by hand.
    itemnum: None takes the largest item.

    Attributes: usernum, itemnum, the largest ids. Ids may have gaps: a user without items has an
    empty sequence, and is no key of the dicts.

    Whatever reads the split raises ValueError that names dict, user and value where an edited dict
    holds anything but ids.
    """

    def __init__(self, read: Sequences | None, itemnum: int | None) -> None:
        self._read = read
        self._flat: Split | None = None
        self._lists: EditableSplit | None = None
        self._user: dict[int, list[int]] | None = None
        if read is None:
            self._lists = EditableSplit(None)
            self.usernum, self.itemnum = 0, itemnum or 0
            return
        if len(read.items) == 0:
            raise ValueError("there are no interactions: a data set needs at least one")
        largest = int(read.items.max())
        if itemnum is None:
            refuse_sparse_ids(largest, len(read.items), "item")
        elif largest > itemnum:
            raise ValueError(f"item id {largest} is beyond itemnum={itemnum}")
        self._flat = Split.by_sizes(read, 1, 1, 3)
        self.usernum, self.itemnum = read.num_users, int(itemnum or largest)

    def split(
        self,
        valid_size: int = 1,
        test_size: int = 1,
        min_interactions: int = 3,
        verbose: bool = False,
    ) -> dict[str, int]:
        """Split the data as they were read, in place of the split so far and of edits of it.

        valid_size, test_size: how many of a user's items are held out, the last ones for the test,
            those before them for validation; either may be 0.
        min_interactions: a user with fewer items is training only.
        verbose: print a summary.

        Returns num_users and num_items (the largest ids), users_with_splits, users_train_only,
        valid_size, test_size and min_interactions.
        Raises ValueError for an empty data set, sizes that are not whole numbers from 0, and
        min_interactions below valid_size + test_size + 1.
        """
        if self._read is None:
            raise ValueError(
                "Filename is required: this data set was made without one, so there is nothing to "
                "split; make it with SASRecDataSet(filename=...)"
            )
        self._flat = Split.by_sizes(self._read, valid_size, test_size, min_interactions)
        self._lists = None
        lengths = self._read.lengths
        users, split = (int(np.count_nonzero(lengths >= n)) for n in (1, min_interactions))
        if verbose:
            print(
                f"Split complete: the last {test_size} items of a user are the test, the "
                f"{valid_size} before them the validation.\n  Total users: {self.usernum}\n  "
                f"Total items: {self.itemnum}\n  Users with a split: {split}\n  Users with "
                f"training only (fewer than {min_interactions} items): {users - split}"
            )
        return {
            "num_users": self.usernum,
            "num_items": self.itemnum,
            "users_with_splits": split,
            "users_train_only": users - split,
            "valid_size": int(valid_size),
            "test_size": int(test_size),
            "min_interactions": int(min_interactions),
        }

    def split_at(self, valid_from: Any, test_from: Any) -> dict[str, int]:
        """Split at two points in time, the same for all users, in place of the split so far.

        What is earlier than valid_from is training, from test_from on it is the test, between them
        validation. So no model is trained on what lay in the future of its test items. What is
        ranked is each user's first item of a part, after everything earlier in the history; the
        others of the part compete like any item. A user who has nothing earlier has no target.

        valid_from, test_from: numbers in the unit of the data's times, or dates (text, datetime)
            where the times are seconds since 1970, as of MovieLens and of every column of dates;
            dates without a time zone are UTC. Equal ones leave no validation part. The last tenth
            of all interactions is the test from `numpy.quantile(dataset.sequences.times, 0.9)` on.

        Returns how many interactions are in the parts train, valid and test; how many users have
        something to train on (train_users) and a target (valid_users, test_users); how many have
        test items and nothing earlier (new_users); how many items occur, but not in training
        (new_items): no model can know these.
        Raises ValueError for data without times (keep_times=True keeps them), and for points
        that leave nothing to train on or to test.
        """
        if self._read is None:
            raise ValueError("there are no interactions to split: this data set was made empty")
        points = (_seconds("valid_from", valid_from), _seconds("test_from", test_from))
        split = self._flat = Split.by_time(self._read, *points)
        self._lists = None
        count = np.count_nonzero
        new = (split.train_lengths + split.valid_lengths == 0) & (split.held_out("test") > 0)
        parts = (split.train_lengths, split.valid_lengths, split.held_out("test"))
        found = {
            **{name: x.sum() for name, x in zip(("train", "valid", "test"), parts, strict=True)},
            "train_users": count(split.train_lengths),
            "valid_users": count(split.targets("valid")),
            "test_users": count(split.targets("test")),
            "new_users": count(new),
            "new_items": len(np.setdiff1d(self._read.items, split.train.items)),
        }
        return {name: int(number) for name, number in found.items()}

    def current_split(self) -> Split:
        """The split that holds now: the dicts', where somebody has them in hand."""
        if self._lists is not None:
            self._flat = self._lists.current(self.usernum, self.itemnum)
        assert self._flat is not None
        return self._flat

    def take_split(self, split: Split) -> None:
        """Become the histories of a split, in place of what was there."""
        self._read, self._flat, self._lists = split.sequences, split, None
        self.usernum = split.sequences.num_users

    def _dicts(self) -> dict[str, dict[int, list[int]]]:
        if self._lists is None:
            self._lists = EditableSplit(self._flat)
        return self._lists.parts

    @property
    def user_train(self) -> dict[int, list[int]]:
        """{user: training items}, to read and to edit. For large data prefer the flat `train`."""
        return self._dicts()["user_train"]

    @user_train.setter
    def user_train(self, lists: dict[int, list[int]]) -> None:
        self._dicts()["user_train"] = lists

    @property
    def user_valid(self) -> dict[int, list[int]]:
        """{user: validation items}, [] for a user who is training only; to read and to edit."""
        return self._dicts()["user_valid"]

    @user_valid.setter
    def user_valid(self, lists: dict[int, list[int]]) -> None:
        self._dicts()["user_valid"] = lists

    @property
    def user_test(self) -> dict[int, list[int]]:
        """{user: test items}, [] for a user who is training only; to read and to edit."""
        return self._dicts()["user_test"]

    @user_test.setter
    def user_test(self, lists: dict[int, list[int]]) -> None:
        self._dicts()["user_test"] = lists

    @property
    def sequences(self) -> Sequences:
        """The whole histories of users 1 to usernum: training, validation and test items."""
        return self.named(self.current_split().sequences)

    @property
    def train(self) -> Sequences:
        """What is for training."""
        return self.named(self.current_split().train)

    @property
    def valid_item(self) -> np.ndarray:
        """(usernum + 1,) int64: the first validation item by user, 0 = none."""
        return self.current_split().targets("valid")

    @property
    def test_item(self) -> np.ndarray:
        """(usernum + 1,) int64: the first test item by user, 0 = none."""
        return self.current_split().targets("test")

    def history(self, split: str) -> Sequences:
        """What a model is shown before the targets of "test" (training and validation items) or of
        "valid" (training items)."""
        return self.named(self.current_split().history(split))

    def named(self, sequences: Sequences) -> Sequences:
        """The same histories, which know what their users are called."""
        return sequences

    @property
    def split_points(self) -> dict[str, float]:
        """{"valid": …, "test": …}: the times from which on these parts are, empty without them."""
        points = self.current_split().points
        return {} if points is None else dict(zip(("valid", "test"), points, strict=True))

    def held_out(self, split: str) -> np.ndarray:
        """(usernum + 1,) int64: how many items each user has in the part "test" or "valid"."""
        return self.current_split().held_out(split)

    def targets(self, split: str) -> np.ndarray:
        """(usernum + 1,) int64: `test_item` or `valid_item`, what "test" or "valid" ranks.

        Raises ValueError that says what to do where nobody has one.
        """
        current = self.current_split()
        targets = current.targets(split)
        if not targets.any():
            raise ValueError(current.why_no_targets(split))
        return targets

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it: it was made without a file, and is not yet filled."""
        return self._read is None and not any(self._dicts().values())

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell two data sets apart: equal ones have the same.

        They come from the sequences (order and times included), itemnum and the split, not from
        titles and raw ids.
        """
        return self.current_split().fingerprint(self.itemnum)

    @property
    def User(self) -> dict[int, list[int]]:
        """{user: all items in order}, as they were read: to look at, edits of it change nothing."""
        if self._read is None:
            return _as_lists(self.sequences)
        if self._user is None:
            self._user = _as_lists(self._read)
        return self._user

    @property
    def Items(self) -> set[int]:
        """The items that occur in the data as they were read."""
        return set(np.unique((self.sequences if self._read is None else self._read).items).tolist())


def _seconds(name: str, point: Any) -> float:
    """A point in time as a number: a date in seconds since 1970."""
    if isinstance(point, int | float | np.number) and not isinstance(point, bool):
        return float(point) if isinstance(point, float | np.floating) else int(point)
    try:
        return pd.Timestamp(point).timestamp()
    except (TypeError, ValueError):
        raise ValueError(f"{name}={point!r} is neither a number nor a date") from None


def _as_lists(sequences: Sequences) -> dict[int, list[int]]:
    return {u: sequences[u].tolist() for u in np.flatnonzero(sequences.lengths).tolist()}
