"""Metrics from ranks: by hand, against torchmetrics, and against the laws of chance."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torchmetrics.functional import retrieval

from seqrec_lib.evaluation.metrics import compare, summarise, user_values
from seqrec_lib.evaluation.ranks import Ranks, rank_of_target

METRICS = ["HR@1", "HR@5", "HR@10", "NDCG@1", "NDCG@5", "NDCG@10", "MRR@5", "MRR"]


def ranks_of(better, tied=None, candidates=101, **protocol):
    better = np.asarray(better, dtype=np.int64)
    tied = np.zeros_like(better) if tied is None else np.asarray(tied)
    users = np.arange(1, len(better) + 1)
    return Ranks(users, better, tied, np.full(len(better), candidates), protocol)


def random_ranks(users=2000, seed=0, highest=100):
    return ranks_of(np.random.default_rng(seed).integers(0, highest + 1, size=users))


# values


def test_by_hand():
    ranks = ranks_of([0, 1, 2, 9, 10])  # places 1, 2, 3, 10, 11
    by_hand = {
        "HR@1": [1, 0, 0, 0, 0],
        "HR@10": [1, 1, 1, 1, 0],
        "NDCG@10": [1, 0.6309297535714575, 0.5, 0.28906482631788782, 0],  # 1/log2(2, 3, 4, 11)
        "NDCG@2": [1, 0.6309297535714575, 0, 0, 0],
        "MRR@3": [1, 1 / 2, 1 / 3, 0, 0],
        "MRR": [1, 1 / 2, 1 / 3, 1 / 10, 1 / 11],
    }
    for metric, values in by_hand.items():
        assert user_values(ranks, metric).tolist() == pytest.approx(values, abs=1e-15)


def test_ties_by_hand():
    # places 1 and 2; 1, 2 and 3; 9, 10 and 11; 11 and 12, each equally likely
    ranks = ranks_of([0, 0, 8, 10], [1, 2, 2, 1])
    log3, log10, log11 = np.log2([3, 10, 11])
    by_hand = {
        "HR@1": [1 / 2, 1 / 3, 0, 0],
        "HR@10": [1, 1, 2 / 3, 0],
        "NDCG@10": [
            (1 + 1 / log3) / 2,
            (1 + 1 / log3 + 1 / 2) / 3,
            (1 / log10 + 1 / log11) / 3,
            0,
        ],
        "MRR@2": [3 / 4, 1 / 2, 0, 0],
        "MRR": [3 / 4, 11 / 18, (1 / 9 + 1 / 10 + 1 / 11) / 3, (1 / 11 + 1 / 12) / 2],
    }
    for metric, values in by_hand.items():
        assert user_values(ranks, metric).tolist() == pytest.approx(values, abs=1e-15)


@pytest.mark.parametrize("k", [1, 5, 10, None])
def test_equal_to_torchmetrics_on_random_scores(k):
    # positive: its reciprocal rank takes a score of 0 or less for not retrieved
    scores = torch.randn(300, 60, generator=torch.Generator().manual_seed(0)).exp()
    better, tied = rank_of_target(scores)
    ranks = ranks_of(better.numpy(), tied.numpy(), candidates=60)
    wanted = torch.zeros(60, dtype=torch.bool)
    wanted[0] = True
    theirs = {
        "HR": retrieval.retrieval_hit_rate,
        "NDCG": retrieval.retrieval_normalized_dcg,
        "MRR": retrieval.retrieval_reciprocal_rank,
    }
    for name, function in theirs.items():
        if k is None and name != "MRR":
            continue
        metric = f"{name}@{k}" if k else name
        expected = [float(function(row, wanted, top_k=k)) for row in scores]
        assert user_values(ranks, metric) == pytest.approx(expected, abs=1e-6)  # float32 there


def test_ties_equal_to_torchmetrics():
    """Its NDCG averages over tied documents as well (McSherry and Najork 2008)."""
    scores = torch.randint(6, (300, 30), generator=torch.Generator().manual_seed(0)).float()
    better, tied = rank_of_target(scores)
    ranks = ranks_of(better.numpy(), tied.numpy(), candidates=30)
    wanted = torch.zeros(30, dtype=torch.bool)
    wanted[0] = True
    for k in (1, 5, 30):
        expected = [
            float(retrieval.retrieval_normalized_dcg(row, wanted, top_k=k)) for row in scores
        ]
        assert user_values(ranks, f"NDCG@{k}") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_ties_are_the_expectation_over_random_orders(metric):
    rng = np.random.default_rng(0)
    better, tied = rng.integers(0, 8, 40), rng.integers(0, 9, 40)
    ranks = ranks_of(better, tied)
    drawn = np.mean([user_values(ranks.break_ties(seed), metric) for seed in range(1000)], axis=0)
    assert drawn == pytest.approx(user_values(ranks, metric), abs=4 * 0.5 / 1000**0.5)


def test_a_constant_model_scores_what_chance_does():
    ranks = ranks_of([0] * 5, [100] * 5)
    assert user_values(ranks, "HR@10").tolist() == pytest.approx([10 / 101] * 5)
    chance = sum(1 / np.log2(place + 1) for place in range(1, 11)) / 101
    assert user_values(ranks, "NDCG@10").tolist() == pytest.approx([chance] * 5)


def test_summary_is_a_table():
    table = summarise(random_ranks(), ks=(1, 10))
    assert list(table.index) == ["HR@1", "NDCG@1", "MRR@1", "HR@10", "NDCG@10", "MRR@10", "MRR"]
    assert list(table.columns) == ["value", "low", "high"]
    assert table.index.name == "metric"
    for metric, row in table.iterrows():
        assert row["value"] == pytest.approx(user_values(random_ranks(), metric).mean())
        assert row["low"] < row["value"] < row["high"]


@pytest.mark.parametrize("metric", ["HR10", "HR@", "HR@0", "HR", "hr@10", "MAP@5", "NDCG@-1"])
def test_unknown_metrics_are_named(metric):
    with pytest.raises(ValueError, match=metric):
        user_values(random_ranks(), metric)


# intervals


# as it is called from SciPy 1.15 on, and before
SEEDED = {"rng" if "rng" in signature(stats.bootstrap).parameters else "random_state": 1}
RESAMPLES = 20_000


def assert_like_scipys_bootstrap(values, low, high):
    """Against scipy's percentile interval of the mean, 20,000 resamples each.

    A 2.5% quantile of n draws from a normal distribution has the standard error
    sqrt(0.025 * 0.975 / n) / density(1.96), in standard deviations. The difference of two such
    estimates has sqrt(2) times that; four of these are allowed.
    """
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=RESAMPLES,
        batch=1000,
        **SEEDED,
    ).confidence_interval
    one = (0.025 * 0.975 / RESAMPLES) ** 0.5 / stats.norm.pdf(stats.norm.ppf(0.975))
    deviation = (theirs.high - theirs.low) / (2 * stats.norm.ppf(0.975))
    assert low == pytest.approx(theirs.low, abs=4 * 2**0.5 * one * deviation)
    assert high == pytest.approx(theirs.high, abs=4 * 2**0.5 * one * deviation)


def test_the_interval_is_scipys_percentile_bootstrap():
    ranks = random_ranks(users=300)
    table = summarise(ranks, ks=(10,), resamples=RESAMPLES)
    for metric in ("NDCG@10", "MRR"):
        row = table.loc[metric]
        assert_like_scipys_bootstrap(user_values(ranks, metric), row["low"], row["high"])
    # hits of resampled users are binomial, in steps of one user
    hits = stats.binom(300, table.loc["HR@10", "value"])
    assert table.loc["HR@10", "low"] == pytest.approx(hits.ppf(0.025) / 300, abs=1.01 / 300)
    assert table.loc["HR@10", "high"] == pytest.approx(hits.ppf(0.975) / 300, abs=1.01 / 300)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    truth = 10 / 101
    inside = 0
    for seed in range(200):
        row = summarise(random_ranks(400, seed), ks=(10,), confidence=0.9, resamples=200, seed=seed)
        inside += row.loc["HR@10", "low"] <= truth <= row.loc["HR@10", "high"]
    assert stats.binomtest(inside, 200, 0.9).pvalue > 0.001


def test_intervals_are_seeded_and_checked():
    ranks = random_ranks()
    pd.testing.assert_frame_equal(summarise(ranks, seed=1), summarise(ranks, seed=1))
    assert not summarise(ranks, seed=1).equals(summarise(ranks, seed=2))
    with pytest.raises(ValueError, match="confidence"):
        summarise(ranks, confidence=95)
    with pytest.raises(ValueError, match="no users"):
        summarise(ranks_of([]))


def test_memory_bounds_change_nothing(monkeypatch):
    a, b = random_ranks(seed=1), random_ranks(seed=2)
    whole, compared = summarise(a), compare(a, b, ["MRR"], seed=3)
    monkeypatch.setattr("seqrec_lib.evaluation.metrics._NUMBERS_AT_ONCE", 5000)
    pd.testing.assert_frame_equal(summarise(a), whole)
    pd.testing.assert_frame_equal(
        compare(a, b, ["MRR"], seed=3).iloc[:, :-1], compared.iloc[:, :-1]
    )


# two models


def test_the_paired_test_is_scipys_permutation_test():
    rng = np.random.default_rng(0)
    better = rng.integers(0, 30, 60)
    a, b = ranks_of(better), ranks_of(np.maximum(0, better + rng.integers(-3, 6, 60)))
    table = compare(a, b, ["NDCG@10", "MRR", "HR@10"], resamples=RESAMPLES, permutations=20_000)
    assert list(table.columns) == ["a", "b", "difference", "low", "high", "p_value"]
    for metric, row in table.iterrows():
        x, y = user_values(a, metric), user_values(b, metric)
        theirs = stats.permutation_test(
            (x, y),
            lambda x, y, axis: (x - y).mean(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=20_000,
            **SEEDED,
        )
        assert row["difference"] == pytest.approx(x.mean() - y.mean())
        # two independent estimates of one share, 20,000 draws each
        spread = (theirs.pvalue * (1 - theirs.pvalue) * 2 / 20_000) ** 0.5
        assert row["p_value"] == pytest.approx(theirs.pvalue, abs=4 * spread + 1e-4)
        if metric == "HR@10":  # where it is McNemar's exact test of the users that differ
            exact = stats.binomtest(int((x > y).sum()), int((x != y).sum())).pvalue
            assert row["p_value"] == pytest.approx(exact, abs=4 * spread + 1e-4)
        else:
            assert row["p_value"] == pytest.approx(stats.ttest_rel(x, y).pvalue, abs=0.02)
            assert_like_scipys_bootstrap(x - y, row["low"], row["high"])
        assert row["low"] < row["difference"] < row["high"]


def test_p_values_are_uniform_when_the_models_are_equally_good():
    values = [
        compare(random_ranks(300, 2 * i), random_ranks(300, 2 * i + 1), permutations=400, seed=i)
        for i in range(150)
    ]
    assert stats.kstest([table["p_value"].iloc[0] for table in values], "uniform").pvalue > 0.001


def test_a_model_is_no_better_than_itself():
    row = compare(random_ranks(), random_ranks()).loc["NDCG@10"]
    assert (row["difference"], row["low"], row["high"], row["p_value"]) == (0, 0, 0, 1)


def test_p_is_never_zero():
    much_better = compare(ranks_of([0] * 50), ranks_of([90] * 50), permutations=999)
    assert much_better.loc["NDCG@10", "p_value"] == 1 / 1000


def test_models_are_compared_on_the_same_users_and_candidates():
    with pytest.raises(ValueError, match="different users"):
        compare(random_ranks(users=10), random_ranks(users=11))
    with pytest.raises(ValueError, match="seed: 1 and 2"):
        compare(ranks_of([1, 2], seed=1), ranks_of([1, 2], seed=2))
    with pytest.raises(ValueError, match="different candidates"):
        compare(ranks_of([1, 2], candidates=50), ranks_of([1, 2], candidates=60))
