"""What lists are asked for: users, visitors' histories, and items, from any form to numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seqrec_lib.common.checks import one_of
from seqrec_lib.common.vocabulary import RawIds
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.interactions import check_interactions, stable_order
from seqrec_lib.data.sequences import Sequences


class Request(NamedTuple):
    """Histories to recommend for, and what each is called in the table."""

    column: str  # "user" or "history"
    labels: np.ndarray  # (R,) ids of users, numbers or names of histories
    histories: Sequences
    rows: np.ndarray  # (R,) int64: whose history in `histories`


class Finder:
    """Numbers of users and items, each looked up once however often it comes.

    unknown: "raise", or "skip": what is not in the data set is left out, and a warning counts it.
    internal: numbers are given.
    """

    def __init__(
        self, dataset: SASRecDataSet, unknown: str = "raise", internal: bool = False
    ) -> None:
        self._dataset, self._internal = dataset, internal
        self._skips = one_of("unknown", unknown, ("raise", "skip")) == "skip"
        self._found: dict[Any, int] = {}
        self._skipped: dict[str, list[str]] = {}

    def items(self, wanted: Any, where: str) -> list[int]:
        """The numbers of items; `where` begins the messages of errors."""
        self._look_up_titles([one for one in wanted if isinstance(one, str)], where)
        return [number for one in wanted if (number := self._item(one, where))]

    def _look_up_titles(self, texts: list[str], where: str) -> None:
        """Several titles at once, so that an error names all that are wrong."""
        names = self._dataset.names
        if self._skips or self._internal or names.table is None:
            return
        ids = names.vocabulary.items
        titles = [one for one in texts if repr(one) not in self._found and not ids.find(one)]
        if len(titles) < 2 or ids.are_text:
            return
        try:
            found = names.titles.find_all(titles)
        except ValueError as error:
            raise type(error)(f"{where}{error}") from None
        self._found |= {repr(title): ids.find(item) for title, item in found.items()}

    def _item(self, wanted: Any, where: str) -> int:
        key = repr(wanted)  # 1, 1.0 and True are one key otherwise
        if key not in self._found:
            try:
                self._found[key] = self._dataset.names.item(wanted, self._internal)
            except TypeError as error:
                raise TypeError(f"{where}{error}") from None
            except ValueError as error:
                if not self._skips:
                    raise type(error)(f"{where}{error}") from None
                self._found[key] = 0
        if self._found[key] == 0:
            self._skip("items", f"{wanted!r} in {where.removesuffix(': ')}")
        return self._found[key]

    def users(self, wanted: Any) -> np.ndarray:
        """(R,) int64 the numbers of users who have a history.

        Raises ValueError for none at all, and unless `unknown` is "skip", for one who is unknown.
        """
        asked = _plain(wanted)
        asked = asked if isinstance(asked, list) else [asked]
        if len(asked) == 0:
            raise ValueError("users is empty: name at least one")
        numbers = []
        for one in asked:
            try:
                number = self._dataset.names.user(one, self._internal)
                if self._dataset.sequences.lengths[number] == 0:
                    raise ValueError(f"user {one!r} has no history to recommend from")
            except ValueError as error:
                if not self._skips:
                    raise ValueError(f"{error}; for a history of items say histories=") from None
                self._skip("users", repr(one))
            else:
                numbers.append(number)
        return np.array(numbers, dtype=np.int64)

    def nothing_left(self, name: Any) -> None:
        """Note a history without a known item: it gets no list."""
        self._skip("histories", f"{name!r}, in which no item is known")

    def _skip(self, kind: str, what: str) -> None:
        self._skipped.setdefault(kind, []).append(what)

    def warn(self) -> None:
        """A UserWarning that says what was skipped, if anything was."""
        for kind, skipped in self._skipped.items():
            more = ", …" if len(skipped) > 3 else ""
            warnings.warn(
                f"skipped {len(skipped):,} {kind}: {', '.join(skipped[:3])}{more}", stacklevel=3
            )


def users_request(dataset: SASRecDataSet, users: Any, find: Finder, internal: bool) -> Request:
    """For users of the data set, by their whole histories."""
    rows = find.users(users)
    labels = rows if internal else dataset.raw_users[rows]
    return Request("user", labels, dataset.sequences, rows)


def histories_request(histories: Any, find: Finder) -> Request:
    """For histories: one or a list of them, {name: history}, or a table with user and item."""
    named = _named(histories)
    items, lengths = [], []
    for name, history in named.items():
        where = f"history {name!r}: "
        if len(history) == 0:
            raise ValueError(f"{where}it is empty; name at least one item")
        numbers = find.items(history, where)
        items += numbers
        lengths.append(len(numbers))
    known = np.array(lengths) > 0
    for name in np.array(list(named), dtype=object)[~known].tolist():
        find.nothing_left(name)
    sequences = Sequences.from_lengths(np.array(items, dtype=np.int32), np.array([0, *lengths]))
    labels = pd.Series(list(named)).to_numpy()
    sequences.user_ids = RawIds("history", len(labels), labels)
    return Request("history", labels[known], sequences, np.flatnonzero(known) + 1)


def _named(histories: Any) -> dict[Any, list[Any]]:
    """{name: items}, the name being a number from 0 where there is none."""
    if isinstance(histories, pd.DataFrame):
        return _by_user(histories)
    if isinstance(histories, Mapping):
        kinds = set(map(type, histories))
        if len(kinds) > 1:
            raise ValueError("histories has names of several kinds: make them all text or numbers")
        lists = {name: _plain(items) for name, items in histories.items()}
        for name, items in lists.items():
            if not isinstance(items, list):
                raise ValueError(f"history {name!r} must be a list of items, got {items!r}")
    else:
        given = _plain(histories)
        several = [_plain(entry) for entry in (given if isinstance(given, list) else [given])]
        flat = [not isinstance(entry, list) for entry in several]
        if any(flat) and not all(flat):
            raise ValueError("histories mixes items and lists: give one history, or a list of them")
        lists = dict(enumerate([several] if all(flat) and several else several))
    if not lists:
        raise ValueError("histories is empty: name at least one item")
    return lists


def _plain(given: Any) -> Any:
    """Lists for whatever holds several things, arrays, columns and tensors too; else the thing."""
    if hasattr(given, "tolist"):
        return given.tolist()
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str) else given


def _by_user(table: pd.DataFrame) -> dict[Any, list[Any]]:
    """The histories of a table with user, item and, where known, time; users as they first come."""
    rows = check_interactions(table)
    user, names = pd.factorize(rows["user"])
    order = stable_order(user, rows["time"].to_numpy() if "time" in rows else None)
    ends = np.cumsum(np.bincount(user))[:-1]
    parts = np.split(rows["item"].to_numpy()[order], ends)
    return dict(zip(names.tolist(), (part.tolist() for part in parts), strict=True))
