"""Data where users come back to the same items, and users who have every item."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import PersonalPopularity, Popularity
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.protocols import both_protocols, protocol_table
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks

# users 1 and 2 end with an item that they had before; 3 and 4 do not
LISTS = {
    1: [1, 2, 1, 3, 9, 1],
    2: [4, 4, 5, 6, 4],
    3: [1, 2, 3, 8, 7],
    4: [2, 3, 1, 4, 5],
}
ITEMS = 10


def dataset() -> SASRecDataSet:
    return SASRecDataSet.from_sequences(LISTS, itemnum=ITEMS)


class OldFromNew:
    """A scorer that only knows whether an item is in the history."""

    item_num = ITEMS

    def score(self, users: Any, histories: Any, candidates: Any = None) -> Any:
        scores = torch.zeros(len(histories), ITEMS + 1).scatter_(1, histories, 1.0)
        if candidates is not None:
            return scores.gather(1, candidates)
        scores[:, 0] = -torch.inf
        return scores


def test_many_repeats_are_said_with_the_fair_setting() -> None:
    said = r"50% of the targets are in the user's own history.*exclude_seen=False.*PersonalPop"
    for rank in (sampled_ranks, full_ranks):
        with pytest.warns(UserWarning, match=said):
            ranks = rank(OldFromNew(), dataset())
        assert ranks.protocol["had before"] == "50.0% of the targets"
        repeated = np.isin(ranks.users, [1, 2])
        assert ranks.better[repeated].max() == 0  # it beats everything there
        fair = rank(OldFromNew(), dataset(), exclude_seen=False)  # and says nothing
        assert "had before" not in fair.protocol
    assert (fair.better + fair.tied)[repeated].min() > 0


def test_few_repeats_are_no_word_worth() -> None:
    lists = {u: [1 + (u + k) % 30 for k in range(5)] for u in range(1, 31)}
    lists[1][-1] = lists[1][0]  # 1 of 30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ranks = full_ranks(OldFromNew30(), SASRecDataSet.from_sequences(lists, itemnum=30))
    assert "had before" not in ranks.protocol


class OldFromNew30(OldFromNew):
    item_num = 30

    def score(self, users: Any, histories: Any, candidates: Any = None) -> Any:
        return torch.zeros(len(histories), 31)


def test_seen_items_are_drawn_where_they_compete() -> None:
    data = dataset()
    drawn = sampled_candidates(data, num_negatives=500, exclude_seen=False)
    for user, row in zip(drawn.users.tolist(), drawn.items.tolist(), strict=True):
        assert row[0] == LISTS[user][-1]
        assert set(row[1:]) == set(range(1, ITEMS + 1)) - {row[0]}
    assert drawn.protocol["history"] == "may be drawn"
    for options in ({"exclude_valid": True}, {"as_released": True}):
        with pytest.raises(ValueError, match="exclude_seen=False"):
            sampled_candidates(data, exclude_seen=False, **options)  # type: ignore[arg-type]


def test_both_protocols_have_the_setting() -> None:
    models = {"mine": PersonalPopularity(dataset()), "all": Popularity(dataset())}
    ranks = both_protocols(models, dataset(), exclude_seen=False)
    assert ranks["sampled"]["mine"].protocol["history"] == "may be drawn"
    assert ranks["full"]["mine"].protocol["history"] == "competes"
    table = protocol_table(models, dataset(), exclude_seen=False, ks=(3,))
    best = table[(table["metric"] == "NDCG@3") & (table["protocol"] == "full")]
    assert best.set_index("model")["place"].to_dict() == {"mine": 1, "all": 2}
    lists = table[table["protocol"] == "lists"]
    assert lists["value"].notna().all()


def test_personal_popularity_by_hand() -> None:
    data = dataset()
    history = torch.tensor([[0, 0, 7, 2, 7], [0, 0, 0, 0, 0]])
    scores = PersonalPopularity(data).score(None, history)
    counts = {i: sum(x[:-2].count(i) for x in LISTS.values()) for i in range(1, ITEMS + 1)}
    for row, own in zip(scores.tolist(), ({7: 2, 2: 1}, {}), strict=True):
        assert row[0] == -np.inf
        order = sorted(counts, key=lambda i: (own.get(i, 0), counts[i]))
        keys = [(own.get(i, 0), counts[i]) for i in order]
        values = [row[i] for i in order]
        assert values == sorted(values)
        for a, b, x, y in zip(keys, keys[1:], values, values[1:], strict=False):
            assert (a == b) == (x == y)
    asked = torch.tensor([[2, 7], [1, 5]])
    picked = PersonalPopularity(data).score(None, history, asked)
    assert torch.equal(picked, scores.gather(1, asked))


# Users who have every item


def canteen() -> SASRecDataSet:
    lists = {u: [1 + (u + k) % 12 for k in range(6)] for u in range(1, 20)}
    lists[20] = [*range(1, 13), *range(1, 6)]  # the regular of a canteen with 12 dishes
    return SASRecDataSet.from_sequences(lists, itemnum=12)


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_user_who_has_every_item_is_left_out_and_named(split: str) -> None:
    data = canteen()
    for rank in (sampled_ranks, full_ranks):
        with pytest.warns(UserWarning, match="user 20 has every item in the history"):
            ranks = rank(Popularity(data), data, split)
        assert ranks.users.tolist() == list(range(1, 20))
        assert ranks.protocol["left out"] == "1 with every item"
        everybody = rank(Popularity(data), data, split, exclude_seen=False)
        assert everybody.users.tolist() == list(range(1, 21))


def test_nobody_remains() -> None:
    lists = {1: [1, 2, 3, 1, 2], 2: [3, 2, 1, 1, 1]}
    data = SASRecDataSet.from_sequences(lists, itemnum=3)
    for rank in (sampled_ranks, full_ranks):
        with pytest.raises(ValueError, match="user 1 and 1 more have every item in the history"):
            rank(Popularity(data), data)
