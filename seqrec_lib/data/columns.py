"""Columns of a log as people have them: which is which, and their values in plain NumPy types."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

# What the columns of public logs are called, in small letters and without "_", "-" and blanks.
_NAMES = {
    "user": "user userid uid users customer customerid client clientid member memberid visitor "
    "visitorid reviewer reviewerid account accountid session sessionid",
    "item": "item itemid iid items movie movieid film filmid product productid asin parentasin sku "
    "article articleid track trackid song songid book bookid isbn game gameid business businessid",
    "time": "time timestamp date datetime ts unixreviewtime reviewtime unixtime unixtimestamp "
    "eventtime eventtimestamp createdat timestampms epoch orderdate purchasedate invoicedate tdat",
    "title": "title itemtitle itemname producttitle productname movietitle moviename tracktitle "
    "trackname songtitle booktitle gametitle articletitle",
}
# From here on neighbouring whole numbers are one float; by the bytes of the type.
_DIGITS = {2: 2**11, 4: 2**24}
# 1.23457E+12 is what is left of a long number once a spreadsheet has saved it
_SPREADSHEET = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d+")


def columns_like(role: str, columns: Iterable[object]) -> list[str]:
    """Those of the columns called as the "user", "item", "time" or "title" of a log often is."""
    known = _NAMES[role].split()
    return [c for c in columns if isinstance(c, str) and re.sub(r"[\W_]+", "", c.lower()) in known]


def times_among(table: pd.DataFrame) -> list[str]:
    """The columns that hold times by their name, by their type, or by the look of the first row."""
    found = columns_like("time", table.columns)
    for name, column in table.items():
        first = column.iloc[0] if len(column) else None
        dated = pd.api.types.is_datetime64_any_dtype(column)
        if dated or (isinstance(first, str) and re.match(r"\d{4}-\d\d-\d\d", first)):
            found.append(str(name))
    return list(dict.fromkeys(found))


def refuse_damaged_text(texts: Iterable[object], name: str) -> None:
    """A ValueError for a number such as 1.23457E+12, whose last digits are lost, and for no text.

    texts: the different ones of a column; name is the column's.
    """
    for text in texts:
        if text == "":
            raise ValueError(f"column {name!r} has an empty id: drop these rows, or name them")
        if isinstance(text, str) and _SPREADSHEET.fullmatch(text.strip()):
            raise ValueError(
                f"column {name!r} holds {text!r}: a spreadsheet has rounded it and the last digits "
                "are lost, so that different ones become the same. Export the file again with this "
                "column as text, or as whole numbers"
            )


def plain_ids(ids: pd.Series, name: str) -> pd.Series:
    """Ids as whole numbers of NumPy, or as they are where they are text; name is the column's.

    Raises ValueError for numbers that are not whole, or so large that a float has lost digits.
    """
    if isinstance(ids.dtype, pd.CategoricalDtype):
        ids = ids.astype(ids.cat.categories.dtype)
    if ids.dtype.kind == "f":
        values = ids.to_numpy(np.float64)
        wrong = (np.trunc(values) != values) | (
            np.abs(values) >= _DIGITS.get(getattr(ids.dtype, "itemsize", 8), 2**53)
        )
        if wrong.any():
            first = float(values[wrong][0])
            why = "is not whole" if first % 1 else f"is a {ids.dtype} that has lost digits"
            raise ValueError(
                f"column {name!r} holds {first}, which {why}: ids are whole numbers or text. Read "
                f"the file again with dtype={{{name!r}: str}}"
            )
        return pd.Series(values.astype(np.int64), ids.index)
    if ids.dtype.kind in "iu":
        # in 8 or 16 bits the difference of two ids may not fit
        wide = np.uint64 if ids.dtype.kind == "u" and ids.max() >= 2**63 else np.int64
        return pd.Series(ids.to_numpy(wide), ids.index)
    return ids


def plain_times(times: pd.Series, name: str = "time") -> pd.Series:
    """Times as finite numbers; dates as seconds since 1970, the unit of MovieLens.

    Raises ValueError that says how to convert anything else.
    """
    dates = f"pandas.to_datetime(table[{name!r}])"
    if isinstance(times.dtype, pd.CategoricalDtype):
        times = pd.Series(np.asarray(times), times.index)
    times = times.infer_objects()  # numbers or dates that lie in a column of anything
    if pd.api.types.is_datetime64_any_dtype(times):
        microseconds = pd.DatetimeIndex(times).as_unit("us").asi8  # (N,), UTC
        whole = not (microseconds % 1_000_000).any()
        seconds = microseconds // 1_000_000 if whole else microseconds / 1e6
        return pd.Series(seconds, times.index)
    if times.dtype.kind in "iu":
        return pd.Series(
            times.to_numpy(np.int64 if times.max() < 2**63 else np.uint64), times.index
        )
    if times.dtype.kind == "f":
        values = times.to_numpy(np.float64)
        bad = ~np.isfinite(values)
        if bad.any():
            row = int(bad.argmax())
            raise ValueError(
                f"column {name!r} must hold finite numbers or dates, not {values[row]} as in row "
                f"{row}"
            )
        if np.abs(values).max() >= _DIGITS.get(getattr(times.dtype, "itemsize", 8), np.inf):
            raise ValueError(
                f"column {name!r} is {times.dtype}, which has lost the seconds of such times: read "
                "the file again with int64 or float64"
            )
        return pd.Series(values, times.index)
    first = times.iloc[0]
    number = isinstance(first, str) and re.fullmatch(r"\s*[+-]?\d+(?:\.\d*)?\s*", first)
    convert = f"pandas.to_numeric(table[{name!r}])" if number else dates
    raise ValueError(
        f"column {name!r} must hold finite numbers or dates, not {type(first).__name__} such as "
        f"{str(first)[:40]!r}; this converts it: table[{name!r}] = {convert}"
    )
