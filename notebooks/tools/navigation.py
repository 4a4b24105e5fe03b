"""Writes the links to the neighbours into the first cell of every notebook: run it after a title
changed or a notebook came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat
from html_page import NAVIGATION, title_and_summary
from run_notebooks import NOTEBOOKS, find_notebooks


def links(names: Sequence[str], titles: dict[str, str], name: str) -> str:
    """One line of Markdown: previous, all lessons, solutions (or the lesson), next."""
    folder, _, own = name.rpartition("/")
    series = [other for other in names if other.rpartition("/")[0] == folder]
    at, up = series.index(name), "../" if folder else ""

    def link(text: str, target: str) -> str:
        return f"[{text}]({target})"

    def neighbour(other: str) -> tuple[str, str]:
        file = other.rpartition("/")[2]
        return f"{file[:2]} {titles[other]}", f"{file}.ipynb"

    found = []
    if at > 0:
        title, target = neighbour(series[at - 1])
        found.append(link(f"← {title}", target))
    found.append(link("all lessons", f"{up}../README.md#the-notebooks"))
    if folder and own in names:
        found.append(link("the lesson", f"../{own}.ipynb"))
    elif f"solutions/{name}" in names:
        found.append(link("solutions", f"solutions/{name}.ipynb"))
    if at + 1 < len(series):
        title, target = neighbour(series[at + 1])
        found.append(link(f"{title} →", target))
    return " · ".join(found)


def with_links(source: str, line: str) -> str:
    """The text of a first cell with this line of links at its end."""
    return f"{source.partition(NAVIGATION)[0].rstrip()}\n\n{NAVIGATION}\n{line}"


def main(folder: Path = NOTEBOOKS) -> None:
    """Brings all notebooks of a folder up to date."""
    names = find_notebooks(folder)
    notebooks = {name: nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in names}
    titles = {name: title_and_summary(notebook)[0] for name, notebook in notebooks.items()}
    for name, notebook in notebooks.items():
        first = notebook.cells[0]
        source = with_links(first.source, links(names, titles, name))
        if source != first.source:
            first.source = source
            nbformat.write(notebook, folder / f"{name}.ipynb")


if __name__ == "__main__":
    main()
