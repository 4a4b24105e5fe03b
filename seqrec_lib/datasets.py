"""MovieLens as two tables: ratings in the file's order, and films by id."""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seqrec_lib import fetch, readers
from seqrec_lib.readers import read_interactions

__all__ = ["MovieLens", "load_for_notebook", "load_movielens", "read_interactions"]


@dataclass(frozen=True)
class MovieLens:
    """A MovieLens release, or the built-in sample in its shape.

    name: for example "ml-1m".
    ratings: user, item (raw ids), rating (stars), time (seconds since 1970), in the file's order.
    items: indexed by raw item id; title as in the file ("Toy Story (1995)"), genres
        ("Animation|Children's|Comedy") and year (nullable).
    folder: where the files lie, None for the sample.
    is_sample: True for the built-in sample, whose films are invented.
    """

    name: str
    ratings: pd.DataFrame
    items: pd.DataFrame
    folder: Path | None = None
    is_sample: bool = False

    def __repr__(self) -> str:
        users, items = self.ratings["user"].nunique(), self.ratings["item"].nunique()
        return (
            f"MovieLens({self.name!r}: {len(self.ratings):,} ratings by {users:,} users of "
            f"{items:,} films)"
        )


def load_movielens(
    name: str = "ml-1m",
    path: str | Path | None = None,
    download: bool = True,
    progress: bool = True,
) -> MovieLens:
    """Read a MovieLens release: ml-100k, ml-1m, ml-latest-small, ml-25m or ml-32m.

    Looked for in path (the data set's own folder or the one above), then in $SEQREC_DATA/name,
    then in the project's cache, then downloaded from GroupLens unless download=False.
    progress: show a bar while downloading.

    Raises FileNotFoundError, which says what was tried and what to do by hand, where it cannot be
    had; ValueError for an unknown name or a file that is not as it should be (naming the line).
    """
    return read_movielens(name, fetch.locate(name, path, download, progress))


def read_movielens(name: str, folder: str | Path) -> MovieLens:
    """Read a release from the folder that holds its files. Raises as `load_movielens`."""
    folder = Path(folder)
    fetch.places(name, None, folder)  # refuses an unknown name
    ratings_file, films_file = (folder / file for file in fetch.FILES[name])
    layout, read_films = {
        "ml-100k": (readers.RATINGS_100K, readers.read_films_100k),
        "ml-1m": (readers.RATINGS_1M, readers.read_films_1m),
    }.get(name, (readers.RATINGS_CSV, readers.read_films_csv))
    return MovieLens(
        name, readers.read_ratings(ratings_file, layout), read_films(films_file), folder
    )


def notebook_profile(profile: str | None = None) -> str | None:
    """The profile asked for: the argument, else $SEQREC_PROFILE, else None (not decided).

    Raises ValueError for anything but smoke, quick and full.
    """
    asked = profile or os.environ.get("SEQREC_PROFILE") or None
    if asked not in (None, "smoke", "quick", "full"):
        raise ValueError(f"profile {asked!r} must be 'smoke', 'quick' or 'full'")
    return asked


def load_for_notebook(name: str = "ml-1m", profile: str | None = None) -> MovieLens:
    """The data set for a notebook, and the one place that falls back to the built-in sample.

    profile "smoke" always takes the sample, whatever lies on this machine. "quick" and "full"
    need the real data set and raise where it cannot be had. None: $SEQREC_PROFILE, and where that
    is not set the real data where it can be had, else the sample. Which one came is printed, and
    stands in `is_sample`.
    """
    from seqrec_lib.sample import make_sample  # here: it imports this module

    asked = notebook_profile(profile)
    reason = "the profile is 'smoke'"
    if asked != "smoke":
        try:
            data = load_movielens(name)
        except FileNotFoundError:
            if asked is not None:
                raise
            reason = f"{name} is neither on this machine nor could it be downloaded"
        else:
            print(f"Data: {data!r}, the real data set.")
            return data
    data = make_sample().movielens
    print(
        f"Data: the BUILT-IN SAMPLE, not {name}, because {reason}.\n"
        f"Its {len(data.items)} films and {data.ratings['user'].nunique():,} viewers are invented; "
        f"results on it say nothing about {name}.\n"
        f"For real data: load_movielens({name!r}) says how to get it."
    )
    return data
