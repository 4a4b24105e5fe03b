"""What survives a kill: a folder of checkpoints for a run, and weight files that run no code.

A checkpoint is written beside its place, forced to disk, and renamed, so that at every moment the
folder holds only whole ones. It is a torch file of tensors and plain values, and is read with
`weights_only=True`: loading cannot execute code. Weights alone are safetensors files.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any, Self

import torch
from filelock import FileLock, Timeout

from seqrec_lib.common.checks import positive
from seqrec_lib.common.checksums import checksum
from seqrec_lib.common.paths import AnyPath, folder_to_write, named, whole_file
from seqrec_lib.common.version import __version__

_NAME = re.compile(r"epoch-(\d{6})\.pt")
# Of a run that was killed while writing: its lock is free, so nobody writes it now.
_UNFINISHED = re.compile(r"epoch-\d{6}\.tmp|\.epoch-\d{6}\.pt\.[0-9a-f]{12}\.tmp")


class CheckpointFolder:
    """The checkpoints of one run; a `with` block holds the folder for this run alone.

    Args:
        folder: made when it is missing; that it can be written is tried here.
        settings: of the run, plain values. A folder that holds a run under other settings is
            refused; only the number of processes may be another one.
        keep: how many of the latest checkpoints stay.
        needs: bytes that have to be free.

    Raises:
        ValueError: the folder belongs to a run under other settings; lists the differences.
        RuntimeError: another process trains in this folder now. OSError: it cannot be written.
    """

    def __init__(
        self, folder: AnyPath, settings: dict[str, Any], keep: int = 2, needs: int = 0
    ) -> None:
        self.folder = folder_to_write(folder, "checkpoints", needs)
        self.settings = json.loads(json.dumps(settings))  # the form that it comes back in
        self.keep = positive("keep", keep)
        self._lock = FileLock(self.folder / ".lock", timeout=0)

    def __enter__(self) -> Self:
        try:
            with named(self.folder, "checkpoints", "written"):
                self._lock.acquire()
        except Timeout:
            raise RuntimeError(
                f"another run trains in {self.folder.name!r} at this moment: wait for it, or give "
                "this run a folder of its own"
            ) from None
        for path in self.folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                path.unlink()
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def _numbered(self) -> list[tuple[int, Path]]:
        found = ((_NAME.fullmatch(path.name), path) for path in self.folder.iterdir())
        return sorted((int(match[1]), path) for match, path in found if match)

    def latest(self) -> dict[str, Any] | None:
        """The state of the last checkpoint that is whole, or None in a new folder.

        One that is damaged is named in a warning, and the one before it is taken.
        """
        numbered = self._numbered()
        if not numbered:
            return None
        content = self._last_whole([path for _, path in reversed(numbered)])
        if content["library"].split(".")[:2] != __version__.split(".")[:2]:
            raise ValueError(
                f"the checkpoints in {self.folder.name!r} were written by seqrec_lib "
                f"{content['library']}, whose runs have other random numbers than those of "
                f"{__version__}: end the run with that version, or choose another folder"
            )
        theirs, ours = content["settings"], self.settings
        # With other processes the bits are others; the run is resumed all the same. Version 0.2 did
        # not note the lists of items and users, and held items back always.
        noted = {"all_events": False, **{name: ours.get(name) for name in ("items", "users")}}
        theirs = {**noted, **theirs, "processes": ours.get("processes")}
        different = [
            f"{name}: {theirs.get(name)!r} there, {ours.get(name)!r} here"
            for name in sorted({*theirs, *ours})
            if theirs.get(name) != ours.get(name)
        ]
        if different:
            raise ValueError(
                f"the checkpoints in {self.folder.name!r} are of a run under other settings; "
                "resume it with those, or choose another folder:\n  " + "\n  ".join(different)
            )
        state: dict[str, Any] = content["state"]
        return state

    def _last_whole(self, paths: list[Path]) -> dict[str, Any]:
        for path in paths:
            try:
                content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
                if content.get("checksum") in (None, checksum(content["state"])):
                    return content  # checkpoints of earlier versions have none
                why = "its numbers have changed since it was written"
            except Exception as error:  # damaged bytes can raise nearly anything
                why = (str(error) or type(error).__name__).splitlines()[0]
            warnings.warn(f"the checkpoint {path.name} is damaged ({why})", stacklevel=4)
        names = ", ".join(path.name for path in paths)
        raise ValueError(
            f"no checkpoint in {self.folder.name!r} is whole ({names} are damaged): remove them, "
            "or choose another folder"
        )

    def save(self, epoch: int, state: dict[str, Any]) -> None:
        """Write the state after `epoch` epochs, then drop the oldest beyond `keep`."""
        content = {"library": __version__, "settings": self.settings, "state": state}
        content["checksum"] = checksum(state)
        place = self.folder / f"epoch-{epoch:06d}.pt"
        with whole_file(place, "checkpoints") as beside, open(beside, "wb") as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:
                # of torch's writer, which hides what the disk said, or that stop was pressed
                hidden = error.__context__
                raise (
                    hidden if isinstance(hidden, OSError | KeyboardInterrupt) else error
                ) from None
        for _, old in self._numbered()[: -self.keep]:
            old.unlink()
