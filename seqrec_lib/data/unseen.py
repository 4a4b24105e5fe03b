"""Draw items that a user has not seen: exactly, for all users at once, without rejection.

The usual way to draw a negative is to draw any item and to draw again while it is one that the
user knows. It is a loop in Python, and it never ends for a user who knows everything. The way here
needs no second try. Number a user's unseen items 0, 1, 2, ...; draw a number; turn the number into
the item. With the seen items s_0 < s_1 < ... of a user, s_j - 1 - j unseen items are smaller than
s_j, so unseen item number r is

    r + 1 + (how many j have s_j - 1 - j <= r)

and that count is one binary search in a sorted array, which serves every user when the user is
made part of the key.
"""

from collections.abc import Iterable
from typing import Self

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.vocabulary import called
from seqrec_lib.data.sequences import Sequences

_SEARCHES_PER_LISTED_ITEM = 4  # searching for a number takes as long as listing so many items


class Complement:
    """For each user the items 1..item_num that are NOT in the user's sequence.

    sequences: the seen items (for training: the training items). Repeats and order are free.
    item_num: number of items I; ids are 1..I.
    also: arrays of shape (U+1,), each holding one more seen item per user, 0 for none: the target
        at evaluation, for example.
    device: where the arrays live and the draws are made.

    Memory: 8 bytes for each (user, item) pair and 24 for each user; nothing is users × items.
    Raises ValueError for an item id outside 1..item_num, or `also` of another length.
    """

    def __init__(
        self,
        sequences: Sequences,
        item_num: int,
        also: Iterable[np.ndarray] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.item_num, self._user_ids = int(item_num), sequences.user_ids
        self._stride = self.item_num + 1
        keys = _seen_keys(sequences, self.item_num, also)  # (N,) user × stride + item, sorted
        starts = np.searchsorted(keys, np.arange(sequences.num_users + 2) * self._stride)
        seen = np.diff(starts)  # (U+1,)
        j = np.arange(len(keys)) - np.repeat(starts[:-1], seen)  # (N,) among the user's own
        self._starts = torch.from_numpy(starts)  # (U+2,) where a user's keys begin
        self._keys = torch.from_numpy(keys - 1 - j)
        self._counts = torch.from_numpy(self.item_num - seen)  # (U+1,) unseen items
        self._all_can_draw = bool((self._counts[1:] > 0).all())  # so no draw needs to look
        self.to(device)

    def to(self, device: torch.device | str) -> Self:
        """Moves the arrays to `device`, in place; returns self."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def count(self, users: Tensor) -> Tensor:
        """How many items each of `users` has not seen: int64, the shape of `users`."""
        return self._counts[users]

    def seen(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, items), both (N,) and in order: the different items that users[rows] have seen."""
        lengths = self._starts[users + 1] - self._starts[users]  # (B,)
        rows = torch.arange(len(users), device=users.device).repeat_interleave(lengths)
        j = torch.arange(len(rows), device=users.device) - (lengths.cumsum(0) - lengths)[rows]
        keys = self._keys[self._starts[users][rows] + j]
        return rows, keys + 1 + j - users[rows] * self._stride

    def take(self, users: Tensor, r: Tensor) -> Tensor:
        """Unseen item number r of each user, in rising order of id; r counts from 0.

        users: int64 (B,).
        r: int64 (B,) or (B, K), 0 <= r < count(users); not checked, for speed.
        Returns int64 item ids of the shape of r.
        """
        if r.is_cpu and r.dim() == 2 and r.shape[1] * _SEARCHES_PER_LISTED_ITEM >= self.item_num:
            # many of few: list the unseen items of all users; on a GPU the host would have to wait
            unseen = torch.ones(len(users), self._stride, dtype=torch.bool, device=users.device)
            unseen[:, 0] = False
            unseen[self.seen(users)] = False
            counts = self._counts[users].unsqueeze(1)
            return unseen.nonzero()[:, 1][counts.cumsum(0) - counts + r]
        users = users.view((-1,) + (1,) * (r.dim() - 1))  # (B,) or (B, 1)
        end = torch.searchsorted(self._keys, r + users * self._stride, right=True)
        return end.sub_(self._starts[users]).add_(r).add_(1)

    def draw(self, users: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws k unseen items for each user, all equally likely; an item may come twice.

        users: int64 (B,), on `device`; a user may occur more than once.
        generator: of the same device; None draws from torch's global one.
        Returns int64 (B, k). Raises ValueError that names a user who has no unseen item.
        """
        counts = self._counts[users]
        if not self._all_can_draw and bool((counts == 0).any()):
            who = called(self._user_ids, int(users[counts.argmin()]))
            raise ValueError(f"{who} has 0 of {self.item_num} items left: leave this user out")
        return self.take(users, random_below(counts, k, generator))


def _seen_keys(sequences: Sequences, item_num: int, also: Iterable[np.ndarray]) -> np.ndarray:
    """The different (user, item) pairs as sorted keys user × (item_num + 1) + item: int64 (N,)."""
    items, lengths = sequences.items, sequences.lengths  # (N,), (U+1,)
    if len(items) and not 1 <= items.min() <= items.max() <= item_num:
        raise ValueError(
            f"sequences hold item ids from {items.min()} to {items.max()}, but item_num is "
            f"{item_num}: ids must be 1..{item_num}"
        )
    first_key = np.arange(len(lengths)) * (item_num + 1)
    parts = [np.repeat(first_key, lengths)]
    parts[0] += items
    for extra in also:
        if extra.shape != lengths.shape:
            raise ValueError(f"`also` needs arrays of shape {lengths.shape}, got {extra.shape}")
        parts.append((first_key + extra)[extra != 0])
    keys = np.concatenate(parts)
    keys.sort()
    return keys[np.diff(keys, prepend=0) > 0]  # np.unique takes 20 times as long


def random_below(sizes: Tensor, k: int, generator: torch.Generator | None) -> Tensor:
    """Whole numbers 0 <= r < sizes[row], (B,) → (B, k); uniform but for a bias of size / 2^62."""
    bits = torch.randint(0, 2**62, (len(sizes), k), generator=generator, device=sizes.device)
    return bits.remainder_(sizes.unsqueeze(1))
