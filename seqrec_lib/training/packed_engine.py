"""The fast training step on a CPU: no padding, one thread a core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from seqrec_lib.common.distributed import World
from seqrec_lib.network.fast.threads import CoreThreads
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.scoring import ROWS_AT_ONCE
from seqrec_lib.training.losses import Loss
from seqrec_lib.training.sampling import Batch


class PackedEngine:
    """The fast step on a CPU in float32. Use it in a `with` block: it owns threads.

    Equal seeds give equal gradients, bit for bit, as long as the number of threads is the same.
    """

    def __init__(
        self,
        model: SequenceModel,
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
        from seqrec_lib.network.fast.packed import PackedRows, dots

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
