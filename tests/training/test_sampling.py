"""Training batches: their form, whom and what they hold, and how often."""

import multiprocessing
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqrec_lib.data.sequences import Sequences
from seqrec_lib.training.sampling import WarpSampler

ITEMS = 9
HISTORIES = {
    1: [4, 2, 7],
    2: [1, 2],
    3: [5],  # nothing to predict from
    4: [9, 8, 7, 6, 5, 4, 3, 2],
    6: [3, 3, 1, 3],  # user 5 is nobody, and items may repeat
}
ABLE = [1, 2, 4, 6]


def sampler(histories=HISTORIES, **options):
    settings = dict(usernum=6, itemnum=ITEMS, batch_size=50, maxlen=5, seed=0)
    return WarpSampler(histories, **{**settings, **options})


def batches(source, count):
    """users (N,), seq, pos, neg (N, T) of `count` batches."""
    return [np.concatenate(x) for x in zip(*(source.next_batch() for _ in range(count)))]  # noqa: B905


# Form ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch_size", "maxlen"), [(1, 1), (3, 5), (64, 20)])
def test_batches_have_the_asked_form(batch_size, maxlen):
    batch = sampler(batch_size=batch_size, maxlen=maxlen).next_batch()
    assert isinstance(batch, tuple)
    users, *rest = batch
    assert users.shape == (batch_size,)
    assert [x.shape for x in rest] == [(batch_size, maxlen)] * 3
    assert all(isinstance(x, np.ndarray) and x.dtype == np.int64 for x in batch)


