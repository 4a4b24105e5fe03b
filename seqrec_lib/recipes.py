"""The runs behind the published tables: what each row trains, and what the paper printed for it.

Sources: SASRec (Kang and McAuley 2018), Tables III to V; SSE-PT (Wu et al. 2020), Tables 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seqrec_lib.losses import BCE, CrossEntropy, Loss
from seqrec_lib.sse import SSE

# The authors' code: layer normalisation before attention and feed-forward with one gamma and beta
# for all positions, Adam with betas (0.9, 0.98), 201 epochs of users // 128 batches.
AUTHORS = {"layout": "authors", "norm": "feature"}
GAMES_URL = "https://raw.githubusercontent.com/kang205/SASRec/master/data/Video.txt"
GAMES_SHA256 = "b7376fe24430743f411dc7f567285657b2adb3f74361cc7ba0aee94f3024b651"


@dataclass(frozen=True)
class Recipe:
    """One row of one table.

    Attributes:
        table, row: its name, as on the command line.
        dataset: "ml-1m" or "games".
        model: arguments of the model's constructor; "user_embedding_dim" makes it SSE-PT.
        loss, sse, window_probability, learning_rate, epochs: of the training.
        paper: the printed NDCG@10 among 100 sampled negatives; None where none was printed.
    """

    table: str
    row: str
    dataset: str
    model: dict[str, Any] = field(default_factory=dict)
    loss: Loss = field(default_factory=BCE)
    sse: SSE | None = None
    window_probability: float = 0.0
    learning_rate: float = 0.001
    epochs: int = 200
    paper: float | None = None


def _sasrec(dataset: str, **changes: Any) -> dict[str, Any]:
    base = {"ml-1m": (200, 0.2), "games": (50, 0.5)}[dataset]
    model = {"seq_max_len": base[0], "dropout_rate": base[1], "embedding_dim": 50}
    return {**model, "num_blocks": 2, **AUTHORS, **changes}


def _table_3() -> list[Recipe]:
    return [
        Recipe("III", "ml-1m", "ml-1m", _sasrec("ml-1m"), paper=0.5905),
        Recipe("III", "games", "games", _sasrec("games"), paper=0.5360),
    ]


_ABLATIONS: dict[str, tuple[dict[str, Any], float, float]] = {
    "default": ({}, 0.5905, 0.5360),
    "no-positional-embedding": ({"positions": False}, 0.5772, 0.5301),
    "unshared-item-embedding": ({"shared_embedding": False}, 0.4557, 0.4266),
    "no-residual": ({"residuals": False}, 0.5535, 0.4303),
    "no-dropout": ({"dropout_rate": 0.0}, 0.5801, 0.4375),
    "blocks=0": ({"num_blocks": 0}, 0.4830, 0.4745),
    "blocks=1": ({"num_blocks": 1}, 0.5653, 0.5408),
    "blocks=3": ({"num_blocks": 3}, 0.5931, 0.5312),
    "heads=2": ({"attention_num_heads": 2}, 0.5885, 0.5311),
}


def _table_4() -> list[Recipe]:
    return [
        Recipe("IV", f"{dataset} {name}", dataset, _sasrec(dataset, **changes), paper=papers[place])
        for place, dataset in enumerate(("ml-1m", "games"))
        for name, (changes, *papers) in _ABLATIONS.items()
    ]


def _table_5() -> list[Recipe]:
    printed = {10: 0.480, 50: 0.557, 100: 0.571, 200: 0.587}
    return [
        Recipe("V", f"n={n}", "ml-1m", _sasrec("ml-1m", seq_max_len=n), paper=value)
        for n, value in printed.items()
    ]


def _ssept(n: int, d_user: int, d_item: int, **changes: Any) -> dict[str, Any]:
    widths = {"user_embedding_dim": d_user, "item_embedding_dim": d_item}
    return {**_sasrec("ml-1m", seq_max_len=n), **widths, **changes}


def _sse_tables() -> list[Recipe]:
    # The released command's thresholds 0.08 and 0.9 are probabilities of keeping
    released = SSE(user=0.92, input_item=0.1, output_item=0.1, rule="as-released")
    items = SSE(input_item=0.1, output_item=0.1, rule="as-released")
    slow: dict[str, Any] = {"learning_rate": 0.0005, "epochs": 400}
    rows = [
        ("sse-pt n=200 50+50", _ssept(200, 50, 50), released, 0.6191),
        ("sse-pt n=200 50+100", _ssept(200, 50, 100), released, 0.6281),
        ("pt n=200 50+100", _ssept(200, 50, 100), None, 0.5241),
        ("sse-sasrec n=200", _sasrec("ml-1m"), items, 0.5995),
    ]
    tables = [
        Recipe("SSE-PT", name, "ml-1m", model, sse=sse, paper=paper, **slow)
        for name, model, sse, paper in rows
    ]
    # The same comparison at n = 50, small enough for a laptop. The paper prints no such row.
    short: dict[str, Any] = {"epochs": 150}
    tables += [
        Recipe("SSE-PT", "sse-pt n=50 50+50", "ml-1m", _ssept(50, 50, 50), sse=released, **short),
        Recipe("SSE-PT", "pt n=50 50+50", "ml-1m", _ssept(50, 50, 50), **short),
    ]
    plus = _ssept(100, 50, 100)
    tables += [
        Recipe("SSE-PT++", "sse-pt n=100", "ml-1m", plus, sse=released, paper=0.6142, **slow),
        Recipe(
            "SSE-PT++",
            "sse-pt++ n=100",
            "ml-1m",
            plus,
            sse=released,
            window_probability=0.3,
            paper=0.6186,
            **slow,
        ),
    ]
    return tables


def _losses() -> list[Recipe]:
    return [
        Recipe(
            "losses",
            f"{loss.name} n={n}",
            "ml-1m",
            _sasrec("ml-1m", seq_max_len=n),
            loss,
            epochs=epochs,
        )
        for n in (50, 200)
        for loss, epochs in ((BCE(), 200), (CrossEntropy(), 60))
    ]


RECIPES = [*_table_3(), *_table_4(), *_table_5(), *_sse_tables(), *_losses()]


def rows_of(table: str, rows: list[str] | None = None) -> list[Recipe]:
    """The recipes of a table, or those of its rows whose name is given.

    Raises ValueError for an unknown table or row; lists what there is.
    """
    tables = list(dict.fromkeys(recipe.table for recipe in RECIPES))
    if table not in tables:
        raise ValueError(f"table {table!r} must be one of {', '.join(map(repr, tables))}")
    there = {recipe.row: recipe for recipe in RECIPES if recipe.table == table}
    wanted = list(there) if rows is None else rows
    unknown = [row for row in wanted if row not in there]
    if unknown:
        raise ValueError(
            f"row {unknown[0]!r} is not in table {table}: {', '.join(map(repr, there))}"
        )
    return [there[row] for row in wanted]
