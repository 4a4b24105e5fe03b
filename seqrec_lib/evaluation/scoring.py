"""Scores for the histories of some users: the one place where evaluation calls a model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqrec_lib.common.checks import checked_on_the_host, padded_in_front, score_table
from seqrec_lib.common.transfer import sent
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.evaluation.ranks import Scorer


def score_histories(
    scorer: Scorer,
    histories: Sequences,
    users: Tensor,
    candidates: Tensor | None = None,
    known_users: bool = True,
    beside: Sequence[Tensor] = (),
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Scores of candidates, or of all items, and the histories that they were made of.

    Args:
        scorer: a model or baseline. One with `reads_times` gets the times of the histories, too.
        histories: what the scorer is shown of each user.
        users: int64 (B,), which of them.
        candidates: int64 (B, K), or None for all items.
        known_users: False: the scorer is not told who the users are.
        beside: int64 tensors that are needed where the scores are.

    Returns:
        scores (B, K) or (B, I + 1), histories (B, T) padded in front, and `beside`, all on the
        scorer's device. The host does not wait for it.

    Raises:
        ValueError: scores of another shape, or times that are needed and not there.
    """
    device, ids = getattr(scorer, "device", torch.device("cpu")), users.numpy()
    shown = torch.from_numpy(histories.padded(ids))
    padded_in_front("a history", shown)
    asked = [] if candidates is None else [candidates]
    users, shown, *rest = sent(torch.device(device), users, shown, *asked, *beside)
    asked, there = rest[: len(asked)], rest[len(asked) :]
    more = {}
    if getattr(scorer, "reads_times", False):
        times = torch.from_numpy(histories.padded_times(ids))
        more["times"] = sent(torch.device(device), times)[0]
    with checked_on_the_host():
        scores = scorer.score(users if known_users else None, shown, *asked, **more)
    scores = score_table(f"what {type(scorer).__name__}.score returned", scores)
    columns = scorer.item_num + 1 if candidates is None else candidates.shape[1]
    if scores.shape != (len(users), columns):
        raise ValueError(
            f"{type(scorer).__name__}.score returned shape {tuple(scores.shape)}, expected "
            f"{(len(users), columns)}: one row per user, one column per "
            + ("item and one for padding" if candidates is None else "candidate")
        )
    return scores, shown, there
