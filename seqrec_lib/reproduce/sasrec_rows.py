"""The rows of the SASRec paper (Kang and McAuley 2018): its Tables III, IV and V."""

from __future__ import annotations

from typing import Any

from seqrec_lib.reproduce.recipe import PRINTED_AS, Recipe

# Maximum length and dropout of each data set (section IV-C)
_SPARSE = (50, 0.5)
_LENGTH_AND_DROPOUT = {"ml-1m": (200, 0.2), "games": _SPARSE, "beauty": _SPARSE, "steam": _SPARSE}


def sasrec_model(dataset: str, **changes: Any) -> dict[str, Any]:
    """Arguments of the paper's SASRec for a data set, with some of them changed.

    The layout is that of the authors' code: layer normalisation before attention and feed-forward,
    with one gamma and beta for all positions.
    """
    length, dropout = _LENGTH_AND_DROPOUT[dataset]
    model = {"seq_max_len": length, "dropout_rate": dropout, "embedding_dim": 50, "num_blocks": 2}
    return {**model, "layout": "authors", "norm": "feature", **changes}


def _table_3() -> list[Recipe]:
    return [
        Recipe("III", name, name, sasrec_model(name), cell=("SASRec", "III", shown, "SASRec", ""))
        for name, shown in PRINTED_AS.items()
    ]


_ABLATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "no-positional-embedding": {"positions": False},
    "unshared-item-embedding": {"shared_embedding": False},
    "no-residual": {"residuals": False},
    "no-dropout": {"dropout_rate": 0.0},
    "blocks=0": {"num_blocks": 0},
    "blocks=1": {"num_blocks": 1},
    "blocks=3": {"num_blocks": 3},
    "heads=2": {"attention_num_heads": 2},
}


def _table_4() -> list[Recipe]:
    return [
        Recipe(
            "IV",
            f"{name} {ablation}",
            name,
            sasrec_model(name, **changes),
            cell=("SASRec", "IV", shown, "SASRec", ablation),
        )
        for name, shown in PRINTED_AS.items()
        for ablation, changes in _ABLATIONS.items()
    ]


def _table_5() -> list[Recipe]:
    return [
        Recipe(
            "V",
            f"n={n}",
            "ml-1m",
            sasrec_model("ml-1m", seq_max_len=n),
            cell=("SASRec", "V", "ML-1M", "SASRec", f"n={n}"),
        )
        for n in (10, 50, 100, 200, 300, 400, 500, 600)
    ]


SASREC_ROWS = [*_table_3(), *_table_4(), *_table_5()]
