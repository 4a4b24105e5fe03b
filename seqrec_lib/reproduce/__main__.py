"""Reproduce a published table: `python -m seqrec_lib.reproduce TABLE`.

A run that was interrupted is resumed (checkpoints in build/runs). When it ends it is recorded: one
line in data/results/TABLE.csv, its curve, and the rank of every user; its weights stay in
build/runs. What is recorded is not run again. Before the first run a few batches of each row are
timed, so that the plan says how long it will take on this machine. TABLE may be "all", or
"in-order": the runs that answer the questions, those that say most first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seqrec_lib.common.paths import folder_to_write
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.download import DataMissingError
from seqrec_lib.reproduce.cost import Cost, run_cost
from seqrec_lib.reproduce.datasets import recipe_data
from seqrec_lib.reproduce.planning import IN_ORDER, epochs_to_go, once_each, plan_runs
from seqrec_lib.reproduce.recipe import SHOWN_AS, Recipe
from seqrec_lib.reproduce.recorded import run_label
from seqrec_lib.reproduce.run import run_recipe
from seqrec_lib.reproduce.tables import REPRODUCED_TABLES


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m seqrec_lib.reproduce", description=__doc__)
    parser.add_argument("table", help=f"{', '.join(REPRODUCED_TABLES)}, all or {IN_ORDER}")
    parser.add_argument("--rows", nargs="+", help="some rows of it; all without")
    parser.add_argument("--dataset", choices=list(SHOWN_AS), help="only the rows on this one")
    parser.add_argument("--seeds", nargs="+", type=int, help="without: 1, 2 and 3")
    parser.add_argument("--epochs", type=int, help="another number than the recipe's")
    parser.add_argument("--device", help="cpu or cuda; a GPU where there is one without")
    parser.add_argument(
        "--results", type=Path, default=Path("data/results"), help="default: %(default)s"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build/runs"),
        help="for checkpoints; default: %(default)s",
    )
    parser.add_argument("--list", action="store_true", help="only show what is recorded")
    parser.add_argument("--again", action="store_true", help="run what is recorded, too")
    chosen = parser.parse_args(arguments)
    try:
        todo = plan_runs(
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
    _try_folders(parser, chosen)
    runs = once_each(todo)
    datasets = _datasets(runs)
    try:
        _run_all([run for run in runs if run[0].dataset in datasets], datasets, chosen)
    except KeyboardInterrupt as stop:  # in the forecast, too, which trains a little
        sys.exit(f"{str(stop).partition(':')[0] or 'stopped'}; the same command resumes from there")
    except (ValueError, OSError) as error:
        sys.exit(str(error))


def _datasets(runs: list[tuple[Recipe, int]]) -> dict[str, SASRecDataSet]:
    """Those that can be had; what is missing is said, and its rows are left out."""
    found = {}
    for name in dict.fromkeys(recipe.dataset for recipe, _ in runs):
        try:
            found[name] = recipe_data(name)
        except DataMissingError as error:
            rows = sum(recipe.dataset == name for recipe, _ in runs)
            print(f"{rows} runs on {name} are left out: {error}", file=sys.stderr, flush=True)
        except ValueError as error:
            sys.exit(str(error))
    return found or sys.exit("no data set of these rows can be had")


def _run_all(
    runs: list[tuple[Recipe, int]], datasets: dict[str, SASRecDataSet], chosen: argparse.Namespace
) -> None:
    forecast = _forecast(runs, datasets, chosen)
    for place, (recipe, seed) in enumerate(runs, start=1):
        name = f"{recipe.table} {recipe.row}, seed {seed}"
        print(f"run {place} of {len(runs)}: {name}, {forecast[place - 1]}", flush=True)
        line = run_recipe(
            recipe,
            datasets[recipe.dataset],
            seed,
            chosen.results,
            chosen.work,
            chosen.epochs,
            chosen.device,
        )
        print(
            f"test NDCG@10 {line['sampled_ndcg']:.4f}, HR@10 {line['sampled_hr']:.4f} among 100 "
            f"negatives; {line['full_ndcg']:.4f}, {line['full_hr']:.4f} among all items"
            + (f"; the paper prints {recipe.paper}" if recipe.paper else ""),
            flush=True,
        )


def _try_folders(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Whether they can be written is said now, and not after hours of training."""
    try:
        chosen.results = folder_to_write(chosen.results, "--results")
        chosen.work = folder_to_write(chosen.work, "--work")
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _forecast(
    runs: list[tuple[Recipe, int]],
    datasets: dict[str, SASRecDataSet],
    chosen: argparse.Namespace,
) -> list[str]:
    """How long each run will take, in words; prints the sum and what it rests on."""
    costs: dict[str, Cost] = {}
    seconds = []
    for recipe, seed in runs:
        name = run_label(recipe, 0)
        if name not in costs:
            costs[name] = run_cost(recipe, datasets[recipe.dataset], chosen.device)
        seconds.append(costs[name].seconds(epochs_to_go(recipe, seed, chosen.epochs, chosen.work)))
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
