"""A data set of yesterday with the events of today: new ones behind the old, new ids after them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seqrec_lib.data.coding import coded, from_1
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.interactions import check_interactions, stable_order
from seqrec_lib.data.items import grown_table
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.split import Split


def extended(
    dataset: SASRecDataSet, events: pd.DataFrame, items: pd.DataFrame | None = None
) -> SASRecDataSet:
    """A data set with later events behind each user's history; the old one stays as it is.

    events: what came since, as `prepare` takes it; nothing is dropped. Where the data set has times
        (keep_times=True), old and new are sorted together; else new events follow the old ones.
    items: titles and other columns of new items, indexed by their ids.

    Users and items keep their numbers, new ones get those that follow. The split is made anew by
    the sizes that it was made by, where it was; else the last item is the test.

    Raises ValueError for events that the data set already holds, and for times on one side only.
    """
    before = dataset.sequences
    rows = coded(check_interactions(events), keep_times=before.times is not None)
    new = rows.after(dataset.vocabulary)
    order = stable_order(new.user, new.time)
    lengths = np.append(0, np.bincount(new.user, minlength=len(new.raw_users)))
    times = None if new.time is None or before.times is None else new.time[order]
    later = Sequences.from_lengths(new.item[order] + 1, lengths, times)
    _refuse_the_same(dataset, before, later)
    sequences = _joined(before, later)
    sizes = dataset.current_split().sizes or (1, 1, 3)
    return SASRecDataSet.of_split(
        Split.by_sizes(sequences, *sizes),
        len(new.raw_items),
        grown_table(dataset, new.raw_items, items),
        from_1(new.raw_users),
        dataset.item_name,
    )


def _joined(before: Sequences, later: Sequences) -> Sequences:
    """Each user's items of both, by time where there are times, else one behind the other."""
    old = np.append(before.lengths, np.zeros(later.num_users - before.num_users, dtype=np.int64))
    lengths = [old, later.lengths]
    user = np.concatenate([np.repeat(np.arange(len(x)), x) for x in lengths])  # (N,)
    items = np.concatenate([before.items, later.items])
    times = None
    if before.times is not None and later.times is not None:
        times = np.concatenate([before.times, later.times])
    order = stable_order(user, times)
    return Sequences.from_lengths(
        items[order], lengths[0] + lengths[1], None if times is None else times[order]
    )


def _refuse_the_same(dataset: SASRecDataSet, before: Sequences, later: Sequences) -> None:
    """A ValueError where all users' later items begin with their whole history: it is the log."""
    both = [u for u in before if before.starts[u] < before.starts[u + 1] and len(later[u])]
    if not both or max(len(before[u]) for u in both) < 2:
        return
    if all(np.array_equal(later[u][: len(before[u])], before[u]) for u in both):
        raise ValueError(
            f"the events begin with what the data set already holds, such as that of user "
            f"{dataset.raw_users[both[0]]!r}: give what came since alone; for a whole new log, "
            "grow(model, prepare(log, like=dataset))"
        )
