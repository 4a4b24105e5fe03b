"""A data set by name: for a notebook, a command line, a table of the papers."""

from __future__ import annotations

import os
from pathlib import Path

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.download import FILES, fetch_file
from seqrec_lib.data.movielens import MovieLens, load_movielens
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sample.world import make_sample

GAMES_URL = "https://raw.githubusercontent.com/kang205/SASRec/master/data/Video.txt"
GAMES_SHA256 = "b7376fe24430743f411dc7f567285657b2adb3f74361cc7ba0aee94f3024b651"


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


def load_data(name: str) -> SASRecDataSet:
    """A MovieLens release, the built-in sample, or a file; nothing stands in for what is missing.

    Raises FileNotFoundError that says what to do, ValueError for a file that is not as it should.
    """
    if name == "sample":
        return prepare(make_sample().movielens)
    if name not in FILES:
        if not Path(name).is_file():
            known = ", ".join(FILES)
            raise FileNotFoundError(
                f"--data {name}: neither a file of `user item` lines nor one of {known}, sample"
            )
        return SASRecDataSet(name)
    try:
        return prepare(load_movielens(name))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}\nOr measure on the built-in sample, whose times say nothing about {name}'s: "
            "--data sample"
        ) from error


def load_dataset(name: str, path: str | Path | None = None) -> SASRecDataSet:
    """The papers' own sequences of "ml-1m" or "games".

    ml-1m is prepared from GroupLens' ratings, which gives the sequences of the papers' file; Games
    is that file itself, looked for in $SEQREC_DATA and else fetched from the authors' repository.
    """
    if name == "ml-1m":
        return prepare(load_movielens("ml-1m", path))
    return SASRecDataSet(
        fetch_file("Video.txt", GAMES_URL, GAMES_SHA256, folder="amazon-games", path=path)
    )
