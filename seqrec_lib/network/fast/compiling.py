"""Compiled once, kept on disk: where the machine code of the loops waits for the next process.

numba can keep compiled code by itself, but there it is a duty: without a folder that it may write,
or with a file that was cut short, every call fails. Here it is a convenience: what cannot be read
is compiled anew, what cannot be written is compiled again by the next process, and a line says so.

A file holds one function for one list of argument types, one processor, one Python and one numba.
It begins with a SHA-256 over the sources of all loops and the rest of the file: code of an older
source, a file that was cut and one in which a bit is wrong all count as not there. Files appear
whole, by renaming, so any number of processes may share a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from seqrec_lib.common.version import __version__

_HERE = Path(__file__).resolve().parent
_VERSIONS = (sys.version, numba.__version__)
_log = logging.getLogger("seqrec_lib")
_said = set[str]()

if hasattr(os, "register_at_fork"):  # a child of a process that is compiling would wait for ever
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: the function as machine code, for each list of argument types it is called with.

    It runs without the GIL. options: of `numba.njit`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        loop = numba.njit(nogil=True, error_model="numpy", **options)(function)
        loop._cache = _KeptCode(function)  # where `cache=True` puts numba's own
        return loop

    return decorate


class _KeptCode:
    """The compiled forms of a function on disk: numba asks before it compiles, and tells after."""

    cache_path = None  # numba's name for the one folder that its own has

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rsplit('.')[-1]}.{function.__name__}"

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for these argument types, or None."""
        # All that kept code needs; numba would get ready to compile, which takes half a second.
        rtsys.initialize(target)
        name = self._file(signature, target.codegen())
        for folder in _folders():
            # Whatever is wrong with a folder or a file, the compiler needs neither.
            with contextlib.suppress(Exception):
                return CompileResult._rebuild(target, *_read(folder / name))
        _say_that_it_compiles()
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled, in the first folder that takes it."""
        if result.library.has_dynamic_globals:  # addresses, which mean nothing to another process
            return
        name, content, failures = self._file(signature, result.codegen), dumps(result._reduce()), []
        for folder in _folders():
            try:
                _write(folder / name, content)
            except OSError as error:
                failures.append(str(error))
            else:
                return
        if _first_time("not kept"):
            _log.warning(
                "seqrec_lib's compiled loops cannot be kept, so the next process compiles them "
                "again: %s. NUMBA_CACHE_DIR=FOLDER names another place for them.",
                "; ".join(failures),
            )

    def _file(self, signature: Any, codegen: Any) -> str:
        kind = repr((signature, codegen.magic_tuple(), _VERSIONS))
        return f"{self._name}-{hashlib.sha256(kind.encode()).hexdigest()[:16]}.loop"


def _folders() -> list[Path]:
    """Where compiled code may be: beside the sources, where whoever installs can leave it for all,
    or in the user's own caches. An environment variable of numba's names another place."""
    mine = f"seqrec_lib-{hashlib.sha256(str(_HERE).encode()).hexdigest()[:16]}"
    if asked := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(asked).absolute() / mine]
    user = Path(AppDirs("numba", appauthor=False).user_cache_dir)
    return [_HERE / "__pycache__", *([user / mine] if user.is_absolute() else [])]


@cache
def _stamp() -> bytes:
    """Of the sources of all loops: one may have been compiled into another."""
    sources = [path.read_bytes() for path in sorted(_HERE.glob("*.py"))]
    return hashlib.sha256(b"\0".join([__version__.encode(), *sources])).digest()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(_stamp() + content).digest()


def _read(path: Path) -> Any:
    """What `_write` was given, unpacked. Raises where it is not there as it was."""
    whole = path.read_bytes()
    digest, content = whole[:32], whole[32:]
    if digest != _digest(content):
        raise ValueError(f"{path} is damaged, or of other sources")
    return pickle.loads(content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # with the rights of any other file
    try:
        new.write_bytes(_digest(content) + content)
        os.replace(new, path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def _say_that_it_compiles() -> None:
    if not _first_time("compiles"):
        return
    kept = next((folder for folder in _folders() if _can_be_written(folder)), None)
    if kept:
        how_often = f"the first time only; they are kept in {kept}"
    elif _first_time("not kept"):
        how_often = (
            "in every process, for there is no folder to keep them in: none can be written of "
            f"{', '.join(map(str, _folders()))}. NUMBA_CACHE_DIR=FOLDER names another place"
        )
    _log.warning(
        "seqrec_lib compiles its fast loops for this machine: 10 to 30 seconds, %s.", how_often
    )


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _first_time(what: str) -> bool:
    """Once a process: what is said in a loop is not read."""
    first = what not in _said
    _said.add(what)
    return first
