"""The two protocols in use: the target among sampled items, and among all items.

Who competes with the target changes published numbers more than most models do. Each protocol
is one call and returns `Ranks`, so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.checks import finite_scores, positive
from seqrec_lib.common.distributed import current
from seqrec_lib.common.memory import says_what_to_lower
from seqrec_lib.common.vocabulary import knows_all
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.data.unseen import Complement
from seqrec_lib.evaluation.candidates import Candidates, sampled_candidates
from seqrec_lib.evaluation.ranks import Ranks, Scorer, counted
from seqrec_lib.evaluation.scoring import score_histories
from seqrec_lib.evaluation.targets import said_of_targets, with_competitors

_SCORES_AT_ONCE = 2**25  # 128 MiB of float32
_HISTORY: dict[bool | str, str] = {  # for the protocol, by exclude_seen
    True: "left out",
    False: "competes",
    "training": "its training items left out",
}


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

    def rank(rows: Tensor, users: Tensor) -> tuple[Tensor, ...]:
        scores, *_ = score_histories(scorer, histories, users, candidates.items[rows])
        return counted(scores, 0)

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
    exclude_seen: bool = True,
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
        num_negatives, seed, exclude_seen: see `sampled_candidates`.
        batch_size: users scored at once.
    """
    dataset = as_dataset(dataset)
    candidates = sampled_candidates(dataset, split, num_negatives, seed, exclude_seen=exclude_seen)
    return candidate_ranks(scorer, dataset, candidates, batch_size)


def full_ranks(
    scorer: Scorer,
    dataset: HasSplit,
    split: str = "test",
    exclude_seen: bool | str = True,
    batch_size: int = 256,
) -> Ranks:
    """Rank every user's target among all items.

    Args:
        split: see `sampled_ranks`.
        exclude_seen: leave out what is in the user's history (everything before the target). The
            target competes even where the history holds it. "training" leaves out the training
            items alone: what stays is what `sampled_candidates` draws from. False lets all compete:
            for data where users come back to the same items, see `PersonalPopularity`.
        batch_size: users scored at once; fewer where the items are so many that the scores would
            take more than 128 MiB.
    """
    if exclude_seen not in (True, False, "training"):
        raise ValueError(f"exclude_seen={exclude_seen!r} must be True, False or 'training'")
    dataset = as_dataset(dataset)
    knows_all(scorer, dataset)
    histories = dataset.history(split)
    left_out = dataset.train if exclude_seen == "training" else histories
    targets = torch.from_numpy(dataset.targets(split))
    users, without = targets.nonzero().squeeze(1), dict[str, str]()
    if exclude_seen:
        before = Complement(left_out, dataset.itemnum, also=[targets.numpy()])
        users, without = with_competitors(users, before.count(users), dataset.vocabulary.users)
    most = max(1, _SCORES_AT_ONCE // (scorer.item_num + 1))
    batch_size = min(positive("batch_size", batch_size), most)

    def rank(rows: Tensor, users: Tensor) -> tuple[Tensor, ...]:
        asked = [targets[users]]
        if exclude_seen == "training":
            asked.append(torch.from_numpy(left_out.padded(users.numpy())))
        scores, shown, there = score_histories(scorer, histories, users, beside=asked)
        target, shown = there[0], there[-1] if len(there) > 1 else shown
        # padding is no item: put there the target, which competes whatever is said
        seen = torch.where(shown == 0, target.unsqueeze(1), shown) - 1
        columns = scores[:, 1 : dataset.itemnum + 1]  # (B, I), column i is item i + 1
        return counted(columns, target - 1, seen if exclude_seen else None)

    better, tied = _in_batches(histories, users, rank, batch_size)
    among = np.full(len(better), dataset.itemnum)
    if exclude_seen:
        among = before.count(users).numpy() + 1
    protocol = {
        "protocol": "full",
        "split": split,
        "history": _HISTORY[exclude_seen],
        "ties": "random order",
        **said_of_targets(dataset, split, bool(exclude_seen)),
        **without,
    }
    return Ranks(users.numpy(), better, tied, among, protocol)


def _in_batches(
    histories: Sequences,
    users: Tensor,
    rank: Callable[[Tensor, Tensor], tuple[Tensor, ...]],
    batch_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Call rank(rows, users[rows]), which is `ranks.counted`, for users of similar history length.

    Users sorted by length need little padding; the longest come first, so that what does not fit
    into memory fails at once and not at the end. Several processes take every other batch each.
    The counts stay where they are until all are made: the host waits for a GPU once.
    """
    batch_size = positive("batch_size", batch_size)
    lengths = torch.from_numpy(histories.lengths)[users]
    world = current()
    order = lengths.argsort(descending=True, stable=True).split(batch_size)
    order = order[world.rank :: world.size]
    advice = says_what_to_lower(
        "scoring users", "halve it (in `evaluate`: eval_batch_size)", batch_size=batch_size
    )
    with torch.no_grad(), advice:
        parts = [torch.stack(rank(rows, users[rows])) for rows in order]  # each (3, B)
    better, tied = torch.zeros(2, len(users), dtype=torch.int64)
    if parts:  # with more processes than batches, some have none
        rows, (*counts, fault) = torch.cat(order), torch.cat(parts, dim=1).cpu()
        finite_scores(fault, users[rows], histories.user_ids)
        better[rows], tied[rows] = counts
    world.all_reduce_([better, tied])
    return better.numpy(), tied.numpy()
