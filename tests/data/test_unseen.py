"""Draws from the items that a user has not seen, against brute force and uniform chances."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.unseen import Complement


def flat(histories: list[list[int]]) -> Sequences:
    """Sequences of users 1, 2, ...; unlike from_lists it takes any ids."""
    items = np.array([item for history in histories for item in history], dtype=np.int32)
    return Sequences.from_lengths(items, np.array([0, *map(len, histories)]))


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


@given(histories_of_12)
@settings(max_examples=50, deadline=None)
def test_seen_lists_each_users_different_items_in_order(histories):
    complement = Complement(flat(histories), item_num=12)
    users = torch.tensor([len(histories), 1, 1])
    rows, items = complement.seen(users)
    for row, user in enumerate(users.tolist()):
        assert items[rows == row].tolist() == sorted(set(histories[user - 1]))
    assert rows.tolist() == sorted(rows.tolist())


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


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="item_num is 3"):
        Complement(flat([[1, 4]]), item_num=3)
    with pytest.raises(ValueError, match="item_num is 3"):
        Complement(flat([[0, 1]]), item_num=3)
    with pytest.raises(ValueError, match="also"):
        Complement(flat([[1]]), item_num=3, also=[np.zeros(5, dtype=np.int64)])
