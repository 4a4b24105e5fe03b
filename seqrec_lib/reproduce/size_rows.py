"""What to choose on small data: rows on MovieLens' small releases, for lesson 12.

Each data set has one usual recipe, that of `TrainingOptions`, and rows that differ from it in one
thing. All stop by themselves, so that each has as many epochs as it can use, up to 400.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.training.losses import BCE, CrossEntropy, Loss

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


def _row(data: str, row: str, model: dict[str, Any], loss: Loss) -> Recipe:
    usual = f"{data} cross-entropy"
    beside = None if row == usual else ("sizes", usual)
    return Recipe("sizes", row, data, model, loss, epochs=400, patience=5, beside=beside)


def _counted(data: str, name: str, beside: bool = True) -> Recipe:
    other = ("sizes", f"{data} cross-entropy") if beside else None
    return Recipe("sizes", f"{data} {name}", data, epochs=0, beside=other, baseline=name)


def _rows(data: str, changes: Iterable[str]) -> list[Recipe]:
    usual = f"{data} cross-entropy"
    found = [_row(data, usual, _USUAL, CrossEntropy()), _row(data, f"{data} bce", _USUAL, BCE())]
    for change in changes:
        found.append(_row(data, f"{usual} {change}", _USUAL | _CHANGES[change], CrossEntropy()))
    return found + [_counted(data, name) for name in _BASELINES]


SIZE_ROWS = [
    *_rows("ml-latest-small", []),
    *_rows("ml-100k", _CHANGES),
    _counted("games", "item-knn", beside=False),
]
