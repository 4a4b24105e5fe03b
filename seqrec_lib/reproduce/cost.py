"""How long a run of a recipe will take on this machine, measured on the spot."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.fit import ndcg_and_hit_rate
from seqrec_lib.reproduce.building import (
    VALIDATE_EVERY,
    build_recipe,
    sampler_of,
    training_options,
)
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.training.assembly import assembled
from seqrec_lib.training.options import TrainingOptions


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
    model = build_recipe(recipe, dataset, seed=0)
    sampler = sampler_of(recipe, dataset, model.seq_max_len, 0)
    chosen = training_options(recipe, 0, device) | {"val_epoch": 0, "patience": None}
    options = TrainingOptions(**chosen, verbose=False)

    def validate(seed: int) -> tuple[float, float]:
        return ndcg_and_hit_rate(model, dataset, "valid", 100, seed, options.eval_batch_size)

    with ExitStack() as stack:
        run = assembled(stack, model, dataset, sampler, options, validate)
        an_epoch = run.steps

        def train(steps: int) -> float:
            run.steps = steps
            return _timed(lambda: run.epoch(1))

        train(1)  # compiling, caches
        seconds = train(batches)
    return Cost(seconds / batches, an_epoch, _timed(lambda: validate(0)))


def _timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
