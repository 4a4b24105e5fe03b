"""Sequences of unequal length in flat arrays: 4 bytes an item instead of a list's 36 or so."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqrec_lib.common import ids as check
from seqrec_lib.common.checks import positive
from seqrec_lib.common.vocabulary import RawIds


class Sequences:
    """The item ids of users 1 to U, each user's in order, read like a mapping: sequences[user].

    items: (N,) int32, all users' items one after another.
    starts: (U + 2,) int64; user u's items are items[starts[u] : starts[u + 1]]. User 0 is empty,
        so that arrays over users are indexed by the id itself.
    times: None, or (N,) int64 or float64, when each of the items was consumed, in any unit.

    A user may have no items at all (a gap in the ids): an empty array. Iteration goes over the
    user ids and dict(sequences) works, but `items` is the flat array, not a mapping's method.
    Raises ValueError where the arrays do not fit together.
    """

    def __init__(
        self, items: np.ndarray, starts: np.ndarray, times: np.ndarray | None = None
    ) -> None:
        self.user_ids: RawIds | None = None  # what messages call the users
        self.items = check.flat_items(items)
        self.starts = check.whole_numbers("starts", starts)
        if len(self.starts) < 2:
            raise ValueError("starts must be (U + 2,), the places where users 0 to U begin")
        ends = self.starts[[0, 1, -1]].tolist()
        if ends != [0, 0, len(self.items)] or (np.diff(self.starts) < 0).any():
            raise ValueError(f"starts must begin 0, 0, never fall, and end at {len(self.items)}")
        self.times = None if times is None else check.checked_times(times, len(self.items))

    @classmethod
    def from_lengths(
        cls, items: np.ndarray, lengths: np.ndarray, times: np.ndarray | None = None
    ) -> "Sequences":
        """Build from items (N,) in user order and lengths (U + 1,), lengths[0] = 0."""
        return cls(items, np.concatenate([[0], np.cumsum(lengths)]), times)

    @classmethod
    def from_lists(
        cls,
        lists: Mapping[int, Sequence[int] | np.ndarray],
        num_users: int | None = None,
        times: Mapping[int, Sequence[float] | np.ndarray] | None = None,
    ) -> "Sequences":
        """Build from {user id: item ids in order}; users up to num_users without a list are empty.

        num_users defaults to the largest user id; times, where known, is {user id: times in the
        order of the items}. Raises ValueError for user ids outside 1 to num_users, for item ids
        that are not whole numbers from 1, and for a user with more or fewer times than items.
        """
        users = sorted(check.checked_id(user, "user") for user in lists)
        num_users = max(users, default=0) if num_users is None else num_users
        if users and users[-1] > num_users:
            raise ValueError(f"user {users[-1]} is beyond num_users={num_users}")
        parts = [check.checked_items(lists[user], user) for user in users]
        check.refuse_sparse_ids(num_users, sum(map(len, parts)), "user")
        lengths = np.zeros(num_users + 1, dtype=np.int64)
        lengths[users] = [len(part) for part in parts]
        items = np.concatenate([np.empty(0, dtype=np.int32), *parts])
        if times is None:
            return cls.from_lengths(items, lengths)
        own = [check.checked_times(times.get(u, ()), lengths[u], f"user {u}: ") for u in users]
        return cls.from_lengths(items, lengths, np.concatenate([np.empty(0, dtype=np.int64), *own]))

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
        return all(map(np.array_equal, *((x.items, x.starts, x.times) for x in (self, other))))

    __hash__ = None  # type: ignore[assignment]  # arrays can change, so no hash

    def __repr__(self) -> str:
        return f"Sequences({self.num_users:,} users, {len(self.items):,} items)"

    def without_last(self, count: np.ndarray) -> "Sequences":
        """Sequences with the last count[u] items of each user u dropped; count is (U + 1,)."""
        lengths = np.maximum(self.lengths - count, 0)
        position = np.arange(len(self.items)) - np.repeat(self.starts[:-1], self.lengths)
        kept = position < np.repeat(lengths, self.lengths)
        times = None if self.times is None else self.times[kept]
        rest = Sequences.from_lengths(self.items[kept], lengths, times)
        rest.user_ids = self.user_ids
        return rest

    def padded(self, users: Any, maxlen: int | None = None, drop_last: int = 0) -> np.ndarray:
        """The most recent items of some users as one rectangle, 0s in front.

        users: (B,) ids from 0 (empty) to U, repeats allowed.
        maxlen: the most items kept, the latest ones; None keeps all.
        drop_last: how many of each user's last items to leave out first (1 hides the test item).

        Returns (B, T) int64 with T = min(maxlen, the longest remaining history), at least 1.
        """
        return self._pad(self.items, users, maxlen, drop_last)

    def padded_times(self, users: Any, maxlen: int | None = None, drop_last: int = 0) -> np.ndarray:
        """(B, T) int64 or float64, the times of the items of `padded`, 0 at the padding."""
        if self.times is None:
            raise ValueError("there are no times: make the data set with keep_times=True")
        return self._pad(self.times, users, maxlen, drop_last)

    def _pad(self, flat: np.ndarray, users: Any, maxlen: int | None, drop_last: int) -> np.ndarray:
        ids = np.asarray(users, dtype=np.int64).reshape(-1)
        if len(ids) and not 0 <= ids.min() <= ids.max() <= self.num_users:
            wrong = ids[(ids < 0) | (ids > self.num_users)][0]
            raise ValueError(f"user {wrong} is outside 0 to {self.num_users}")
        if drop_last < 0:
            raise ValueError(f"drop_last={drop_last} must not be negative")
        first = self.starts[ids]
        stop = self.starts[ids + 1] - drop_last  # may lie before first: then nothing is inside
        width = max(1, int((stop - first).max(initial=0)))
        width = width if maxlen is None else min(width, positive("maxlen", maxlen))
        index = stop[:, None] - width + np.arange(width)  # (B, T) into the flat array
        inside = index >= first[:, None]
        out = np.zeros(index.shape, dtype=np.promote_types(flat.dtype, np.int64))
        out[inside] = flat[index[inside]]
        return out
