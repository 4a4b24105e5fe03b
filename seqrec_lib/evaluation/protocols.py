"""The same models by both protocols, side by side: what each says, and where they disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.catalogue import describe_lists
from seqrec_lib.evaluation.metrics import compare, summarise, user_values
from seqrec_lib.evaluation.ranking import candidate_ranks, full_ranks
from seqrec_lib.evaluation.ranks import Ranks, Scorer
from seqrec_lib.evaluation.recommendation import top_items

RanksByProtocol = dict[str, dict[str, Ranks]]


def both_protocols(
    models: Mapping[str, Scorer],
    dataset: HasSplit,
    split: str = "test",
    num_negatives: int = 100,
    seed: int = 0,
    exclude_seen: bool = True,
) -> RanksByProtocol:
    """Rank every model among the same sampled candidates, and among all items.

    Args:
        models: name → model or baseline.
        dataset, split, num_negatives, seed, exclude_seen: as in `sampled_ranks`.

    Returns:
        {"sampled": {name: Ranks}, "full": {name: Ranks}}
    """
    if not models:
        raise ValueError('models is empty: give {"name": model, ...}')
    dataset = as_dataset(dataset)
    candidates = sampled_candidates(dataset, split, num_negatives, seed, exclude_seen=exclude_seen)
    return {
        "sampled": {
            name: candidate_ranks(model, dataset, candidates) for name, model in models.items()
        },
        "full": {
            name: full_ranks(model, dataset, split, exclude_seen) for name, model in models.items()
        },
    }


def protocol_table(
    models: Mapping[str, Scorer],
    dataset: HasSplit,
    split: str = "test",
    num_negatives: int = 100,
    seed: int = 0,
    ks: Sequence[int] = (10,),
    ranks: RanksByProtocol | None = None,
    exclude_seen: bool = True,
) -> pd.DataFrame:
    """Every model by every metric and both protocols, with intervals and the order of the models.

    Args:
        models: name → model or baseline.
        dataset, split, num_negatives, seed, exclude_seen: as in `sampled_ranks`; the seed is that
            of the intervals over users, too, and exclude_seen of the lists.
        ks: cut-offs; the lists whose coverage, popularity and Gini index are given are as long as
            the last one.
        ranks: of `both_protocols` with the same arguments, if they are there already.

    Returns:
        A table with columns protocol ("sampled", "full" or "lists"), metric, model, place, value,
        low and high. Place 1 is the best model by that metric; it is missing for the lists, where
        more is not always better.
    """
    dataset = as_dataset(dataset)
    if ranks is None:
        ranks = both_protocols(models, dataset, split, num_negatives, seed, exclude_seen)
    parts = []
    for protocol, by_model in ranks.items():
        for name, its_ranks in by_model.items():
            table = summarise(its_ranks, ks, seed=seed)
            parts.append(table.assign(protocol=protocol, model=name))
    counts = np.bincount(dataset.train.items, minlength=dataset.itemnum + 1)
    before = dataset.history(split)
    for name, model in models.items():
        users = ranks["full"][name].users
        items, _ = top_items(model, before, users, k=ks[-1], exclude_seen=exclude_seen)
        table = describe_lists(items, counts, seed=seed)
        parts.append(table.assign(protocol="lists", model=name))
    table = pd.concat(parts).reset_index()
    order = table.groupby(["protocol", "metric"])["value"].rank(ascending=False, method="min")
    table["place"] = order.where(table["protocol"] != "lists").astype("Int64")
    table = table[["protocol", "metric", "model", "place", "value", "low", "high"]]
    # everything in the order in which it came, not alphabetically
    came = {name: table[name].unique().tolist() for name in ("protocol", "metric", "model")}
    return table.sort_values(
        list(came), key=lambda column: column.map(came[str(column.name)].index), ignore_index=True
    )


def pairs_table(
    ranks: RanksByProtocol, metric: str = "NDCG@10", permutations: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """Every two models: their difference by each protocol, and whether their order changes.

    Args:
        ranks: of `both_protocols`.
        metric: what to compare them by.
        permutations, seed: of the paired test, see `metrics.compare`.

    Returns:
        A table with columns a, b, and for each protocol the difference a - b and the p-value, and
        turned, true where the protocols disagree about which of the two is better.
    """
    rows = []
    for a, b in combinations(ranks["sampled"], 2):
        row: dict[str, object] = {"a": a, "b": b}
        for protocol, by_model in ranks.items():
            test = compare(by_model[a], by_model[b], metric, permutations=permutations, seed=seed)
            row[protocol] = test.loc[metric, "difference"]
            row[f"{protocol} p"] = test.loc[metric, "p_value"]
        rows.append(row)
    table = pd.DataFrame(rows, columns=["a", "b", "sampled", "sampled p", "full", "full p"])
    table["turned"] = table["sampled"] * table["full"] < 0
    return table


def expected_sampled_values(
    better: np.ndarray,
    outside: np.ndarray | int,
    num_negatives: int,
    metric: str = "NDCG@10",
    replace: bool = True,
    tied: np.ndarray | int = 0,
) -> np.ndarray:
    """The mean of a metric over all draws of negatives, given the rank among all that may be drawn.

    If `better` of the `outside` items that negatives are drawn from beat the target, the number of
    beaters among n draws is binomial, Bin(n, better / outside), or hypergeometric without repeats.
    (Krichene and Rendle, KDD 2020, show with this how sampling flattens the top of the ranking:
    with n = 100 of 3,400, a hit at 10 is roughly a rank of 340 or better.) Ties are in random
    order: of those that tie, a share u is ahead of the target, and every u is equally
    likely.

    Args:
        better, tied: int (U,), of a full ranking over the items that negatives are drawn from:
            `full_ranks` with exclude_seen="training", or with True where the sampled protocol
            leaves out the validation item, too.
        outside: int (U,) or one number: how many items negatives are drawn from, without the
            target: `Ranks.candidates - 1`.
        num_negatives: n. metric: "HR@k", "NDCG@k" or "MRR@k".
        replace: negatives may repeat. False is for ranks without ties (`Ranks.break_ties`).

    Returns:
        float64 (U,): each user's mean over the draws. Raises ValueError for counts that do not fit.
    """
    better, outside, tied = np.broadcast_arrays(better, outside, tied)
    if (better + tied > outside).any() or (better < 0).any():
        raise ValueError("better must lie between 0 and outside, the number of items to draw from")
    k, n = int(metric.partition("@")[2]), num_negatives
    first = np.arange(min(k, n + 1))  # how many beat the target where it counts
    gain = user_values(Ranks(first, first, 0 * first, first + 1), metric)  # (k,)
    if not replace:
        if (outside < n).any():
            raise ValueError(
                f"num_negatives={n} different items cannot be drawn from {outside.min()}"
            )
        if tied.any():
            raise ValueError("replace=False is for ranks without ties: see Ranks.break_ties")
        chances = stats.hypergeom.pmf(first, outside[:, None], better[:, None], n)  # (U, k)
        return chances @ gain
    # a polynomial of degree n in u: this many points of Gauss and Legendre integrate it exactly
    points, weights = np.polynomial.legendre.leggauss(n // 2 + 1 if tied.any() else 1)
    values = np.zeros(len(better))
    for u, weight in zip((points + 1) / 2, weights / 2, strict=True):
        share = (better + u * tied) / outside
        values += weight * (stats.binom.pmf(first, n, share[:, None]) @ gain)
    return values


def expected_sampled_hit_rate(
    better: np.ndarray, outside: np.ndarray | int, num_negatives: int, k: int, replace: bool = True
) -> np.ndarray:
    """`expected_sampled_values` of HR@k: each user's probability of a hit, float64 (U,)."""
    return expected_sampled_values(np.asarray(better), outside, num_negatives, f"HR@{k}", replace)
