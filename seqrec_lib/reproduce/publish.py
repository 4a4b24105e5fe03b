"""Publish the weights of a recorded run: `python -m seqrec_lib.reproduce.publish LABEL NAME`.

LABEL is a run of `seqrec_lib.reproduce`: its line is in data/results and its weights, which the
line names, in build/runs. NAME is what `load` will call it. The file is written, loaded
again by its name, evaluated, and kept only if it scores what was recorded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from copy import copy
from pathlib import Path
from typing import Any

import pandas as pd

from seqrec_lib.common.paths import folder_to_write, write_text
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.items import untitled
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.evaluation.metrics import summarise
from seqrec_lib.evaluation.ranking import sampled_ranks
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.models.saved import load, save
from seqrec_lib.models.trained import FOLDER, reproduce_command
from seqrec_lib.reproduce.lines import CANDIDATE_SEED
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.recorded import recorded_table, run_label
from seqrec_lib.reproduce.tables import find_recipes
from seqrec_lib.reproduce.writing import weights_path

_SCORES = [
    f"{protocol}_{metric}{end}"
    for protocol in ("sampled", "full")
    for metric in ("ndcg", "hr")
    for end in ("", "_low", "_high")
]


def recorded_line(label: str, results: Path) -> tuple[Recipe, pd.Series]:
    """The recipe and the last recorded line of a run.

    Raises ValueError for a label that no recipe has, LookupError where nothing is recorded.
    """
    table = label.split("__")[0]
    lines = recorded_table(table, results)
    for recipe in find_recipes(table):
        mine = lines[lines["row"] == recipe.row]
        for _, line in mine.iloc[::-1].iterrows():
            if run_label(recipe, int(line["seed"])) == label:
                return recipe, line
    raise LookupError(f"no run {label!r} is recorded in {table}.csv: see reproduce --list")


def publish(
    label: str,
    name: str,
    dataset: SASRecDataSet,
    results: Path = Path("data/results"),
    work: Path = Path("build/runs"),
    folder: Path = FOLDER,
) -> Path:
    """See the module. Returns the path of the weights.

    Raises:
        FileNotFoundError, LookupError: no weights, or no recorded line.
        ValueError: the loaded file scores otherwise, or cannot say what the model is without.
    """
    recipe, line = recorded_line(label, results)
    if recipe.without:
        raise ValueError(
            f"{label!r} is without {recipe.without[0]}: a file of weights cannot say so"
        )
    digest = line.get("weights")
    if not isinstance(digest, str):
        raise LookupError(f"the line of {label!r} names no weights: run it again with --again")
    weights = weights_path(label, digest, work)
    model, _ = load(weights, dataset=dataset)
    if hashlib.sha256(weights.read_bytes()).hexdigest() != digest:
        raise ValueError(f"{weights.name} is damaged: its SHA-256 is not the one in the line")
    epochs = int(line["epochs"])
    other = None if epochs == recipe.epochs else epochs
    card = {
        "dataset": recipe.dataset,
        "films": dataset.itemnum,
        "users": dataset.usernum,
        "table": recipe.table,
        "row": recipe.row,
        "seed": int(line["seed"]),
        "epochs": epochs,
        "best_epoch": int(line["best_epoch"]),
        "chosen_by": "validation NDCG@10 among 100 sampled negatives, every 10 epochs",
        "training": line["settings"],
        "scores": {key: float(line[key]) for key in _SCORES},
        "scored_on": "the test items: @10, among 100 sampled negatives and among all items",
        "command": reproduce_command(recipe.table, recipe.row, int(line["seed"]), other),
        **{key: str(line[key]) for key in ("device", "library", "torch", "commit", "date")},
    }
    place = write_published(model, dataset, name, card, folder)
    ranks = sampled_ranks(load(place, dataset=dataset)[0], dataset, seed=CANDIDATE_SEED)
    again = float(summarise(ranks, ks=(10,), resamples=1)["value"]["NDCG@10"])
    if abs(again - float(line["sampled_ndcg"])) > 0.0005:
        for written in (place, place.with_suffix(".json")):
            written.unlink()
        raise ValueError(
            f"{name!r}, loaded again, scores NDCG@10 {again:.5f}, but {line['sampled_ndcg']} is "
            "recorded: the data set is not the one that it was trained on"
        )
    return place


def write_published(
    model: SASREC, dataset: SASRecDataSet, name: str, card: dict[str, Any], folder: Path
) -> Path:
    """NAME.safetensors, and NAME.json with the card, the settings and the file's SHA-256.

    Of the data it holds the ids alone: titles and histories are not ours to hand on.
    """
    folder = folder_to_write(folder)
    bare = copy(dataset)
    bare.items = untitled(dataset.raw_items[1:])
    place = save(model, bare, folder / f"{name}.safetensors", histories=False)
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    written = {"name": name, **card, "settings": model.settings(), "sha256": digest}
    write_text(place.with_suffix(".json"), json.dumps(written, indent=2) + "\n")
    return place


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib.reproduce.publish", description=__doc__
    )
    parser.add_argument("label", help="for example III__ml-1m__1")
    parser.add_argument("name", help="for example sasrec-ml-1m")
    parser.add_argument(
        "--results", type=Path, default=Path("data/results"), help="default: %(default)s"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/runs"), help="of its weights; default: %(default)s"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: data/checkpoints")
    chosen = parser.parse_args(arguments)
    try:
        recipe, _ = recorded_line(chosen.label, chosen.results)
        dataset = load_dataset(recipe.dataset)
        place = publish(
            chosen.label, chosen.name, dataset, chosen.results, chosen.work, chosen.folder
        )
    except (OSError, LookupError, ValueError) as error:
        parser.error(str(error))
    print(f"{place.name}, {place.stat().st_size / 1e6:.1f} MB, and {place.stem}.json")


if __name__ == "__main__":
    main()
