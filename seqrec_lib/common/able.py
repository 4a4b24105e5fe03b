"""Which users a loss with negatives can train on."""

from __future__ import annotations

import warnings

import numpy as np
from torch import Tensor

from seqrec_lib.common.vocabulary import RawIds, called


def with_negatives(
    users: np.ndarray, unseen: Tensor, item_num: int, ids: RawIds | None
) -> np.ndarray:
    """Those of the users (U,) who have not every item; a UserWarning names the others.

    unseen: (U,) how many of the item_num items each of them has not. ids: what users are called.
    Raises ValueError where nobody remains.
    """
    left = unseen.numpy()
    full = users[left == 0]
    if len(full) == 0:
        return users
    who = f"{called(ids, full)} {'has' if len(full) == 1 else 'have'}"
    what = f"{who} every one of the {item_num} items in training: there is no negative to draw"
    advice = "loss='cross-entropy' trains on them, too, with WarpSampler(..., negatives=False)"
    if len(full) == len(users):
        raise ValueError(f"{what}. {advice}; or check itemnum")
    warnings.warn(f"{what}, so training leaves them out. {advice}", UserWarning, stacklevel=3)
    return users[left > 0]
