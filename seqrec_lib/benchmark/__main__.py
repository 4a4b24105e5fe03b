"""How fast the library is on this machine: `python -m seqrec_lib.benchmark`.

One table: each row's time, the share of what the arithmetic alone would take, memory and, with
`--peer-python`, the same work by RecTools, its rounds alternating with ours.

    python -m seqrec_lib.benchmark                            # MovieLens 1M
    python -m seqrec_lib.benchmark --data ml-1m.txt           # a file of `user item` lines
    python -m seqrec_lib.benchmark --rows train-200 --profile # where a training step's time goes
    python -m seqrec_lib.benchmark --peer-python peer/bin/python
    python -m seqrec_lib.benchmark --rows scaling-items       # a curve, on made data
    python -m seqrec_lib.benchmark --everything --device cuda --minutes 9 --record gpu

The last one is for a GPU that is lent for minutes (see `everything`).

RecTools wants an environment of its own: `python3.11 -m venv peer`, then
`peer/bin/python -m pip install "rectools[torch]==0.19.0"`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import tqdm

from seqrec_lib.benchmark.cases import CASES, Case
from seqrec_lib.benchmark.curves import curve_titles, run_curves
from seqrec_lib.benchmark.everything import STEPS
from seqrec_lib.benchmark.everything import run as run_everything
from seqrec_lib.benchmark.interleaved import Result, Setup, SideFailedError, measure, our_side
from seqrec_lib.benchmark.place import Place
from seqrec_lib.benchmark.report import about_runs, listed, notes, table, table_of
from seqrec_lib.benchmark.worker import save_dataset
from seqrec_lib.common.paths import file_to_write, folder_to_write, write_text
from seqrec_lib.common.provenance import processor
from seqrec_lib.common.version import __version__
from seqrec_lib.data.loading import load_dataset


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns 0, or 1 when something could not be measured."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.repeats < 1 or (options.threads is not None and options.threads < 1):
        parser.error("--repeats and --threads must be at least 1")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here; leave it out to measure the CPU")
    peer = options.peer_python and shutil.which(options.peer_python)
    if options.peer_python and not peer:
        parser.error(f"--peer-python {options.peer_python}: there is no such interpreter")
    _try_places(options, parser)
    if options.everything:
        return _everything(options, parser)
    curves = [name for name in options.rows or () if name in curve_titles()]
    if curves:
        if len(curves) < len(options.rows) or options.device != "cpu" or options.profile:
            parser.error(f"--rows {curves[0]} is a curve: ask for curves alone, on the CPU")
        return _curves(curves, options)
    try:
        cases = choose_cases(options.rows, options.device)
        dataset = load_dataset(options.data)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(
            Path(folder) / "data.npz", options.repeats, options.device, options.threads, peer
        )
        save_dataset(dataset, setup.data)
        machine = about_machine()
        print(f"Data: {Path(options.data).name}, {dataset!r}", *machine, sep="\n")
        if options.profile:
            return _profile(cases, setup)
        results, problems = _measure(cases, setup)
    if results:
        print("", *about_runs(results), "", table_of(results), "", notes(results), sep="\n")
    problems += [result.peer_error for result in results if result.peer_error]
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    if options.json:
        record = {
            "data": repr(dataset),
            "machine": machine,
            "rows": [asdict(result) for result in results],
        }
        write_text(options.json, json.dumps(record, indent=2) + "\n", "--json")
    return 1 if problems else 0


def _everything(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    known = {step.name: step for step in STEPS}
    unknown = [name for name in options.rows or () if name not in known]
    if unknown or not options.record or options.minutes <= 0:
        parser.error(
            f"--rows {unknown[0]}: a step of --everything is one of {', '.join(known)}"
            if unknown
            else "--everything wants --record FOLDER, and --minutes above 0"
        )
    chosen = [step for step in STEPS if step.name in (options.rows or known)]
    place = Place(options.data, options.device, Path(options.record))
    try:
        failed = run_everything(chosen, place, options.minutes)
    except ValueError as error:
        parser.error(str(error))
    print(f"\n{(place.folder / 'report.md').read_text(encoding='utf-8')}")
    return 1 if failed else 0


def _try_places(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Whether they can be written is said before anything is measured."""
    try:
        if options.json:
            file_to_write(options.json, "--json")
        if options.record and not options.everything:
            options.record = folder_to_write(options.record, "--record")
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _curves(names: Sequence[str], options: argparse.Namespace) -> int:
    machine = about_machine()
    print(*machine, sep="\n")
    label = machine[0].removeprefix("Machine: ") + f", torch {torch.__version__}"
    problems = run_curves(names, options.data, label, options.record)
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    width = max(len(case.name) for case in CASES)
    listed = "\n".join(f"  {case.name:{width}}  {case.title}" for case in CASES)
    listed += "\n\ncurves (not among the rows that are measured when none is named):\n"
    listed += "\n".join(f"  {n:{width}}  {t}" for n, t in curve_titles().items())
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib.benchmark",
        description="How fast the library is on this machine, in one table.",
        epilog=f"rows (those in bfloat16 with --device cuda only):\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        default="ml-1m",
        metavar="NAME|FILE",
        help="a MovieLens release (default ml-1m), a file of `user item` lines, or `sample`",
    )
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="some rows only, see below")
    parser.add_argument("--repeats", type=int, default=3, help="timed rounds of a row (default 3)")
    parser.add_argument(
        "--peer-python", metavar="PATH", help="the Python of an environment with RecTools 0.19"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="of both sides (default: what torch takes)")
    parser.add_argument(
        "--record", metavar="FOLDER", help="curves: write each as a CSV there; --everything: all"
    )
    parser.add_argument(
        "--everything",
        action="store_true",
        help="instead of the table: every check and measurement in turn, then the papers' rows",
    )
    parser.add_argument("--minutes", type=float, default=9, help="for --everything (default 9)")
    parser.add_argument("--json", metavar="FILE", help="write every measurement there as well")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="instead of the table: where the time of a training step goes, for the chosen epochs",
    )
    return parser


