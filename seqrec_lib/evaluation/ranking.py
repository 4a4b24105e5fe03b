"""The two protocols in use: the target among sampled items, and among all items.

Who competes with the target changes published numbers more than most models do. Each protocol
is one call and returns `Ranks`, so that the two can be compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.distributed import current
from seqrec_lib.common.memory import says_what_to_lower
from seqrec_lib.common.vocabulary import knows_all
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.unseen import Complement
from seqrec_lib.data.weighted import WeightedComplement
from seqrec_lib.evaluation.ranks import Ranks, Scorer, rank_of_target
from seqrec_lib.evaluation.scoring import score_histories

_RELEASED_USERS = 10_000  # the papers' code evaluates no more
_SCORES_AT_ONCE = 2**25  # 128 MiB of float32
_USERS_AT_ONCE = 2**14  # for which negatives are drawn
_NOT_AS_RELEASED = (
    "as_released is the authors' rule, which repeats negatives, draws them uniformly and may draw "
    "the validation item: drop as_released, or exclude_valid, replace=False and popularity_weighted"
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
) -> Candidates:
    """Draw the candidates of the sampled protocol (SASRec, section IV-B; SSE-PT, section 4).

    Negatives are drawn from the items that the user does not have in training, and are never the
    target. The same seed gives the same candidates, whatever model is scored later.

    Args:
        split: "test" or "valid". num_negatives: K.
        exclude_valid: at test time, do not draw validation items, which the model is shown in the
            history. The papers may draw them.
        replace: False: no negative comes twice for a user.
        popularity_weighted: draw by how often an item occurs in training. Items that never do are
            not drawn.
        as_released: the rule of the authors' code to the letter: draws may hit the target itself,
            ties count in favour of the target, and at most 10,000 users are evaluated, drawn at
            random. Three options above must have their defaults.

    Raises:
        ValueError: unknown split; options that contradict each other; a user with too few items
            left to draw from, who is named.
    """
    if num_negatives < 1:
        raise ValueError(f"num_negatives must be at least 1, got {num_negatives}")
    if as_released and (exclude_valid or not replace or popularity_weighted):
        raise ValueError(_NOT_AS_RELEASED)
    dataset = as_dataset(dataset)
    targets = dataset.targets(split)
    generator = torch.Generator().manual_seed(seed)
    users = _evaluated_users(targets, as_released, generator)
    excluded = [] if as_released else [targets]
    items = torch.empty(len(users), 1 + num_negatives, dtype=torch.int64)
    items[:, 0] = torch.from_numpy(targets)[users]
    seen = dataset.history(split) if exclude_valid else dataset.train
    draw = _draw_from_unseen(dataset, seen, excluded, replace, popularity_weighted)
    for start in range(0, len(users), _USERS_AT_ONCE):
        part = slice(start, start + _USERS_AT_ONCE)
        items[part, 1:] = draw(users[part], num_negatives, generator)
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
        **_first_of_several(dataset, split),
    }
    return Candidates(users, items, protocol)


def _evaluated_users(targets: np.ndarray, as_released: bool, generator: torch.Generator) -> Tensor:
    """int64 (U,): the users with a target; by the authors' rule at most 10,000, drawn."""
    users, usernum = np.flatnonzero(targets), len(targets) - 1
    if as_released and usernum > _RELEASED_USERS:
        some = torch.randperm(usernum, generator=generator)[:_RELEASED_USERS] + 1
        users = np.intersect1d(users, some.numpy())
    return torch.from_numpy(users)


def _draw_from_unseen(
    dataset: SASRecDataSet,
    seen: Sequences,
    excluded: list[np.ndarray],
    replace: bool,
    popularity_weighted: bool,
) -> Callable[[Tensor, int, torch.Generator], Tensor]:
    """How negatives are drawn: from all but the seen items and, for each user, `excluded`."""
    if replace and not popularity_weighted:
        return Complement(seen, dataset.itemnum, excluded).draw
    weights = np.ones(dataset.itemnum + 1, dtype=np.int64)
    if popularity_weighted:
        weights = np.bincount(dataset.train.items, minlength=dataset.itemnum + 1)
    unseen = WeightedComplement(seen, dataset.itemnum, weights, excluded)
    return partial(unseen.draw, replace=replace)


def candidate_ranks(
    scorer: Scorer,
    dataset: HasSplit,
    candidates: Candidates,
    batch_size: int = 256,
) -> Ranks:
    """Rank the targets among candidates that were drawn before.

    Draw once, rank many: `sampled_ranks` in two steps, for several models or for every epoch.
    """
    dataset = as_dataset(dataset)
    knows_all(scorer, dataset)
    histories = dataset.history(candidates.protocol["split"])

    def rank(rows: Tensor, users: Tensor) -> tuple[Tensor, Tensor]:
        drawn = candidates.items[rows]
        scores, _ = score_histories(scorer, histories, users, drawn)
        return rank_of_target(scores, 0, users)

    better, tied = _in_batches(histories, candidates.users, rank, batch_size)
    if candidates.protocol["as released"]:
        tied = np.zeros_like(tied)
    among = np.full(len(better), candidates.items.shape[1])
    return Ranks(candidates.users.numpy(), better, tied, among, candidates.protocol)


