"""The data sets of the recipes by name: those of the papers, and ML-1M split at points in time."""

from __future__ import annotations

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.data.movielens import load_movielens
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sequences import Sequences

_VALID_FROM, _TEST_FROM = 0.8, 0.9  # shares of all ratings, in the order of time


def load(name: str) -> SASRecDataSet:
    """A data set by the name that recipes give it.

    "ml-1m-in-time" is MovieLens 1M split at two points in time (`split_in_time`); for the others
    see `load_dataset`.
    """
    if name == "ml-1m-in-time":
        return split_in_time(prepare(load_movielens("ml-1m"), keep_times=True).sequences)
    return load_dataset(name)


def split_in_time(sequences: Sequences) -> SASRecDataSet:
    """Training ends when 80% of all ratings are given, validation when 90% are.

    A user's first item after the end of training is the validation target, the first after the end
    of validation the test target; what they rated before it is the history. Nothing that is trained
    on is later than anything that is asked for. Users who begin after the end of training have no
    target, and later items than the test target are dropped.

    Raises ValueError for sequences without times.
    """
    if sequences.times is None:
        raise ValueError("sequences have no times: prepare(..., keep_times=True) keeps them")
    ends = np.quantile(sequences.times, (_VALID_FROM, _TEST_FROM), method="lower")
    users = np.repeat(np.arange(sequences.num_users + 1), sequences.lengths)  # (N,)
    part = (sequences.times[:, None] > ends).sum(axis=1)  # (N,) 0 training, 1 validation, 2 test
    lengths = [np.bincount(users[part == p], minlength=sequences.num_users + 1) for p in range(3)]
    lists = [Sequences.from_lengths(sequences.items[part == p], lengths[p]) for p in range(3)]
    first = np.minimum(lengths[2], 1)  # (U+1,)
    kept = lists[2].starts[:-1][first > 0]
    lists[2] = Sequences.from_lengths(lists[2].items[kept], first)
    itemnum = int(sequences.items.max())
    train, valid, test = lists
    return SASRecDataSet.from_split(train, valid, test, sequences.num_users, itemnum)
