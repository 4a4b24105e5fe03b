"""The mean over all draws for runs that recorded one: `python -m seqrec_lib.reproduce.means`.

Older runs recorded every user's rank among the 100 candidates that were drawn and among
all items but the history. What is not known is whether the validation item, which may be drawn too,
beats the target. A model that has just read it mostly puts it ahead, so that matters: 0.004 of
NDCG@10. It is estimated from the users who drew it, some 180 on MovieLens 1M: the mean is exact but
for that, with a standard error of about 0.0004 there and 0.00005 on Games.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from scipy import stats

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.unseen import Complement
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.protocols import expected_sampled_values
from seqrec_lib.evaluation.ranks import Ranks
from seqrec_lib.reproduce.datasets import recipe_data
from seqrec_lib.reproduce.lines import CANDIDATE_SEED, METRICS, NEGATIVES, with_interval
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, read_lines, recorded_ranks
from seqrec_lib.reproduce.tables import REPRODUCED_TABLES
from seqrec_lib.reproduce.writing import write_table


class DrawnOnce:
    """What is known of the draw of a data set's candidates.

    Attributes: others (U,): how many items but the validation item and the target may be drawn.
    times (U,): how often the validation item was.
    """

    def __init__(self, dataset: SASRecDataSet) -> None:
        drawn = sampled_candidates(dataset, num_negatives=NEGATIVES, seed=CANDIDATE_SEED)
        users, valid = drawn.users, dataset.targets("valid")[drawn.users.numpy()]
        self.times = (drawn.items[:, 1:].numpy() == valid[:, None]).sum(axis=1)
        seen = Complement(dataset.history("test"), dataset.itemnum, [dataset.targets("test")])
        self.others = seen.count(users).numpy()

    def mean(self, sampled: Ranks, full: Ranks, metric: str) -> np.ndarray:
        """(U,) whose mean is the metric's mean over all draws. full: without ties."""
        if_ahead = expected_sampled_values(full.better + 1, self.others + 1, NEGATIVES, metric)
        drew = self.times > 0
        chance = 1 - (self.others / (self.others + 1)) ** NEGATIVES  # (U,) to draw it
        observed = user_values(sampled, metric)
        ahead = self._if_ahead(full, metric)
        return if_ahead + chance * (observed - ahead)[drew].mean()

    def _if_ahead(self, full: Ranks, metric: str) -> np.ndarray:
        """(U,) of users who drew it so often, were it ahead of the target."""
        beaters = np.arange(10)
        gain = user_values(Ranks(beaters, beaters, 0 * beaters, beaters + 1), metric)
        share, left = full.better / self.others, NEGATIVES - self.times
        found = np.zeros(len(share))
        for b in beaters:  # in all, of which `times` are the validation item
            found += gain[b] * stats.binom.pmf(b - self.times, left, share)
        return found


def main(arguments: list[str] | None = None) -> None:
    """The command line: fills the columns mean_hr and mean_ndcg of lines that have none."""
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib.reproduce.means", description=__doc__
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS_FOLDER, help="default: data/results"
    )
    results = parser.parse_args(arguments).results
    known: dict[str, DrawnOnce] = {}
    for table in REPRODUCED_TABLES:
        place = results / f"{table}.csv"
        with FileLock(results / ".lock"):
            lines = read_lines(place)
            lines = pd.DataFrame([_filled(line, known, results) for _, line in lines.iterrows()])
            if len(lines):
                write_table(place, lines)


def _filled(line: pd.Series, known: dict[str, DrawnOnce], results: Path) -> pd.Series:
    if pd.notna(line.get("mean_ndcg")):
        return line
    dataset = line["dataset"]
    if dataset not in known:
        known[dataset] = DrawnOnce(recipe_data(dataset))
    ranks = recorded_ranks(line["run"], dataset, results)
    for column, metric in METRICS.items():
        values = known[dataset].mean(ranks["sampled"], ranks["full"], metric)
        for name, value in with_interval(f"mean_{column}", values).items():
            line[name] = value
    return line


if __name__ == "__main__":
    main()
