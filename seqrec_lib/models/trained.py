"""The trained models of the series: which there are, and where their files lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from seqrec_lib.common.paths import AnyPath, as_path, file_to_read
from seqrec_lib.common.places import recorded_folder

FOLDER = recorded_folder("checkpoints")
# The models of the series: name → table, row and seed of the run that they come from
SERIES = {
    "sasrec-ml-1m": ("III", "ml-1m", 1),
    "ssept-ml-1m": ("SSE-PT", "sse-pt n=200 50+100", 2),
    "sasrec-no-positions-ml-1m": ("IV", "ml-1m no-positional-embedding", 1),
}
SAMPLE_MODEL = "sasrec-sample"  # of the built-in sample
SAMPLE_COMMAND = "python -m seqrec_lib.reproduce.sample_model"
_NAMES = [*SERIES, SAMPLE_MODEL]


def place_of(path: AnyPath) -> Path:
    """The file at a path, or that of a trained model by its name.

    Raises FileNotFoundError, and LookupError for the name of a model whose weights are not there.
    """
    name = str(path)
    known = dict.fromkeys([*_NAMES, *sorted(file.stem for file in FOLDER.glob("*.safetensors"))])
    if name not in known or as_path(path).is_file():
        try:
            return file_to_read(path)
        except FileNotFoundError as error:
            names = ", ".join(map(repr, known))
            raise FileNotFoundError(f"{error}. Trained models have the names {names}") from error
    place = FOLDER / f"{name}.safetensors"
    if not place.is_file():
        made = _command(name)
        if name in SERIES:
            made += ", then python -m seqrec_lib.reproduce.publish with its label"
        raise LookupError(
            f"the weights of {name!r} are not in {FOLDER.parent.name}/{FOLDER.name}. They are part "
            f"of a clone of the repository; or make them: {made}"
        )
    return place


def card_of(path: Path) -> dict[str, Any]:
    """The card beside a file of weights. Raises ValueError that names a damaged one."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not isinstance(card.get("scores", {}), dict):
            raise ValueError("it is no card")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the card {path.name} is damaged ({error}): fetch it again") from error
    return card


def trained_models(folder: AnyPath | None = None) -> pd.DataFrame:
    """The models that `load` knows by name: a table indexed by name.

    Columns: there (whether its file is), model, trained_on, seed, epochs (of these the best by
    validation was kept: best_epoch), sampled_ndcg, sampled_hr, full_ndcg, full_hr (@10, on the test
    items), megabytes and made_by, a command. What is not there has no numbers.
    """
    folder = as_path(folder, "folder") if folder is not None else FOLDER
    cards = {path.stem: card_of(path) for path in folder.glob("*.json")}
    rows = []
    for name in dict.fromkeys([*_NAMES, *sorted(cards)]):
        card, place = cards.get(name, {}), folder / f"{name}.safetensors"
        scores = card.get("scores", {})
        rows.append(
            {
                "name": name,
                "there": place.is_file(),
                "model": card.get("settings", {}).get("model"),
                "trained_on": card.get("dataset"),
                **{key: card.get(key) for key in ("seed", "epochs", "best_epoch")},
                **{key: scores.get(key) for key in _SCORES},
                "megabytes": place.stat().st_size / 1e6 if place.is_file() else None,
                "made_by": card.get("command") or _command(name),
            }
        )
    return pd.DataFrame(rows).set_index("name")


_SCORES = ("sampled_ndcg", "sampled_hr", "full_ndcg", "full_hr")


def _command(name: str) -> str:
    if name == SAMPLE_MODEL:
        return SAMPLE_COMMAND
    return reproduce_command(*SERIES[name]) if name in SERIES else "not one of the series"


def reproduce_command(table: str, row: str, seed: int, epochs: int | None = None) -> str:
    """The command line of one recorded run."""
    more = "" if epochs is None else f" --epochs {epochs}"
    return f'python -m seqrec_lib.reproduce {table} --rows "{row}" --seeds {seed}{more}'
