"""The last step of `everything`: the papers' rows are trained until the time is used up."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from seqrec_lib.benchmark.place import LeftOut, Lines, Place
from seqrec_lib.reproduce.planning import once_each, plan_runs
from seqrec_lib.reproduce.recorded import recorded_table
from seqrec_lib.reproduce.run import run_recipe
from seqrec_lib.reproduce.tables import REPRODUCED_TABLES

SEEDS = [1, 2, 3]


def train_rows(place: Place) -> Lines:
    """Each run that is not in the folder yet, Table III first; a stopped one is resumed.

    Whoever runs this ends it when the time is up: every epoch leaves a checkpoint.
    """
    if place.data not in ("ml-1m", "games"):
        raise LeftOut(f"the papers' rows are of ml-1m and games, and this is {place.data}")
    results, work = place.folder / "results", place.folder / "work"
    plans = [plan_runs(table, None, SEEDS, results, dataset=place.data) for table in ("III", "all")]
    todo = pd.concat(plans)
    for recipe, seed in once_each(todo[~todo["recorded"]]):
        data, device = place.dataset, place.device
        run_recipe(recipe, data, seed, results, work, device=device, captured=place.captured)
    return trained_rows(place.folder)


def trained_rows(folder: Path) -> Lines:
    """What is trained so far: finished runs with their results, others with their epochs."""
    lines: Lines = []
    columns = ["row", "seed", "epochs", "seconds", "sampled_ndcg", "paper_ndcg", "full_ndcg"]
    for table in REPRODUCED_TABLES:
        found = recorded_table(table, folder / "results")
        for _, line in found.iterrows():
            values = {name: line[name] for name in columns}
            lines.append({"table": table} | {k: _plain(v) for k, v in values.items()})
    for place in sorted((folder / "work").glob("*__*/")):
        saved = [int(re.sub(r"\D", "", path.name)) for path in place.glob("epoch-*.pt")]
        if saved:
            table, row, seed = place.name.rsplit("-", 1)[0].split("__")
            lines.append({"table": table, "row": row, "seed": int(seed), "epochs": max(saved)})
    return lines


def _plain(value: object) -> object:
    """A value of a table as JSON has it; None where there is none."""
    value = value.item() if hasattr(value, "item") else value
    return None if value != value else value
