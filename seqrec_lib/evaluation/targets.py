"""Whose target is ranked, and what a reader has to know about the targets."""

from __future__ import annotations

import warnings

import numpy as np
from torch import Tensor

from seqrec_lib.common.vocabulary import RawIds, called
from seqrec_lib.data.dataset import SASRecDataSet

_MANY_REPEATS = 0.05  # of the targets: from here on they decide who is the best


def said_of_targets(dataset: SASRecDataSet, split: str, exclude_seen: bool) -> dict[str, str]:
    """For the protocol: what is ranked where a part holds several items, and how many targets the
    user had before, where these are many; a UserWarning says it, too.

    exclude_seen: whether the other items of the history do not compete.
    """
    return {
        **_first_of_several(dataset, split),
        **(_had_before(dataset, split) if exclude_seen else {}),
    }


def with_competitors(users: Tensor, others: Tensor, ids: RawIds) -> tuple[Tensor, dict[str, str]]:
    """Those of the users (U,) who have at least one of `others` (U,) to compete with the target.

    ids: what users are called in messages.
    Returns them, and for the protocol how many were left out; a UserWarning names the first.
    Raises ValueError where nobody remains.
    """
    able = others > 0
    count = int((~able).sum())
    if count == 0:
        return users, {}
    who = f"{called(ids, users[~able].numpy())} {'has' if count == 1 else 'have'}"
    what = f"{who} every item in the history: no other is left to compete with the target"
    if count == len(users):
        raise ValueError(what)
    warnings.warn(f"{what}; left out of the evaluation", UserWarning, stacklevel=3)
    return users[able], {"left out": f"{count} with every item"}


def _had_before(dataset: SASRecDataSet, split: str) -> dict[str, str]:
    history, targets = dataset.history(split), dataset.targets(split)
    user = np.repeat(np.arange(len(targets)), history.lengths)  # (N,)
    again = np.zeros(len(targets), dtype=bool)  # (U+1,)
    again[user[history.items == targets[user]]] = True
    share = float(again[targets > 0].mean())
    if share < _MANY_REPEATS:
        return {}
    warnings.warn(
        f"{share:.0%} of the targets are in the user's own history, and no other item of the "
        "history competes with them: whoever only tells old from new wins. exclude_seen=False is "
        "the fair setting here, and PersonalPopularity the baseline to beat",
        UserWarning,
        stacklevel=4,
    )
    return {"had before": f"{share:.1%} of the targets"}


def _first_of_several(dataset: SASRecDataSet, split: str) -> dict[str, str]:
    """For the protocol: what is ranked where several items are held out; a UserWarning says it."""
    if split in dataset.split_points:
        return {"ranked": f"each user's first item from {dataset.split_points[split]} on"}
    counts = dataset.held_out(split)[dataset.targets(split) > 0]
    most = int(counts.max())
    if most == 1:
        return {}
    several = f"{most}" if counts.min() == most else f"up to {most}"
    item = "test" if split == "test" else "validation"
    warnings.warn(
        f"{several} {item} items are held out for each user; the first of them is ranked, the "
        "others compete with it like any item",
        UserWarning,
        stacklevel=4,
    )
    return {"ranked": f"the first of {several} held-out items"}
