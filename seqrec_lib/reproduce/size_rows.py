"""What to choose on small data: rows on MovieLens' small releases, for lesson 12.

Each data set has one usual recipe, that of `TrainingOptions`, and rows that differ from it in one
thing. All stop by themselves, so that each has as many epochs as it can use, up to 400.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.training.losses import BCE, CrossEntropy

_USUAL: dict[str, Any] = {
    "seq_max_len": 50,
    "num_blocks": 2,
    "embedding_dim": 50,
    "dropout_rate": 0.2,
}
_CHANGES: dict[str, dict[str, Any]] = {
    "n=20": {"seq_max_len": 20},
    "dropout=0.5": {"dropout_rate": 0.5},
}
_BASELINES = ("popularity", "markov-chain", "item-knn")


def _rows(data: str, changes: Iterable[str]) -> list[Recipe]:
    usual, how = f"{data} cross-entropy", {"epochs": 400, "patience": 5}
    found = [
        Recipe("sizes", usual, data, _USUAL, CrossEntropy(), **how),
        Recipe("sizes", f"{data} bce", data, _USUAL, BCE(), **how, beside=("sizes", usual)),
    ]
    for change in changes:
        model = _USUAL | _CHANGES[change]
        row = f"{usual} {change}"
        found.append(
            Recipe("sizes", row, data, model, CrossEntropy(), **how, beside=("sizes", usual))
        )
    for name in _BASELINES:
        found.append(
            Recipe(
                "sizes", f"{data} {name}", data, epochs=0, beside=("sizes", usual), baseline=name
            )
        )
    return found


SIZE_ROWS = [
    *_rows("ml-latest-small", []),
    *_rows("ml-100k", _CHANGES),
    Recipe("sizes", "games item-knn", "games", epochs=0, baseline="item-knn"),
]
