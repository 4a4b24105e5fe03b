"""One fault: what it is told, what it may ask, and what is looked at when it is over."""

import ast
import functools
import gc
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import seqrec_lib

LIBRARY = Path(seqrec_lib.__file__).parent
SCENARIOS: dict[str, Callable[["Trial"], None]] = {}
WEIGHTS: dict[str, int] = {}


def fault(often: int = 1) -> Callable[[Callable[["Trial"], None]], Callable[["Trial"], None]]:
    """Note a function as a kind of fault, drawn `often` times as often as others."""

    def note(function: Callable[["Trial"], None]) -> Callable[["Trial"], None]:
        SCENARIOS[function.__name__] = function
        WEIGHTS[function.__name__] = often
        return function

    return note


class Found(AssertionError):
    """A wrong answer, an error that helps nobody, something lost, or something left behind."""


class Refused:
    """That the library refused, and the words it had for it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Trial:
    """One fault. All that is random comes from `rng`, all that is written goes to `folder`."""

    def __init__(self, name: str, seed: int, number: int, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.rng = random.Random(f"{seed} {number}")
        self.numbers = np.random.default_rng([seed, number])
        self.said: list[str] = []
        self.refusals = 0
        self.changed: Any = 1  # what stands in the place of a right id

    def pick(self, *choices: Any) -> Any:
        """One of several, equally likely."""
        return self.rng.choice(choices)

    def note(self, text: object) -> None:
        """What was drawn, for the report."""
        self.said.append(str(text))

    def asked(self, call: Callable[[], Any], *names: str) -> Any:
        """What a call answers, or `Refused` where it refuses by one of the names."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", UserWarning)  # the library's own, which say something
            try:
                return call()
            except Exception as error:
                in_words(error, names)
                self.refusals += 1
                return Refused(error)

    def expect(
        self, call: Callable[[], Any], right: Any, *names: str, whole: bool | None = None
    ) -> None:
        """The answer is `right` or refused; whole=False: there is no right one, whole=True: it may
        not be refused."""
        answer = self.asked(call, *names)
        if isinstance(answer, Refused):
            if whole:
                raise Found(f"refused what is right: {answer.error}") from answer.error
        elif whole is False:
            raise Found(f"took what is wrong without a word, and answered {answer!r:.200}")
        elif not same(answer, right):
            raise Found(f"answered {answer!r:.300}, not {right!r:.300}")


def in_words(error: Exception, names: Iterable[str]) -> None:
    """A `Found` for an error that the library did not raise itself, or that names nothing."""
    text, names = str(error), tuple(names)
    deepest = error.__traceback__
    while deepest is not None and deepest.tb_next is not None:
        deepest = deepest.tb_next
    assert deepest is not None
    file, line = deepest.tb_frame.f_code.co_filename, deepest.tb_lineno
    own = Path(file).is_relative_to(LIBRARY) and line in _raises(file)
    named_file = isinstance(error, OSError) and error.filename is not None
    unknown_argument = isinstance(error, TypeError) and "unexpected keyword argument" in text
    place = f"{Path(file).name}:{line}"
    if not (own or named_file or unknown_argument):
        raise Found(f"raw {type(error).__name__} from {place}: {text:.200}") from error
    if len(text) < 15 or (names and not any(name in text for name in names)):
        raise Found(f"an error that names none of {names} ({place}): {text:.200}") from error


@functools.cache
def _raises(file: str) -> set[int]:
    """The lines of a file that belong to a `raise`."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Raise) and n.exc is not None]
    return {line for n in found for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)}


def same(a: Any, b: Any) -> bool:
    """Equal in value, to the last bit but for the sums of numbers with a point."""
    if callable(b):
        return bool(b(a))
    if isinstance(b, dict):
        return isinstance(a, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in b)
    if isinstance(b, pd.DataFrame):
        return (
            isinstance(a, pd.DataFrame)
            and list(a) == list(b)
            and all(same(a[name].to_numpy(), b[name].to_numpy()) for name in b)
        )
    if isinstance(b, Tensor | np.ndarray):
        left, right = (np.asarray(x.detach() if isinstance(x, Tensor) else x) for x in (a, b))
        if left.shape != right.shape:
            return False
        if right.dtype.kind == "f":
            return bool(np.allclose(left, right, rtol=1e-4, atol=1e-5, equal_nan=True))
        return bool(np.array_equal(left, right))
    if isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, float):
        return bool(np.isclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True))
    return bool(a == b)


class Surroundings:
    """What a fault may not change: threads, open files, settings of the process, global draws."""

    def __init__(self) -> None:
        self.before = self._now()
        self.files = open_files()

    @staticmethod
    def _now() -> dict[str, Any]:
        return {
            "threads of torch": torch.get_num_threads(),
            "default dtype": torch.get_default_dtype(),
            "gradients": torch.is_grad_enabled(),
            "working folder": os.getcwd(),
            "environment": dict(os.environ),
            "user": os.geteuid() if hasattr(os, "geteuid") else 0,
            "random's draws": hash(random.getstate()),
            "numpy's draws": np.random.get_state()[1].tobytes(),  # noqa: NPY002 - to see it stay
            "trace": sys.gettrace(),
        }

    def check(self) -> None:
        """Raise `Found` for what is another than before, and for what is left."""
        changed = [name for name, value in self._now().items() if value != self.before[name]]
        if changed:
            raise Found(f"left {', '.join(changed)} other than before")
        deadline = time.monotonic() + 2
        while own := [t.name for t in threading.enumerate() if t.name.startswith("seqrec")]:
            if time.monotonic() > deadline:
                raise Found(f"left threads running: {own}")
            time.sleep(0.01)
        if left := open_files() - self.files:
            gc.collect()
            if left := left & open_files():
                raise Found(f"left files open: {sorted(left)}")


def open_files() -> set[str]:
    """The files that this process has open, where the system tells."""
    found = set()
    for number in Path("/proc/self/fd").glob("*"):
        try:
            target = os.readlink(number)
        except OSError:
            continue
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            found.add(f"{number.name} {target}")
    return found
