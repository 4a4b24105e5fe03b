"""Whole numbers in any form: the same numbers, or refused by name."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec_lib.common.checks import whole_number
from seqrec_lib.common.ids import whole_numbers
from seqrec_lib.data.padding import pad_sequences
from seqrec_lib.evaluation.ranks import rank_of_target

FORMS = [list, tuple, iter, np.array, pd.Series, lambda v: np.array(v, dtype=object)]
TYPES = [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64, np.float32, float]
few = settings(max_examples=150, derandomize=True, deadline=None)
NUMBERS = st.one_of(
    st.integers(-100, 100),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True),
    st.sampled_from([None, True, "3", pd.NA, 2 + 1j]),
)


@given(values=st.lists(st.integers(0, 100), max_size=6), form=st.sampled_from(FORMS + TYPES))
@few
def test_whole_numbers_of_any_form(values, form):
    given_ = np.array(values, dtype=form) if form in TYPES else form(values)
    found = whole_numbers("seq", given_)
    assert (found.dtype, found.tolist()) == (np.int64, values)


@given(values=st.lists(NUMBERS, min_size=1, max_size=4), form=st.sampled_from(FORMS[:3]))
@few
def test_anything_is_whole_or_refused(values, form):
    whole = all(
        not isinstance(v, bool | str | complex)
        and v is not None
        and v is not pd.NA
        and abs(v) < 2**53
        and v == int(v)
        for v in values
    )
    if whole:
        assert whole_numbers("seq", form(values)).tolist() == values
        return
    try:
        found = whole_numbers("seq", form(values))  # beyond 2**53 a whole int may still be right
    except ValueError as error:
        said = str(error)
        assert "seq" in said
    else:
        assert all(type(v) is int for v in values)
        assert found.tolist() == values


@given(value=NUMBERS)
@few
def test_one_number_is_whole_or_refused(value):
    try:
        found = whole_number("k", value, least=-100)
    except ValueError as error:
        assert str(error).startswith("k=")  # noqa: PT017
    else:
        assert not isinstance(value, bool | str)
        assert found == value
        assert type(found) is int


@given(rows=st.lists(st.lists(st.integers(1, 9), max_size=6), max_size=4), n=st.integers(1, 5))
@few
def test_padding_is_what_plain_lists_give(rows, n):
    plain = [[0] * (n - len(row[-n:])) + row[-n:] for row in rows]
    assert pad_sequences(map(iter, rows), n).tolist() == plain


@given(
    scores=st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=5),
    column=st.integers(0, 3),
)
@few
def test_ranks_are_those_of_a_loop(scores, column):
    better, tied = rank_of_target(np.array(scores, dtype=np.int8), column)
    assert better.tolist() == [sum(x > row[column] for x in row) for row in scores]
    assert tied.tolist() == [sum(x == row[column] for x in row) - 1 for row in scores]


def test_axes_and_fractions_are_said():
    with pytest.raises(ValueError, match=r"seq has shape \(1, 2\).*a flat list"):
        whole_numbers("seq", [[1, 2]])
    with pytest.raises(ValueError, match=r"seq holds 2\.7"):
        whole_numbers("seq", torch.tensor([1.0, 2.7]))
    with pytest.raises(ValueError, match="target_column holds ids from 9"):
        rank_of_target([[1.0, 2.0]], 9)
