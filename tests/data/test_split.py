"""Splits: by sizes, by dicts that somebody edits, and those that are there already."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.split import Split

LISTS = {1: [5, 1, 2, 3, 4], 2: [2, 1, 3], 4: [5, 4]}  # nobody is user 3


def dataset(lists: dict[int, list[int]] = LISTS, **options: Any) -> SASRecDataSet:
    return SASRecDataSet.from_sequences(lists, **options)


def by_hand(lists: dict[int, list[int]], valid: int, test: int, least: int) -> list[dict]:
    parts: list[dict[int, list[int]]] = [{}, {}, {}]
    for user, items in lists.items():
        held = valid + test if len(items) >= least else 0
        first, second = len(items) - held, len(items) - (test if held else 0)
        for part, own in zip(
            parts, (items[:first], items[first:second], items[second:]), strict=True
        ):
            part[user] = own
    return parts


SIZES = [(1, 1, 3), (2, 1, 4), (1, 2, 4), (2, 2, 5), (0, 1, 2), (1, 0, 2), (0, 0, 1), (0, 2, 5)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("taken", [True, False])
def test_the_last_are_the_test_those_before_them_the_validation(
    sizes: tuple[int, int, int], taken: bool
) -> None:
    data = dataset()
    if taken:
        assert data.user_train[1] == [5, 1, 2]
    data.split(1, 1)
    data.split(*sizes)  # in place of the one before
    train, valid, test = by_hand(LISTS, *sizes)
    assert {u: data.train[u].tolist() for u in LISTS} == train
    firsts = [[part.get(u, [0])[:1] or [0] for u in range(5)] for part in (valid, test)]
    assert data.valid_item.tolist() == [x[0] for x in firsts[0]]
    assert data.test_item.tolist() == [x[0] for x in firsts[1]]
    assert (data.user_train, data.user_valid, data.user_test) == (train, valid, test)
    assert {u: data.history("test")[u].tolist() for u in LISTS} == {
        u: train[u] + valid[u] for u in LISTS
    }
    assert data.history("valid") == data.train
    assert {u: data.sequences[u].tolist() for u in LISTS} == LISTS
    assert data.User == LISTS
    assert data.Items == {1, 2, 3, 4, 5}


def test_split_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    data = dataset()
    assert data.split() == {
        "num_users": 4,
        "num_items": 5,
        "users_with_splits": 2,
        "users_train_only": 1,
        "valid_size": 1,
        "test_size": 1,
        "min_interactions": 3,
    }
    assert capsys.readouterr().out == ""
    numbers = data.split(valid_size=2, test_size=1, min_interactions=4, verbose=True)
    assert (numbers["users_with_splits"], numbers["users_train_only"]) == (1, 2)
    said = capsys.readouterr().out
    for words in ("Split complete", "Total users: 4", "Total items: 5", "the last 1 items"):
        assert said.count(words) == 1


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"valid_size": 2}, "min_interactions=3 is below .* = 4.*give min_interactions=4 or more"),
        ({"min_interactions": 2}, "min_interactions=2 is below valid_size \\+ test_size \\+ 1 = 3"),
        ({"test_size": -1}, "test_size=-1 must be a whole number"),
        ({"valid_size": 1.0}, "valid_size=1.0 must be a whole number"),
        ({"valid_size": True}, "valid_size=True must be a whole number"),
        ({"min_interactions": "3"}, "min_interactions='3' must be a whole number"),
    ],
)
def test_sizes_that_cannot_be(sizes: dict[str, Any], message: str) -> None:
    data = dataset()
    with pytest.raises(ValueError, match=message):
        data.split(**sizes)
    assert data.user_test[1] == [4]  # the split so far still stands


def test_a_data_set_without_a_file() -> None:
    data = SASRecDataSet()
    assert (data.filename, data.col_sep, data.with_time) == (None, " ", False)
    assert (data.usernum, data.itemnum) == (0, 0)
    assert repr(data) == "SASRecDataSet(empty)"
    with pytest.raises(ValueError, match="Filename is required"):
        data.split()
    for use in (
        lambda: data.train,
        lambda: data.targets("test"),
        lambda: data.describe(),
        lambda: data.User,
        lambda: data.fingerprint,
    ):
        with pytest.raises(ValueError, match=r"needs a file, SASRecDataSet\(filename="):
            use()


def test_a_data_set_that_is_filled_by_hand() -> None:
    data = SASRecDataSet()
    data.user_train[1] = [1, 2]
    data.user_train[3] = [4]
    data.user_test = {1: [3]}
    with pytest.raises(ValueError, match="user_train has user 1, beyond usernum=0"):
        data.train  # noqa: B018 - reading it is what is tested
    data.usernum, data.itemnum = 3, 9
    assert data.train == Sequences.from_lists({1: [1, 2], 3: [4]})
    assert data.test_item.tolist() == [0, 3, 0, 0]
    assert data.User == {1: [1, 2, 3], 3: [4]}
    assert repr(data) == "SASRecDataSet(2 users, 9 items, 4 interactions)"
    with pytest.raises(ValueError, match="Filename is required"):
        data.split()


def test_what_recommenders_data_set_has(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("1 3 20\n1 2 10\n2 5 30\n")
    data = SASRecDataSet(filename=path)
    assert (data.filename, data.col_sep, data.with_time) == (path, " ", True)
    assert data.User == {1: [2, 3], 2: [5]}
    assert data.Items == {2, 3, 5}
    path.write_text("1\t3\n")
    assert SASRecDataSet(path, "\t").with_time is False
    with pytest.raises(AttributeError):
        data.User = {}  # type: ignore[misc]  # it would change nothing


# Edits


def edited(change: str) -> SASRecDataSet:
    """`dataset()`, all of whose forms were read before somebody edits the dicts."""
    data = dataset(itemnum=9)
    assert data.fingerprint == dataset(itemnum=9).fingerprint
    assert (len(data.train.items), len(data.history("test").items)) == (6, 8)
    exec(change, {"data": data})
    return data


@pytest.mark.parametrize(
    ("change", "train", "valid", "test"),
    [
        ("data.user_train[1] = [7, 7]", {1: [7, 7]}, {}, {}),
        ("data.user_train[1].append(9)", {1: [5, 1, 2, 9]}, {}, {}),
        ("data.user_train[1][0] = 6", {1: [6, 1, 2]}, {}, {}),
        ("del data.user_train[1]", {1: []}, {}, {}),
        ("data.user_train.pop(4); data.user_train[3] = [1]", {3: [1], 4: []}, {}, {}),
        ("data.user_test[4] = [8]", {}, {}, {4: [8]}),
        ("data.user_test[1].insert(0, 8)", {}, {}, {1: [8, 4]}),
        ("data.user_valid[2].clear()", {}, {2: []}, {}),
        ("data.user_valid = {1: [9, 8]}", {}, {1: [9, 8], 2: []}, {}),
        ("import numpy as np; data.user_train[1] = np.array([7, 8])", {1: [7, 8]}, {}, {}),
        ("data.user_train[1] = (7, 8)", {1: [7, 8]}, {}, {}),
        ("data.user_train = dict(reversed(data.user_train.items()))", {}, {}, {}),
    ],
)
def test_edited_dicts_are_what_is_used(
    change: str, train: dict[int, Any], valid: dict[int, Any], test: dict[int, Any]
) -> None:
    data = edited(change)
    parts = by_hand(LISTS, 1, 1, 3)
    for part, new in zip(parts, (train, valid, test), strict=True):
        part.update(new)
    expected = [[part.get(u, []) for u in range(1, 5)] for part in parts]
    for _ in range(2):  # again, now that it was seen
        assert [data.train[u].tolist() for u in range(1, 5)] == expected[0]
        shown = [a + b for a, b in zip(*expected[:2], strict=True)]
        assert [data.history("test")[u].tolist() for u in range(1, 5)] == shown
        whole = [a + b for a, b in zip(shown, expected[2], strict=True)]
        assert [data.sequences[u].tolist() for u in range(1, 5)] == whole
        for items, firsts in ((data.valid_item, expected[1]), (data.test_item, expected[2])):
            has_one = [(f or [0])[0] if t else 0 for t, f in zip(expected[0], firsts, strict=True)]
            assert items.tolist() == [0, *has_one]
    changed = "reversed" not in change
    assert (data.fingerprint != dataset(itemnum=9).fingerprint) == changed
    assert data.fingerprint == SASRecDataSet.from_split(*parts, 4, 9).fingerprint
    assert data.User == LISTS  # what was read
    data.split()
    assert data.user_train == by_hand(LISTS, 1, 1, 3)[0]
    assert data.fingerprint == dataset(itemnum=9).fingerprint


def test_an_edit_of_another_data_sets_dicts_changes_nothing_here() -> None:
    data = dataset()
    other = copy.deepcopy(data)
    other.user_train[1].append(3)
    assert len(other.train.items) == len(data.train.items) + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.user_train[1].append(0)", r"user_train\[1\] holds 0: .* 1 to itemnum=9"),
        ("data.user_train[2] = [10]", r"user_train\[2\] holds 10: .* 1 to itemnum=9"),
        ("data.user_test[2] = [-3]", r"user_test\[2\] holds -3"),
        ("data.user_test[2] = [1.0]", r"user_test\[2\] holds 1.0"),
        ("data.user_test[2] = [float('nan')]", r"user_test\[2\] holds nan"),
        ("data.user_train[2] = [1, True]", r"user_train\[2\] holds True"),
        ("data.user_train[2] = [1, None]", r"user_train\[2\] holds None"),
        ("data.user_train[2] = [10**30]", r"user_train\[2\] holds 10000"),
        ("data.user_train[2] = '12'", r"user_train\[2\] holds '1'"),
        ("data.user_valid[2] = 3", r"user_valid\[2\] must be a list of items, got 3"),
        ("data.user_valid[2] = {3}", r"user_valid\[2\] must be a list of items, got \{3\}"),
        ("data.user_valid[2] = [[1], [2]]", r"user_valid\[2\] holds \[1\]"),
        ("data.user_valid[5] = [1]", "user_valid has user 5, beyond usernum=4"),
        ("data.user_valid[0] = [1]", "user_valid: user id 0 is outside 1"),
        ("data.user_valid['a'] = [1]", "user_valid: user id 'a' is not a whole number"),
        ("data.user_train = {}; data.user_valid = {}; data.user_test = {}", "no interactions"),
    ],
)
def test_ids_in_edited_dicts_are_checked(change: str, message: str) -> None:
    data = edited(change)
    for read in (lambda: data.train, lambda: data.targets("test"), lambda: data.fingerprint):
        with pytest.raises(ValueError, match=message):
            read()


def test_what_is_no_dict_is_named() -> None:
    with pytest.raises(TypeError, match=r"user_test must be a dict .* got list"):
        edited("data.user_test = [[1]]").targets("test")


def test_times_cannot_follow_an_edit() -> None:
    times = {user: list(range(100, 100 + len(items))) for user, items in LISTS.items()}
    data = dataset(Sequences.from_lists(LISTS, times=times))  # type: ignore[arg-type]
    assert data.user_train[1] == [5, 1, 2]
    assert data.history("test").times is not None  # looking is no edit
    data.user_train[1].append(3)
    with pytest.raises(ValueError, match="keep_times=False"):
        data.train  # noqa: B018 - reading it is what is tested


# A split that is there already


def test_a_split_that_is_there_already() -> None:
    train, valid, test = {1: [1, 2], 3: [2]}, {1: [3]}, {3: [1, 2], 1: [4]}
    titles = pd.DataFrame({"title": list("abcdef")}, index=range(1, 7))
    data = SASRecDataSet.from_split(train, valid, test, usernum=5, itemnum=6, items=titles)
    assert (data.usernum, data.itemnum, data.title(6)) == (5, 6, "f")
    assert data.sequences == Sequences.from_lists({1: [1, 2, 3, 4], 3: [2, 1, 2]}, 5)
    assert data.train == Sequences.from_lists(train, 5)
    assert data.history("test") == Sequences.from_lists({1: [1, 2, 3], 3: [2]}, 5)
    assert data.valid_item.tolist() == [0, 3, 0, 0, 0, 0]
    assert data.test_item.tolist() == [0, 4, 0, 1, 0, 0]
    assert data.held_out("test").tolist() == [0, 1, 0, 2, 0, 0]
    assert list(data.history_frame(3)["split"]) == ["train", "test", "test"]
    flat = SASRecDataSet.from_split(Sequences.from_lists(train), valid, test)
    assert (flat.usernum, flat.itemnum) == (3, 4)
    assert flat.train == Sequences.from_lists(train)
    with pytest.raises(ValueError, match=r"user_valid\[1\] holds 3: .* 1 to itemnum=2"):
        SASRecDataSet.from_split(train, valid, {}, itemnum=2)
    with pytest.raises(ValueError, match="user_train has user 3, beyond usernum=2"):
        SASRecDataSet.from_split(train, valid, {}, usernum=2)
    with pytest.raises(ValueError, match="user id 2000000000 with only 6 interactions"):
        SASRecDataSet.from_split(train, {2_000_000_000: [3, 4, 5]}, {})


def test_the_history_frame_follows_the_split() -> None:
    data = dataset()
    data.split(2, 1, 4)
    assert list(data.history_frame(1)["split"]) == ["train"] * 2 + ["valid"] * 2 + ["test"]
    assert list(data.history_frame(2)["split"]) == ["train"] * 3


def test_every_split_has_a_fingerprint_of_its_own() -> None:
    prints = []
    for sizes in SIZES:
        data = dataset()
        data.split(*sizes)
        prints.append(data.fingerprint)
        _ = data.user_train
        assert data.fingerprint == prints[-1]
    assert prints[0] == dataset().fingerprint
    assert len(set(prints)) == len(prints)
    moved = SASRecDataSet.from_split({1: [1], 2: [1, 2]}, {1: [2]}, {})
    same_counts = SASRecDataSet.from_split({1: [1, 2], 2: [1]}, {2: [2]}, {})
    assert moved.fingerprint != same_counts.fingerprint


@pytest.mark.parametrize(
    ("sizes", "split", "message"),
    [
        ((1, 0, 3), "test", r"no test item, as .* test_size=0: dataset\.split\(test_size=1\)"),
        ((0, 1, 3), "valid", r"no validation item, as .* valid_size=0"),
        ((1, 1, 9), "test", "no user has 9 items or more"),
    ],
)
def test_no_targets_says_how_to_get_some(
    sizes: tuple[int, int, int], split: str, message: str
) -> None:
    data = dataset()
    data.split(*sizes)
    with pytest.raises(ValueError, match=message):
        data.targets(split)
    assert not (data.test_item if split == "test" else data.valid_item).any()


def test_no_targets_in_dicts() -> None:
    data = SASRecDataSet.from_split({1: [1, 2]}, {2: [1]}, {})
    for split in ("valid", "test"):  # user 2 has nothing to be shown
        with pytest.raises(ValueError, match=f"user_{split} holds no item of a user who has"):
            data.targets(split)


def test_random_parts_are_joined_in_order() -> None:
    rng = np.random.default_rng(0)
    parts: list[dict[int, list[int]]] = [
        {
            int(u): rng.integers(1, 50, rng.integers(0, 6)).tolist()
            for u in rng.permutation(np.arange(1, 41))[:30]
        }
        for _ in range(3)
    ]
    split = Split.from_lists(*parts, usernum=45, itemnum=50)
    for user in range(1, 46):
        own = [part.get(user, []) for part in parts]
        assert split.sequences[user].tolist() == [*own[0], *own[1], *own[2]]
        assert split.train[user].tolist() == own[0]
        assert split.history("test")[user].tolist() == own[0] + own[1]
