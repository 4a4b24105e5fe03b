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

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqrec_lib.distributed import World
from seqrec_lib.inference import ROWS_AT_ONCE
from seqrec_lib.losses import Loss
from seqrec_lib.rows import PaddedRows
from seqrec_lib.sampling import Batch
from seqrec_lib.threads import CoreThreads

if TYPE_CHECKING:
    from seqrec_lib.sasrec import SASREC


class PaddedEngine:
    """The plain step on any device; precision torch.bfloat16 runs the forward pass in bfloat16.

    world: the processes that share each batch. fixed_sizes: False where the model's tables change
    their size between steps, which DistributedDataParallel does not allow: then the processes add
    up gradients in one message after the step. rows: how the batch is stored: `PaddedRows`, or
    `fused.FusedRows`.
    """

    def __init__(
        self,
        model: SASREC,
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


class PackedEngine:
    """The fast step on a CPU in float32. Use it in a `with` block: it owns threads.

    Equal seeds give equal gradients, bit for bit, as long as the number of threads is the same.
    """

    def __init__(
        self,
        model: SASREC,
        loss: Loss,
        generator: torch.Generator,
        threads: int | None = None,
        training: bool = True,
        world: World | None = None,
    ) -> None:
        self.model, self.loss, self.generator = model, loss, generator
        self.training, self.world = training, world or World()
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._cores = CoreThreads(threads)
        self.threads = self._cores.count

    def __enter__(self) -> Self:
        self._cores.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._cores.__exit__(*exc)

    def step(self, batch: Batch, negatives: Tensor) -> Tensor:
        """Fill the gradients; this process's part of the mean loss. negatives: (B, T, K)."""
        count = int((batch.pos != 0).sum())
        groups = _divide(*self.world.share(batch, negatives), self.threads)
        if self.training and self.model.dropout_rate > 0:
            seeds = torch.randint(2**62, (len(groups),), generator=self.generator).tolist()
        else:  # then the negatives are the same however many groups and processes there are
            seeds = [0] * len(groups)

        def part(work: Sequence[tuple[_Group, int]]) -> tuple[Tensor, list[Tensor]]:
            return self._run(work, count)

        results = self._cores.share(part, list(zip(groups, seeds, strict=True)))
        loss, gradients = results[0]
        for more, others_gradients in results[1:]:
            loss = loss + more
            for mine, theirs in zip(gradients, others_gradients, strict=True):
                mine.add_(theirs)
        self.world.add_(gradients)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        return loss

    def _run(self, work: Sequence[tuple[_Group, int]], count: int) -> tuple[Tensor, list[Tensor]]:
        """The share of one thread: its part of the mean loss, and of the gradients."""
        total = torch.zeros(())
        gradients: list[Tensor] = []
        for group, seed in work:
            loss = self._loss_sum(group, seed) / count
            new = torch.autograd.grad(loss, self._parameters, allow_unused=True)
            total += loss.detach()
            if gradients:
                for mine, more in zip(gradients, new, strict=True):
                    if more is not None:
                        mine.add_(more)
            else:
                gradients = [
                    torch.zeros_like(parameter) if gradient is None else gradient
                    for parameter, gradient in zip(self._parameters, new, strict=True)
                ]
        if not gradients:
            gradients = [torch.zeros_like(parameter) for parameter in self._parameters]
        return total, gradients

    def _loss_sum(self, group: _Group, seed: int) -> Tensor:
        from seqrec_lib.packed import PackedRows, dots

        rows = PackedRows(group.lengths, self.model.seq_max_len, self.training, seed)
        hidden = self.model.encode(group.items, group.users, rows)  # (N, D)
        query, shift = self.model.query(hidden, group.users)
        table, target, negatives = self.model.item_table, group.target, group.negatives
        return self.loss.total(query, shift, table, target, negatives, dots)


class _Group:
    """Some sequences of a batch, packed: N rows in all, one target each."""

    def __init__(
        self, lengths: Tensor, users: Tensor, items: Tensor, target: Tensor, negatives: Tensor
    ) -> None:
        self.lengths = lengths  # (G,)
        self.users, self.items, self.target = users, items, target  # (N,)
        self.negatives = negatives  # (N, K)


def _divide(batch: Batch, negatives: Tensor, threads: int) -> list[_Group]:
    """Cut the padding out and deal the sequences to groups of about equal cost."""
    users, seq, pos, _ = batch
    real = seq != 0
    lengths = real.sum(dim=1)
    if not torch.equal(real, pos != 0) or bool((real[:, 1:] < real[:, :-1]).any()):
        raise ValueError(
            "a batch must be padded in front, with a target at each real position and nowhere "
            "else; the sampler gave another one"
        )
    order = lengths.argsort(descending=True, stable=True)
    order = order[lengths[order] > 0]
    if len(order) == 0:
        raise ValueError("a batch holds nothing but padding: the sampler gave no item at all")
    groups = max(1, round(int(lengths.sum()) / ROWS_AT_ONCE / threads)) * threads
    # Dealt like cards, back and forth, sorted by length: each group gets about the same cost.
    deal = torch.arange(len(order)) % (2 * groups)
    deal = torch.minimum(deal, 2 * groups - 1 - deal)
    order = order[deal.argsort(stable=True)]
    sizes = torch.bincount(deal, minlength=groups).tolist()
    lengths = lengths[order]
    kept = real[order]
    rows = users[order].repeat_interleave(lengths)  # (N,)
    items, target, wrong = seq[order][kept], pos[order][kept], negatives[order][kept]
    result: list[_Group] = []
    sequence, row = 0, 0
    for size in sizes:
        part = lengths[sequence : sequence + size]
        end = row + int(part.sum())
        if size:
            result.append(
                _Group(part, rows[row:end], items[row:end], target[row:end], wrong[row:end])
            )
        sequence, row = sequence + size, end
    return result
