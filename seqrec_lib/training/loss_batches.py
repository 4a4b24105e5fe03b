"""Training batches for a loss: a sampler's, with the loss's negatives and SSE's replacements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqrec_lib.common.checks import ids_between, padded_in_front
from seqrec_lib.common.ids import whole_numbers
from seqrec_lib.common.transfer import sent
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.unseen import Complement
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.losses import Loss
from seqrec_lib.training.sampling import Batch, SampledBatch, TimedBatch, WarpSampler
from seqrec_lib.training.sse import SSE


class Sampler(Protocol):
    """Anything that gives training batches."""

    def next_batch(self) -> tuple[Any, Any, Any, Any]:
        """(users (B,), seq (B, T), pos (B, T), neg (B, T)), padded in front with 0."""


class ForeignSampler:
    """Somebody else's sampler with the library's interface: its arrays are checked on the way."""

    def __init__(self, sampler: Sampler, itemnum: int, usernum: int) -> None:
        self._sampler, self._device = sampler, torch.device("cpu")
        self._itemnum, self._usernum = itemnum, usernum

    def to(self, device: torch.device | str) -> ForeignSampler:
        """Where its batches go."""
        self._device = torch.device(device)
        return self

    def sample(self) -> Batch:
        """The next batch.

        Raises ValueError that names what is no batch: fewer or other arrays than users (B,), seq,
        pos and neg (B, T), ids outside the data set, padding behind, no target, no batch at all.
        """
        try:
            given = self._sampler.next_batch()
        except StopIteration:
            raise ValueError(
                "the sampler has no batch left: next_batch must give one for ever"
            ) from None
        parts = tuple(given) if isinstance(given, Iterable) else ()  # a zip, in recommenders
        if len(parts) != 4:
            raise ValueError(
                f"the sampler's next_batch gave {given!r:.80}: it must give users (batch,), and "
                "seq, pos and neg, each (batch, length)"
            )
        users = torch.from_numpy(whole_numbers("the sampler's users", parts[0], axes=(1, 2)))
        ids_between("the sampler's users", users, 0, self._usernum, "dataset.usernum")
        rest: list[Tensor] = []
        for name, values in zip(("seq", "pos", "neg"), parts[1:], strict=True):
            ids = torch.from_numpy(whole_numbers(f"the sampler's {name}", values, axes=2))
            ids_between(f"the sampler's {name}", ids, 0, self._itemnum, "dataset.itemnum")
            if len(ids) != users.numel() or (rest and ids.shape != rest[0].shape):
                raise ValueError(
                    f"the sampler's {name} has shape {tuple(ids.shape)}, beside {users.numel()} "
                    f"users{f' and seq of shape {tuple(rest[0].shape)}' if rest else ''}"
                )
            rest.append(ids)
        batch = Batch(users.view(-1), *rest)
        _check(batch)  # here, and not on the device: the host would have to wait for it
        return Batch(*sent(self._device, *batch))

    def settings(self) -> dict[str, Any]:
        """Nothing is known of what decides its batches."""
        return {}


def adapted(sampler: Sampler, itemnum: int, usernum: int) -> WarpSampler | ForeignSampler:
    """The library's own sampler as it is, any other one behind an adapter: one of a subclass that
    overrides next_batch, too."""
    if not isinstance(sampler, WarpSampler) or "next_batch" in vars(sampler):
        return ForeignSampler(sampler, itemnum, usernum)
    own = type(sampler).next_batch is WarpSampler.next_batch
    return sampler if own else ForeignSampler(sampler, itemnum, usernum)


def _check(batch: SampledBatch) -> None:
    """One form for every engine, looked at before the step."""
    padded_in_front("the sampler's seq", batch.seq)
    if not bool((batch.pos != 0).any()):
        raise ValueError(
            "a batch holds nothing but padding: the sampler gave no item that could be a target"
        )


class Batches:
    """Batches of tensors on the model's device, with as many negatives as the loss wants."""

    def __init__(
        self,
        dataset: SASRecDataSet,
        sampler: WarpSampler | ForeignSampler,
        loss: Loss,
        sse: SSE | None,
        generator: torch.Generator,
        model: SequenceModel,
    ) -> None:
        self.sampler, self.loss, self.sse, self.generator = sampler, loss, sse, generator
        self.model, self.itemnum = model, dataset.itemnum
        self.usernum = dataset.usernum
        self.unseen = None
        if loss.negatives > 1:
            self.unseen = Complement(dataset.train, dataset.itemnum, device=generator.device)

    def next(self) -> tuple[SampledBatch, Tensor]:
        """A batch and its negatives (B, T, K)."""
        batch = self.sampler.sample()
        if type(self.sampler) not in (WarpSampler, ForeignSampler):  # somebody's own subclass
            _check(batch)
        if batch.seq.shape[1] > self.model.seq_max_len:  # the model sees no more
            kept = slice(-self.model.seq_max_len, None)
            batch = type(batch)(batch.users, *(x[:, kept].contiguous() for x in batch[1:]))
        missing = self.model.seq_max_len - batch.seq.shape[1]
        if missing > 0 and getattr(self.model, "needs_whole_length", False):
            batch = type(batch)(batch.users, *(pad(x, (missing, 0)) for x in batch[1:]))
        if self.model.reads_times and not isinstance(batch, TimedBatch):
            raise ValueError(
                f"{type(self.model).__name__} reads times, and the sampler gives none: make the "
                "data set with keep_times=True and the sampler with its `train`"
            )
        batch = self.model.training_batch(batch, self.generator)
        if not batch.seq.shape == batch.pos.shape == batch.neg.shape:
            raise ValueError(
                f"{type(self.model).__name__}.training_batch gave seq, pos and neg of shapes "
                f"{tuple(batch.seq.shape)}, {tuple(batch.pos.shape)} and {tuple(batch.neg.shape)}: "
                "each position that is read needs a target in pos (0 for none) and a negative"
            )
        if self.unseen is None:
            negatives = batch.neg.unsqueeze(2)[:, :, : self.loss.negatives]
        else:
            negatives = self._drawn(self.unseen, batch)
        if self.sse is not None:
            batch = self.sse.replace(batch, self.usernum, self.itemnum, self.generator)
        return batch, negatives

    def _drawn(self, unseen: Complement, batch: SampledBatch) -> Tensor:
        """(B, T, K) negatives, 0 at the padding."""
        real, K = batch.pos != 0, self.loss.negatives
        users = batch.users.unsqueeze(1).expand_as(real)
        if not real.is_cpu:  # to pick the real ones, the host would have to wait for the device
            drawn = unseen.draw(users.reshape(-1), K, self.generator).view(*real.shape, K)
            return drawn.mul_(real.unsqueeze(2))
        negatives = batch.pos.new_zeros(*real.shape, K)
        negatives[real] = unseen.draw(users[real], K, self.generator)
        return negatives
