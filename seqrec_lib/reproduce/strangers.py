"""What it costs SSE-PT that a user is new: `python -m seqrec_lib.reproduce.strangers`.

Trains SSE-PT on MovieLens 1M for some epochs, then ranks every user's test film twice: once knowing
who the user is, once with the mean user embedding that new users get.
"""

from __future__ import annotations

import argparse

from seqrec_lib.data.loading import load_dataset
from seqrec_lib.evaluation.metrics import compare
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.evaluation.recommendation import Strangers
from seqrec_lib.models.recommenders import SSEPT
from seqrec_lib.reproduce.lines import CANDIDATE_SEED
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sse import SSE


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m seqrec_lib.reproduce.strangers", description=__doc__
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--replaced", type=float, default=0.92, help="SSE: p_u of the users")
    chosen = parser.parse_args(arguments)
    dataset = load_dataset("ml-1m")
    model = SSEPT(
        dataset.itemnum,
        50,
        embedding_dim=50,
        dropout_rate=0.2,
        user_num=dataset.usernum,
        seed=1,
    )
    sampler = WarpSampler(dataset.train, dataset.usernum, dataset.itemnum, 128, 50, seed=1)
    model.train_model(
        dataset,
        sampler,
        chosen.epochs,
        128,
        0.003,
        loss="cross-entropy",
        sse=SSE(user=chosen.replaced),
        seed=1,
    )
    for name, ranks in (
        ("100 negatives", lambda m: sampled_ranks(m, dataset, seed=CANDIDATE_SEED)),
        ("all films", lambda m: full_ranks(m, dataset)),
    ):
        row = compare(ranks(model), ranks(Strangers(model)), "NDCG@10").iloc[0]
        print(
            f"NDCG@10, {name}: known {row['a']:.4f}, stranger {row['b']:.4f}, "
            f"difference {row['difference']:.4f} ({row['low']:.4f} to {row['high']:.4f}), "
            f"p {row['p_value']:.4f}"
        )


if __name__ == "__main__":
    main()
