"""Logs as people have them, with names of columns: csv and tsv, Parquet, JSON lines, `.inter`."""

import csv
import io
import json
import re
from typing import Any, Literal

import numpy as np
import pandas as pd

from seqrec_lib.common.paths import AnyPath
from seqrec_lib.data.columns import columns_like, refuse_damaged_text, times_among
from seqrec_lib.data.textfile import PARQUET, TextFile

_SEPARATORS = ("\t", ",", ";", "|")
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")  # what a number would look like if it were written again
_TYPED = re.compile(r"(.+):(?:token|float)(?:_seq)?")  # RecBole's user_id:token


def read_log(
    path: AnyPath,
    user: str | None = None,
    item: str | None = None,
    time: str | Literal[False] | None = None,
    sep: str | None = None,
) -> pd.DataFrame:
    """Read a log whose columns have names, ready for `prepare`.

    Text with a header (csv, tsv, RecBole's `.inter`; quoted or not; packed by gzip; UTF-8 or
    UTF-16), JSON lines, and Parquet, which needs pyarrow. The content tells which, not the name.

    user, item, time: the names of these columns; None finds them where they are called as usual,
        and prints what was found. time=False: there are no times, the order of the rows counts.
    sep: what separates the columns of a text; None takes what the header has most of.

    Returns a table with columns user, item and, where known, time, then all the others. Ids are
    whole numbers where all of a column are, without zeros in front, else text. Times are numbers,
    or dates where the file has them in the order of ISO 8601.

    Raises FileNotFoundError, and ValueError for columns that cannot be told apart, for ids and
    times that are missing or rounded by a spreadsheet, and for dates that can be read in two ways.
    """
    file = TextFile(path)
    text = not file.head.startswith(PARQUET) and file.head.lstrip()[:1] not in (b"{", b"[")
    if text:
        table = _text(file, sep)
    else:
        table = _parquet(file) if file.head.startswith(PARQUET) else _json(file)
    asked = {"user": user, "item": item, "time": time}
    found = {role: _column(file.name, role, name, table) for role, name in asked.items()}
    columns = {role: table[name] for role, name in found.items() if name is not None}
    for role, name in found.items():
        if name is not None and (empty := columns[role].isna().to_numpy()).any():
            row = int(empty.argmax()) + 1
            raise ValueError(f"{file.name}, row {row}: column {name!r} has no value")
    if text:
        columns.update({role: _ids(file.name, columns[role]) for role in ("user", "item")})
    if "time" in columns and isinstance(columns["time"].iloc[0], str):
        columns["time"] = _times(file.name, columns["time"])
    if None in asked.values():
        said = ", ".join(f"{role} is {name!r}" for role, name in found.items() if name)
        print(
            f"{file.name}: {said}" + ("" if found["time"] else "; no times, the rows' order counts")
        )
    others = [name for name in table if name not in (*found.values(), *columns)]
    return pd.DataFrame(columns).join(table[others])


def _text(file: TextFile, sep: str | None) -> pd.DataFrame:
    """A text with a header, all of its columns as text."""
    with io.TextIOWrapper(file.binary(), encoding="utf-8") as lines:
        try:
            first = next((line for line in lines if line.strip()), "").strip("\r\n")
        except UnicodeDecodeError:
            raise ValueError(_not_utf8(file)) from None
    if not first:
        raise ValueError(f"{file.name} is empty: expected a line with the names of columns")
    sep = max(_SEPARATORS, key=first.count) if sep is None else sep
    names = [name.strip() for name in next(csv.reader([first], delimiter=sep))]
    typed = [match[1] for name in names if (match := _TYPED.fullmatch(name))]
    if all(re.fullmatch(r"[-+.\d]*", name) for name in names):
        raise ValueError(
            f"{file.name}, line 1: {first[:80]!r} holds no names of columns. Whole numbers from 1 "
            f"are read by SASRecDataSet({str(file.path)!r}, col_sep={sep!r}), others by "
            f"prepare(pandas.read_csv({str(file.path)!r}, sep={sep!r}, names=['user', 'item', "
            "'time']))"
        )
    options: dict[str, Any] = {"quoting": csv.QUOTE_NONE} if typed else {}
    try:
        with file.binary() as source:
            table = pd.read_csv(
                source, sep=sep, dtype="str", keep_default_na=False, na_values=[""], header=0,
                skipinitialspace=True, encoding="utf-8", engine="c", **options,
            )  # fmt: skip
    except UnicodeDecodeError:
        raise ValueError(_not_utf8(file)) from None
    except pd.errors.ParserError as error:
        raise ValueError(f"{file.name} cannot be read as columns by {sep!r}: {error}") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too many for an index
        raise ValueError(f"{file.name} has more columns in its rows than names in line 1: {names}")
    if len(table) == 0:
        raise ValueError(f"{file.name} holds no rows")
    return table.set_axis(typed if len(typed) == len(names) else names, axis="columns")


