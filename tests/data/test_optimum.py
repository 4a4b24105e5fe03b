"""The best attainable score of the sample, and how far from it popularity and a chain stay."""

from math import comb

import numpy as np
import pytest

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sample.world import SampleWorld, make_sample
from seqrec_lib.evaluation.metrics import summarise
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks


def _counts(dataset: SASRecDataSet) -> tuple[np.ndarray, np.ndarray]:
    """(I + 1,) how often each item is in training, (I + 1, I + 1) how often one follows another."""
    size = dataset.itemnum + 1
    popular = np.bincount(dataset.train.items, minlength=size).astype(float)
    follows = np.zeros((size, size))
    for user in dataset.train:
        items = dataset.train[user]
        np.add.at(follows, (items[:-1], items[1:]), 1)
    return popular, follows


def _sampled_ndcg(dataset: SASRecDataSet, scores: np.ndarray, rng: np.random.Generator) -> float:
    """NDCG@10 of the test items among 100 unseen films; ties count half."""
    gains = []
    for user, row in enumerate(scores, start=1):
        target = dataset.test_item[user]
        others = np.setdiff1d(np.arange(1, dataset.itemnum + 1), dataset.sequences[user])
        drawn = row[rng.choice(others, 100, replace=False)]
        rank = (drawn > row[target]).sum() + (drawn == row[target]).sum() / 2
        gains.append(1 / np.log2(rank + 2) if rank < 10 else 0.0)
    return float(np.mean(gains))


def test_what_popularity_a_markov_chain_and_the_truth_reach(
    sample_world: SampleWorld, sample_dataset: SASRecDataSet
) -> None:
    """The planted structure is worth learning: popularity < one step back < the whole history."""
    rng = np.random.default_rng(0)
    popular, follows = _counts(sample_dataset)
    users = np.arange(1, 1001)
    histories = sample_dataset.sequences.padded(users, drop_last=1)
    by_popularity = _sampled_ndcg(sample_dataset, np.repeat(popular[None], 1000, axis=0), rng)
    chain = follows[histories[:, -1]] + popular / popular.sum()
    by_chain = _sampled_ndcg(sample_dataset, chain, rng)
    truth = sample_world.scorer(sample_dataset)
    by_truth = _sampled_ndcg(sample_dataset, truth.probabilities(histories), rng)
    best = sample_world.best_attainable(sample_dataset, negatives=100, replace=False)["ndcg"]
    assert by_popularity < 0.3
    assert by_popularity + 0.1 < by_chain < by_truth - 0.1
    assert best > 0.6
    assert by_truth == pytest.approx(best, abs=4 * 0.4 / np.sqrt(1000))  # 4 standard errors


def test_a_chain_of_the_true_model_is_not_the_best_either(sample_world: SampleWorld) -> None:
    """With endless data a first-order chain still falls short: the last film is not enough."""
    many = make_sample(seed=0, num_users=3000)
    assert np.array_equal(many._films.raw_ids, sample_world._films.raw_ids)  # the same films
    dataset = prepare(many.movielens)
    popular, follows = _counts(dataset)
    users = np.arange(1, 1001)
    histories = dataset.sequences.padded(users, drop_last=1)
    chain = follows[histories[:, -1]] + popular / popular.sum()
    part = SASRecDataSet.from_sequences({u: dataset.sequences[u] for u in range(1, 1001)})
    by_chain = _sampled_ndcg(part, chain, np.random.default_rng(0))
    assert by_chain < many.best_attainable(dataset, 100, replace=False)["ndcg"] - 0.1


PROTOCOLS = pytest.mark.parametrize(
    ("negatives", "replace"), [(None, True), (100, True), (100, False), (20, True), (20, False)]
)


