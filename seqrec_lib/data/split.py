"""What of each user's history is for training, what for validation and what for the test."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from seqrec_lib.common.ids import refuse_sparse_ids
from seqrec_lib.data.lists import Lists, check_users, count_items, flattened
from seqrec_lib.data.sequences import Sequences

PARTS = ("user_train", "user_valid", "user_test")
_NOTHING = (
    "there are no interactions: a data set needs a file, SASRecDataSet(filename=...), or items in "
    "user_train, and usernum and itemnum with them"
)


@dataclass(frozen=True, eq=False)
class Split:
    """Every user's history, in order, cut into a training, a validation and a test part.

    sequences: the whole histories of users 1 to U.
    train_lengths, valid_lengths: (U + 1,) int64, how many of a user's first items are for training,
        and how many of those that follow are for validation. The rest is the test.
    sizes: (valid_size, test_size, min_interactions) where the parts were cut by them.
    points: (valid_from, test_from) where they were cut at these times.
    """

    sequences: Sequences
    train_lengths: np.ndarray
    valid_lengths: np.ndarray
    sizes: tuple[int, int, int] | None = None
    points: tuple[float, float] | None = None

    @classmethod
    def by_sizes(
        cls, sequences: Sequences, valid_size: int, test_size: int, min_interactions: int
    ) -> "Split":
        """The last test_size items are the test, the valid_size before them the validation.

        A user with fewer than min_interactions items is training only. Raises ValueError for sizes
        that are not whole numbers from 0, and for a min_interactions that leaves nobody an item to
        train on.
        """
        sizes = valid_size, test_size, min_interactions
        names = ("valid_size", "test_size", "min_interactions")
        for name, value in zip(names, sizes, strict=True):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                raise ValueError(f"{name}={value!r} must be a whole number, 0 or more")
        least = valid_size + test_size + 1
        if min_interactions < least:
            raise ValueError(
                f"min_interactions={min_interactions} is below valid_size + test_size + 1 = {least}"
                ", so that a user could be left without an item to train on: give "
                f"min_interactions={least} or more"
            )
        enough = sequences.lengths >= min_interactions  # (U+1,)
        held_out = np.where(enough, valid_size + test_size, 0)
        return cls(sequences, sequences.lengths - held_out, np.where(enough, valid_size, 0), sizes)

    @classmethod
    def by_time(cls, sequences: Sequences, valid_from: float, test_from: float) -> "Split":
        """What is earlier than valid_from is training, from test_from on the test.

        Raises ValueError for sequences without times or not in their order, for points that are in
        the wrong order, and where nothing is left to train on or to test.
        """
        times, lengths = sequences.times, sequences.lengths
        if times is None:
            raise ValueError(
                "a split at a point in time needs the times: make the data set with keep_times=True"
            )
        user = np.repeat(np.arange(len(lengths)), lengths)  # (N,)
        if bool(((np.diff(times) < 0) & (np.diff(user) == 0)).any()):
            raise ValueError("a user's items are not in the order of their times")
        if not valid_from <= test_from:
            raise ValueError(f"valid_from={valid_from} is later than test_from={test_from}")
        if not times.min() < valid_from or not test_from <= times.max():
            raise ValueError(
                f"valid_from={valid_from} and test_from={test_from} leave nothing to train on or "
                f"to test: the times go from {times.min()} to {times.max()}"
            )
        before = [
            np.bincount(user[times < x], minlength=len(lengths)) for x in (valid_from, test_from)
        ]
        return cls(sequences, before[0], before[1] - before[0], points=(valid_from, test_from))

    @classmethod
    def from_lists(
        cls,
        train: Lists,
        valid: Lists,
        test: Lists,
        usernum: int | None = None,
        itemnum: int | None = None,
    ) -> "Split":
        """From {user: items in order}, thrice; a user may be missing from any of them.

        usernum, itemnum: the largest ids allowed; None allows all, and takes the largest user.
        Times are kept where all three are `Sequences` with times.
        Raises ValueError that names the dict, the user and the value for whatever is no id, and
        where there are no items at all; TypeError for what is no dict.
        """
        parts = dict(zip(PARTS, (train, valid, test), strict=True))
        for name, lists in parts.items():
            check_users(name, lists, usernum)
        if usernum is None:
            usernum = max(chain.from_iterable(parts.values()), default=0)
        refuse_sparse_ids(usernum, sum(map(count_items, parts.values())), "user")
        flat = [flattened(name, lists, usernum, itemnum) for name, lists in parts.items()]
        lengths = flat[0][1] + flat[1][1] + flat[2][1]  # (U+1,)
        items = np.empty(lengths.sum(), dtype=np.int32)
        if len(items) == 0:
            raise ValueError(_NOTHING)
        known = _times_of_all(parts.values())
        times = None if known is None else np.empty(len(items), np.result_type(*known))
        first = np.cumsum(lengths) - lengths  # (U+1,) where a user's items of this part go
        for part, (values, own) in enumerate(flat):
            place = np.arange(len(values)) + np.repeat(first - np.cumsum(own) + own, own)
            items[place] = values
            if times is not None and known is not None:
                times[place] = known[part]
            first = first + own
        return cls(Sequences.from_lengths(items, lengths, times), flat[0][1], flat[1][1])

    @cached_property
    def train(self) -> Sequences:
        """The training items."""
        return self._first(self.train_lengths)

    @cached_property
    def _before_test(self) -> Sequences:
        return self._first(self.train_lengths + self.valid_lengths)

    def _first(self, lengths: np.ndarray) -> Sequences:
        return self.sequences.without_last(self.sequences.lengths - lengths)

    def history(self, split: str) -> Sequences:
        """What a model is shown before the targets of "valid" (training) or "test" (all before)."""
        return self._before_test if _is_test(split) else self.train

    def held_out(self, split: str) -> np.ndarray:
        """(U + 1,) int64: how many items each user has in the part "valid" or "test"."""
        if not _is_test(split):
            return self.valid_lengths
        return self.sequences.lengths - self.train_lengths - self.valid_lengths

    def targets(self, split: str) -> np.ndarray:
        """(U + 1,) int64: the first item of the part by user, 0 = none.

        A user without training items has no target either, as in recommenders; by time, a user
        without anything earlier.
        """
        before = self.train_lengths + (self.valid_lengths if _is_test(split) else 0)
        known = self.train_lengths if self.points is None else before
        has_one = (self.held_out(split) > 0) & (known > 0)
        targets = np.zeros(len(has_one), dtype=np.int64)
        targets[has_one] = self.sequences.items[(self.sequences.starts[:-1] + before)[has_one]]
        return targets

    def why_no_targets(self, split: str) -> str:
        """What to say, and to do, where nobody has a target."""
        size = f"{split}_size"
        if self.points is not None:
            times = self.sequences.times
            assert times is not None
            return (
                f"no user has a {split} item and an earlier one with valid_from={self.points[0]} "
                f"and test_from={self.points[1]}: the times go from {times.min()} to {times.max()}"
            )
        if self.sizes is None:
            why = f"user_{split} holds no item of a user who has training items"
        elif dict(zip(("valid", "test"), self.sizes, strict=False))[split] == 0:
            item = "test item" if split == "test" else "validation item"
            why = f"there is no {item}, as the data were split with {size}=0"
        else:
            return f"no user has {self.sizes[2]} items or more, so there is nothing to evaluate"
        return f"{why}: dataset.split({size}=1) holds out one for each user"

    def fingerprint(self, itemnum: int) -> str:
        """16 hexadecimal digits, from the items, their order and times, itemnum and the cuts."""
        digest = hashlib.sha256()
        sequences, cuts = self.sequences, (self.train_lengths, self.valid_lengths)
        arrays: list[np.ndarray | None] = [sequences.items, sequences.starts, sequences.times]
        usual = Split.by_sizes(sequences, 1, 1, 3)  # told apart by the counts below already
        if not all(map(np.array_equal, cuts, (usual.train_lengths, usual.valid_lengths))):
            arrays += cuts
        for array in arrays:
            if array is not None:
                digest.update(f"{array.dtype.str} {len(array)} ".encode())
                digest.update(array.data)
        held_out = [int(self.held_out(split).sum()) for split in ("valid", "test")]
        digest.update(f"{itemnum} {self.train_lengths.sum()} {held_out}".encode())
        return digest.hexdigest()[:16]

    def as_lists(self) -> dict[str, dict[int, list[int]]]:
        """`user_train`, `user_valid`, `user_test`: each {user: items}, of users who have items."""
        items = self.sequences.items.tolist()
        users = np.flatnonzero(self.sequences.lengths)
        start = self.sequences.starts[users]
        valid = start + self.train_lengths[users]
        test = valid + self.valid_lengths[users]
        cuts = [x.tolist() for x in (start, valid, test, self.sequences.starts[users + 1])]
        return {
            name: {u: items[a:b] for u, a, b in zip(users.tolist(), *cuts[i : i + 2], strict=True)}
            for i, name in enumerate(PARTS)
        }


class EditableSplit:
    """A split as three dicts of lists, which somebody may have edited since: they are the truth.

    split: what they are made from; None begins with empty ones.
    parts: {"user_train": …, "user_valid": …, "user_test": …}, each {user: [items in order]}.
    """

    def __init__(self, split: Split | None) -> None:
        self._split = split
        self.parts: dict[str, Any] = {n: {} for n in PARTS} if split is None else split.as_lists()
        self._seen: Any = _copies(self.parts)

    def current(self, usernum: int, itemnum: int) -> Split:
        """The split that the dicts say now; flat arrays are built anew only where they changed.

        Raises as `Split.from_lists`, and ValueError where times would have to follow an edit.
        """
        last = self._split
        if last is not None and usernum == last.sequences.num_users and self._is_as_seen():
            return last
        if last is not None and last.sequences.times is not None:
            raise ValueError(
                "user_train, user_valid or user_test were edited, and nothing is known of the "
                "times of the new items: make the data set with keep_times=False"
            )
        train, valid, test = (self.parts[name] for name in PARTS)
        self._split = Split.from_lists(train, valid, test, usernum, itemnum)
        self._seen = _copies(self.parts)
        return self._split

    def _is_as_seen(self) -> bool:
        # The items of a list that nobody touched are the very objects of the copy, so that
        # comparing a million of them takes some 10 ms.
        try:
            return all(
                lists.keys() == seen.keys()
                and all(_listed(lists[user]) == items for user, items in seen.items())
                for lists, seen in zip(self.parts.values(), self._seen.values(), strict=True)
            )
        except (TypeError, ValueError, AttributeError):  # what is no dict of lists of numbers
            return False


def _times_of_all(parts: Iterable[Any]) -> list[np.ndarray] | None:
    """The times of each part, (N,); None where one of them has none."""
    times = [part.times if isinstance(part, Sequences) else None for part in parts]
    known = [each for each in times if each is not None]
    return known if len(known) == len(times) else None


def _copies(parts: dict[str, Any]) -> dict[str, dict[int, list[int]]]:
    return {
        name: {user: list(items) for user, items in lists.items()} for name, lists in parts.items()
    }


def _listed(items: Any) -> list[Any]:
    return items if type(items) is list else list(items)


def _is_test(split: str) -> bool:
    if split not in ("test", "valid"):
        raise ValueError(f"split must be 'test' or 'valid', got {split!r}")
    return split == "test"
