"""Training batches: random users, their latest items, the next ones, and items they do not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.able import with_negatives
from seqrec_lib.common.checks import positive, probability
from seqrec_lib.common.randomness import make_generator, moved
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.unseen import Complement


class Batch(NamedTuple):
    """One batch; 0 is padding, in front."""

    users: Tensor  # (B,) int64
    seq: Tensor  # (B, T) int64, what is known
    pos: Tensor  # (B, T) int64, the next item at each position
    neg: Tensor  # (B, T) int64, an item that the user has not in training


class TimedBatch(NamedTuple):
    """A batch of histories whose times are known: `times` (B, T) are those of seq."""

    users: Tensor
    seq: Tensor
    pos: Tensor
    neg: Tensor
    times: Tensor


SampledBatch = Batch | TimedBatch


class WarpSampler:
    """Batches of random users for training; vectorised, seeded, in this process.

    Args:
        User: {user: training items in order}, or `Sequences` (for large data).
        usernum, itemnum: the largest ids. batch_size: B, maxlen: T, of a batch.
        n_workers: accepted for compatibility; nothing is started.
        seed: None takes a fresh one. Equal seeds give equal batches on the same kind of device.
        window_probability: SSE-PT++'s p_s. A history longer than T starts at a uniform place among
            the positions before the last T with this probability, else at the last T (SSE-PT
            Sec. 3.4). 0 is SASRec and SSE-PT.
        negatives: False draws none, for losses without: neg is 0.

    Users are drawn with replacement, as in the papers' code; those with fewer than 2 training items
    never, and with negatives those with every item neither. Negatives are uniform over the items
    that the user has not in training. Raises ValueError where nobody is left, or for wrong ids.
    """

    def __init__(
        self,
        User: Mapping[int, Sequence[int]] | Sequences,
        usernum: int,
        itemnum: int,
        batch_size: int = 64,
        maxlen: int = 10,
        n_workers: int = 1,
        *,
        seed: int | None = None,
        window_probability: float = 0.0,
        negatives: bool = True,
    ) -> None:
        self.batch_size = positive("batch_size", batch_size)
        self.maxlen = positive("maxlen", maxlen)
        self.window_probability = probability("window_probability", window_probability)
        sequences = User if isinstance(User, Sequences) else Sequences.from_lists(User, usernum)
        if sequences.num_users > usernum:
            raise ValueError(f"user {sequences.num_users} is beyond usernum={usernum}")
        able = np.flatnonzero(sequences.lengths >= 2)
        if len(able) == 0:
            raise ValueError("no user has 2 training items: there is nothing to predict from")
        self.negatives, self._unseen = negatives, Complement(sequences, itemnum)
        if negatives:
            counts = self._unseen.count(torch.from_numpy(able))
            able = with_negatives(able, counts, itemnum, sequences.user_ids)
        self._users = torch.from_numpy(able)
        self._items = torch.from_numpy(sequences.items)
        self._starts = torch.from_numpy(sequences.starts)
        times = getattr(sequences, "times", None)
        self._times = None if times is None else torch.from_numpy(times)
        self.generator = make_generator(seed, "cpu")

    def to(self, device: torch.device | str) -> Self:
        """Move arrays and draws to `device`; returns self. The draws start a new stream there."""
        device = torch.device(device)
        if device != self.generator.device:
            self._unseen.to(device)
            for name, value in vars(self).items():
                if isinstance(value, Tensor):
                    setattr(self, name, value.to(device))
            self.generator = moved(self.generator, device)
        return self

    def sample(self) -> SampledBatch:
        """The next batch, as tensors on the sampler's device; timed where the histories are."""
        B, T, generator = self.batch_size, self.maxlen, self.generator
        device = generator.device
        choice = torch.randint(len(self._users), (B,), generator=generator, device=device)
        users = self._users[choice]
        first, end = self._starts[users], self._starts[users + 1]
        if self.window_probability > 0:
            end = self._slide(first, end)
        place = end.unsqueeze(1) - 1 - T + torch.arange(T + 1, device=device)  # (B, T+1)
        real = place >= first.unsqueeze(1)
        place.clamp_(min=0)
        window = self._items[place].long().mul_(real)  # (B, T+1)
        real = real[:, :-1]
        seq = window[:, :-1].contiguous()
        pos = window[:, 1:] * real
        # One for each position, padding too: to pick the real ones, the host would have to wait for
        # the device.
        neg = self._unseen.draw(users, T, generator) * real if self.negatives else pos * 0
        if self._times is None:
            return Batch(users, seq, pos, neg)
        return TimedBatch(users, seq, pos, neg, self._times[place[:, :-1]] * real)

    def _slide(self, first: Tensor, end: Tensor) -> Tensor:
        """SSE-PT++: where the window of T+1 items ends, when it may start early; (B,) → (B,)."""
        draws: Any = {"generator": self.generator, "device": self.generator.device}
        earlier = (end - first - self.maxlen - 1).clamp_(min=0)  # how many starts before the last
        slides = torch.rand(len(first), **draws, dtype=torch.float32) < self.window_probability
        place = torch.rand(len(first), **draws, dtype=torch.float64)
        back = earlier - (place * earlier).long()  # 1..earlier windows before the last one
        return torch.where(slides & (earlier > 0), end - back, end)

    def settings(self) -> dict[str, float]:
        """What decides the batches beside data and seed, as plain values."""
        names = ("batch_size", "maxlen", "window_probability", "negatives")
        return {name: getattr(self, name) for name in names[: 3 + (not self.negatives)]}

    def next_batch(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(users (B,), seq (B, T), pos (B, T), neg (B, T)) as int64 arrays."""
        users, seq, pos, neg = (x.cpu().numpy() for x in self.sample()[:4])
        return users, seq, pos, neg

    def close(self) -> None:
        """Nothing to end: no process was started."""
