"""One value in many forms: some mean the same, some cannot be what was meant."""

import array
import collections
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from faults.trial import Trial

WIDTHS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
TOO_LARGE = [2**31, 2**32 + 1, 2**40, 2**63 - 1, 2**63, 2**70]


def _strided(values: list[int]) -> np.ndarray:
    wide = np.zeros(2 * len(values), dtype=np.int64)
    wide[::2] = values
    return wide[::2]


def _read_only(values: list[int]) -> np.ndarray:
    found = np.array(values, dtype=np.int64)
    found.flags.writeable = False
    return found


SAME_LISTS: dict[str, Callable[[list[int]], Any]] = {
    "a list": list,
    "a tuple": tuple,
    "a read-only array": _read_only,
    "every other element of an array": _strided,
    "an array backwards": lambda v: np.array(v[::-1], dtype=np.int64)[::-1],
    "a view of a larger array": lambda v: np.array([7, *v, 7])[1:-1],
    "the other byte order": lambda v: np.array(v, dtype=">i4"),
    "an array of objects": lambda v: np.array(v, dtype=object),
    "whole float32": lambda v: np.array(v, dtype=np.float32),
    "whole float64": lambda v: np.array(v, dtype=np.float64),
    "whole Python floats": lambda v: list(map(float, v)),
    "numpy scalars": lambda v: [WIDTHS[i % 8](x) for i, x in enumerate(v)],
    "a tensor": torch.tensor,
    "a tensor of int32": lambda v: torch.tensor(v, dtype=torch.int32),
    "a strided tensor": lambda v: torch.from_numpy(_strided(v)),
    "a series": lambda v: pd.Series(v, index=range(5, 5 + len(v))),
    "a nullable series": lambda v: pd.Series(v, dtype="Int64"),
    "a categorical series": lambda v: pd.Series(v, dtype="category"),
    "an index": pd.Index,
    "a generator": lambda v: (x for x in v),
    "an iterator": iter,
    "a deque": collections.deque,
    "a memory view": lambda v: memoryview(np.array(v, dtype=np.int64)),
    "an array of the standard library": lambda v: array.array("q", v),
    **{w.__name__: partial(np.array, dtype=w) for w in WIDTHS},
}

# In the place of one of the ids.
WRONG_IDS: dict[str, Any] = {
    "a fraction": 2.7,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "pandas NA": pd.NA,
    "NaT": pd.NaT,
    "None": None,
    "a negative id": -3,
    "text": "3",
    "a flag": True,
    "a complex number": 2 + 1j,
    "a list": [1, 2],
    **{f"{n} (too large)": n for n in TOO_LARGE},
}


def is_whole(value: Any) -> bool:
    """Whether what stands in the place of an id is a whole number: too large, or negative."""
    return isinstance(value, int) and value is not True and value != 1 and abs(value) < 2**63


def ids(trial: Trial, values: list[int], wrong: float = 0.4) -> tuple[Any, bool]:
    """The ids in another form, and whether it still means them."""
    if values and trial.rng.random() < wrong:
        name = trial.rng.choice(list(WRONG_IDS))
        place = trial.rng.randrange(len(values))
        found: Any = [*values[:place], WRONG_IDS[name], *values[place + 1 :]]
        trial.changed = WRONG_IDS[name]
        held = trial.pick("a list", "a tuple", "an array", "a generator")
        trial.note(f"ids with {name} in place {place}, as {held}")
        if held == "an array":
            try:
                # among whole numbers NumPy makes a 1 of a flag, and nobody can tell any more
                found = np.array(found, dtype=object if name == "a flag" else None)
            except (ValueError, OverflowError):
                found = np.array([*found, None], dtype=object)[:-1]
        return {"a tuple": tuple, "a generator": iter}.get(held, lambda x: x)(found), False
    name = trial.rng.choice(list(SAME_LISTS))
    trial.note(f"ids as {name}")
    return SAME_LISTS[name](values), True


