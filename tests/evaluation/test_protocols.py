"""The table of models by both protocols agrees with the calls that it is made of."""

from itertools import combinations, product

import numpy as np
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import ItemKNN, MarkovChain, Popularity
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.metrics import compare, summarise, user_values
from seqrec_lib.evaluation.protocols import (
    both_protocols,
    expected_sampled_hit_rate,
    expected_sampled_values,
    pairs_table,
    protocol_table,
)
from seqrec_lib.evaluation.ranking import candidate_ranks, full_ranks, sampled_ranks
from seqrec_lib.evaluation.ranks import Ranks
from seqrec_lib.evaluation.recommendation import recommend


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    lists = {
        u: np.cumsum(rng.integers(0, 4, size=rng.integers(3, 30))) % 40 + 1 for u in range(1, 121)
    }
    return SASRecDataSet.from_sequences(lists, itemnum=40)


@pytest.fixture(scope="module")
def models(dataset):
    return {
        "neighbours": ItemKNN(dataset),
        "chain": MarkovChain(dataset),
        "popularity": Popularity(dataset),
    }


@pytest.mark.parametrize("split", ["test", "valid"])
def test_every_row_is_what_the_single_call_gives(dataset, models, split):
    table = protocol_table(models, dataset, split, num_negatives=9, seed=5, ks=(1, 5))
    assert list(table.columns) == ["protocol", "metric", "model", "place", "value", "low", "high"]
    assert table["model"].tolist()[:3] == ["neighbours", "chain", "popularity"]
    assert table["metric"].unique().tolist()[:3] == ["HR@1", "NDCG@1", "MRR@1"]
    assert table["protocol"].unique().tolist() == ["sampled", "full", "lists"]
    for name, model in models.items():
        alone = {
            "sampled": sampled_ranks(model, dataset, split, num_negatives=9, seed=5),
            "full": full_ranks(model, dataset, split),
        }
        for protocol, ranks in alone.items():
            rows = table[(table["protocol"] == protocol) & (table["model"] == name)]
            expected = summarise(ranks, ks=(1, 5), seed=5)
            values = rows.set_index("metric")[["value", "low", "high"]]
            assert values.to_numpy() == pytest.approx(expected.loc[values.index].to_numpy())


def test_places_are_the_order_of_values(dataset, models):
    table = protocol_table(models, dataset)
    for (protocol, _), rows in table.groupby(["protocol", "metric"]):
        if protocol == "lists":
            assert rows["place"].isna().all()
        else:
            best_first = rows.sort_values("value", ascending=False)
            assert best_first["place"].tolist() == [1, 2, 3]


def test_lists_are_those_before_the_target(dataset, models):
    table = protocol_table(models, dataset, ks=(5,)).set_index(["protocol", "metric", "model"])
    shorter = {u: dataset.sequences[u][:-1] for u in dataset.sequences}
    lists = recommend(
        models["chain"],
        SASRecDataSet.from_sequences(shorter, itemnum=40),
        users=list(shorter),
        k=5,
    )
    items = lists["item"].to_numpy().reshape(-1, 5)
    assert table.loc[("lists", "coverage@5", "chain"), "value"] == (len(np.unique(items)) / 40)


def test_ranks_that_are_there_are_not_made_again(dataset, models):
    ranks = both_protocols(models, dataset)
    expected = protocol_table(models, dataset)
    assert protocol_table(models, dataset, ranks=ranks).equals(expected)


def test_pairs_show_where_the_order_turns(dataset, models):
    ranks = both_protocols(models, dataset)
    assert not pairs_table(ranks, permutations=500).loc[2, "turned"]
    # made to disagree: each gets the other's sampled ranks
    ranks["sampled"]["chain"], ranks["sampled"]["popularity"] = (
        ranks["sampled"]["popularity"],
        ranks["sampled"]["chain"],
    )
    table = pairs_table(ranks, permutations=500)
    assert list(zip(table["a"], table["b"], strict=True)) == [
        ("neighbours", "chain"),
        ("neighbours", "popularity"),
        ("chain", "popularity"),
    ]
    row = table.iloc[2]
    assert row["turned"]
    for protocol in ("sampled", "full"):
        test = compare(
            ranks[protocol]["chain"], ranks[protocol]["popularity"], permutations=500
        ).loc["NDCG@10"]
        assert row[protocol] == test["difference"]
        assert row[f"{protocol} p"] == test["p_value"]


