"""Who competes with the target by the sampled protocol: drawn once, ranked by many models."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.checks import positive
from seqrec_lib.common.randomness import make_generator
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.unseen import Complement
from seqrec_lib.data.weighted import WeightedComplement
from seqrec_lib.evaluation.targets import said_of_targets, with_competitors

_RELEASED_USERS = 10_000  # the papers' code evaluates no more
_USERS_AT_ONCE = 2**14  # for which negatives are drawn
_NOT_AS_RELEASED = (
    "as_released is the authors' rule, which repeats negatives, draws them uniformly and may draw "
    "the validation item: drop as_released, or exclude_valid, "
    "replace=False, popularity_weighted and exclude_seen=False"
)


@dataclass(frozen=True)
class Candidates:
    """Who competes for each user: column 0 is the target, then the negatives.

    Attributes:
        users: int64 (U,), rising.
        items: int64 (U, 1 + K).
        protocol: the settings they were drawn with.
    """

    users: Tensor
    items: Tensor
    protocol: dict[str, Any]


def sampled_candidates(
    dataset: HasSplit,
    split: str = "test",
    num_negatives: int = 100,
    seed: int = 0,
    exclude_valid: bool = False,
    replace: bool = True,
    popularity_weighted: bool = False,
    as_released: bool = False,
    exclude_seen: bool = True,
) -> Candidates:
    """Draw the candidates of the sampled protocol (SASRec, section IV-B; SSE-PT, section 4).

    Negatives are drawn from the items that the user does not have in training, and are never the
    target. The same seed gives the same candidates, whatever model is scored later.

    Args:
        split: "test" or "valid". num_negatives: K.
        exclude_valid: at test time, do not draw validation items, which the papers may draw.
        replace: False: no negative comes twice for a user.
        popularity_weighted: draw by how often an item occurs in training, if it does.
        exclude_seen: False: training items may be drawn, too; see `PersonalPopularity`.
        as_released: the rule of the authors' code to the letter: draws may hit the target, ties
            count in its favour, and at most 10,000 users are evaluated, drawn at random. The
            options above must have their defaults.

    Raises:
        ValueError: unknown split; contradictory options; a user with too few items left to draw
            from, who is named. A UserWarning says it where users with every item are left out, and
            where there are fewer items than negatives.
    """
    num_negatives = positive("num_negatives", num_negatives)
    _check_options(exclude_valid, replace, popularity_weighted, as_released, exclude_seen)
    dataset, generator = as_dataset(dataset), make_generator(seed, "cpu")
    targets = dataset.targets(split)
    users = _evaluated_users(targets, as_released, generator)
    seen = dataset.history(split) if exclude_valid else dataset.train
    seen = seen if exclude_seen else seen.without_last(seen.lengths)  # of nothing
    excluded = [] if as_released else [targets]
    unseen = _unseen(dataset, seen, excluded, replace, popularity_weighted)
    users, left_out = with_competitors(users, unseen.count(users), dataset.vocabulary.users)
    _say_if_few(unseen.count(users), num_negatives, replace)
    how = {"replace": replace} if isinstance(unseen, WeightedComplement) else {}
    parts = users.split(_USERS_AT_ONCE)
    drawn = [unseen.draw(part, num_negatives, generator, **how) for part in parts]
    items = torch.cat([torch.from_numpy(targets)[users].unsqueeze(1), torch.cat(drawn)], dim=1)
    protocol = {
        "protocol": "sampled",
        "split": split,
        "negatives": num_negatives,
        "drawn": "by popularity" if popularity_weighted else "uniformly",
        "seed": seed,
        "repeats": replace,
        "validation item": "left out" if exclude_valid else "may be drawn",
        "ties": "for the target" if as_released else "random order",
        "as released": as_released,
        **said_of_targets(dataset, split, exclude_seen),
        **left_out,
    } | ({} if exclude_seen else {"history": "may be drawn"})
    return Candidates(users, items, protocol)


def _check_options(
    exclude_valid: bool, replace: bool, weighted: bool, as_released: bool, exclude_seen: bool
) -> None:
    if as_released and (exclude_valid or not replace or weighted or not exclude_seen):
        raise ValueError(_NOT_AS_RELEASED)
    if exclude_valid and not exclude_seen:
        raise ValueError("exclude_valid=True contradicts exclude_seen=False: leave one of them out")


def _say_if_few(counts: Tensor, num_negatives: int, replace: bool) -> None:
    few = float(counts.double().median())
    if replace and few < num_negatives:
        warnings.warn(
            f"{num_negatives} negatives are drawn from {few:.0f} items that a user has not had, so "
            f"each comes {num_negatives / few:.0f} times, and a rank among them says little: rank "
            "all items instead (full_ranks), or give a smaller num_negatives with replace=False",
            UserWarning,
            stacklevel=3,
        )


def _evaluated_users(targets: np.ndarray, as_released: bool, generator: torch.Generator) -> Tensor:
    """int64 (U,): the users with a target; by the authors' rule at most 10,000, drawn."""
    users, usernum = np.flatnonzero(targets), len(targets) - 1
    if as_released and usernum > _RELEASED_USERS:
        some = torch.randperm(usernum, generator=generator)[:_RELEASED_USERS] + 1
        users = np.intersect1d(users, some.numpy())
    return torch.from_numpy(users)


def _unseen(
    dataset: SASRecDataSet,
    seen: Sequences,
    excluded: list[np.ndarray],
    replace: bool,
    popularity_weighted: bool,
) -> Complement:
    """What negatives are drawn from: all but the seen items and, for each user, `excluded`."""
    if replace and not popularity_weighted:
        return Complement(seen, dataset.itemnum, excluded)
    weights = np.ones(dataset.itemnum + 1, dtype=np.int64)
    if popularity_weighted:
        weights = np.bincount(dataset.train.items, minlength=dataset.itemnum + 1)
    return WeightedComplement(seen, dataset.itemnum, weights, excluded)
