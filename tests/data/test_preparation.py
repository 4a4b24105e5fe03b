"""Filtering, ordering, numbering; and the papers' own file, exactly."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.movielens import load_movielens
from seqrec_lib.data.preparation import filter_ratings, prepare
from seqrec_lib.data.sample.world import SampleWorld
from seqrec_lib.data.sequences import Sequences


def _table(*rows: tuple[int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["user", "item", "time"])


def _raw_sequences(dataset: SASRecDataSet) -> dict[int, list[int]]:
    """Sequences in raw ids."""
    assert dataset.items is not None
    raw = np.append(0, dataset.items["raw_id"].to_numpy())
    return {
        int(dataset.raw_users[u]): raw[dataset.sequences[u]].tolist() for u in dataset.sequences
    }


# --- the papers' file ---------------------------------------------------------------------------


def test_movielens_1m_is_the_papers_file(real_data: Path) -> None:
    """SASRec's and SSE-PT's ml-1m.txt, item by item for all 6,040 users, and in under 5 s."""
    begin = time.perf_counter()
    dataset = prepare(load_movielens("ml-1m", path=real_data, download=False))
    assert time.perf_counter() - begin < 5
    papers = np.loadtxt(real_data / "ml-1m" / "ml-1m.txt", dtype=np.int64)
    item_ids = dict(np.loadtxt(real_data / "ml-1m" / "sasrec_item_ids.txt", dtype=np.int64))
    user_ids = dict(np.loadtxt(real_data / "ml-1m" / "sasrec_user_ids.txt", dtype=np.int64))
    expected: dict[int, list[int]] = {}
    for user, item in papers.tolist():
        expected.setdefault(user_ids[user], []).append(item_ids[item])
    assert (dataset.usernum, dataset.itemnum) == (6040, 3416)
    assert len(dataset.sequences.items) == 999_611
    assert _raw_sequences(dataset) == expected


def test_other_tie_rules_give_other_sequences(real_data: Path) -> None:
    """Why the rule for ties is explicit: by movie id only 14 of 6,040 users stay as they were."""
    data = load_movielens("ml-1m", path=real_data, download=False)
    as_in_file = prepare(data).sequences
    by_item = prepare(data, ties="item").sequences
    by_chance = prepare(data, ties="random", seed=0).sequences
    assert sum(np.array_equal(as_in_file[u], by_item[u]) for u in as_in_file) == 14
    assert sum(np.array_equal(as_in_file[u], by_chance[u]) for u in as_in_file) < 100
    for u in (1, 3000, 6040):
        assert sorted(as_in_file[u]) == sorted(by_item[u]) == sorted(by_chance[u])


# --- filter -------------------------------------------------------------------------------------


def test_single_pass_counts_the_table_as_given() -> None:
    """Item 9 has one row; without it user 2 has one row left, which the single pass keeps."""
    table = _table((1, 7, 0), (1, 8, 1), (2, 7, 2), (2, 9, 3), (3, 8, 4), (3, 7, 5))
    kept = filter_ratings(table, min_item_count=2, min_user_count=2)
    assert kept.to_numpy().tolist() == [[1, 7, 0], [1, 8, 1], [2, 7, 2], [3, 8, 4], [3, 7, 5]]
    assert kept.index.tolist() == [0, 1, 2, 4, 5]
    stable = filter_ratings(table, min_item_count=2, min_user_count=2, until_stable=True)
    assert stable["user"].tolist() == [1, 1, 3, 3]


def test_nothing_to_drop_and_nothing_left() -> None:
    table = _table((1, 7, 0), (2, 7, 2))
    pd.testing.assert_frame_equal(filter_ratings(table, 2), table)
    with pytest.raises(ValueError, match="no row is left with min_item_count=3"):
        filter_ratings(table, 3)
    with pytest.raises(ValueError, match="min_user_count=-1"):
        filter_ratings(table, 1, min_user_count=-1)


PAIRS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=40)


@given(pairs=PAIRS, items=st.integers(0, 4), users=st.integers(0, 4), stable=st.booleans())
@settings(max_examples=150, derandomize=True, deadline=None)
def test_filter_against_counting_in_python(
    pairs: list[tuple[int, int]], items: int, users: int, stable: bool
) -> None:
    left = list(pairs)
    while True:
        count_user = [u for u, _ in left]
        count_item = [i for _, i in left]
        now = [
            (u, i) for u, i in left if count_item.count(i) >= items and count_user.count(u) >= users
        ]
        changed, left = now != left, now
        if not (changed and stable):
            break
    table = pd.DataFrame(pairs, columns=["user", "item"])
    if left:
        result = filter_ratings(table, items, users, until_stable=stable)
        assert list(result.itertuples(index=False, name=None)) == left
    else:
        with pytest.raises(ValueError, match="no row is left"):
            filter_ratings(table, items, users, until_stable=stable)


# --- order and ids ------------------------------------------------------------------------------

TIES = _table((5, 30, 2), (5, 20, 1), (5, 10, 2), (5, 40, 1), (2, 10, 9), (2, 40, 3))


def test_order_by_time_and_rules_for_ties() -> None:
    def of_user_5(**rule: object) -> list[int]:
        return _raw_sequences(prepare(TIES, min_item_count=1, **rule))[5]  # type: ignore[arg-type]

    assert of_user_5() == of_user_5(ties="file") == [20, 40, 30, 10]
    assert of_user_5(ties="item") == [20, 40, 10, 30]
    drawn = {tuple(of_user_5(ties="random", seed=seed)) for seed in range(40)}
    assert drawn == {(20, 40, 30, 10), (40, 20, 30, 10), (20, 40, 10, 30), (40, 20, 10, 30)}
    assert of_user_5(ties="random", seed=3) == of_user_5(ties="random", seed=3)


def test_ids_follow_the_order_of_raw_ids() -> None:
    dataset = prepare(TIES, min_item_count=1)
    assert dataset.items is not None
    assert dataset.items["raw_id"].tolist() == [10, 20, 30, 40]
    assert dataset.items.index.tolist() == [1, 2, 3, 4]
    assert dataset.raw_users[1:].tolist() == [2, 5]
    assert dataset.sequences[1].tolist() == [4, 1]


def test_dropped_items_leave_no_gap() -> None:
    dataset = prepare(TIES, min_item_count=2)
    assert dataset.items is not None
    assert dataset.items["raw_id"].tolist() == [10, 40]
    assert _raw_sequences(dataset) == {2: [40, 10], 5: [40, 10]}


def test_without_time_the_file_decides() -> None:
    dataset = prepare(TIES[["user", "item"]], min_item_count=1)
    assert _raw_sequences(dataset) == {2: [10, 40], 5: [30, 20, 10, 40]}


@pytest.mark.parametrize(
    "time_values",
    [
        np.array([2, 1, 2, 1, 9, 3], dtype=np.int32),
        np.array([2, 1, 2, 1, 9, 3]) * 10**17,  # too wide for one combined key
        np.array([0.2, 0.1, 0.2, 0.1, 0.9, 0.3]),
        np.array([2, 1, 2, 1, 9, 3]) - 10**15,
        pd.to_datetime(["2002", "2001", "2002", "2001", "2009", "2003"]),
    ],
)
def test_any_kind_of_time(time_values: np.ndarray) -> None:
    assert _raw_sequences(prepare(TIES.assign(time=time_values), min_item_count=1)) == {
        2: [40, 10],
        5: [20, 40, 30, 10],
    }


@pytest.mark.parametrize("scale", [1, 10**12, -(10**9)])
def test_any_whole_ids(scale: int) -> None:
    table = TIES.assign(user=TIES["user"] * scale, item=TIES["item"] * scale)
    expected = {2 * scale: [40 * scale, 10 * scale]}
    found = _raw_sequences(prepare(table, min_item_count=1))
    assert found.items() >= expected.items()


def test_text_ids_and_titles() -> None:
    table = TIES.assign(user=TIES["user"].map({5: "eve", 2: "bob"}), item=TIES["item"].astype(str))
    films = pd.DataFrame({"title": ["Ten (1990)", "Forty (1991)"]}, index=["10", "40"])
    dataset = prepare(table, films, min_item_count=1)
    assert dataset.raw_users[1:].tolist() == ["bob", "eve"]
    assert dataset.items is not None
    assert dataset.items["title"].tolist() == ["Ten (1990)", "item 20", "item 30", "Forty (1991)"]
    assert dataset.items["genres"].tolist() == [""] * 4
    assert (dataset.item_id("forty"), dataset.item_number("forty")) == ("40", 4)


def test_titles_genres_and_year_follow_their_items(
    sample_world: SampleWorld, sample_dataset: SASRecDataSet
) -> None:
    raw = sample_world.movielens.items
    items = sample_dataset.items
    assert items is not None
    assert list(items.columns) == ["title", "genres", "year", "raw_id"]
    for column in ("title", "genres", "year"):
        assert items[column].tolist() == raw[column].loc[items["raw_id"]].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="item"), "column 'item' is missing"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.assign(user=t["user"].where(t["item"] != 20)), "'user' has no value in row 1"),
        (lambda t: t.assign(time=[1, 2, np.nan, 4, 5, 6]), "'time' has no value in row 2"),
        (lambda t: t.assign(time=[1, 2, np.inf, 4, 5, 6]), "'time' must hold finite numbers"),
        (lambda t: t.assign(time=list("abcdef")), "'time' must hold finite numbers"),
        (lambda t: t.assign(item=[1, "a", 2, 3, 4, 5]), "mixes kinds of ids"),
        (lambda t: t.assign(item=[[1], [2], [3], [4], [5], [6]]), "mixes kinds of ids"),
        (lambda t: pd.concat([t, t[["user"]]], axis=1), "stands twice"),
    ],
)
def test_bad_tables(change: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(change(TIES))  # type: ignore[operator]


def test_bad_arguments_of_prepare() -> None:
    with pytest.raises(ValueError, match="ties='first'"):
        prepare(TIES, ties="first")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a seed"):
        prepare(TIES, ties="random")
    with pytest.raises(ValueError, match="needs a seed"):
        prepare(TIES, ties="file", seed=1)
    with pytest.raises(TypeError, match="min_items"):
        prepare(TIES, min_items=5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="DataFrame"):
        prepare([(1, 2)])  # type: ignore[arg-type]
    films = pd.DataFrame({"title": ["A", "B"]}, index=[10, 10])
    with pytest.raises(ValueError, match="one row for each raw id; 10 has several"):
        prepare(TIES, films, min_item_count=1)
    with pytest.raises(ValueError, match="title column"):
        prepare(TIES, films.rename(columns={"title": "name"}), min_item_count=1)


# --- times --------------------------------------------------------------------------------------


def test_times_are_kept_on_request_and_follow_their_items() -> None:
    assert prepare(TIES, min_item_count=1).sequences.times is None
    dataset = prepare(TIES, min_item_count=1, keep_times=True)
    assert dataset.sequences == Sequences.from_lists(
        {1: [4, 1], 2: [2, 4, 3, 1]}, times={1: [3, 9], 2: [1, 1, 2, 2]}
    )
    assert dataset.sequences.times is not None
    assert dataset.sequences.times.dtype == np.int64
    assert dataset.train.times is not None
    assert dataset.train.times.tolist() == [3, 9, 1, 1]
    dropped = prepare(TIES, min_item_count=2, ties="item", keep_times=True)
    assert dropped.sequences.padded_times([1, 2]).tolist() == [[3, 9], [1, 2]]
    with pytest.raises(ValueError, match="keep_times=True needs a time column"):
        prepare(TIES[["user", "item"]], min_item_count=1, keep_times=True)


@pytest.mark.parametrize("ties", ["file", "item", "random"])
def test_every_interaction_keeps_its_time(sample_world: SampleWorld, ties: str) -> None:
    seed = 4 if ties == "random" else None
    dataset = prepare(sample_world.movielens, ties=ties, seed=seed, keep_times=True)  # type: ignore[arg-type]
    assert dataset.items is not None
    raw = np.append(0, dataset.items["raw_id"].to_numpy())
    times = dataset.sequences.times
    assert times is not None
    found = zip(
        np.repeat(dataset.raw_users, dataset.sequences.lengths).tolist(),
        raw[dataset.sequences.items].tolist(),
        times.tolist(),
        strict=True,
    )
    ratings = filter_ratings(sample_world.movielens.ratings)[["user", "item", "time"]]
    assert sorted(found) == sorted(ratings.itertuples(index=False, name=None))
    inside = np.diff(np.repeat(np.arange(dataset.usernum + 1), dataset.sequences.lengths)) == 0
    assert (np.diff(times)[inside] >= 0).all()
