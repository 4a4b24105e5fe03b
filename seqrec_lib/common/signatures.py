"""Arguments that are written down once: signatures of constructors that pass them on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _joined(init: Callable[..., None], target: Callable[..., Any]) -> inspect.Signature:
    """The named parameters of `init`, and in the place of its *args and **kwargs the target's."""
    own = [p for p in inspect.signature(init).parameters.values() if p.kind not in _VARIADIC]
    theirs = inspect.signature(target).parameters.values()
    return inspect.Signature(sorted([*own, *theirs], key=lambda p: p.kind))


def passes_on_to(target: Callable[..., Any]) -> Callable[[Callable[..., None]], Any]:
    """For an `__init__` whose *args and **kwargs are arguments of `target`.

    `help` and Jupyter show them, and a wrong one is a TypeError that names it, even where the
    target is never called.
    """

    def decorate(init: Callable[..., None]) -> Any:
        signature = _joined(init, target)

        @functools.wraps(init)
        def checked(*args: Any, **kwargs: Any) -> None:
            signature.bind(*args, **kwargs)
            init(*args, **kwargs)

        checked.__signature__ = signature  # type: ignore[attr-defined]
        return checked

    return decorate


def takes_argument(function: Callable[..., Any], name: str) -> bool:
    """Whether a function or method has a parameter of this name."""
    return _takes_argument(getattr(function, "__func__", function), name)


@functools.cache
def _takes_argument(function: Callable[..., Any], name: str) -> bool:
    return name in inspect.signature(function).parameters


class ConfigSignature:
    """What `inspect.signature`, and so `help` and Jupyter's `?`, shows of a class with a `Config`.

    The fields of the Config, and the keyword arguments of `__init__` beside them. A subclass with a
    constructor of its own shows that one.
    """

    def __get__(self, instance: object, owner: Any) -> inspect.Signature | None:
        kinds = {p.kind for p in inspect.signature(owner.__init__).parameters.values()}
        if instance is not None or not kinds.issuperset(_VARIADIC):
            return None  # inspect then looks at the thing itself
        joined = _joined(owner.__init__, owner.Config)
        return joined.replace(
            parameters=[p for p in joined.parameters.values() if p.name != "self"]
        )
