"""One run of a recipe: build, train with checkpoints, rank the test items once, record it."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import ItemKNN, MarkovChain, Popularity
from seqrec_lib.models.fit import fit
from seqrec_lib.models.saved import save
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.reproduce.building import (
    build_recipe,
    sampler_of,
    training_options,
)
from seqrec_lib.reproduce.lines import best_of, curve_of, line_of, look_at_test, of_last_epoch
from seqrec_lib.reproduce.own_models import LESSON, lesson_code
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.recorded import recorded_runs, recorded_table, run_label
from seqrec_lib.reproduce.writing import keep_weights, record

BASELINES = {"popularity": Popularity, "markov-chain": MarkovChain, "item-knn": ItemKNN}
TRIALS = "trials"  # the table of runs that chose a learning rate; none of them saw a test item


def run_recipe(
    recipe: Recipe,
    dataset: SASRecDataSet,
    seed: int,
    results: Path,
    work: Path,
    epochs: int | None = None,
    device: str | None = None,
    captured: bool = False,
) -> pd.Series:
    """Train one row with one seed, evaluate it once on the test items, record it.

    Args:
        results: a folder for line, curve and ranks. work: a folder for checkpoints and weights.
        epochs: another number than the recipe's.
        captured: the step as a CUDA graph, see `TrainingOptions`.

    Returns:
        The recorded line.

    Raises KeyboardInterrupt when it is stopped: nothing is recorded, and the same call resumes from
    the last epoch. ValueError where it would take the place of a longer run; OSError for a full
    disk.
    """
    results, work = Path(results), Path(work)
    if recipe.baseline:
        return _run_baseline(recipe, dataset, results)
    epochs = recipe.epochs if epochs is None else epochs
    _refuse_shorter(recipe, seed, epochs, results)
    trained = replace(recipe, learning_rate=recipe.learning_rate)
    folders = [run_folder(recipe, seed, epochs, work)]
    if recipe.rate_of:
        trained = replace(recipe, learning_rate=_rate_of(recipe, results))
    elif recipe.rates:
        rate = _chosen_rate(recipe, dataset, results, work, epochs, device, captured)
        trained = replace(recipe, learning_rate=rate)
        if seed == 1:  # the better of the trials is this run
            folders = [run_folder(t, 1, epochs, work) for t in trials_of(recipe)]
            folders.sort(key=lambda f: f != run_folder(_trial(recipe, rate), 1, epochs, work))
    model, curve, seconds = _train(trained, dataset, seed, epochs, folders[0], device, captured)
    best = look_at_test(model, dataset)
    last = of_last_epoch(model, dataset, folders[0]) if _fell(curve) else best
    label = run_label(recipe, seed)
    line = line_of(trained, seed, curve, best, last, seconds, model.device)
    line["parameters"] = sum(weight.numel() for weight in model.parameters())
    if recipe.own:
        line["lesson"] = hashlib.sha256(lesson_code(LESSON).encode()).hexdigest()[:12]
    card = {"title": label} | {str(key): value for key, value in line.items()}
    line["weights"] = keep_weights(
        lambda path: save(model, dataset, path, card, histories=False), label, work
    )
    record(line, label, curve, best.table, results)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return line


def run_folder(recipe: Recipe, seed: int, epochs: int, work: Path) -> Path:
    """Where the checkpoints of a run are: another folder for any other setting or length."""
    settings = f"{recipe.dataset} {recipe.settings} {epochs}"
    digest = hashlib.sha256(settings.encode()).hexdigest()
    return work / f"{run_label(recipe, seed)}-{digest[:8]}"


def trials_of(recipe: Recipe) -> list[Recipe]:
    """The runs, with seed 1, that a recipe's learning rate is chosen by."""
    return [_trial(recipe, rate) for rate in recipe.rates]


def _trial(recipe: Recipe, rate: float) -> Recipe:
    row = f"{recipe.row} lr={rate}"
    return replace(recipe, table=TRIALS, row=row, learning_rate=rate, rates=())


