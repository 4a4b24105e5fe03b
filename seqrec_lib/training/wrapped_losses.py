"""What the engines put around a loss: fewer items than the model has, a look at one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seqrec_lib.training.losses import Dots, Loss, dots


@dataclass(frozen=True)
class Within:
    """A loss among the first `item_num` items alone: those of the data set, where a model has more.

    What the table has beyond them is nobody's: it is not compared with and has no gradient.
    """

    loss: Loss
    item_num: int

    def total(self, query: Tensor, shift: Tensor | None, table: Tensor, *rest: Any) -> Tensor:
        """See the module: → a scalar."""
        part = table[: self.item_num + 1]  # (I+1, D), I of the data set
        return self.loss.total(query, shift, part, *rest)


@dataclass(frozen=True)
class Checked:
    """A loss of the user's own: what it gives is looked at before it is differentiated."""

    loss: Any

    def total(
        self,
        query: Tensor,
        shift: Tensor | None,
        table: Tensor,
        target: Tensor,
        negative: Tensor,
        dots: Dots = dots,
    ) -> Tensor:
        """See the module: → a scalar. Raises ValueError where it is none."""
        given = self.loss.total(query, shift, table, target, negative, dots)
        if not isinstance(given, Tensor) or given.ndim != 0:
            shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
            raise ValueError(
                f"{type(self.loss).__name__}.total gave {shape} for {len(query)} rows: it must "
                "give the sum over those whose target is not 0, a tensor without an axis"
            )
        return given
