"""A disk that fails: at a random call, from a random byte on, or with the whole process."""

import builtins
import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from faults.trial import Trial

SAID = ("cannot be written", "No space", "too large", "Input/output", "is full")
CALLS = ("open", "replace", "rename", "fsync", "unlink", "remove", "link", "mkdir", "write")


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no clean-up either."""


class Disk:
    """Counts what is done to a folder of the disk, and fails from a given call on.

    how: "full" and "broken" raise an OSError at one call, "killed" ends everything there: what
    comes after the call does not happen, as after SIGKILL.
    """

    def __init__(self, folder: str, fails_at: int | None, how: str) -> None:
        self.folder, self.fails_at, self.how, self.calls = folder, fails_at, how, 0

    def _before(self, path: Any) -> None:
        try:
            inside = os.fspath(path).startswith(self.folder)
        except TypeError:
            inside = isinstance(path, int) and self._name(path).startswith(self.folder)
        if not inside:
            return
        self.calls += 1
        if self.fails_at is None or self.calls < self.fails_at:
            return
        if self.how == "killed":
            raise Killed
        if self.calls == self.fails_at:
            number = errno.ENOSPC if self.how == "full" else errno.EIO
            raise OSError(number, os.strerror(number))

    @staticmethod
    def _name(descriptor: int) -> str:
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            return ""

    def wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            self._before(path)
            return function(path, *args, **kwargs)

        return call


@contextmanager
def failing(folder: str, fails_at: int | None, how: str) -> Iterator[Disk]:
    """A block in which the calls of Python that change `folder` are counted and may fail."""
    disk = Disk(folder, fails_at, how)
    import io

    places: list[tuple[Any, str]] = [(os, name) for name in CALLS if name != "write"]
    places += [(builtins, "open"), (io, "open")]
    before = [(place, name, getattr(place, name)) for place, name in places]

    def opened(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wax+"):
            disk._before(path)
        return original(path, mode, *args, **kwargs)

    def os_opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> Any:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            disk._before(path)
        return os_open(path, flags, *args, **kwargs)

    original, os_open = builtins.open, os.open
    try:
        for place, name, function in before:
            setattr(place, name, disk.wrapped(function))
        builtins.open = io.open = opened  # type: ignore[assignment]
        os.open = os_opened  # type: ignore[assignment]
        yield disk
    finally:
        for place, name, function in before:
            setattr(place, name, function)


@contextmanager
def limited(size: int) -> Iterator[None]:
    """A block in which no file grows beyond `size` bytes, whoever writes it."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def fault_of_the_disk(trial: Trial, write: Callable[[], Any], size: int) -> Any:
    """Calls `write` on a disk that fails at a random moment; what came of it, and what it was.

    Returns (the answer of the trial, whether the process was killed).
    """
    how = trial.pick("full", "broken", "killed", "limited", "killed", "nothing")
    folder = str(trial.folder)
    if how == "limited":
        room = trial.rng.randrange(max(1, size))
        trial.note(f"room for {room} bytes")
        with limited(room):
            return trial.asked(write, *SAID), False
    calls = trial.rng.randint(1, 8)
    trial.note(f"{how} at call {calls}")
    with failing(folder, None if how == "nothing" else calls, how):
        try:
            return trial.asked(write, *SAID), False
        except Killed:
            return None, True
