"""Items and users by the ids of the log, and items by title: from what people type to numbers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.common.vocabulary import RawIds, Vocabulary
from seqrec_lib.data.titles import TitleIndex


class Names:
    """What the items and users of a data set are called.

    items: None, or the table of a `SASRecDataSet`, with title and, where there are ids of the log,
        raw_id. raw_users: their ids by number, entry 0 unused; None where the numbers are the ids.
    """

    def __init__(
        self,
        itemnum: int,
        usernum: int,
        items: pd.DataFrame | None,
        raw_users: np.ndarray | None,
        item_name: str,
    ) -> None:
        self._key = (itemnum, usernum, item_name)
        self.table, self._raw_users = items, raw_users
        raw_items = None if items is None or "raw_id" not in items else items["raw_id"].to_numpy()
        self.vocabulary = Vocabulary(
            RawIds(item_name, itemnum, raw_items),
            RawIds("user", usernum, None if raw_users is None else np.asarray(raw_users)[1:]),
        )

    def are_of(self, items: pd.DataFrame | None, raw_users: np.ndarray | None, *key: Any) -> bool:
        """Whether they were made of these very objects, so that they hold still."""
        return items is self.table and raw_users is self._raw_users and key == self._key

    @cached_property
    def titles(self) -> TitleIndex:
        """Finds an item's id by title. Raises ValueError where there are none."""
        if self.table is None:
            raise ValueError("this data set has no titles: give items= a table with titles")
        ids, name = self.vocabulary.items, self.vocabulary.items.name
        numbers = self.table.index.to_numpy()
        return TitleIndex(self.table["title"].set_axis(pd.Index(ids.of(numbers))), name)

    def item(self, wanted: Any, internal: bool = False) -> int:
        """The number of an item given by its id or, as text, by its title; an id goes first.

        internal: it is the number itself. Raises ValueError that names what it could be, TypeError
        for what is neither an id nor a title.
        """
        ids = self.vocabulary.items
        if internal:
            return ids.number(wanted, internal=True)
        if number := ids.find(wanted):
            return number
        if not isinstance(wanted, str):
            if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool):
                raise ValueError(ids.unknown(wanted))
            raise TypeError(f"an {ids.name} is an id or a title, got {wanted!r}")
        if self.table is None:
            raise ValueError(f"{ids.unknown(wanted)}; this data set has no titles to look it up in")
        try:
            return ids.find(self.titles.find(wanted))
        except ValueError as error:
            if ids.are_text or wanted.strip().isdecimal():
                raise type(error)(f"{ids.unknown(wanted)}. As a title: {error}") from None
            raise

    def user(self, wanted: Any, internal: bool = False) -> int:
        """The number of a user given by id; internal: it is the number itself."""
        return self.vocabulary.users.number(wanted, internal)

    def title(self, number: int) -> str:
        """The title of an item's number, "item 5" where there are no titles."""
        ids = self.vocabulary.items
        if self.table is None:
            return f"{ids.name} {ids.of([number])[0]}"
        return str(self.table["title"].iloc[number - 1])
