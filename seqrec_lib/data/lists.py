"""Users' items as dicts of lists, which anybody may have filled: checked, and made flat arrays."""

from collections.abc import Iterable, Mapping, Sequence, Sized
from itertools import chain
from typing import Any

import numpy as np

from seqrec_lib.common.ids import LARGEST_ID, checked_id
from seqrec_lib.data.sequences import Sequences

Lists = Mapping[int, Sequence[int] | np.ndarray] | Sequences


def check_users(name: str, lists: Any, usernum: int | None) -> None:
    """An error that names the dict and the user for a key that is no id; name says which dict."""
    if not isinstance(lists, Mapping | Sequences):
        raise TypeError(f"{name} must be a dict {{user: [items]}}, got {type(lists).__name__}")
    for user in lists:
        try:
            checked_id(user, "user")
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if usernum is not None and user > usernum:
            raise ValueError(f"{name} has user {user}, beyond usernum={usernum}")


def count_items(lists: Lists) -> int:
    """How many items the lists hold together."""
    if isinstance(lists, Sequences):
        return len(lists.items)
    return sum(len(items) for items in lists.values() if isinstance(items, Sized))


def flattened(
    name: str, lists: Lists, usernum: int, itemnum: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """All users' items one after another, (N,), and how many each has, (U + 1,)."""
    users = sorted(lists)
    values = [lists[user] for user in users]
    lengths = np.zeros(usernum + 1, dtype=np.int64)
    most = LARGEST_ID if itemnum is None else itemnum
    try:
        lengths[users] = [len(items) for items in values]
        if isinstance(lists, Sequences):
            items = lists.items
        else:
            _check_kinds(values)
            items = np.fromiter(chain.from_iterable(values), np.int64, int(lengths.sum()))
        if len(items) and not 1 <= items.min() <= items.max() <= most:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(_first_wrong(name, users, values, most)) from None
    return items, lengths


def _check_kinds(values: list[Any]) -> None:
    """A TypeError for anything but whole numbers: a flag is none, though Python counts with it."""
    kinds = set(map(type, values))
    if any(not issubclass(kind, Sequence | np.ndarray) for kind in kinds):
        raise TypeError
    if not all(map(_is_whole, set(map(type, chain.from_iterable(values))))):
        raise TypeError


def _is_whole(kind: type) -> bool:
    return issubclass(kind, int | np.integer) and kind is not bool


def _first_wrong(name: str, users: Iterable[int], values: list[Any], most: int) -> str:
    """Where the first value is that is no id, and what would be one."""
    for user, items in zip(users, values, strict=True):
        flat = items.ndim == 1 if isinstance(items, np.ndarray) else isinstance(items, Sequence)
        if not flat:
            return f"{name}[{user}] must be a list of items, got {items!r:.80}"
        for item in items:
            if not _is_whole(type(item)) or not 1 <= item <= most:
                of = "itemnum=" if most < LARGEST_ID else ""
                return (
                    f"{name}[{user}] holds {item!r}: items are whole numbers from 1 to {of}{most}"
                )
    raise AssertionError("every value is an item id")
