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

from seqrec_lib.common.checks import knows_all, positive
from seqrec_lib.common.ids import whole_numbers
from seqrec_lib.common.memory import says_what_to_lower
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.data.sequences import Sequences
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
    users: int | Iterable[int] | None = None,
    histories: str | Iterable[Any] | None = None,
    k: int = 10,
    exclude_seen: bool = True,
    batch_size: int = 256,
) -> pd.DataFrame:
    """What to watch next: the k best items for users of the data set, or for new histories.

    Args:
        model: a model or baseline, fitted on `dataset`.
        dataset: knows the items, and the users' histories, of which all is used, validation and
            test items too.
        users: user ids. Give either these or histories.
        histories: one history, or a list of them, oldest item first. Items are ids or titles, as
            typed ("the matrix"), or some of both. It need not be the history of a known user.
        k: length of a list. A list is shorter where there are not enough items left.
        exclude_seen: leave out what is in the history.
        batch_size: histories scored at once.

    Returns:
        A table with columns user (or history: its number from 0), place, item, title (where known)
        and score, sorted by user in the order given, then by place.

    Raises:
        ValueError: neither or both of users and histories; an unknown user, item or title, which is
            named; an empty history.
    """
    dataset, k = as_dataset(dataset), positive("k", k)
    if (users is None) == (histories is None):
        raise ValueError("give either users=[ids] or histories=[lists of ids or titles]")
    if histories is None:
        name, labels = "user", _user_ids(dataset, users)
        known, rows = dataset.sequences, labels
    else:
        lists = _as_lists(histories)
        find = _Items(dataset)
        known = Sequences.from_lists(
            {row + 1: find.ids(items, f"history {row}: ") for row, items in enumerate(lists)}
        )
        name, labels = "history", np.arange(len(lists))
        rows = labels + 1
    knows_all(model, dataset, with_users=histories is None)
    items, scores = top_items(
        model, known, rows, k, histories is None, exclude_seen, batch_size, dataset.itemnum
    )
    filled = items > 0
    columns: dict[str, Any] = {
        name: np.repeat(labels, filled.sum(axis=1)),
        "place": np.broadcast_to(np.arange(1, k + 1), items.shape)[filled],
        "item": items[filled],
        "title": _titles(dataset, items[filled]),
        "score": scores[filled],
    }
    return pd.DataFrame({key: value for key, value in columns.items() if value is not None})


def similar_items(
    model: HasItemVectors | HasItemSimilarities,
    dataset: HasSplit,
    item: int | str,
    k: int = 10,
) -> pd.DataFrame:
    """The k items most like one, by the cosine of the model's item vectors.

    Args:
        model: has `item_vectors`, or, like `ItemKNN`, similarities of its own.
        dataset: knows the titles.
        item: an id or a title.
        k: how many.

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
    wanted = _Items(dataset).ids([item], "")[0]
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
    columns: dict[str, Any] = {
        "place": np.arange(1, k + 1),
        "item": best.indices.numpy(),
        "title": _titles(dataset, best.indices.numpy()),
        "similarity": best.values.numpy(),
    }
    return pd.DataFrame({key: value for key, value in columns.items() if value is not None})


def top_items(
    scorer: Scorer,
    histories: Sequences,
    users: np.ndarray,
    k: int = 10,
    known_users: bool = True,
    exclude_seen: bool = True,
    batch_size: int = 256,
    item_num: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k items that score highest for each of some histories, as plain arrays.

    Args:
        scorer: a model or baseline.
        histories: what the lists follow, by user.
        users: int (U,) whose histories.
        k: length of the lists.
        known_users: `users` are ids that the scorer was trained with; False: it is given None.
        exclude_seen: leave out the items of the history.
        batch_size: histories scored at once; fewer where there are very many items.
        item_num: the items 1 to item_num are listed; None: all that the scorer knows.

    Returns:
        (items, scores): int64 and float32 (U, k), best first. A list that runs out of items ends in
        0s, with score -inf.

    Raises:
        ValueError: k below 1; NaN or infinite scores.
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
            score, history, _ = score_histories(
                scorer, histories, ids[rows], known_users=known_users
            )
            if exclude_seen:
                score = score.scatter(1, history, -torch.inf)
            score = score[:, : item_num + 1]
            best = score.topk(listed, dim=1)
            parts.append((best.indices, best.values.float()))
        # all at once, so that the host waits for a GPU once
        ranked, values = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
    wrong = values[:, 0].isnan() | values[:, 0].isposinf()  # NaN sorts first
    if bool(wrong.any()):
        user = int(ids[order[wrong]][0])
        raise ValueError(f"scores for the history of {user} are NaN or infinite")
    items = torch.zeros(len(ids), k, dtype=torch.int64)
    scores = torch.full((len(ids), k), -torch.inf, dtype=torch.float32)
    items[order, :listed], scores[order, :listed] = ranked, values
    items[scores == -torch.inf] = 0
    return items.numpy(), scores.numpy()


def _user_ids(dataset: SASRecDataSet, users: Any) -> np.ndarray:
    try:
        ids = whole_numbers("users", [users] if isinstance(users, int | np.integer) else users)
        if ids.size == 0:
            raise ValueError(f"users must be user ids, whole numbers from 1, got {users!r}")
    except ValueError as error:
        raise ValueError(f"{error}; for a history of items say histories=") from None
    for user in ids[(ids < 1) | (ids > dataset.usernum)]:
        raise ValueError(f"user {user} is outside 1 to {dataset.usernum}")
    for user in ids[dataset.sequences.lengths[ids] == 0]:
        raise ValueError(f"user {user} has no history to recommend from")
    return ids


def _as_lists(histories: Any) -> list[list[Any]]:
    """A list of histories, also when it is but one."""
    several = [histories] if isinstance(histories, str) else list(histories)
    if not several:
        raise ValueError("histories is empty: name at least one item")
    flat = [isinstance(entry, str | int | np.integer) for entry in several]
    if all(flat):
        return [several]
    if any(flat):
        raise ValueError("histories mixes items and lists: give one history, or a list of them")
    return [list(entry) for entry in several]


class _Items:
    """Finds ids of items given by id or title; looks a title up once, however often it comes."""

    def __init__(self, dataset: SASRecDataSet) -> None:
        self._dataset = dataset
        self._found: dict[str, int] = {}

    def ids(self, items: list[Any], where: str) -> list[int]:
        """int ids of a history; `where` begins the messages of errors."""
        if len(items) == 0:
            raise ValueError(f"{where}it is empty; name at least one item")
        if titles := [item for item in items if isinstance(item, str) and item not in self._found]:
            self._found |= self._dataset.item_ids(titles)  # names all that are wrong at once
        return [self._id(item, where) for item in items]

    def _id(self, item: Any, where: str) -> int:
        if isinstance(item, str):
            return self._found[item]
        if isinstance(item, bool) or not isinstance(item, int | np.integer):
            raise TypeError(f"{where}an item is an id or a title, got {item!r}")
        if not 1 <= item <= self._dataset.itemnum:
            raise ValueError(f"{where}item {item} is outside 1 to {self._dataset.itemnum}")
        return int(item)


def _titles(dataset: SASRecDataSet, items: np.ndarray) -> np.ndarray | None:
    return None if dataset.items is None else dataset.items["title"].to_numpy()[items - 1]
