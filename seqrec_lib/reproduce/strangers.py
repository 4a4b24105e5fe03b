"""What it costs SSE-PT that a user is new: `python -m seqrec_lib.reproduce.strangers`.

The shipped SSE-PT of MovieLens 1M ranks every user's test film twice: once knowing who the user is,
once with the mean user embedding that new users get. The two count as equal if the 95% interval of
their difference in NDCG@10 lies within 0.005 on both sides, a bound that was set before they were
compared. Written to data/results/strangers.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from seqrec_lib.data.loading import load_dataset
from seqrec_lib.evaluation.recommendation import Strangers
from seqrec_lib.models.saved import load
from seqrec_lib.reproduce.lines import look_at_test, with_interval
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER
from seqrec_lib.reproduce.writing import write_table

BOUND = 0.005


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib.reproduce.strangers", description=__doc__
    )
    parser.add_argument(
        "--name", default="ssept-ml-1m", help="of the trained model; default: %(default)s"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS_FOLDER, help="default: data/results"
    )
    chosen = parser.parse_args(arguments)
    dataset = load_dataset("ml-1m")
    model, _ = load(chosen.name, dataset=dataset)
    known = look_at_test(model, dataset).values
    stranger = look_at_test(Strangers(model), dataset).values
    rows = []
    for column in ("mean_ndcg", "mean_hr", "full_ndcg", "full_hr"):
        row = {"model": chosen.name, "column": column}
        row |= {"known": known[column].mean(), "stranger": stranger[column].mean()}
        found = with_interval("difference", stranger[column] - known[column])
        row |= found
        if column.endswith("ndcg"):
            inside = max(-found["difference_low"], found["difference_high"]) < BOUND
            row |= {"bound": BOUND, "equal": inside}
        rows.append(row)
    table = pd.DataFrame(rows).round(5)
    chosen.results.mkdir(parents=True, exist_ok=True)
    write_table(chosen.results / "strangers.csv", table)
    print(table.to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
