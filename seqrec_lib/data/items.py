"""The table of items: titles and whatever else is known, by the data set's own numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.data.dataset import SASRecDataSet


def item_table(raw_items: np.ndarray, items: pd.DataFrame | None) -> pd.DataFrame:
    """Titles, genres, year and raw id by the new ids 1 to len(raw_items)."""
    index = pd.RangeIndex(1, len(raw_items) + 1, name="item")
    unknown = pd.Series([f"item {raw}" for raw in raw_items], index=index, dtype="str")
    table = pd.DataFrame({"title": unknown, "genres": "", "raw_id": raw_items}, index=index)
    table["year"] = pd.array([pd.NA] * len(raw_items), dtype="Int64")
    others: list[Any] = []
    if items is not None:
        if "title" not in items.columns:
            raise ValueError(f"items must have a title column; it has {list(items.columns)}")
        if not items.index.is_unique:
            twice = items.index[items.index.duplicated()][0]
            raise ValueError(f"items must have one row for each raw id; {twice} has several")
        _check_same_ids(raw_items, items.index)
        known = items.reindex(raw_items).set_index(index)
        table["title"] = known["title"].astype("str").where(known["title"].notna(), unknown)
        if "genres" in known:
            table["genres"] = known["genres"].fillna("").astype("str")
        if "year" in known:
            table["year"] = known["year"].astype("Int64")
        others = [name for name in known if name not in table]
        table[others] = known[others]
    return table[["title", "genres", "year", "raw_id", *others]]


def _check_same_ids(raw_items: np.ndarray, index: pd.Index) -> None:
    """A ValueError where no item of the log is in the table of items: all titles would be lost."""
    if index.isin(raw_items).any():
        return
    kinds = ["text" if isinstance(x[0], str) else "numbers" for x in (raw_items, index) if len(x)]
    advice = "index it by the items' ids: items.set_index(...)"
    if kinds == ["text", "numbers"]:
        advice = "items.index = items.index.astype(str) makes them alike"
    elif kinds == ["numbers", "text"]:
        advice = "items.index = items.index.astype(int) makes them alike"
    raise ValueError(
        f"no item of the log is in the index of items: the log has {raw_items[0]!r} and so on, the "
        f"index {index[:1].tolist()}; {advice}"
    )


def grown_table(
    like: SASRecDataSet | None, raw_items: np.ndarray, items: pd.DataFrame | None
) -> pd.DataFrame:
    """The table of a data set's items as it is, and below it that of the items that follow.

    like: None where all items are new.

    raw_items: (I,) ids, those of `like` first. items: of the log's ids, see `item_table`.
    """
    if like is None:
        return item_table(raw_items, items)
    known = like.vocabulary.items
    table = untitled(known.of(np.arange(1, known.count + 1)))
    if like.items is not None:
        table = like.items.assign(raw_id=table["raw_id"])
    new = raw_items[known.count :]
    if len(new):
        about = None if items is None or not items.index.isin(new).any() else items
        added = item_table(new, about)
        added = added[[name for name in added if name in table or about is not None]]
        table = pd.concat([table, added])
    return table.set_axis(pd.RangeIndex(1, len(raw_items) + 1, name="item"))


def untitled(raw_items: np.ndarray) -> pd.DataFrame:
    """A table of items of which nothing is known but their ids."""
    index = pd.RangeIndex(1, len(raw_items) + 1, name="item")
    titles = pd.Series([f"item {raw}" for raw in raw_items], index=index, dtype="str")
    return pd.DataFrame({"title": titles, "raw_id": raw_items}, index=index)
