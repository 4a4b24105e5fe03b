"""Draws by weight and without repeats, against probabilities and against `Complement`."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.unseen import Complement
from seqrec_lib.data.weighted import WeightedComplement


def flat(histories: list[list[int]]) -> Sequences:
    """Sequences of users 1, 2, ..."""
    return Sequences.from_lists(dict(enumerate(histories, start=1)))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


histories_of_12 = st.lists(st.lists(st.integers(1, 12), max_size=20), min_size=1, max_size=6)


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
    complement = WeightedComplement(flat([[4, 5]]), 12, np.ones(13, dtype=np.int64))
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


@given(histories_of_12, st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_equal_weights_draw_what_complement_draws(histories, k):
    also = [np.arange(len(histories) + 1) % 13]
    uniform = Complement(flat(histories), 12, also)
    weighted = WeightedComplement(flat(histories), 12, np.ones(13, dtype=np.int64), also)
    users = torch.arange(len(histories), 0, -1)
    users = users[uniform.count(users) > 0]
    assert torch.equal(uniform.draw(users, k, generator()), weighted.draw(users, k, generator()))


def test_a_user_with_too_few_items_left_is_named():
    weighted = WeightedComplement(flat([[1], [3, 2, 1]]), 3, np.array([0, 1, 1, 1]))
    with pytest.raises(ValueError, match="user 1 has 2 of 3 items"):
        weighted.draw(torch.tensor([1]), 3, generator(), replace=False)
    with pytest.raises(ValueError, match="user 2 has 0 of 3 items"):
        weighted.draw(torch.tensor([1, 2]), 2, generator())


def test_wrong_weights_are_named():
    with pytest.raises(ValueError, match="weights must be whole numbers"):
        WeightedComplement(flat([[1]]), 3, np.ones(4))
    with pytest.raises(ValueError, match="negative"):
        WeightedComplement(flat([[1]]), 3, np.array([0, 1, -1, 2]))
