"""Items to type into examples, where nobody knows beforehand what is in the data."""

from collections.abc import Collection, Iterator

import numpy as np

from seqrec_lib.common.checks import positive
from seqrec_lib.data.dataset import SASRecDataSet


def example_items(dataset: SASRecDataSet, k: int = 5, skip: Collection[str] = ()) -> list[str]:
    """Titles of k well-known items, for examples on data that nobody has looked at before.

    They are one user's, in that user's order: the first user who had k of the most popular items
    in training, so that the examples are a plausible history; the most popular items themselves
    where no history is that long. Each title is of one item alone, and each item is there once.

    skip: titles that are not to be taken, such as those of an earlier example.

    Raises ValueError for k below 1, and where there are fewer than k such titles.
    """
    positive("k", k)
    counts = np.bincount(dataset.train.items, minlength=dataset.itemnum + 1)  # (I+1,)
    known = list(_typed(dataset, np.argsort(-counts, kind="stable"), k * 20, set(skip)))
    if len(known) < k:
        raise ValueError(
            f"k={k}: only {len(known)} items have a title that no other item has: give titles= or "
            "ids to the columns of the log that tell items apart"
        )
    user = np.repeat(np.arange(len(dataset.train.lengths)), dataset.train.lengths)  # (N,)
    for size in (2 * k, 5 * k, len(known)):
        pool = known[:size]
        rows = np.flatnonzero(np.isin(dataset.train.items, pool))
        pairs = np.unique(np.stack([user[rows], dataset.train.items[rows]]), axis=1)
        rich = np.flatnonzero(np.bincount(pairs[0]) >= k)
        if len(rich):
            history = dataset.train[int(rich[0])]
            known = [int(i) for i in dict.fromkeys(history.tolist()) if i in pool]
            break
    return [dataset.title(item, internal=True) for item in known[:k]]


def _typed(dataset: SASRecDataSet, items: np.ndarray, enough: int, skip: set[str]) -> Iterator[int]:
    """Those of the items, in order and at most so many, that are found again by their title."""
    for item in items.tolist():
        if item == 0 or (title := dataset.title(item, internal=True)) in skip:
            continue
        try:
            found = (
                dataset.item_number(title) == item == dataset.item_number(dataset.item_id(title))
            )
        except ValueError:
            continue
        if found:
            yield item
            enough -= 1
        if not enough:
            return
