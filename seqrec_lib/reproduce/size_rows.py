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
_TRAINED: dict[str, Any] = {"epochs": 400, "patience": 5}
_BESIDE = "cross-entropy"  # the usual row, which the others are set against


def _row(data: str, name: str, **more: Any) -> Recipe:
    beside = None if name == _BESIDE else ("sizes", f"{data} {_BESIDE}")
    return Recipe("sizes", f"{data} {name}", data, beside=beside, **more)


def _rows(data: str, changes: Iterable[str]) -> list[Recipe]:
    usual = {"model": _USUAL, "loss": CrossEntropy(), **_TRAINED}
    return [
        _row(data, _BESIDE, **usual),
        _row(data, "bce", **usual | {"loss": BCE()}),
        *(
            _row(data, f"{_BESIDE} {change}", **usual | {"model": _USUAL | _CHANGES[change]})
            for change in changes
        ),
        *(_row(data, name, epochs=0, baseline=name) for name in _BASELINES),
    ]


SIZE_ROWS = [
    *_rows("ml-latest-small", []),
    *_rows("ml-100k", _CHANGES),
    Recipe("sizes", "games item-knn", "games", epochs=0, baseline="item-knn"),
]