@PROTOCOLS
@pytest.mark.parametrize("split", ["test", "valid"])
def test_best_attainable_by_drawing(
    sample_world: SampleWorld,
    sample_dataset: SASRecDataSet,
    negatives: int | None,
    replace: bool,
    split: str,
) -> None:
    """Draw what comes next from the true probabilities, rank it, average: the same to 4 errors."""
    rng = np.random.default_rng(5)
    drop = 1 if split == "test" else 2
    histories = sample_dataset.sequences.padded(np.arange(1, 1001), drop_last=drop)
    chance = sample_world.scorer(sample_dataset).probabilities(histories)
    hits, gains = [], []
    for user, (history, row) in enumerate(zip(histories, chance, strict=True), start=1):
        seen = history if negatives is None else sample_dataset.train[user]
        others = np.setdiff1d(np.arange(1, 301), seen)
        for target in rng.choice(301, size=2, p=row / row.sum()):
            rest = others[others != target]
            if negatives is not None:
                rest = rng.choice(rest, negatives, replace=replace)
            rank = (row[rest] > row[target]).sum()
            rank += rng.integers(0, (row[rest] == row[target]).sum() + 1)
            hits.append(rank < 10)
            gains.append(1 / np.log2(rank + 2) if rank < 10 else 0.0)
    best = sample_world.best_attainable(sample_dataset, negatives, split=split, replace=replace)
    for values, name in ((hits, "hr"), (gains, "ndcg")):
        error = np.std(values) / np.sqrt(len(values))
        assert best[name] == pytest.approx(np.mean(values), abs=4 * error)


@PROTOCOLS
@pytest.mark.parametrize("split", ["test", "valid"])
def test_best_attainable_for_a_few_users(
    sample_world: SampleWorld,
    sample_dataset: SASRecDataSet,
    negatives: int | None,
    replace: bool,
    split: str,
) -> None:
    """Every film in turn as the target, and every number of better ones that may be drawn."""
    some = {u: sample_dataset.sequences[user] for u, user in enumerate((1, 2, 700), start=1)}
    dataset = SASRecDataSet.from_sequences(some, itemnum=300, items=sample_dataset.items)
    model = sample_world.scorer(dataset)
    hr, ndcg = [], []
    for items in some.values():
        history = items[: -1 if split == "test" else -2]
        chance = model.probabilities(history[None])[0]
        unseen = np.setdiff1d(np.arange(1, 301), history)
        pool = 300 - (len(items) - 2) - 1  # what negatives are drawn from

        def share(better: int, drawn: int, pool: int = pool) -> float:
            """Of the ways to draw, those that bring so many of the better ones."""
            if negatives is None:
                return float(better == drawn)
            worse, rest = pool - better, negatives - drawn
            if replace:
                return comb(negatives, drawn) * better**drawn * worse**rest / pool**negatives
            return comb(better, drawn) * comb(worse, rest) / comb(pool, negatives)

        hit = [sum(share(place, rank) for rank in range(10)) for place in range(len(unseen))]
        gain = [
            sum(share(place, rank) / np.log2(rank + 2) for rank in range(10))
            for place in range(len(unseen))
        ]
        order = np.sort(chance[unseen])[::-1]  # equal ones have equal weight: any order will do
        hr.append(order @ hit)
        ndcg.append(order @ gain)
    best = sample_world.best_attainable(dataset, negatives, split=split, replace=replace)
    assert best["hr"] == pytest.approx(np.mean(hr), rel=1e-9)
    assert best["ndcg"] == pytest.approx(np.mean(ndcg), rel=1e-9)


def test_the_true_model_reaches_it_by_both_protocols(
    sample_world: SampleWorld, sample_dataset: SASRecDataSet
) -> None:
    """The library's own ranking of the true model lies within 4 errors of what is promised."""
    model = sample_world.scorer(sample_dataset)
    for ranks, negatives in (
        (full_ranks(model, sample_dataset), None),
        (sampled_ranks(model, sample_dataset), 100),
    ):
        row = summarise(ranks, ks=(10,)).loc["NDCG@10"]
        error = (row["high"] - row["low"]) / (2 * 1.96)
        best = sample_world.best_attainable(sample_dataset, negatives)["ndcg"]
        assert row["value"] == pytest.approx(best, abs=4 * error)
