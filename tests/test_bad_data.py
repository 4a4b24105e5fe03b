"""Generated bad data: every input gives the right result or a clear error, and none hangs.

What comes out is checked against a slow reading in plain Python, written here independently.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.download import FILES
from seqrec_lib.data.movielens import read_movielens
from seqrec_lib.data.preparation import filter_ratings, prepare
from seqrec_lib.data.readers import read_interactions
from seqrec_lib.data.sequences import Sequences

# The numbers made up here are small, as ratings are: see test_readers.py for what is said of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*the third column holds:UserWarning")

LARGEST_ID = 2**31 - 1
Result = TypeVar("Result")


def cases(count: int) -> settings:
    """So many generated examples, the same ones each time."""
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],  # one file, written anew
    )


def clear(error: Exception, *names: str) -> None:
    """A ValueError of ours: it says something, and names what it is about."""
    text = str(error)
    assert len(text) > 15
    assert any(name in text for name in names), text


# --- text files ---------------------------------------------------------------------------------


def _read_slowly(content: bytes, sep: str) -> list[tuple[float, ...]] | None:
    """Rows of numbers, or None where the file breaks a rule; blanks at a line's end are no rule."""
    lines = content.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [line.rstrip(" \t") for line in lines]
    rows = [line.split(sep) for line in lines if line]
    if not rows or len(rows[0]) not in (2, 3) or any(len(row) != len(rows[0]) for row in rows):
        return None
    try:
        table = [tuple(map(float, row)) for row in rows]
    except ValueError:
        return None
    ids = [value for row in table for value in row[:2]]
    whole = all(1 <= value <= LARGEST_ID and value == math.floor(value) for value in ids)
    return table if whole and all(map(math.isfinite, sum(table, ()))) else None


_FAULTS = r", line \d+: | is empty| holds no rows| is packed by | is a | is damaged utf-16"


def _check_file(path: Path, content: bytes, sep: str) -> None:
    path.write_bytes(content)
    expected = _read_slowly(content, sep)
    if expected is None:
        with pytest.raises(ValueError, match=rf"^rows\.txt({_FAULTS})"):
            read_interactions(path, sep=sep)
    else:
        found = read_interactions(path, sep=sep)
        assert found.to_numpy().tolist() == [list(row) for row in expected]


FIELDS = st.one_of(
    st.integers(1, 9).map(str),
    st.integers(1, 9).map(str),
    st.sampled_from(
        [
            *("0", "-1", "", " ", "1.0", "1.5", "1e3", "1e-3", "nan", "NaN", "inf", "-inf", "None"),
            *("+2", "007", "0x1F", "1_000", "true", '"1"', "x", "é", "\x00", "2147483647"),
            *("2147483648", "4294967297", "9" * 19, "9" * 40, "-" + "9" * 40, "1 2", "1\t2", "1,2"),
        ]
    ),
)
LINES = st.lists(st.lists(FIELDS, min_size=1, max_size=4), max_size=5)


@given(content=st.binary(max_size=60), sep=st.sampled_from([" ", "\t", ",", "::"]))
@cases(500)
def test_random_bytes(tmp_path: Path, content: bytes, sep: str) -> None:
    _check_file(tmp_path / "rows.txt", content, sep)


@given(
    content=st.text("0123456789 \t,.:-+e\r\n\x00nN", max_size=30),
    sep=st.sampled_from([" ", "\t", ",", "::"]),
)
@cases(500)
def test_random_numbers_and_separators(tmp_path: Path, content: str, sep: str) -> None:
    _check_file(tmp_path / "rows.txt", content.encode(), sep)


@given(lines=LINES, sep=st.sampled_from([" ", "\t", "::"]), end=st.sampled_from(["\n", "\r\n", ""]))
@example(lines=[["1", "2"], ["1", "1e3"]], sep=" ", end="\n")
@cases(500)
def test_nearly_right_files(tmp_path: Path, lines: list[list[str]], sep: str, end: str) -> None:
    content = "\n".join(sep.join(line) for line in lines) + end
    _check_file(tmp_path / "rows.txt", content.encode("latin-1"), sep)


GOOD_FILMS = {
    "u.item": b"1|A (1990)|||" + b"|0" * 19 + b"\n",
    "movies.dat": b"1::A (1990)::Drama\n",
    "movies.csv": b"movieId,title,genres\n1,A (1990),Drama\n",
}
GOOD_RATINGS = {
    "u.data": b"1\t1\t5\t9\n",
    "ratings.dat": b"1::1::5::9\n",
    "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,5,9\n",
}


@given(
    name=st.sampled_from(["ml-100k", "ml-1m", "ml-latest-small"]),
    which=st.sampled_from([0, 1]),
    cut=st.integers(0, 60),
    junk=st.one_of(st.binary(max_size=12), st.text('01|:,"\n\r\tA.-', max_size=12).map(str.encode)),
)
@cases(300)
def test_movielens_files_with_junk_in_them(
    tmp_path: Path, name: str, which: int, cut: int, junk: bytes
) -> None:
    good = {**GOOD_RATINGS, **GOOD_FILMS}
    for file in FILES[name]:
        (tmp_path / file).write_bytes(good[file])
    file = FILES[name][which]
    (tmp_path / file).write_bytes(good[file][:cut] + junk + good[file][cut:])
    try:
        data = read_movielens(name, tmp_path)
    except ValueError as error:
        clear(error, file)
    else:
        assert data.ratings["user"].between(1, LARGEST_ID).all()
        assert data.ratings["item"].between(1, LARGEST_ID).all()
        assert np.isfinite(data.ratings["rating"]).all()
        assert data.items.index.is_unique
        assert data.items["title"].notna().all()


