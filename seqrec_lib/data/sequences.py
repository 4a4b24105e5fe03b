"""Sequences of unequal length in two flat arrays: 4 bytes an item instead of a list's 36 or so."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqrec_lib.common.checks import one_of, positive

LARGEST_ID = 2**31 - 1
_ALWAYS_FINE = 10_000_000  # ids up to here are taken however few rows there are


class Sequences:
    """The item ids of users 1 to U, each user's in order, read like a mapping: sequences[user].

    items: (N,) int32, all users' items one after another.
    starts: (U + 2,) int64; user u's items are items[starts[u] : starts[u + 1]]. User 0 is empty,
        so that arrays over users are indexed by the id itself.

    A user may have no items at all (a gap in the ids): an empty array. Iteration goes over the
    user ids and dict(sequences) works, but `items` is the flat array, not a mapping's method.
    Raises ValueError where the two arrays do not fit together.
    """

    def __init__(self, items: np.ndarray, starts: np.ndarray) -> None:
        self.items = np.ascontiguousarray(items, dtype=np.int32)
        self.starts = np.ascontiguousarray(starts, dtype=np.int64)
        if self.items.ndim != 1 or self.starts.ndim != 1 or len(self.starts) < 2:
            raise ValueError("items must be (N,) and starts (U + 2,), both flat")
        if self.starts[0] != 0 or self.starts[1] != 0 or self.starts[-1] != len(self.items):
            raise ValueError(f"starts must begin with 0, 0 and end with {len(self.items)}")
        if (np.diff(self.starts) < 0).any():
            raise ValueError("starts must never decrease")

    @classmethod
    def from_lengths(cls, items: np.ndarray, lengths: np.ndarray) -> "Sequences":
        """Build from items (N,) in user order and lengths (U + 1,), lengths[0] = 0."""
        starts = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        return cls(items, starts)

    @classmethod
    def from_lists(
        cls,
        lists: "Mapping[int, Sequence[int] | np.ndarray] | Sequences",
        num_users: int | None = None,
    ) -> "Sequences":
        """Build from {user id: item ids in order}; users up to num_users without a list are empty.

        num_users defaults to the largest user id. Raises ValueError for user ids outside 1 to
        num_users and for item ids that are not whole numbers from 1.
        """
        if isinstance(lists, Sequences):
            lists = {user: lists[user] for user in lists}
        users = np.array([_as_id(user, "user") for user in lists], dtype=np.int64)
        largest = int(users.max(initial=0))
        num_users = largest if num_users is None else num_users
        if largest > num_users:
            raise ValueError(f"user {largest} is beyond num_users={num_users}")
        refuse_sparse_ids(num_users, sum(map(len, lists.values())), "user")
        lengths = np.zeros(num_users + 1, dtype=np.int64)
        arrays: list[np.ndarray] = [np.empty(0, dtype=np.int32)] * len(users)
        order = np.argsort(users, kind="stable")
        rank = np.empty(len(users), dtype=np.int64)
        rank[order] = np.arange(len(users))
        for place, user, values in zip(rank, users, lists.values(), strict=True):
            arrays[place] = _as_items(values, int(user))
            lengths[user] = len(arrays[place])
        return cls.from_lengths(
            np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int32), lengths
        )

    @property
    def num_users(self) -> int:
        """U, the largest user id."""
        return len(self.starts) - 2

    @property
    def lengths(self) -> np.ndarray:
        """(U + 1,) int64, the number of items by user id; lengths[0] = 0."""
        return np.diff(self.starts)

    def __getitem__(self, user: int) -> np.ndarray:
        if not 1 <= user <= self.num_users:
            raise KeyError(user)
        return self.items[self.starts[user] : self.starts[user + 1]]

    def keys(self) -> range:
        """The user ids, 1 to U."""
        return range(1, self.num_users + 1)

    def __iter__(self) -> Iterator[int]:
        return iter(self.keys())

    def __len__(self) -> int:
        return self.num_users

    def __contains__(self, user: object) -> bool:
        return isinstance(user, int | np.integer) and bool(1 <= user <= self.num_users)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequences):
            return NotImplemented
        same_starts = np.array_equal(self.starts, other.starts)
        return same_starts and np.array_equal(self.items, other.items)

    __hash__ = None  # type: ignore[assignment]  # arrays can change, so no hash

    def __repr__(self) -> str:
        return f"Sequences({self.num_users:,} users, {len(self.items):,} items)"

    def without_last(self, count: np.ndarray) -> "Sequences":
        """Sequences with the last count[u] items of each user u dropped; count is (U + 1,)."""
        lengths = np.maximum(self.lengths - count, 0)
        place = np.arange(len(self.items)) - np.repeat(self.starts[:-1], self.lengths)
        return Sequences.from_lengths(self.items[place < np.repeat(lengths, self.lengths)], lengths)

    def padded(self, users: Any, maxlen: int | None = None, drop_last: int = 0) -> np.ndarray:
        """The most recent items of some users as one rectangle, 0s in front.

        users: (B,) ids from 0 (empty) to U, repeats allowed.
        maxlen: the most items kept, the latest ones; None keeps all.
        drop_last: how many of each user's last items to leave out first (1 hides the test item).

        Returns (B, T) int64 with T = min(maxlen, the longest remaining history), at least 1.
        """
        ids = np.asarray(users, dtype=np.int64).reshape(-1)
        if len(ids) and not 0 <= ids.min() <= ids.max() <= self.num_users:
            wrong = ids[(ids < 0) | (ids > self.num_users)][0]
            raise ValueError(f"user {wrong} is outside 0 to {self.num_users}")
        if maxlen is not None and maxlen < 1:
            raise ValueError(f"maxlen={maxlen} must be at least 1")
        if drop_last < 0:
            raise ValueError(f"drop_last={drop_last} must not be negative")
        first = self.starts[ids]
        stop = self.starts[ids + 1] - drop_last  # may lie before first: then nothing is inside
        width = max(1, int((stop - first).max(initial=0)))
        width = width if maxlen is None else min(width, maxlen)
        place = stop[:, None] - width + np.arange(width)  # (B, T) places in the flat array
        inside = place >= first[:, None]
        rows = np.zeros(place.shape, dtype=np.int64)
        rows[inside] = self.items[place[inside]]
        return rows


def refuse_sparse_ids(largest: int, rows: int, name: str) -> None:
    """Tables are as long as the largest id: a few rows with ids in the billions is a mistake.

    Raises ValueError then; name says whose id it is.
    """
    if largest > max(_ALWAYS_FINE, 100 * rows):
        raise ValueError(
            f"{name} id {largest} with only {rows} interactions: ids must be numbered from 1 "
            "without large gaps; prepare(table) numbers any ids anew"
        )


def _as_id(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} id {value!r} is not a whole number")
    if not 1 <= value <= LARGEST_ID:
        raise ValueError(f"{name} id {value} is outside 1 to {LARGEST_ID} (0 is the padding)")
    return int(value)


def _as_items(values: Sequence[int] | np.ndarray, user: int) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"user {user}: items must be a flat list of ids") from None
    if array.size == 0:
        return np.empty(0, dtype=np.int32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"user {user}: items must be a flat list of whole numbers from 1")
    if not 1 <= array.min() <= array.max() <= LARGEST_ID:
        wrong = array[(array < 1) | (array > LARGEST_ID)][0]
        raise ValueError(
            f"user {user}: item id {wrong} is outside 1 to {LARGEST_ID} (0 is the padding)"
        )
    return array.astype(np.int32)


def pad_sequences(
    sequences: Sequence[Sequence[int]],
    maxlen: int,
    padding: str = "pre",
    truncating: str = "pre",
    value: int = 0,
) -> np.ndarray:
    """Sequences of unequal length as one int64 array (len(sequences), maxlen).

    padding, truncating: "pre" fills or cuts in front, "post" at the end.
    Raises ValueError for another word and for maxlen below 1.
    """
    one_of("padding", padding, ("pre", "post"))
    one_of("truncating", truncating, ("pre", "post"))
    positive("maxlen", maxlen)
    out = np.full((len(sequences), maxlen), value, dtype=np.int64)
    for row, sequence in zip(out, sequences, strict=True):
        kept = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
        if len(kept) and padding == "pre":
            row[-len(kept) :] = kept
        elif len(kept):
            row[: len(kept)] = kept
    return out
