"""A run is recorded whole or not at all: its line, its curve, its ranks, and which weights it has.

Curve and ranks are written under a name that no line uses yet, and the line, which names them, last
and in one step. Whatever fails or is killed before that leaves the line, and the files, that were
there. The lock is on the folder of the results, so processes with other folders for their work wait
for each other, too.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
from filelock import FileLock

from seqrec_lib.reproduce.recorded import FILES, read_lines


def record(
    line: pd.Series,
    label: str,
    curve: pd.DataFrame | None,
    ranks: pd.DataFrame | None,
    results: Path,
) -> None:
    """Write a run; an older one of the same row and seed is replaced.

    Args:
        line: row, seed and the rest; the name of its files is added as `run`.
        label: of `run_label`; the table is its first part.
        curve: columns epoch, loss, val_ndcg, val_hr; None for what was not trained.
        ranks: one row a user; None where the test items were not looked at.

    Raises OSError that says what it means for the record, when the disk is full.
    """
    for folder in FILES:
        (results / folder).mkdir(parents=True, exist_ok=True)
    table = results / f"{label.split('__')[0]}.csv"
    with FileLock(results / ".lock"):
        before = read_lines(table)
        _sweep(results, label, set(before["run"]))
        run = next(name for name in _names(label) if name not in set(before["run"]))
        files = {"curves": curve, "ranks": ranks}
        try:
            for folder, content in files.items():
                if content is not None:
                    write_table(results / folder / f"{run}{FILES[folder]}", content)
            mine = (before["row"] == line["row"]) & (before["seed"] == line["seed"])
            added = pd.concat([line, pd.Series({"run": run})]).to_frame().T
            write_table(table, pd.concat([before[~mine], added]) if (~mine).any() else added)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{label} could not be recorded ({error.strerror or error}). What was recorded "
                "before is as it was, and the checkpoints of this run are still there: make room, "
                "and the same command records it without training again",
            ) from error
        finally:
            _sweep(results, label, set(read_lines(table)["run"]))


def keep_weights(save: Callable[[Path], object], label: str, work: Path) -> str:
    """Save weights as LABEL-DIGEST.safetensors in `work`; returns their SHA-256.

    By its name a file never takes the place of another run's, so a line's weights stay its own.
    """
    work.mkdir(parents=True, exist_ok=True)
    beside = work / f"{label}.new.{os.getpid()}"
    try:
        save(beside)
        digest = hashlib.sha256(beside.read_bytes()).hexdigest()
        beside.replace(weights_path(label, digest, work))
    finally:
        beside.unlink(missing_ok=True)
    return digest


def weights_path(label: str, digest: str, work: Path) -> Path:
    """Where `keep_weights` puts them."""
    return work / f"{label}-{digest[:12]}.safetensors"


def _names(label: str) -> Iterator[str]:
    yield label
    number = 2
    while True:
        yield f"{label}.{number}"
        number += 1


def write_table(place: Path, content: pd.DataFrame) -> None:
    """A CSV file, gzipped by its name; it is there whole or not at all, also after a power cut."""
    beside = place.with_name(f"{place.name}.tmp")
    zipped = {"method": "gzip", "mtime": 1} if place.suffix == ".gz" else None
    try:
        with open(beside, "wb") as file:
            content.to_csv(file, index=False, compression=zipped)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _sweep(results: Path, label: str, kept: set[str]) -> None:
    """Remove the files of this label that no line names: of a kill, or of the run before."""
    for folder, suffix in FILES.items():
        own = re.compile(re.escape(label) + r"(\.\d+)?" + re.escape(suffix) + r"(\.tmp)?")
        for path in (results / folder).iterdir():
            named = path.name.removesuffix(suffix) in kept
            if own.fullmatch(path.name) and not named:
                with suppress(OSError):
                    path.unlink()
