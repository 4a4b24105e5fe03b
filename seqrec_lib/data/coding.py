"""Raw ids of any kind become the numbers 0, 1, …, in their order."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from seqrec_lib.common.vocabulary import RawIds, Vocabulary
from seqrec_lib.data.columns import refuse_damaged_text
from seqrec_lib.data.interactions import times_of


class Coded(NamedTuple):
    """Rows (N,) whose users and items are numbered from 0, and their raw ids by number."""

    user: np.ndarray
    item: np.ndarray
    raw_users: np.ndarray
    raw_items: np.ndarray
    time: np.ndarray | None

    def only(self, rows: np.ndarray) -> "Coded":
        """Some of the rows, numbered without gaps."""
        user, raw_users = _renumber(self.user[rows], self.raw_users)
        item, raw_items = _renumber(self.item[rows], self.raw_items)
        return Coded(
            user, item, raw_users, raw_items, None if self.time is None else self.time[rows]
        )

    def known_to(self, known: Vocabulary | None) -> tuple[np.ndarray, np.ndarray] | None:
        """Which of the users, and which of the items, a vocabulary has: bool by number."""
        if known is None:
            return None
        users = [known.users.find(raw) > 0 for raw in self.raw_users.tolist()]
        items = [known.items.find(raw) > 0 for raw in self.raw_items.tolist()]
        return np.array(users), np.array(items)

    def after(self, known: Vocabulary | None) -> "Coded":
        """Numbered so that what a vocabulary has keeps its numbers, and what is new follows.

        Raises ValueError where ids are text here and numbers there.
        """
        if known is None:
            return self
        user, raw_users = _after(self.user, self.raw_users, known.users)
        item, raw_items = _after(self.item, self.raw_items, known.items)
        return Coded(user, item, raw_users, raw_items, self.time)


def coded(rows: pd.DataFrame, keep_times: bool) -> Coded:
    """A checked table with its users and items numbered in the order of their ids.

    Raises ValueError for a column that mixes numbers and text, or that a spreadsheet has rounded.
    """
    user, raw_users = _codes(rows["user"], "user")
    item, raw_items = _codes(rows["item"], "item")
    return Coded(user, item, raw_users, raw_items, times_of(rows, keep_times))


def from_1(raw: np.ndarray) -> np.ndarray:
    """Raw ids by number, entry 0 unused."""
    return np.append(np.zeros(1, dtype=raw.dtype), raw)


def _codes(values: pd.Series, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Number raw ids 0, 1, … in their order: (N,) int32 codes and the raw ids by code."""
    raw = values.to_numpy()
    if raw.dtype.kind in "iu":
        low, high = int(raw.min()), int(raw.max())
        if high - low < 2 * len(raw) + 1_000_000:  # a table over the range beats a sort
            present = np.zeros(high - low + 1, dtype=bool)
            present[raw - low] = True
            code = np.cumsum(present, dtype=np.int32) - 1
            return code[raw - low], (np.flatnonzero(present) + low).astype(raw.dtype)
        unique, inverse = np.unique(raw, return_inverse=True)
        return inverse.astype(np.int32), unique
    kind = pd.api.types.infer_dtype(values)
    if kind.startswith("mixed"):
        raise ValueError(
            f"column {name!r} mixes kinds of ids ({kind}); make them all numbers or text"
        )
    codes, found = pd.factorize(values, sort=True)
    refuse_damaged_text(found, name)
    return codes.astype(np.int32), np.asarray(found)


def _after(codes: np.ndarray, raw: np.ndarray, known: RawIds) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N,) and raw ids by code, those of a list first, in its order."""
    listed = known.by_number()[1:]
    if known.count and known.are_text != (raw.dtype.kind not in "iuf"):
        kinds = ("text", "numbers") if known.are_text else ("numbers", "text")
        raise ValueError(
            f"{known.name} ids are {kinds[0]} in like=, such as {known.examples()}, {kinds[1]} in "
            f"the log, such as {raw.tolist()[0]!r}: make them alike"
        )
    place = np.array([known.find(one) for one in raw.tolist()], dtype=np.int64) - 1
    new = place < 0
    place[new] = known.count + np.arange(np.count_nonzero(new))
    return place[codes].astype(np.int32), np.concatenate([listed, raw[new]])


def _renumber(codes: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps that a filter has left in codes (N,), and drop their raw ids."""
    present = np.zeros(len(raw), dtype=bool)
    present[codes] = True
    return (np.cumsum(present, dtype=np.int32) - 1)[codes], raw[present]
