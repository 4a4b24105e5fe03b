"""One training step in its plain form: the loss of a batch and its gradients.

The whole batch is one rectangle, on any device, for any `SequenceModel`. `packed_engine` is the
fast step on a CPU to the same gradients, `parallel` the step of several processes.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from seqrec_lib.common.randomness import drawing_from
from seqrec_lib.network.model import SequenceModel, encoded
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.training.sampling import SampledBatch


class LossSum(nn.Module):
    """The sum of a loss, one of `training.losses`, over the real targets of a batch."""

    def __init__(
        self,
        model: SequenceModel,
        loss: Any,
        generator: torch.Generator | None,
        rows: type[PaddedRows],
    ) -> None:
        super().__init__()
        self.model, self.loss, self.generator, self.rows = model, loss, generator, rows

    def forward(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """A batch of (B, T) and negatives (B, T, K) → a scalar."""
        seq, times = batch.seq, getattr(batch, "times", None)
        users = batch.users.view(-1, 1).expand_as(seq)
        rows = self.rows(seq != 0, training=True, generator=self.generator, times=times)
        query, shift = encoded(self.model, seq, users, rows)  # (B·T, D), (B·T,)
        shift = None if shift is None else shift.float()
        weight, target = self.model.output_embedding.float(), batch.pos.view(-1)
        with torch.autocast(seq.device.type, enabled=False):  # the loss is in float32
            return self.loss.total(query.float(), shift, weight, target, negatives.flatten(0, 1))


class PaddedEngine:
    """The plain step.

    Args:
        generator: of the dropout masks, on the model's device; None: they are drawn by `ambient`.
        precision: torch.bfloat16 runs the forward pass in bfloat16.
        compiled: by torch.compile, which wants None for a generator.
        rows: how the batch is stored: `PaddedRows`, or `sdpa.FusedRows`.
        ambient: what nn.Dropout and its like draw from; None leaves them torch's global generator.
    """

    def __init__(
        self,
        model: SequenceModel,
        loss: Any,
        generator: torch.Generator | None,
        precision: torch.dtype = torch.float32,
        compiled: bool = False,
        rows: type[PaddedRows] = PaddedRows,
        ambient: torch.Generator | None = None,
    ) -> None:
        self.model, self.precision, self.ambient = model, precision, ambient
        self.loss_sum = LossSum(model, loss, generator, rows)
        self._sum = torch.compile(self.loss_sum) if compiled else self.loss_sum

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def step(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """Fill the gradients; the mean loss, a scalar on the device. negatives: (B, T, K)."""
        with drawing_from(self.ambient):
            return self.gradients(batch, negatives)

    def gradients(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """`step`, but for where it draws from."""
        self.model.zero_grad(set_to_none=True)
        loss = self.mean_loss(batch, negatives, (batch.pos != 0).sum())
        loss.backward()
        return loss.detach()

    def mean_loss(self, batch: SampledBatch, negatives: Tensor, count: Tensor) -> Tensor:
        """The sum of the loss divided by the number of real targets."""
        mixed, device = self.precision != torch.float32, self.model.device.type
        with torch.autocast(device, self.precision, enabled=mixed):
            return self._sum(batch, negatives) / count
