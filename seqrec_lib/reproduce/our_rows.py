"""Rows that no paper prints as we run them: losses, and baselines without gradients."""

from __future__ import annotations

from seqrec_lib.reproduce.recipe import PRINTED_AS, Recipe
from seqrec_lib.reproduce.sasrec_rows import sasrec_model
from seqrec_lib.reproduce.ssept_rows import RELEASED_ITEMS
from seqrec_lib.training.losses import BCE, GBCE, CrossEntropy, Loss, SampledSoftmax


def _losses() -> list[Recipe]:
    losses: list[tuple[Loss, int]]
    losses = [(BCE(), 200), (CrossEntropy(), 60), (GBCE(), 60), (SampledSoftmax(), 60)]
    # 60 epochs at 0.001 leave cross-entropy still rising at n = 200
    quicker = Recipe(
        "losses",
        "cross-entropy n=200 lr=0.002",
        "ml-1m",
        sasrec_model("ml-1m"),
        CrossEntropy(),
        learning_rate=0.002,
        epochs=100,
    )
    # How far SASRec comes among all films: 256 negatives, the width of gSASRec, and films replaced
    # as for SSE-SASRec. A trial of 60 epochs, looked at by validation only, was still rising.
    best = Recipe(
        "losses",
        "sampled-softmax n=200 d=128 sse",
        "ml-1m",
        sasrec_model("ml-1m", embedding_dim=128),
        SampledSoftmax(),
        sse=RELEASED_ITEMS,
        schedule={80: 0.0003},
        epochs=100,
    )
    return [quicker, best] + [
        Recipe("losses", f"{loss.name} n={n}", "ml-1m", model, loss, epochs=epochs)
        for n in (50, 200)
        for model in [sasrec_model("ml-1m", seq_max_len=n)]
        for loss, epochs in losses
    ]


def _baselines() -> list[Recipe]:
    # The paper's FMC is a factorised chain, another model than the counted one here
    return [
        Recipe(
            "baselines",
            f"{name} {baseline}",
            name,
            epochs=0,
            cell=("SASRec", "III", shown, model, "") if model else None,
            beside=("III", name),
            baseline=baseline,
        )
        for name, shown in PRINTED_AS.items()
        for baseline, model in (("popularity", "PopRec"), ("markov-chain", None))
    ]


OUR_ROWS = [*_losses(), *_baselines()]
