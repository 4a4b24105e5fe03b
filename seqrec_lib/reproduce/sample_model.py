"""The built-in sample's own trained model: `python -m seqrec_lib.reproduce.sample_model`.

It is what recommends in notebook 00 where there is no MovieLens: small, and trained in a minute.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any

import torch

from seqrec_lib.common.provenance import commit
from seqrec_lib.common.version import __version__
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.evaluation.metrics import summarise
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.models.trained import FOLDER, SAMPLE_COMMAND, SAMPLE_MODEL
from seqrec_lib.reproduce.lines import CANDIDATE_SEED
from seqrec_lib.reproduce.publish import write_published
from seqrec_lib.training.sampling import WarpSampler

SEED = 1
MODEL: dict[str, Any] = {"seq_max_len": 50, "embedding_dim": 32, "dropout_rate": 0.3}
TRAINING: dict[str, Any] = {"loss": "cross-entropy", "learning_rate": 0.005}
EPOCHS, VALIDATED_EVERY = 60, 5


def trained(dataset: SASRecDataSet, epochs: int = EPOCHS) -> tuple[SASREC, dict[str, Any]]:
    """The model at its best epoch by validation, and its card."""
    model = SASREC(dataset.itemnum, seed=SEED, **MODEL)
    sampler = WarpSampler(
        dataset.train, dataset.usernum, dataset.itemnum, 128, MODEL["seq_max_len"], seed=SEED
    )
    log = model.train_model(
        dataset, sampler, epochs, val_epoch=VALIDATED_EVERY, seed=SEED, **TRAINING
    )
    best = log["val_ndcg"].index(max(log["val_ndcg"]))
    scores = {}
    for protocol, ranks in (
        ("sampled", sampled_ranks(model, dataset, seed=CANDIDATE_SEED)),
        ("full", full_ranks(model, dataset)),
    ):
        values = summarise(ranks, ks=(10,), resamples=1)["value"]
        for metric in ("ndcg", "hr"):
            scores[f"{protocol}_{metric}"] = round(float(values[f"{metric.upper()}@10"]), 5)
    card = {
        "dataset": "sample",
        "films": dataset.itemnum,
        "users": dataset.usernum,
        "seed": SEED,
        "epochs": epochs,
        "best_epoch": VALIDATED_EVERY * (best + 1),
        "chosen_by": f"validation NDCG@10 among 100 sampled negatives, every {VALIDATED_EVERY} "
        "epochs",
        "training": str(TRAINING),
        "scores": scores,
        "scored_on": "the test items: @10, among 100 sampled negatives and among all items",
        "command": SAMPLE_COMMAND,
        "library": __version__,
        "torch": torch.__version__,
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
    }
    return model, card


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=SAMPLE_COMMAND, description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: data/checkpoints")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    dataset = load_dataset("sample")
    model, card = trained(dataset, chosen.epochs)
    place = write_published(model, dataset, SAMPLE_MODEL, card, chosen.folder)
    print(f"{place.name}, {place.stat().st_size / 1e6:.1f} MB, {card['scores']}")


if __name__ == "__main__":
    main()
