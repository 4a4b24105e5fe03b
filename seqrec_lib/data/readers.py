"""Files of numbers into pandas tables: fast when a file is right, exact when it is wrong.

Files are read in chunks by pandas' C parser with explicit types, which keeps 32 million ratings
near 0.6 GB. Only when that fails is the file read a second time, line by line, to name the line.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seqrec_lib.common.ids import LARGEST_ID
from seqrec_lib.common.paths import AnyPath
from seqrec_lib.data.interactions import warn_of_ratings
from seqrec_lib.data.textfile import PARQUET, TextFile

CHUNK_ROWS = 4_000_000
# What pandas raises for text that is no number; its ParserError is a ValueError.
_UNREADABLE = (ValueError, TypeError, ArithmeticError)
_NAMES = re.compile(r"\b(?!nan\b|inf\b)[a-z_]\w+", re.IGNORECASE)  # of columns, in the first line
_BLANKS = " \t\n"  # what may stand at the end of a line


@dataclass(frozen=True)
class _Layout:
    """How one kind of number file looks: its columns in order, separator and header."""

    columns: tuple[str, ...]
    sep: str
    header: tuple[str, ...] | None = None


RATINGS_100K = _Layout(("user", "item", "rating", "time"), "\t")
RATINGS_1M = _Layout(("user", "item", "rating", "time"), "::")
RATINGS_CSV = _Layout(
    ("user", "item", "rating", "time"), ",", ("userId", "movieId", "rating", "timestamp")
)


def read_ratings(path: AnyPath, layout: _Layout) -> pd.DataFrame:
    """Read a MovieLens rating file, in the order of its rows.

    Returns a table with user and item (int32, as in the file), rating (float32, stars) and time
    (int64, seconds since 1970).

    Raises ValueError that names the file and the line for anything else than such rows.
    """
    return _read_numbers(TextFile(path), layout)


def read_interactions(path: AnyPath, sep: str = " ") -> pd.DataFrame:
    """Read a text file of `user item` or `user item time` rows, one interaction a line, no header.

    The first line decides between two and three columns. Ids are whole numbers from 1 (7.0 and 7
    are the same); a time is any finite number, whole (kept as int64) or not (float64). Spaces and
    tabs at the end of a line are no column. A third column that looks like ratings is taken for
    times all the same, with a UserWarning.

    Returns a table with user and item (int32) and, where the file has it, time; rows in the
    file's order, repeated rows kept.

    Raises ValueError that names the file and the line for a wrong number of columns, another
    separator, an id that is not a whole number from 1 to 2^31 - 1, or a time that is not finite;
    FileNotFoundError where there is no such file.
    """
    if not isinstance(sep, str) or not sep or any(c in sep for c in "\r\n\"'.+-0123456789"):
        raise ValueError(f"sep={sep!r} cannot separate numbers; use for example ' ', '\\t' or ','")
    file = TextFile(path)
    head, first = _first_text(file)
    if not first:
        raise ValueError(f"{file.name} is empty: expected lines of 'user item' or 'user item time'")
    if _has_names(file, first):
        raise ValueError(
            f"{file.name}, line {head}: {first[:80]!r} looks like names of columns, or like "
            f"ids that are no numbers: prepare(read_log({str(path)!r})) reads such files"
        )
    fields = len(first.split(sep))
    if fields not in (2, 3):
        raise ValueError(
            f"{file.name}, line {head}: {fields} columns separated by "
            f"{sep!r}, expected 2 (user, item) or 3 (user, item, time): {first[:80]!r}. "
            "Another separator is given by sep= (read_interactions) or col_sep= (SASRecDataSet)"
        )
    layout = _Layout(("user", "item", "time")[:fields], sep)
    rows = _read_numbers(file, layout, blank_ends=True)
    if fields == 3:
        warn_of_ratings(rows["time"].to_numpy(), file.name, sep)
    return rows


def separator_of_numbers(path: AnyPath) -> str | None:
    """What separates the columns of a file for `read_interactions`; None of one for `read_log`,
    which has names of columns, or ids that are no numbers."""
    file = TextFile(path)
    _, first = _first_text(file)
    if _has_names(file, first):
        return None
    return next((sep for sep in "\t,;|" if sep in first), " ")


def _first_text(file: TextFile) -> tuple[int, str]:
    """The number of the first line that is not empty, and that line."""
    with file.lines() as lines:
        head = list(_up_to_first_text(lines))
    return len(head), head[-1].rstrip(_BLANKS) if head else ""


def _has_names(file: TextFile, first: str) -> bool:
    return file.head.startswith(PARQUET) or _NAMES.search(first) is not None


def _read_numbers(file: TextFile, layout: _Layout, blank_ends: bool = False) -> pd.DataFrame:
    """blank_ends: spaces and tabs at the end of a line mean nothing; few files have them."""
    times = ["int64"]
    if layout.columns == ("user", "item", "time"):
        times += ["float64"]  # times such as 978300760.5
    reason: Exception | None = None
    for strip in (False, True)[: 1 + blank_ends]:
        for time_type in times:
            try:
                return _parse(file, layout, time_type, strip)
            except _UNREADABLE as error:
                reason = error
    _raise_at_line(file, layout, blank_ends)
    raise ValueError(f"{file.name} cannot be read as numbers: {reason}")


def _parse(file: TextFile, layout: _Layout, time_type: str, strip: bool) -> pd.DataFrame:
    sep, raw = layout.sep, file.read() if strip or len(layout.sep) > 1 else None
    if raw is not None and strip:
        raw = b"\n".join(x.rstrip(b" \t") for x in raw.splitlines())
    if raw is not None and len(sep) > 1:  # pandas' C parser takes one character; the Python one is
        if b"\x1f" in raw:  # 20 times slower
            raise ValueError("control character 31 in the file")
        raw, sep = raw.replace(sep.encode("latin-1"), b"\x1f"), "\x1f"
    types = {"user": "int64", "item": "int64", "rating": "float32", "time": time_type}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in layout.columns}
    if layout.header:
        _check_header(file, layout)
    # infinity is no whole number
    with file.binary() if raw is None else io.BytesIO(raw) as source, np.errstate(invalid="raise"):
        chunks = pd.read_csv(
            source,
            sep=sep,
            header=None,
            skiprows=1 if layout.header else 0,
            names=list(layout.columns),
            dtype={name: types[name] for name in layout.columns},
            chunksize=CHUNK_ROWS,
            quoting=3,  # no quotes in a file of numbers
            na_filter=False,  # an empty field is an error, not a missing value
            encoding="latin-1",
            engine="c",
        )
        for chunk in chunks:
            if not _counts_from(sum(map(len, parts["user"])), chunk.index):
                raise ValueError("more columns than expected")
            for name in layout.columns:
                parts[name].append(_checked(name, chunk[name].to_numpy()))
    if not any(len(part) for part in parts["user"]):
        raise ValueError("no rows")
    return pd.DataFrame({name: np.concatenate(parts.pop(name)) for name in layout.columns})


def _counts_from(first: int, index: pd.Index) -> bool:
    """Whether an index numbers rows; where columns are too many, pandas takes the first for it.

    That one may count, too, but from 1 at least, as users do.
    """
    return isinstance(index, pd.RangeIndex) and index.start == first


def _checked(name: str, values: np.ndarray) -> np.ndarray:
    """The values of a column, ids as int32, or a ValueError for what cannot be one."""
    if name in ("user", "item"):
        if len(values) and not 1 <= values.min() <= values.max() <= LARGEST_ID:
            raise ValueError(f"{name} id outside 1 to {LARGEST_ID}")
        return values.astype(np.int32)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} that is not finite")
    return values


def _check_header(file: TextFile, layout: _Layout) -> None:
    with file.lines() as lines:
        found = lines.readline().strip().split(layout.sep)
    if tuple(found) != layout.header:
        expected = layout.sep.join(layout.header or ())
        raise ValueError(f"{file.name}, line 1: columns {found}, expected {expected!r}")


def _raise_at_line(file: TextFile, layout: _Layout, blank_ends: bool) -> None:
    """Read line by line what the fast parser refused, and raise for the first wrong line."""
    checks: dict[str, Callable[[str], object]] = {
        "user": whole_id,
        "item": whole_id,
        "rating": _finite,
        "time": _finite,
    }
    if layout.header:
        _check_header(file, layout)
    rows = 0
    with file.lines() as lines:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip(_BLANKS if blank_ends else "\n")
            if not text or (number == 1 and layout.header):
                continue
            rows += 1
            fields = text.split(layout.sep)
            if len(fields) < len(layout.columns):
                fields = line.rstrip("\n").split(layout.sep)  # the last ones may be empty
            if len(fields) != len(layout.columns):
                raise ValueError(
                    f"{file.name}, line {number}: {len(fields)} columns separated by "
                    f"{layout.sep!r}, expected {len(layout.columns)} "
                    f"({', '.join(layout.columns)}): {text[:80]!r}"
                )
            for name, field in zip(layout.columns, fields, strict=True):
                try:
                    checks[name](field)
                except ValueError as error:
                    raise ValueError(
                        f"{file.name}, line {number}: {name} {error}: {text[:80]!r}"
                    ) from None
    if not rows:
        raise ValueError(f"{file.name} holds no rows")


def _up_to_first_text(file: Iterable[str]) -> Iterator[str]:
    """The lines of a file up to the first one that holds more than blanks."""
    for line in file:
        yield line
        if line.rstrip(_BLANKS):
            return


def whole_id(field: str) -> int:
    """The id that a field holds, or a ValueError that says why it is none."""
    value = _finite(field)
    if not value.is_integer():
        raise ValueError(f"{field[:40]!r} is not a whole number")
    if not 1 <= value <= LARGEST_ID:
        raise ValueError(f"{field[:40]!r} is outside 1 to {LARGEST_ID} (0 is the padding)")
    return int(value)


def _finite(field: str) -> float:
    try:
        value = float(field)
    except ValueError:
        raise ValueError(f"{field[:40]!r} is not a number") from None
    if not np.isfinite(value):
        raise ValueError(f"{field[:40]!r} is not a finite number")
    return value
