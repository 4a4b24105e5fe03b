"""Checks of ids (whole numbers from 1 without large gaps, as 0 is the padding) and of times."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

LARGEST_ID = 2**31 - 1  # ids are kept as int32
_ALWAYS_FINE = 10_000_000  # ids up to here are taken however few interactions there are


def checked_id(value: Any, name: str) -> int:
    """`value`, or a ValueError when it is not a whole number from 1; name says whose id it is."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} id {value!r:.80} is not a whole number")
    if not 1 <= value <= LARGEST_ID:
        raise ValueError(f"{name} id {value} is outside 1 to {LARGEST_ID} (0 is the padding)")
    return int(value)


def whole_numbers(name: str, values: Any, axes: int | tuple[int, ...] = 1) -> np.ndarray:
    """Whole numbers in any form as int64 in an array of their own, side by side in memory.

    values: a list, tuple, generator, array of any type and layout, tensor, pandas series …, or of
        two axes: a table, or rows of equal length.
    Raises ValueError that names the value for what is no whole number (2.7, NaN, text, flags) or
    beyond 64 bits, and for another number of axes.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.numpy() if values.dtype != torch.bfloat16 else values.double().numpy()
    elif isinstance(values, Iterable) and not isinstance(values, np.ndarray | str | Mapping):
        kinds = {bool, np.bool_} & _kinds(values := _listed(values))
        if kinds:
            raise ValueError(f"{name} holds flags (True, False): it must hold whole numbers")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        array = np.empty((), dtype=object)
    if array.ndim not in (axes if isinstance(axes, tuple) else (axes,)):
        form = "a flat list" if axes == 1 else "rows of equal length, (batch, columns),"
        has = f"has shape {array.shape}" if array.ndim else f"is {values!r:.80}"
        raise ValueError(f"{name} {has}: it must be {form} of whole numbers")
    if array.dtype.kind == "O":
        array = _of_objects(name, array)
    if array.size and array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold whole numbers, not {array.dtype}: {array.flat[0]!r}")
    if array.dtype.kind in "fu" and array.size:
        wrong = array > np.iinfo(np.int64).max  # NaN is refused by the second look
        if array.dtype.kind == "f":
            wrong = ~((np.abs(array) < 2**53) & (array == np.floor(array)))
        if wrong.any():
            raise ValueError(f"{name} holds {array[wrong].flat[0]}: ids are whole numbers")
    return np.array(array, dtype=np.int64, order="C")


def _listed(values: Any) -> Any:
    """What can be looked at twice: a generator is used up by the first look."""
    return values if hasattr(values, "__len__") and hasattr(values, "__getitem__") else [*values]


def _kinds(values: Any) -> set[type]:
    """The types in a list, and in lists in it; an array has one and needs no look."""
    if not isinstance(values, list | tuple):
        return set()
    kinds = set(map(type, values))
    return kinds.union(*(_kinds(row) for row in values)) if kinds & {list, tuple} else kinds


def _of_objects(name: str, array: np.ndarray) -> np.ndarray:
    """Python's own numbers: 2**70 and None come as objects, and whole ones may."""
    for value in array.flat:
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        real = isinstance(value, float | np.floating) and float(value).is_integer()
        if not (whole or real) or abs(value) >= 2**63:
            raise ValueError(f"{name} holds {value!r:.80}: ids are whole numbers")
    return array.astype(np.int64)


def flat_items(values: Any) -> np.ndarray:
    """Item ids as int32 (N,), side by side in memory; an array that is so already stays as it is.

    Raises ValueError for what is no flat list of whole numbers, and beyond 32 bits.
    """
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iu":
        values = whole_numbers("items", values)
    if values.size and (values.min() < -LARGEST_ID or values.max() > LARGEST_ID):
        raise ValueError(f"items holds {values.max()}: ids are whole numbers to {LARGEST_ID}")
    return np.ascontiguousarray(values, dtype=np.int32)


def checked_items(values: Any, user: int) -> np.ndarray:
    """One user's item ids as int32 (N,), or a ValueError when one is not a whole number from 1."""
    array = whole_numbers(f"user {user}: the list of items", values)
    if array.size == 0:
        return np.empty(0, dtype=np.int32)
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
