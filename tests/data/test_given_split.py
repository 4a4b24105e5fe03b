"""A split that is there already, as three tables, goes through the same evaluation."""

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.data.preparation import prepare, prepare_split
from seqrec_lib.evaluation.baselines import Popularity
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks

TRAIN = pd.DataFrame(
    [("b", 30, 5), ("a", 10, 2), ("a", 20, 1), ("b", 10, 4), ("a", 20, 3)],
    columns=["user", "item", "time"],
)
VALID = pd.DataFrame([("b", 20, 1)], columns=["user", "item", "time"])  # earlier than training
TEST = pd.DataFrame([("a", 40, 9), ("c", 10, 1), ("a", 10, 8)], columns=["user", "item", "time"])


def test_each_part_keeps_its_rows_in_the_order_of_their_times() -> None:
    data = prepare_split(TRAIN, VALID, TEST, verbose=False)
    assert data.items is not None
    raw = [0, *data.items["raw_id"].tolist()]

    def names(part: dict[int, list[int]]) -> dict[str, list[int]]:
        return {data.raw_users[u]: [raw[i] for i in items] for u, items in part.items() if items}

    assert names(data.user_train) == {"a": [20, 10, 20], "b": [10, 30]}
    assert names(data.user_valid) == {"b": [20]}
    assert names(data.user_test) == {"a": [10, 40], "c": [10]}


def test_without_times_and_without_validation(capsys: pytest.CaptureFixture[str]) -> None:
    train, test = (table.drop(columns="time") for table in (TRAIN, TEST))
    data = prepare_split(train, None, test)
    assert data.user_train == {1: [1, 2, 2], 2: [3, 1], 3: []}
    assert data.user_test == {1: [4, 1], 2: [], 3: [1]}
    assert not any(data.user_valid.values())
    assert "of users without training rows: not evaluated" in capsys.readouterr().out
    with pytest.raises(ValueError, match="user_valid holds no item"):
        data.targets("valid")


def test_the_report() -> None:
    data = prepare_split(TRAIN, VALID, TEST, verbose=False)
    assert data.report is not None
    lines = {n: row for n, *row in data.report.drop(columns="share").itertuples(name=None)}
    assert lines == {
        "train": [5, 2, 3],
        "valid": [1, 1, 1],
        "test": [3, 2, 2],
        "- valid, of users without training rows: not evaluated": [0, 0, 0],
        "- valid, of items without training rows: not learned": [0, 0, 0],
        "- test, of users without training rows: not evaluated": [1, 1, 1],
        "- test, of items without training rows: not learned": [1, 1, 1],
    }


def test_titles_come_along_and_what_does_not_fit_is_refused() -> None:
    titles = pd.DataFrame({"title": ["Ten", "Forty"]}, index=[10, 40])
    data = prepare_split(TRAIN, VALID, TEST, titles, verbose=False)
    assert data.items is not None
    assert data.items["title"].tolist() == ["Ten", "item 20", "item 30", "Forty"]
    with pytest.raises(ValueError, match=r"all tables have a column 'time' or none; now .*False"):
        prepare_split(TRAIN, VALID.drop(columns="time"), TEST, verbose=False)
    with pytest.raises(ValueError, match="mixes kinds of ids"):
        prepare_split(TRAIN, VALID.assign(user=7), TEST, verbose=False)


def test_times_come_along_part_by_part() -> None:
    data = prepare_split(TRAIN, VALID, TEST, keep_times=True, verbose=False)
    times = data.sequences.times
    assert times is not None
    assert times.tolist() == [1, 2, 3, 8, 9, 4, 5, 1, 1]  # a, b with its early validation, c
    assert data.history("test").padded_times([2]).tolist() == [[4, 5, 1]]
    with pytest.raises(ValueError, match="items are not in the order of their times"):
        data.split_at(4, 8)
    data = prepare_split(TRAIN, None, TEST, keep_times=True, verbose=False)
    assert data.train.padded_times([1, 2, 3]).tolist() == [[1, 2, 3], [0, 4, 5], [0, 0, 0]]
    assert data.split_at(3, 8)["test"] == 2
    assert prepare_split(TRAIN, VALID, TEST, verbose=False).sequences.times is None
    untimed = [table.drop(columns="time") for table in (TRAIN, VALID, TEST)]
    with pytest.raises(ValueError, match="keep_times=True needs a time column"):
        prepare_split(*untimed, keep_times=True, verbose=False)


def test_the_numbers_of_another_data_set_are_kept() -> None:
    titles = pd.DataFrame({"title": ["Forty", "Fifty"]}, index=[40, 50])
    log = pd.DataFrame({"user": ["z", "c"], "item": [50, 40]})
    before = prepare(log, titles, min_item_count=1, verbose=False)  # c is 1, z is 2; 40, 50
    data = prepare_split(TRAIN, VALID, TEST, like=before, verbose=False)
    assert data.raw_users[1:].tolist() == ["c", "z", "a", "b"]
    assert data.raw_items[1:].tolist() == [40, 50, 10, 20, 30]
    assert data.user_test == {3: [3, 1], 4: [], 1: [3]}  # z has nothing here
    assert [data.title(raw) for raw in (50, 10)] == ["Fifty", "item 10"]
    assert data.vocabulary.items.begins_with(before.vocabulary.items)
    with pytest.raises(ValueError, match=r"user ids are text in like=.*numbers in the log"):
        prepare_split(*(t.assign(user=1) for t in (TRAIN, VALID, TEST)), like=before)


def test_it_is_ranked_as_by_hand() -> None:
    """One test item for each user; the ranks of popularity are counted in plain Python."""
    rng = np.random.default_rng(0)
    rows: list[tuple[int, int]] = []
    for user in range(1, 20):
        rows += [(user, int(i)) for i in rng.choice(np.arange(1, 31), 5, replace=False)]
    train = pd.DataFrame(rows, columns=["user", "item"])
    test = pd.DataFrame({"user": range(1, 20), "item": rng.integers(1, 31, 19)})
    data = prepare_split(train, None, test, verbose=False)
    assert len(data.train.items) == len(train)  # all of it is for training
    counts = train["item"].value_counts()
    known = sorted(set(train["item"]) | set(test["item"]))
    expected = []
    for user, target in test.itertuples(index=False):
        seen = set(train.loc[train["user"] == user, "item"])
        others = [i for i in known if i != target and i not in seen]
        own = counts.get(target, 0)
        expected.append(
            (
                sum(counts.get(i, 0) > own for i in others),
                sum(counts.get(i, 0) == own for i in others),
            )
        )
    ranks = full_ranks(Popularity(data), data)
    assert list(zip(ranks.better.tolist(), ranks.tied.tolist(), strict=True)) == expected
    assert len(sampled_ranks(Popularity(data), data)) == 19
