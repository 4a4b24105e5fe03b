"""Training batches for a loss: a sampler's, with the loss's negatives and SSE's replacements."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.checks import ids_between
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.unseen import Complement
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.losses import Loss
from seqrec_lib.training.sampling import Batch, WarpSampler
from seqrec_lib.training.sse import SSE


class Sampler(Protocol):
    """Anything that gives training batches."""

    def next_batch(self) -> tuple[Any, Any, Any, Any]:
        """(users (B,), seq (B, T), pos (B, T), neg (B, T)), padded in front with 0."""


class Batches:
    """Batches of tensors on the model's device, with as many negatives as the loss wants."""

    def __init__(
        self,
        dataset: SASRecDataSet,
        sampler: Sampler,
        loss: Loss,
        sse: SSE | None,
        generator: torch.Generator,
        model: SequenceModel,
    ) -> None:
        self.sampler, self.loss, self.sse, self.generator = sampler, loss, sse, generator
        self.device, self.itemnum = generator.device, dataset.itemnum
        # ids that the model has embeddings for; a model without users ignores them
        self.usernum = getattr(model, "user_num", dataset.usernum)
        self.length = model.seq_max_len
        if isinstance(sampler, WarpSampler):
            sampler.to(self.device)
        self.unseen = None
        if loss.negatives > 1:
            self.unseen = Complement(dataset.train, dataset.itemnum, device=self.device)

    def next(self) -> tuple[Batch, Tensor]:
        """A batch and its negatives (B, T, K)."""
        batch = self.sampler.sample() if isinstance(self.sampler, WarpSampler) else self._foreign()
        if batch.seq.shape[1] > self.length:
            raise ValueError(
                f"the sampler's sequences have {batch.seq.shape[1]} positions, more than the "
                f"model's seq_max_len={self.length}: build the sampler with maxlen={self.length}"
            )
        if self.unseen is None:
            negatives = batch.neg.unsqueeze(2)[:, :, : self.loss.negatives]
        else:
            real = batch.pos != 0
            negatives = batch.pos.new_zeros(*batch.pos.shape, self.loss.negatives)  # (B, T, K)
            rows = batch.users.unsqueeze(1).expand_as(real)[real]
            negatives[real] = self.unseen.draw(rows, self.loss.negatives, self.generator)
        if self.sse is not None:
            batch = self.sse.replace(batch, self.usernum, self.itemnum, self.generator)
        return batch, negatives

    def _foreign(self) -> Batch:
        """A batch of a sampler that is not the library's: arrays, which are checked."""
        users, *rest = (
            torch.as_tensor(np.asarray(x), dtype=torch.int64) for x in self.sampler.next_batch()
        )
        for name, ids in zip(("seq", "pos", "neg"), rest, strict=True):
            if ids.dim() != 2:
                raise ValueError(
                    f"the sampler's {name} has shape {tuple(ids.shape)}: it must be (batch, length)"
                )
            ids_between(f"the sampler's {name}", ids, 0, self.itemnum, "dataset.itemnum")
        return Batch(*(x.to(self.device) for x in (users.view(-1), *rest)))
