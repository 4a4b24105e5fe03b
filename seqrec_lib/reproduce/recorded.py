"""What was run, kept for good: one line a run in data/results, its curve, and every user's rank."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from seqrec_lib.common.places import recorded_folder
from seqrec_lib.evaluation.ranks import Ranks
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.tables import RECIPES

RESULTS_FOLDER = recorded_folder("results")
_ITEMS = {"ml-1m": 3416, "games": 23715}


def run_label(recipe: Recipe, seed: int) -> str:
    """The name of a run, for files: table, row and seed, with two underscores between."""
    row = re.sub(r"[^A-Za-z0-9.=+-]+", "-", recipe.row)
    return f"{recipe.table}__{row}__{seed}"


def recorded_table(table: str, results: Path = RESULTS_FOLDER) -> pd.DataFrame:
    """The recorded lines of a table; empty where there are none."""
    place = results / f"{table}.csv"
    return _lines(place) if place.exists() else pd.DataFrame({"row": [], "seed": []})


def _lines(place: Path) -> pd.DataFrame:
    """A file of recorded lines. A commit may have digits only: it stays text."""
    return pd.read_csv(place, dtype={"commit": str})


def recorded_runs(recipe: Recipe, results: Path = RESULTS_FOLDER) -> pd.DataFrame:
    """The recorded runs of a recipe, one line a seed, in whichever table they are.

    Table V's n=200 is Table III's ML-1M: such a run is recorded once and counts in both. Where a
    seed is recorded several times, the line of most epochs counts.

    Returns:
        The columns of the file and: table (where it is recorded), label (of its curve and ranks),
        same_settings (whether the recipe still says what was run then).
    """
    found = []
    for other in sorted((r for r in RECIPES if recipe.same_run(r)), key=lambda r: r != recipe):
        lines = recorded_table(other.table, results)
        lines = lines[lines["row"] == other.row]
        if len(lines):
            labels = [run_label(other, int(seed)) for seed in lines["seed"]]
            same = lines["settings"] == other.settings
            found.append(lines.assign(table=other.table, label=labels, same_settings=same))
    if not found:
        return pd.DataFrame({"seed": [], "epochs": [], "table": [], "label": []})
    together = pd.concat(found).sort_values(["seed", "epochs"], kind="stable")
    return together.drop_duplicates("seed", keep="last").reset_index(drop=True)


def recorded_curve(label: str, results: Path = RESULTS_FOLDER) -> pd.DataFrame:
    """A recorded run by epoch: loss and, every tenth epoch, val_ndcg and val_hr.

    Raises LookupError where there is none.
    """
    return pd.read_csv(_file(results / "curves" / f"{label}.csv"), index_col="epoch")


def recorded_ranks(label: str, dataset: str, results: Path = RESULTS_FOLDER) -> dict[str, Ranks]:
    """The ranks of every user's test item in a recorded run: {"sampled": …, "full": …}.

    dataset: "ml-1m" or "games". What is not recorded is how many items a user has seen: in the full
    ranking `candidates` counts all. Raises LookupError where there are none.
    """
    table = pd.read_csv(_file(results / "ranks" / f"{label}.csv.gz"))
    users = table["user"].to_numpy(np.int64)
    return {
        protocol: Ranks(
            users,
            table[f"{protocol}_better"].to_numpy(np.int64),
            table[f"{protocol}_tied"].to_numpy(np.int64),
            np.full(len(users), among),
            {"protocol": protocol, "data": dataset, "recorded": True},
        )
        for protocol, among in (("sampled", 101), ("full", _ITEMS[dataset]))
    }


def _file(place: Path) -> Path:
    if not place.is_file():
        raise LookupError(f"{place.name} is not among the recorded {place.parent.name}")
    return place


def record(
    line: pd.Series,
    label: str,
    curve: pd.DataFrame | None,
    sampled: Ranks,
    full: Ranks,
    results: Path,
    locks: Path,
) -> None:
    """Curve and ranks first, the line last: a line is there only when all of it is.

    An older line of the same row and seed is replaced, as its curve and ranks are.

    curve: columns epoch, loss, val_ndcg, val_hr; None for what was not trained. locks: a folder for
    the lock that keeps two runs of one table from writing at the same moment.
    """
    table = label.split("__")[0]
    for folder in ("curves", "ranks"):
        (results / folder).mkdir(parents=True, exist_ok=True)
    if curve is not None:
        curve.round(5).to_csv(results / "curves" / f"{label}.csv", index=False)
    pd.DataFrame(
        {
            "user": sampled.users,
            "sampled_better": sampled.better,
            "sampled_tied": sampled.tied,
            "full_better": full.better,
            "full_tied": full.tied,
        }
    ).to_csv(results / "ranks" / f"{label}.csv.gz", index=False)
    place = results / f"{table}.csv"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{table}.lock"):
        lines = line.to_frame().T
        if place.exists():
            before = _lines(place)
            mine = (before["row"] == line["row"]) & (before["seed"] == line["seed"])
            lines = pd.concat([before[~mine], lines]) if (~mine).any() else lines
        beside = place.with_suffix(".tmp")
        lines.to_csv(beside, index=False)
        beside.replace(place)
