"""Runs the notebooks top to bottom and writes each as an HTML page, with an index of them.

`make tutorial` calls it. The notebooks themselves are only read: what they print here goes to the
pages. Every notebook runs in a kernel of the interpreter that runs this file, on the built-in
sample, and a notebook that fails does not keep the others from running.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from explorer_page import sample_page
from html_page import title_and_summary
from index_page import EXPLORER, Entry, index_page
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from pages import copy_prints, write_pages, write_texts
from slides import write_decks

from seqrec_lib.common.paths import folder_to_write

NOTEBOOKS = Path(__file__).resolve().parents[1]
NUMBERED = "[0-9][0-9]_*.ipynb"


class ThisInterpreter(KernelSpecManager):
    """Starts the interpreter that runs this file, whatever kernels the user has registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one kernel there is, under every name."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


@dataclass(frozen=True)
class Plan:
    """What all runs have in common."""

    folder: Path  # where the notebooks are
    names: Sequence[str]  # theirs, without .ipynb, such as "solutions/01_sequences"; in order
    out: Path  # where the pages go
    environment: dict[str, str]  # of the kernels
    cell_timeout: int  # seconds
    silence: float  # seconds without a word, at most


@dataclass(frozen=True)
class Run:
    """What came of one notebook."""

    name: str
    seconds: float
    failure: str  # empty where all went well
    warned: bool  # something was written to stderr
    second: str  # the page with the committed outputs, or ""
    title: str = ""


def find_notebooks(folder: Path) -> list[str]:
    """The names of the numbered notebooks in their order, then those of solutions/."""
    paths = sorted(folder.glob(NUMBERED)) + sorted(folder.glob(f"solutions/{NUMBERED}"))
    return [path.relative_to(folder).with_suffix("").as_posix() for path in paths]


def kernel_environment(out: Path, profile: str, jobs: int) -> dict[str, str]:
    """What the kernels see: no real data, none of the user's own settings, their share of cores.

    Settings and caches are kept under `out`, so that nothing is written anywhere else.
    """
    private = {
        "IPYTHONDIR": out / ".cache" / "ipython",
        "MPLCONFIGDIR": out / ".cache" / "matplotlib",
    }
    for folder in private.values():
        folder.mkdir(parents=True, exist_ok=True)
    others = ("SEQREC_DATA", "SEQREC_DATASET")
    environment = {k: v for k, v in os.environ.items() if k not in others}
    environment |= {name: str(folder) for name, folder in private.items()}
    environment |= {"SEQREC_PROFILE": profile, "SEQREC_WIDGETS": "off"}
    if jobs > 1:
        environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))
    return environment


def execute(notebook: NotebookNode, folder: Path, plan: Plan) -> str:
    """Runs the cells in order, in place; returns what went wrong, or an empty string."""
    current = {"index": 0}
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=ThisInterpreter()),
        timeout=plan.cell_timeout,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=lambda cell, cell_index: current.update(index=cell_index),
    )
    client.owns_km = True  # so that the kernel is stopped at the end
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            client.execute(env=plan.environment, stderr=log)
        except CellExecutionError:
            outputs = notebook.cells[current["index"]].outputs
            report = "\n".join(line for o in outputs for line in o.get("traceback", []))
        except CellTimeoutError:
            report = f"It took longer than {plan.cell_timeout} s (--cell-timeout)."
        except Exception as error:  # such as a kernel that died: the other notebooks go on
            log.seek(0)
            said = [line for line in log if "[IPKernelApp] WARNING" not in line]
            report = "".join([f"{type(error).__name__}: {error}\n", *said])
        else:
            return ""
    cell = notebook.cells[current["index"]]
    number = sum(c.cell_type == "code" for c in notebook.cells[: current["index"] + 1])
    where = f"code cell {number} (cell {current['index'] + 1} of {len(notebook.cells)})"
    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return f"{where}:\n{source}\n\n{report.strip()}"


def run(plan: Plan, name: str, begun: dict[str, float]) -> Run:
    """Executes one notebook and writes its pages, of a failed one as far as it came.

    begun: by name, when a notebook was begun.
    """
    started = begun[name] = time.perf_counter()
    path = plan.folder / f"{name}.ipynb"
    notebook, committed = (nbformat.read(path, as_version=4) for _ in range(2))
    for cell in notebook.cells:
        if cell.cell_type == "code":  # no output of an earlier run may reach the page
            cell.outputs, cell.execution_count = [], None
    failure, second = execute(notebook, path.parent, plan), ""
    try:
        second = write_pages(plan.folder, plan.out, plan.names, name, notebook, committed)
    except ValueError as error:
        failure = f"{failure}\n\n{error}".strip()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    warned = any(o.get("name") == "stderr" for o in outputs)
    return Run(name, time.perf_counter() - started, failure, warned, second)


