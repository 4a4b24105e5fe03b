"""One command for a machine that is lent for minutes: everything, in order, and written down.

`python -m seqrec_lib.benchmark --everything --device cuda --minutes 9 --record FOLDER`. Each step
has its time and is written to FOLDER/record.json when it ends; one that fails, hangs or crashes is
written down as that, and the next begins. Started again with the same folder, what is there is not
done again. What time is left at the end goes to the papers' rows (`papers`).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import RLock
from typing import Any

from tqdm import tqdm

from seqrec_lib.benchmark import checks, steps
from seqrec_lib.benchmark.papers import train_rows, trained_rows
from seqrec_lib.benchmark.place import PAPERS_SSE, LeftOut, Lines, Place, Step
from seqrec_lib.benchmark.report import table

_BF16, _FUSED = {"precision": "bfloat16"}, {"attention": "fused"}
_CAPTURED, _COMPILED = {"captured": True}, {"compiled": True}
_CE = {"loss": "cross-entropy"}
_LEAST, _START = 3.0, 120.0  # seconds: for which no step is begun; for a process to begin in


def _epochs(length: int, *ways: dict[str, Any], users: bool = False) -> Callable[[Place], Lines]:
    def run(place: Place) -> Lines:
        return steps.epochs(place, *ways, length=length, users=users)

    return run


STEPS = (
    Step("environment", "the machine", 60, checks.environment),
    Step("same-numbers", "the step on the device against the plain step on the CPU", 90,
         checks.same_numbers),
    Step("resume", "four epochs, and two more after two", 60, checks.resume),
    Step("epoch-200", "one epoch, n=200", 60,
         _epochs(200, {}, {"precision": "tf32"}, _BF16, _FUSED, _FUSED | _BF16)),
    Step("epoch-50", "one epoch, n=50", 40, _epochs(50, {}, _BF16)),
    Step("epoch-200-captured", "one epoch from a CUDA graph, n=200", 40,
         _epochs(200, _CAPTURED, _CAPTURED | _BF16, _CAPTURED | _BF16 | _FUSED)),
    Step("epoch-50-captured", "one epoch from a CUDA graph, n=50", 30,
         _epochs(50, _CAPTURED, _CAPTURED | _BF16)),
    Step("epoch-200-compiled", "one epoch, compiled, n=200", 90,
         _epochs(200, _COMPILED, _COMPILED | _BF16)),
    Step("epoch-50-compiled", "one epoch, compiled, n=50", 60, _epochs(50, _COMPILED)),
    Step("cross-entropy", "one epoch with cross-entropy over all items, n=200", 40,
         _epochs(200, _CE, _CE | _BF16)),
    Step("cross-entropy-captured", "the same from a CUDA graph", 30,
         _epochs(200, _CE | _CAPTURED)),
    Step("sse-pt", "one epoch of SSE-PT with SSE, n=50 and 200", 40,
         lambda place: [
             line
             for n in (50, 200)
             for line in steps.epochs(
                 place, {"sse": PAPERS_SSE}, length=n, users=True)
         ]),
    Step("sse-pt-captured", "the same from a CUDA graph", 30,
         _epochs(50, {"sse": PAPERS_SSE} | _CAPTURED, users=True)),
    Step("scoring", "evaluation and recommendation for all users", 60,
         partial(steps.scoring, length=200)),
    Step("memory", "a step by batch and length", 60, steps.memory),
    Step("papers", "the papers' rows, 3 seeds, until the time is up", float("inf"), train_rows),
)  # fmt: skip


class Record:
    """FOLDER/record.json: what was found, whole at every moment."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.place = folder / "record.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.content: dict[str, Any] = {"settings": settings, "steps": {}}
        if self.place.exists():
            self.content = json.loads(self.place.read_text(encoding="utf-8"))
        if self.content["settings"] != settings:
            raise ValueError(
                f"{self.place} is a record of {self.content['settings']}, and this is {settings}: "
                "choose another folder"
            )

    def done(self, name: str) -> bool:
        """Whether a step need not be done again."""
        return bool(self.content["steps"].get(name, {}).get("state") == "done")

    def note(self, name: str, **found: Any) -> None:
        """Write down what a step came to."""
        self.content["steps"][name] = found
        beside = self.place.with_suffix(".tmp")
        beside.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, self.place)


