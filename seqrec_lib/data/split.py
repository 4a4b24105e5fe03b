"""What of each user's history is for training, what for validation and what for the test."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from seqrec_lib.common.ids import LARGEST_ID, checked_id, refuse_sparse_ids
from seqrec_lib.data.sequences import Sequences

Lists = Mapping[int, Sequence[int] | np.ndarray] | Sequences
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
    """

    sequences: Sequences
    train_lengths: np.ndarray
    valid_lengths: np.ndarray
    sizes: tuple[int, int, int] | None = None

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
        Raises ValueError that names the dict, the user and the value for whatever is no id, and
        where there are no items at all; TypeError for what is no dict.
        """
        parts = dict(zip(PARTS, (train, valid, test), strict=True))
        for name, lists in parts.items():
            _check_users(name, lists, usernum)
        if usernum is None:
            usernum = max(chain.from_iterable(parts.values()), default=0)
        refuse_sparse_ids(usernum, sum(map(_count, parts.values())), "user")
        flat = [_flat(name, lists, usernum, itemnum) for name, lists in parts.items()]
        lengths = flat[0][1] + flat[1][1] + flat[2][1]  # (U+1,)
        items = np.empty(lengths.sum(), dtype=np.int32)
        if len(items) == 0:
            raise ValueError(_NOTHING)
        first = np.cumsum(lengths) - lengths  # (U+1,) where a user's items of this part go
        for values, own in flat:
            items[np.arange(len(values)) + np.repeat(first - np.cumsum(own) + own, own)] = values
            first = first + own
        return cls(Sequences.from_lengths(items, lengths), flat[0][1], flat[1][1])

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

        A user without training items has no target either, as in recommenders.
        """
        before = self.train_lengths + (self.valid_lengths if _is_test(split) else 0)
        has_one = (self.held_out(split) > 0) & (self.train_lengths > 0)
        targets = np.zeros(len(has_one), dtype=np.int64)
        targets[has_one] = self.sequences.items[(self.sequences.starts[:-1] + before)[has_one]]
        return targets

    def why_no_targets(self, split: str) -> str:
        """What to say, and to do, where nobody has a target."""
        size = f"{split}_size"
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


def _check_users(name: str, lists: Any, usernum: int | None) -> None:
    if not isinstance(lists, Mapping | Sequences):
        raise TypeError(f"{name} must be a dict {{user: [items]}}, got {type(lists).__name__}")
    for user in lists:
        try:
            checked_id(user, "user")
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if usernum is not None and user > usernum:
            raise ValueError(f"{name} has user {user}, beyond usernum={usernum}")


def _count(lists: Lists) -> int:
    if isinstance(lists, Sequences):
        return len(lists.items)
    return sum(len(items) for items in lists.values() if isinstance(items, Sized))


def _flat(
    name: str, lists: Lists, usernum: int, itemnum: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """All users' items one after another, (N,), and how many each has, (U + 1,)."""
    users = sorted(lists)
    values = [lists[user] for user in users]
    lengths = np.zeros(usernum + 1, dtype=np.int64)
    most = LARGEST_ID if itemnum is None else itemnum
    try:
        lengths[users] = [len(items) for items in values]
        if isinstance(lists, Sequences):
            items = lists.items
        else:
            _check_kinds(values)
            items = np.fromiter(chain.from_iterable(values), np.int64, int(lengths.sum()))
        if len(items) and not 1 <= items.min() <= items.max() <= most:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(_first_wrong(name, users, values, most)) from None
    return items, lengths


def _check_kinds(values: list[Any]) -> None:
    """A TypeError for anything but whole numbers: a flag is none, though Python counts with it."""
    kinds = set(map(type, values))
    if any(not issubclass(kind, Sequence | np.ndarray) for kind in kinds):
        raise TypeError
    if not all(map(_is_whole, set(map(type, chain.from_iterable(values))))):
        raise TypeError


def _is_whole(kind: type) -> bool:
    return issubclass(kind, int | np.integer) and kind is not bool


def _first_wrong(name: str, users: Iterable[int], values: list[Any], most: int) -> str:
    """Where the first value is that is no id, and what would be one."""
    for user, items in zip(users, values, strict=True):
        flat = items.ndim == 1 if isinstance(items, np.ndarray) else isinstance(items, Sequence)
        if not flat:
            return f"{name}[{user}] must be a list of items, got {items!r:.80}"
        for item in items:
            if not _is_whole(type(item)) or not 1 <= item <= most:
                of = "itemnum=" if most < LARGEST_ID else ""
                return (
                    f"{name}[{user}] holds {item!r}: items are whole numbers from 1 to {of}{most}"
                )
    raise AssertionError("every value is an item id")
