"""Paths as users give them, and files that are there whole or not at all.

Every path that the library takes goes through here: text or anything with a path, `~` for the home
folder, symbolic links. What cannot be read or written is said with the argument, the path and what
to do about it, and a path that will be written is tried before the work whose result it is to hold.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

AnyPath = str | os.PathLike[str]
_REMEDIES = {
    errno.ENOENT: "there is no file or folder of this name: look at its spelling",
    errno.EISDIR: "it is a folder: name a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another place",
    errno.EEXIST: "there is a file of this name: name a folder, or choose another place",
    errno.EACCES: "you have no right to: ask its owner, or choose another place",
    errno.EPERM: "you have no right to: ask its owner, or choose another place",
    errno.EROFS: "the disk is read-only: choose another place",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENOSPC: "the disk is full: make room, or choose another place",
    errno.EDQUOT: "your quota is used up: make room, or choose another place",
    errno.EFBIG: "the file is larger than is allowed here: raise the limit (ulimit -f)",
    errno.ENAMETOOLONG: "its name is too long",
}
_STALE = 24 * 3600  # seconds; a file that is being written changes all the time


def as_path(value: AnyPath, name: str = "path") -> Path:
    """The path, `~` written out. TypeError for what is none, ValueError for one that cannot be."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f"{name}={value!r:.80} must be a path: text, or a pathlib.Path")
    if not text or "\0" in text:
        raise ValueError(f"{name}={text!r} is empty or holds a zero byte: it is no path")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"{name}={text!r}: the system knows no home folder for it; write the path in full"
        ) from None


@contextmanager
def named(path: Path, name: str, doing: str) -> Iterator[None]:
    """A `with` block whose OSErrors say which path it was, for which argument, and the remedy.

    They keep their type and number. doing: "read" or "written".
    """
    try:
        yield
    except OSError as error:
        why = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
        told = type(error)(f"{name}={str(path)!r} cannot be {doing}: {why}")
        told.errno = error.errno
        raise told from error


def file_to_read(value: AnyPath, name: str = "path") -> Path:
    """A file that is there and may be read.

    Raises FileNotFoundError, IsADirectoryError, PermissionError or another OSError that names it.
    """
    path = as_path(value, name)
    with named(path, name, "read"), open(path, "rb"):
        return path


def file_to_write(value: AnyPath, name: str = "path", needs: int = 0) -> Path:
    """A place where a file can be written, as far as can be known before; nothing is changed.

    needs: bytes that must be free. Raises an OSError that names argument, path and remedy.
    """
    path = as_path(value, name)
    with named(path, name, "written"):
        place = _led_to(path)
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, "")
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, "")
        _try(place.parent, needs)
    return path


def folder_to_write(value: AnyPath, name: str = "folder", needs: int = 0) -> Path:
    """A folder that files can be written to, made where it is missing; see `file_to_write`."""
    path = as_path(value, name)
    with named(path, name, "written"):
        path.mkdir(parents=True, exist_ok=True)
        _try(path, needs)
    return path


def _try(folder: Path, needs: int) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass
    if shutil.disk_usage(folder).free < needs:
        raise OSError(errno.ENOSPC, "")


def _led_to(path: Path) -> Path:
    """The file that links lead to, there or not."""
    with suppress(FileNotFoundError):
        path.stat()  # links in a circle
    return Path(os.path.realpath(path))


def _beside(name: str) -> str:
    return f".{name[:60]}.{secrets.token_hex(6)}.tmp"


@contextmanager
def whole_file(path: AnyPath, name: str = "path") -> Iterator[Path]:
    """A `with` block that gives a path to write to; at its end that file takes the place of `path`.

    Until then, and where the block fails, what was there stays as it was. A link stays a link: the
    file that it leads to is replaced. Several writers at once do not meet; the last one's file
    stays, whole. What a killed writer has left beside is removed by one that comes a day later.

    Raises an OSError that names argument, path and remedy.
    """
    asked = as_path(path, name)
    with named(asked, name, "written"):
        place = _led_to(asked)
        beside = place.with_name(_beside(place.name))
        _remove_stale(place)
        try:
            # with the rights that a plain new file has, or those of the one that is replaced
            os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            yield beside
            if place.exists():
                shutil.copymode(place, beside)
            with open(beside, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(beside, place)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _remove_stale(place: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(place.name[:60])}\.[0-9a-f]{{12}}\.tmp")
    with suppress(OSError):
        for path in place.parent.iterdir():
            if pattern.fullmatch(path.name) and time.time() - path.stat().st_mtime > _STALE:
                path.unlink()


def write_text(path: AnyPath, text: str, name: str = "path") -> None:
    """A text file in UTF-8 that is there whole or not at all; see `whole_file`."""
    with whole_file(path, name) as beside:
        beside.write_text(text, encoding="utf-8")


def write_csv(path: AnyPath, table: Any, name: str = "path") -> None:
    """A table without its index, as `write_text`; compressed where the path ends in .gz."""
    with whole_file(path, name) as beside:
        packed = "gzip" if os.fspath(path).endswith(".gz") else None
        table.to_csv(beside, index=False, compression=packed)
