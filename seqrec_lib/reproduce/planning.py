"""The plan of `python -m seqrec_lib.reproduce`: which runs are recorded and which are missing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.reproduce.questions import runs_in_order
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, recorded_curve, recorded_runs
from seqrec_lib.reproduce.run import flat, run_folder, trials_of
from seqrec_lib.reproduce.tables import find_recipes

IN_ORDER = "in-order"  # instead of a table: the runs of all questions, in the order of their value


def plan_runs(
    table: str,
    rows: list[str] | None,
    seeds: list[int] | None,
    results: Path = RESULTS_FOLDER,
    epochs: int | None = None,
    dataset: str | None = None,
) -> pd.DataFrame:
    """Which runs of a table are recorded and which are missing, one line a run.

    Args:
        table: one of them, "all", or "in-order" for all runs of the questions, most valuable first.
        seeds: None is 1, 2 and 3; a plan in order has its own.
        epochs: how many are wanted; None is each recipe's own number. What was recorded with fewer,
            or before the recipe was changed, is not done.
        dataset: only its rows.

    Returns:
        A table with columns table, row, seed (0 for what has none), paper and ours (NDCG@10 among
        100 negatives), recorded (bool) and state, which says it in words.
    """
    found = []
    for recipe, seed in _runs(table, rows, seeds):
        if dataset not in (None, recipe.dataset):
            continue
        lines = recorded_runs(recipe, results)
        mine = lines[lines["seed"] == seed]
        value, done, state = np.nan, False, "missing"
        if len(mine):
            line = mine.iloc[-1]
            wanted = recipe.epochs if epochs is None or recipe.baseline else epochs
            done = int(line["epochs"]) >= wanted or _ended(recipe, line, results)
            value = float(line["sampled_ndcg"])
            state = "recorded" if done else f"{line['epochs']} of {wanted} epochs"
            if not line["same_settings"]:
                done, state = False, "recorded with other settings"
            if line["table"] != recipe.table:
                state += f" in table {line['table']}"
        found.append((recipe.table, recipe.row, seed, recipe.paper, value, done, state))
    columns = ["table", "row", "seed", "paper", "ours", "recorded", "state"]
    return pd.DataFrame(found, columns=columns)


def _runs(table: str, rows: list[str] | None, seeds: list[int] | None) -> list[tuple[Recipe, int]]:
    if table == IN_ORDER:
        return [
            (recipe, seed)
            for recipe, seed in runs_in_order()
            if (rows is None or recipe.row in rows) and (seeds is None or seed in [0, *seeds])
        ]
    return [
        (recipe, seed)
        for recipe in find_recipes(table, rows)
        for seed in ([0] if recipe.baseline else seeds or [1, 2, 3])
    ]


def _ended(recipe: Recipe, line: pd.Series, results: Path) -> bool:
    """Whether validation was flat for as long as the recipe waits."""
    if recipe.patience is None:
        return False
    checked = recorded_curve(line["label"], results)["val_ndcg"].dropna()
    return flat(checked.to_list(), recipe.patience)


def epochs_to_go(recipe: Recipe, seed: int, epochs: int | None, work: Path) -> int:
    """The epochs of a run, at most, less those that its checkpoints already hold.

    Where a learning rate has to be chosen, those of the trials with seed 1.
    """
    whole = recipe.epochs if epochs is None else epochs
    runs = trials_of(recipe) if recipe.rates and seed == 1 else [recipe]
    left = 0
    for run in runs:
        names = (path.name for path in run_folder(run, seed, whole, work).glob("epoch-*.pt"))
        left += max(0, whole - max((int(re.sub(r"\D", "", name)) for name in names), default=0))
    return left


def once_each(todo: pd.DataFrame) -> list[tuple[Recipe, int]]:
    """The recipes and seeds of a plan; a run that is in two tables comes once."""
    runs: list[tuple[Recipe, int]] = []
    for table, row, seed in zip(todo["table"], todo["row"], todo["seed"], strict=True):
        (recipe,) = find_recipes(table, [row])
        if not any(recipe.same_run(other) and seed == done for other, done in runs):
            runs.append((recipe, int(seed)))
    return runs