# --- tables -------------------------------------------------------------------------------------

IDS = st.one_of(
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([0, -1, 2**31, 2**40, -(2**62), 2**63 - 1]),
    st.sampled_from([float("nan"), float("inf"), 1.5, None, "a", "1"]),
)
TIMES = st.one_of(
    st.integers(0, 3), st.sampled_from([-1, 2**62, -(2**62), 0.5, float("nan"), float("inf"), None])
)


def _tables(ids: st.SearchStrategy[object]) -> st.SearchStrategy[pd.DataFrame]:
    with_time = st.lists(st.tuples(ids, ids, TIMES), max_size=8).map(
        lambda rows: pd.DataFrame(rows, columns=["user", "item", "time"])
    )
    without = st.lists(st.tuples(ids, ids), max_size=8).map(
        lambda rows: pd.DataFrame(rows, columns=["user", "item"])
    )
    return st.one_of(with_time, without)


def _or_error(make: Callable[[], Result]) -> Result | None:
    try:
        return make()
    except ValueError as error:
        clear(error, "user", "item", "time", "rows", "row is left", "interactions", "mixes")
        return None


@given(table=_tables(IDS), least=st.integers(0, 2), ties=st.sampled_from(["file", "item"]))
@cases(500)
def test_prepare_any_table(table: pd.DataFrame, least: int, ties: str) -> None:
    timed = "time" in table
    dataset = _or_error(
        lambda: prepare(table, min_item_count=least, ties=ties, keep_times=timed)  # type: ignore[arg-type]
    )
    if dataset is None:
        return
    rows = list(zip(*(table[name].tolist() for name in table.columns), strict=True))
    often = [item for _, item, *_ in rows]
    kept = [row for row in rows if often.count(row[1]) >= least]
    if ties == "item":
        kept.sort(key=lambda row: row[1])
    if timed:
        kept.sort(key=lambda row: row[2])
        assert dataset.sequences.times is not None
        by_user = sorted(kept, key=lambda row: row[0])
        assert dataset.sequences.times.tolist() == [time for _, _, time in by_user]
    expected: dict[object, list[object]] = {}
    for user, item, *_ in kept:
        expected.setdefault(user, []).append(item)
    assert dataset.items is not None
    raw_items = [None, *dataset.items["raw_id"].tolist()]
    found = {
        dataset.raw_users[u]: [raw_items[i] for i in dataset.sequences[u]]
        for u in dataset.sequences
    }
    assert found == expected
    assert raw_items[1:] == sorted(raw_items[1:])
    _check_dataset(dataset)


@given(table=_tables(IDS))
@cases(200)
def test_interactions_in_any_table(table: pd.DataFrame) -> None:
    dataset = _or_error(lambda: SASRecDataSet.from_interactions(table))
    if dataset is not None:
        assert len(dataset.sequences.items) == len(table)
        assert dataset.usernum == table["user"].max()
        _check_dataset(dataset)


@given(
    lists=st.dictionaries(
        st.one_of(st.integers(1, 5), st.integers(1, 5), IDS),
        st.lists(st.one_of(st.integers(1, 5), st.integers(1, 5), IDS), max_size=5),
        max_size=4,
    )
)
@cases(300)
def test_any_lists(lists: dict[int, list[int]]) -> None:
    dataset = _or_error(lambda: SASRecDataSet.from_sequences(lists))
    if dataset is not None:
        users = [u for u in dataset.sequences if len(dataset.sequences[u])]
        assert {u: dataset.sequences[u].tolist() for u in users} == lists
        _check_dataset(dataset)


def _check_dataset(dataset: SASRecDataSet) -> None:
    """The split adds up to the sequences, and every id is in range."""
    for user in dataset.sequences:
        items = dataset.sequences[user].tolist()
        if items:
            train, valid, test = (
                part[user] for part in (dataset.user_train, dataset.user_valid, dataset.user_test)
            )
            assert train + valid + test == items
            assert (len(valid), len(test)) == ((1, 1) if len(items) > 2 else (0, 0))
        else:
            assert user not in dataset.user_train
    assert 1 <= dataset.sequences.items.min() <= dataset.sequences.items.max() <= dataset.itemnum


@pytest.mark.parametrize("rows", [1, 2, 3, 100_000])
def test_one_user_one_item(rows: int) -> None:
    """Rows that repeat each other stay: a history of the same film again and again."""
    table = pd.DataFrame({"user": [7] * rows, "item": [9] * rows, "time": [5] * rows})
    assert len(filter_ratings(table, 1)) == rows
    dataset = prepare(table, min_item_count=1)
    assert (dataset.usernum, dataset.itemnum) == (1, 1)
    assert dataset.sequences[1].tolist() == [1] * rows
    assert dataset.test_item[1] == (1 if rows > 2 else 0)
    assert len(dataset.train.items) == (rows - 2 if rows > 2 else rows)


@pytest.mark.parametrize("length", [1, 2, 100_000])
def test_a_user_who_has_seen_every_item(length: int) -> None:
    sequences = Sequences.from_lists({1: np.arange(1, length + 1)})
    dataset = SASRecDataSet.from_sequences(sequences)
    assert dataset.itemnum == length
    assert dataset.sequences.padded([1]).shape == (1, length)
