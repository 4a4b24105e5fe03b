"""The lessons run on anybody's data; all of them on all logs: `python -m tests.anybodys_data`."""

from pathlib import Path

import anybodys_data
import foreign_logs
import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook


def test_the_logs_are_of_four_kinds(tmp_path: Path) -> None:
    orders, visits, many, few = (
        pd.read_csv(foreign_logs.write(name, tmp_path), sep=";" if name == "orders" else ",")
        for name in foreign_logs.LOGS
    )
    titles = orders.drop_duplicates("SKU")["Title"]
    assert titles.duplicated().sum() == 1
    bought = orders.sort_values(["Customer ID", "OrderDate"])
    assert (bought["SKU"] == bought["SKU"].shift()).mean() > 0.25
    lengths = visits["session_id"].value_counts()
    assert 0.45 < (lengths < 3).mean() < 0.55
    assert visits.groupby("session_id")["timestamp"].nunique().max() == 1
    assert many["user"].nunique() == 15_000
    assert many["item"].nunique() == 60
    assert few["user"].nunique() == 30
    assert few["item"].nunique() == 40
    again = (foreign_logs.write("many", tmp_path)).read_bytes()
    assert again == foreign_logs.write("many", tmp_path).read_bytes()


def test_every_cell_that_fails_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [
        new_code_cell("import os, pandas as pd; log = pd.read_csv(os.environ['SEQREC_DATASET'])"),
        new_code_cell("assert len(log) == 1_000_209, 'not MovieLens'"),
        new_code_cell("print(os.environ['SEQREC_PROFILE'], log['user'].nunique(), 'users')"),
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
        new_code_cell("0 / 1", metadata={"tags": ["raises-exception"]}),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "00_start.ipynb")
    monkeypatch.setattr(anybodys_data, "NOTEBOOKS", tmp_path)
    assert anybodys_data.main(["--log", "many", "--lessons", "00", "--show"]) == 1
    said = capsys.readouterr().out
    assert "many, lesson 00: 2 cells failed" in said
    assert "[3] smoke 15000 users" in said
    assert "many: lesson 00, code cell 2: AssertionError: not MovieLens" in said
    assert "many: lesson 00, code cell 5: it should fail, and did not" in said
    assert "code cell 4" not in said


@pytest.mark.parametrize("lesson", ["00", "01", "05"])
def test_a_lesson_runs_on_orders(tmp_path: Path, lesson: str) -> None:
    """Text ids, short histories, repeats, two items of one title; no genres, no ratings."""
    notebook = anybodys_data.run(lesson, foreign_logs.write("orders", tmp_path))
    assert anybodys_data.failures(notebook, lesson, "orders") == []
    said = anybodys_data.shown(notebook)
    assert "YOUR OWN LOG, Log('orders.csv': 10,824 rows by 500 users of 90 items)" in said
    assert ", hot" in said, "its own titles are shown"
    if lesson == "00":
        assert "the shipped one" not in said
    if lesson == "05":
        assert "the stranger has user cust 0000's films" in said


def test_a_lesson_runs_on_what_a_class_typed_in(tmp_path: Path) -> None:
    """Fewer users than a batch or a page of a lesson: 30, with 40 songs."""
    notebook = anybodys_data.run("03", foreign_logs.write("few", tmp_path))
    assert anybodys_data.failures(notebook, "03", "few") == []
    said = anybodys_data.shown(notebook)
    assert "The same 1,200 scores." in said, "30 users times 40 songs"