def _chosen_rate(
    recipe: Recipe,
    dataset: SASRecDataSet,
    results: Path,
    work: Path,
    epochs: int,
    device: str | None,
    captured: bool,
) -> float:
    """The learning rate of the best validation NDCG@10 with seed 1; what is missing is trained."""
    best: dict[float, float] = {}
    for trial in trials_of(recipe):
        found = recorded_table(TRIALS, results)
        found = found[(found["row"] == trial.row) & (found["seed"] == 1)]
        if len(found) == 0 or found["settings"].iloc[0] != trial.settings:
            folder = run_folder(trial, 1, epochs, work)
            model, curve, seconds = _train(trial, dataset, 1, epochs, folder, device, captured)
            line = line_of(trial, 1, curve, None, None, seconds, model.device)
            record(line, run_label(trial, 1), curve, None, results)
            best[trial.learning_rate] = float(line["val_ndcg"])
        else:
            best[trial.learning_rate] = float(found["val_ndcg"].iloc[0])
    return max(best, key=lambda rate: best[rate])


def _rate_of(recipe: Recipe, results: Path) -> float:
    """The learning rate that another row chose. Raises ValueError where that is not recorded."""
    lines = recorded_table(recipe.table, results)
    lines = lines[lines["row"] == recipe.rate_of]
    if len(lines) == 0:
        raise ValueError(
            f"{recipe.row!r} takes the learning rate of {recipe.rate_of!r}, which is not recorded: "
            f'python -m seqrec_lib.reproduce {recipe.table} --rows "{recipe.rate_of}" --seeds 1'
        )
    return float(lines["learning_rate"].iloc[0])


def _train(
    recipe: Recipe,
    dataset: SASRecDataSet,
    seed: int,
    epochs: int,
    folder: Path,
    device: str | None,
    captured: bool,
) -> tuple[SequenceModel, pd.DataFrame, float]:
    """The model with the weights of its best epoch, the curve, and the seconds (NaN: in parts)."""
    model = build_recipe(recipe, dataset, seed)
    resumed = any(folder.glob("epoch-*.pt"))
    started = time.perf_counter()
    log = getattr(model, "train_model", partial(fit, model))(
        dataset,
        sampler_of(recipe, dataset, model.seq_max_len, seed),
        num_epochs=epochs,
        checkpoints=folder,
        captured=captured,
        **training_options(recipe, seed, device),
    )
    # of a run that was stopped in between only the last part was timed: that says nothing
    seconds = np.nan if resumed else time.perf_counter() - started
    done = len(log["loss"])
    if done < epochs and not flat(log["val_ndcg"], recipe.patience):
        raise KeyboardInterrupt(f"stopped after epoch {done} of {epochs}")
    return model, curve_of(log), seconds


def flat(validations: Sequence[float], patience: int | None) -> bool:
    """Whether the last `patience` validations were no better than one before them."""
    if patience is None or len(validations) == 0:
        return False
    return len(validations) - 1 - int(np.argmax(validations)) >= patience


def _fell(curve: pd.DataFrame) -> bool:
    """Whether the best epoch is not the last one."""
    return int(best_of(curve)["epoch"]) < len(curve)


def _refuse_shorter(recipe: Recipe, seed: int, epochs: int, results: Path) -> None:
    """A ValueError where a longer run of the same settings is recorded in this row."""
    lines = recorded_runs(recipe, results)
    mine = lines[(lines["seed"] == seed) & (lines["table"] == recipe.table)]
    mine = mine[mine["same_settings"].astype(bool)] if len(mine) else mine
    if recipe.patience is None and len(mine) and int(mine["epochs"].iloc[0]) > epochs:
        raise ValueError(
            f"{run_label(recipe, seed)} is recorded with {mine['epochs'].iloc[0]} epochs, and a "
            f"run of {epochs} would take its place: give another folder as --results"
        )


def _run_baseline(recipe: Recipe, dataset: SASRecDataSet, results: Path) -> pd.Series:
    """A baseline: no epochs, no seed (0 is recorded), no curve."""
    assert recipe.baseline is not None
    started = time.perf_counter()
    look = look_at_test(BASELINES[recipe.baseline](dataset), dataset)
    seconds = time.perf_counter() - started
    line = line_of(recipe, 0, None, look, None, seconds, torch.device("cpu"))
    record(line, run_label(recipe, 0), None, look.table, results)
    return line
