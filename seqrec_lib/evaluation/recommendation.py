"""Lists for users: for those of the data set, and for a new one who names a few films.

A sequential model can rank for a user that it was not trained on: it needs a history only. A model
with an embedding for each user has none for a new one, and gets `users=None`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from seqrec_lib.common.checks import finite_scores, positive
from seqrec_lib.common.memory import says_what_to_lower
from seqrec_lib.common.vocabulary import knows_all
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.evaluation.asked import Finder, histories_request, users_request
from seqrec_lib.evaluation.ranks import Scorer
from seqrec_lib.evaluation.scoring import score_histories

_SCORES_AT_ONCE = 2**25  # 128 MiB of float32


class HasItemVectors(Protocol):
    """A model with one vector per item."""

    def item_vectors(self) -> Tensor:
        """(I+1, D); row 0 is the padding."""


class HasItemSimilarities(Protocol):
    """A model that knows how alike items are, without vectors."""

    def item_similarities(self, item: int) -> Tensor:
        """(I+1,): the similarity of each item to `item`."""


class Strangers:
    """A scorer that does not tell the model who the users are.

    Wrap a model in it and evaluate both: the difference is what it costs the model that it has no
    embedding for a user, measured on users whose next item is known.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.item_num = scorer.item_num
        self.device = getattr(scorer, "device", torch.device("cpu"))
        self.reads_times = getattr(scorer, "reads_times", False)

    @property
    def knows(self) -> Any:
        """What the model's rows stand for, see `SequenceModel`."""
        return self.scorer.knows  # type: ignore[attr-defined]

    @knows.setter
    def knows(self, vocabulary: Any) -> None:
        self.scorer.knows = vocabulary  # type: ignore[attr-defined]

    def score(
        self,
        users: Tensor | None,
        histories: Tensor,
        candidates: Tensor | None = None,
        **times: Tensor,
    ) -> Tensor:
        """The model's scores for users=None."""
        return self.scorer.score(None, histories, candidates, **times)


def recommend(
    model: Scorer,
    dataset: HasSplit,
    users: Any = None,
    histories: Any = None,
    k: int = 10,
    exclude_seen: bool = True,
    batch_size: int = 256,
    *,
    among: Any = None,
    exclude: Any = None,
    unknown: str = "raise",
    internal: bool = False,
) -> pd.DataFrame:
    """What comes next: the k best items for users of the data set, or for visitors' histories.

    model: a model or baseline, fitted on `dataset`, of whose histories all is used, test items too.
    users: one user or several, by their ids in the log. Give either these or histories.
    histories: of anybody, oldest item first: one history, a list of them, a dict {name: history},
        or a table with user, item and, where known, time. Items are ids or titles, as typed ("the
        matrix"), or some of both; what is an id is not looked up as a title.
    k: length of a list; it is shorter where there are not enough items left.
    exclude_seen: leave out what is in the history. batch_size: histories scored at once.
    among: recommend these items alone (what is in stock), ids or titles. exclude: none of these.
    unknown: "raise" for a user or an item that the data set does not have; "skip" leaves them out,
        and a warning counts them and names the first.
    internal: users and items are the data set's own numbers 1, 2, …, here and in the table.

    Returns a table with columns user (or history: its name, or its number from 0), place, item,
    title (where known) and score, sorted by user in the order given, then by place.
    Raises ValueError for neither or both of users and histories, for an empty history and for an
    unknown user, item or title, which is named, and whose history it is.
    """
    dataset, k = as_dataset(dataset), positive("k", k)
    if (users is None) == (histories is None):
        raise ValueError("give either users=[ids] or histories=[lists of ids or titles]")
    find = Finder(dataset, unknown, internal)
    if histories is None:
        request = users_request(dataset, users, find, internal)
    else:
        request = histories_request(histories, find)
    allowed = _allowed(dataset, find, among, exclude)
    find.warn()
    knows_all(model, dataset, with_users=histories is None)
    how = (k, histories is None, exclude_seen, batch_size, dataset.itemnum, allowed)
    items, scores = top_items(model, request.histories, request.rows, *how)
    filled = items > 0
    table = {
        request.column: np.repeat(request.labels, filled.sum(axis=1)),
        "place": np.broadcast_to(np.arange(1, k + 1), items.shape)[filled],
        **_named_items(dataset, items[filled], internal),
        "score": scores[filled],
    }
    return pd.DataFrame(table)


