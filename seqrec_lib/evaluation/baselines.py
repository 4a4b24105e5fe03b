"""Four baselines without gradients, to know what a neural network's score is worth.

Each is fitted on the training items alone, and is a scorer like the models: the same code ranks it.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from seqrec_lib.common.checks import positive
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.data.sequences import Sequences

_SIMILARITIES_AT_ONCE = 2**24


class Popularity:
    """The same list for all users: the score of an item is its count in training.

    Attributes:
        item_num: I.
        counts: int64 (I+1,).
    """

    def __init__(self, dataset: HasSplit) -> None:
        dataset = as_dataset(dataset)
        self.item_num, self.knows = dataset.itemnum, dataset.vocabulary
        self.counts = _counts(dataset.train, self.item_num)
        self._scores = torch.from_numpy(self.counts).float()
        self._scores[0] = -torch.inf

    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """(B, K), or (B, I+1) without candidates; see `ranks.Scorer`."""
        if candidates is not None:
            return self._scores[candidates]
        return self._scores.expand(len(histories), -1)


class PersonalPopularity:
    """What this user had most often: the score of an item is its count in the history.

    Items that occur equally often, and those that the user never had, are in the order of
    `Popularity`. Where users come back to the same items (music, food, groceries) this baseline is
    hard to beat, provided that what was seen competes: rank with exclude_seen=False. (GP-TopFreq in
    Li et al. 2023, "A Next Basket Recommendation Reality Check", TOIS 41(4).)

    Attributes:
        item_num: I.
    """

    def __init__(self, dataset: HasSplit) -> None:
        counts = Popularity(dataset).counts
        self.item_num, self.knows = len(counts) - 1, as_dataset(dataset).vocabulary
        self._popularity = torch.from_numpy(counts / (counts.max() + 1))  # (I+1,) below 1

    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """(B, K), or (B, I+1) without candidates; see `ranks.Scorer`."""
        counts = histories.new_zeros(len(histories), self.item_num + 1)  # (B, I+1)
        scores = counts.scatter_add_(1, histories, torch.ones_like(histories)) + self._popularity
        if candidates is not None:
            return scores.gather(1, candidates)
        scores[:, 0] = -torch.inf
        return scores


class MarkovChain:
    """What followed the last item most often: first order, counted, smoothed by popularity.

    The score of item j after item i is

        (n_ij + smoothing × p_j) / (n_i + smoothing)

    with n_ij how often j came right after i in training, n_i how often anything did, and p_j the
    share of j in all training items. It is the mean of a Dirichlet posterior: with much seen after
    i the counts speak, with little the popularity does. An empty history gets the popularity.

    (SASRec's table III has FMC, a *factorised* chain, whose n_ij are approximated by inner
    products of embeddings: it generalises between similar items and is trained with negatives.)

    Args:
        smoothing: the weight of the popularity, in observations. As long as smoothing × p_j stays
            below 1 for the most popular item, popularity only orders what was counted equally
            often, never otherwise. On ML-1M that is best, and it holds up to about 300.

    Attributes:
        item_num: I.
        transitions: int64 sparse (I+1, I+1), n_ij.
    """

    def __init__(self, dataset: HasSplit, smoothing: float = 10.0) -> None:
        if smoothing <= 0:
            raise ValueError(f"smoothing must be positive, got {smoothing}: it breaks ties")
        dataset = as_dataset(dataset)
        self.item_num, self.knows = dataset.itemnum, dataset.vocabulary
        self.smoothing = smoothing
        train = dataset.train
        leads = np.ones(len(train.items), dtype=bool)  # to another item: all but a user's last
        leads[train.starts[1:][train.lengths > 0] - 1] = False
        before = np.flatnonzero(leads)
        pairs = (train.items[before], train.items[before + 1])
        shape = (self.item_num + 1, self.item_num + 1)
        self.transitions = sparse.coo_array((np.ones(len(before)), pairs), shape=shape).tocsr()
        self._followed = torch.from_numpy(self.transitions.sum(axis=1))  # (I+1,) n_i
        counts = _counts(train, self.item_num)
        self._popularity = torch.from_numpy(smoothing * counts / counts.sum())  # (I+1,)

    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """(B, K), or (B, I+1) without candidates; see `ranks.Scorer`."""
        last = histories[:, -1]
        counted = _pick(self.transitions[last.numpy()], candidates)
        popularity = self._popularity if candidates is None else self._popularity[candidates]
        scores = (counted + popularity) / (self._followed[last] + self.smoothing).unsqueeze(1)
        if candidates is None:
            scores[:, 0] = -torch.inf
        return scores


class ItemKNN:
    """What the same users had: items similar to the latest ones in the history, added up.

    The similarity of two items is the cosine of their columns in the user × item matrix of zeros
    and ones: users with both / sqrt(users with one × users with the other). The score of an
    item is the sum of its similarities to the history's items of which it is a near neighbour
    (Deshpande and Karypis 2004, TOIS 22(1), section 4). The order of the history does not count.

    Args:
        neighbours: how many similar items are kept for each item.
        last: how many of the latest items of a history count. On ML-1M few are best: 5 give a
            validation NDCG@10 of 0.435 sampled and 0.088 full, 20 give 0.410 and 0.055.

    Attributes:
        item_num: I.
        similarities: sparse (I+1, I+1), row i holds the neighbours of item i.
    """

    def __init__(self, dataset: HasSplit, neighbours: int = 100, last: int = 5) -> None:
        neighbours, last = positive("neighbours", neighbours), positive("last", last)
        dataset = as_dataset(dataset)
        self.item_num, self.knows = dataset.itemnum, dataset.vocabulary
        self.last = last
        train = dataset.train
        had = _zeros_and_ones(train.items, train.starts, self.item_num)  # (U+1, I+1)
        norms = np.sqrt(np.maximum(had.sum(axis=0), 1))
        # scaled columns: the inner products are the cosines
        scaled = had.multiply(1 / norms).tocsr()
        by_item = scaled.T.tocsr()
        step = max(1, _SIMILARITIES_AT_ONCE // (self.item_num + 1))
        blocks = [
            _largest(by_item[start : start + step] @ scaled, start, neighbours)
            for start in range(0, self.item_num + 1, step)
        ]
        self.similarities = sparse.vstack(blocks, format="csr")

    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """(B, K), or (B, I+1) without candidates; see `ranks.Scorer`."""
        latest = histories[:, -self.last :].numpy()
        real = latest > 0
        starts = np.concatenate([[0], real.sum(axis=1).cumsum()])
        scores = _pick(
            _zeros_and_ones(latest[real], starts, self.item_num) @ self.similarities, candidates
        )
        if candidates is None:
            scores[:, 0] = -torch.inf
        return scores

    def item_similarities(self, item: int) -> Tensor:
        """float32 (I+1,): each item's similarity to one; 0 for those that are no neighbours."""
        return torch.from_numpy(self.similarities[[item]].toarray()[0])


