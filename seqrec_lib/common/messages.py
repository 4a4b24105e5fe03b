"""Errors whose message says all that is needed."""

from __future__ import annotations


class PlainError(BaseException):
    """A notebook shows the message of such an error, and no traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return f"{type(self).__name__}: {self}".splitlines()
