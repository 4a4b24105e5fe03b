"""What to lower when memory is full, that of a GPU or of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# torch tells a CPU's full memory from its other RuntimeErrors by these words alone.
_CPU_WORDS = ("DefaultCPUAllocator", "not enough memory", "bad_alloc")
_KINDS = (torch.cuda.OutOfMemoryError, MemoryError, RuntimeError)


@contextmanager
def says_what_to_lower(work: str, remedy: str, **settings: Any) -> Iterator[None]:
    """A `with` block in which running out of memory is explained.

    The error keeps its type, so that code which waits for it still meets it.

    Args:
        work: what is being done, as in "training".
        remedy: what to try, most useful first.
        settings: the ones that memory depends on, with their values.
    """
    try:
        yield
    except _KINDS as error:
        owner = _whose(error)
        if owner is None or " memory is full while " in str(error):  # a block inside this one knew
            raise
        kind = next(kind for kind in _KINDS if isinstance(error, kind))
        values = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise kind(
            f"{owner} memory is full while {work} with {values}: {remedy}. The allocator said: "
            f"{error}"
        ) from error


def _whose(error: Exception) -> str | None:
    """Whose memory is full, or None for an error of another kind."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return "the GPU's"
    if isinstance(error, MemoryError) or any(word in str(error) for word in _CPU_WORDS):
        return "this machine's"
    return None
