"""The lessons on logs that are not MovieLens: `python -m tests.anybodys_data`.

Runs the code cells of lessons, in order, with SEQREC_DATASET on each of the logs of
`foreign_logs`, at the sizes of the profile smoke, and lists every cell that fails with its error;
the cells after it run, too. --show prints what the cells printed, and their figures' alternatives
in words, to be read: what a lesson says of such data must be true of it.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "notebooks" / "tools")]
import foreign_logs
from run_notebooks import ThisInterpreter

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = [path.name[:2] for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))]
CELL_TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Failure:
    """A cell that failed where it should not, or did not where it should."""

    log: str
    lesson: str
    cell: int  # number of the code cell, from 1
    error: str

    def __str__(self) -> str:
        return f"{self.log}: lesson {self.lesson}, code cell {self.cell}: {self.error}"


def run(lesson: str, log: Path, profile: str = "smoke") -> NotebookNode:
    """The lesson of this number, with the outputs that its cells have on the log."""
    (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    settings = {"SEQREC_DATASET": str(log), "SEQREC_PROFILE": profile, "SEQREC_WIDGETS": "off"}
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=ThisInterpreter()),
        timeout=CELL_TIMEOUT,
        allow_errors=True,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        store_widget_state=False,
        coalesce_streams=True,
    )
    client.owns_km = True  # so that the kernel is stopped at the end
    client.execute(env={**os.environ, **settings})
    return notebook


def failures(notebook: NotebookNode, lesson: str, log: str) -> list[Failure]:
    """What failed in a notebook that `run` gave back."""
    found = []
    for number, cell in enumerate(notebook.cells, 1):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        on_purpose = "raises-exception" in cell.metadata.get("tags", [])
        if errors and not on_purpose:
            said = f"{errors[0].ename}: {errors[0].evalue}"
            found.append(Failure(log, lesson, number, said[:300]))
        elif on_purpose and not errors:
            found.append(Failure(log, lesson, number, "it should fail, and did not"))
    return found


def shown(notebook: NotebookNode) -> str:
    """What the cells printed and showed, as text; of a figure its alternative."""
    lines = []
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.outputs:
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            if output.output_type == "error":
                text = f"{output.ename}: {output.evalue}"
            kind = "figure: " if "image/png" in output.get("data", {}) else ""
            last = re.sub(r".*\r", "", text.rstrip())  # of a bar that was drawn over and over
            lines.append(f"[{number}] {kind}{last}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the status is 1 where a cell failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.anybodys_data", description=__doc__)
    add = parser.add_argument
    add("--log", choices=foreign_logs.LOGS, help="this one alone")
    add("--lessons", nargs="+", choices=LESSONS, default=LESSONS, help="default: all")
    add("--file", type=Path, help="a log of your own instead")
    add("--profile", default="smoke", help="sizes of what is trained")
    add("--show", action="store_true", help="print what the cells printed")
    options = parser.parse_args(arguments)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        names = [options.log] if options.log else list(foreign_logs.LOGS)
        logs = [foreign_logs.write(name, Path(folder)) for name in names]
        for log in [options.file.resolve()] if options.file else logs:
            for lesson in options.lessons:
                started = time.perf_counter()
                notebook = run(lesson, log, options.profile)
                found = failures(notebook, lesson, log.stem)
                failed += found
                seconds = time.perf_counter() - started
                print(f"{log.stem}, lesson {lesson}: {len(found)} cells failed, {seconds:.0f} s")
                if options.show:
                    print(shown(notebook))
    print(*failed or ["no cell failed"], sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