def _counts(train: Sequences, item_num: int) -> np.ndarray:
    """int64 (I+1,): how often each item occurs in training."""
    return np.bincount(train.items, minlength=item_num + 1)


def _zeros_and_ones(items: np.ndarray, starts: np.ndarray, item_num: int) -> sparse.csr_array:
    """float32 (rows, I+1): 1 where row r's items[starts[r]:starts[r + 1]] hold the item."""
    ones = np.ones(len(items), dtype=np.float32)
    shape = (len(starts) - 1, item_num + 1)
    matrix = sparse.csr_array((ones, items, starts), shape=shape, copy=True)
    matrix.sum_duplicates()  # in place: without the copy it would sort the data set's own items
    matrix.data[:] = 1
    return matrix


def _largest(rows: sparse.csr_array, first_item: int, keep: int) -> sparse.csr_array:
    """The `keep` largest entries of each row, but for the item itself; rows (R, I+1)."""
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))  # (N,) of each entry
    other = rows.indices != first_item + row
    row, item, value = row[other], rows.indices[other], rows.data[other]
    order = np.argsort(row - value / 2.0)  # cosines are at most 1: by row, then the nearest first
    row, item, value = row[order], item[order], value[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)  # in its own row, from 0
    near = place < keep
    return sparse.coo_array((value[near], (row[near], item[near])), shape=rows.shape).tocsr()


def _pick(rows: sparse.csr_array, candidates: Tensor | None) -> Tensor:
    """Sparse rows (B, I+1) as a dense tensor: the candidates' columns (B, K), or all."""
    if candidates is None:
        return torch.from_numpy(rows.toarray())
    width = rows.shape[1]
    rows.sort_indices()
    keys = np.repeat(np.arange(rows.shape[0]) * width, np.diff(rows.indptr)) + rows.indices
    wanted = np.arange(len(candidates))[:, None] * width + candidates.numpy()  # (B, K)
    place = np.searchsorted(keys, wanted)
    place[place == len(keys)] = 0
    found = keys[place] == wanted if len(keys) else np.zeros(wanted.shape, dtype=bool)
    picked = np.zeros(wanted.shape, dtype=rows.dtype)
    picked[found] = rows.data[place[found]]
    return torch.from_numpy(picked)