def similar_items(
    model: HasItemVectors | HasItemSimilarities,
    dataset: HasSplit,
    item: Any,
    k: int = 10,
    *,
    internal: bool = False,
) -> pd.DataFrame:
    """The k items most like one, by the cosine of the model's item vectors.

    Args:
        model: has `item_vectors`, or, like `ItemKNN`, similarities of its own.
        dataset: knows the ids and the titles.
        item: an id as in the log, or a title.
        k: how many.
        internal: items are the data set's own numbers 1, 2, …, here and in the table.

    Returns:
        A table with columns place, item, title (where known) and similarity.

    Raises:
        TypeError: a model with neither vectors nor similarities.
        ValueError: an unknown item; k below 1.
    """
    dataset = as_dataset(dataset)
    if hasattr(model, "item_num"):
        knows_all(model, dataset, with_users=False)
    k = min(positive("k", k), dataset.itemnum - 1)
    wanted = dataset.names.item(item, internal)
    with torch.no_grad():
        if hasattr(model, "item_similarities"):
            similarity = model.item_similarities(wanted).cpu()
        elif hasattr(model, "item_vectors"):
            vectors = torch.nn.functional.normalize(model.item_vectors().float(), dim=1)  # (I+1, D)
            similarity = (vectors @ vectors[wanted]).cpu()
        else:
            raise TypeError(f"{type(model).__name__} has no item_vectors: it knows no likeness")
        similarity = similarity[: dataset.itemnum + 1].clone()
        similarity[[0, wanted]] = -torch.inf
        best = similarity.topk(k)
    table = {
        "place": np.arange(1, k + 1),
        **_named_items(dataset, best.indices.numpy(), internal),
        "similarity": best.values.numpy(),
    }
    return pd.DataFrame(table)


def top_items(
    scorer: Scorer,
    histories: Sequences,
    users: np.ndarray,
    k: int = 10,
    known_users: bool = True,
    exclude_seen: bool = True,
    batch_size: int = 256,
    item_num: int | None = None,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k items that score highest for each of some histories, as plain arrays of numbers.

    Args:
        scorer: a model or baseline.
        histories, users: what the lists follow, by user; int (U,) whose. k: length of the lists.
        known_users: `users` are ids that the scorer was trained with; False: it is given None.
        exclude_seen: leave out the items of the history.
        batch_size: histories scored at once; fewer where there are very many items.
        item_num: the items 1 to item_num are listed; None: all that the scorer knows.
        allowed: bool (item_num + 1,): which of them; None: all.

    Returns (items, scores): int64 and float32 (U, k), best first. A list that runs out of items
    ends in 0s, with score -inf. Raises ValueError for k below 1 and for scores that are no numbers.
    """
    item_num = scorer.item_num if item_num is None else item_num
    k = positive("k", k)
    listed = min(k, item_num)
    most = max(1, _SCORES_AT_ONCE // (scorer.item_num + 1))
    batch_size = min(positive("batch_size", batch_size), most)
    ids = torch.as_tensor(users, dtype=torch.int64)
    parts: list[tuple[Tensor, Tensor]] = []
    # users of similar length together need little padding
    order = torch.from_numpy(histories.lengths[users]).argsort(descending=True, stable=True)
    advice = says_what_to_lower("recommending", "halve batch_size", batch_size=batch_size, k=k)
    with torch.no_grad(), advice:
        for rows in order.split(batch_size):
            asked = (scorer, histories, ids[rows])
            score, history, _ = score_histories(*asked, known_users=known_users)
            if exclude_seen:
                score = score.scatter(1, history, -torch.inf)
            score = score[:, : item_num + 1]
            if allowed is not None:
                score = score.masked_fill(~torch.from_numpy(allowed).to(score.device), -torch.inf)
            best = score.topk(listed, dim=1)
            parts.append((best.indices, best.values.float()))
        # all at once, so that the host waits for a GPU once
        ranked, values = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
    best_score = values[:, 0]  # NaN sorts first
    fault = torch.where(best_score.isnan(), 2, best_score.isposinf().long())
    finite_scores(fault, ids[order], histories.user_ids)
    items = torch.zeros(len(ids), k, dtype=torch.int64)
    scores = torch.full((len(ids), k), -torch.inf, dtype=torch.float32)
    items[order, :listed], scores[order, :listed] = ranked, values
    items[scores == -torch.inf] = 0
    return items.numpy(), scores.numpy()


def _allowed(dataset: SASRecDataSet, find: Finder, among: Any, exclude: Any) -> np.ndarray | None:
    """bool (I+1,): which items may be recommended; None where all may."""
    if among is None and exclude is None:
        return None
    allowed = np.ones(dataset.itemnum + 1, dtype=bool)
    if among is not None:
        allowed[:] = False
        allowed[find.items(_several("among", among), "among: ")] = True
        if not allowed.any():
            raise ValueError("among names no item that could be recommended")
    if exclude is not None:
        allowed[find.items(_several("exclude", exclude), "exclude: ")] = False
    return allowed


def _several(name: str, items: Any) -> list[Any]:
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise ValueError(f"{name} must be a list of items, got {items!r}")
    return list(items)


def _named_items(dataset: SASRecDataSet, items: np.ndarray, internal: bool) -> dict[str, Any]:
    """The columns item and, where known, title."""
    columns = {"item": items if internal else dataset.raw_items[items]}
    if dataset.items is not None:
        columns["title"] = dataset.items["title"].to_numpy()[items - 1]
    return columns
