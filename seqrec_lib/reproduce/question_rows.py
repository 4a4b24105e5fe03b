"""Rows that answer a question: each differs in one thing from a row that is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.sasrec_rows import sasrec_model
from seqrec_lib.reproduce.ssept_rows import PAIR, RELEASED, RELEASED_ITEMS, SOONER, ssept_model
from seqrec_lib.training.losses import BCE, GBCE, CrossEntropy, Loss, SampledSoftmax

_WIDE_SSEPT = ("SSE-PT", "sse-pt n=200 50+100")
_SASREC = ("III", "ml-1m")
_UNTIED = ("IV", "ml-1m unshared-item-embedding")
_GLOROT = {"initial_tables": "glorot"}
# Until validation has been flat for two validations, which are 20 epochs, or 300 epochs are done
_EQUAL: dict[str, Any] = {"rates": (0.001, 0.002), "patience": 2, "epochs": 300}
# 523 users have a validation item in time: their noise needs more patience
_IN_TIME: dict[str, Any] = {"rates": (0.001, 0.002), "patience": 5, "epochs": 200}
_LOSSES: dict[str, Loss] = {
    "bce": BCE(),
    "sampled-softmax": SampledSoftmax(),
    "cross-entropy": CrossEntropy(),
    "gbce": GBCE(),
}


def _row(name: str, model: dict[str, Any], beside: tuple[str, str] | None, **more: Any) -> Recipe:
    return Recipe("questions", name, "ml-1m", model, beside=beside, **more)


def _without(part: str) -> Recipe:
    return _row(f"no {part}", sasrec_model("ml-1m"), _SASREC, without=(part,))


def _untied(name: str, **more: Any) -> Recipe:
    model = sasrec_model("ml-1m", shared_embedding=False, **more.pop("model", {}))
    return _row(f"unshared, {name}", model, _UNTIED, **more)


def _in_time() -> list[Recipe]:
    dataset, model = "ml-1m-in-time", sasrec_model("ml-1m")
    counted = [
        Recipe("questions", f"in time, {name}", dataset, epochs=0, baseline=name)
        for name in ("popularity", "item-knn", "markov-chain")
    ]
    bce, other = (
        Recipe("questions", f"in time, {name}", dataset, model, _LOSSES[name], **_IN_TIME)
        for name in ("bce", "cross-entropy")
    )
    beside = (bce.table, bce.row)
    return [
        *(replace(recipe, beside=beside) for recipe in counted),
        bce,
        replace(other, beside=beside),
    ]


QUESTION_ROWS = [
    _row(
        "sse-pt n=100 glorot",
        {**ssept_model(100, 50, 100), **_GLOROT},
        ("SSE-PT++", "sse-pt n=100"),
        sse=RELEASED,
        **PAIR,
    ),
    _row(
        "sse-pt n=200 50+100 glorot",
        {**ssept_model(200, 50, 100), **_GLOROT},
        _WIDE_SSEPT,
        sse=RELEASED,
        **SOONER,
    ),
    _row(
        "sse-sasrec n=200 d=150",
        sasrec_model("ml-1m", embedding_dim=150),
        _WIDE_SSEPT,
        sse=RELEASED_ITEMS,
        **SOONER,
    ),
    _without("dropout of embeddings"),
    _without("dropout of attention"),
    _without("dropout of feed-forward"),
    _without("residual around attention"),
    _without("residual around feed-forward"),
    _row(
        "no residual, 600 epochs",
        sasrec_model("ml-1m", residuals=False),
        ("IV", "ml-1m no-residual"),
        epochs=600,
    ),
    _untied("glorot", model=_GLOROT),
    _untied("no root", without=("root of the width",)),
    _untied("scored by the input", without=("output table when scoring",)),
    *[
        _row(f"{name} n=200, equal budget", sasrec_model("ml-1m"), None, loss=loss, **_EQUAL)
        for name, loss in _LOSSES.items()
    ],
    *_in_time(),
]
