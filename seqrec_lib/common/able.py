"""Which users a loss with negatives can train on."""

from __future__ import annotations

import warnings

import numpy as np
from torch import Tensor


def with_negatives(users: np.ndarray, unseen: Tensor, item_num: int) -> np.ndarray:
    """Those of the users (U,) who have not every item; a UserWarning names the others.

    unseen: (U,) how many of the item_num items each of them has not.
    Raises ValueError where nobody remains.
    """
    left = unseen.numpy()
    full = users[left == 0]
    if len(full) == 0:
        return users
    who = (
        f"user {full[0]} has" if len(full) == 1 else f"user {full[0]} and {len(full) - 1} more have"
    )
    what = f"{who} every one of the {item_num} items in training: there is no negative to draw"
    advice = "loss='cross-entropy' trains on them, too, with WarpSampler(..., negatives=False)"
    if len(full) == len(users):
        raise ValueError(f"{what}. {advice}; or check itemnum")
    warnings.warn(f"{what}, so training leaves them out. {advice}", UserWarning, stacklevel=3)
    return users[left > 0]
