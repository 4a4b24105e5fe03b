"""Lists as a whole: coverage, popularity and Gini index by hand; intervals of the right width."""

import numpy as np
import pytest

from seqrec_lib.evaluation.catalogue import describe_lists


def test_lists_by_hand():
    lists = np.array([[1, 2], [1, 3], [1, 0]])  # listed: 1 three times, 2 and 3 once, 4 never
    counts = np.array([99, 10, 4, 2, 8])
    value = describe_lists(lists, counts)["value"]
    assert value["coverage@2"] == 3 / 4
    assert value["popularity@2"] == pytest.approx((7 + 6 + 10) / 3)
    # mean absolute difference of all pairs of 3, 1, 1, 0 over twice the mean 5/4
    times = np.array([3, 1, 1, 0])
    pairs = np.abs(times[:, None] - times).mean()
    assert value["Gini@2"] == pytest.approx(pairs / (2 * 5 / 4))
    even = describe_lists(np.array([[1, 2], [3, 4]]), counts)["value"]
    assert even["Gini@2"] == 0


def test_lists_are_described_with_intervals():
    rng = np.random.default_rng(0)
    counts = np.concatenate([[0], np.arange(500, 0, -1)])

    def lists(rng):
        return np.minimum(rng.geometric(0.02, size=(200, 10)), 500)

    table = describe_lists(lists(rng), counts)
    assert list(table.index) == ["coverage@10", "popularity@10", "Gini@10"]
    spread = [describe_lists(lists(rng), counts, resamples=2)["value"] for _ in range(200)]
    for metric, row in table.iterrows():
        assert row["low"] < row["value"] < row["high"]
        # as wide as other users of the same kind make it (the bootstrap's error is to be cautious)
        reach = 1.96 * np.std([values[metric] for values in spread])
        assert 0.6 * reach < (row["high"] - row["low"]) / 2 < 2 * reach
    mine = lists(np.random.default_rng(1))
    row = describe_lists(mine, counts, resamples=5000, confidence=0.9).loc["popularity@10"]
    error = counts[mine].mean(axis=1).std() / 200**0.5
    assert (row["high"] - row["value"]) / error == pytest.approx(1.6449, rel=0.04)


def test_lists_are_checked():
    with pytest.raises(ValueError, match="item number 5, but there are 4"):
        describe_lists(np.array([[5]]), np.ones(5))
    with pytest.raises(ValueError, match=r"row 1 .*lists nothing"):
        describe_lists(np.array([[1], [0]]), np.ones(5))
    with pytest.raises(ValueError, match="shape"):
        describe_lists(np.zeros((0, 10), dtype=int), np.ones(5))
    with pytest.raises(ValueError, match="confidence"):
        describe_lists(np.array([[1]]), np.ones(5), confidence=2)
