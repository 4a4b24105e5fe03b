"""A trained model to look at, on any data: one of ours, or one that is trained at once."""

from __future__ import annotations

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.own_log import Log
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.models.saved import load
from seqrec_lib.models.trained import SAMPLE_MODEL
from seqrec_lib.training.assembly import steps_an_epoch
from seqrec_lib.training.sampling import WarpSampler

_STEPS, _EPOCHS, _BATCH = 1500, 60, 128  # at most, of a model that is trained at once


def example_model(data: Log, dataset: SASRecDataSet) -> SASREC:
    """A trained SASRec for a notebook's data: shipped with the series for MovieLens 1M and the
    built-in sample, trained here, in about a minute, for anything else.

    data: what `load_for_notebook` gave. dataset: what `prepare` made of it.

    Prints what it trains. Raises LookupError where the shipped weights are not there.
    """
    if data.is_known:
        model: SASREC
        model, _ = load(SAMPLE_MODEL if data.is_sample else "sasrec-ml-1m", dataset=dataset)
        return model
    epochs = max(1, min(_EPOCHS, _STEPS // steps_an_epoch(dataset, _BATCH)))
    print(f"No trained model of {data.name} is shipped: training one, {epochs} epochs.")
    model = SASREC(dataset.itemnum, seq_max_len=50, embedding_dim=32, dropout_rate=0.3, seed=1)
    sampler = WarpSampler(dataset.train, dataset.usernum, dataset.itemnum, _BATCH, 50, seed=1)
    model.train_model(
        dataset, sampler, epochs, val_epoch=max(1, epochs // 6), learning_rate=0.005,
        loss="cross-entropy", seed=1, verbose=False,
    )  # fmt: skip
    return model
