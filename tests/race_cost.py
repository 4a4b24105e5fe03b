"""What an epoch of each row of lesson 11's race costs: `python -m tests.race_cost`.

Twelve steps and one validation of every row are timed on one core of this machine, one row after
the other, and written to data/results/race_cost.csv; of rows that are named, only those. The rows
themselves ran side by side, where a clock says nothing.
"""

import datetime
import sys

import pandas as pd
import torch

from seqrec_lib.common.provenance import commit, processor
from seqrec_lib.common.version import __version__
from seqrec_lib.reproduce.building import VALIDATE_EVERY
from seqrec_lib.reproduce.cost import run_cost
from seqrec_lib.reproduce.datasets import recipe_data
from seqrec_lib.reproduce.race_rows import RACE_ROWS
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, recorded_table
from seqrec_lib.reproduce.tables import find_recipes
from seqrec_lib.reproduce.writing import write_table

STEPS = 12
# The last one is set beside them: SASRec with the loss of eSASRec and HSTU
TIMED = [*RACE_ROWS, *find_recipes("questions", ["sampled-softmax n=200, equal budget"])]


def main() -> None:
    """The rows, then the file."""
    torch.set_num_threads(1)
    recipes = [r for r in TIMED if r.row in sys.argv[1:] or len(sys.argv) == 1]
    data = {name: recipe_data(name) for name in dict.fromkeys(r.dataset for r in recipes)}
    lines = []
    for recipe in recipes:
        cost = run_cost(recipe, data[recipe.dataset], "cpu", STEPS)
        line = {
            "row": recipe.row,
            "seed": 0,  # of the weights that were thrown away
            "milliseconds_step": round(1000 * cost.batch, 1),
            "seconds_validation": round(cost.scoring, 1),
            "seconds_epoch": round(cost.batches * cost.batch + cost.scoring / VALIDATE_EVERY, 1),
            "device": f"{processor()}, 1 threads",
            "library": __version__,
            "torch": torch.__version__,
            "commit": commit(),
            "date": datetime.date.today().isoformat(),
        }
        print(f"{recipe.row}: {line['seconds_epoch']} s an epoch", flush=True)
        lines.append(line)
    before = recorded_table("race_cost").drop(columns="run")
    before = before[~before["row"].isin([line["row"] for line in lines])]
    write_table(RESULTS_FOLDER / "race_cost.csv", pd.concat([before, pd.DataFrame(lines)]))


if __name__ == "__main__":
    main()
