"""The fast training step on a CPU: no padding, one thread a core, the gradients of the plain step.

Padding is cut out, the sequences are dealt to groups whose rows fit a core's cache, and each core
takes one group after another. The groups' sums, divided by the number of real positions of the
whole batch, add up to the plain step. How a batch is divided and in which order the groups are
added up depends on the batch alone: equal seeds give equal bits for any number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from seqrec_lib.common.distributed import World
from seqrec_lib.network.fast.fitness import ROWS_AT_ONCE
from seqrec_lib.network.fast.threads import CoreThreads
from seqrec_lib.network.model import SequenceModel, encoded
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.losses import Loss
from seqrec_lib.training.sampling import SampledBatch


class PackedEngine:
    """The fast step, for a model that `fits_packed`. Use it in a `with` block: it owns threads."""

    def __init__(
        self,
        model: SequenceModel,
        loss: Loss,
        generator: torch.Generator,
        threads: int | None = None,
        world: World | None = None,
    ) -> None:
        self.model, self.loss, self.generator = model, loss, generator
        self.world = world or World()
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._cores = CoreThreads(threads)
        self._plain = PaddedEngine(model, loss, generator)

    def __enter__(self) -> Self:
        self._cores.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._cores.__exit__(*exc)

    def step(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """Fill the gradients; this process's part of the mean loss. negatives: (B, T, K)."""
        if not can_be_packed(batch):
            return self._plain.step(batch, negatives)
        count = int((batch.pos != 0).sum())
        groups = divide(*self.world.shard(batch, negatives))
        if any(getattr(part, "dropout_rate", 0) > 0 for part in self.model.modules()):
            seeds = torch.randint(2**62, (len(groups),), generator=self.generator).tolist()
        else:  # then the negatives are the same however many groups and processes there are
            seeds = [0] * len(groups)
        total = _SumInOrder()

        def work(share: Sequence[int]) -> None:
            for number in share:
                loss = self._loss_sum(groups[number], seeds[number]) / count
                gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True)
                total.add(number, [loss.detach(), *gradients])

        self._cores.map(work, list(range(len(groups))))
        loss, *gradients = total.parts
        filled = [
            torch.zeros_like(p) if g is None else g
            for p, g in zip(self._parameters, gradients, strict=True)
        ]
        self.world.all_reduce_(filled)
        for parameter, gradient in zip(self._parameters, filled, strict=True):
            parameter.grad = gradient
        assert loss is not None
        return loss

    def _loss_sum(self, group: Group, seed: int) -> Tensor:
        from seqrec_lib.network.fast.packed import PackedRows, dots

        rows = PackedRows(group.lengths, self.model.seq_max_len, True, seed)
        query, shift = encoded(self.model, group.items, group.users, rows)  # (N, D), (N,)
        weight, target, negatives = self.model.output_embedding, group.target, group.negatives
        return self.loss.total(query, shift, weight, target, negatives, dots)


class _SumInOrder:
    """The sum of what threads bring in any order, added up in the order of the numbers.

    Floating-point sums depend on their order; what comes too early waits here.
    """

    def __init__(self) -> None:
        self.parts: list[Tensor | None] = []
        self._early: dict[int, list[Tensor | None]] = {}
        self._next = 0
        self._lock = threading.Lock()

    def add(self, number: int, parts: list[Tensor | None]) -> None:
        """Number 0, 1, 2, …, each once."""
        with self._lock:
            self._early[number] = parts
            while self._next in self._early:
                more = self._early.pop(self._next)
                self.parts = [_plus(a, b) for a, b in zip(self.parts or more, more, strict=True)]
                self._next += 1


def _plus(mine: Tensor | None, more: Tensor | None) -> Tensor | None:
    if mine is None or more is None or mine is more:
        return more if mine is None else mine
    return mine.add_(more)


class Group(NamedTuple):
    """Some sequences of a batch, packed: N rows in all, one target each."""

    lengths: Tensor  # (G,)
    users: Tensor  # (N,)
    items: Tensor  # (N,)
    target: Tensor  # (N,)
    negatives: Tensor  # (N, K)


def can_be_packed(batch: SampledBatch) -> bool:
    """Whether all padding is in front, and each item has a target and nothing else has one.

    A masked position, a 0 between items, is something else: the plain step takes such a batch.
    """
    real = batch.seq != 0
    gaps = real[:, 1:] < real[:, :-1]
    return torch.equal(real, batch.pos != 0) and not bool(gaps.any())


def divide(batch: SampledBatch, negatives: Tensor) -> list[Group]:
    """Cut the padding out and deal the sequences to groups of about equal cost."""
    users, seq, pos = batch.users, batch.seq, batch.pos
    real = seq != 0
    lengths = real.sum(dim=1)
    order = lengths.argsort(descending=True, stable=True)
    order = order[lengths[order] > 0]
    if len(order) == 0:
        raise ValueError("a batch holds nothing but padding: the sampler gave no item at all")
    # An even number, so that two cores are done at the same time.
    groups = min(len(order), 2 * max(1, round(int(lengths.sum()) / (2 * ROWS_AT_ONCE))))
    # Dealt like cards, back and forth, sorted by length: each group gets about the same cost.
    deal = torch.arange(len(order)) % (2 * groups)
    deal = torch.minimum(deal, 2 * groups - 1 - deal)
    order = order[deal.argsort(stable=True)]
    sizes = torch.bincount(deal, minlength=groups).tolist()
    kept, lengths = real[order], lengths[order]
    by_row = users[order].repeat_interleave(lengths)  # (N,)
    parts = lengths.split(sizes)
    rows = [int(part.sum()) for part in parts]
    packed = (by_row, seq[order][kept], pos[order][kept], negatives[order][kept])
    return [Group(*group) for group in zip(parts, *(x.split(rows) for x in packed), strict=True)]
