"""Trained models by name: weights that know which film each of their rows is.

A file of weights alone says "row 17"; which film that is depends on how the data were prepared. So
a file in data/checkpoints holds the raw ids beside the weights, and loading puts each row where the
data set at hand has that film (and that user). Files are safetensors: loading runs no code of them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from seqrec_lib.common.paths import AnyPath, as_path, folder_to_write, write_text
from seqrec_lib.common.places import recorded_folder
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.files import build_model, config_from_dict, read_tensors, write_weights
from seqrec_lib.models.recommenders import SASREC, SSEPT

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
_RAW_ITEMS, _RAW_USERS = "raw_item_ids", "raw_user_ids"
_TABLES = {  # a tensor with one row an id, and whose ids they are
    "item_embedding_layer.weight": _RAW_ITEMS,
    "output_embedding_layer.weight": _RAW_ITEMS,
    "user_embedding_layer.weight": _RAW_USERS,
}


def load_trained(
    name: str, dataset: SASRecDataSet, folder: AnyPath | None = None
) -> SASREC | SSEPT:
    """A trained model, its rows in the order of `dataset`: item 5 is the film that has id 5 there.

    Args:
        name: see `trained_models`.
        dataset: prepared from the raw data that the model was trained on, its films and users
            numbered in any way.
        folder: where the files lie; default data/checkpoints of the clone, or what is installed.

    Returns:
        The model on the CPU.

    Raises:
        LookupError: an unknown name, no such file, or a data set of other films or users; says how
            many, and names one. ValueError: the file is damaged.
    """
    place = _find(name, as_path(folder, "folder") if folder is not None else FOLDER)
    try:
        weights, metadata = read_tensors(place)
        config = config_from_dict(json.loads(metadata["config"]))
        raw = {key: weights.pop(key).numpy() for key in (_RAW_ITEMS, _RAW_USERS) if key in weights}
        known_items = raw[_RAW_ITEMS]
    except Exception as error:
        raise ValueError(f"{place.name} is not a file that publish wrote: {error}") from error
    _check_digest(place, weights)
    rows = {_RAW_ITEMS: _item_rows(name, known_items, dataset)}
    if _RAW_USERS in raw:
        rows[_RAW_USERS] = _user_rows(name, raw[_RAW_USERS], dataset)
    for key, ids in _TABLES.items():
        if key in weights:
            weights[key] = weights[key][rows[ids]]  # (1+I, D) or (1+U, D), row 0 stays the padding
    model = build_model(config, seed=0)
    model.load_state_dict(weights)
    return model.eval()


def _check_digest(place: Path, weights: dict[str, Tensor]) -> None:
    """A ValueError for a file that its card was not written for, and for weights that are none."""
    card = place.with_suffix(".json")
    expected = _card(card).get("sha256") if card.is_file() else None
    if expected not in (None, hashlib.sha256(place.read_bytes()).hexdigest()):
        raise ValueError(
            f"{place.name} is damaged, or not the file that {card.name} was written for: its "
            "SHA-256 is another one. Fetch the two again"
        )
    bad = [name for name, weight in weights.items() if not bool(weight.isfinite().all())]
    if bad:
        raise ValueError(f"{place.name}: {bad[0]} holds numbers that are not finite")


def _card(path: Path) -> dict[str, Any]:
    """A card that `save_trained` wrote. Raises ValueError that names a damaged one."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not isinstance(card.get("scores", {}), dict):
            raise ValueError("it is no card")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the card {path.name} is damaged ({error}): fetch it again") from error
    return card


def trained_models(folder: AnyPath | None = None) -> pd.DataFrame:
    """The models that `load_trained` knows: a table indexed by name.

    Columns: there (whether its file is), model, trained_on, seed, epochs (of these the best by
    validation was kept: best_epoch), sampled_ndcg, sampled_hr, full_ndcg, full_hr (@10, on the test
    items), megabytes and made_by, a command. What is not there has no numbers.
    """
    folder = as_path(folder, "folder") if folder is not None else FOLDER
    cards = {path.stem: _card(path) for path in folder.glob("*.json")}
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
    return SAMPLE_COMMAND if name == SAMPLE_MODEL else reproduce_command(*SERIES[name])


def reproduce_command(table: str, row: str, seed: int, epochs: int | None = None) -> str:
    """The command line of one recorded run."""
    more = "" if epochs is None else f" --epochs {epochs}"
    return f'python -m seqrec_lib.reproduce {table} --rows "{row}" --seeds {seed}{more}'


