"""What a lesson is about: a log as two tables; and a log of your own in that shape."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.common.paths import AnyPath, file_to_read
from seqrec_lib.data.columns import columns_like, plain_ids, plain_times
from seqrec_lib.data.logs import read_log


@dataclass(frozen=True)
class Log:
    """A log of interactions, with a table of its items.

    name: of the release, or of the file.
    ratings: user, item (raw ids) and time (seconds since 1970), then what else is known, such as
        rating (stars); in the file's order.
    items: indexed by raw item id; title, genres ("" where unknown) and year (nullable).
    folder: where the files lie, None for the sample.
    is_sample: True for the built-in sample, whose films are invented.
    profile: how much a notebook does with it: "smoke", "quick" or "full" (`load_for_notebook`).
    item_name: what one of the items is called.
    """

    name: str
    ratings: pd.DataFrame
    items: pd.DataFrame
    folder: Path | None = None
    is_sample: bool = False
    profile: str = ""
    item_name: str = "item"

    @property
    def is_movielens(self) -> bool:
        """Whether it is MovieLens 1M, of which the lessons' texts speak: neither the sample, nor
        another release, nor a log of your own."""
        return False

    @property
    def is_known(self) -> bool:
        """Whether the lessons know it, and assert what was seen there: MovieLens 1M, the sample."""
        return self.is_movielens or self.is_sample

    def __repr__(self) -> str:
        users, items = self.ratings["user"].nunique(), self.ratings["item"].nunique()
        return (
            f"{type(self).__name__}({self.name!r}: {len(self.ratings):,} rows by {users:,} users "
            f"of {items:,} {self.item_name}s)"
        )


def read_own_log(path: AnyPath, argument: str = "path", profile: str = "") -> Log:
    """A file with columns for user, item and time, found by their usual names (see `read_log`).

    Items are called by a column such as title or product_name, if there is one; else by their own
    ids where these are text, and "item 17" where they are numbers. Without times, the order of the
    rows counts, as seconds from 1970.

    Raises FileNotFoundError that names the argument, and ValueError as `read_log` and `prepare`.
    """
    path = file_to_read(path, argument)
    log = read_log(path)
    for role in ("user", "item"):
        log[role] = plain_ids(log[role], role)
    log["time"] = plain_times(log["time"]) if "time" in log else np.arange(len(log))
    first = log.drop_duplicates("item").set_index("item")
    ids = first.index.to_series()
    known = ids if isinstance(ids.iloc[0], str) else "item " + ids.astype("str")
    items = pd.DataFrame({"title": known.astype("str"), "genres": ""}).sort_index()
    titles = columns_like("title", log.columns)
    if titles:
        items["title"] = first[titles[0]].astype("str").where(first[titles[0]].notna(), known)
    items["year"] = pd.array([pd.NA] * len(items), dtype="Int64")
    return Log(path.name, log.drop(columns=titles), items, path.parent, profile=profile)