@given(
    st.dictionaries(
        st.integers(1, 8), st.lists(st.integers(1, 8), min_size=1, max_size=12), min_size=1
    ),
    st.integers(1, 7),
    st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_row_is_a_window_of_its_users_history(histories, maxlen, window):
    able = [user for user, items in histories.items() if len(items) >= 2]
    if not able:
        return
    source = WarpSampler(histories, 8, 9, 20, maxlen, seed=1, window_probability=window)
    for user, seq, pos, neg in zip(*source.next_batch(), strict=True):
        assert user in able
        history = histories[user]
        n = int((seq != 0).sum())
        assert n == min(maxlen, len(history) - 1)
        assert (seq[maxlen - n :] != 0).all()  # padded in front
        for row in (pos, neg):
            assert ((row != 0) == (seq != 0)).all()
        window_of_it = [*seq[maxlen - n :].tolist(), int(pos[-1])]
        assert pos[maxlen - n : -1].tolist() == window_of_it[1:-1]
        starts = [s for s in range(len(history) - n) if history[s : s + n + 1] == window_of_it]
        assert starts
        if window == 0:
            assert len(history) - n - 1 in starts  # the latest
        assert not set(neg[neg != 0].tolist()) & set(history)
        assert neg.max() <= 9


def test_users_with_fewer_than_2_items_are_never_drawn():
    users = batches(sampler(), 40)[0]
    assert set(users.tolist()) == set(ABLE)


def test_a_flat_table_of_sequences_gives_the_same_batches():
    flat = Sequences.from_lists(HISTORIES, 6)
    for a, b in zip(sampler().next_batch(), sampler(flat).next_batch(), strict=True):
        np.testing.assert_array_equal(a, b)


# How often ----------------------------------------------------------------------------------------


def test_every_user_is_as_likely():
    users = batches(sampler(batch_size=1000), 20)[0]
    counts = np.bincount(users, minlength=7)[ABLE]
    assert counts.sum() == 20_000
    assert stats.chisquare(counts).pvalue > 0.001


def test_draws_do_not_depend_on_each_other():
    """Pairs of neighbours in a batch: all 16 kinds as likely."""
    users = batches(sampler(batch_size=1000), 20)[0].reshape(-1, 2)
    place = np.searchsorted(ABLE, users)
    assert stats.chisquare(np.bincount(place[:, 0] * 4 + place[:, 1], minlength=16)).pvalue > 0.001


def test_negatives_are_uniform_over_what_the_user_has_not_in_training():
    users, _, pos, neg = batches(sampler(batch_size=1000), 30)
    for user in ABLE:
        unseen = sorted(set(range(1, ITEMS + 1)) - set(HISTORIES[user]))
        mine, next_ones = neg[users == user], pos[users == user]
        for place in (-1, -2):  # each position on its own
            drawn = mine[:, place][next_ones[:, place] != 0]
            counts = np.bincount(drawn, minlength=ITEMS + 1)
            assert counts[unseen].sum() == counts.sum()
            if len(unseen) > 1 and len(drawn):
                assert stats.chisquare(counts[unseen]).pvalue > 0.001


# SSE-PT++ -----------------------------------------------------------------------------------------

LONG = {1: list(range(1, 11)), 2: [1, 2, 3]}  # 10 items: windows of 3 start at 0..7, 7 the latest


def starts(p, count=40_000):
    """Where user 1's windows of maxlen = 2 inputs and a target start, by how often."""
    source = WarpSampler(LONG, 2, 12, count, 2, seed=3, window_probability=p)
    users, seq, pos, _ = source.next_batch()
    mine = users == 1
    assert (seq[mine][:, 1] == seq[mine][:, 0] + 1).all()
    assert (pos[mine] == seq[mine] + 1).all()
    others = users == 2
    assert (seq[others] == [1, 2]).all()  # as long as the window: it has one place only
    assert (pos[others] == [2, 3]).all()
    return np.bincount(seq[mine][:, 0] - 1, minlength=8)


@pytest.mark.parametrize("p", [0.25, 0.7, 1.0])
def test_a_window_starts_early_with_its_probability_and_then_anywhere(p):
    counts = starts(p)
    assert len(counts) == 8
    early = int(counts[:7].sum())
    assert stats.binomtest(early, int(counts.sum()), p).pvalue > 0.001
    assert stats.chisquare(counts[:7]).pvalue > 0.001
    assert (counts[7] == 0) == (p == 1.0)


def test_window_probability_0_changes_nothing_bit_for_bit():
    assert starts(0.0)[:7].sum() == 0
    without = WarpSampler(LONG, 2, 12, 100, 2, seed=3)
    with_0 = WarpSampler(LONG, 2, 12, 100, 2, seed=3, window_probability=0.0)
    for _ in range(3):
        for a, b in zip(without.next_batch(), with_0.next_batch(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_window_moves_no_other_draw_of_short_histories():
    """Nobody here has more than maxlen + 1 items, so there is nothing to slide."""
    for seq in batches(sampler(maxlen=7, window_probability=1.0), 5)[1]:
        assert seq[-1] in (2, 1, 3)  # the item before the last, of users 1, 2, 4 and 6


# Seeds, and what is left behind -------------------------------------------------------------------


def test_a_seed_repeats_and_another_one_differs():
    first, same, other = (batches(sampler(seed=seed), 3) for seed in (5, 5, 6))
    assert all((a == b).all() for a, b in zip(first, same, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    fresh, again = (batches(sampler(seed=None), 3) for _ in range(2))
    assert any((a != b).any() for a, b in zip(fresh, again, strict=True))


def test_batches_differ_from_each_other():
    source = sampler()
    assert (source.next_batch()[0] != source.next_batch()[0]).any()


def test_n_workers_has_no_effect_and_nothing_is_started():
    threads = set(threading.enumerate())
    many = sampler(n_workers=8)
    assert all(
        (a == b).all() for a, b in zip(many.next_batch(), sampler().next_batch(), strict=True)
    )
    assert set(threading.enumerate()) == threads
    assert multiprocessing.active_children() == []
    assert many.close() is None
    many.close()


def test_histories_handed_in_are_left_as_they_are():
    own = {1: [1, 2, 3], 2: (4, 5)}
    WarpSampler(own, 2, 9, seed=0).next_batch()
    assert own == {1: [1, 2, 3], 2: (4, 5)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"maxlen": 0}, "maxlen=0"),
        ({"window_probability": 1.5}, "window_probability=1.5"),
        ({"seed": -1}, "seed=-1"),
        ({"itemnum": 8}, "ids from 1 to 9, but item_num is 8"),
        ({"usernum": 5}, "user 6 is beyond num_users=5"),
        ({"histories": {1: [1], 3: [2]}}, "no user has 2 training items"),
        ({"histories": {4: [*range(1, 10)]}}, "user 4 has every one of the 9 items"),
        ({"histories": {1: [0, 2]}}, "user 1: item id 0"),
    ],
    ids=str,
)
def test_what_cannot_be_sampled_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        sampler(**change)
