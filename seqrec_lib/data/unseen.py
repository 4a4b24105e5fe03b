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

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

_SEARCHES_PER_LISTED_ITEM = 4  # searching for a number takes as long as listing so many items
_REDRAW_ROUNDS = 20  # then what is still missing is drawn from a list of what is left


class FlatSequences(Protocol):
    """What is needed of `Sequences`: user u's items are ``items[starts[u]:starts[u + 1]]``."""

    @property
    def items(self) -> np.ndarray:
        """(N,) item ids of all users, one user after the other."""

    @property
    def starts(self) -> np.ndarray:
        """int64 (U+2,) where each user's items begin; user 0 has none."""


class Complement:
    """For each user the items 1..item_num that are NOT in the user's sequence.

    Args:
        sequences: the seen items (for training: the training items). Repeats and order are free.
        item_num: number of items I; ids are 1..I.
        also: arrays of shape (U+1,), each holding one more seen item per user, 0 for none: the
            target at evaluation, for example.
        device: where the arrays live and the draws are made.

    Attributes:
        user_num, item_num: U and I.
        device: where the arrays are.

    Raises:
        ValueError: an item id outside 1..item_num, or `also` of another length.

    Memory: 8 bytes for each (user, item) pair and 24 for each user; nothing is users × items.
    """

    def __init__(
        self,
        sequences: FlatSequences,
        item_num: int,
        also: Iterable[np.ndarray] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.item_num = int(item_num)
        self.user_num = len(sequences.starts) - 2
        self._stride = self.item_num + 1
        keys = _distinct_keys(sequences, self.item_num, also)  # (N,) user × stride + item
        starts = np.searchsorted(keys, np.arange(self.user_num + 2) * self._stride)
        seen = np.diff(starts)  # (U+1,)
        place = np.arange(len(keys)) - np.repeat(starts[:-1], seen)  # j, among the user's own
        self._starts = torch.from_numpy(starts)  # (U+2,) where a user's keys begin
        self._keys = torch.from_numpy(keys - 1 - place)
        self._counts = torch.from_numpy(self.item_num - seen)  # (U+1,) unseen items
        self._set_weights(keys, starts)
        self._drawable_everywhere = bool((self._drawable()[1:] > 0).all())
        self.to(device)

    def to(self, device: torch.device | str) -> Self:
        """Moves the arrays to `device`, in place; returns self."""
        self.device = torch.device(device)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(self.device))
        return self

    def count(self, users: Tensor) -> Tensor:
        """How many items each of `users` has not seen: int64, the shape of `users`."""
        return self._counts[users]

    def take(self, users: Tensor, r: Tensor) -> Tensor:
        """Unseen item number r of each user, in rising order of id; r counts from 0.

        Args:
            users: int64 (B,).
            r: int64 (B,) or (B, K), 0 <= r < count(users); not checked, for speed.

        Returns:
            int64 item ids of the shape of r.
        """
        if r.dim() == 2 and r.shape[1] * _SEARCHES_PER_LISTED_ITEM >= self.item_num:
            return self._take_from_lists(users, r)
        users = users.view((-1,) + (1,) * (r.dim() - 1))  # (B,) or (B, 1)
        end = torch.searchsorted(self._keys, r + users * self._stride, right=True)
        return end.sub_(self._starts[users]).add_(r).add_(1)

    def _take_from_lists(self, users: Tensor, r: Tensor) -> Tensor:
        """The same by writing out every user's unseen items: cheaper where many are taken."""
        lengths = self._starts[users + 1] - self._starts[users]  # (B,) seen items
        row = torch.arange(len(users), device=self.device).repeat_interleave(lengths)  # (N,)
        place = torch.arange(len(row), device=self.device) - (lengths.cumsum(0) - lengths)[row]
        keys = self._keys[self._starts[users][row] + place]
        unseen = torch.ones(len(users), self.item_num + 1, dtype=torch.bool, device=self.device)
        unseen[:, 0] = False
        unseen[row, keys - users[row] * self._stride + 1 + place] = False
        items = unseen.nonzero()[:, 1]  # every user's, one after the other
        counts = self._counts[users]
        return items[(counts.cumsum(0) - counts).unsqueeze(1) + r]

    def draw(
        self,
        users: Tensor,
        k: int,
        generator: torch.Generator | None = None,
        replace: bool = True,
    ) -> Tensor:
        """Draws k unseen items for each user.

        Args:
            users: int64 (B,), on `device`; a user may occur more than once.
            k: how many for each.
            generator: of the same device; None draws from torch's global one.
            replace: False makes the k items of a row different from each other.

        Returns:
            int64 (B, k).

        Raises:
            ValueError: a user has no unseen item, or fewer than k without repeats; names the user.
        """
        needed = 1 if replace else k
        if needed > 1 or not self._drawable_everywhere:
            self._check_enough(users, needed)
        items = self._draw_with_repeats(users, k, generator)
        return items if replace else self._replace_repeats(users, items, generator)

    def _draw_with_repeats(
        self, users: Tensor, k: int, generator: torch.Generator | None
    ) -> Tensor:
        return self.take(users, _random_below(self._counts[users], k, generator))

    def _replace_repeats(
        self, users: Tensor, items: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Draws anew for all but one of equal items in a row, until none are equal.

        This keeps the first k different values of one endless stream of draws, which is the
        definition of drawing one after the other without replacement. A row that needs too many
        rounds (it wants nearly all that is left) is finished from the list of what is left.
        """
        rows, columns = _repeats(items)
        for _ in range(_REDRAW_ROUNDS):
            if len(rows) == 0:
                return items
            items[rows, columns] = self._draw_with_repeats(users[rows], 1, generator).squeeze(1)
            rows, columns = _repeats(items)
        items[rows, columns] = 0
        for row in rows.unique():
            unseen = self._all_unseen(users[row])
            weights = self._weights_of(unseen)
            weights[torch.isin(unseen, items[row])] = 0
            holes = (items[row] == 0).nonzero().squeeze(1)
            items[row, holes] = unseen[torch.multinomial(weights, len(holes), generator=generator)]
        return items

    def _all_unseen(self, user: Tensor) -> Tensor:
        numbers = torch.arange(int(self._counts[user]), device=self.device)
        return self.take(user.expand(len(numbers)), numbers)

    def _check_enough(self, users: Tensor, needed: int) -> None:
        drawable = self._drawable()[users]
        if bool((drawable < needed).any()):
            worst = int(drawable.argmin())
            raise ValueError(
                f"user {int(users[worst])} has {int(drawable[worst])} of {self.item_num} items "
                f"left to draw from, and {needed} different ones are needed: draw fewer items, "
                "allow repeats (replace=True), or leave this user out"
            )

    # What differs when items are not equally likely ---------------------------------------------

    def _set_weights(self, keys: np.ndarray, starts: np.ndarray) -> None:
        pass

    def _drawable(self) -> Tensor:
        """(U+1,) how many different items can come out of a draw."""
        return self._counts

    def _weights_of(self, items: Tensor) -> Tensor:
        return torch.ones(len(items), dtype=torch.float64, device=items.device)


class WeightedComplement(Complement):
    """As `Complement`, but an unseen item comes with a chance that goes with its weight.

    Weights are counts, whole numbers, so that the draw is exact as well: item i takes up
    weights[i] places on a line, the user's seen items are cut out of the line, and a place is drawn
    from what remains.

    Args:
        weights: int64 (I+1,), not negative, weights[0] unused; how often each item occurs in
            training, for negatives by popularity. An item of weight 0 is never drawn.
    """

    def __init__(
        self,
        sequences: FlatSequences,
        item_num: int,
        weights: np.ndarray,
        also: Iterable[np.ndarray] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        weights = np.asarray(weights)
        if weights.shape != (item_num + 1,) or weights.dtype.kind not in "iu":
            raise ValueError(
                f"weights must be whole numbers of shape ({item_num + 1},), one for each item and "
                f"one for padding, got {weights.dtype} of shape {weights.shape}"
            )
        if weights[1:].min() < 0:
            raise ValueError(f"weights must not be negative, got {weights[1:].min()}")
        self._weights = torch.from_numpy(weights.astype(np.int64))
        self._weights[0] = 0
        super().__init__(sequences, item_num, also, device)

    def _set_weights(self, keys: np.ndarray, starts: np.ndarray) -> None:
        users, items = np.divmod(keys, self._stride)
        weights = self._weights.numpy()
        line = np.cumsum(weights)  # (I+1,) places taken up by the items up to and with i
        total = int(line[-1])
        taken = np.concatenate([[0], np.cumsum(weights[items])])  # (N+1,) by seen items before
        free = line[items] - weights[items] - (taken[:-1] - taken[starts[users]])
        self._line = torch.from_numpy(line)
        self._taken = torch.from_numpy(taken)
        self._line_stride = total + 1
        self._line_keys = torch.from_numpy(users * self._line_stride + free)
        self._free = torch.from_numpy(total - np.diff(taken[starts]))  # (U+1,) places left
        seen = np.bincount(users[weights[items] > 0], minlength=self.user_num + 1)
        self._different = torch.from_numpy(np.count_nonzero(weights) - seen)  # (U+1,)

    def _draw_with_repeats(
        self, users: Tensor, k: int, generator: torch.Generator | None
    ) -> Tensor:
        place = _random_below(self._free[users], k, generator)  # (B, K) on the user's own line
        keys = users.unsqueeze(1) * self._line_stride + place
        end = torch.searchsorted(self._line_keys, keys, right=True)
        place += self._taken[end] - self._taken[self._starts[users]].unsqueeze(1)
        return torch.searchsorted(self._line, place, right=True)

    def _drawable(self) -> Tensor:
        return self._different

    def _weights_of(self, items: Tensor) -> Tensor:
        return self._weights[items].double()


def _distinct_keys(
    sequences: FlatSequences, item_num: int, also: Iterable[np.ndarray]
) -> np.ndarray:
    """The different (user, item) pairs as sorted keys user × (item_num + 1) + item: int64 (N,)."""
    items = np.asarray(sequences.items)
    if len(items) and not 1 <= items.min() <= items.max() <= item_num:
        raise ValueError(
            f"sequences hold item ids from {items.min()} to {items.max()}, but item_num is "
            f"{item_num}: ids must be 1..{item_num}"
        )
    lengths = np.diff(sequences.starts)  # (U+1,)
    first_key = np.arange(len(lengths)) * (item_num + 1)
    parts = [np.repeat(first_key, lengths)]
    parts[0] += items
    for extra in also:
        if extra.shape != lengths.shape:
            raise ValueError(
                f"each array in `also` needs one entry for users 0..{len(lengths) - 1}, shape "
                f"{lengths.shape}, got {extra.shape}"
            )
        users = np.flatnonzero(extra)
        parts.append(first_key[users] + extra[users])
    keys = np.concatenate(parts)
    keys.sort()
    new = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return keys[new]


def _random_below(sizes: Tensor, k: int, generator: torch.Generator | None) -> Tensor:
    """Uniform whole numbers 0 <= r < sizes[row]: (B,) → int64 (B, k)."""
    # 62 random bits modulo the size: the bias is at most size / 2^62
    bits = torch.randint(0, 2**62, (len(sizes), k), generator=generator, device=sizes.device)
    return bits.remainder_(sizes.unsqueeze(1))


def _repeats(items: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, columns) of all but one of equal items in a row; items (B, K)."""
    ordered, columns = items.sort(dim=1)
    rows, places = (ordered[:, 1:] == ordered[:, :-1]).nonzero(as_tuple=True)
    return rows, columns[rows, places + 1]
