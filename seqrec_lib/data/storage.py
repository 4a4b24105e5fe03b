"""A data set as plain arrays and back: ids, titles, histories. Nothing in it is code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.data.coding import from_1
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.items import untitled
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.split import Split

Arrays = dict[str, np.ndarray]


def to_arrays(dataset: SASRecDataSet, histories: bool = True) -> Arrays:
    """What items and users are called and, if asked for, what users had: flat arrays by name.

    Raises ValueError that names a column whose values are neither text, numbers nor dates.
    """
    split = dataset.current_split()
    raw_items, raw_users = dataset.vocabulary.items.raw, dataset.vocabulary.users.raw
    table = dataset.items
    about = {
        "item_name": dataset.item_name,
        "sizes": split.sizes,
        "points": split.points,
        "itemnum": dataset.itemnum,
        "usernum": dataset.usernum,
        "items": None if table is None else {str(n): _packed(table[n], str(n)) for n in table},
        "raw_items": None if raw_items is None else _packed(pd.Series(raw_items), "item"),
        "raw_users": None if raw_users is None else _packed(pd.Series(raw_users), "user"),
    }
    text = json.dumps(about, ensure_ascii=False)
    arrays: Arrays = {"about": np.frombuffer(text.encode(), dtype=np.uint8).copy()}
    if histories:
        arrays |= {"items": split.sequences.items, "lengths": split.sequences.lengths}
        arrays |= {"train_lengths": split.train_lengths, "valid_lengths": split.valid_lengths}
        if split.sequences.times is not None:
            arrays["times"] = split.sequences.times
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray]) -> SASRecDataSet:
    """The data set that `to_arrays` was given; without histories, one whose users have none."""
    about = json.loads(bytes(arrays["about"]).decode())
    split = nobodys_histories(about["usernum"])
    if "items" in arrays:
        split = Split(
            Sequences.from_lengths(arrays["items"], arrays["lengths"], arrays.get("times")),
            arrays["train_lengths"],
            arrays["valid_lengths"],
            None if about["sizes"] is None else tuple(about["sizes"]),
            None if about["points"] is None else tuple(about["points"]),
        )
    raw_users = _unpacked(about["raw_users"])
    index = pd.RangeIndex(1, about["itemnum"] + 1, name="item")
    table = about["items"]
    if table is not None:
        columns = {name: _unpacked(column) for name, column in table.items()}
        table = pd.DataFrame({name: pd.Series(x).array for name, x in columns.items()}, index)
    elif about["raw_items"] is not None:
        table = untitled(_unpacked(about["raw_items"]).to_numpy())
    return SASRecDataSet.of_split(
        split,
        about["itemnum"],
        table,
        None if raw_users is None else from_1(raw_users.to_numpy()),
        about["item_name"],
    )


def nobodys_histories(usernum: int) -> Split:
    """Users of whom it is known only that they exist."""
    nothing = np.zeros(usernum + 1, dtype=np.int64)
    return Split(Sequences.from_lengths(np.empty(0, dtype=np.int32), nothing), nothing, nothing)


def _packed(column: pd.Series, name: str) -> dict[str, Any]:
    """Plain values, None where there is none, and the type that they come back as."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    kind = str(column.dtype)
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.astype("str")
    values = column.astype(object).where(column.notna(), None).tolist()
    plain = (str, int, float, bool, type(None))
    strange = [one for one in values if not isinstance(one, plain) and not _is_plain_list(one)]
    if strange:
        raise ValueError(
            f"column {name!r} holds {strange[0]!r:.60}: text, numbers, dates and lists of them can "
            "be saved; make text of it, or leave the column out"
        )
    return {"dtype": kind, "values": values}


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(x, str | int | float) for x in value)


def _unpacked(column: dict[str, Any] | None) -> Any:
    if column is None:
        return None
    values, kind = column["values"], column["dtype"]
    if kind == "object":
        return pd.Series(values, dtype=object)
    return pd.Series(values, dtype=object).astype(kind)