def table(trial: Trial, values: list[list[int]], wrong: float = 0.4) -> tuple[Any, bool]:
    """(B, T) ids in another form, and whether it still means them."""
    plain = np.array(values, dtype=np.int64)
    if trial.rng.random() < wrong:
        return _wrong_table(trial, plain)
    forms: dict[str, Callable[[], Any]] = {
        "lists": plain.tolist,
        "tuples": lambda: tuple(map(tuple, plain.tolist())),
        "a column-first array": lambda: np.asfortranarray(plain),
        "every other column": lambda: np.repeat(plain, 2, axis=1)[:, ::2],
        "rows backwards": lambda: plain[::-1].copy()[::-1],
        "a read-only array": lambda: _locked(plain),
        "the other byte order": lambda: plain.astype(">i8"),
        "objects": lambda: plain.astype(object),
        "whole float32": lambda: plain.astype(np.float32),
        "whole float64": lambda: plain.astype(np.float64),
        "a tensor": lambda: torch.from_numpy(plain),
        "a tensor of int32": lambda: torch.from_numpy(plain).int(),
        "a transposed tensor": lambda: torch.from_numpy(plain.T.copy()).T,
        "a data frame": lambda: pd.DataFrame(plain),
        "a list of arrays": lambda: list(plain),
        "a list of tensors": lambda: list(torch.from_numpy(plain)),
        **{w.__name__: partial(plain.astype, w) for w in WIDTHS},
    }
    name = trial.rng.choice(list(forms))
    trial.note(f"(B, T) as {name}")
    return forms[name](), True


def _locked(plain: np.ndarray) -> np.ndarray:
    found = plain.copy()
    found.flags.writeable = False
    return found


def _wrong_table(trial: Trial, plain: np.ndarray) -> tuple[Any, bool]:
    row, column = trial.rng.randrange(plain.shape[0]), plain.shape[1] - 1
    name = trial.pick(
        "a fraction", "NaN", "a negative id", "ragged", "flat", "one axis more", "text", "flags",
        "complex numbers", "None", "too large", "far too large", "not a table",
    )  # fmt: skip
    trial.note(f"(B, T) with {name} in row {row}")
    if name in ("a fraction", "NaN"):
        found: Any = plain.astype(trial.pick(np.float32, np.float64))
        found[row, column] = 2.7 if name == "a fraction" else np.nan
        return trial.pick(found, torch.from_numpy(found), found.tolist()), False
    if name in ("a negative id", "too large", "far too large"):
        found = plain.copy()
        value = {"a negative id": -2, "too large": 10**6, "far too large": 2**62}[name]
        found[row, column] = value
        return trial.pick(found, torch.from_numpy(found), found.tolist()), False
    lists = plain.tolist()
    if name == "ragged":
        lists[row] = lists[row][1:]
    elif name in ("text", "None"):
        lists[row][column] = {"text": "x", "None": None}[name]
    return {
        "flat": plain.ravel(),
        "one axis more": plain[None],
        "flags": plain > 0,
        "complex numbers": plain.astype(complex),
        "not a table": trial.pick(None, 5, "text", {"a": 1}),
    }.get(name, lists), False


def number(trial: Trial, value: int, wrong: float = 0.4) -> tuple[Any, bool]:
    """A whole number of at least 1 in another form, and whether it still means it."""
    if trial.rng.random() < wrong:
        bad = trial.pick(
            0, -1, 2.5, float("nan"), float("inf"), "5", True, [5], pd.NA, np.array([3, 4]),
            np.float32(1.5), np.int8(-5), 5 + 0j,
        )  # fmt: skip
        trial.note(f"{bad!r} instead of {value}")
        return bad, False
    forms = [np.array, torch.tensor, float, np.float64, np.float32, *WIDTHS]
    form = trial.rng.choice(forms)
    trial.note(f"{value} as {form.__name__}")
    return form(value), True
