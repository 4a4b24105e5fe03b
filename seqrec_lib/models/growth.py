"""A model of yesterday with rows for the items and users of today."""

from __future__ import annotations

from typing import Any

import pandas as pd
from torch import Tensor

from seqrec_lib.common.checks import one_of
from seqrec_lib.common.vocabulary import RawIds, knows_all
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.growing import extended
from seqrec_lib.models.files import build_model, config_from_dict
from seqrec_lib.models.saved import TABLES
from seqrec_lib.network.model import SequenceModel


def grow(
    model: SequenceModel,
    dataset: SASRecDataSet,
    events: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    *,
    start: str = "mean",
    seed: int | None = None,
    into: SequenceModel | None = None,
    verbose: bool = True,
) -> tuple[Any, SASRecDataSet]:
    """A larger model and its data set: new items, users and events; train it further on these.

    What the model knows keeps its weights, bit for bit; so do its other parts. The old model and
    the old data set stay as they are. The state of Adam begins anew, and so does a folder of
    checkpoints: one of before is refused, and says which lists differ.

    Args:
        model: trained, or opened by `load`.
        dataset: that it was trained on, or, without events, one that begins with the same users and
            items: `prepare(log, like=dataset)` makes it.
        events: what came since, a table as `prepare` takes it; see `data.growing.extended`.
        items: titles and other columns of new items, indexed by their ids.
        start: of new rows. "mean": the mean of the known ones, so that a new item is neither first
            nor last anywhere, and a new user is a stranger; "fresh": random, as in a new model.
        seed: of fresh rows; None takes one of torch's global generator.
        into: for a class of your own, a new model of it, large enough for the grown data set.
        verbose: print what was kept and what is new.

    Returns (model, data set). Raises ValueError for data that the model was not trained on, and for
    weights of another shape in `into`.
    """
    one_of("start", start, ("mean", "fresh"))
    if events is not None:
        knows_all(model, dataset, learns=True)
    elif model.knows is None:
        raise ValueError(
            "this model has not met any data yet, so there is nothing to keep: give the data set "
            "that it was trained on, and events="
        )
    known = model.knows
    grown = dataset if events is None else extended(dataset, events, items)
    there = grown.vocabulary
    if not there.items.begins_with(known.items) or (
        model.user_num is not None and not there.users.begins_with(known.users)
    ):
        knows_all(model, grown)  # says what differs
    larger = _larger(model, grown, seed) if into is None else into
    knows_all(larger, grown)
    kept = {"items": known.items.count, "users": known.users.count}
    now = {"items": there.items.count, "users": there.users.count}
    larger.load_state_dict(_carried(model, larger, kept, now, start))
    if hasattr(larger, "known_users"):
        setattr(larger, "known_users", there.users.count)  # noqa: B010
    if verbose:
        for old, new in ((known.items, there.items), (known.users, there.users)):
            if new.name != "user" or model.user_num is not None:
                print(_said(old, new, start))
    return larger.to(model.device).train(model.training), grown


def _larger(model: SequenceModel, grown: SASRecDataSet, seed: int | None) -> SequenceModel:
    settings = model.settings()
    settings["item_num"] = max(model.item_num, grown.itemnum)
    if model.user_num is not None:
        settings["user_num"] = max(model.user_num, grown.usernum)
    return build_model(config_from_dict(settings), seed)


def _carried(
    model: SequenceModel,
    larger: SequenceModel,
    kept: dict[str, int],
    now: dict[str, int],
    start: str,
) -> dict[str, Tensor]:
    """The weights of `larger`: known rows and all other parts of the old model, new rows."""
    old, weights = model.state_dict(), larger.state_dict()
    for name, weight in weights.items():
        before = old[name].to(weight.device)
        kind = TABLES.get(name) or _kind(name, model, before, larger, weight)
        if kind is None:
            weights[name] = before.clone()
            continue
        rows = weight.clone()
        rows[: 1 + kept[kind]] = before[: 1 + kept[kind]]
        size = {"items": model.item_num, "users": model.user_num or 0}[kind]
        if behind := len(before) - 1 - size:  # such as the row of a mask
            rows[-behind:] = before[-behind:]
        if start == "mean":
            new = slice(1 + kept[kind], 1 + now[kind])
            rows[new] = before[1 : 1 + kept[kind]].mean(dim=0)
        weights[name] = rows
    return weights


def _kind(
    name: str, model: SequenceModel, before: Tensor, larger: SequenceModel, weight: Tensor
) -> str | None:
    """Whose rows a weight of somebody's class has: "items", "users", or None, as its shape stays.

    Raises ValueError for a shape that is neither.
    """
    if before.shape == weight.shape:
        return None
    sizes = [("items", model.item_num, larger.item_num)]
    if model.user_num is not None and larger.user_num is not None:
        sizes.append(("users", model.user_num, larger.user_num))
    more = len(weight) - len(before)
    fits = [kind for kind, old, new in sizes if new - old == more and len(before) > old]
    if not fits or before.shape[1:] != weight.shape[1:]:
        raise ValueError(
            f"{name} has the shape {tuple(before.shape)} in the model and {tuple(weight.shape)} in "
            "into=: build it like the model, with more items and users"
        )
    return "users" if len(fits) == 2 and "user" in name else fits[0]


def _said(old: RawIds, new: RawIds, start: str) -> str:
    more = new.count - old.count
    said = f"{old.count:,} {new.name}s keep their weights, {more:,} are new"
    if not more:
        return said
    first = new.examples(range(old.count + 1, new.count + 1))
    how = "the mean of those known" if start == "mean" else "random, as in a new model"
    return f"{said} ({first}{', …' if more > 3 else ''}): {how}"
