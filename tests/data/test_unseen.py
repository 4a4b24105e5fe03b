"""Draws from the items that a user has not seen, against brute force and against probabilities."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqrec_lib.data.unseen import Complement, WeightedComplement


def flat(histories: list[list[int]]) -> SimpleNamespace:
    """Sequences of users 1, 2, ... as flat arrays; user 0 is empty."""
    lengths = [0, *map(len, histories)]
    items = np.array([item for history in histories for item in history], dtype=np.int32)
    return SimpleNamespace(items=items, starts=np.concatenate([[0], np.cumsum(lengths)]))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


histories_of_12 = st.lists(st.lists(st.integers(1, 12), max_size=20), min_size=1, max_size=6)


@given(histories_of_12)
@settings(max_examples=200, deadline=None)
def test_take_lists_exactly_the_unseen_items(histories):
    complement = Complement(flat(histories), item_num=12)
    for user, history in enumerate(histories, start=1):
        unseen = sorted(set(range(1, 13)) - set(history))
        users = torch.tensor([user])
        assert complement.count(users).tolist() == [len(unseen)]
        numbers = torch.arange(len(unseen)).unsqueeze(0)
        assert complement.take(users, numbers).tolist() == [unseen]


@given(histories_of_12)
@settings(max_examples=50, deadline=None)
def test_many_numbers_are_taken_as_few_are(histories):
    """One number a user is searched for; as many as there are items come from lists."""
    complement = Complement(flat(histories), item_num=12)
    users = torch.arange(len(histories), 0, -1)
    users = users[complement.count(users) > 0]
    r = torch.arange(12) % complement.count(users).unsqueeze(1)  # (B, 12)
    one_by_one = [complement.take(users, column) for column in r.T]
    assert torch.equal(complement.take(users, r), torch.stack(one_by_one, dim=1))


def test_take_accepts_one_number_per_user_and_many():
    complement = Complement(flat([[2], [1, 3]]), item_num=4)
    users = torch.tensor([2, 1, 2])
    assert complement.take(users, torch.tensor([0, 1, 1])).tolist() == [2, 3, 4]
    assert complement.take(users, torch.tensor([[0, 1], [2, 0], [1, 1]])).tolist() == [
        [2, 4],
        [4, 1],
        [4, 4],
    ]


def test_draws_are_uniform_over_the_unseen():
    complement = Complement(flat([[1, 3, 3, 7], [2], []]), item_num=8)
    drawn = complement.draw(torch.tensor([1, 2, 3]), 40_000, generator())
    for row, unseen in zip(
        drawn, [[2, 4, 5, 6, 8], [1, 3, 4, 5, 6, 7, 8], list(range(1, 9))], strict=True
    ):
        counts = np.bincount(row, minlength=9)
        assert set(np.flatnonzero(counts)) == set(unseen)
        assert stats.chisquare(counts[unseen]).pvalue > 0.001


def test_weighted_draws_follow_the_weights_of_the_unseen():
    weights = np.array([0, 5, 1, 0, 20, 3, 7])
    complement = WeightedComplement(flat([[1, 4], [], [6, 3]]), 6, weights)
    drawn = complement.draw(torch.tensor([1, 2, 3]), 40_000, generator())
    for row, unseen in zip(drawn, [[2, 5, 6], [1, 2, 4, 5, 6], [1, 2, 4, 5]], strict=True):
        counts = np.bincount(row, minlength=7)
        assert set(np.flatnonzero(counts)) == set(unseen)
        expected = weights[unseen] / weights[unseen].sum() * 40_000
        assert stats.chisquare(counts[unseen], expected).pvalue > 0.001


@given(histories_of_12, st.lists(st.integers(0, 9), min_size=12, max_size=12))
@settings(max_examples=100, deadline=None)
def test_weighted_draws_never_give_seen_or_weightless_items(histories, weights):
    complement = WeightedComplement(flat(histories), 12, np.array([99, *weights]))
    for user, history in enumerate(histories, start=1):
        allowed = {i for i in range(1, 13) if i not in history and weights[i - 1]}
        if allowed:
            assert (
                set(complement.draw(torch.tensor([user]), 20, generator()).flatten().tolist())
                <= allowed
            )
        else:
            with pytest.raises(ValueError, match=f"user {user} "):
                complement.draw(torch.tensor([user]), 20, generator())


@pytest.mark.parametrize("k", [3, 9, 10])
def test_without_repeats_every_set_is_equally_likely(k):
    """Also for k = all that is left and one fewer, where drawing again and again would not end."""
    complement = Complement(flat([[4, 5]]), item_num=12)
    drawn = complement.draw(torch.ones(4_000, dtype=torch.long), k, generator(), replace=False)
    ordered = drawn.sort(dim=1).values
    assert (ordered[:, 1:] > ordered[:, :-1]).all()
    assert not torch.isin(drawn, torch.tensor([4, 5])).any()
    _, counts = ordered.unique(dim=0, return_counts=True)
    assert len(counts) == {3: 120, 9: 10, 10: 1}[k]
    assert k == 10 or stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("weights", [[6, 3, 1], [1_000_000, 3, 1]])
def test_weighted_without_repeats_is_successive_sampling(weights):
    """P(set) summed over orders: w_a / W × w_b / (W - w_a); the second case needs the fallback."""
    complement = WeightedComplement(flat([[]]), 3, np.array([0, *weights]))
    n = 4_000
    drawn = complement.draw(torch.ones(n, dtype=torch.long), 2, generator(), replace=False)
    total = sum(weights)
    missing = 6 - drawn.sum(dim=1)  # the item that is not in the set tells which set it is
    counts = np.bincount(missing, minlength=4)[1:]
    expected = []
    for left_out in range(3):
        a, b = (w for i, w in enumerate(weights) if i != left_out)
        expected.append(n * (a / total * b / (total - a) + b / total * a / (total - b)))
    enough = np.array(expected) > 5
    assert counts[~enough].sum() <= 5
    assert counts[enough] == pytest.approx(np.array(expected)[enough], abs=4 * n**0.5 / 2)


def test_the_seed_decides():
    complement = Complement(flat([[1], [2]]), item_num=1000)
    users = torch.tensor([1, 2])
    first = complement.draw(users, 50, generator(3))
    assert torch.equal(first, complement.draw(users, 50, generator(3)))
    assert not torch.equal(first, complement.draw(users, 50, generator(4)))


def test_one_more_item_per_user_can_be_left_out():
    complement = Complement(flat([[1], [2]]), item_num=4, also=[np.array([0, 3, 0])])
    assert complement.draw(torch.tensor([1]), 100, generator()).unique().tolist() == [2, 4]
    assert complement.draw(torch.tensor([2]), 100, generator()).unique().tolist() == [1, 3, 4]


def test_a_user_who_has_seen_everything_is_named():
    complement = Complement(flat([[1], [3, 2, 1]]), item_num=3)
    assert complement.draw(torch.tensor([1]), 2, generator()).shape == (1, 2)
    with pytest.raises(ValueError, match="user 2 has 0 of 3 items"):
        complement.draw(torch.tensor([1, 2]), 2, generator())
    with pytest.raises(ValueError, match="user 1 has 2 of 3 items"):
        complement.draw(torch.tensor([1]), 3, generator(), replace=False)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="item_num is 3"):
        Complement(flat([[1, 4]]), item_num=3)
    with pytest.raises(ValueError, match="item_num is 3"):
        Complement(flat([[0, 1]]), item_num=3)
    with pytest.raises(ValueError, match="also"):
        Complement(flat([[1]]), item_num=3, also=[np.zeros(5, dtype=np.int64)])
    with pytest.raises(ValueError, match="weights must be whole numbers"):
        WeightedComplement(flat([[1]]), 3, np.ones(4))
    with pytest.raises(ValueError, match="negative"):
        WeightedComplement(flat([[1]]), 3, np.array([0, 1, -1, 2]))
