"""Both protocols side by side: `python -m seqrec_lib.reproduce.protocols_table`.

Recorded runs (`seqrec_lib.reproduce` keeps every user's rank) beside the three baselines, which
are fitted on the spot and ranked among the same candidates. Written to data/results/protocols.csv.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from seqrec_lib.common.paths import folder_to_write, write_csv
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.evaluation.baselines import ItemKNN, MarkovChain, Popularity
from seqrec_lib.evaluation.protocols import (
    RanksByProtocol,
    both_protocols,
    pairs_table,
    protocol_table,
)
from seqrec_lib.evaluation.ranks import Scorer
from seqrec_lib.reproduce.lines import CANDIDATE_SEED


def baselines_beside_runs(
    dataset: SASRecDataSet, runs: dict[str, Path]
) -> tuple[dict[str, Scorer], RanksByProtocol]:
    """The baselines fitted on `dataset`, and the ranks of them and of recorded runs.

    runs: name → a file of ranks. Raises ValueError where a file is of other users.
    """
    baselines: dict[str, Scorer] = {
        "popularity": Popularity(dataset),
        "Markov chain": MarkovChain(dataset),
        "item-kNN": ItemKNN(dataset),
    }
    ranks = both_protocols(baselines, dataset, seed=CANDIDATE_SEED)
    for name, path in runs.items():
        recorded = pd.read_csv(path)
        for protocol, by_model in ranks.items():
            like = by_model["popularity"]
            if recorded["user"].tolist() != like.users.tolist():
                raise ValueError(f"{path.name} holds the ranks of other users than the data set's")
            by_model[name] = replace(
                like,
                better=recorded[f"{protocol}_better"].to_numpy(),
                tied=recorded[f"{protocol}_tied"].to_numpy(),
            )
    return baselines, ranks


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib.reproduce.protocols_table", description=__doc__
    )
    parser.add_argument(
        "--dataset", default="ml-1m", choices=("ml-1m", "games"), help="default: ml-1m"
    )
    parser.add_argument(
        "--run",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "FILE"),
        help="recorded ranks, for example: --run SASRec data/results/ranks/V__n=50__1.csv.gz",
    )
    parser.add_argument(
        "--results", type=Path, default=Path("data/results"), help="default: %(default)s"
    )
    chosen = parser.parse_args(arguments)
    runs = {name: Path(path) for name, path in chosen.run}
    for path in runs.values():
        if not path.is_file():
            parser.error(f"--run: there is no file {path}")
    try:
        results = folder_to_write(chosen.results, "--results")
        dataset = load_dataset(chosen.dataset)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    baselines, ranks = baselines_beside_runs(dataset, runs)
    table = protocol_table(baselines, dataset, seed=CANDIDATE_SEED, ranks=ranks).round(4)
    pairs = pairs_table(ranks)
    write_csv(results / "protocols.csv", table, "--results")
    write_csv(results / "protocols_pairs.csv", pairs.round(5), "--results")
    print(table[table["protocol"] != "lists"].to_string(index=False))
    print()
    print(pairs.to_string(index=False, float_format="%.4f"))


if __name__ == "__main__":
    main()
