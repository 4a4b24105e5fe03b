"""The README's table of results: written from what is recorded, and nothing else of it touched."""

import pandas as pd
import pytest
from results_in_readme import LINE, README, with_results

from seqrec_lib.reproduce.tables import find_recipes

BEFORE = """Text with | bars and `V --rows "n=10"` in it.
| | epochs | seeds | NDCG@10, 100 negatives | the paper | NDCG@10, all items | |
|---|---|---|---|---|---|---|
| ten | 1 | 9 | 0.9 (0.8 to 0.95) | 0.1 | 0.2 | `V --rows "n=10"` |
| no print | | | | | | `losses --rows "gbce n=50"` |
|games||||||`III --rows "games"`|
| another | 1 | 2 | `make` |
"""
AFTER = """Text with | bars and `V --rows "n=10"` in it.
| | epochs | seeds | NDCG@10, 100 negatives | the paper | NDCG@10, all items | |
|---|---|---|---|---|---|---|
| ten | 200 | 2 | 0.4750 (0.4700 to 0.4800) | 0.4800 | 0.1200 | `V --rows "n=10"` |
| no print | 60 | 1 | 0.5769 |  | 0.1500 | `losses --rows "gbce n=50"` |
| games | 200 | 1 | 0.5300 | 0.5360 | 0.0400 | `III --rows "games"` |
| another | 1 | 2 | `make` |
"""


@pytest.fixture
def results(tmp_path):
    runs = [
        ("V", "n=10", 1, 0.47, 0.11),
        ("V", "n=10", 2, 0.48, 0.13),
        ("losses", "gbce n=50", 1, 0.57691, 0.15),
        ("III", "games", 3, 0.53, 0.04),
    ]
    lines: dict[str, list[dict]] = {}
    for table, row, seed, ndcg, full in runs:
        (recipe,) = find_recipes(table, [row])
        line = {"row": row, "dataset": recipe.dataset, "seed": seed, "epochs": recipe.epochs}
        line |= {"settings": recipe.settings, "mean_hr": 0.7}
        line |= {"mean_ndcg": ndcg, "mean_ndcg_low": 0, "mean_ndcg_high": 1, "sampled_ndcg": 0}
        lines.setdefault(table, []).append(line | {"full_ndcg": full, "full_hr": 0})
    for table, rows in lines.items():
        pd.DataFrame(rows).to_csv(tmp_path / f"{table}.csv", index=False)
    return tmp_path


def test_lines_of_results_are_written_anew_and_the_rest_stays(results):
    assert with_results(BEFORE, results) == AFTER
    assert with_results(AFTER, results) == AFTER


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ('V --rows "n=50"', 'V --rows "n=50"`: nothing is recorded'),
        ('V --rows "n=51"', "row 'n=51' is not in table V"),
        ('VI --rows "n=50"', "table 'VI' must be one of"),
    ],
)
def test_a_line_without_a_run_is_refused(results, command, message):
    with pytest.raises(ValueError, match=message):
        with_results(f"| title | | | | | | `{command}` |", results)


def test_the_readme_is_as_the_tool_writes_it():
    text = README.read_text(encoding="utf-8")
    assert len(LINE.findall(text)) == 5
    assert with_results(text) == text, "run notebooks/tools/results_in_readme.py"
