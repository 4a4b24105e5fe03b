"""Reproduce a published table: `python -m seqrec_lib.reproduce TABLE`.

Each run is resumable (checkpoints in build/runs), and is recorded when it ends: one line in
data/results/TABLE.csv, its curve, and the rank of every user; its weights stay in build/runs. What
is recorded is not run again.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import seqrec_lib
from seqrec_lib.checkpoints import save_model
from seqrec_lib.metrics import summarise
from seqrec_lib.ranking import full_ranks, sampled_ranks
from seqrec_lib.ranks import Ranks
from seqrec_lib.recipes import GAMES_SHA256, GAMES_URL, Recipe, rows_of
from seqrec_lib.sampling import WarpSampler
from seqrec_lib.sasrec import SASREC
from seqrec_lib.sequences import SASRecDataSet, prepare
from seqrec_lib.ssept import SSEPT

CANDIDATE_SEED = 2018  # of the test negatives: the same for every run of every table
VALIDATE_EVERY = 10


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


def build(recipe: Recipe, dataset: SASRecDataSet, seed: int) -> SASREC:
    """The model of a recipe with fresh weights."""
    if "user_embedding_dim" in recipe.model:
        return SSEPT(dataset.itemnum, **recipe.model, user_num=dataset.usernum, seed=seed)
    return SASREC(dataset.itemnum, **recipe.model, seed=seed)


def run(
    recipe: Recipe,
    dataset: SASRecDataSet,
    seed: int,
    results: Path,
    work: Path,
    epochs: int | None = None,
    device: str | None = None,
) -> pd.Series:
    """Train one row with one seed, evaluate it once on the test items, record it.

    Returns the recorded line.
    """
    epochs = recipe.epochs if epochs is None else epochs
    label = label_of(recipe, seed)
    model = build(recipe, dataset, seed)
    sampler = WarpSampler(
        dataset.train,
        dataset.usernum,
        dataset.itemnum,
        batch_size=128,
        maxlen=model.seq_max_len,
        seed=seed,
        window_probability=recipe.window_probability,
    )
    resumed = any((work / label).glob("epoch-*.pt"))
    started = time.perf_counter()
    history = model.train_model(
        dataset,
        sampler,
        num_epochs=epochs,
        batch_size=128,
        learning_rate=recipe.learning_rate,
        val_epoch=VALIDATE_EVERY,
        loss=recipe.loss,
        sse=recipe.sse,
        betas=(0.9, 0.98),
        epsilon=1e-8,
        seed=seed,
        device=device,
        checkpoints=work / label,
    )
    # of a run that was stopped in between only the last part was timed: that says nothing
    seconds = np.nan if resumed else time.perf_counter() - started
    sampled = sampled_ranks(model, dataset, seed=CANDIDATE_SEED)
    full = full_ranks(model, dataset)
    line = _line(recipe, seed, epochs, history, sampled, full, seconds, model.device)
    save_model(
        model,
        work / f"{label}.safetensors",
        {"title": label} | {str(key): value for key, value in line.items()},
    )
    _record(line, label, history, sampled, full, results)
    shutil.rmtree(work / label)
    return line


def _line(
    recipe: Recipe,
    seed: int,
    epochs: int,
    history: dict[str, list[float]],
    sampled: Ranks,
    full: Ranks,
    seconds: float,
    device: torch.device,
) -> pd.Series:
    values: dict[str, object] = {
        "row": recipe.row,
        "dataset": recipe.dataset,
        "seed": seed,
        "epochs": epochs,
        "best_epoch": _validated_epochs(history, epochs)[int(np.argmax(history["val_ndcg"]))],
        "paper_ndcg": recipe.paper,
    }
    for protocol, ranks in (("sampled", sampled), ("full", full)):
        table = summarise(ranks, ks=(10,))
        for metric in ("HR@10", "NDCG@10"):
            for column, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                number = round(float(table[column][metric]), 5)
                values[f"{protocol}_{metric.lower().replace('@10', '')}{suffix}"] = number
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "cpu"
    values |= {
        "seconds": round(seconds, 1),
        "device": f"{name}, {torch.get_num_threads()} threads",
        "library": seqrec_lib.__version__,
        "torch": torch.__version__,
        "commit": _commit(),
        "date": datetime.date.today().isoformat(),
        "settings": f"{recipe.model} {recipe.loss} {recipe.sse} lr={recipe.learning_rate}",
    }
    return pd.Series(values)


def _validated_epochs(history: dict[str, list[float]], epochs: int) -> list[int]:
    last = len(history["loss"])
    every = list(range(VALIDATE_EVERY, last + 1, VALIDATE_EVERY))
    return every if every and every[-1] == last else [*every, last]


def _record(
    line: pd.Series,
    label: str,
    history: dict[str, list[float]],
    sampled: Ranks,
    full: Ranks,
    results: Path,
) -> None:
    """Curve and ranks first, the line last: a line is there only when all of it is."""
    table = label.split("__")[0]
    for folder in ("curves", "ranks"):
        (results / folder).mkdir(parents=True, exist_ok=True)
    curve = pd.DataFrame({"epoch": range(1, len(history["loss"]) + 1), "loss": history["loss"]})
    checked = pd.DataFrame(
        {
            "epoch": _validated_epochs(history, len(curve)),
            "val_ndcg": history["val_ndcg"],
            "val_hr": history["val_hr"],
        }
    )
    curve.merge(checked, on="epoch", how="left").round(5).to_csv(
        results / "curves" / f"{label}.csv", index=False
    )
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
    lines = (
        pd.concat([pd.read_csv(place), line.to_frame().T]) if place.exists() else line.to_frame().T
    )
    beside = place.with_suffix(".tmp")
    lines.to_csv(beside, index=False)
    beside.replace(place)


def label_of(recipe: Recipe, seed: int) -> str:
    """The name of a run, for files: table, row and seed, with two underscores between."""
    row = re.sub(r"[^A-Za-z0-9.=+-]+", "-", recipe.row)
    return f"{recipe.table}__{row}__{seed}"


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def recorded(table: str, results: Path) -> pd.DataFrame:
    """The recorded lines of a table; empty where there are none."""
    place = results / f"{table}.csv"
    return pd.read_csv(place) if place.exists() else pd.DataFrame({"row": [], "seed": []})


def plan(table: str, rows: list[str] | None, seeds: list[int], results: Path) -> pd.DataFrame:
    """What is recorded and what is missing: a table of row, seed, paper and sampled NDCG@10."""
    lines = recorded(table, results)
    found = []
    for recipe in rows_of(table, rows):
        for seed in seeds:
            mine = lines[(lines["row"] == recipe.row) & (lines["seed"] == seed)]
            value = float(mine["sampled_ndcg"].iloc[-1]) if len(mine) else np.nan
            found.append((recipe.row, seed, recipe.paper, value, bool(len(mine))))
    return pd.DataFrame(found, columns=["row", "seed", "paper", "ours", "recorded"])


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m seqrec_lib.reproduce", description=__doc__)
    parser.add_argument("table", help="III, IV, V (SASRec), SSE-PT, SSE-PT++, or losses")
    parser.add_argument("--rows", nargs="+", help="some rows of it; all without")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="another number than the recipe's")
    parser.add_argument("--device", help="cpu or cuda; a GPU where there is one without")
    parser.add_argument("--results", type=Path, default=Path("data/results"))
    parser.add_argument("--work", type=Path, default=Path("build/runs"), help="for checkpoints")
    parser.add_argument("--list", action="store_true", help="only show what is recorded")
    parser.add_argument("--again", action="store_true", help="run what is recorded, too")
    chosen = parser.parse_args(arguments)
    try:
        todo = plan(chosen.table, chosen.rows, chosen.seeds, chosen.results)
    except ValueError as error:
        parser.error(str(error))
    print(todo.to_string(index=False, na_rep=""))
    if chosen.list:
        return
    if not chosen.again:
        todo = todo[~todo["recorded"]]
    done = recorded(chosen.table, chosen.results)
    for place, (row, seed) in enumerate(zip(todo["row"], todo["seed"], strict=True), start=1):
        (recipe,) = rows_of(chosen.table, [row])
        like = done[done["row"] == row] if len(done) else done
        guess = f", {like['seconds'].mean() / 60:.0f} minutes before" if len(like) else ""
        print(f"run {place} of {len(todo)}: {row}, seed {seed}{guess}", flush=True)
        line = run(
            recipe,
            load_dataset(recipe.dataset),
            int(seed),
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


if __name__ == "__main__":
    main()
