"""Scores to ranks, and the two protocols, against the definitions written out in loops."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation import candidates, ranking
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.ranking import (
    candidate_ranks,
    full_ranks,
    sampled_ranks,
)
from seqrec_lib.evaluation.ranks import Ranks, rank_of_target

# user 1 has seen much, user 2 has too little for a target, user 3 has item 4 twice and as target
HISTORIES = {1: [1, 2, 3, 4, 5, 6], 2: [1, 2], 3: [4, 7, 4, 8, 4], 4: [9, 1, 2]}


class Table:
    """Scores by a fixed table: users × items, whatever the history. Records what it is shown."""

    def __init__(self, table, device="cpu"):
        self.table = torch.as_tensor(table, dtype=torch.float32)
        self.item_num = self.table.shape[1] - 1
        self.shown = {}

    def score(self, users, histories, candidates=None):
        for user, history in zip(users.tolist(), histories.tolist(), strict=True):
            self.shown[user] = [item for item in history if item]
        scores = self.table[users].clone()
        scores[:, 0] = -torch.inf
        return scores if candidates is None else scores.gather(1, candidates)


def dataset(histories=HISTORIES, itemnum=10):
    return SASRecDataSet.from_sequences(histories, itemnum=itemnum)


def random_table(users=5, items=10, seed=0, levels=None):
    rng = np.random.default_rng(seed)
    if levels:
        return Table(rng.integers(levels, size=(users, items + 1)))
    return Table(rng.normal(size=(users, items + 1)))


def random_dataset(users=300, items=60, longest=30, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest, size=users)
    lists = {u + 1: rng.integers(1, items + 1, size=n) for u, n in enumerate(lengths)}
    return SASRecDataSet.from_sequences(lists, itemnum=items)


# scores → ranks


@given(st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_better_and_tied_are_counted(rows):
    for column in range(4):
        better, tied = rank_of_target(np.array(rows, dtype=float), column)
        for row, b, t in zip(rows, better.tolist(), tied.tolist(), strict=True):
            assert b == sum(score > row[column] for score in row)
            assert t == sum(score == row[column] for score in row) - 1


def test_a_column_for_each_row_and_columns_that_do_not_compete():
    scores = torch.tensor([[5.0, 1.0, 9.0, 5.0], [5.0, 1.0, 9.0, 5.0]])
    better, tied = rank_of_target(scores, torch.tensor([0, 1]))
    assert (better.tolist(), tied.tolist()) == ([1, 3], [1, 0])
    excluded = torch.tensor([[2, 2], [1, 0]])  # repeats, and in the second row the target itself
    better, tied = rank_of_target(scores, torch.tensor([0, 1]), excluded=excluded)
    assert (better.tolist(), tied.tolist()) == ([0, 2], [1, 0])


def test_counting_in_blocks_changes_nothing(monkeypatch):
    scores = torch.randint(5, (50, 40), generator=torch.Generator().manual_seed(0)).float()
    column = torch.arange(50) % 40
    whole = rank_of_target(scores, column)
    monkeypatch.setattr("seqrec_lib.evaluation.ranks._COUNTED_AT_ONCE", 100)
    parts = rank_of_target(scores, column)
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_other_number_types(dtype):
    scores = torch.arange(-400, 0).repeat(2, 1).to(dtype)
    better, tied = rank_of_target(scores, 300)
    assert better.tolist() == [(scores[0] > scores[0, 300]).sum().item()] * 2
    assert tied.tolist() == [(scores[0] == scores[0, 300]).sum().item() - 1] * 2


@pytest.mark.parametrize(
    ("bad", "kind"),
    [(float("nan"), "NaN"), (float("inf"), "infinite"), (-float("inf"), "infinite")],
)
def test_scores_that_are_no_numbers_name_the_user(bad, kind):
    scores = torch.zeros(3, 4)
    scores[1, 2] = bad
    with pytest.raises(ValueError, match=rf"user 17 .*{kind}"):
        rank_of_target(scores, 0, users=torch.tensor([5, 17, 6]))
    with pytest.raises(ValueError, match=rf"row 1 .*{kind}"):
        rank_of_target(scores)
    table = random_table()
    table.table[3, 8] = bad
    for protocol in (sampled_ranks, full_ranks):
        with pytest.raises(ValueError, match="user 3 "):
            protocol(table, dataset())


def test_ranks_hold_together():
    ranks = Ranks(*(np.array(x) for x in ([3, 8], [0, 4], [0, 3], [9, 9])))
    assert ranks.rank.tolist() == [1.0, 6.5]
    assert len(ranks) == 2
    with pytest.raises(ValueError, match="user 8 has more competitors"):
        Ranks(*(np.array(x) for x in ([3, 8], [0, 4], [0, 5], [9, 9])))
    with pytest.raises(ValueError, match="tied has shape"):
        Ranks(*(np.array(x) for x in ([3, 8], [0, 4], [0], [9, 9])))


def test_ties_are_broken_evenly_and_by_the_seed():
    n = 20_000
    ranks = Ranks(np.arange(1, n + 1), np.full(n, 2), np.full(n, 3), np.full(n, 9))
    broken = ranks.break_ties(seed=1)
    assert (broken.tied == 0).all()
    assert stats.chisquare(np.bincount(broken.better, minlength=6)[2:]).pvalue > 0.001
    assert broken.better.max() == 5
    assert (broken.better == ranks.break_ties(seed=1).better).all()
    assert (broken.better != ranks.break_ties(seed=2).better).any()


# what the model is shown


@pytest.mark.parametrize("protocol", [sampled_ranks, full_ranks])
def test_the_model_sees_everything_before_the_target_and_nothing_else(protocol):
    table = random_table()
    ranks = protocol(table, dataset(), split="test")
    assert ranks.users.tolist() == [1, 3, 4]
    assert table.shown == {1: [1, 2, 3, 4, 5], 3: [4, 7, 4, 8], 4: [9, 1]}
    table = random_table()
    protocol(table, dataset(), split="valid")
    assert table.shown == {1: [1, 2, 3, 4], 3: [4, 7, 4], 4: [9]}


# full ranking


@pytest.mark.parametrize("split", ["test", "valid"])
@pytest.mark.parametrize("exclude_seen", [True, False, "training"])
@pytest.mark.parametrize("levels", [None, 3])
def test_full_ranks_are_those_of_a_loop(split, exclude_seen, levels):
    data = random_dataset()
    table = random_table(301, 60, levels=levels)
    ranks = full_ranks(table, data, split, exclude_seen, batch_size=17)
    back = 1 if split == "test" else 2
    expected = []
    for user in data.sequences:
        items = data.sequences[user].tolist()
        if len(items) >= 3:
            history, target = items[:-back], items[-back]
            left_out = {True: history, False: [], "training": items[:-2]}[exclude_seen]
            rivals = set(range(1, 61)) - set(left_out) - {target}
            mine = table.table[user, target].item()
            scores = [table.table[user, item].item() for item in rivals]
            better, tied = sum(s > mine for s in scores), sum(s == mine for s in scores)
            expected.append((user, better, tied, len(rivals) + 1))
    got = zip(ranks.users, ranks.better, ranks.tied, ranks.candidates, strict=True)
    assert [tuple(map(int, row)) for row in got] == expected


def test_what_is_excluded_is_named():
    with pytest.raises(ValueError, match="exclude_seen='train' must be True, False or 'training'"):
        full_ranks(random_table(), dataset(), exclude_seen="train")


def test_a_target_that_is_in_the_history_still_competes():
    ranks = full_ranks(random_table(), dataset())
    assert ranks.candidates[ranks.users == 3].tolist() == [10 - 2]  # items 7 and 8 are out


# sampled ranking


def test_negatives_come_from_outside_training_and_are_not_the_target():
    data = random_dataset()
    candidates = sampled_candidates(data, num_negatives=400)
    for user, items in zip(candidates.users.tolist(), candidates.items.tolist(), strict=True):
        seen = set(data.train[user].tolist())
        target = data.test_item[user]
        assert items[0] == target
        assert set(items[1:]) <= set(range(1, 61)) - seen - {target}
        # the papers may draw the validation item, so that 400 draws do
        assert data.valid_item[user] in {*items[1:], *seen, target}
    left_out = sampled_candidates(data, num_negatives=400, exclude_valid=True)
    assert not (
        left_out.items[:, 1:] == torch.from_numpy(data.valid_item)[left_out.users, None]
    ).any()


def test_negatives_without_repeats():
    candidates = sampled_candidates(random_dataset(), num_negatives=20, replace=False)
    ordered = candidates.items.sort(dim=1).values
    assert (ordered[:, 1:] > ordered[:, :-1]).all()
    with pytest.raises(ValueError, match="user 1 "):
        sampled_candidates(dataset(), num_negatives=9, replace=False)


def test_negatives_by_popularity():
    data = SASRecDataSet.from_sequences(
        {1: [1, 1, 1, 1, 1, 2, 9, 9], 2: [3, 3, 1, 8, 7], 3: [4, 5, 6]}, itemnum=10
    )
    candidates = sampled_candidates(data, num_negatives=6000, popularity_weighted=True)
    drawn = np.bincount(candidates.items[candidates.users == 3, 1:].flatten(), minlength=11)
    # training: item 1 six times, 3 twice, 2 and 4 once; user 3 has item 4
    assert set(np.flatnonzero(drawn)) == {1, 2, 3}
    assert stats.chisquare(drawn[[1, 2, 3]], np.array([6, 1, 2]) / 9 * 6000).pvalue > 0.001


def test_the_seed_fixes_the_negatives_for_every_model():
    data = random_dataset()
    assert torch.equal(
        sampled_candidates(data, seed=3).items, sampled_candidates(data, seed=3).items
    )
    assert not torch.equal(
        sampled_candidates(data, seed=3).items, sampled_candidates(data, seed=4).items
    )
    table = random_table(301, 60)
    one_call = sampled_ranks(table, data, seed=3, batch_size=7)
    two_calls = candidate_ranks(table, data, sampled_candidates(data, seed=3))
    assert (one_call.better == two_calls.better).all()
    assert one_call.protocol == two_calls.protocol


def test_sampled_ranks_are_those_of_a_loop():
    data, table = random_dataset(), random_table(301, 60, levels=4)
    candidates = sampled_candidates(data, "valid", 25)
    ranks = sampled_ranks(table, data, "valid", 25, batch_size=9)
    for row, (user, items) in enumerate(zip(candidates.users, candidates.items, strict=True)):
        scores = table.table[user, items]
        assert ranks.better[row] == (scores[1:] > scores[0]).sum()
        assert ranks.tied[row] == (scores[1:] == scores[0]).sum()
    assert (ranks.candidates == 26).all()


def test_as_released_is_the_rule_of_the_authors_code(monkeypatch):
    data = random_dataset(users=400)
    with_all = sampled_candidates(data, num_negatives=300, as_released=True)
    for user, items in zip(with_all.users.tolist(), with_all.items.tolist(), strict=True):
        outside = set(range(1, 61)) - set(data.train[user].tolist())
        assert set(items[1:]) <= outside
        if data.test_item[user] in outside:  # 300 draws from at most 60 items
            assert data.test_item[user] in items[1:]
    constant = Table(np.zeros((401, 61)))
    released = sampled_candidates(data, as_released=True)
    assert (candidate_ranks(constant, data, released).rank == 1).all()
    assert (sampled_ranks(constant, data).rank == 51).all()
    monkeypatch.setattr(candidates, "_RELEASED_USERS", 100)
    some = sampled_candidates(data, as_released=True, seed=1)
    assert 50 < len(some.users) <= 100  # those drawn who have a target
    assert (data.test_item[some.users] > 0).all()
    other = sampled_candidates(data, as_released=True, seed=2)
    assert set(some.users.tolist()) != set(other.users.tolist())
    for option in ({"exclude_valid": True}, {"replace": False}, {"popularity_weighted": True}):
        with pytest.raises(ValueError, match="as_released"):
            sampled_candidates(data, as_released=True, **option)


# both


@pytest.mark.parametrize("protocol", [sampled_ranks, full_ranks])
def test_wrong_arguments_are_named(protocol, capsys):
    table = random_table()
    with pytest.raises(ValueError, match="split must be 'test' or 'valid', got 'train'"):
        protocol(table, dataset(), split="train")
    with pytest.raises(ValueError, match="Table knows 10 items, the data set has 12"):
        protocol(table, dataset(itemnum=12))
    with pytest.raises(ValueError, match="batch_size"):
        protocol(table, dataset(), batch_size=0)
    with pytest.raises(ValueError, match="no user has 3 items"):
        protocol(table, dataset({1: [1, 2], 2: [3]}))
    table.score = lambda users, histories, candidates=None: torch.zeros(len(users), 3)
    with pytest.raises(ValueError, match=r"Table\.score returned shape"):
        protocol(table, dataset())
    assert capsys.readouterr().out == ""


MEMORY_PROBE = """
import resource, sys
import numpy as np, torch
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences

