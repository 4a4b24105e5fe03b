"""One training step: the loss of a batch and its gradients, by the plain way or the fast one.

`PaddedEngine` is the textbook step: the whole batch as one rectangle. It runs on any device.
`PackedEngine` is the fast one for a CPU: padding is cut out, the rows are divided into groups that
fit a core's cache, and one thread per core takes every other group. Adding up the groups' sums and
dividing by the number of real positions of the whole batch is the same step.

Several processes make the same step, too: each takes its share of the rows of the batch, divides by
the real positions of all of them, and the gradients are added up, by DistributedDataParallel in the
padded engine and by one message after the step in the packed one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqrec_lib.common.distributed import World
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.training.losses import Loss
from seqrec_lib.training.sampling import Batch


class PaddedEngine:
    """The plain step on any device; precision torch.bfloat16 runs the forward pass in bfloat16.

    world: the processes that share each batch. fixed_sizes: False where the model's tables change
    their size between steps, which DistributedDataParallel does not allow: then the processes add
    up gradients in one message after the step. rows: how the batch is stored: `PaddedRows`, or
    `fused.FusedRows`.
    """

    def __init__(
        self,
        model: SequenceModel,
        loss: Loss,
        generator: torch.Generator,
        precision: torch.dtype = torch.float32,
        compiled: bool = False,
        world: World | None = None,
        fixed_sizes: bool = True,
        rows: type[PaddedRows] = PaddedRows,
    ) -> None:
        self.model, self.loss, self.generator, self.precision = model, loss, generator, precision
        self.world, self.threads, self._rows = world or World(), 1, rows
        self._sum: Callable[..., Tensor] = self._loss_sum
        if compiled:
            self._sum = torch.compile(self._loss_sum)
        self._parallel = self.world.size > 1 and fixed_sizes
        if self._parallel:
            self._sum = DistributedDataParallel(_Forward(model, self._sum))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def step(self, batch: Batch, negatives: Tensor) -> Tensor:
        """Fill the gradients; this process's part of the mean loss, a scalar on the device.

        negatives: (B, T, K).
        """
        device, count = self.model.device, (batch.pos != 0).sum()
        batch, negatives = self.world.share(batch, negatives)
        with torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32):
            total = self._sum(batch, negatives)
        loss = total / count
        self.model.zero_grad(set_to_none=True)
        if self._parallel:
            (loss * self.world.size).backward()  # what adds up gradients here takes their mean
        else:
            loss.backward()
            self.world.add_([p.grad for p in self.model.parameters() if p.grad is not None])
        return loss.detach()

    def _loss_sum(self, batch: Batch, negatives: Tensor) -> Tensor:
        model, (users, seq, pos, _) = self.model, batch
        rows = self._rows(seq != 0, training=True, generator=self.generator)
        by_row = users.view(-1, 1).expand_as(seq)
        hidden = model.encode(seq, by_row, rows).flatten(0, 1)  # (B·T, D)
        query, shift = model.query(hidden, by_row.reshape(-1))
        shift = None if shift is None else shift.float()
        return self.loss.total(
            query.float(), shift, model.item_table, pos.view(-1), negatives.flatten(0, 1)
        )


class _Forward(nn.Module):
    """What DistributedDataParallel wraps: it acts on the way into and out of a module's forward."""

    def __init__(self, model: nn.Module, forward: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self._call = model, forward

    def forward(self, batch: Batch, negatives: Tensor) -> Tensor:
        return self._call(batch, negatives)
