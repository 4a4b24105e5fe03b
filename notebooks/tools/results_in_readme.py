"""Brings the README's table of results in line with what is recorded.

A line of the table is recognised by its last cell, `TABLE --rows "ROW"`, and keeps its title; the
cells between are written anew from data/results. To show another row, add a line with a title,
that last cell and nothing between.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd

from seqrec_lib.reproduce.comparison import compare_with_paper
from seqrec_lib.reproduce.recipe import SHOWN_AS
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER
from seqrec_lib.reproduce.tables import find_recipes

README = Path(__file__).resolve().parents[2] / "README.md"
LINE = re.compile(r'^\| *([^|]*?) *\|.*\| *(`(\S+) --rows "([^"]+)"`) *\|$', re.MULTILINE)


def cells(row: pd.Series) -> list[str]:
    """What stands between title and command, from one row of `compare_with_paper`."""
    ours = f"{row['ours']:.4f}"
    if row["seeds"] > 1:
        ours += f" ({row['lowest']:.4f} to {row['highest']:.4f})"
    paper = "" if pd.isna(row["paper"]) else f"{row['paper']:.4f}"
    return [f"{row['epochs']:.0f}", f"{row['seeds']}", ours, paper, f"{row['ours_full']:.4f}"]


def with_results(text: str, results: Path = RESULTS_FOLDER) -> str:
    """The text with every line of results written anew.

    Raises ValueError for a line whose table or row there is not, or whose row has no run.
    """

    @cache  # forty lines come from seven tables
    def comparison(table: str) -> pd.DataFrame:
        return compare_with_paper(table, results)

    def line(found: re.Match[str]) -> str:
        title, command, table, name = found.groups()
        (recipe,) = find_recipes(table, [name])
        beside = comparison(table)
        ours = (beside["row"] == name) & (beside["dataset"] == SHOWN_AS[recipe.dataset])
        row = beside[ours].iloc[0]
        if not row["seeds"]:
            raise ValueError(f"{command}: nothing is recorded; run it, or take its line out")
        return f"| {' | '.join([title, *cells(row), command])} |"

    return LINE.sub(line, text)


if __name__ == "__main__":
    README.write_text(with_results(README.read_text(encoding="utf-8")), encoding="utf-8")
