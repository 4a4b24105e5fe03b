"""What to lower when a GPU's memory is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def says_what_to_lower(work: str, remedy: str, **settings: Any) -> Iterator[None]:
    """A `with` block in which running out of a GPU's memory is explained.

    The error keeps its type, so that code which waits for it still meets it.

    Args:
        work: what is being done, as in "training".
        remedy: what to try, most useful first.
        settings: the ones that memory depends on, with their values.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        values = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise torch.cuda.OutOfMemoryError(
            f"the GPU's memory is full while {work} with {values}: {remedy}. What torch said: "
            f"{error}"
        ) from error