def sampled_ranks(
    scorer: Scorer,
    dataset: HasSplit,
    split: str = "test",
    num_negatives: int = 100,
    seed: int = 0,
    batch_size: int = 256,
) -> Ranks:
    """Rank every user's target among itself and `num_negatives` sampled items.

    The protocol of both papers. The model is shown everything before the target: at test time the
    validation items too. By the usual split, users with at least 3 items have a target. For other
    rules of drawing, and for several models, draw with `sampled_candidates` and rank with
    `candidate_ranks`.

    Args:
        split: "test" or "valid": the part of the data whose first item is the target. The usual
            split has one item in each; where there are several, a UserWarning and `protocol` say
            that only the first is ranked.
        num_negatives, seed: see `sampled_candidates`.
        batch_size: users scored at once.
    """
    dataset = as_dataset(dataset)
    candidates = sampled_candidates(dataset, split, num_negatives, seed)
    return candidate_ranks(scorer, dataset, candidates, batch_size)


def full_ranks(
    scorer: Scorer,
    dataset: HasSplit,
    split: str = "test",
    exclude_seen: bool = True,
    batch_size: int = 256,
) -> Ranks:
    """Rank every user's target among all items.

    Args:
        split: see `sampled_ranks`.
        exclude_seen: leave out what is in the user's history (everything before the target). The
            target competes even where the history holds it.
        batch_size: users scored at once; fewer where the items are so many that the scores would
            take more than 128 MiB.
    """
    dataset = as_dataset(dataset)
    knows_all(scorer, dataset)
    histories = dataset.history(split)
    targets = torch.from_numpy(dataset.targets(split))
    ranked = _first_of_several(dataset, split)
    users = targets.nonzero().squeeze(1)
    batch_size = min(batch_size, max(1, _SCORES_AT_ONCE // (scorer.item_num + 1)))

    def rank(rows: Tensor, users: Tensor) -> tuple[Tensor, Tensor]:
        scores, shown = score_histories(scorer, histories, users)
        target = targets[users].to(scores.device)
        # padding is no item: put there the target, which competes whatever is said
        seen = torch.where(shown == 0, target.unsqueeze(1), shown) - 1
        columns = scores[:, 1 : dataset.itemnum + 1]  # (B, I), column i is item i + 1
        return rank_of_target(columns, target - 1, users, seen if exclude_seen else None)

    better, tied = _in_batches(histories, users, rank, batch_size)
    among = np.full(len(better), dataset.itemnum)
    if exclude_seen:
        before = Complement(histories, dataset.itemnum, also=[targets.numpy()])
        among = before.count(users).numpy() + 1
    protocol = {
        "protocol": "full",
        "split": split,
        "history": "left out" if exclude_seen else "competes",
        "ties": "random order",
        **ranked,
    }
    return Ranks(users.numpy(), better, tied, among, protocol)


def _in_batches(
    histories: Sequences,
    users: Tensor,
    rank: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    batch_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Call rank(rows, users[rows]) for users of similar history length at a time.

    Users sorted by length need little padding; the longest come first, so that what does not fit
    into memory fails at once and not at the end. Several processes take every other batch each.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    lengths = torch.from_numpy(histories.lengths)[users]
    order = lengths.argsort(descending=True, stable=True)
    world = current()
    better, tied = torch.zeros(2, len(users), dtype=torch.int64)
    advice = says_what_to_lower(
        "scoring users", "halve it (in `evaluate`: eval_batch_size)", batch_size=batch_size
    )
    with torch.no_grad(), advice:
        for rows in order.split(batch_size)[world.rank :: world.size]:
            better[rows], tied[rows] = (counts.cpu() for counts in rank(rows, users[rows]))
    world.all_reduce_([better, tied])
    return better.numpy(), tied.numpy()


def _first_of_several(dataset: SASRecDataSet, split: str) -> dict[str, str]:
    """For the protocol: what is ranked where several items are held out; a UserWarning says it."""
    if split in dataset.split_points:
        return {"ranked": f"each user's first item from {dataset.split_points[split]} on"}
    counts = dataset.held_out(split)[dataset.targets(split) > 0]
    most = int(counts.max())
    if most == 1:
        return {}
    several = f"{most}" if counts.min() == most else f"up to {most}"
    item = "test" if split == "test" else "validation"
    warnings.warn(
        f"{several} {item} items are held out for each user; the first of them is ranked, the "
        "others compete with it like any item",
        UserWarning,
        stacklevel=3,
    )
    return {"ranked": f"the first of {several} held-out items"}
