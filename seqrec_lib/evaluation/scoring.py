"""Scores for the histories of some users: the one place where evaluation calls a model."""

from __future__ import annotations

import torch
from torch import Tensor

from seqrec_lib.common.checks import score_table
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.evaluation.ranks import Scorer


def score_histories(
    scorer: Scorer,
    histories: Sequences,
    users: Tensor,
    candidates: Tensor | None = None,
    known_users: bool = True,
) -> tuple[Tensor, Tensor]:
    """Scores of candidates, or of all items, and the histories that they were made of.

    Args:
        scorer: a model or baseline. One with `reads_times` gets the times of the histories, too.
        histories: what the scorer is shown of each user.
        users: int64 (B,), which of them.
        candidates: int64 (B, K), or None for all items.
        known_users: False: the scorer is not told who the users are.

    Returns:
        scores (B, K) or (B, I + 1), histories (B, T) padded in front, both on the scorer's device.

    Raises:
        ValueError: scores of another shape, or times that are needed and not there.
    """
    device, ids = getattr(scorer, "device", torch.device("cpu")), users.numpy()
    shown = torch.from_numpy(histories.padded(ids)).to(device)
    more = {}
    if getattr(scorer, "reads_times", False):
        more["times"] = torch.from_numpy(histories.padded_times(ids)).to(device)
    asked = () if candidates is None else (candidates.to(device),)
    scores = scorer.score(users.to(device) if known_users else None, shown, *asked, **more)
    scores = score_table(f"what {type(scorer).__name__}.score returned", scores)
    columns = scorer.item_num + 1 if candidates is None else candidates.shape[1]
    if scores.shape != (len(users), columns):
        raise ValueError(
            f"{type(scorer).__name__}.score returned shape {tuple(scores.shape)}, expected "
            f"{(len(users), columns)}: one row per user, one column per "
            + ("item and one for padding" if candidates is None else "candidate")
        )
    return scores, shown
