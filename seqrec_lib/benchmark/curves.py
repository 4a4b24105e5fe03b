"""How time and memory grow: with the catalogue, with the history, with the file, with processes.

The rows of `python -m seqrec_lib.benchmark` that are curves. Every point is measured in a process
of its own, so that its peak memory is its own, on made data of the shape asked for. Milliseconds
are of processor time, all threads together, so that other programs count little.
`--record FOLDER` writes each curve as a CSV with the machine's name beside every line; notebook 09
draws those in data/results.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from seqrec_lib.benchmark import points
from seqrec_lib.benchmark.report import table
from seqrec_lib.common.paths import write_csv


@dataclass(frozen=True)
class Curve:
    """A row of the benchmark with many points.

    name: for `--rows`. title: above its table. points: settings, one process each. measure: takes
    one point's settings, returns lines of results. notes: what the columns mean.
    """

    name: str
    title: str
    points: tuple[dict[str, Any], ...]
    measure: Callable[..., list[dict[str, Any]]]
    notes: str

    @property
    def file(self) -> str:
        """Its name in a folder of records."""
        return f"scaling_{self.name.removeprefix('scaling-').replace('-', '_')}.csv"


CURVES = (
    Curve(
        "scaling-items",
        "a training step against the number of items and users",
        tuple(
            {"items": items, "tables": tables}
            for tables in ("sparse", "dense")
            for items in (10_000, 30_000, 100_000, 300_000, 1_000_000)
        ),
        points.step_by_items,
        "- SSE-PT, 50 + 50 wide, 2 blocks, n = 50, BCE, batch 128; as many users as items, each\n"
        "  with 20 items. Table MB: weights of both tables and Adam's two moments. Step MB: what\n"
        "  the steps need beside these, data and model. Top 10: of all items, a user; its MB\n"
        "  likewise.",
    ),
    Curve(
        "scaling-length",
        "a training step against the length of the histories",
        tuple(
            {"length": length, "way": way}
            for way in ("packed", "fused", "padded")
            for length in (50, 100, 200, 500, 1000, 2000)
        ),
        points.step_by_length,
        "- SASRec, 50 wide, 2 blocks, 1 head, no dropout, 8 histories a step, all of length n.\n"
        "  packed: the library's loops for CPUs. padded: attention with all n × n weights. fused:\n"
        "  torch's scaled_dot_product_attention. MB: what the steps need beside data and model.",
    ),
    Curve(
        "scaling-losses",
        "a training step against the number of negatives",
        tuple(
            {"items": items, "negatives": negatives}
            for items in (10_000, 100_000)
            for negatives in (1, 4, 16, 64, 256, 0)
        ),
        points.step_by_negatives,
        "- SASRec, 50 wide, 2 blocks, n = 50, batch 128, sampled softmax with sparse tables;\n"
        "  0 negatives: cross-entropy over all items, with dense tables.",
    ),
    Curve(
        "prepare-25m",
        "from a csv file of MovieLens 25M's shape to batches",
        ({"rows": 25_000_095},),
        points.prepare_file,
        "- Made data: 162,541 users, 59,047 films, userId,movieId,rating,timestamp. Making the\n"
        "  file is not counted. Processor s: of both, without waiting. Epoch s: from 200 steps.\n"
        "  Epoch MB: what these (n = 50) add to the peak of the preparation.",
    ),
    Curve(
        "processes-2",
        "the same training in one process and in two",
        ({"processes": 1}, {"processes": 2}),
        points.train_by_processes,
        "- SASRec, n = 50, 50 wide, no dropout, batch 128 in all, one thread a process, by\n"
        "  python -m seqrec_lib. Seconds: an epoch, on average, with the start of the run.",
    ),
)


def curve_titles() -> dict[str, str]:
    """Title by name, for the command line."""
    return {curve.name: curve.title for curve in CURVES}


def run_curves(chosen: Sequence[str], data: str, machine: str, folder: Path | None) -> list[str]:
    """Measure the curves of these names, print their tables; what went wrong.

    data: for the curve that trains on real data. machine: a line about it. folder: for the CSVs.
    """
    problems = []
    for curve in (curve for curve in CURVES if curve.name in chosen):
        lines: list[dict[str, Any]] = []
        bar = tqdm(curve.points, desc=curve.name, unit="point", file=sys.stdout, leave=False)
        with bar:
            for point in bar:
                settings = point | ({"data": data} if "processes" in point else {})
                done = subprocess.run(
                    [
                        sys.executable,
                        "-m",
                        "seqrec_lib.benchmark.curves",
                        curve.name,
                        json.dumps(settings),
                    ],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    last = "\n".join(done.stderr.strip().splitlines()[-8:])
                    problems.append(f"{curve.name} {point} failed; it said last:\n{last}")
                    continue
                lines += json.loads(done.stdout.splitlines()[-1])
        if lines:
            found = pd.DataFrame(lines)
            cells = [[_cell(value) for value in line] for line in found.itertuples(index=False)]
            print(
                f"\n{curve.title}\n", table(list(found.columns), cells), "", curve.notes, sep="\n"
            )
            if folder is not None:
                write_csv(folder / curve.file, found.assign(machine=machine), "--record")
    return problems


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main(name: str, settings: dict[str, Any]) -> None:
    """Measure one point in this process; its lines as JSON."""
    curve = next(curve for curve in CURVES if curve.name == name)
    print(json.dumps(curve.measure(**settings)))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
