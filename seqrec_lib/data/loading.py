"""A data set by name: for a command line, a table of the papers, a notebook."""

import os
from dataclasses import replace
from pathlib import Path

from seqrec_lib.common.checks import one_of
from seqrec_lib.common.paths import AnyPath, as_path
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.download import FILES, DataMissingError
from seqrec_lib.data.logs import read_log
from seqrec_lib.data.movielens import MovieLens, load_movielens
from seqrec_lib.data.own_log import Log, read_own_log
from seqrec_lib.data.paper_files import PAPER_FILES, load_paper_file
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.readers import separator_of_numbers
from seqrec_lib.data.sample.world import make_sample

OWN_LOG = "SEQREC_DATASET"  # of the environment: a log of your own, for the notebooks


def load_dataset(name: str, path: str | Path | None = None) -> SASRecDataSet:
    """A data set by its name, ready for training; it never falls back to another one.

    name: one of
        a MovieLens release (ml-100k, ml-1m, ml-latest-small, ml-25m, ml-32m), prepared with the
        defaults of `prepare`, which gives the papers' own sequences of ml-1m;
        "games", "beauty" or "steam", the papers' own files of Amazon Games, Amazon Beauty, Steam;
        "sample", the built-in sample, prepared likewise;
        the path of a log of your own whose columns have names (csv, tsv, Parquet, …; see
        `read_log`), prepared with the defaults of `prepare`, which prints what became of its rows;
        the path of a file of `user item` or `user item time` lines (see `SASRecDataSet`).
    path: where to look first for a release (see `load_movielens`) or a paper's file; after that
        in $SEQREC_DATA and among earlier downloads. What is found nowhere is downloaded.

    Raises FileNotFoundError that says what to do, and ValueError for a file that is not as it
    should be.
    """
    if name in FILES:
        return prepare(_release(name, path))
    if name == "sample":
        return prepare(make_sample().movielens)
    if name in PAPER_FILES:
        return load_paper_file(name, path)
    if os.path.lexists(as_path(name, "name")):  # what cannot be read is said by the reader
        sep = separator_of_numbers(name)
        return prepare(read_log(name)) if sep is None else SASRecDataSet(name, sep)
    known = ", ".join([*FILES, *PAPER_FILES, "sample"])
    raise FileNotFoundError(
        f"data {name!r}: there is no such file, and no data set of this name. Give the path of "
        f"your own log (csv, tsv, Parquet, JSON lines, `user item` lines), or one of {known}"
    )


def load_for_notebook(
    name: str = "ml-1m", profile: str | None = None, dataset: AnyPath | None = None
) -> Log:
    """A MovieLens release for a notebook, or a log of your own in its place: the one place that
    falls back to the built-in sample.

    profile: "smoke" always takes the sample, even where the real data is on this machine. "quick"
        and "full" need the real data and raise if it is not available. None asks $SEQREC_PROFILE;
        if that is not set either, it is the real data if available, else the sample. In small or
        capital letters.
    dataset: a file of your own (csv, tsv, Parquet, JSON lines) with columns for user, item and
        time that have usual names; None asks $SEQREC_DATASET. The profile, "smoke" if none is
        asked for, then says how much is trained, and no longer on what.

    Prints which one it is, and what is wrong with $SEQREC_DATA; `is_movielens`, `is_sample` and
    `profile` of the result say which it is and how much to do with it.

    Raises ValueError for another profile and a log that cannot be read, FileNotFoundError that says
    what to do.
    """
    asked = (profile or os.environ.get("SEQREC_PROFILE") or "").strip().lower() or None
    reason = "the profile is 'smoke'"
    if asked is not None:
        one_of("profile" if profile else "SEQREC_PROFILE", asked, ("smoke", "quick", "full"))
    if own := dataset or os.environ.get(OWN_LOG):
        log = read_own_log(own, "dataset" if dataset else OWN_LOG, asked or "smoke")
        print(
            f"Data: YOUR OWN LOG, {log!r}, at the sizes of the profile {log.profile!r}.\n"
            "Read 'film' as 'item'. What a text says of MovieLens or the sample isn't said of it."
        )
        return log
    if asked != "smoke":
        try:
            data = _release(name)
        except DataMissingError:
            if asked is not None:
                raise
            reason = f"{name} is neither on this machine nor could it be downloaded"
        else:
            print(f"Data: {data!r}, the real data set.")
            return replace(data, profile=asked or "quick")
    data = replace(make_sample().movielens, profile="smoke")
    print(
        f"Data: the BUILT-IN SAMPLE, not {name}, because {reason}.\n"
        f"Its {len(data.items)} films and {data.ratings['user'].nunique():,} viewers are invented; "
        f"results on it say nothing about {name}.\n"
        f"For real data: load_movielens({name!r}) says how to get it."
    )
    return data


def _release(name: str, path: str | Path | None = None) -> MovieLens:
    """`load_movielens`, whose error also names the sample as a way out."""
    try:
        return load_movielens(name, path)
    except DataMissingError as error:
        raise DataMissingError(
            f"{error}\nOr take the built-in sample, whose numbers say nothing about {name}'s: its "
            "name is 'sample' (--data sample on a command line)"
        ) from error
