"""The sample's true model as a scorer, and the best scores that any model can expect on it."""

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sample.films import Films
from seqrec_lib.data.sample.viewers import Viewers


class TrueModel:
    """Scores items by the logarithm of their true probability to come next.

    ids: (item_num + 1,) the raw film id of each item id, ids[0] = 0 for the padding. An id that no
        film has gets probability 0.

    item_num: I, the largest item id. It knows no users: what comes next depends on the history.
    """

    def __init__(self, films: Films, ids: np.ndarray) -> None:
        self.item_num = len(ids) - 1
        self.device = torch.device("cpu")
        self._films = films
        film_by_raw = np.full(max(int(films.raw_ids.max()), int(ids.max())) + 1, -1)
        film_by_raw[films.raw_ids] = np.arange(len(films.raw_ids))
        self._film = film_by_raw[ids]  # (I + 1,), -1 for none

    def probabilities(self, histories: np.ndarray) -> np.ndarray:
        """(B, T) item ids in order, 0 = padding → (B, I + 1) float64, column i for item i.

        Raises ValueError for an id that no film has.
        """
        histories = np.asarray(histories)
        if histories.ndim != 2:
            raise ValueError(f"histories must be (B, T), not {histories.shape}")
        outside = (histories < 0) | (histories > self.item_num)
        film = self._film[np.where(outside, 0, histories)]  # (B, T)
        outside |= (film < 0) & (histories != 0)
        if outside.any():
            raise ValueError(f"no film has the item id {histories[outside][0]}")
        viewers = Viewers(self._films, len(histories))
        for step in film.T:
            viewers.watch(step)
        columns = np.where(self._film >= 0, self._film, 0)
        return viewers.probabilities()[:, columns] * (self._film >= 0)

    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Log-probabilities as logits.

        users: (B,) or None, not looked at. histories: (B, T) whole histories, 0 in front.
        candidates: (B, K) item ids or None. Returns (B, K) float32, or (B, I + 1) with column 0
        at -inf. Films that cannot come next score -100.
        """
        chance = torch.from_numpy(self.probabilities(histories.cpu().numpy()))
        scores = chance.log().clamp(min=-100.0).float()  # (B, I + 1)
        scores[:, 0] = -torch.inf
        scores = scores.to(histories.device)
        return scores if candidates is None else scores.gather(1, candidates)


def best_attainable(
    model: TrueModel,
    dataset: SASRecDataSet,
    negatives: int | None,
    k: int,
    split: str,
    replace: bool,
) -> dict[str, float]:
    """The expected HR@k and NDCG@k of ranking by the true probability (see `SampleWorld`)."""
    from scipy.stats import binom, hypergeom  # here: it takes a second to load

    if k < 1 or (negatives is not None and negatives < 1):
        raise ValueError(f"k={k} and negatives={negatives} must be at least 1")
    users = np.flatnonzero(dataset.targets(split))
    histories = dataset.history(split).padded(users)
    chance = model.probabilities(histories)  # (B, I + 1)
    chance = -np.sort(-chance[:, 1:], axis=1)  # the best first; what was seen comes last
    ranks = np.arange(k)
    gains = np.stack([np.ones(k), 1.0 / np.log2(ranks + 2.0)])  # (2, k) hit and NDCG by rank
    better = np.arange(model.item_num)  # how many of the unseen films are better than the target
    totals = np.zeros(2)
    others = model.item_num - dataset.train.lengths[users] - 1  # (B,) not in training, no target
    for count in np.unique(others):
        if negatives is None:
            share = (better[:, None] == ranks).astype(float)  # (I, k): all of them compete
        elif replace:
            share = binom.pmf(ranks, negatives, np.minimum(better[:, None] / count, 1.0))
        elif negatives <= count:
            share = hypergeom.pmf(ranks, count, np.minimum(better[:, None], count), negatives)
        else:
            raise ValueError(f"negatives={negatives}, but a user has only {count} films to draw")
        totals += (chance[others == count] @ (share @ gains.T)).sum(axis=0)
    hr, ndcg = totals / len(users)
    return {"hr": float(hr), "ndcg": float(ndcg)}
