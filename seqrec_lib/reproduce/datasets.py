"""The data sets of the recipes by name: those of the papers, and ML-1M split at points in time."""

from __future__ import annotations

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.data.movielens import load_movielens
from seqrec_lib.data.preparation import prepare


def recipe_data(name: str) -> SASRecDataSet:
    """A data set by the name that recipes give it.

    "ml-1m-in-time" is MovieLens 1M of which the first 80% of all ratings in time are for training
    and the last 10% are the test (`SASRecDataSet.split_at`); for others see `load_dataset`.
    """
    if name not in ("ml-1m", "ml-1m-in-time"):
        return load_dataset(name)
    dataset = prepare(load_movielens("ml-1m"), keep_times=True)
    times = dataset.sequences.times
    assert times is not None
    if name == "ml-1m-in-time":
        dataset.split_at(*np.quantile(times, (0.8, 0.9)))
    return dataset
