"""From ranks to metrics: values, intervals over users, and the comparison of two models.

All metrics are expectations under a random order of ties. With `better` candidates ahead and
`tied` candidates level, the target is equally likely to have each of the ranks better + 1 to
better + tied + 1, so a metric that pays g(r) for rank r is the mean of g over these ranks. A model
that scores everything the same then gets exactly what chance gets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from seqrec_lib.evaluation.ranks import Ranks

_NUMBERS_AT_ONCE = 2**22  # 32 MiB of float64


def user_values(ranks: Ranks, metric: str) -> np.ndarray:
    """One metric for every user.

    With one relevant item, the target, at rank r:

        HR@k    1 if r <= k, else 0 (also called hit rate or recall@k)
        NDCG@k  1 / log2(r + 1) if r <= k, else 0 (the ideal DCG is 1)
        MRR@k   1 / r if r <= k, else 0; MRR alone counts every rank

    Args:
        ranks: from `ranking`.
        metric: "HR@10", "NDCG@5", "MRR", ...

    Returns:
        float64 (U,).

    Raises:
        ValueError: an unknown metric.
    """
    name, k = _parse(metric)
    last = int((ranks.better + ranks.tied).max(initial=0)) + 1
    counted = np.arange(1, min(k or last, last) + 1)  # the ranks that count
    if name == "HR":
        gain = np.ones(len(counted))
    elif name == "NDCG":
        gain = 1 / np.log2(counted + 1)
    else:
        gain = 1 / counted
    untied = ranks.tied == 0
    up_to = np.concatenate([[0.0], np.cumsum(gain)])  # up_to[r]: sum of the gains of ranks 1..r
    first, end = ranks.better, ranks.better + ranks.tied + 1
    summed = up_to[np.minimum(end, len(counted))] - up_to[np.minimum(first, len(counted))]
    exact = np.append(gain, 0.0)[np.minimum(first, len(counted))]  # free of the sums' rounding
    return np.where(untied, exact, summed / (ranks.tied + 1))


def summarise(
    ranks: Ranks,
    ks: Sequence[int] = (1, 5, 10, 20),
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """HR, NDCG and MRR at every k, and MRR, with bootstrap intervals over users.

    The interval is the percentile interval (Efron and Tibshirani 1993, chapter 13): evaluate as
    many users, drawn with replacement, again and again, and leave out the same share of results on
    either side. It tells how far the figure would move with other users of the same kind. It does
    not tell how far it would move with another training seed.

    Returns:
        A table indexed by metric with columns value, low, high.
    """
    metrics = [f"{name}@{k}" for k in ks for name in ("HR", "NDCG", "MRR")] + ["MRR"]
    values = np.stack([user_values(ranks, metric) for metric in metrics], axis=1)  # (U, M)
    _, one_each, counts = np.unique(
        ranks.better * (ranks.tied.max(initial=0) + 1) + ranks.tied,
        return_index=True,
        return_counts=True,
    )
    rng = np.random.default_rng(seed)
    low, high = _bootstrap_means(values[one_each], counts, confidence, resamples, rng)
    return pd.DataFrame(
        {"value": values.mean(axis=0), "low": low, "high": high},
        index=pd.Index(metrics, name="metric"),
    )


def compare(
    ranks_a: Ranks,
    ranks_b: Ranks,
    metric: str | Sequence[str] = "NDCG@10",
    confidence: float = 0.95,
    resamples: int = 1000,
    permutations: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Is a better than b, or was it the luck of these users?

    The test is the paired randomisation test: if the two models were equally good, each user's
    difference could as well have had the other sign. p is the share of random signs that give a
    mean difference at least as large as the observed one, in either direction, with the observed
    signs counted in. Smucker, Allan and Carterette (CIKM 2007) compare it with the alternatives:
    it agrees with the t-test and the bootstrap, and advise against Wilcoxon's and the sign test.

    Args:
        ranks_a, ranks_b: the same users and the same protocol.
        metric: one name or several. The p-values are not corrected for there being several.
        confidence, resamples, seed: of the interval of the difference, as in `summarise`.
        permutations: random signs tried; p is never below 1 / (permutations + 1).

    Returns:
        A table indexed by metric with columns a, b, difference (a - b), low, high, p_value.

    Raises:
        ValueError: users or settings differ, so that there are no pairs.
    """
    if not np.array_equal(ranks_a.users, ranks_b.users):
        raise ValueError(
            f"the two models were evaluated on different users ({len(ranks_a)} and "
            f"{len(ranks_b)}): a paired test needs the same ones"
        )
    differing = [
        f"{key}: {ranks_a.protocol.get(key)!r} and {ranks_b.protocol.get(key)!r}"
        for key in {**ranks_a.protocol, **ranks_b.protocol}
        if ranks_a.protocol.get(key) != ranks_b.protocol.get(key)
    ]
    if differing or not np.array_equal(ranks_a.candidates, ranks_b.candidates):
        raise ValueError(
            "the two models were ranked among different candidates: "
            + ("; ".join(differing) or "their numbers differ")
        )
    metrics = [metric] if isinstance(metric, str) else list(metric)
    rng = np.random.default_rng(seed)
    rows = []
    for name in metrics:
        a, b = user_values(ranks_a, name), user_values(ranks_b, name)
        sizes, counts = np.unique(a - b, return_counts=True)
        low, high = _bootstrap_means(sizes[:, None], counts, confidence, resamples, rng)
        p_value = _randomisation_test(a - b, permutations, rng)
        rows.append((a.mean(), b.mean(), (a - b).mean(), low[0], high[0], p_value))
    columns = ["a", "b", "difference", "low", "high", "p_value"]
    return pd.DataFrame(rows, index=pd.Index(metrics, name="metric"), columns=columns)


