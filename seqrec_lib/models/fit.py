"""Training and evaluation put together, for every model: what neither room can do alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqrec_lib.common.randomness import fresh_seed
from seqrec_lib.data.foreign import HasSplit
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.ranking import sampled_ranks
from seqrec_lib.evaluation.ranks import Scorer
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.assembly import train
from seqrec_lib.training.loss_batches import Sampler
from seqrec_lib.training.options import TrainingOptions


def fit(
    model: SequenceModel,
    dataset: HasSplit,
    sampler: Sampler | None = None,
    validate: Callable[[int], tuple[float, float]] | None = None,
    **options: Any,
) -> dict[str, list[float]]:
    """Train any `SequenceModel`: Adam on batches of the sampler, the best epoch by validation kept.

    Args:
        model, dataset: of the same items (and users).
        sampler: a `WarpSampler`, or whatever has `next_batch`; None makes the one that fits.
        validate: seed → (NDCG@10, HR@10); None ranks the validation items among 100 sampled ones.
        options: the fields of `TrainingOptions`, which says what each one is.

    Returns {"loss": one per epoch, "val_ndcg": …, "val_hr": one per validation}.

    Raises: see `training.assembly.train`; TypeError for an option that does not exist.
    """
    chosen = TrainingOptions(**options)
    if chosen.val_epoch:  # what validation cannot do is said now, not after the first epochs
        sampled_candidates(dataset, "valid", num_negatives=1)

    def by_sampled_ranks(seed: int) -> tuple[float, float]:
        return ndcg_and_hit_rate(model, dataset, "valid", 100, seed, chosen.eval_batch_size)

    return train(model, dataset, sampler, chosen, validate or by_sampled_ranks)


def ndcg_and_hit_rate(
    model: Scorer,
    dataset: HasSplit,
    split: str,
    num_negatives: int,
    seed: int | None,
    batch_size: int,
) -> tuple[float, float]:
    """(NDCG@10, HR@10) of the split's targets, each among sampled items; see `sampled_ranks`."""
    ranks = sampled_ranks(
        model,
        dataset,
        split=split,
        num_negatives=num_negatives,
        seed=fresh_seed() if seed is None else seed,
        batch_size=batch_size,
    )
    ndcg, hit_rate = (float(user_values(ranks, name).mean()) for name in ("NDCG@10", "HR@10"))
    return ndcg, hit_rate
