"""The plan of `python -m seqrec_lib.reproduce`: which runs are recorded and which are missing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, recorded_runs, run_label
from seqrec_lib.reproduce.tables import find_recipes


def plan_runs(
    table: str,
    rows: list[str] | None,
    seeds: list[int],
    results: Path = RESULTS_FOLDER,
    epochs: int | None = None,
    dataset: str | None = None,
) -> pd.DataFrame:
    """Which runs of a table are recorded and which are missing, one line a run.

    Args:
        table: one of them, or "all".
        epochs: how many are wanted; None is each recipe's own number. What was recorded with fewer,
            or before the recipe was changed, is not done.
        dataset: only its rows.

    Returns:
        A table with columns table, row, seed (0 for what has none), paper and ours (NDCG@10 among
        100 negatives), recorded (bool) and state, which says it in words.
    """
    found = []
    for recipe in find_recipes(table, rows):
        if dataset not in (None, recipe.dataset):
            continue
        lines = recorded_runs(recipe, results)
        wanted = recipe.epochs if epochs is None or recipe.baseline else epochs
        for seed in [0] if recipe.baseline else seeds:
            mine = lines[lines["seed"] == seed]
            value, done, state = np.nan, False, "missing"
            if len(mine):
                line = mine.iloc[-1]
                value, done = float(line["sampled_ndcg"]), int(line["epochs"]) >= wanted
                state = "recorded" if done else f"{line['epochs']} of {wanted} epochs"
                if not line["same_settings"]:
                    done, state = False, "recorded with other settings"
                if line["table"] != recipe.table:
                    state += f" in table {line['table']}"
            found.append((recipe.table, recipe.row, seed, recipe.paper, value, done, state))
    columns = ["table", "row", "seed", "paper", "ours", "recorded", "state"]
    return pd.DataFrame(found, columns=columns)


def epochs_to_go(recipe: Recipe, seed: int, epochs: int | None, work: Path) -> int:
    """The epochs of a run less those that its checkpoints already hold."""
    names = (path.name for path in (work / run_label(recipe, seed)).glob("epoch-*.pt"))
    saved = max((int(re.sub(r"\D", "", name)) for name in names), default=0)
    return max(0, (recipe.epochs if epochs is None else epochs) - saved)


def once_each(todo: pd.DataFrame) -> list[tuple[Recipe, int]]:
    """The recipes and seeds of a plan; a run that is in two tables comes once."""
    runs: list[tuple[Recipe, int]] = []
    for table, row, seed in zip(todo["table"], todo["row"], todo["seed"], strict=True):
        (recipe,) = find_recipes(table, [row])
        if not any(recipe.same_run(other) and seed == done for other, done in runs):
            runs.append((recipe, int(seed)))
    return runs
