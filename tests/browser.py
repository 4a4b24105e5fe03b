"""A headless browser for tests; where there is none, they are skipped and say what is missing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import chromium
import pytest


@contextmanager
def window(width: int = 1280, height: int = 900, dark: bool = False) -> Iterator:
    """`chromium.window`, or a skip."""
    with ExitStack() as stack:
        try:
            page = stack.enter_context(chromium.window(width, height, dark))
        except LookupError as missing:
            pytest.skip(f"{missing}: nothing is tried in a browser")
        yield page
