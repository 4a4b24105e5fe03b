"""Sequences in flat arrays: padding, reading like a mapping, wrong arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences

USERS = st.dictionaries(
    st.integers(1, 8), st.lists(st.integers(1, 9), max_size=7), min_size=1, max_size=8
)


@given(
    lists=USERS,
    users=st.lists(st.integers(0, 8), max_size=6),
    maxlen=st.none() | st.integers(1, 9),
    drop_last=st.integers(0, 3),
)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_padded_against_lists(
    lists: dict[int, list[int]], users: list[int], maxlen: int | None, drop_last: int
) -> None:
    sequences = Sequences.from_lists(lists, num_users=8)
    kept = [lists.get(u, []) for u in users]
    kept = [items[: len(items) - drop_last] if drop_last < len(items) else [] for items in kept]
    longest = max([1, *map(len, kept)])
    width = longest if maxlen is None else min(longest, maxlen)
    expected = [[0] * (width - len(items)) + items[-width:] for items in kept]
    rows = sequences.padded(np.array(users, dtype=np.int64), maxlen, drop_last)
    assert rows.dtype == np.int64
    assert rows.shape == (len(users), width)
    assert rows.tolist() == expected


@given(
    lists=USERS,
    users=st.lists(st.integers(0, 8), max_size=6),
    maxlen=st.none() | st.integers(1, 9),
    drop_last=st.integers(0, 3),
    count=st.lists(st.integers(0, 3), min_size=9, max_size=9),
    kind=st.sampled_from([int, float]),
)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_times_stay_with_their_items(
    lists: dict[int, list[int]],
    users: list[int],
    maxlen: int | None,
    drop_last: int,
    count: list[int],
    kind: type,
) -> None:
    """A time that is made of user, position and item tells whether it is still beside its item."""
    times = {u: [kind(1000 * u + 10 * t + i) for t, i in enumerate(lists[u])] for u in lists}
    whole = Sequences.from_lists(lists, num_users=8, times=times)
    for sequences in (whole, whole.without_last(np.array(count))):
        flat = sequences.times
        assert flat is not None
        assert flat.dtype == (np.int64 if kind is int or not len(whole.items) else np.float64)
        assert (flat % 10 == sequences.items).all()
        rows = sequences.padded(users, maxlen, drop_last)
        found = sequences.padded_times(users, maxlen, drop_last)
        assert found.shape == rows.shape
        assert found.dtype == flat.dtype
        assert (found % 10 == rows).all()
        assert ((found // 1000 == np.array(users)[:, None]) | (rows == 0)).all()
        assert (np.diff(found) >= 0).all()


def test_bad_times() -> None:
    for times in ({1: [1]}, {1: [1, 2, 3]}, {}, {1: [[1, 2]]}, {1: ["a", "b"]}, {1: [True, False]}):
        with pytest.raises(ValueError, match="user 1: times must be 2 numbers"):
            Sequences.from_lists({1: [5, 6]}, times=times)
    for flat in (np.zeros(3), np.zeros((1, 2)), np.array(["a", "b"])):
        with pytest.raises(ValueError, match="times must be 2 numbers"):
            Sequences(np.array([5, 6]), np.array([0, 0, 2]), flat)
    with pytest.raises(ValueError, match="keep_times=True"):
        Sequences.from_lists({1: [5, 6]}).padded_times([1])


def test_sequences_read_like_a_mapping() -> None:
    sequences = Sequences.from_lists({2: [5, 6], 4: [7]}, num_users=5)
    assert {u: items.tolist() for u, items in dict(sequences).items()} == {
        1: [],
        2: [5, 6],
        3: [],
        4: [7],
        5: [],
    }
    assert (list(sequences), len(sequences)) == ([1, 2, 3, 4, 5], 5)
    assert 5 in sequences
    assert 0 not in sequences
    assert sequences.starts.tolist() == [0, 0, 0, 2, 2, 3, 3]
    assert sequences == Sequences(np.array([5, 6, 7]), sequences.starts)
    assert sequences != Sequences(np.array([5, 6, 8]), sequences.starts)
    timed = Sequences(sequences.items, sequences.starts, np.array([1, 2, 3]))
    assert timed == Sequences(sequences.items, sequences.starts, np.array([1.0, 2.0, 3.0]))
    assert timed != Sequences(sequences.items, sequences.starts, np.array([1, 2, 4]))
    assert timed != sequences
    for user in (0, 6, -1):
        with pytest.raises(KeyError):
            sequences[user]


def test_bad_sequences() -> None:
    sequences = Sequences.from_lists({1: [5, 6]})
    with pytest.raises(ValueError, match="user 2 is outside 0 to 1"):
        sequences.padded([1, 2])
    with pytest.raises(ValueError, match="maxlen=0"):
        sequences.padded([1], maxlen=0)
    with pytest.raises(ValueError, match="drop_last=-1"):
        sequences.padded([1], drop_last=-1)
    with pytest.raises(ValueError, match="user 3 is beyond num_users=2"):
        Sequences.from_lists({3: [1]}, num_users=2)
    for starts in ([0, 0, 3], [0, 1, 2], [1, 1, 2], [0], [0, 0, 3, 2]):
        with pytest.raises(ValueError, match="starts"):
            Sequences(np.array([1, 2]), np.array(starts))


def test_a_very_long_history() -> None:
    dataset = SASRecDataSet.from_sequences({1: np.arange(1, 100_001), 2: [1]})
    assert dataset.sequences.padded([2, 1], maxlen=3, drop_last=1).tolist() == [
        [0, 0, 0],
        [99_997, 99_998, 99_999],
    ]
