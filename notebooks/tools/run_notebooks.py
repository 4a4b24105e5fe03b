"""Runs the notebooks top to bottom and writes each as an HTML page, with an index of them.

`make tutorial` calls it. The notebooks themselves are only read: what they print here goes to the
pages. Every notebook runs in a kernel of the interpreter that runs this file, on the built-in
sample, and a notebook that fails does not keep the others from running.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from html_page import notebook_page, page, title_and_summary
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

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


@dataclass(frozen=True)
class Run:
    """What came of one notebook."""

    name: str
    title: str
    summary: str
    seconds: float
    failure: str  # empty where all went well
    warned: bool  # something was written to stderr


def find_notebooks(folder: Path) -> list[str]:
    """The names of the numbered notebooks in their order, then those of solutions/."""
    paths = sorted(folder.glob(NUMBERED)) + sorted(folder.glob(f"solutions/{NUMBERED}"))
    return [path.relative_to(folder).with_suffix("").as_posix() for path in paths]


def write_texts(folder: Path, out: Path) -> list[tuple[str, str, str]]:
    """The pages of the texts beside the notebooks: (name, title, summary) of each.

    Raises ValueError for a formula that cannot be shown and for whatever needs the network.
    """
    texts = []
    for path in sorted(folder.glob("[a-z]*.md")):
        cell = nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))
        notebook = nbformat.v4.new_notebook(cells=[cell])
        back = '<a href="index.html">All notebooks</a>'
        out.mkdir(parents=True, exist_ok=True)
        text = notebook_page(notebook, folder, back)
        (out / f"{path.stem}.html").write_text(text, encoding="utf-8")
        texts.append((path.stem, *title_and_summary(notebook)))
    return texts


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
    environment = {k: v for k, v in os.environ.items() if k != "SEQREC_DATA"}
    environment |= {name: str(folder) for name, folder in private.items()}
    environment["SEQREC_PROFILE"] = profile
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


def navigation(names: Sequence[str], name: str) -> str:
    """Links from a page to the index, the page before and the page after."""
    up = "../" * name.count("/")
    at = names.index(name)
    links = [f'<a href="{up}index.html">All notebooks</a>']
    if at > 0:
        links.append(f'<a href="{up}{names[at - 1]}.html">← {names[at - 1]}</a>')
    if at + 1 < len(names):
        links.append(f'<a href="{up}{names[at + 1]}.html">{names[at + 1]} →</a>')
    return "\n".join(links)


def run(plan: Plan, name: str) -> Run:
    """Executes one notebook and writes its page, of a failed one as far as it came."""
    started = time.perf_counter()
    path = plan.folder / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # no output of an earlier run may reach the page
            cell.outputs, cell.execution_count = [], None
    failure = execute(notebook, path.parent, plan)
    target = plan.out / f"{name}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        text = notebook_page(notebook, path.parent, navigation(plan.names, name))
        target.write_text(text, encoding="utf-8")
    except ValueError as error:
        target.unlink(missing_ok=True)
        failure = f"{failure}\n\n{error}".strip()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    warned = any(o.get("name") == "stderr" for o in outputs)
    title, summary = title_and_summary(notebook)
    return Run(name, title, summary, time.perf_counter() - started, failure, warned)


def index_page(runs: Sequence[Run], texts: Sequence[tuple[str, str, str]]) -> str:
    """The list of all pages: title, one line about it, how long it ran; then the texts."""
    rows = "\n".join(
        f'<tr><td><a href="{r.name}.html">{html.escape(r.title)}</a><br>{html.escape(r.summary)}'
        f'</td><td class="seconds">{"failed" if r.failure else f"{r.seconds:.1f} s"}</td></tr>'
        for r in runs
    )
    beside = "\n".join(
        f'<li><a href="{name}.html">{html.escape(title)}</a><br>{html.escape(summary)}</li>'
        for name, title, summary in texts
    )
    body = f"""<h1>The notebooks, as they ran here</h1>
<p>Run on the built-in sample, a small invented world of films: the numbers in these pages are about
that world, not about MovieLens.</p>
<table><thead><tr><th>Notebook</th><th class="seconds">Run time</th></tr></thead>
<tbody>
{rows}
</tbody></table>
{f"<h2>Beside the notebooks</h2><ul>{beside}</ul>" if beside else ""}"""
    return page("The notebooks", body)


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
    plan = Plan(options.folder, names, options.out, environment, options.cell_timeout)

    started = time.perf_counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        tasks = [pool.submit(run, plan, name) for name in names]
        runs = []
        try:
            for task, name in zip(tasks, names, strict=True):
                runs.append(task.result())
                print(f"ran {name}", flush=True)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr, flush=True)
            os._exit(
                130
            )  # the kernels stop with their parent; waiting would take their cells' time
    texts = write_texts(plan.folder, plan.out)
    (plan.out / "index.html").write_text(index_page(runs, texts), encoding="utf-8")
    report(runs, plan.out, time.perf_counter() - started)
    return int(any(r.failure for r in runs))


if __name__ == "__main__":
    sys.exit(main())
