"""Baselines against their definitions in loops, and against published figures on MovieLens 1M."""

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import ItemKNN, MarkovChain, Popularity
from seqrec_lib.evaluation.metrics import summarise
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks

BASELINES = [Popularity, MarkovChain, ItemKNN]


def random_lists(users=80, items=25, seed=0):
    rng = np.random.default_rng(seed)  # of which `random` draws alike in every version of NumPy
    return {
        u: (items * rng.random(1 + int(24 * rng.random())) ** 2 + 1).astype(int).tolist()
        for u in range(1, users + 1)
    }


def dataset(lists=None, itemnum=26):  # item 26 never occurs
    return SASRecDataSet.from_sequences(random_lists() if lists is None else lists, itemnum=itemnum)


def train_lists(data):
    return [data.train[user].tolist() for user in data.sequences]


HISTORIES = torch.tensor([[0, 0, 3], [1, 2, 2], [5, 4, 26], [0, 0, 0]])


@pytest.mark.parametrize("baseline", BASELINES)
def test_candidates_are_columns_of_all_scores(baseline):
    model = baseline(dataset())
    assert model.item_num == 26
    everything = model.score(None, HISTORIES)
    assert everything.shape == (4, 27)
    assert (everything[:, 0] == -torch.inf).all()
    assert everything[:, 1:].isfinite().all()
    candidates = torch.randint(1, 27, (4, 40), generator=torch.Generator().manual_seed(0))
    picked = model.score(torch.arange(4), HISTORIES, candidates)
    assert torch.equal(picked, everything.gather(1, candidates))


@pytest.mark.parametrize("baseline", BASELINES)
def test_only_training_items_are_looked_at(baseline):
    lists = random_lists()
    other = {u: [*items[:-2], 7, 9] if len(items) >= 3 else items for u, items in lists.items()}
    scores = [baseline(dataset(x)).score(None, HISTORIES) for x in (lists, other)]
    assert torch.equal(*scores)


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_data_set_is_left_as_it_was(baseline):
    data, untouched = dataset(), dataset()
    baseline(data).score(None, HISTORIES)
    assert data.train == untouched.train
    assert data.sequences == untouched.sequences


def test_popularity_is_the_count():
    data = dataset()
    counts = Counter(item for items in train_lists(data) for item in items)
    scores = Popularity(data).score(None, HISTORIES)
    assert scores[2, 1:].tolist() == [counts[item] for item in range(1, 27)]


def test_the_chain_counts_what_came_next():
    data = dataset()
    pairs, counts = Counter(), Counter()
    for items in train_lists(data):
        counts.update(items)
        pairs.update(pairwise(items))
    total = sum(counts.values())
    scores = MarkovChain(data, smoothing=3.0).score(None, HISTORIES)
    for row, last in enumerate([3, 2, 26, 0]):
        followed = sum(n for (before, _), n in pairs.items() if before == last)
        expected = [
            (pairs[last, item] + 3 * counts[item] / total) / (followed + 3) for item in range(1, 27)
        ]
        assert scores[row, 1:].tolist() == pytest.approx(expected, rel=1e-12)
        assert sum(expected) == pytest.approx(1)
    assert pairs[26, 1] == 0  # nothing is known to follow item 26, nor an empty history
    assert torch.equal(scores[2], scores[3])
    with pytest.raises(ValueError, match="smoothing"):
        MarkovChain(data, smoothing=0)


@pytest.mark.parametrize(("neighbours", "last"), [(100, 20), (3, 20), (100, 2)])
def test_item_knn_adds_up_cosines_of_near_neighbours(neighbours, last, monkeypatch):
    monkeypatch.setattr(
        "seqrec_lib.evaluation.baselines._SIMILARITIES_AT_ONCE", 100
    )  # several blocks
    data = dataset()
    people = {i: {u for u in data.sequences if i in data.train[u]} for i in range(1, 27)}

    def cosine(i, j):
        both = len(people[i] & people[j])
        return both / (len(people[i]) * len(people[j])) ** 0.5 if both else 0.0

    model = ItemKNN(data, neighbours, last)
    histories = torch.tensor([[1, 2, 3, 4, 5], [0, 0, 6, 6, 26]])
    scores = model.score(None, histories)
    for row, history in enumerate(histories.tolist()):
        kept = {item for item in history[-last:] if item}
        expected = np.zeros(27)
        for i in kept:
            near = sorted((cosine(i, j) for j in range(1, 27) if j != i), reverse=True)
            floor = near[min(neighbours, 25) - 1]
            above = [j for j in range(1, 27) if j != i and cosine(i, j) > floor + 1e-6]
            level = [j for j in range(1, 27) if j != i and abs(cosine(i, j) - floor) <= 1e-6]
            if len(above) + len(level) > neighbours > 0 and floor > 0:
                pytest.fail("the made data has a tie at the last neighbour: nothing to compare")
            for j in above + level:
                expected[j] += cosine(i, j)
        assert scores[row, 1:].tolist() == pytest.approx(expected[1:].tolist(), abs=1e-6)


def test_item_knn_checks_its_arguments():
    for name in ("neighbours", "last"):
        with pytest.raises(ValueError, match=name):
            ItemKNN(dataset(), **{name: 0})


# MovieLens 1M as the papers have it. SASRec's table III prints 0.4329 and 0.2377 for popularity,
# 0.6986 and 0.4676 for a factorised Markov chain. Negatives drawn anew move the first two by 0.002.


@pytest.fixture(scope="module")
def movielens_1m():
    file = Path(os.environ.get("SEQREC_DATA", "")) / "ml-1m" / "ml-1m.txt"
    if not file.is_file():
        pytest.skip("needs SEQREC_DATA/ml-1m/ml-1m.txt, the papers' own file")
    return SASRecDataSet(filename=file)


def at_10(ranks):
    table = summarise(ranks, ks=(10,), resamples=2)
    return table.loc["HR@10", "value"], table.loc["NDCG@10", "value"]


def test_popularity_on_movielens_1m(movielens_1m):
    model = Popularity(movielens_1m)
    drawn = [at_10(sampled_ranks(model, movielens_1m, seed=seed)) for seed in range(4)]
    assert np.mean(drawn, axis=0) == pytest.approx([0.437, 0.241], abs=0.003)
    # counted independently; no chance is involved
    assert at_10(full_ranks(model, movielens_1m)) == pytest.approx((0.0369, 0.0180), abs=0.00005)


def test_chain_and_neighbours_on_movielens_1m(movielens_1m):
    chain, knn = MarkovChain(movielens_1m), ItemKNN(movielens_1m)
    hit_chain, ndcg_chain = at_10(sampled_ranks(chain, movielens_1m))
    hit_knn, _ = at_10(sampled_ranks(knn, movielens_1m))
    assert ndcg_chain == pytest.approx(0.4676, abs=0.02)  # counted here, factorised there
    assert 0.60 < hit_chain < 0.70
    full_chain, full_knn = (at_10(full_ranks(model, movielens_1m)) for model in (chain, knn))
    # sampled candidates hide how much better the chain is at the top
    assert abs(hit_chain - hit_knn) < 0.03
    assert full_chain[0] > 1.3 * full_knn[0]
    assert full_chain[1] > 1.3 * full_knn[1]
