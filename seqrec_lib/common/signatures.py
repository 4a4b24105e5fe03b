"""A constructor's signature from the dataclass that holds its arguments: written down once."""

from __future__ import annotations

import inspect
from typing import Any


class ConfigSignature:
    """What `inspect.signature`, and so `help` and Jupyter's `?`, shows of a class.

    The fields of the class's `Config`, and the keyword arguments of its `__init__` beside them. A
    subclass with a constructor of its own shows that one.
    """

    def __get__(self, instance: object, owner: type) -> inspect.Signature | None:
        init: Any = vars(owner).get("__init__", owner.__init__)  # type: ignore[misc]
        own = inspect.signature(init).parameters.values()
        if instance is not None or not any(p.kind is p.VAR_KEYWORD for p in own):
            return None  # inspect then looks at the thing itself
        config: Any = owner.Config  # type: ignore[attr-defined]
        fields = list(inspect.signature(config).parameters.values())
        extra = [p for p in own if p.kind is p.KEYWORD_ONLY]
        return inspect.Signature(sorted([*fields, *extra], key=lambda p: p.kind))