def _parse(metric: str) -> tuple[str, int | None]:
    name, at, k = metric.partition("@")
    if (
        name not in ("HR", "NDCG", "MRR")
        or (at and not k.isdecimal())
        or (not at and name != "MRR")
    ):
        raise ValueError(f"metric must be HR@k, NDCG@k, MRR@k or MRR, got {metric!r}")
    if at and int(k) < 1:
        raise ValueError(f"k must be at least 1, got {metric!r}")
    return name, int(k) if at else None


def _bootstrap_means(
    rows: np.ndarray,
    counts: np.ndarray,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile intervals of the means over users: (low, high), each (M,).

    rows (R, M) are the different values, counts (R,) how many users have them. To draw users with
    replacement is to draw how often each row comes: one multinomial draw, and most data sets have
    far fewer different ranks than users.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, such as 0.95, got {confidence}")
    users = int(counts.sum())
    if users == 0:
        raise ValueError("there are no users")
    means = np.empty((resamples, rows.shape[1]))
    step = max(1, _NUMBERS_AT_ONCE // len(rows))
    for start in range(0, resamples, step):
        part = means[start : start + step]
        part[:] = rng.multinomial(users, counts / users, size=len(part)) @ rows / users
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def _randomisation_test(
    differences: np.ndarray, permutations: int, rng: np.random.Generator
) -> float:
    """Two-sided p-value of the mean of differences (U,) under random signs."""
    sizes = np.abs(differences[differences != 0])  # the sign of no difference does not matter
    if len(sizes) == 0:
        return 1.0
    observed = abs(differences.sum())
    at_least = 0
    step = max(1, _NUMBERS_AT_ONCE // len(sizes))
    for start in range(0, permutations, step):
        rows = min(step, permutations - start)
        bits = np.frombuffer(rng.bytes(rows * ((len(sizes) + 7) // 8)), dtype=np.uint8)
        plus = np.unpackbits(bits.reshape(rows, -1), axis=1, count=len(sizes))  # (rows, sizes)
        totals = 2 * (plus @ sizes) - sizes.sum()
        # a total that misses the observed one by rounding alone is as large
        at_least += int((np.abs(totals) >= observed * (1 - 1e-9)).sum())
    return (at_least + 1) / (permutations + 1)
