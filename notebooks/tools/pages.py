"""Writes the pages of notebooks and texts, with the links from each to the others."""

from __future__ import annotations

import html
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import nbformat
from html_page import data_of, notebook_page, title_and_summary
from nbformat import NotebookNode


def navigation(names: Sequence[str], name: str, titles: Mapping[str, str]) -> str:
    """Links from a page to the index, its lesson or solutions, the page before and the one after.

    Lessons follow lessons, and solutions follow solutions. titles: of the neighbours, by name.
    """

    def link(other: str, text: str) -> str:
        return f'<a href="{up}{other}.html">{html.escape(text)}</a>'

    def label(other: str) -> str:
        return f"{other.rpartition('/')[2][:2]} {titles[other]}"

    up = "../" * name.count("/")
    folder, _, own = name.rpartition("/")
    series = [other for other in names if other.rpartition("/")[0] == folder]
    at = series.index(name)
    links = [link("index", "The course")]
    if at > 0:
        links.append(link(series[at - 1], f"← {label(series[at - 1])}"))
    if folder and own in names:
        links.append(link(own, "the lesson"))
    elif f"solutions/{name}" in names:
        links.append(link(f"solutions/{name}", "solutions"))
    if at + 1 < len(series):
        links.append(link(series[at + 1], f"{label(series[at + 1])} →"))
    return "\n".join(links)


@cache
def _title(path: Path) -> str:
    return title_and_summary(nbformat.read(path, as_version=4))[0]


def write_pages(
    folder: Path,
    out: Path,
    names: Sequence[str],
    name: str,
    ran: NotebookNode,
    committed: NotebookNode,
) -> str:
    """The page of what ran here and, where the committed outputs are of real data, one of those.

    folder: of the notebooks. out: of the pages. names: of all notebooks, in order.
    Returns the name of the second one, or "". Raises ValueError as `notebook_page` does.
    """
    images, stem = (folder / name).parent, name.rsplit("/", 1)[-1]
    links = navigation(names, name, {other: _title(folder / f"{other}.ipynb") for other in names})
    target = out / f"{name}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    second = out / f"{name}.movielens.html"
    note = "Outputs on this page: run on this machine"
    if data_of(ran) == "sample":
        note += ", on the built-in sample, an invented world of films"
    note += "."
    with_data = data_of(committed) == "real"
    if with_data:
        note += (
            " For what the text says of MovieLens, see "
            f'<a href="{second.name}">this page with its MovieLens outputs</a>.'
        )
    try:
        text = notebook_page(ran, images, links, f'<p class="data">{note}</p>')
    except ValueError:
        target.unlink(missing_ok=True)
        raise
    target.write_text(text, encoding="utf-8")
    if not with_data:
        return ""
    note = (
        "Outputs on this page: MovieLens 1M, as they are committed with the notebook. Here is "
        f'<a href="{stem}.html">this page as it ran on this machine</a>.'
    )
    text = notebook_page(committed, images, links, f'<p class="data">{note}</p>')
    second.write_text(text, encoding="utf-8")
    return second.relative_to(out).as_posix()


def write_texts(folder: Path, out: Path) -> list[tuple[str, str, str]]:
    """The pages of the texts beside the notebooks: (name, title, summary) of each.

    Raises ValueError for a formula that cannot be shown and for whatever needs the network.
    """
    texts = []
    for path in sorted(folder.glob("[a-z]*.md")):
        cell = nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))
        notebook = nbformat.v4.new_notebook(cells=[cell])
        back = '<a href="index.html">The course</a>'
        out.mkdir(parents=True, exist_ok=True)
        text = notebook_page(notebook, folder, back)
        (out / f"{path.stem}.html").write_text(text, encoding="utf-8")
        texts.append((path.stem, *title_and_summary(notebook)))
    return texts


def copy_prints(folder: Path, out: Path) -> list[tuple[str, str]]:
    """Copies what is made to be printed, the PDFs beside the notebooks: (file, title) of each."""
    out.mkdir(parents=True, exist_ok=True)
    prints = sorted(folder.glob("*.pdf"))
    for path in prints:
        shutil.copy(path, out)
    return [(path.name, path.stem.replace("_", " ").capitalize()) for path in prints]
