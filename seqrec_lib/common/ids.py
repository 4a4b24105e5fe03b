"""Checks of ids (whole numbers from 1 without large gaps, as 0 is the padding) and of times."""

from collections.abc import Sequence
from typing import Any

import numpy as np

LARGEST_ID = 2**31 - 1  # ids are kept as int32
_ALWAYS_FINE = 10_000_000  # ids up to here are taken however few interactions there are


def checked_id(value: Any, name: str) -> int:
    """`value`, or a ValueError when it is not a whole number from 1; name says whose id it is."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} id {value!r} is not a whole number")
    if not 1 <= value <= LARGEST_ID:
        raise ValueError(f"{name} id {value} is outside 1 to {LARGEST_ID} (0 is the padding)")
    return int(value)


def checked_items(values: Sequence[int] | np.ndarray, user: int) -> np.ndarray:
    """One user's item ids as int32 (N,), or a ValueError when one is not a whole number from 1."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"user {user}: items must be a flat list of ids") from None
    if array.size == 0:
        return np.empty(0, dtype=np.int32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"user {user}: items must be a flat list of whole numbers from 1")
    if not 1 <= array.min() <= array.max() <= LARGEST_ID:
        wrong = array[(array < 1) | (array > LARGEST_ID)][0]
        raise ValueError(
            f"user {user}: item id {wrong} is outside 1 to {LARGEST_ID} (0 is the padding)"
        )
    return array.astype(np.int32)


def checked_times(values: Any, count: int, whose: str = "") -> np.ndarray:
    """Times as int64 or float64 (count,), or a ValueError when they are not as many numbers."""
    array = np.asarray(values)
    if count == 0 == array.size:
        return np.empty(0, dtype=np.int64)
    if array.shape != (count,) or array.dtype.kind not in "iuf":
        raise ValueError(
            f"{whose}times must be {count} numbers, one for each item, not {array.dtype} of shape "
            f"{array.shape}"
        )
    return np.ascontiguousarray(array, dtype=np.float64 if array.dtype.kind == "f" else np.int64)


def refuse_sparse_ids(largest: int, interactions: int, name: str) -> None:
    """A ValueError for a few interactions with ids in the billions; name says whose ids they are.

    Arrays by user and embeddings by item are as long as the largest id, so that is a mistake.
    """
    if largest > max(_ALWAYS_FINE, 100 * interactions):
        raise ValueError(
            f"{name} id {largest} with only {interactions} interactions: ids must be numbered from "
            "1 without large gaps; prepare(table) numbers any ids anew"
        )
