"""Tables as people have them: types of ids and times, names of columns, titles by id."""

import datetime
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.data.columns import columns_like
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.preparation import filter_ratings, prepare

LOG = pd.DataFrame(
    {"user": [7, 7, 7, 9, 9], "item": [3, 1, 2, 2, 3], "time": [978300760, 978300761, 4, 2, 1]}
)
EXPECTED = {7: [2, 3, 1], 9: [3, 2]}


def prepared(table: Any, *more: Any) -> SASRecDataSet:
    return prepare(table, *more, min_item_count=1, verbose=False)


def histories(data: SASRecDataSet) -> dict[Any, list[Any]]:
    assert data.items is not None
    raw = data.items["raw_id"].tolist()
    return {data.raw_users[u]: [raw[i - 1] for i in data.sequences[u]] for u in data.sequences}


# Ids


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "Int8", "float32"])
def test_small_types_do_not_wrap(kind: str) -> None:
    """A span of ids that the type itself cannot hold, as pandas' downcast gives them."""
    limits = {"int8": (-128, 127), "Int8": (-128, 127), "uint8": (0, 255), "uint16": (0, 65535)}
    low, high = limits.get(kind, (-30000, 30000))
    ids = [low, low + 1, high - 1, high]
    table = pd.DataFrame({"user": np.repeat(ids, 3), "item": [ids[0], ids[3], ids[2]] * 4})
    expected = {user: [ids[0], ids[3], ids[2]] for user in ids}
    assert histories(prepared(table.astype(kind))) == expected
    assert len(filter_ratings(table.astype(kind), 4)) == len(table)


def test_ids_beyond_64_bits_with_a_sign() -> None:
    table = pd.DataFrame({"user": [2**64 - 1, 1], "item": [2**63, 2**63 - 1]}, dtype="uint64")
    assert histories(prepared(table)) == {1: [2**63 - 1], 2**64 - 1: [2**63]}


@pytest.mark.parametrize(
    "change",
    [
        {"user": "float64", "item": "float32"},
        {"user": "Int64", "item": "UInt16"},
        {"user": "category", "item": "category"},
        {"time": "float64"},
        {"time": "Int64"},
        {"time": "UInt32"},
    ],
)
def test_numbers_of_any_type(change: dict[str, str]) -> None:
    assert histories(prepared(LOG.astype(change))) == EXPECTED


@pytest.mark.parametrize("kind", ["string", "object", "category"])
def test_text_of_any_type(kind: str) -> None:
    table = LOG.assign(user=LOG["user"].astype(str).astype(kind))
    assert histories(prepared(table)) == {str(u): items for u, items in EXPECTED.items()}


def test_arrow_and_polars() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")
    for table in (LOG, LOG.assign(user=LOG["user"].astype(str), time=pd.to_datetime(LOG["time"]))):
        arrow = table.convert_dtypes(dtype_backend="pyarrow")
        assert histories(prepared(arrow)) == histories(prepared(table))