def _not_utf8(file: TextFile) -> str:
    return (
        f"{file.name} is not in UTF-8; pandas.read_csv({str(file.path)!r}, encoding='latin-1') "
        "reads most of such files, and prepare takes its table once the columns are called user, "
        "item and time"
    )


def _json(file: TextFile) -> pd.DataFrame:
    """One object a line, or a list of objects; values stay what they are."""
    try:
        with io.TextIOWrapper(file.binary(), encoding="utf-8") as lines:
            if file.head.lstrip().startswith(b"["):
                return pd.DataFrame(json.load(lines))
            return pd.DataFrame([json.loads(line) for line in lines if line.strip()])
    except ValueError as error:
        raise ValueError(f"{file.name} cannot be read as JSON: {error}") from None


def _parquet(file: TextFile) -> pd.DataFrame:
    try:
        return pd.read_parquet(file.path)
    except ImportError:
        raise ValueError(
            f"{file.name} is a Parquet file, and pandas needs pyarrow for it: pip install pyarrow"
        ) from None


def _column(file: str, role: str, asked: str | bool | None, table: pd.DataFrame) -> str | None:
    """The name of the column that is asked for, or that is called as this one usually is."""
    if asked is False and role == "time":
        return None
    if asked is not None:
        if asked not in table.columns:
            raise ValueError(f"{file} has no column {asked!r}: {role}= is one of {list(table)}")
        return str(asked)
    found = times_among(table) if role == "time" else columns_like(role, table)
    exact = [name for name in found if name == role]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found and role == "time":
        return None
    which = f"it could be {' or '.join(map(repr, found))}" if found else "none is called as usual"
    more = ", or time=False for none" if role == "time" else ""
    raise ValueError(
        f"{file}: which column is the {role}? {which}; give {role}= one of {list(table)}{more}"
    )


def _ids(file: str, column: pd.Series) -> pd.Series:
    """Text as whole numbers where all of it says one; looked at once for each different id."""
    codes, different = pd.factorize(column.str.strip())
    texts = different.tolist()
    refuse_damaged_text(texts, f"{column.name} of {file}")
    if all(map(_WHOLE.fullmatch, texts)):
        return pd.Series(np.array(texts, dtype=np.int64)[codes])
    return pd.Series(different.take(codes))


def _times(file: str, column: pd.Series) -> pd.Series:
    refuse_damaged_text(column.unique(), f"{column.name} of {file}")
    try:
        return pd.to_numeric(column)
    except ValueError:
        pass
    try:
        return pd.to_datetime(column, format="ISO8601", utc=True).dt.tz_localize(None)
    except ValueError:
        raise ValueError(
            f"{file}: column {column.name!r} holds {column.iloc[0]!r}, whose order of day and "
            f"month is not certain. Read the table with pandas.read_csv, convert it with "
            f"table['time'] = pandas.to_datetime(table[{column.name!r}], format='%d/%m/%Y') or as "
            "it is written, and give it to prepare"
        ) from None
