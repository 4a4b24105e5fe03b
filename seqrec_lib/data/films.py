"""MovieLens' film files into tables of title, genres and year by film id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from seqrec_lib.common.paths import AnyPath, file_to_read
from seqrec_lib.data.readers import whole_id

_TITLE_YEAR = r"\((\d{4})(?:\s*[-–]\s*\d{0,4})?\)\s*(?:\((?:V|TV|VG)\))?\s*$"
_GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


def read_films_100k(path: AnyPath) -> pd.DataFrame:
    """Read MovieLens 100K's `u.item` (latin-1, genre flags) into title, genres and year by id."""
    path = file_to_read(path)
    rows = _film_rows(path, "|", 5 + len(_GENRES_100K), "latin-1")
    records = []
    for line, fields in rows:
        flags = fields[5:]
        if any(flag not in ("0", "1") for flag in flags):
            raise ValueError(f"{path.name}, line {line}: genre flags must be 0 or 1")
        names = [name for name, flag in zip(_GENRES_100K, flags, strict=True) if flag == "1"]
        records.append((line, fields[0], fields[1], "|".join(names)))
    return _film_table(path, records)


def read_films_1m(path: AnyPath) -> pd.DataFrame:
    """Read MovieLens 1M's `movies.dat` (latin-1, `id::title::genres`), as `read_films_100k`."""
    path = file_to_read(path)
    rows = _film_rows(path, "::", 3, "latin-1")
    return _film_table(path, [(line, *fields) for line, fields in rows])


def read_films_csv(path: AnyPath) -> pd.DataFrame:
    """Read the csv releases' `movies.csv` (UTF-8, quoted titles), as `read_films_100k`."""
    path = file_to_read(path)
    try:
        table = pd.read_csv(path, encoding="utf-8", dtype="str", keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path.name} is not a MovieLens film table: {error}") from None
    if list(table.columns) != ["movieId", "title", "genres"]:
        raise ValueError(
            f"{path.name}, line 1: columns {list(table.columns)}, expected movieId, title, genres"
        )
    columns = (table["movieId"], table["title"], table["genres"])
    return _film_table(path, list(zip(range(2, len(table) + 2), *columns, strict=True)))


def _film_rows(path: Path, sep: str, fields: int, encoding: str) -> Iterator[tuple[int, list[str]]]:
    for number, text in enumerate(path.read_text(encoding=encoding).split("\n"), start=1):
        text = text.removesuffix("\r")
        if text:
            row = text.split(sep)
            if len(row) != fields:
                raise ValueError(
                    f"{path.name}, line {number}: {len(row)} columns separated by {sep!r}, "
                    f"expected {fields}: {text[:80]!r}"
                )
            yield number, row


def _film_table(path: Path, records: list[tuple[Any, ...]]) -> pd.DataFrame:
    """(line, id, title, genres) records → table by id, the year taken from the title."""
    ids = []
    for line, raw, *_ in records:
        try:
            ids.append(whole_id(raw))
        except ValueError as error:
            raise ValueError(f"{path.name}, line {line}: movie id {error}") from None
    table = pd.DataFrame(
        {
            "title": pd.Series([str(record[2]).strip() for record in records], dtype="str"),
            "genres": pd.Series([str(record[3]).strip() for record in records], dtype="str"),
        }
    )
    table["year"] = table["title"].str.extract(_TITLE_YEAR)[0].astype("Int64")
    table.index = pd.Index(ids, dtype="int64", name="item")
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise ValueError(f"{path.name}: movie id {twice} stands on more than one line")
    return table
