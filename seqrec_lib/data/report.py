"""What became of a log on the way to a data set: one table, to be read before training."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from seqrec_lib.data.sequences import Sequences

Rows = tuple[np.ndarray, np.ndarray]  # user (N,) and item (N,) as small whole numbers


def preparation_report(
    read: Rows,
    dropped: Mapping[str, np.ndarray],
    sequences: Sequences,
    time: np.ndarray | None,
    nameless: np.ndarray | None = None,
) -> pd.DataFrame:
    """Each line is about some rows of the log: how many, their share, their users and items.

    dropped: by rule, the numbers of the rows that it has dropped.
    sequences: what is kept. time: (N,) of these, in their order.
    nameless: (I,) whether a kept item is missing in the table of items, where there is one.
    """
    user = np.repeat(np.arange(len(sequences.starts) - 1), sequences.lengths)  # (N,)
    kept = user, sequences.items
    place = np.arange(len(user)) - sequences.starts[user]  # in the user's own history
    length = sequences.lengths[user]
    training = np.where(length < 3, length, length - 2)
    again = _same_as_neighbour(user, time) if time is not None else length > 1
    order = "with the time of another row of the user" if time is not None else "ordered by the log"
    lines = {
        "read": read,
        **{f"dropped by {rule}": (read[0][rows], read[1][rows]) for rule, rows in dropped.items()},
        "kept": kept,
        "- an item that the user had before": _where(kept, repeated(*kept)),
        f"- {order}": _where(kept, again),
        "- of users with fewer than 3: not evaluated": _where(kept, length < 3),
        "- held out for validation and test": _where(kept, place >= training),
        "- trained on (users with 2 or more)": _where(kept, (place < training) & (training > 1)),
    }
    if nameless is not None:
        lines["- of items that the table of items lacks"] = _where(kept, nameless[kept[1] - 1])
    return _counted(lines, len(read[0]))


def split_report(parts: Mapping[str, Rows]) -> pd.DataFrame:
    """The same of a split that was given: parts are "train", "valid" and "test"."""
    known = [
        np.zeros(1 + max(int(x[i].max(initial=0)) for x in parts.values()), bool) for i in (0, 1)
    ]
    for codes, seen in zip(parts["train"], known, strict=True):
        seen[codes] = True
    lines: dict[str, Rows] = dict(parts)
    for name in ("valid", "test"):
        user, item = parts[name]
        lines[f"- {name}, of users without training rows: not evaluated"] = _where(
            parts[name], ~known[0][user]
        )
        lines[f"- {name}, of items without training rows: not learned"] = _where(
            parts[name], ~known[1][item]
        )
    return _counted(lines, sum(len(user) for user, _ in parts.values()))


def _counted(lines: Mapping[str, Rows], read: int) -> pd.DataFrame:
    columns = ["rows", "share", "users", "items"]
    counts = [(len(u), len(u) / read, _different(u), _different(i)) for u, i in lines.values()]
    return pd.DataFrame(counts, index=list(lines), columns=columns)


def print_report(report: pd.DataFrame) -> None:
    """The table as text."""
    whole = dict.fromkeys(("rows", "users", "items"), "{:,}".format)
    print(report.to_string(formatters={"share": "{:.1%}".format, **whole}))


def repeated(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """(N,) bool: whether the same user has the item in an earlier row."""
    key = user.astype(np.int64) * (int(item.max()) + 1) + item
    order = np.argsort(key, kind="stable")
    again = np.zeros(len(key), dtype=bool)
    again[order[1:]] = key[order[1:]] == key[order[:-1]]
    return again


def _same_as_neighbour(user: np.ndarray, time: np.ndarray) -> np.ndarray:
    same = (user[1:] == user[:-1]) & (time[1:] == time[:-1])
    return np.append(same, False) | np.append(False, same)


def _where(rows: Rows, mask: np.ndarray) -> Rows:
    return rows[0][mask], rows[1][mask]


def _different(codes: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(codes)))
