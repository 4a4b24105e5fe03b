"""Argument checks with errors that name the argument, its value and what to do."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.vocabulary import RawIds, called


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int: of any type that holds a whole number (5, np.uint8(5), 5.0).

    Raises ValueError for anything else, flags and text too, and for what is below `least`.
    """
    number = None
    if isinstance(value, float | np.floating):
        number = int(value) if value.is_integer() else None
    elif not isinstance(value, bool | np.bool_):
        with suppress(TypeError):  # what is no number, or several
            number = operator.index(value)
    if number is None or number < least:
        said = "0 or more" if least == 0 else f"of at least {least}"
        raise ValueError(f"{name}={value!r:.80} must be a whole number {said}")
    return number


def positive(name: str, value: Any) -> int:
    """`whole_number` of at least 1."""
    return whole_number(name, value)


def real_number(name: str, value: Any, least: float = -math.inf) -> float:
    """`value` as a finite float, or a ValueError: for what is no number, flags and text too."""
    number = None
    if not isinstance(value, bool | np.bool_ | str):
        with suppress(TypeError, ValueError, OverflowError, RuntimeError):
            number = float(value)
    if number is None or not math.isfinite(number):
        raise ValueError(f"{name}={value!r:.80} must be a finite number")
    if number < least:
        raise ValueError(f"{name}={value!r} must not be below {least}")
    return number


def above_zero(name: str, value: Any) -> float:
    """`value` as a float, or a ValueError when it is not a finite number above 0."""
    if not (number := real_number(name, value)) > 0:
        raise ValueError(f"{name}={value!r} must be above 0")
    return number


def rate(name: str, value: Any) -> float:
    """`value` as a float, or a ValueError when it is not in [0, 1)."""
    if not 0 <= (number := real_number(name, value)) < 1:
        raise ValueError(f"{name}={value!r} must be at least 0 and less than 1")
    return number


def probability(name: str, value: Any) -> float:
    """`value` as a float, or a ValueError when it is not in [0, 1]."""
    if not 0 <= (number := real_number(name, value)) <= 1:
        raise ValueError(f"{name}={value!r} must be between 0 and 1")
    return number


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


def score_table(name: str, values: Any) -> Tensor:
    """Scores (rows, columns) in any form as float32 or float64, without a gradient.

    Raises ValueError for what is no table of real numbers.
    """
    try:
        scores = values if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values))
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"{name} must be a table of numbers (rows, candidates), not {values!r:.80}"
        ) from None
    scores = scores.detach()
    if scores.dim() != 2 or scores.is_complex():
        kind = f"{scores.dtype} of shape {tuple(scores.shape)}"
        raise ValueError(f"{name} must be real numbers (rows, candidates), got {kind}")
    if scores.dtype in (torch.float32, torch.float64):
        return scores
    return scores.double() if scores.dtype in (torch.int32, torch.int64) else scores.float()


def ids_between(name: str, ids: Tensor, lowest: int, highest: int, of: str) -> None:
    """A ValueError when an id is not in lowest..highest; `of` names the argument that says so."""
    if ids.numel() and not lowest <= int(ids.min()) <= int(ids.max()) <= highest:
        raise ValueError(
            f"{name} holds ids from {int(ids.min())} to {int(ids.max())}, but must be from "
            f"{lowest} to {of}={highest}"
        )


def finite_scores(fault: Tensor, users: Any = None, ids: RawIds | None = None) -> None:
    """A ValueError for the first row of scores with a fault (B,): 1 infinite, 2 NaN, 0 none.

    users: (B,) their numbers, for the message, and ids: what they are called there.
    """
    if bool(fault.any()):
        row = int(fault.nonzero()[0, 0])
        who = f"row {row}" if users is None else called(ids, int(users[row]))
        kind = ("infinite", "NaN")[int(fault[row]) - 1]
        raise ValueError(
            f"the scores of {who} are not finite ({kind}), so there is no ranking. A model whose "
            "training diverged gives such scores: try a smaller learning rate"
        )
