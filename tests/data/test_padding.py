"""Lists of unequal length as one rectangle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec_lib.data.padding import pad_sequences


def test_pad_sequences_defaults_pad_and_cut_in_front():
    result = pad_sequences([[1, 2], [], [3, 4, 5, 6, 7], (8, 9, 10)], 3)
    assert result.dtype == np.int64
    assert result.tolist() == [[0, 1, 2], [0, 0, 0], [5, 6, 7], [8, 9, 10]]


def test_pad_sequences_of_nothing_and_of_arrays():
    assert pad_sequences([], 4).shape == (0, 4)
    assert pad_sequences([np.array([5, 6], np.int32)], 4).tolist() == [[0, 0, 5, 6]]


@given(
    st.lists(st.lists(st.integers(1, 99), max_size=8), max_size=5),
    st.integers(1, 6),
    st.sampled_from(["pre", "post"]),
    st.sampled_from(["pre", "post"]),
    st.integers(-3, 3),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_pad_sequences_by_the_definition(sequences, maxlen, padding, truncating, value):
    result = pad_sequences(sequences, maxlen, padding, truncating, value)
    assert result.shape == (len(sequences), maxlen)
    for row, sequence in zip(result.tolist(), sequences, strict=True):
        while len(sequence) > maxlen:
            sequence = sequence[1:] if truncating == "pre" else sequence[:-1]
        while len(sequence) < maxlen:
            sequence = [value, *sequence] if padding == "pre" else [*sequence, value]
        assert row == sequence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": "front"}, "padding='front'"),
        ({"truncating": "front"}, "truncating='front'"),
        ({"maxlen": 0}, "maxlen=0"),
    ],
)
def test_pad_sequences_names_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences([[1]], **{"maxlen": 3, **arguments})