def test_no_models_is_an_error(dataset):
    with pytest.raises(ValueError, match="models is empty"):
        both_protocols({}, dataset)


# Sampled ranks from full ones


@pytest.mark.parametrize("replace", [True, False])
def test_the_sampled_hit_rate_follows_from_the_full_rank(replace):
    """Two random models: ranks by both protocols, 400 negatives so that a formula error shows."""
    rng = np.random.default_rng(0)
    items, users = 150, 1500
    data = SASRecDataSet.from_sequences(
        {u: rng.integers(1, items + 1, size=rng.integers(3, 40)) for u in range(1, users + 1)},
        itemnum=items,
    )

    class Fixed:
        item_num = items
        table = torch.from_numpy(rng.random((users + 1, items + 1)))

        def score(self, who, histories, candidates=None):
            scores = self.table[who].clone()
            scores[:, 0] = -torch.inf
            return scores if candidates is None else scores.gather(1, candidates)

    full = full_ranks(Fixed(), data)
    for negatives in (20, 60):
        expected = expected_sampled_hit_rate(
            full.better, full.candidates - 1, negatives, 10, replace
        )
        runs = []
        for seed in range(10):
            drawn = sampled_candidates(
                data, "test", negatives, seed, exclude_valid=True, replace=replace
            )
            runs.append(user_values(candidate_ranks(Fixed(), data, drawn), "HR@10").mean())
        spread = (expected * (1 - expected)).sum() ** 0.5 / users / 10**0.5
        assert np.mean(runs) == pytest.approx(expected.mean(), abs=3.5 * spread)


def test_the_formula_by_hand():
    # of 4 items 2 are better; 2 are drawn; a miss at 1 unless both drawn are the worse ones
    assert expected_sampled_hit_rate([2], 4, 2, 1).tolist() == pytest.approx([1 / 4])
    assert expected_sampled_hit_rate([2], 4, 2, 1, replace=False).tolist() == pytest.approx([1 / 6])
    with pytest.raises(ValueError, match="between 0 and outside"):
        expected_sampled_hit_rate([5], 4, 2, 1)
    with pytest.raises(ValueError, match="num_negatives=5"):
        expected_sampled_hit_rate([2], 4, 5, 1, replace=False)


@pytest.mark.parametrize("metric", ["NDCG@2", "HR@2", "MRR@3"])
def test_the_mean_over_draws_is_that_of_all_draws_by_hand(metric):
    """Every one of the 5 ** 3 equally likely draws, and every order of those that tie."""
    better, tied, outside = 1, 2, 5  # of the items 0 to 4, 0 is ahead, 1 and 2 are level
    values = []
    for drawn in product(range(outside), repeat=3):
        ahead, level = drawn.count(0), drawn.count(1) + drawn.count(2)
        ranks = Ranks(*(np.array([x]) for x in (1, ahead, level, 4)))
        values.append(user_values(ranks, metric)[0])
    found = expected_sampled_values(np.array([better]), outside, 3, metric, tied=np.array([tied]))
    assert found == pytest.approx([np.mean(values)])


def test_the_mean_over_draws_without_repeats_by_hand():
    values = []
    for drawn in combinations(range(5), 3):  # 0 and 1 are ahead
        ahead = sum(item < 2 for item in drawn)
        values.append(1 / np.log2(ahead + 2) if ahead < 2 else 0)
    found = expected_sampled_values(np.array([2]), 5, 3, "NDCG@2", replace=False)
    assert found == pytest.approx([np.mean(values)])
    with pytest.raises(ValueError, match="break_ties"):
        expected_sampled_values(np.array([2]), 5, 3, "NDCG@2", replace=False, tied=np.array([1]))
