"""One run of a recipe: build, train with checkpoints, rank the test items once, record it."""

from __future__ import annotations

import datetime
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqrec_lib.common.provenance import commit, processor
from seqrec_lib.common.version import __version__
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import MarkovChain, Popularity
from seqrec_lib.evaluation.metrics import summarise
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.evaluation.ranks import Ranks
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.models.saved import save
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.recorded import record, run_label
from seqrec_lib.training.sampling import WarpSampler

CANDIDATE_SEED = 2018  # of the test negatives: the same for every run of every table
VALIDATE_EVERY = 10
BATCH = 128
BASELINES = {"popularity": Popularity, "markov-chain": MarkovChain}


def build_recipe(recipe: Recipe, dataset: SASRecDataSet, seed: int) -> SASREC:
    """The model of a recipe with fresh weights."""
    if "user_embedding_dim" in recipe.model:
        return SSEPT(dataset.itemnum, **recipe.model, user_num=dataset.usernum, seed=seed)
    return SASREC(dataset.itemnum, **recipe.model, seed=seed)


def sampler_of(recipe: Recipe, dataset: SASRecDataSet, maxlen: int, seed: int) -> WarpSampler:
    """The batches of a recipe."""
    return WarpSampler(
        dataset.train,
        dataset.usernum,
        dataset.itemnum,
        batch_size=BATCH,
        maxlen=maxlen,
        seed=seed,
        window_probability=recipe.window_probability,
    )


def training_options(recipe: Recipe, seed: int, device: str | None) -> dict[str, Any]:
    """What `train_model` is told, but for the number of epochs."""
    return {
        "learning_rate": recipe.learning_rate,
        "schedule": recipe.schedule,
        "loss": recipe.loss,
        "sse": recipe.sse,
        "betas": (0.9, 0.98),
        "epsilon": 1e-8,
        "seed": seed,
        "device": device,
    }


def run_recipe(
    recipe: Recipe,
    dataset: SASRecDataSet,
    seed: int,
    results: Path,
    work: Path,
    epochs: int | None = None,
    device: str | None = None,
) -> pd.Series:
    """Train one row with one seed, evaluate it once on the test items, record it.

    Args:
        results: a folder for line, curve and ranks. work: a folder for checkpoints and weights.
        epochs: another number than the recipe's.

    Returns:
        The recorded line.

    Raises KeyboardInterrupt when it is stopped: nothing is recorded, and the same call resumes from
    the last epoch.
    """
    results, work = Path(results), Path(work)
    if recipe.baseline:
        return _run_baseline(recipe, dataset, results, work)
    epochs = recipe.epochs if epochs is None else epochs
    label = run_label(recipe, seed)
    model = build_recipe(recipe, dataset, seed)
    resumed = any((work / label).glob("epoch-*.pt"))
    started = time.perf_counter()
    log = model.train_model(
        dataset,
        sampler_of(recipe, dataset, model.seq_max_len, seed),
        num_epochs=epochs,
        batch_size=BATCH,
        val_epoch=VALIDATE_EVERY,
        checkpoints=work / label,
        **training_options(recipe, seed, device),
    )
    if len(log["loss"]) < epochs:  # train_model returns what it has when it is interrupted
        raise KeyboardInterrupt(f"stopped after epoch {len(log['loss'])} of {epochs}")
    # of a run that was stopped in between only the last part was timed: that says nothing
    seconds = np.nan if resumed else time.perf_counter() - started
    sampled = sampled_ranks(model, dataset, seed=CANDIDATE_SEED)
    full = full_ranks(model, dataset)
    curve = _curve(log)
    best = int(curve["epoch"][curve["val_ndcg"].argmax()])
    line = _line(recipe, seed, epochs, best, sampled, full, seconds, model.device)
    save(
        model,
        dataset,
        work / f"{label}.safetensors",
        {"title": label} | {str(key): value for key, value in line.items()},
        histories=False,
    )
    record(line, label, curve, sampled, full, results, work)
    shutil.rmtree(work / label)
    return line


def _run_baseline(recipe: Recipe, dataset: SASRecDataSet, results: Path, work: Path) -> pd.Series:
    """A baseline: no epochs, no seed (0 is recorded), no curve."""
    assert recipe.baseline is not None
    started = time.perf_counter()
    scorer = BASELINES[recipe.baseline](dataset)
    sampled = sampled_ranks(scorer, dataset, seed=CANDIDATE_SEED)
    full = full_ranks(scorer, dataset)
    seconds = time.perf_counter() - started
    line = _line(recipe, 0, 0, 0, sampled, full, seconds, torch.device("cpu"))
    record(line, run_label(recipe, 0), None, sampled, full, results, work)
    return line


def _line(
    recipe: Recipe,
    seed: int,
    epochs: int,
    best_epoch: int,
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
        "best_epoch": best_epoch,
        "paper_ndcg": recipe.paper,
    }
    for protocol, ranks in (("sampled", sampled), ("full", full)):
        table = summarise(ranks, ks=(10,))
        for metric in ("HR@10", "NDCG@10"):
            for column, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                number = round(float(table[column][metric]), 5)
                values[f"{protocol}_{metric.lower().replace('@10', '')}{suffix}"] = number
    name = torch.cuda.get_device_name() if device.type == "cuda" else processor()
    values |= {
        "seconds": round(seconds, 1),
        "device": f"{name}, {torch.get_num_threads()} threads",
        "library": __version__,
        "torch": torch.__version__,
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "settings": recipe.settings,
    }
    return pd.Series(values)


def _curve(log: dict[str, list[float]]) -> pd.DataFrame:
    """By epoch: loss and, where there was a validation, its two metrics."""
    last = len(log["loss"])
    checked = list(range(VALIDATE_EVERY, last + 1, VALIDATE_EVERY))
    if not checked or checked[-1] != last:
        checked.append(last)
    curve = pd.DataFrame({"epoch": range(1, last + 1), "loss": log["loss"]})
    values = {name: log[name] for name in ("val_ndcg", "val_hr")}
    return curve.merge(pd.DataFrame({"epoch": checked, **values}), on="epoch", how="left")
