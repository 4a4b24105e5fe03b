"""Reproduce a published table: `python -m seqrec_lib.reproduce TABLE`.

Each run is resumable (checkpoints in build/runs), and is recorded when it ends: one line in
data/results/TABLE.csv, its curve, and the rank of every user; its weights stay in build/runs. What
is recorded is not run again. Before the first run a few batches of each row are timed, so that the
plan says how long it will take on this machine.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.recipes import GAMES_SHA256, GAMES_URL, PRINTED_AS, TABLES, Recipe, rows_of
from seqrec_lib.recorded import label_of, lines_of, recorded
from seqrec_lib.runs import CANDIDATE_SEED, Cost, build, measure, run
from seqrec_lib.sequences import SASRecDataSet, prepare

__all__ = ["CANDIDATE_SEED", "build", "label_of", "load_dataset", "main", "plan", "recorded", "run"]


def load_dataset(name: str, path: str | Path | None = None) -> SASRecDataSet:
    """The papers' own sequences of "ml-1m" or "games".

    ml-1m is prepared from GroupLens' ratings, which gives the sequences of the papers' file; Games
    is that file itself, looked for in $SEQREC_DATA and else fetched from the authors' repository.
    """
    if name == "ml-1m":
        from seqrec_lib.datasets import load_movielens

        return prepare(load_movielens("ml-1m", path))
    from seqrec_lib.fetch import fetch_file

    return SASRecDataSet(
        fetch_file("Video.txt", GAMES_URL, GAMES_SHA256, folder="amazon-games", path=path)
    )


def plan(
    table: str,
    rows: list[str] | None,
    seeds: list[int],
    results: Path,
    epochs: int | None = None,
    dataset: str | None = None,
) -> pd.DataFrame:
    """What is recorded and what is missing.

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
    for recipe in rows_of(table, rows):
        if dataset not in (None, recipe.dataset):
            continue
        lines = lines_of(recipe, results)
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
    names = (path.name for path in (work / label_of(recipe, seed)).glob("epoch-*.pt"))
    saved = max((int(re.sub(r"\D", "", name)) for name in names), default=0)
    return max(0, (recipe.epochs if epochs is None else epochs) - saved)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m seqrec_lib.reproduce", description=__doc__)
    parser.add_argument("table", help=f"{', '.join(TABLES)}, or all")
    parser.add_argument("--rows", nargs="+", help="some rows of it; all without")
    parser.add_argument("--dataset", choices=list(PRINTED_AS), help="only the rows on this one")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="another number than the recipe's")
    parser.add_argument("--device", help="cpu or cuda; a GPU where there is one without")
    parser.add_argument("--results", type=Path, default=Path("data/results"))
    parser.add_argument("--work", type=Path, default=Path("build/runs"), help="for checkpoints")
    parser.add_argument("--list", action="store_true", help="only show what is recorded")
    parser.add_argument("--again", action="store_true", help="run what is recorded, too")
    chosen = parser.parse_args(arguments)
    try:
        todo = plan(
            chosen.table,
            chosen.rows,
            chosen.seeds,
            chosen.results,
            chosen.epochs,
            chosen.dataset,
        )
    except ValueError as error:
        parser.error(str(error))
    print(todo.drop(columns="recorded").to_string(index=False, na_rep=""))
    print(f"{todo['recorded'].sum()} of {len(todo)} runs are recorded", flush=True)
    if not chosen.again:
        todo = todo[~todo["recorded"]]
    if chosen.list or len(todo) == 0:
        return
    runs = _once_each(todo)
    datasets = {name: load_dataset(name) for name in {recipe.dataset for recipe, _ in runs}}
    forecast = _forecast(runs, datasets, chosen)
    for place, (recipe, seed) in enumerate(runs, start=1):
        name = f"{recipe.table} {recipe.row}, seed {seed}"
        print(f"run {place} of {len(runs)}: {name}, {forecast[place - 1]}", flush=True)
        try:
            line = run(
                recipe,
                datasets[recipe.dataset],
                seed,
                chosen.results,
                chosen.work,
                chosen.epochs,
                chosen.device,
            )
        except KeyboardInterrupt as stop:
            sys.exit(f"{stop}; the same command goes on from there")
        print(
            f"test NDCG@10 {line['sampled_ndcg']:.4f}, HR@10 {line['sampled_hr']:.4f} among 100 "
            f"negatives; {line['full_ndcg']:.4f}, {line['full_hr']:.4f} among all items"
            + (f"; the paper prints {recipe.paper}" if recipe.paper else ""),
            flush=True,
        )


def _once_each(todo: pd.DataFrame) -> list[tuple[Recipe, int]]:
    """The recipes and seeds of a plan; what stands in two tables is run once."""
    runs: list[tuple[Recipe, int]] = []
    for table, row, seed in zip(todo["table"], todo["row"], todo["seed"], strict=True):
        (recipe,) = rows_of(table, [row])
        if not any(recipe.same_run(other) and seed == done for other, done in runs):
            runs.append((recipe, int(seed)))
    return runs


def _forecast(
    runs: list[tuple[Recipe, int]],
    datasets: dict[str, SASRecDataSet],
    chosen: argparse.Namespace,
) -> list[str]:
    """How long each run will take, in words; prints the sum and what it rests on."""
    costs: dict[str, Cost] = {}
    seconds = []
    for recipe, seed in runs:
        name = label_of(recipe, 0)
        if name not in costs:
            costs[name] = measure(recipe, datasets[recipe.dataset], chosen.device)
        seconds.append(costs[name].of(epochs_to_go(recipe, seed, chosen.epochs, chosen.work)))
    print(
        f"to do: {len(runs)} runs, about {_duration(sum(seconds))} on this machine. (Some batches "
        "and one validation of each row were timed just now; if the machine gets busier or "
        "quieter, this changes with it.)",
        flush=True,
    )
    return [f"about {_duration(value)}" for value in seconds]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main()
