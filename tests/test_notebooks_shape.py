"""The committed notebooks and their solutions have the form that `notebook_rules` describes."""

import json
from pathlib import Path

import nbformat
import pytest
from html_page import title_and_summary
from navigation import links, with_links
from notebook_rules import RULES, source
from run_notebooks import find_notebooks
from series_rules import (
    RULES_OF_THE_SERIES,
    checks_or_leaves_open_each_exercise,
    solves_every_exercise,
)

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
SERIES = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
SOLUTIONS = sorted(FOLDER.glob("solutions/[0-9][0-9]_*.ipynb"))


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param(path, rule, id=f"{path.stem}-{rule.__name__}")
        for path in SERIES
        for rule in RULES_OF_THE_SERIES
    ],
)
def test_notebook(path, rule):
    assert list(rule(read(path))) == []


def test_every_notebook_leads_to_its_neighbours():
    """`python notebooks/tools/navigation.py` writes these links."""
    names = find_notebooks(FOLDER)
    notebooks = {n: nbformat.read(FOLDER / f"{n}.ipynb", as_version=4) for n in names}
    titles = {name: title_and_summary(notebook)[0] for name, notebook in notebooks.items()}
    for name, notebook in notebooks.items():
        first = source(notebook.cells[0])
        assert first == with_links(first, links(names, titles, name)), name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions(path, rule):
    assert list(rule(read(path))) == []


@pytest.mark.parametrize("path", SERIES, ids=lambda path: path.stem)
def test_every_exercise_is_solved(path):
    solutions = FOLDER / "solutions" / path.name
    assert solutions.is_file(), f"solutions/{path.name} is missing"
    assert list(solves_every_exercise(read(path), read(solutions))) == []


@pytest.mark.parametrize("path", SERIES, ids=lambda path: path.stem)
def test_every_exercise_checks_itself_or_is_open(path):
    pair = read(path), read(FOLDER / "solutions" / path.name)
    assert list(checks_or_leaves_open_each_exercise(*pair, path.stem[:2])) == []


def test_numbers_are_not_used_twice():
    for paths in (SERIES, SOLUTIONS):
        numbers = [path.name[:2] for path in paths]
        assert len(set(numbers)) == len(numbers)
    assert {path.name for path in SOLUTIONS} <= {path.name for path in SERIES}
