"""Argument checks with errors that name the argument, its value and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor


def positive(name: str, value: int) -> int:
    """`value`, or a ValueError when it is not a whole number of at least 1."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name}={value!r} must be a whole number of at least 1")
    return int(value)


def rate(name: str, value: float) -> float:
    """`value`, or a ValueError when it is not in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value!r} must be at least 0 and less than 1")
    return float(value)


def probability(name: str, value: float) -> float:
    """`value`, or a ValueError when it is not in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} must be between 0 and 1")
    return float(value)


def one_of(name: str, value: str, choices: Sequence[str]) -> str:
    """`value`, or a ValueError that lists the choices."""
    if value not in choices:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, choices))}")
    return value


_CHECKED = ContextVar("checked", default=False)


@contextmanager
def checked_on_the_host() -> Iterator[None]:
    """A `with` block in which `padded_in_front` does not look at ids on a device: they were looked
    at before they went there, and a second look would let the host wait for the device."""
    token = _CHECKED.set(True)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def padded_in_front(name: str, ids: Tensor) -> None:
    """A ValueError when a row of ids (B, T) ends in 0 and is not empty.

    0 in front is padding, 0 between items is a masked position; 0 behind would be taken for the
    latest item.
    """
    if _CHECKED.get() and not ids.is_cpu:
        return
    behind = (ids[:, -1] == 0) & (ids != 0).any(dim=1)
    if bool(behind.any()):
        row = int(behind.nonzero()[0])
        raise ValueError(
            f"{name} is padded behind in row {row}, {ids[row].tolist()[-8:]}: padding (0) belongs "
            "in front, as pad_sequences puts it"
        )


def ids_between(name: str, ids: Tensor, lowest: int, highest: int, of: str) -> None:
    """A ValueError when an id is not in lowest..highest; `of` names the argument that says so."""
    if ids.numel() and not lowest <= int(ids.min()) <= int(ids.max()) <= highest:
        raise ValueError(
            f"{name} holds ids from {int(ids.min())} to {int(ids.max())}, but must be from "
            f"{lowest} to {of}={highest}"
        )


def finite_scores(fault: Tensor, users: Any = None) -> None:
    """A ValueError for the first row of scores with a fault (B,): 1 infinite, 2 NaN, 0 none.

    users: (B,) ids for the message.
    """
    if bool(fault.any()):
        row = int(fault.nonzero()[0, 0])
        who = f"row {row}" if users is None else f"user {int(users[row])}"
        kind = ("infinite", "NaN")[int(fault[row]) - 1]
        raise ValueError(
            f"the scores of {who} are not finite ({kind}), so there is no ranking. A model whose "
            "training diverged gives such scores: try a smaller learning rate"
        )
