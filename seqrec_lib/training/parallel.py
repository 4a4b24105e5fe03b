"""The plain step of several processes: each has its share of every batch, and all have the sum.

Every process divides by the real positions of the whole batch, so the gradients that they add up
are those of one process, up to rounding.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from seqrec_lib.common.distributed import World
from seqrec_lib.common.randomness import drawing_from
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.sampling import SampledBatch


class ParallelEngine(PaddedEngine):
    """`PaddedEngine` in a world of several processes.

    world, then arguments: those of `PaddedEngine`.
    fixed_sizes: DistributedDataParallel adds up the gradients while they are made. False where the
        model's embedding tables change their size between steps, which it does not allow: one
        message after the step adds up instead.
    """

    def __init__(self, world: World, fixed_sizes: bool, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.world, self._while_made = world, fixed_sizes
        if fixed_sizes:
            self._sum = DistributedDataParallel(self._sum)

    def step(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """See `PaddedEngine`; this process's part of the mean loss."""
        self.model.zero_grad(set_to_none=True)
        count = (batch.pos != 0).sum()
        with drawing_from(self.ambient):
            loss = self.mean_loss(*self.world.shard(batch, negatives), count)
        if self._while_made:
            (loss * self.world.size).backward()  # what adds up gradients here takes their mean
        else:
            loss.backward()
            self.world.all_reduce_([p.grad for p in self.model.parameters() if p.grad is not None])
        return loss.detach()
