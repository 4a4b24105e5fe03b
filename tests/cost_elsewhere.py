"""What a run on Beauty and on Steam takes, from histories made up to their size.

`python -m tests.cost_elsewhere`: users, items and actions are those of Table II of Kang and McAuley
(2018).
The clock measures the first steps and a validation, as in the forecast of `seqrec_lib.reproduce`.
"""

import resource

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.reproduce.cost import run_cost
from seqrec_lib.reproduce.tables import find_recipes

# Users, items, actions a user: Table II
SIZES = {"beauty": (52_024, 57_289, 7.6), "steam": (334_730, 13_047, 11.0)}


def made(users: int, items: int, mean: float, seed: int = 1) -> SASRecDataSet:
    """Histories of 5 items at least, lengths geometric above that; nothing twice in a history."""
    rng = np.random.default_rng(seed)
    lengths = np.concatenate([[0], 4 + rng.geometric(1 / (mean - 4), users)])
    starts = np.cumsum(lengths) - lengths
    place = np.arange(lengths.sum()) - np.repeat(starts, lengths)  # in the user's history
    first = np.repeat(rng.integers(0, items, users + 1), lengths)
    return SASRecDataSet.from_sequences(
        Sequences.from_lengths(1 + (first + 101 * place) % items, lengths), items
    )


def main() -> None:
    """One line for each data set."""
    for name, size in SIZES.items():
        recipe = find_recipes("III", [name])[0]
        cost = run_cost(recipe, made(*size))
        hours = cost.seconds(recipe.epochs) / 3600
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{name}: {cost.batches} steps an epoch of {1000 * cost.batch:.1f} ms, a validation "
            f"{cost.scoring:.0f} s, {recipe.epochs} epochs {hours:.1f} h, {memory:.1f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
