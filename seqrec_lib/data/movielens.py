"""MovieLens as two tables: ratings in the file's order, and films by id."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seqrec_lib.common.paths import as_path
from seqrec_lib.data import films, readers
from seqrec_lib.data.download import FILES, locate, places


@dataclass(frozen=True)
class MovieLens:
    """A MovieLens release, or the built-in sample in its shape.

    name: for example "ml-1m".
    ratings: user, item (raw ids), rating (stars), time (seconds since 1970), in the file's order.
    items: indexed by raw item id; title as in the file ("Toy Story (1995)"), genres
        ("Animation|Children's|Comedy") and year (nullable).
    folder: where the files lie, None for the sample.
    is_sample: True for the built-in sample, whose films are invented.
    profile: how much a notebook does with it: "smoke", "quick" or "full" (`load_for_notebook`).
    """

    name: str
    ratings: pd.DataFrame
    items: pd.DataFrame
    folder: Path | None = None
    is_sample: bool = False
    profile: str = ""

    def __repr__(self) -> str:
        users, items = self.ratings["user"].nunique(), self.ratings["item"].nunique()
        return (
            f"MovieLens({self.name!r}: {len(self.ratings):,} ratings by {users:,} users of "
            f"{items:,} films)"
        )


def load_movielens(
    name: str = "ml-1m", path: str | Path | None = None, download: bool = True
) -> MovieLens:
    """Read a MovieLens release: ml-100k, ml-1m, ml-latest-small, ml-25m or ml-32m.

    Looked for in path (the data set's own folder or the one above), then in $SEQREC_DATA/name,
    then in the project's cache, then downloaded from GroupLens unless download=False.

    Raises FileNotFoundError, which says what was tried and what to do by hand, where it cannot be
    had; ValueError for an unknown name or a file that is not as it should be (naming the line).
    """
    return read_movielens(name, locate(name, path, download))


def read_movielens(name: str, folder: str | Path) -> MovieLens:
    """Read a release from the folder that holds its files. Raises as `load_movielens`."""
    folder = as_path(folder, "folder")
    places(name, None, folder)  # refuses an unknown name
    ratings_file, films_file = (folder / file for file in FILES[name])
    layout, read_films = {
        "ml-100k": (readers.RATINGS_100K, films.read_films_100k),
        "ml-1m": (readers.RATINGS_1M, films.read_films_1m),
    }.get(name, (readers.RATINGS_CSV, films.read_films_csv))
    return MovieLens(
        name, readers.read_ratings(ratings_file, layout), read_films(films_file), folder
    )
