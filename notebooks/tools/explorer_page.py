"""SASRec under glass: its page for `make tutorial`, and pictures of it for README and notebooks.

    python notebooks/tools/explorer_page.py data/figures/explorer.png      # on the built-in sample
    python notebooks/tools/explorer_page.py notebooks/00_start_here.ipynb  # live pages → pictures

What is committed holds pictures: a page has the titles of its data, which MovieLens does not let
anybody pass on, and is too large for a notebook.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from chromium import window
from index_page import EXPLORER
from nbformat import NotebookNode
from PIL import Image

import seqrec_lib as sl

HISTORY = ("Orbit of Glass", "Otter Detectives", "Last Robot in Leeds", "Gravity Tax")
# The first recommendation is taken; the README says itself what to try
CHANGE = "watch(best(state.thought.shares, 1)[0]); document.getElementById('tasks').hidden = true"
LIVE = re.compile(r'^<iframe [^>]*srcdoc="([^"]*)"')
SHOWN, TALL = 1000, 1400  # pixels of a picture in a notebook: the first three views are whole


def sample_page() -> sl.Explorer:
    """The trained model of the built-in sample, which every clone has."""
    dataset = sl.prepare(sl.make_sample().movielens)
    model, _ = sl.load("sasrec-sample", dataset=dataset)
    return sl.explore(model, dataset, history=HISTORY)


def picture(page: str, width: int, height: int, dark: bool = False, script: str = "") -> bytes:
    """The page as PNG, once all its views are filled. script: JavaScript that plays before that."""
    with tempfile.TemporaryDirectory() as folder, window(width, height, dark, sharp=1.5) as shown:
        file = Path(folder) / EXPLORER
        file.write_text(page, encoding="utf-8")
        shown.goto(file.as_uri())
        shown.wait_for_selector("#recommended li")
        if script:
            shown.evaluate(script)
        shown.wait_for_selector("#influence td")
        shown.wait_for_function(
            "() => !document.querySelector('#influence').innerText.includes('…')"
        )
        shown.wait_for_timeout(500)  # until the rows of the list have come to rest
        taken = shown.screenshot()
    image = Image.open(io.BytesIO(taken)).convert("RGB").quantize(128)
    small = io.BytesIO()
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def with_pictures(notebook: NotebookNode) -> int:
    """Puts a picture in the place of each live page among the outputs; returns how many."""
    found = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            live = LIVE.match(output.get("data", {}).get("text/html", ""))
            if live is None:
                continue
            png = picture(html.unescape(live[1]), SHOWN, TALL)
            alt = output.data["text/plain"]
            output.data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
            output.metadata = {"image/png": {"alt": alt, "width": SHOWN}}
            found += 1
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", help="a PNG to write, or notebooks")
    for file in parser.parse_args(arguments).files:
        if file.suffix == ".png":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture(sample_page().html, 1280, 860, script=CHANGE))
            print(f"{file}: {file.stat().st_size:,} bytes")
            continue
        notebook = nbformat.read(file, as_version=4)
        print(f"{file}: {with_pictures(notebook)} pictures")
        nbformat.write(notebook, file)


if __name__ == "__main__":
    main()
