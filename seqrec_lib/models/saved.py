"""A model in one file with all that it needs elsewhere: weights, settings, ids, titles, histories.

Files are safetensors: numbers and text, so that loading runs no code of them. A checksum tells
whether anything in one has changed since it was written.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from seqrec_lib.common.paths import AnyPath, as_path
from seqrec_lib.common.version import __version__
from seqrec_lib.common.vocabulary import RawIds, knows_all
from seqrec_lib.data.coding import from_1
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.data.items import untitled
from seqrec_lib.data.storage import from_arrays, nobodys_histories, to_arrays
from seqrec_lib.models.files import (
    OURS,
    build_model,
    config_from_dict,
    read_tensors,
    refuse_misfits,
    write_weights,
)
from seqrec_lib.models.trained import card_of, place_of
from seqrec_lib.network.model import SequenceModel

TABLES = {  # a weight with one row an id, and whose ids they are
    "item_embedding_layer.weight": "items",
    "output_embedding_layer.weight": "items",
    "user_embedding_layer.weight": "users",
}


def save(
    model: SequenceModel,
    dataset: HasSplit,
    path: AnyPath,
    card: dict[str, Any] | None = None,
    histories: bool = True,
) -> Path:
    """Write a model and what its numbers stand for into one file, whole or not at all.

    Args:
        model: SASREC, SSEPT or a `SequenceModel` of your own.
        dataset: that it was trained on. Its ids, titles and other columns go into the file.
        path: of the file; .safetensors is the usual ending.
        card: plain values to be kept with it, such as seed and scores; `read_card` gives them back.
        histories: keep what the users had, too, so that `load` can recommend for them by name.
            False keeps that out of the file.

    Returns the path. Raises ValueError for data of other items or users than the model knows, and
    for a column that cannot be written.
    """
    path, dataset = as_path(path), as_dataset(dataset)
    knows_all(model, dataset, learns=True)
    about = to_arrays(dataset, histories)
    tensors = {**model.state_dict(), **{OURS + n: torch.from_numpy(a) for n, a in about.items()}}
    metadata = {
        "config": json.dumps(model.settings()),
        "card": json.dumps(card or {}),
        "library": __version__,
        "known_users": json.dumps(getattr(model, "known_users", None)),
    }
    write_weights(tensors, path, metadata)
    return path


def load(
    path: AnyPath,
    into: SequenceModel | None = None,
    dataset: SASRecDataSet | None = None,
) -> tuple[Any, Any]:
    """The model of a file that `save` wrote, on the CPU, and its data set. Runs no code of it.

    The data set knows the ids, the titles and, if they were saved, the users' histories: it is what
    `recommend`, `similar_items`, `prepare(log, like=…)` and `grow` take. It is None for a file of
    version 0.1 or 0.2 that has no ids: such a model takes the ids of the first data that it meets.

    Args:
        path: of the file, or the name of a model of `trained_models`.
        into: for a class of your own, a model of it to be filled; SASREC and SSEPT are made anew.
        dataset: put the rows in the order of its items and users, and return it. They must be the
            same ones, in any order.

    Raises:
        FileNotFoundError: no such file. ValueError: not such a file, damaged, or of another model.
        LookupError: the name of a trained model that is not there, or `dataset` has other items or
            users; says how many, and names one.
    """
    place = place_of(path)
    weights, metadata = _read(place)
    about = {
        name.removeprefix(OURS): weights.pop(name)
        for name in list(weights)
        if name.startswith(OURS)
    }
    saved = _saved_dataset(about, weights)
    try:
        settings = json.loads(metadata["config"])
        if into is None:
            into = build_model(config_from_dict(settings), seed=0)
        elif settings["model"] != type(into).__name__:
            raise ValueError(f"it holds a {settings['model']}, not a {type(into).__name__}")
        if dataset is not None and saved is not None:
            _place(place.stem, weights, saved, dataset)
        refuse_misfits(weights, into)
        into.load_state_dict(weights)
    except LookupError as error:
        if isinstance(error, KeyError):
            raise _not_ours(place, error) from error
        raise
    except Exception as error:
        raise _not_ours(place, error) from error
    known_users = json.loads(metadata.get("known_users", "null"))
    if known_users is not None:
        into.known_users = known_users
    met = saved if dataset is None else dataset
    if met is not None:
        knows_all(into, met)
    return into.eval(), met


def read_card(path: AnyPath) -> dict[str, Any]:
    """The card that `save` was given, and the library's version. Raises as `load`."""
    _, metadata = _read(place_of(path))
    return {**json.loads(metadata.get("card", "{}")), "library": metadata.get("library", "0.1")}


