"""What was run, kept for good: one line a run in data/results, its curve, and every user's rank."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.common.places import recorded_folder
from seqrec_lib.data.paper_files import PAPER_FILES
from seqrec_lib.evaluation.ranks import Ranks
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.tables import RECIPES

RESULTS_FOLDER = recorded_folder("results")
FILES = {"curves": ".csv", "ranks": ".csv.gz"}  # what a run has beside its line, and how it ends
_ITEMS = {"ml-1m": 3416, "ml-1m-in-time": 3416, "ml-100k": 1349, "ml-latest-small": 3650}
_ITEMS |= {name: file.items for name, file in PAPER_FILES.items()}


def run_label(recipe: Recipe, seed: int) -> str:
    """The name of a run, for files: table, row and seed, with two underscores between."""
    return label_of(recipe.table, recipe.row, seed)


def label_of(table: str, row: str, seed: int) -> str:
    """`run_label` by names."""
    return f"{table}__{re.sub(r'[^A-Za-z0-9.=+-]+', '-', row)}__{seed}"


def recorded_table(table: str, results: Path = RESULTS_FOLDER) -> pd.DataFrame:
    """The recorded lines of a table; empty where there are none."""
    return read_lines(results / f"{table}.csv")


def read_lines(place: Path) -> pd.DataFrame:
    """A file of recorded lines, or none. A commit may have digits only: it stays text.

    `run` names the files of a line: its label, if it was not run again.
    """
    if not place.exists():
        return pd.DataFrame({"row": [], "seed": [], "run": []})
    lines = pd.read_csv(place, dtype={"commit": str})
    if "run" not in lines:
        pairs = zip(lines["row"], lines["seed"], strict=True)
        lines["run"] = [label_of(place.stem, row, seed) for row, seed in pairs]
    return lines


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
            same = lines["settings"] == other.settings
            found.append(lines.assign(table=other.table, label=lines["run"], same_settings=same))
    if not found:
        return pd.DataFrame({"seed": [], "epochs": [], "table": [], "label": []})
    together = pd.concat(found).sort_values(["seed", "epochs"], kind="stable")
    return together.drop_duplicates("seed", keep="last").reset_index(drop=True)


def recorded_curve(label: str, results: Path = RESULTS_FOLDER) -> pd.DataFrame:
    """A recorded run by epoch: loss and, every tenth epoch, val_ndcg and val_hr.

    Raises LookupError where there is none.
    """
    return pd.read_csv(_file("curves", label, results), index_col="epoch")


def recorded_ranks(label: str, dataset: str, results: Path = RESULTS_FOLDER) -> dict[str, Ranks]:
    """The ranks of every user's test item in a recorded run: {"sampled": …, "full": …}.

    dataset: of the recipe. What is not recorded is how many items a user has seen: in the full
    ranking `candidates` counts all. Newer runs have "allowed", too: among all that the sampled
    candidates are drawn from. Raises LookupError where there are none.
    """
    table = pd.read_csv(_file("ranks", label, results))
    users = table["user"].to_numpy(np.int64)
    among = {
        name: np.full(len(users), n) for name, n in (("sampled", 101), ("full", _ITEMS[dataset]))
    }
    if "allowed" in table:
        among["allowed"] = table["allowed"].to_numpy(np.int64)
    return {
        protocol: Ranks(
            users,
            table[f"{protocol}_better"].to_numpy(np.int64),
            table[f"{protocol}_tied"].to_numpy(np.int64),
            candidates,
            {"protocol": protocol, "data": dataset, "recorded": True},
        )
        for protocol, candidates in among.items()
    }


def _file(folder: str, label: str, results: Path) -> Path:
    """The file of a run: under its label or, where it was run again, the name in its line."""
    runs = recorded_table(label.split("__")[0], results)["run"]
    again = runs[runs.str.fullmatch(re.escape(label) + r"\.\d+")] if len(runs) else runs
    name = f"{again.iloc[0] if len(again) else label}{FILES[folder]}"
    if not (results / folder / name).is_file():
        raise LookupError(f"{name} is not among the recorded {folder}")
    return results / folder / name
