"""Two rows compared over the same users, with every recorded seed of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, recorded_ranks, recorded_runs


def paired(a: Recipe, b: Recipe, protocol: str, results: Path = RESULTS_FOLDER) -> str:
    """`difference` in words; "" where nothing is recorded of one of them."""
    found = difference(a, b, protocol, results)
    return "" if found is None else difference_in_words(*found)


def difference(
    a: Recipe, b: Recipe, protocol: str, results: Path = RESULTS_FOLDER
) -> tuple[float, float, float] | None:
    """The difference a - b of NDCG@10: the mean over users, and its 95% interval (low, high).

    Each user's value is the mean over all recorded seeds of a row, so that no pair of seeds is
    chosen. The interval is over users; how far seeds spread is in the tables. None where nothing
    is recorded of one of them.

    protocol: "sampled" or "full", see `recorded_ranks`.
    """
    values = [_by_user(recipe, protocol, results) for recipe in (a, b)]
    if values[0] is None or values[1] is None:
        return None
    each = values[0] - values[1]
    mean, error = float(each.mean()), 1.96 * float(each.std(ddof=1)) / len(each) ** 0.5
    return mean, mean - error, mean + error


def difference_in_words(mean: float, low: float, high: float) -> str:
    """A difference and its interval."""
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"


def _by_user(recipe: Recipe, protocol: str, results: Path) -> np.ndarray | None:
    """(U,) NDCG@10, the mean over seeds."""
    found = [
        user_values(recorded_ranks(label, recipe.dataset, results)[protocol], "NDCG@10")
        for label in recorded_runs(recipe, results)["label"]
    ]
    return np.mean(found, axis=0) if found else None
