"""Finding a MovieLens data set on this machine, or downloading it from GroupLens."""

import glob
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from seqrec_lib.common.messages import PlainError
from seqrec_lib.common.paths import AnyPath, as_path, named

GROUPLENS = "https://files.grouplens.org/datasets/movielens"
MD5: dict[str, str | None] = {  # of GroupLens' archives; latest-small is replaced now and then
    "ml-100k": "0e33842e24a9c977be4e0107933c0723",
    "ml-1m": "c4d9eecfca2ab87c1945afe126590906",
    "ml-latest-small": None,
    "ml-25m": "6b51fb2759a8657d3bfcbfc42b592ada",
    "ml-32m": "d472be332d4daa821edc399621853b57",
}
FILES = {  # the ratings and the films of each release
    "ml-100k": ("u.data", "u.item"),
    "ml-1m": ("ratings.dat", "movies.dat"),
    "ml-latest-small": ("ratings.csv", "movies.csv"),
    "ml-25m": ("ratings.csv", "movies.csv"),
    "ml-32m": ("ratings.csv", "movies.csv"),
}
VARIABLE = "SEQREC_DATA"  # of the environment: the folder that holds data sets
_STALE = 24 * 3600  # seconds after which a download is not at work any more
_TIMEOUT = (5, 30)  # seconds to connect, and without any byte


class DataMissingError(PlainError, FileNotFoundError):
    """A data set that is not on this machine and could not be downloaded."""


def find(name: str, path: AnyPath | None = None, cache: AnyPath | None = None) -> Path | None:
    """The folder of a data set on this machine, or None.

    Looks in path and path/name, then $SEQREC_DATA/name and, where it is the data set's own folder,
    $SEQREC_DATA, then cache/name (default: the project's folder among the user's caches).
    """
    return next((place for place in places(name, path, cache) if _holds(place, name)), None)


def _holds(folder: Path, name: str) -> bool:
    with suppress(PermissionError):  # a folder that may not be looked into is not there
        return all((folder / file).is_file() for file in FILES[name])
    return False


def places(name: str, path: AnyPath | None, cache: AnyPath | None) -> list[Path]:
    """The folders in which `find` looks, in order. Raises ValueError for an unknown name."""
    if name not in FILES:
        raise ValueError(f"name={name!r} is no MovieLens data set; choose from {', '.join(FILES)}")
    folders = [] if path is None else [as_path(path), as_path(path) / name]
    folders += _named_by_variable(name)
    folders.append(default_cache(cache) / name)
    return folders


def _named_by_variable(name: str) -> list[Path]:
    """Where $SEQREC_DATA says to look for a folder; itself, where it cannot be another data set."""
    if not os.environ.get(VARIABLE):
        return []
    top = as_path(os.environ[VARIABLE], VARIABLE)
    alone = (
        name in FILES and list(FILES.values()).count(FILES[name]) == 1
    )  # no other has files like these
    return [top / name, *([top] if alone or top.name == name else [])]


def _variable_complaint(name: str) -> str:
    """A sentence on $SEQREC_DATA where it is set and the data set is not there, or ""."""
    looked = _named_by_variable(name)
    if not looked or any(_holds(folder, name) for folder in looked):
        return ""
    top = looked[0].parent
    there = "holds no" if top.is_dir() else "names a folder that is not there: no"
    files = " and ".join(f"{name}/{file}" for file in FILES[name])
    return f"{VARIABLE}={os.environ[VARIABLE]} {there} {files}."


def default_cache(cache: AnyPath | None = None) -> Path:
    """Where downloads are kept: cache, or the user's cache folder for seqrec_lib."""
    if cache is not None:
        return as_path(cache, "cache")
    import pooch  # here: importing seqrec_lib should not load it

    return Path(pooch.os_cache("seqrec_lib"))


def locate(
    name: str,
    path: AnyPath | None = None,
    download: bool = True,
    cache: AnyPath | None = None,
    host: str = GROUPLENS,
) -> Path:
    """The folder of a data set: found as in `find`, else downloaded, verified and unpacked.

    Raises FileNotFoundError that lists the places tried, what went wrong with the download, and
    the three steps to do by hand.
    """
    folder = find(name, path, cache)
    complaint = _variable_complaint(name)
    if folder is not None:
        if complaint and folder == default_cache(cache) / name:
            print(f"{complaint} An earlier download is taken.")
        return folder
    if complaint and download:
        print(f"{complaint} Trying to download it.")
    url = f"{host}/{name}.zip"
    if download:
        try:
            return _download(name, url, default_cache(cache))
        except (OSError, ValueError, zipfile.BadZipFile) as error:  # requests' errors are OSErrors
            outcome, cause = f"downloading {url} failed: {_reason(error)}", error
    else:
        outcome, cause = "downloading was not allowed (download=False)", None
    tried = "\n".join(f"  - {place}" for place in places(name, path, cache))
    raise DataMissingError(
        f"{name} is not on this machine, and {outcome}\n"
        f"Folders tried, each for {' and '.join(FILES[name])}:\n{tried}\n"
        "By hand:\n"
        f"  1. download {GROUPLENS}/{name}.zip in a browser;\n"
        f"  2. unpack it, which gives a folder {name}/ with {' and '.join(FILES[name])};\n"
        f"  3. set the environment variable {VARIABLE} to the folder that holds {name}/, "
        f"or give that folder as path=."
    ) from cause