def choose_cases(names: Sequence[str] | None, device: str) -> list[Case]:
    """The cases of these names, in the table's order; None: all that this device can do.

    Raises ValueError for an unknown name, and for one that needs another device.
    """
    known = {case.name: case for case in CASES}
    for name in names or ():
        if name not in known:
            raise ValueError(f"--rows {name}: there is no such row; choose from {', '.join(known)}")
        if known[name].gpu_only and device != "cuda":
            raise ValueError(f"--rows {name}: this one is for a GPU, add --device cuda")
    if names:
        return [case for case in CASES if case.name in names]
    return [case for case in CASES if device == "cuda" or not case.gpu_only]


def _measure(cases: Sequence[Case], setup: Setup) -> tuple[list[Result], list[str]]:
    """The cases that could be measured, and what went wrong with the others."""
    results: list[Result] = []
    problems: list[str] = []
    sides = sum(2 if setup.peer and case.peer else 1 for case in cases)
    bar = tqdm(total=sides * (setup.repeats + 1), unit="round", file=sys.stdout, leave=False)
    with bar:
        for case in cases:
            bar.set_description(case.name)
            try:
                results.append(measure(case, setup, bar.update))
            except SideFailedError as failure:
                problems.append(str(failure))
            except KeyboardInterrupt:
                problems.append(f"interrupted in {case.name}: the rows before it stand")
                break
    return results, problems


def _profile(cases: Sequence[Case], setup: Setup) -> int:
    cases = [case for case in cases if case.trains]
    if not cases:
        print("--profile is for epochs: none was chosen by --rows", file=sys.stderr)
        return 1
    for case in cases:
        try:
            with our_side(case, setup, profile=True) as side:
                found = side.hear()["profile"]
        except SideFailedError as failure:
            print(failure, file=sys.stderr)
            return 1
        head = ("of a training step, by its own time", "calls", "ms", "share")
        lines = [
            (x["name"], f"{x['calls']:.1f}", f"{x['self_ms']:.2f}", f"{x['share']:.1%}")
            for x in found["lines"]
        ]
        where = "on the GPU" if setup.device == "cuda" else "by one thread"
        print(
            f"\n{case.title}: {found['total_ms']:.1f} ms a step {where}, mean of {found['steps']}; "
            f"{found['compiled_share']:.0%} of it in compiled loops\n",
            table(head, lines),
            sep="\n",
        )
    return 0


def about_machine() -> list[str]:
    """Processor, cores and GPU; the versions of ours; and whether others are at work."""
    affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1
    parts = [processor(), f"{cores} cores", f"vectors: {torch.backends.cpu.get_cpu_capability()}"]
    parts.append(f"GPU: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "no GPU")
    ours = {"python": platform.python_version(), "seqrec_lib": __version__}
    ours |= {name: version(name) for name in ("torch", "numpy", "numba")}
    lines = ["Machine: " + ", ".join(parts), f"Ours: {listed(ours)}"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > cores / 4:
        lines.append(
            f"NOT A QUIET MACHINE: a load of {load:.1f} on {cores} cores before anything started. "
            "Times and ratios mislead; wait until nothing else runs."
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
