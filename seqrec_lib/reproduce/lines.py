"""What is written of a run: everything in its line follows from what was trained and ranked."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from seqrec_lib.common.provenance import commit, processor
from seqrec_lib.common.version import __version__
from seqrec_lib.data.foreign import HasSplit
from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.protocols import expected_sampled_values
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.evaluation.ranks import Ranks, Scorer
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.reproduce.building import VALIDATE_EVERY
from seqrec_lib.reproduce.recipe import Recipe

CANDIDATE_SEED = 2018  # of the test negatives: the same for every run of every table
NEGATIVES = 100
METRICS = {"hr": "HR@10", "ndcg": "NDCG@10"}


@dataclass(frozen=True)
class Look:
    """One look at the test items: their ranks.

    sampled: among the 100 candidates that are drawn once for all runs. full: among all items but
    the history. allowed: among all items that candidates are drawn from; those of the training
    history are left out.
    """

    sampled: Ranks
    full: Ranks
    allowed: Ranks

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """(U,) by column: sampled_ndcg of the one draw, mean_ndcg of all, full_ndcg; so with hr."""
        found = {}
        for column, metric in METRICS.items():
            found[f"sampled_{column}"] = user_values(self.sampled, metric)
            found[f"mean_{column}"] = mean_over_draws(self.allowed, metric)
            found[f"full_{column}"] = user_values(self.full, metric)
        return found

    @property
    def table(self) -> pd.DataFrame:
        """The ranks, one row a user, as they are recorded."""
        columns = {"user": self.sampled.users}
        for protocol in ("sampled", "full", "allowed"):
            ranks: Ranks = getattr(self, protocol)
            columns |= {f"{protocol}_better": ranks.better, f"{protocol}_tied": ranks.tied}
        return pd.DataFrame(columns | {"allowed": self.allowed.candidates})


def mean_over_draws(allowed: Ranks, metric: str) -> np.ndarray:
    """(U,) a metric among 100 negatives, the mean over all draws of them."""
    return expected_sampled_values(
        allowed.better, allowed.candidates - 1, NEGATIVES, metric, tied=allowed.tied
    )


def look_at_test(scorer: Scorer, dataset: HasSplit) -> Look:
    """Rank the test items by both protocols."""
    return Look(
        sampled_ranks(scorer, dataset, num_negatives=NEGATIVES, seed=CANDIDATE_SEED),
        full_ranks(scorer, dataset),
        full_ranks(scorer, dataset, exclude_seen="training"),
    )


def of_last_epoch(model: SequenceModel, dataset: HasSplit, folder: Path) -> Look:
    """The same of the last epoch, whose weights are in the last checkpoint of `folder`."""
    best = {name: value.clone() for name, value in model.state_dict().items()}
    last = max(folder.glob("epoch-*.pt"))
    state = torch.load(last, map_location="cpu", weights_only=True)["state"]
    try:
        model.load_state_dict(state["model"])
        return look_at_test(model, dataset)
    finally:
        model.load_state_dict(best)


def curve_of(log: dict[str, list[float]]) -> pd.DataFrame:
    """By epoch: loss and, where there was a validation, its two metrics."""
    last = len(log["loss"])
    checked = list(range(VALIDATE_EVERY, last + 1, VALIDATE_EVERY))
    if not checked or checked[-1] != last:
        checked.append(last)
    curve = pd.DataFrame({"epoch": range(1, last + 1), "loss": log["loss"]})
    values = {name: log[name] for name in ("val_ndcg", "val_hr")}
    return curve.merge(pd.DataFrame({"epoch": checked, **values}), on="epoch", how="left")


def best_of(curve: pd.DataFrame) -> pd.Series:
    """The row of the best validation NDCG@10, the first of equals."""
    return curve.iloc[int(curve["val_ndcg"].argmax())]


def with_interval(name: str, values: np.ndarray) -> dict[str, float]:
    """The mean over users (U,) under `name`, and its 95% interval as name_low and name_high."""
    mean, error = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    found = {name: mean, f"{name}_low": mean - error, f"{name}_high": mean + error}
    return {key: round(float(value), 5) for key, value in found.items()}


def line_of(
    recipe: Recipe,
    seed: int,
    curve: pd.DataFrame | None,
    best: Look | None,
    last: Look | None,
    seconds: float,
    device: torch.device,
) -> pd.Series:
    """The line of a run. curve: None for a baseline; best, last: None where no test item was seen.

    sampled_, mean_ and full_ are NDCG@10 and HR@10 of `Look.values`, _low and _high a 95% interval
    over users; last_ is of the last epoch, blank for a baseline.
    """
    values: dict[str, object] = {
        "row": recipe.row,
        "dataset": recipe.dataset,
        "seed": seed,
        "epochs": 0 if curve is None else len(curve),
        "best_epoch": 0 if curve is None else int(best_of(curve)["epoch"]),
        "paper_ndcg": recipe.paper,
    }
    if curve is not None:
        values["learning_rate"] = recipe.learning_rate
        values |= {name: round(float(best_of(curve)[name]), 5) for name in ("val_ndcg", "val_hr")}
    for name, each in ({} if best is None else best.values).items():
        values |= with_interval(name, each)
    for name, each in ({} if last is None else last.values).items():
        values[f"last_{name}"] = round(float(each.mean()), 5)
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
