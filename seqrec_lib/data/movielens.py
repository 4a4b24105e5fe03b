"""MovieLens as two tables: ratings in the file's order, and films by id."""

from dataclasses import dataclass
from pathlib import Path

from seqrec_lib.common.paths import as_path
from seqrec_lib.data import films, readers
from seqrec_lib.data.download import FILES, locate, places
from seqrec_lib.data.own_log import Log


@dataclass(frozen=True)
class MovieLens(Log):
    """A MovieLens release, or the built-in sample in its shape.

    name: for example "ml-1m".
    ratings: user, item (raw ids), rating (stars), time (seconds since 1970), in the file's order.
    items: indexed by raw item id; title as in the file ("Toy Story (1995)"), genres
        ("Animation|Children's|Comedy") and year (nullable).
    The other fields are those of `Log`.
    """

    item_name: str = "film"

    @property
    def is_movielens(self) -> bool:
        """Whether it is MovieLens 1M itself."""
        return self.name == "ml-1m" and not self.is_sample

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
