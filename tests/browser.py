"""A headless browser for tests: the system's Chromium or Chrome; playwright brings none along."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

BROWSERS = [
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
]  # fmt: skip


@contextmanager
def window(width: int = 1280, height: int = 900, dark: bool = False) -> Iterator:
    """A page of a headless browser, or a skip that says what is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("playwright is not installed: nothing is tried in a browser")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium and no Chrome on this machine: nothing is tried in a browser")
    with sync_playwright() as playwright:
        # Root may not use Chromium's sandbox, and the only pages it opens are ours.
        running = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        size = {"width": width, "height": height}
        page = running.new_page(viewport=size, color_scheme="dark" if dark else "light")
        page.set_default_timeout(60_000)
        yield page
        running.close()