def fetch_file(
    file: str,
    url: str,
    sha256: str,
    folder: str,
    path: AnyPath | None = None,
    cache: AnyPath | None = None,
) -> Path:
    """One file: path or path/file, $SEQREC_DATA/folder/file, the cache, else downloaded, verified.

    Raises FileNotFoundError that lists the places tried and says what to do by hand.
    """
    tried = [] if path is None else [as_path(path), as_path(path) / file]
    tried += [place / file for place in _named_by_variable(folder)]
    home = default_cache(cache) / folder
    tried.append(home / file)
    for place in tried:
        with suppress(PermissionError):
            if place.is_file():
                return place
    try:
        with _scratch(home, file) as scratch:
            found = _retrieve(url, f"sha256:{sha256}", scratch / file)
            # a copy has the rights of any new file; pooch's is its owner's alone, and a class may
            # share one cache
            return Path(shutil.copyfile(found, scratch / "whole")).replace(home / file)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        looked = "\n".join(f"  - {place}" for place in tried)
        raise DataMissingError(
            f"{file} is not on this machine, and downloading {url} failed: {_reason(error)}\n"
            f"Places tried:\n{looked}\n"
            "By hand:\n"
            f"  1. download {url} in a browser;\n"
            f"  2. save it as {folder}/{file};\n"
            f"  3. set the environment variable {VARIABLE} to the folder that holds {folder}/."
        ) from error


def _reason(error: Exception) -> str:
    """What went wrong in a download; without a network requests says it in five nested errors."""
    if "Connect" not in type(error).__name__:
        return str(error)
    cause = re.findall(r"\[Errno -?\d+\] ([\w ]+)", str(error)) or ["is there a network?"]
    return f"the server could not be reached ({cause[-1]})"


def _retrieve(url: str, known_hash: str | None, target: Path) -> Path:
    """Download to a name beside target, verify, rename. Raises OSError or ValueError."""
    import pooch
    import requests
    from tqdm.auto import tqdm

    def stream(url: str, beside: str, _: Any) -> None:  # pooch's own leaves sockets open
        with (
            requests.get(url, stream=True, timeout=_TIMEOUT) as response,
            open(beside, "wb") as file,
        ):
            response.raise_for_status()
            with tqdm(
                desc=f"downloading {target.name}",
                total=int(response.headers.get("Content-Length", 0)) or None,
                unit="B",
                unit_scale=True,
            ) as bar:
                for block in response.iter_content(1 << 16):
                    file.write(block)
                    bar.update(len(block))

    logger = pooch.get_logger()
    was_quiet, logger.disabled = logger.disabled, True  # it prints this machine's paths
    try:
        return Path(
            pooch.retrieve(
                url, known_hash, fname=target.name, path=target.parent, downloader=stream
            )
        )
    finally:
        logger.disabled = was_quiet


def _download(name: str, url: str, cache: Path) -> Path:
    """Download, verify and unpack beside the final folder, which appears only when whole."""
    with _scratch(cache, name) as scratch:
        known_hash = None if MD5[name] is None else f"md5:{MD5[name]}"
        archive = _retrieve(url, known_hash, scratch / f"{name}.zip")
        unpacked = scratch / "unpacked"
        unpack(archive, unpacked)
        whole = unpacked / name
        missing = [file for file in FILES[name] if not (whole / file).is_file()]
        if missing:
            raise ValueError(f"the archive has no {name}/{missing[0]}")
        final = cache / name
        try:
            whole.rename(final)
        except OSError as error:
            if _holds(final, name):  # another process has finished the same download first
                return final
            if not os.path.lexists(final):
                raise
            raise FileExistsError(
                f"{final} is in the way, without {' and '.join(FILES[name])} in it: move it away"
            ) from error
        return final


@contextmanager
def _scratch(folder: Path, name: str) -> Iterator[Path]:
    """A folder for half a download beside its place, gone at the end of the block.

    What a killed download has left there is removed a day later; several may be at work at once.
    """
    beginning = f".{name}-download-"
    with named(folder, "the cache", "written"):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{glob.escape(beginning)}*"):
            with suppress(OSError):
                if time.time() - old.stat().st_mtime > _STALE:
                    shutil.rmtree(old)
        place = tempfile.mkdtemp(prefix=beginning, dir=folder)
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip archive into a new folder.

    Raises ValueError, and writes nothing, when a member would land outside the folder or is not
    a plain file; zipfile.BadZipFile for a damaged archive.
    """
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():
            parts = PurePosixPath(member.filename.replace("\\", "/")).parts
            kind = stat.S_IFMT(member.external_attr >> 16)
            outside = ".." in parts or member.filename[:1] in "/\\" or ":" in member.filename
            if outside or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(
                    f"the archive holds {member.filename!r}, which is no plain file inside its "
                    "folder; nothing was unpacked"
                )
        try:
            damaged = source.testzip()
        except (zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise zipfile.BadZipFile(f"the archive cannot be unpacked: {error}") from error
        if damaged is not None:
            raise zipfile.BadZipFile(f"the archive is damaged at {damaged!r}")
        source.extractall(folder)
