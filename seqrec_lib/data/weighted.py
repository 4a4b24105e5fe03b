"""Draw unseen items by weight, and without repeats if asked: the candidates of an evaluation."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.vocabulary import called
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.unseen import Complement, random_below

_REDRAW_ROUNDS = 20  # then what is still missing is drawn from a list of what is left


class WeightedComplement(Complement):
    """As `Complement`, but an unseen item is drawn in proportion to its weight.

    Weights are counts, whole numbers, so that the draw is exact as well: item i takes up
    weights[i] points on a line, the user's seen items are cut out of the line, and a point is drawn
    from what remains. With weights of 1 the draws are those of `Complement`.

    sequences, item_num, also: as in `Complement`.
    weights: int64 (I+1,), not negative, weights[0] unused; how often each item occurs in training,
        for negatives by popularity. An item of weight 0 is never drawn.

    Memory: 24 bytes more for each (user, item) pair. Raises ValueError for other weights, too.
    """

    def __init__(
        self,
        sequences: Sequences,
        item_num: int,
        weights: np.ndarray,
        also: Iterable[np.ndarray] = (),
    ) -> None:
        weights = np.asarray(weights)
        if weights.shape != (item_num + 1,) or weights.dtype.kind not in "iu":
            raise ValueError(
                f"weights must be whole numbers of shape ({item_num + 1},), one for each item and "
                f"one for padding, got {weights.dtype} of shape {weights.shape}"
            )
        if weights[1:].min() < 0:
            raise ValueError(f"weights must not be negative, got {weights[1:].min()}")
        super().__init__(sequences, item_num, also)
        self._weights = torch.from_numpy(weights.astype(np.int64))
        self._weights[0] = 0
        self._line = self._weights.cumsum(0)  # (I+1,) points taken up by the items up to i
        total = int(self._line[-1])
        self._line_stride = total + 1
        users, items = self.seen(torch.arange(len(self._counts)))  # (N,)
        taken = self._weights[items]  # (N,) points that are cut out
        # (N+1,) points cut out before a seen item, all users' one after the other
        self._cut = torch.cat([taken.new_zeros(1), taken.cumsum(0)])
        before = self._cut[:-1] - self._cut[self._starts[users]]  # (N,) of the same user
        self._line_keys = users * self._line_stride + self._line[items] - taken - before
        self._free = total - self._cut[self._starts].diff()  # (U+1,) points left
        seen = torch.bincount(users[taken > 0], minlength=len(self._counts))
        self._drawable = torch.count_nonzero(self._weights) - seen  # (U+1,) different items left

    def draw(
        self,
        users: Tensor,
        k: int,
        generator: torch.Generator | None = None,
        replace: bool = True,
    ) -> Tensor:
        """Draws k unseen items for each user, one after the other.

        users, generator: as in `Complement.draw`.
        replace: False makes the k items of a row different from each other.

        Returns int64 (B, k). Raises ValueError that names a user who has no item left, or fewer
        than k without repeats.
        """
        left, needed = self._drawable[users], 1 if replace else k
        if bool((left < needed).any()):
            worst = int(left.argmin())
            raise ValueError(
                f"{called(self._user_ids, int(users[worst]))} has {int(left[worst])} of "
                f"{self.item_num} items left to draw from, and {needed} different ones are needed: "
                "draw fewer items, allow repeats (replace=True), or leave this user out"
            )
        items = self._draw_with_repeats(users, k, generator)
        return items if replace else self._replace_repeats(users, items, generator)

    def _draw_with_repeats(
        self, users: Tensor, k: int, generator: torch.Generator | None
    ) -> Tensor:
        point = random_below(self._free[users], k, generator)  # (B, K) on the user's own line
        keys = users.unsqueeze(1) * self._line_stride + point
        end = torch.searchsorted(self._line_keys, keys, right=True)
        point += self._cut[end] - self._cut[self._starts[users]].unsqueeze(1)
        return torch.searchsorted(self._line, point, right=True)

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
            weights = self._weights[unseen].double()
            weights[torch.isin(unseen, items[row])] = 0
            holes = (items[row] == 0).nonzero().squeeze(1)
            items[row, holes] = unseen[torch.multinomial(weights, len(holes), generator=generator)]
        return items

    def _all_unseen(self, user: Tensor) -> Tensor:
        numbers = torch.arange(int(self._counts[user]), device=user.device)
        return self.take(user.expand(len(numbers)), numbers)


def _repeats(items: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, columns) of all but one of equal items in a row; items (B, K)."""
    ordered, columns = items.sort(dim=1)
    rows, earlier = (ordered[:, 1:] == ordered[:, :-1]).nonzero(as_tuple=True)
    return rows, columns[rows, earlier + 1]