def run_all(
    plan: Plan,
    jobs: int,
    texts: Sequence[tuple[str, str, str]],
    decks: Sequence[tuple[str, str]],
) -> list[Run]:
    """Runs all notebooks, lessons first, and says what goes on at least every few seconds.

    The index is there from the beginning, and is written anew whenever a notebook is done.
    """
    begun: dict[str, float] = {}
    runs: dict[str, Run] = {}
    titles = {
        name: title_and_summary(nbformat.read(plan.folder / f"{name}.ipynb", as_version=4))
        for name in plan.names
    }

    def write_index() -> None:
        entries = []
        for name in plan.names:
            run, there = runs.get(name), (plan.out / f"{name}.html").is_file()
            state = (
                "not yet" if run is None else "failed" if run.failure else f"{run.seconds:.0f} s"
            )
            second = "" if run is None else run.second
            entries.append(Entry(name, *titles[name], state, run is not None and there, second))
        text = index_page(entries, texts, decks)
        (plan.out / "index.html").write_text(text, encoding="utf-8")

    write_index()
    started = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(run, plan, name, begun): name for name in plan.names}
        try:
            while waiting:
                done, _ = wait(waiting, timeout=plan.silence, return_when=FIRST_COMPLETED)
                now = time.perf_counter()
                for task in sorted(done, key=waiting.__getitem__):
                    name = waiting.pop(task)
                    runs[name] = task.result()
                    state = "FAILED" if runs[name].failure else f"{runs[name].seconds:.0f} s"
                    print(f"[{len(runs)}/{len(plan.names)}] ran {name}: {state}", flush=True)
                    if name == plan.names[0]:
                        place = plan.out / f"{name}.html"
                        print(f"{titles[name][0]} is ready: {place}", flush=True)
                if done:
                    write_index()
                else:
                    at_work = (
                        f"{n} ({now - begun[n]:.0f} s)" for n in waiting.values() if n in begun
                    )
                    print(f"  {now - started:.0f} s: {', '.join(at_work)}", flush=True)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr, flush=True)
            os._exit(
                130
            )  # the kernels stop with their parent; waiting would take their cells' time
    return [replace(runs[name], title=titles[name][0]) for name in plan.names]


def report(runs: Sequence[Run], out: Path, seconds: float) -> None:
    """Prints the index, then the failures, so that they are read."""
    width = max(len(r.name) for r in runs)
    print()
    for r in runs:
        state = "FAILED" if r.failure else f"{r.seconds:5.1f} s"
        warned = "  (wrote to stderr)" if r.warned else ""
        print(f"{state:>7}  {out / r.name}.html{'':{width - len(r.name)}}  {r.title}{warned}")
    print(f"\n{len(runs)} notebooks in {seconds:.0f} s. Open {out / 'index.html'} in a browser.")
    colours = re.compile(r"\x1b\[[0-9;]*m") if not sys.stdout.isatty() else re.compile(r"(?!)")
    for r in runs:
        if r.failure:
            print(f"\nFAILED  notebooks/{r.name}.ipynb, {colours.sub('', r.failure)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=NOTEBOOKS, help="of the notebooks")
    parser.add_argument("--only", default="", help="those whose name holds this, such as 03")
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder of the pages")
    parser.add_argument("--profile", default="smoke", help="SEQREC_PROFILE (default: smoke)")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks that run at once")
    parser.add_argument("--cell-timeout", type=int, default=120, help="seconds")
    parser.add_argument("--silence", type=float, default=8, help="seconds without a word, at most")
    options = parser.parse_args(arguments)

    names = [n for n in find_notebooks(options.folder) if options.only in n]
    if not names:
        print(f"no notebook like *{options.only}*.ipynb in {options.folder}", file=sys.stderr)
        return 1
    try:
        options.out = folder_to_write(options.out, "--out")
    except (ValueError, OSError) as error:
        parser.error(str(error))
    environment = kernel_environment(options.out.resolve(), options.profile, options.jobs)
    plan = Plan(
        options.folder, names, options.out, environment, options.cell_timeout, options.silence
    )

    print(
        f"Running {len(names)} notebooks on the built-in sample, {options.jobs} at a time; nothing "
        "is downloaded. The first training compiles the library's CPU loops, once.",
        flush=True,
    )
    started = time.perf_counter()
    texts = write_texts(plan.folder, plan.out)
    decks = [*write_decks(plan.out, plan.folder), *copy_prints(plan.folder, plan.out)]
    sample_page().save(plan.out / EXPLORER)
    print(f"SASRec under glass, a trained model to play with: {plan.out / EXPLORER}", flush=True)
    runs = run_all(plan, options.jobs, texts, decks)
    report(runs, plan.out, time.perf_counter() - started)
    return int(any(r.failure for r in runs))


if __name__ == "__main__":
    sys.exit(main())
