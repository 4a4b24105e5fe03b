"""What recommendation lists look like as a whole: how much of the catalogue, and how popular.

Accuracy does not show whether all users get the same hundred films. These measures do. They take
the lists themselves, item ids with one row per user, and need no targets.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats


def describe_lists(
    top_items: np.ndarray,
    counts: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Coverage, popularity and Gini index of lists, with bootstrap intervals over users.

        coverage    the share of all items that is in at least one list (Ge et al., RecSys 2010,
                    section 3.1)
        popularity  the mean over users of the mean training count of the items in their list (Yin
                    et al., VLDB 2012). Read it beside the mean count of the targets, which are what
                    users did choose.
        Gini        of how often items are listed (Fleder and Hosanagar 2009). 0: every item is
                    listed equally often; close to 1: a few items fill all lists.

    The interval is the value ± z bootstrap standard errors. The percentile interval, which
    `metrics.summarise` uses, would be wrong here: a resample holds some two thirds of the users, so
    that it covers less than they all do, and the interval would be below the value itself.

    Args:
        top_items: int (U, k) item ids, 0 where a list is shorter than k; no list is empty.
        counts: int (I+1,) training interactions of each item; counts[0] is not used.

    Returns:
        A table indexed by metric, "coverage@k" and so on, with columns value, low, high.

    Raises:
        ValueError: no users, an item beyond I, an empty list, or a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, such as 0.95, got {confidence}")
    users, k = top_items.shape
    item_num = len(counts) - 1
    listed = _times_listed(top_items, item_num)
    popularity = _list_popularity(top_items, counts)
    value = np.array([_coverage(listed), popularity.mean(), _gini(listed)])
    again = np.empty((resamples, 3))
    rng = np.random.default_rng(seed)
    for i in range(resamples):
        drawn = rng.integers(users, size=users)
        listed = _times_listed(top_items[drawn], item_num)
        again[i] = _coverage(listed), popularity[drawn].mean(), _gini(listed)
    reach = stats.norm.ppf((1 + confidence) / 2) * again.std(axis=0, ddof=1)
    names = [f"coverage@{k}", f"popularity@{k}", f"Gini@{k}"]
    return pd.DataFrame(
        {"value": value, "low": value - reach, "high": value + reach},
        index=pd.Index(names, name="metric"),
    )


def _times_listed(top_items: np.ndarray, item_num: int) -> np.ndarray:
    """int64 (I,): how many lists each of the items 1..I is in."""
    if top_items.ndim != 2 or len(top_items) == 0:
        raise ValueError(f"top_items must be (users, k) with users, got shape {top_items.shape}")
    times = np.bincount(top_items.ravel(), minlength=item_num + 1)
    if len(times) > item_num + 1:
        raise ValueError(
            f"top_items holds item number {len(times) - 1}, but there are {item_num} items"
        )
    return times[1:]


def _coverage(times_listed: np.ndarray) -> float:
    return float((times_listed > 0).mean())


def _gini(times_listed: np.ndarray) -> float:
    # half the mean absolute difference of all pairs, relative to the mean, by sorting
    ordered = np.sort(times_listed)
    n = len(ordered)
    return float(((2 * np.arange(1, n + 1) - n - 1) @ ordered) / (n * ordered.sum()))


def _list_popularity(top_items: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """float64 (U,): the mean training count of the items of each list."""
    listed = top_items > 0
    if not listed.any(axis=1).all():
        raise ValueError(f"row {listed.any(axis=1).argmin()} of top_items lists nothing")
    return np.where(listed, counts[top_items], 0).sum(axis=1) / listed.sum(axis=1)