def save_trained(
    model: SASREC, dataset: SASRecDataSet, name: str, card: dict[str, Any], folder: AnyPath
) -> Path:
    """Write NAME.safetensors (weights and raw ids) and NAME.json (the card) into `folder`.

    Args:
        model: trained on `dataset`.
        card: plain values. The settings and the file's SHA-256 are added.

    Returns:
        The place of the weights. Raises ValueError where the data set has no raw ids.
    """
    folder = folder_to_write(folder)
    tensors = dict(model.state_dict())
    tensors[_RAW_ITEMS] = torch.from_numpy(_integers(_raw_items(dataset)))
    if "user_embedding_layer.weight" in tensors:
        tensors[_RAW_USERS] = torch.from_numpy(_integers(dataset.raw_users[1:]))
    settings = model.settings()
    place = folder / f"{name}.safetensors"
    write_weights(tensors, place, {"config": json.dumps(settings)})
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    written = {"name": name, **card, "settings": settings, "sha256": digest}
    write_text(folder / f"{name}.json", json.dumps(written, indent=2) + "\n")
    return place


def _find(name: str, folder: Path) -> Path:
    place = folder / f"{name}.safetensors"
    if place.is_file():
        return place
    if name not in _NAMES:
        known = dict.fromkeys(
            [*_NAMES, *sorted(path.stem for path in folder.glob("*.safetensors"))]
        )
        raise LookupError(
            f"there is no trained model {name!r}; choose from {', '.join(map(repr, known))}"
        )
    then = "" if name == SAMPLE_MODEL else ", then python -m seqrec_lib.reproduce.publish its label"
    raise LookupError(
        f"the weights of {name!r} are not in {folder.parent.name}/{folder.name}. They are part of "
        f"a clone of the repository; or make them: {_command(name)}{then}"
    )


def _raw_items(dataset: SASRecDataSet) -> np.ndarray:
    """(I,) the raw ids of items 1 to I."""
    if dataset.items is None or "raw_id" not in dataset.items:
        raise LookupError(
            "this data set does not say which films its ids are (items['raw_id']): "
            "prepare(load_movielens('ml-1m')) makes one that does"
        )
    return dataset.items["raw_id"].to_numpy()


def _integers(raw: np.ndarray) -> np.ndarray:
    if raw.dtype.kind not in "iu":
        raise ValueError(f"raw ids must be whole numbers to be published, not {raw.dtype}")
    return raw.astype(np.int64)


def _item_rows(name: str, known: np.ndarray, dataset: SASRecDataSet) -> np.ndarray:
    """(I+1,) the model's row of each item id of the data set."""
    here = _raw_items(dataset)
    rows = pd.Index(known).get_indexer(pd.Index(here))  # (I,) -1 for a film it does not know
    unknown, lacking = np.flatnonzero(rows < 0), np.setdiff1d(known, here[rows >= 0])
    if len(unknown) or len(lacking):
        said = [f"{name!r} was trained on {len(known):,} films; this data set has {len(here):,}"]
        if len(unknown):
            title = dataset.title(int(unknown[0]) + 1)
            said.append(f"of which the model does not know {len(unknown):,}, such as {title!r}")
        if len(lacking):
            said.append(f"and lacks {len(lacking):,}, such as that with raw id {lacking[0]}")
        raise LookupError(
            ", ".join(said) + ". The data set must be made from the same release, with the default "
            "filter: prepare(load_movielens('ml-1m'))"
        )
    return np.concatenate([[0], rows + 1])


def _user_rows(name: str, known: np.ndarray, dataset: SASRecDataSet) -> np.ndarray:
    """(U+1,) the model's row of each user id. All users must be there: what a stranger gets is
    their mean, and would change with who is left."""
    here = dataset.raw_users[1:]
    rows = pd.Index(known).get_indexer(pd.Index(here))
    if len(here) != len(known) or (rows < 0).any():
        raise LookupError(
            f"{name!r} was trained on {len(known):,} users; this data set has {len(here):,}, of "
            f"which the model does not know {int((rows < 0).sum()):,}. The data set must be made "
            "from the same release without a filter of users: prepare(load_movielens('ml-1m'))"
        )
    return np.concatenate([[0], rows + 1])
