"""Stochastic shared embeddings: replace an id by another one, at random, while training.

Wu, Li, Hsieh and Sharpnack 2019 ("Stochastic Shared Embeddings", NeurIPS) replace an index before
its embedding is looked up; the variant SSE-SE draws the replacement uniformly. SSE-PT (RecSys 2020,
Sec. 3.2) does so with three probabilities. It works on the batch, before any model sees it, so
every model and both engines have it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrec_lib.common.checks import one_of, probability
from seqrec_lib.training.sampling import SampledBatch

RULES = ("paper", "as-released")


@dataclass(frozen=True)
class SSE:
    """The probabilities of REPLACEMENT.

    Args:
        user: p_u. One draw a sequence; the input and the output side get the same replacement.
            The released code's `threshold_user` is 1 - p_u (0.08 in its ML-1M command: p_u = 0.92).
        input_item: p_i, for each item that the model reads.
        output_item: p_y, for each next item that the model is asked for.
        rule: "paper" draws the three independently, each time another id than the one it replaces.
            "as-released" is what the authors' sampler does: one event replaces the input and the
            target at a position by two independent draws, a replaced input becomes the target of
            the position before it, and a draw may return the id itself. Its `threshold_item` is
            1 - p_i (0.9: p_i = 0.1); there is one event, so output_item must equal input_item.

    All 0 leaves a batch as it is, without a draw.

    Raises:
        ValueError: a probability outside 0..1, an unknown rule, or different item probabilities
            under "as-released".
    """

    user: float = 0.0
    input_item: float = 0.0
    output_item: float = 0.0
    rule: str = "paper"

    def __post_init__(self) -> None:
        for name in ("user", "input_item", "output_item"):
            probability(name, getattr(self, name))
        one_of("rule", self.rule, RULES)
        if self.rule == "as-released" and self.input_item != self.output_item:
            raise ValueError(
                f"input_item={self.input_item} and output_item={self.output_item} must be equal "
                "under rule='as-released': the released code replaces both in one event"
            )

    def replace(
        self, batch: SampledBatch, user_num: int, item_num: int, generator: torch.Generator
    ) -> SampledBatch:
        """A batch with ids replaced; padding and negatives stay. Draws on the batch's device."""
        if self.rule == "as-released":
            return self._as_released(batch, user_num, item_num, generator)
        return batch._replace(
            users=_swap(batch.users, self.user, user_num, generator),
            seq=_swap(batch.seq, self.input_item, item_num, generator),
            pos=_swap(batch.pos, self.output_item, item_num, generator),
        )

    def _as_released(
        self, batch: SampledBatch, user_num: int, item_num: int, generator: torch.Generator
    ) -> SampledBatch:
        users, seq, pos = batch.users, batch.seq, batch.pos
        if self.input_item > 0:
            real = seq != 0
            hit = (_uniform(seq, generator) < self.input_item) & real
            seq = torch.where(hit, _any_id(seq, item_num, generator), seq)
            before = torch.cat([seq[:, 1:], pos[:, -1:]], dim=1) * real  # the input that follows
            pos = torch.where(hit, _any_id(pos, item_num, generator), before)
        if self.user > 0:
            hit = _uniform(users, generator) < self.user
            users = torch.where(hit, _any_id(users, user_num, generator), users)
        return batch._replace(users=users, seq=seq, pos=pos)


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, device=like.device, dtype=torch.float32)


def _any_id(like: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Ids uniform over 1..count, of the shape of `like`."""
    return torch.randint(1, count + 1, like.shape, generator=generator, device=like.device)


def _swap(ids: Tensor, p: float, count: int, generator: torch.Generator) -> Tensor:
    """Each id that is not padding becomes, with probability p, another one of 1..count."""
    if p == 0 or count < 2:
        return ids
    hit = (_uniform(ids, generator) < p) & (ids != 0)
    # a step of 1..count-1 around the circle of ids reaches every other one equally often
    step = torch.randint(1, count, ids.shape, generator=generator, device=ids.device)
    return torch.where(hit, (ids - 1 + step).remainder(count) + 1, ids)
