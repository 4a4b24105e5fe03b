"""What the checks of exercises are made of: hints, numbers, tensors, and calls of a reader's code.

A check is a function of the answer and of what the reader worked on. It returns where the answer is
right, and raises a `Hint` where it isn't. A hint says where to look, and never what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

Check = Callable[..., None]
Known = TypeVar("Known")


class Hint(Exception):
    """The answer isn't right; the message says where to look."""


class NotHere(Exception):
    """This data cannot answer the exercise; the message says why."""


class Exercise(NamedTuple):
    """wants: the form of an answer, in words. check: raises a Hint if it isn't right."""

    wants: str
    check: Check


def hint(text: str) -> NoReturn:
    """Raises a Hint."""
    raise Hint(text)


def hint_if(condition: Any, text: str) -> None:
    """Raises a Hint if the condition holds."""
    if condition:
        raise Hint(text)


def near(a: float, b: float, rel: float = 1e-3, at_least: float = 0.0) -> bool:
    """Whether a is b, within a share of b or, if that's more, within `at_least`."""
    return bool(abs(a - b) <= max(rel * abs(b), at_least))


def numbers(answer: Any, count: int) -> list[float]:
    """`count` numbers, from a tuple, a list, a Series, a dict's values, an array or a number."""
    values = list(answer.values()) if isinstance(answer, Mapping) else answer
    try:
        found = np.asarray(values, dtype=float).ravel().tolist()
    except (TypeError, ValueError):
        hint(f"that isn't a number: {str(answer)[:60]}" if count == 1 else _form(count))
    hint_if(len(found) != count, f"{_form(count)}, not {len(found)}")
    hint_if(not np.isfinite(found).all(), "a number of your answer is missing: NaN or infinite")
    return found


def _form(count: int) -> str:
    return "give one number" if count == 1 else f"give {count} numbers in brackets: (a, b, …)"


def parts(answer: Any, count: int) -> tuple[Any, ...]:
    """The parts of an answer that is a tuple or a list."""
    fits = isinstance(answer, tuple | list) and len(answer) == count
    hint_if(not fits, f"give {count} things in brackets, with commas between them")
    return tuple(answer)


def tensor(answer: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    """A float64 tensor from whatever holds numbers; a Hint if it has another shape."""
    try:
        held = answer.detach().cpu() if isinstance(answer, Tensor) else np.asarray(answer)
        found = torch.as_tensor(held).double()
    except (TypeError, ValueError, RuntimeError):
        hint(f"a tensor is wanted, and this is a {type(answer).__name__}")
    if shape is not None:
        text = f"its shape is {tuple(found.shape)}, and {shape} is wanted"
        hint_if(tuple(found.shape) != shape, text)
    return found


def same(a: Tensor, b: Tensor, within: float = 1e-3) -> bool:
    """Whether two tensors are equal; NaN is equal to NaN."""
    return a.shape == b.shape and torch.allclose(
        a.double(), b.double(), rtol=within, atol=within, equal_nan=True
    )


def called(function: Any, *arguments: Any) -> Any:
    """What the reader's function returns; a Hint with its error if it raises one."""
    hint_if(
        not callable(function), f"a function is wanted, and this is a {type(function).__name__}"
    )
    try:
        return function(*arguments)
    except Exception as error:  # whatever is wrong with it, the reader is the one to know
        raise Hint(f"your code raised {type(error).__name__}: {error}") from error


def recognise(answer: float, mistakes: Mapping[str, float], rel: float = 1e-3) -> None:
    """Raises the Hint of the mistake that leads to this answer, if it's one of these."""
    for text, value in mistakes.items():
        hint_if(near(answer, value, rel), text)


_KNOWN: dict[tuple[Any, ...], Any] = {}


def once(compute: Callable[[], Known], *key: Any) -> Known:
    """What `compute` gives, computed at the first of several tries and kept under a key."""
    if key not in _KNOWN:
        _KNOWN[key] = compute()
    return cast(Known, _KNOWN[key])