def test_whatever_turns_into_a_table() -> None:
    class Frame:  # as polars and pyarrow have it
        def to_pandas(self) -> pd.DataFrame:
            return LOG

    assert histories(prepared(Frame())) == EXPECTED
    assert len(filter_ratings(Frame(), 2)) == 4  # type: ignore[arg-type]  # item 1 has one row
    with pytest.raises(TypeError, match="expected a pandas DataFrame, got list"):
        prepared([(1, 2)])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1.5, 2.0, 3.0, 4.0, 5.0], "column 'item' holds 1.5, which is not whole"),
        ([1.0, float("inf"), 3.0, 4.0, 5.0], "column 'item' holds inf, which is not whole"),
        ([2.0**53, 1.0, 2.0, 3.0, 4.0], "which is a float64 that has lost digits"),
        (["1.23457E+12", "a", "b", "c", "d"], r"holds '1.23457E\+12': a spreadsheet has rounded"),
        (["a", "b", "c", "d", "4,5E+08"], r"holds '4,5E\+08': a spreadsheet"),
        (["a", "b", "c", "d", ""], "column 'item' has an empty id"),
    ],
)
def test_ids_that_are_none(ids: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepared(LOG.assign(item=ids))


def test_text_that_only_looks_like_a_number_with_an_exponent() -> None:
    ids = ["7E10", "12e4", "7A10", "E+12", "1.5"]
    assert sorted(prepared(LOG.assign(item=ids)).items["raw_id"]) == sorted(ids)  # type: ignore[index]


# Times


@pytest.mark.parametrize(
    "time",
    [
        pd.to_datetime(LOG["time"], unit="s"),
        pd.to_datetime(LOG["time"], unit="s").dt.tz_localize("Asia/Tokyo"),
        pd.to_datetime(LOG["time"], unit="s").astype("datetime64[ms]"),
        LOG["time"] * 1000,
        LOG["time"] + 0.5,
        pd.Series([60, 61, 3, 2, 1], dtype="float32"),
        LOG["time"].astype(object),
        pd.to_datetime(LOG["time"], unit="s").astype(object),
    ],
)
def test_times_that_can_be_read(time: pd.Series) -> None:
    assert histories(prepared(LOG.assign(time=time))) == EXPECTED


@pytest.mark.parametrize(
    "time",
    [
        [datetime.date(2001, 1, day) for day in (3, 4, 2, 2, 1)],
        ["2001-01-03", "2001-01-04", "2001-01-02", "2001-01-02", "2001-01-01"],
        ["978300760", "978300761", "4", "2", "1"],
    ],
)
def test_times_that_have_to_be_converted_name_the_call(time: list[Any]) -> None:
    table = LOG.assign(time=pd.Series(time, dtype=object))
    with pytest.raises(ValueError, match="column 'time' must hold finite numbers") as caught:
        prepared(table)
    advice = re.search(r"table\['time'\] = .*", str(caught.value))
    assert advice is not None
    exec(advice[0], {"table": table, "pandas": pd})
    assert histories(prepared(table)) == EXPECTED


@pytest.mark.parametrize(
    "name", ["timestamp", "date", "ts", "unixReviewTime", "event_time", "when"]
)
def test_a_time_of_another_name_is_not_ignored(name: str) -> None:
    dated = name == "when"  # known by its type alone
    table = LOG.assign(time=pd.to_datetime(LOG["time"], unit="s")) if dated else LOG
    table = table.rename(columns={"time": name})
    for use in (prepared, SASRecDataSet.from_interactions):
        with pytest.raises(ValueError, match=f"no column 'time', but '{name}' looks") as caught:
            use(table)
    renamed, dropped = re.findall(r"table\.\w+\(columns=[^)]*\)", str(caught.value))
    assert histories(prepared(eval(renamed, {"table": table}))) == EXPECTED
    in_order = {7: [3, 1, 2], 9: [2, 3]}
    assert histories(prepared(eval(dropped, {"table": table}))) == in_order
    assert len(filter_ratings(table, 2)) == 4  # which needs no order


def test_what_columns_are_called() -> None:
    columns = ["userId", "movieId", "rating", "unix_review_time", 5, "Product ID"]
    assert columns_like("user", columns) == ["userId"]
    assert columns_like("item", columns) == ["movieId", "Product ID"]
    assert columns_like("time", columns) == ["unix_review_time"]
    with pytest.raises(ValueError, match=r"table.rename\(columns=\{'userId': 'user'\}\) names it"):
        prepared(LOG.rename(columns={"user": "userId"}))


# Titles


@pytest.mark.parametrize("text", [True, False])
def test_titles_are_not_lost_by_the_type_of_ids(text: bool) -> None:
    """The advice in the message is followed and works."""
    titles = pd.DataFrame({"title": ["One", "Two", "Three"]}, index=[1, 2, 3])
    table = LOG.assign(item=LOG["item"].astype(str)) if text else LOG
    items = titles if text else titles.set_index(titles.index.astype(str))
    with pytest.raises(ValueError, match="no item of the log is in the index of items") as caught:
        prepared(table, items)
    advice = re.search(r"items\.index = \S+", str(caught.value))
    assert advice is not None
    exec(advice[0], {"items": items})
    found = prepared(table, items).items
    assert found is not None
    assert found["title"].tolist() == ["One", "Two", "Three"]


def test_a_table_that_was_not_indexed_by_id() -> None:
    films = pd.DataFrame({"movieId": [1, 2, 3], "title": ["One", "Two", "Three"]}, index=[7, 8, 9])
    with pytest.raises(ValueError, match=r"index it by the items' ids: items\.set_index"):
        prepared(LOG, films)


def test_nothing_is_said_where_all_is_well() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepared(LOG)
