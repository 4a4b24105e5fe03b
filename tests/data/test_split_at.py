"""Splits at points in time, the same for all users."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.evaluation.baselines import Popularity
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks

# user 2 comes in the middle, user 3 at the end, item 6 is new at the end
LOG = [(1, 1, 10), (1, 2, 20), (1, 3, 30), (1, 4, 40), (1, 6, 50), (2, 1, 25), (2, 5, 45)]
LOG += [(3, 2, 45), (4, 5, 5), (4, 5, 11)]


def dataset(keep_times: bool = True) -> SASRecDataSet:
    return SASRecDataSet.from_interactions(
        pd.DataFrame(LOG, columns=["user", "item", "time"]), keep_times
    )


@pytest.mark.parametrize("points", [(25, 45), (21, 41), (30, 30), (11, 50), (10.5, 40.5)])
@pytest.mark.parametrize("taken", [True, False])
def test_nothing_is_trained_on_that_is_later(points: tuple[float, float], taken: bool) -> None:
    data = dataset()
    if taken:
        assert data.user_test[1] == [6]
    counts = data.split_at(*points)
    parts: list[dict[int, list[int]]] = [{u: [] for u in range(1, 5)} for _ in range(3)]
    for user, item, time in sorted(LOG, key=lambda row: row[2]):
        parts[(time >= points[0]) + (time >= points[1])][user].append(item)
    train, valid, test = parts
    assert (data.user_train, data.user_valid, data.user_test) == (train, valid, test)
    shown = {u: train[u] + valid[u] for u in train}
    assert {u: data.history("test")[u].tolist() for u in shown} == shown
    targets = {u: test[u][0] if test[u] and shown[u] else 0 for u in test}
    assert data.test_item.tolist() == [0, *targets.values()]
    assert counts == {
        **{name: sum(map(len, part.values())) for name, part in zip(
            ("train", "valid", "test"), parts, strict=True)},
        "train_users": sum(map(bool, train.values())),
        "valid_users": sum(bool(train[u] and valid[u]) for u in train),
        "test_users": sum(map(bool, targets.values())),
        "new_users": sum(bool(test[u] and not shown[u]) for u in test),
        "new_items": len({i for _, i, _ in LOG} - set().union(*train.values())),
    }  # fmt: skip


def test_it_is_evaluated_like_any_split_and_says_which_item_it_ranks() -> None:
    data = dataset()
    data.split_at(25, 40)  # user 1 has two test items; user 2 has nothing to train on
    for ranks in (full_ranks(Popularity(data), data), sampled_ranks(Popularity(data), data)):
        assert ranks.users.tolist() == [1, 2]
        assert ranks.protocol["ranked"] == "each user's first item from 40 on"
    assert full_ranks(Popularity(data), data, "valid").users.tolist() == [1]
    data.split()
    assert "ranked" not in full_ranks(Popularity(data), data).protocol


def test_two_points_are_two_data_sets() -> None:
    prints = set()
    for points in ((25, 45), (25, 40), (20, 45)):
        data = dataset()
        data.split_at(*points)
        prints.add(data.fingerprint)
    assert len({*prints, dataset().fingerprint}) == 4


@pytest.mark.parametrize(
    "point", ["2001-03-01", pd.Timestamp("2001-03-01"), datetime.date(2001, 3, 1), 983404800]
)
def test_dates_mean_the_same_in_the_table_and_in_the_split(point: Any) -> None:
    days = pd.to_datetime(["2001-01-01", "2001-02-01", "2001-03-01", "2001-04-01"])
    log = pd.DataFrame({"user": ["a"] * 4, "item": list("wxyz"), "time": days})
    data = prepare(log, min_item_count=1, keep_times=True)
    assert data.sequences.times is not None
    assert data.sequences.times.tolist() == [day.timestamp() for day in days]
    data.split_at(point, "2001-03-15")
    assert (data.user_train, data.user_valid, data.user_test) == ({1: [1, 2]}, {1: [3]}, {1: [4]})


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ((45, 25), "valid_from=45 is later than test_from=25"),
        ((5, 45), "leave nothing to train on or to test: the times go from 5 to 50"),
        ((25, 51), "the times go from 5 to 50"),
        ((float("nan"), 45), "valid_from=nan"),
        (("soon", 45), "valid_from='soon' is neither a number nor a date"),
        ((25, None), "test_from=None is neither a number nor a date"),
        ((25, True), "test_from=True is neither a number nor a date"),
    ],
)
def test_points_that_cannot_be(points: tuple[Any, Any], message: str) -> None:
    data = dataset()
    with pytest.raises(ValueError, match=message):
        data.split_at(*points)
    assert data.user_test[1] == [6]  # the split so far still stands


def test_what_has_no_times_or_no_order_is_refused() -> None:
    with pytest.raises(ValueError, match="keep_times=True"):
        dataset(keep_times=False).split_at(25, 45)
    with pytest.raises(ValueError, match="made empty"):
        SASRecDataSet().split_at(25, 45)
    unordered = Sequences.from_lists({1: [1, 2, 3]}, times={1: [30, 10, 20]})
    with pytest.raises(ValueError, match="not in the order of their times"):
        SASRecDataSet.from_sequences(unordered).split_at(15, 25)


def test_no_target_says_why() -> None:
    data = dataset()
    data.split_at(50, 50)
    with pytest.raises(ValueError, match=r"no user has a valid item .* valid_from=50 .* 5 to 50"):
        data.targets("valid")


def test_parts_of_a_second() -> None:
    times = pd.to_datetime(["2001-01-01 00:00:00.5", "2001-01-01 00:00:00.25"], format="ISO8601")
    log = pd.DataFrame({"user": [1, 1], "item": [7, 8], "time": times})
    data = prepare(log, min_item_count=1, keep_times=True)
    assert data.sequences.times is not None
    assert np.diff(data.sequences.times).tolist() == [0.25]
