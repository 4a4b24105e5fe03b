"""Take over runs that were recorded elsewhere: `python -m seqrec_lib.reproduce.collect FOLDER`.

FOLDER is what was given as --results, on this machine or another. Its runs that are not recorded
here are added to data/results: line, curve and ranks. What is recorded here stays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from seqrec_lib.reproduce.recorded import FILES, RESULTS_FOLDER, label_of, read_lines
from seqrec_lib.reproduce.run import TRIALS
from seqrec_lib.reproduce.tables import REPRODUCED_TABLES
from seqrec_lib.reproduce.writing import record


def collect(source: Path, target: Path) -> list[str]:
    """The labels of the runs that were taken over, in the order of the tables."""
    taken = []
    for table in (*REPRODUCED_TABLES, TRIALS):
        there = read_lines(target / f"{table}.csv")
        known = set(zip(there["row"], there["seed"], strict=True))
        for _, line in read_lines(source / f"{table}.csv").iterrows():
            if (line["row"], line["seed"]) in known:
                continue
            label = label_of(table, line["row"], int(line["seed"]))
            parts = {
                folder: pd.read_csv(place) if place.exists() else None
                for folder, suffix in FILES.items()
                for place in [source / folder / f"{line['run']}{suffix}"]
            }
            record(line.drop("run"), label, parts["curves"], parts["ranks"], target)
            taken.append(label)
    return taken


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib.reproduce.collect", description=__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--results", type=Path, default=RESULTS_FOLDER, help="default: data/results"
    )
    chosen = parser.parse_args(arguments)
    if not list(chosen.folder.glob("*.csv")):
        parser.error(f"folder: there are no recorded lines in {chosen.folder}")
    for label in collect(chosen.folder, chosen.results):
        print(label)


if __name__ == "__main__":
    main()
