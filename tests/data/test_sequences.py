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