class Worker:
    """The process that does the steps: ended where one hangs, and a new one after one that fails:
    a GPU's error stays with its process."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None

    def do(self, step: Step, place: Place, seconds: float) -> dict[str, Any]:
        """state ("done", "failed", "left out", "time is up"); its lines, or an error."""
        fresh = self._process is None
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._line, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=False)
            self._process.start()
            theirs.close()
        found: dict[str, Any] = {
            "state": "time is up",
            "error": f"it was ended after {seconds:.0f} s",
        }
        try:
            if fresh and not self._line.poll(_START):  # loading torch is no part of a step
                raise TimeoutError
            if fresh:
                self._line.recv()  # it is there
            self._line.send((step.name, place))
            if self._line.poll(seconds):
                found = self._line.recv()
        except TimeoutError:
            found["error"] = f"its process did not begin within {_START:.0f} s"
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join()
            found = {"state": "failed", "error": f"its process ended: {self._process.exitcode}"}
        if found["state"] in ("failed", "time is up"):
            self.end()
        return found

    def end(self) -> None:
        """End the process, and what it started."""
        process, self._process = self._process, None
        if process is not None and process.pid is not None:
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError):  # it had not begun yet, or is gone
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.join()
            self._line.close()


def _serve(line: Connection) -> None:
    """Do the steps that come in until nobody is there any more."""
    tqdm.set_lock(RLock())  # its own one is shared by processes, and left behind by a killed one
    if hasattr(os, "setsid"):
        os.setsid()  # a group of its own, with whatever a compiler starts
    known = {step.name: step for step in STEPS}
    line.send("ready")
    while True:
        try:
            name, place = line.recv()
        except (EOFError, OSError):
            return
        try:
            line.send({"state": "done", "lines": known[name].run(place)})
        except LeftOut as reason:
            line.send({"state": "left out", "error": str(reason)})
        except Exception:
            line.send({"state": "failed", "error": traceback.format_exc(limit=-6)})


def run(
    chosen: Sequence[Step], place: Place, minutes: float, say: Callable[[str], None] = print
) -> list[str]:
    """Do the steps that the record lacks, within `minutes`; the names of those that failed.

    What is in `place.folder` afterwards: record.json, report.md, results (of the papers' rows, also
    as results.zip) and work (their checkpoints).
    """
    ends = time.monotonic() + 60 * minutes
    record = Record(place.folder, {"data": place.data, "device": place.device})
    worker = Worker()
    try:
        for step in chosen:
            if record.done(step.name):
                continue
            left = ends - time.monotonic()
            if left < _LEAST:
                record.note(step.name, state="left out", error="no time was left")
                continue
            say(f"{step.name}: {step.title} …")
            place = Place(place.data, place.device, place.folder, _captured_is_right(record))
            started = time.monotonic()
            found = worker.do(step, place, min(step.seconds, left))
            if step.name == "papers" and found["state"] != "done":
                found["lines"] = trained_rows(place.folder)
            seconds = round(time.monotonic() - started, 1)
            record.note(step.name, seconds=seconds, **found)
            last = found.get("error", "").strip().splitlines()[-1:]
            say(f"  {found['state']} in {seconds} s. {''.join(last)}")
    finally:
        worker.end()
        if (place.folder / "results").is_dir():
            shutil.make_archive(str(place.folder / "results"), "zip", place.folder / "results")
        (place.folder / "report.md").write_text(markdown(record.content), encoding="utf-8")
    states = record.content["steps"]
    return [name for name, found in states.items() if found["state"] == "failed"]


def _captured_is_right(record: Record) -> bool:
    """Whether the record says that a captured step gives the numbers of the plain one."""
    lines = record.content["steps"].get("same-numbers", {}).get("lines", [])
    mine = [line["equal"] for line in lines if line["way"] == "captured"]
    return bool(mine) and all(mine)


def markdown(content: dict[str, Any]) -> str:
    """A record as a page: a table for each step, and a line for each that came to nothing."""
    titles = {step.name: step.title for step in STEPS}
    settings = ", ".join(f"{name}: {value}" for name, value in content["settings"].items())
    parts = [f"# Everything\n\n{settings}"]
    for name, found in content["steps"].items():
        part = f"## {name}\n\n{titles.get(name, name)}; {found['state']}"
        part += f", {found['seconds']} s" if "seconds" in found else ""
        if found.get("lines"):
            head = list(dict.fromkeys(key for line in found["lines"] for key in line))
            cells = [[_cell(line.get(key)) for key in head] for line in found["lines"]]
            part += "\n\n" + table(head, cells)
        if found.get("error"):
            part += "\n\n```\n" + found["error"].strip() + "\n```"
        parts.append(part)
    return "\n\n".join(parts) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "NO", None: ""}[value]
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)
