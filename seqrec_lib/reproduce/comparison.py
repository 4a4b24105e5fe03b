"""The papers' tables beside what was recorded here, with a verdict on every row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.reproduce.notes import NOTES
from seqrec_lib.reproduce.published import Cell, published_results, published_value
from seqrec_lib.reproduce.recipe import NOT_RUN_HERE, PRINTED_AS, SHOWN_AS, Recipe
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, recorded_runs
from seqrec_lib.reproduce.tables import RECIPES, REPRODUCED_TABLES, find_recipes

# Of NDCG@10: SASRec prints 0.5905 and 0.587 for one and the same run. It was fixed after the first
# runs and before most. Of HR@10 twice that, as its noise is.
REPRODUCTION_TOLERANCE = 0.004
HIT_RATE_TOLERANCE = 0.008
# Our table → the printed tables that it is about
_PRINTED_IN = {
    "III": [("SASRec", "III")],
    "IV": [("SASRec", "IV")],
    "V": [("SASRec", "V")],
    "SSE-PT": [("SSE-PT", "1"), ("SSE-PT", "2")],
}
# A run that is printed a second time, or by a second paper
_ALSO: dict[Cell, tuple[str, str]] = {
    ("SSE-PT", "1", "ML-1M", "SASRec", ""): ("III", "ml-1m"),
    ("SSE-PT", "1", "Games", "SASRec", ""): ("III", "games"),
    ("SSE-PT", "2", "ML-1M", "SASRec", "n=200 d_user=0 d_item=50"): ("III", "ml-1m"),
    ("SSE-PT", "1", "ML-1M", "SSE-PT", ""): ("SSE-PT", "sse-pt n=200 50+100"),
}
_COLUMNS = [
    *(
        "row",
        "dataset",
        "printed_in",
        "paper",
        "ours",
        "low",
        "high",
        "spread",
        "lowest",
        "highest",
    ),
    *("seeds", "difference", "paper_hr", "ours_hr", "difference_hr", "verdict", "note", "epochs"),
    *("one_draw", "ours_full", "ours_full_hr", "label"),
]


def compare_with_paper(table: str, results: str | Path = RESULTS_FOLDER) -> pd.DataFrame:
    """One of our tables beside the printed one: the test items among 100 sampled negatives.

    Args:
        table: of `REPRODUCED_TABLES`. The printed rows of the same table that are not ours to run
            (other data sets, other models) are there, too, and say so.
        results: the folder of the recorded lines.

    Returns:
        A table with the columns
        row, dataset: names; printed_in: paper and table, "" where nothing is printed;
        paper, ours: NDCG@10, printed, and the mean over all draws of the negatives and over the
        recorded seeds;
        low, high: a 95% interval of ours over users, the mean of the seeds' intervals;
        spread, lowest, highest: the standard deviation over seeds (NaN for fewer than two), and
        their range; seeds: how many;
        difference: ours - paper; paper_hr, ours_hr, difference_hr: HR@10 likewise;
        verdict: see `verdict`; "" where nothing was run, "not run here" where the data was missing;
        note: what to know before comparing; epochs: of the recorded runs;
        one_draw: NDCG@10 with the negatives drawn once, as the papers draw them;
        ours_full, ours_full_hr: NDCG@10 and HR@10 among all items;
        label: of the recorded run with the lowest seed, for `recorded_curve` and `recorded_ranks`.

    Raises LookupError for lines of before the mean over draws was recorded.
    """
    recipes = find_recipes(table)
    rows = [_our_row(recipe, recipe.cell, Path(results)) for recipe in recipes]
    done = {recipe.cell for recipe in recipes}
    for place in _PRINTED_IN.get(table, []):
        for cell in published_results(*place).index:
            if cell not in done:
                rows.append(_other_row(cell, Path(results)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def verdict(table: str, difference: float, difference_hr: float = np.nan) -> str:
    """What the differences (ours - paper) of NDCG@10 and HR@10 mean in a row of `table`.

    "reproduced": NDCG@10 within 0.004 and, where it is printed, HR@10 within 0.008, on both sides.
    Otherwise "differs" in Table IV, whose rows show what a change costs; in the others "above" or
    "below" with the metric: "below in HR@10", "above in NDCG@10 and HR@10".
    """
    if table not in REPRODUCED_TABLES:
        raise ValueError(
            f"table {table!r} must be one of {', '.join(map(repr, REPRODUCED_TABLES))}"
        )
    rounding = 1e-9
    found: dict[str, list[str]] = {}
    for metric, value, tolerance in (
        ("NDCG@10", difference, REPRODUCTION_TOLERANCE),
        ("HR@10", difference_hr, HIT_RATE_TOLERANCE),
    ):
        if abs(value) > tolerance + rounding:
            found.setdefault("above" if value > 0 else "below", []).append(metric)
    if not found:
        return "reproduced"
    if table == "IV":
        return "differs"
    return ", ".join(f"{side} in {' and '.join(metrics)}" for side, metrics in found.items())


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
        if recipe.dataset in NOT_RUN_HERE:
            row |= {"verdict": "not run here", "note": f"data set {SHOWN_AS[recipe.dataset]}"}
        return row
    wanted = recipe.epochs if (lines["epochs"] == recipe.epochs).any() else lines["epochs"].max()
    if recipe.patience is None:
        lines = lines[lines["epochs"] == wanted]  # runs of different length have no mean
    if "mean_ndcg" not in lines or lines["mean_ndcg"].isna().any():
        raise LookupError(
            f"{recipe.table} {recipe.row!r} has no mean over the draws of negatives: "
            "python -m seqrec_lib.reproduce.means adds it to older runs"
        )
    values = lines["mean_ndcg"]
    row |= {
        "ours": values.mean(),
        "low": lines["mean_ndcg_low"].mean(),
        "high": lines["mean_ndcg_high"].mean(),
        "spread": values.std(ddof=1) if len(values) > 1 else np.nan,
        "lowest": values.min(),
        "highest": values.max(),
        "seeds": len(values),
        "epochs": wanted,
        "ours_hr": lines["mean_hr"].mean(),
        "one_draw": lines["sampled_ndcg"].mean(),
        "ours_full": lines["full_ndcg"].mean(),
        "ours_full_hr": lines["full_hr"].mean(),
        "label": lines["label"].iloc[0],
    }
    said = [str(row["note"])] if row["note"] else []
    if cell is not None:
        differences = (
            float(values.mean()) - _value(cell),
            float(lines["mean_hr"].mean()) - _value(cell, "HR@10"),
        )
        row |= dict(zip(("difference", "difference_hr"), differences, strict=True))
        row["verdict"] = verdict(recipe.table, *differences)
    else:
        row["verdict"] = "nothing printed"
    if wanted != recipe.epochs and recipe.patience is None:
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
    elsewhere = dataset in [PRINTED_AS[data] for data in NOT_RUN_HERE]
    why = f"data set {dataset}" if elsewhere else f"{name} is not here"
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
