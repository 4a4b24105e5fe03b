"""One row of a paper's table as we run it: what is trained, and where the paper prints the result.

The rows themselves are in `sasrec_rows`, `ssept_rows`, `our_rows`, `question_rows`, `race_rows`,
`size_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from seqrec_lib.reproduce.published import Cell, published_value
from seqrec_lib.training.losses import BCE, Loss
from seqrec_lib.training.sse import SSE

# The papers' names of the data sets
PRINTED_AS = {"ml-1m": "ML-1M", "games": "Games", "beauty": "Beauty", "steam": "Steam"}
NOT_RUN_HERE = ("beauty", "steam")  # their files could not be had; whoever has them runs the rows
SHOWN_AS = {  # and of ours
    **PRINTED_AS,
    "ml-1m-in-time": "ML-1M, split in time",
    "ml-100k": "ML-100K",
    "ml-latest-small": "ML latest small",
}


@dataclass(frozen=True)
class Recipe:
    """One row of one table, with everything that its training depends on but the seed.

    Attributes:
        table, row: their names, as on the command line.
        dataset: of `datasets.recipe_data`.
        model: arguments of the model's constructor; "user_embedding_dim" makes it SSE-PT.
        own: a class of lesson 11, see `own_models`, instead of the library's.
        loss, sse, window_probability, learning_rate, schedule, epochs: of the training.
        patience: stop after so many validations without a better one; None trains to the end.
        rates: learning rates to choose from, by the validation of seed 1, instead of learning_rate.
        rate_of: the row, of the same table, that chose the learning rate of this one, too.
        without: parts that are switched off, see `building.SWITCHES`.
        cell: where its result is printed; None where it is not.
        beside: (table, row) of the recipe that it differs from in one thing.
        baseline: of `run.BASELINES`, for a row that is counted and not trained.
    """

    table: str
    row: str
    dataset: str
    model: dict[str, Any] = field(default_factory=dict)
    loss: Loss = field(default_factory=BCE)
    sse: SSE | None = None
    window_probability: float = 0.0
    learning_rate: float = 0.001
    schedule: dict[int, float] = field(default_factory=dict)
    epochs: int = 200
    patience: int | None = None
    rates: tuple[float, ...] = ()
    rate_of: str = ""
    own: str = ""
    without: tuple[str, ...] = ()
    cell: Cell | None = None
    beside: tuple[str, str] | None = None
    baseline: str | None = None

    @property
    def paper(self) -> float | None:
        """The printed NDCG@10 among 100 sampled negatives; None where none was printed."""
        return None if self.cell is None else published_value(self.cell)

    @property
    def settings(self) -> str:
        """All that defines the run except data, seed and epochs, as it is recorded."""
        if self.baseline:
            return self.baseline
        window = f" window={self.window_probability}" if self.window_probability else ""
        later = "".join(f", after {done}: {rate}" for done, rate in self.schedule.items())
        rate = "best of " + ", ".join(map(str, self.rates)) if self.rates else self.learning_rate
        rate = f"that of {self.rate_of}" if self.rate_of else rate
        until = f" patience={self.patience}" if self.patience else ""
        less = f" without {', '.join(self.without)}" if self.without else ""
        own = f"{self.own} {self.model}".lstrip()
        return f"{own} {self.loss} {self.sse} lr={rate}{later}{window}{until}{less}"

    def same_run(self, other: Recipe) -> bool:
        """Whether two rows, perhaps of different tables, are one and the same run."""
        mine = replace(other, table=self.table, row=self.row, cell=self.cell, beside=self.beside)
        return self == mine