items, users = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
lengths = np.full(users + 1, 12); lengths[0] = 0
data = SASRecDataSet.from_sequences(
    Sequences.from_lengths(rng.integers(1, items + 1, size=12 * users), lengths), itemnum=items
)

class Cheap:
    item_num = items
    row = torch.rand(items + 1)
    def score(self, users, histories, candidates=None):
        if candidates is not None:
            return self.row[candidates]
        scores = self.row.repeat(len(users), 1)
        scores[:, 0] = -torch.inf
        return scores

sampled_ranks(Cheap(), data, num_negatives=5)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
full_ranks(Cheap(), data)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_full_ranking_takes_no_more_memory_for_more_users():
    """All scores are 1.4 GB here, a batch of 256 users 0.6 GB; less than that must be enough."""
    root = Path(ranking.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROBE, "600000", "600"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 400  # MiB


def test_fewer_items_than_negatives_is_said():
    """Eight items are left to each of the two: a hundred draws from them repeat each 12 times."""
    data = SASRecDataSet.from_sequences({1: [1, 2, 3, 4], 2: [4, 3, 2, 1]}, itemnum=11)
    with pytest.warns(UserWarning, match="100 negatives are drawn from 8 items .* 12 times"):
        candidates = sampled_candidates(data)
    assert all(len(set(row[1:].tolist())) <= 8 for row in candidates.items)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampled_candidates(data, num_negatives=8, replace=False)
        sampled_candidates(data, num_negatives=8)