def _not_ours(place: Path, error: Exception) -> ValueError:
    return ValueError(f"{place.name} is not a model that save wrote: {error}")


def _read(place: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors and texts of a file. Raises ValueError for one that is not as it was written."""
    card = place.with_suffix(".json")
    if card.is_file():
        expected = card_of(card).get("sha256")
        if expected not in (None, sha256(place.read_bytes()).hexdigest()):
            raise ValueError(
                f"{place.name} is damaged, or not the file that {card.name} was written for: its "
                "SHA-256 is another one. Fetch the two again"
            )
    try:
        tensors, metadata = read_tensors(place)
        json.loads(metadata["config"])
    except Exception as error:  # damaged bytes can raise nearly anything
        raise _not_ours(place, error) from error
    return tensors, metadata


def _saved_dataset(about: dict[str, Tensor], weights: dict[str, Tensor]) -> SASRecDataSet | None:
    """What a file says of items and users; None for one of 0.1 or 0.2 that says nothing."""
    if about:
        return from_arrays({name: tensor.numpy() for name, tensor in about.items()})
    raw = {kind: weights.pop(f"raw_{kind}_ids", None) for kind in ("item", "user")}  # of 0.1, 0.2
    if raw["item"] is None:
        return None
    users = np.empty(0, dtype=np.int64) if raw["user"] is None else raw["user"].numpy()
    return SASRecDataSet.of_split(
        nobodys_histories(len(users)),
        len(raw["item"]),
        untitled(raw["item"].numpy()),
        from_1(users),
        "item",
    )


def _place(
    name: str, weights: dict[str, Tensor], saved: SASRecDataSet, here: SASRecDataSet
) -> None:
    """Put the rows of tables, (1+I, D) and (1+U, D), where a data set has their ids."""
    there, wanted = saved.vocabulary, here.vocabulary
    rows = {"items": _rows(name, there.items, wanted.items)}
    if "user_embedding_layer.weight" in weights:
        rows["users"] = _rows(name, there.users, wanted.users)
    for key, kind in TABLES.items():
        if key in weights:
            beyond = np.arange(len(rows[kind]), len(weights[key]))  # nobody's: they stay
            weights[key] = weights[key][np.concatenate([rows[kind], beyond])]


def _rows(name: str, known: RawIds, here: RawIds) -> np.ndarray:
    """(1+N,) the model's row of each number of a data set, row 0 the padding.

    All must be there, and no others: which items can be recommended, and the mean user that a
    stranger gets, would change with who is left.
    """
    raw, ours = (pd.Index(ids.by_number()[1:]) for ids in (known, here))
    rows = raw.get_indexer(ours)
    unknown, lacking = ours[rows < 0], raw.difference(ours, sort=False)
    if len(unknown) or len(lacking):
        kind = here.name
        said = [f"{name!r} was trained on {len(raw):,} {kind}s; this data set has {len(ours):,}"]
        if len(unknown):
            new = f"{len(unknown):,}, such as {unknown.tolist()[0]!r}"
            said.append(f"of which the model does not know {new}")
        if len(lacking):
            said.append(f"and lacks {len(lacking):,}, such as {lacking.tolist()[0]!r}")
        raise LookupError(
            ", ".join(said) + ". The data set must be prepared from the same log, by the same rules"
        )
    return np.concatenate([[0], rows + 1])
