"""How long a run of a recipe will take on this machine, measured on the spot."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.reproduce.building import (
    BATCH,
    VALIDATE_EVERY,
    build_recipe,
    sampler_of,
    training_options,
)
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.training.assembly import steps_an_epoch


@dataclass(frozen=True)
class Cost:
    """Seconds on this machine, as busy as it is at this moment.

    Attributes:
        batch: of one training step. batches: steps an epoch. scoring: of all users once.
    """

    batch: float
    batches: int
    scoring: float

    def seconds(self, epochs: int) -> float:
        """Of a run that has `epochs` epochs to go: training, validations, three test rankings."""
        validations = math.ceil(epochs / VALIDATE_EVERY)
        return epochs * self.batches * self.batch + (validations + 3) * self.scoring


def run_cost(
    recipe: Recipe, dataset: SASRecDataSet, device: str | None = None, batches: int = 6
) -> Cost:
    """Time a few training batches and one validation of a recipe; the weights are thrown away."""
    if recipe.baseline:
        return Cost(0.0, 0, 1.0)
    users = int(np.count_nonzero(dataset.sequences.lengths))
    model = build_recipe(recipe, dataset, seed=0)
    sampler = sampler_of(recipe, dataset, model.seq_max_len, 0)
    options = training_options(recipe, 0, device)
    options |= {"num_epochs": 1, "verbose": False, "val_epoch": 0, "patience": None}

    def train(steps: int) -> float:
        started = time.perf_counter()
        # batch_size says how many steps an epoch has; the rows of a batch are the sampler's, and
        # that the two differ is meant
        counted = options | {"batch_size": max(1, users // steps)}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the sampler's batch_size", UserWarning)
            model.train_model(dataset, sampler, **counted)
        return time.perf_counter() - started

    train(1)  # compiling, caches
    seconds = train(batches)
    started = time.perf_counter()
    model.evaluate_valid(dataset, seed=0)
    return Cost(seconds / batches, steps_an_epoch(dataset, BATCH), time.perf_counter() - started)
