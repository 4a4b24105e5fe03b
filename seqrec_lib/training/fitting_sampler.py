"""The sampler that fits a run: made where none is given, and compared with the run where one is."""

from __future__ import annotations

import warnings

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.loss_batches import Sampler
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.sampling import WarpSampler


def fitting_sampler(
    sampler: Sampler | None,
    model: SequenceModel,
    dataset: SASRecDataSet,
    options: TrainingOptions,
    seed: int,
) -> Sampler:
    """The sampler as it is, or the one that the run needs: as long as the model, with the batch of
    the options, and negatives only for a loss that has some.

    A UserWarning says where a `WarpSampler` shows the model less than it will see in evaluation, or
    has another batch than the one that the epochs are counted by.
    Raises ValueError for one without negatives and a loss that needs them.
    """
    # a class with a step of its own reads negatives whatever the loss is called
    needed = options.objective.negatives > 0 or getattr(model, "has_own_step", False)
    if sampler is None:
        return WarpSampler(
            dataset.train,
            dataset.usernum,
            dataset.itemnum,
            options.batch_size,
            model.seq_max_len,
            seed=(seed + 2) % 2**63,  # apart from dropout and the losses' negatives
            negatives=needed,
        )
    if not isinstance(sampler, WarpSampler):
        return sampler
    if needed and not sampler.negatives:
        raise ValueError(
            f"the sampler draws no negatives (negatives=False), and loss={options.loss!r} needs "
            "them: leave negatives=False out, or take loss='cross-entropy'"
        )
    longest = int(dataset.train.lengths.max()) - 1
    differs = []
    if sampler.maxlen < min(model.seq_max_len, longest):
        differs.append(
            f"the sampler's maxlen={sampler.maxlen} is below the model's seq_max_len="
            f"{model.seq_max_len}: positions further back are never trained, and evaluation uses "
            f"them; WarpSampler(..., maxlen={model.seq_max_len}) trains all"
        )
    if sampler.batch_size != options.batch_size:
        differs.append(
            f"the sampler's batch_size={sampler.batch_size} is not the run's batch_size="
            f"{options.batch_size}, by which the batches of an epoch are counted; make them equal"
        )
    if differs:
        warnings.warn(
            "; ".join(differs) + ". Without a sampler the right one is made",
            UserWarning,
            stacklevel=5,
        )
    return sampler
