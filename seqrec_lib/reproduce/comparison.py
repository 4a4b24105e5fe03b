"""The papers' tables beside what was recorded here, with a verdict on every row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.reproduce.notes import NOTES
from seqrec_lib.reproduce.published import Cell, published_results, published_value
from seqrec_lib.reproduce.recipe import PRINTED_AS, SHOWN_AS, Recipe
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, recorded_runs
from seqrec_lib.reproduce.tables import RECIPES, REPRODUCED_TABLES, find_recipes

REPRODUCTION_TOLERANCE = (
    0.004  # of NDCG@10; SASRec prints 0.5905 and 0.587 for one and the same run
)
# Our table → the printed tables that it is about
_PRINTED_IN = {
    "III": [("SASRec", "III")],
    "IV": [("SASRec", "IV")],
    "V": [("SASRec", "V")],
    "SSE-PT": [("SSE-PT", "1"), ("SSE-PT", "2")],
}
# Rows in which more than the printed value is no success: the row is there to show a loss
_TWO_SIDED = ("IV", "V", "baselines")
# A run that is printed a second time, or by a second paper
_ALSO: dict[Cell, tuple[str, str]] = {
    ("SSE-PT", "1", "ML-1M", "SASRec", ""): ("III", "ml-1m"),
    ("SSE-PT", "1", "Games", "SASRec", ""): ("III", "games"),
    ("SSE-PT", "2", "ML-1M", "SASRec", "n=200 d_user=0 d_item=50"): ("III", "ml-1m"),
    ("SSE-PT", "1", "ML-1M", "SSE-PT", ""): ("SSE-PT", "sse-pt n=200 50+100"),
}
_COLUMNS = [
    "row",
    "dataset",
    "printed_in",
    "paper",
    "ours",
    "spread",
    "lowest",
    "highest",
    "seeds",
    "difference",
    "verdict",
    "note",
    "epochs",
    "paper_hr",
    "ours_hr",
    "ours_full",
    "label",
]


def compare_with_paper(table: str, results: str | Path = RESULTS_FOLDER) -> pd.DataFrame:
    """One of our tables beside the printed one: NDCG@10 among 100 sampled negatives, on test.

    Args:
        table: of `REPRODUCED_TABLES`. The printed rows of the same table that are not ours to run
            (other data sets, other models) are there, too, and say so.
        results: the folder of the recorded lines.

    Returns:
        A table with the columns
        row, dataset: names; printed_in: paper and table, "" where nothing is printed;
        paper, ours: the printed value, and the mean over the recorded seeds;
        spread: the standard deviation over seeds (NaN for fewer than two);
        lowest, highest: over seeds; seeds: how many;
        difference: ours - paper; verdict: see `verdict`, "" where nothing was run;
        note: what to know before comparing; epochs: of the recorded runs;
        paper_hr, ours_hr: HR@10; ours_full: NDCG@10 among all items;
        label: of the recorded run with the lowest seed, for `recorded_curve` and `recorded_ranks`.
    """
    recipes = find_recipes(table)
    rows = [_our_row(recipe, recipe.cell, Path(results)) for recipe in recipes]
    done = {recipe.cell for recipe in recipes}
    for place in _PRINTED_IN.get(table, []):
        for cell in published_results(*place).index:
            if cell not in done:
                rows.append(_other_row(cell, Path(results)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def verdict(table: str, difference: float) -> str:
    """What a difference (ours - paper, NDCG@10) means in a row of `table`.

    "reproduced": within 0.004 of the printed value, or above it in the tables that report a
    result. "differs": anything else; in ablations and baselines (IV, V, baselines) also what is
    more than 0.004 above.
    """
    if table not in REPRODUCED_TABLES:
        raise ValueError(
            f"table {table!r} must be one of {', '.join(map(repr, REPRODUCED_TABLES))}"
        )
    rounding = 1e-9
    too_low = difference < -REPRODUCTION_TOLERANCE - rounding
    too_high = table in _TWO_SIDED and difference > REPRODUCTION_TOLERANCE + rounding
    return "differs" if too_low or too_high else "reproduced"


def _our_row(recipe: Recipe, cell: Cell | None, results: Path) -> dict[str, object]:
    """A row that a recipe makes; `cell` is where it is printed."""
    row: dict[str, object] = {
        "row": recipe.row,
        "dataset": SHOWN_AS[recipe.dataset],
        "note": NOTES.get((recipe.table, recipe.row), ""),
        "seeds": 0,
        "verdict": "",
        **_printed(cell),
    }
    lines = recorded_runs(recipe, results)
    if len(lines) == 0:
        return row
    whole = lines["epochs"] == recipe.epochs
    wanted = recipe.epochs if whole.any() else lines["epochs"].max()
    lines = lines[lines["epochs"] == wanted]  # runs of different length have no mean
    values = lines["sampled_ndcg"]
    row |= {
        "ours": values.mean(),
        "spread": values.std(ddof=1) if len(values) > 1 else np.nan,
        "lowest": values.min(),
        "highest": values.max(),
        "seeds": len(values),
        "epochs": wanted,
        "ours_hr": lines["sampled_hr"].mean(),
        "ours_full": lines["full_ndcg"].mean(),
        "label": lines["label"].iloc[0],
    }
    said = [str(row["note"])] if row["note"] else []
    if cell is not None:
        difference = float(values.mean()) - _value(cell)
        row |= {"difference": difference, "verdict": verdict(recipe.table, difference)}
    else:
        row["verdict"] = "nothing printed"
    if wanted != recipe.epochs:
        row["verdict"] = "shorter run" if wanted < recipe.epochs else "longer run"
        said.append(f"{wanted} epochs instead of {recipe.epochs}")
    if not lines["same_settings"].all():
        row["verdict"] = "other settings"
        said.append("the recipe was changed after this was recorded")
    return row | {"note": "; ".join(said)}


def _other_row(cell: Cell, results: Path) -> dict[str, object]:
    """A printed row that no recipe of this table makes."""
    _, _, dataset, model, setting = cell
    name = " ".join(part for part in (model, setting) if part)
    for recipe in RECIPES:
        if recipe.cell == cell or (recipe.table, recipe.row) == _ALSO.get(cell):
            row = _our_row(recipe, cell, results)
            notes = [str(row["note"]), f"our row {recipe.row!r} of table {recipe.table}"]
            return row | {"row": name, "note": "; ".join(note for note in notes if note)}
    why = f"data set {dataset}" if dataset not in PRINTED_AS.values() else f"{name} is not here"
    return {
        "row": name,
        "dataset": dataset,
        "verdict": "not ours to run",
        "note": why,
        "seeds": 0,
        **_printed(cell),
    }


def _value(cell: Cell, metric: str = "NDCG@10") -> float:
    value = published_value(cell, metric)
    return np.nan if value is None else value


def _printed(cell: Cell | None) -> dict[str, object]:
    if cell is None:
        return {"printed_in": ""}
    place = f"{cell[0]}, Table {cell[1]}"
    return {"printed_in": place, "paper": _value(cell), "paper_hr": _value(cell, "HR@10")}
