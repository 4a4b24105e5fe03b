"""A headless window of the system's Chromium or Chrome; playwright brings no browser along."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BROWSERS = [
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
]  # fmt: skip


@contextmanager
def window(
    width: int = 1280, height: int = 900, dark: bool = False, sharp: float = 1
) -> Iterator[Any]:
    """A page of playwright's. width, height: in CSS pixels. sharp: pixels of the picture for one.

    Raises LookupError where playwright or a browser is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise LookupError("playwright is not installed: pip install playwright") from error
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise LookupError("there is no Chromium and no Chrome on this machine")
    with sync_playwright() as playwright:
        # Root may not use Chromium's sandbox, and the only pages it opens are ours.
        running = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = running.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            device_scale_factor=sharp,
        )
        page.set_default_timeout(60_000)
        yield page
        running.close()
