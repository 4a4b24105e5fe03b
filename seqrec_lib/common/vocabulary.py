"""Whose number is whose: the user's own ids of items and users, and the numbers 1, 2, … inside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

_SHOWN = 3
_KINDS = ("item", "user")


class RawIds:
    """The ids that people use for items or for users, by the library's own numbers 1 to count.

    name: what one of them is called in messages, such as "item" or "film".
    raw: (count,) whole numbers, text or whatever else the log has, each once; None where the
        numbers are the ids.

    Raises ValueError where raw is not one id for each number.
    """

    def __init__(self, name: str, count: int, raw: np.ndarray | None = None) -> None:
        if raw is not None and raw.shape != (count,):
            raise ValueError(f"there must be a raw id for each of {count} {name}s, not {raw.shape}")
        if raw is not None and raw.dtype.kind in "iu" and np.array_equal(raw, _counted(count)):
            raw = None
        self.name, self.count, self.raw = name, count, raw

    def __repr__(self) -> str:
        more = ", …" if self.count > _SHOWN else ""
        return f"RawIds({self.count:,} {self.name}s: {self.examples()}{more})"

    @property
    def are_text(self) -> bool:
        """Whether they are text rather than numbers."""
        return self.raw is not None and self.raw.dtype.kind not in "iuf"

    def of(self, numbers: Any) -> np.ndarray:
        """The ids that numbers (N,) from 1 stand for."""
        numbers = np.asarray(numbers, dtype=np.int64)
        return numbers if self.raw is None else self.raw[numbers - 1]

    def by_number(self) -> np.ndarray:
        """(count + 1,) the ids by number; entry 0 means nothing."""
        raw = _counted(self.count) if self.raw is None else self.raw
        return np.concatenate([np.array(["" if self.are_text else 0], dtype=raw.dtype), raw])

    def find(self, wanted: Any) -> int:
        """The number of an id; 0 for what is none of them."""
        floats = self.raw is not None and self.raw.dtype.kind == "f"
        if isinstance(wanted, bool | np.bool_) or (_is_float(wanted) and not floats):
            return 0  # which Python takes for 1, and 1.0 too
        try:
            return self._numbers.get(wanted, 0)
        except TypeError:  # a list, which is nobody's id
            return 0

    def number(self, wanted: Any, internal: bool = False) -> int:
        """The number of an id, or, with internal=True, a number from 1 to count itself.

        Raises ValueError that says what the ids look like.
        """
        if internal:
            whole = isinstance(wanted, int | np.integer) and not isinstance(wanted, bool)
            if not whole or not 1 <= wanted <= self.count:
                raise ValueError(f"{self.name} number {wanted!r} is outside 1 to {self.count}")
            return int(wanted)
        if number := self.find(wanted):
            return number
        raise ValueError(self.unknown(wanted))

    def unknown(self, wanted: Any) -> str:
        """What to say of an id that is none."""
        if isinstance(wanted, np.generic):
            wanted = wanted.item()
        if self.raw is None and isinstance(wanted, int):
            return f"{self.name} {wanted} is outside 1 to {self.count}"
        said = f"no {self.name} has the id {wanted!r}"
        if isinstance(wanted, str) == self.are_text:
            return said
        kind = "text" if self.are_text else "numbers"
        said += f": {self.name} ids are {kind} here, such as {self.examples()}"
        if self.are_text and isinstance(wanted, int):
            said += "; the data set's own numbers 1, 2, … are asked for with internal=True"
        return said

    def examples(self, numbers: Sequence[int] | np.ndarray = (1, 2, 3)) -> str:
        """A few of the ids, to be read."""
        shown = [n for n in np.asarray(numbers)[:_SHOWN].tolist() if n <= self.count]
        return ", ".join(repr(raw) for raw in self.of(shown).tolist())

    def begins_with(self, other: RawIds) -> bool:
        """Whether every number of the other list stands for the same id here."""
        if other is self or (self.raw is None and other.raw is None):
            return other.count <= self.count
        if other.count > self.count or self.are_text != other.are_text:
            return False
        return bool(np.array_equal(self.of(_counted(other.count)), other.of(_counted(other.count))))

    @cached_property
    def fingerprint(self) -> str:
        """Their count and 8 hexadecimal digits, which tell two lists apart."""
        if self.raw is None:
            return f"1 to {self.count}"
        digits = sha256("\n".join(map(repr, self.raw.tolist())).encode()).hexdigest()[:8]
        return f"{self.count} ({digits})"

    @cached_property
    def _numbers(self) -> dict[Any, int]:
        raw = _counted(self.count) if self.raw is None else self.raw
        return {one: number for number, one in enumerate(raw.tolist(), 1)}


def called(ids: RawIds | None, numbers: Any) -> str:
    """What to call users or items in a message: "user 'ann'", "user 'ann' and 3 more".

    ids: what they are called; None where nothing but their numbers is known, those of users.
    numbers: one, or several (N,), of which the first is named.
    """
    listed = np.atleast_1d(numbers)
    first = repr(listed[0].item()) if ids is None else ids.examples(listed[:1])
    more = f" and {len(listed) - 1} more" if len(listed) > 1 else ""
    return f"{'user' if ids is None else ids.name} {first}{more}"


class Vocabulary(NamedTuple):
    """The items and the users of a data set, or those that a model has rows for.

    Of a model that has not met any yet they are empty lists.
    """

    items: RawIds
    users: RawIds


def knows_all(model: Any, dataset: Any, with_users: bool = True, learns: bool = False) -> None:
    """A ValueError when a data set has other items or users than those that a model has rows for.

    A model may be larger than its data: what is beyond is nobody's. One with an attribute `knows`
    takes the lists of the first data set that it meets, and is held to them from then on: the same
    number must stand for the same item.

    with_users: False where the model is not told who the users are.
    learns: it is about to be trained, so that rows beyond its lists may become somebody's.
    """
    there: Vocabulary = dataset.vocabulary
    known: Vocabulary = getattr(model, "knows", None) or Vocabulary(*(RawIds(x, 0) for x in _KINDS))
    name = type(model).__name__
    items = _checked(name, "item", known.items, there.items, model.item_num, learns)
    users, room = known.users, getattr(model, "user_num", None)
    if with_users and room is not None:
        users = _checked(name, "user", known.users, there.users, room, learns)
    if hasattr(model, "knows"):
        model.knows = Vocabulary(items, users)


def _checked(name: str, kind: str, mine: RawIds, there: RawIds, room: int, learns: bool) -> RawIds:
    """The list that a model knows from now on; a ValueError where it has no place for the other."""
    size = there.count
    if mine.count == 0:
        if size > room:
            raise ValueError(
                f"{name} knows {room} {kind}s, the data set has {size}: they do not belong "
                f"together, or build the model with {kind}_num={size} or more"
            )
        return there
    if mine.begins_with(there):
        return mine
    if not there.begins_with(mine):
        first = int(np.argmax(~_same(mine, there))) + 1
        raise ValueError(
            f"{name} knows {mine.count} {kind}s, the data set has {size}, and they are not the "
            f"same: number {first} is {mine.examples([first])} to the model and "
            f"{there.examples([first])} to the data set. To keep the numbers, prepare the log "
            "with like=the data set that the model was trained on"
        )
    if learns and size <= room:
        return there
    new = there.examples(np.arange(mine.count + 1, size + 1))
    more = ", …" if size > mine.count + _SHOWN else ""
    raise ValueError(
        f"{name} knows {mine.count} {kind}s, the data set has {size}: it has never seen "
        f"{new}{more}. grow(model, dataset) gives them rows"
    )


def _same(mine: RawIds, there: RawIds) -> np.ndarray:
    """Which of the numbers that both have stand for the same id."""
    both = _counted(min(mine.count, there.count))
    return np.array([a == b for a, b in zip(mine.of(both), there.of(both), strict=True)])


def _counted(count: int) -> np.ndarray:
    return np.arange(1, count + 1)


def _is_float(wanted: Any) -> bool:
    return isinstance(wanted, float | np.floating)
