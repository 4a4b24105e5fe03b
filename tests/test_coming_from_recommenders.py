"""The page for people who come from recommenders claims nothing that no test proves."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "notebooks" / "coming_from_recommenders.md").read_text(encoding="utf-8")
TESTS = {
    node.name
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_test_that_is_named_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) >= 18
    assert named <= TESTS, named - TESTS


def test_every_row_names_its_test():
    differences, overrides = rows("What differs on purpose"), rows("What a subclass may override")
    assert len(differences) >= 10
    assert len(overrides) >= 6
    for row in [*differences, *overrides]:
        assert re.search(r"`test_\w+`", row[-1]), row[0]
    for row in differences:
        assert len(row) == 5
        assert len(row[2].split()) > 4, f"no reason: {row[0]}"


def test_the_readme_leads_to_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "notebooks/coming_from_recommenders.md" in readme
