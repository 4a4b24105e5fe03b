"""Tables of interactions: the order of rows by user and time, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec_lib.data.interactions import check_interactions, ordered_sequences, stable_order

TIES = pd.DataFrame(
    [(5, 30, 2), (5, 20, 1), (5, 10, 2), (5, 40, 1), (2, 10, 9), (2, 40, 3)],
    columns=["user", "item", "time"],
)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=30),
    st.sampled_from([1, 2**60]),
    st.booleans(),
)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_stable_order_against_sorting_in_python(
    rows: list[tuple[int, int]], scale: int, with_time: bool
) -> None:
    """2**60 makes the times too wide for one combined key."""
    user = np.array([u for u, _ in rows])
    time = np.array([t for _, t in rows]) * scale if with_time else None
    expected = sorted(range(len(rows)), key=lambda r: rows[r] if with_time else rows[r][0])
    assert stable_order(user, time).tolist() == expected


def test_dates_become_seconds_and_other_columns_go() -> None:
    days = pd.to_datetime(["2002", "2001", "2002", "2001", "2009", "2003"])
    rows = check_interactions(TIES.assign(time=days, rating=5))
    assert list(rows.columns) == ["user", "item", "time"]
    assert rows["time"].tolist() == [day.timestamp() for day in days]


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float32, np.float64])
def test_sequences_of_a_table_with_times(kind: type) -> None:
    rows = TIES.assign(time=TIES["time"].to_numpy(kind))
    sequences = ordered_sequences(rows, keep_times=True)
    assert {u: items.tolist() for u, items in dict(sequences).items()} == {
        1: [],
        2: [40, 10],
        3: [],
        4: [],
        5: [20, 40, 30, 10],
    }
    assert sequences.times is not None
    assert sequences.times.tolist() == [3, 9, 1, 1, 2, 2]
    assert sequences.times.dtype == (np.int64 if kind in (np.int32, np.int64) else np.float64)
    assert ordered_sequences(rows, keep_times=False).times is None
    with pytest.raises(ValueError, match="keep_times=True needs a time column"):
        ordered_sequences(rows[["user", "item"]], keep_times=True)
