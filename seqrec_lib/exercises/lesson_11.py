"""The exercises of lesson 11, What came after SASRec: holes, beliefs, and a model that peeks."""

from __future__ import annotations

from typing import Any

from seqrec_lib.exercises.asking import Exercise, hint, hint_if, near, numbers, parts, recognise
from seqrec_lib.training.sampling import SampledBatch


def more_holes(answer: Any, batch: SampledBatch) -> None:
    """Questions of a batch with 60% hidden, and the share of films that is left to be seen."""
    questions, left = numbers(answer, 2)
    films = (batch.pos != 0).sum(dim=1) + 1  # (B,), the targets and the first input
    films = films.clamp(max=batch.seq.shape[1]).double()  # what the model reads

    def expected(hidden: float) -> float:
        """One history in ten hides its last film alone; one without a hole hides it, too."""
        return float((0.1 + 0.9 * (hidden * films + (1 - hidden) ** films)).sum())

    total = float(films.sum())
    hint_if(left > 1 and left <= 100, "give the share from 0 to 1")
    hint_if(near(left, questions / total, at_least=0.02)
            and not near(left, 1 - questions / total, at_least=0.02), "that's the "
            "share that's hidden; what's left to be seen?")  # fmt: skip
    recognise(questions, {"that's what 20% gives: set `bert.hidden` before you make the batch":
                          expected(0.2),
                          "that's how many films are left; the questions are the holes":
                          total - expected(0.6)}, 0.06)  # fmt: skip
    hint_if(near(questions, total, 0.02), "that's every film; only hidden ones are asked for")
    hint_if(not near(questions, expected(0.6), 0.12), "count the positions that hold `bert.mask` in"
            " what `training_batch` returns")  # fmt: skip
    hint_if(not near(left, 1 - questions / total, at_least=0.02), "the questions are right. What's "
            "left is the share of real films (not padding) that aren't holes")  # fmt: skip


def solve_for_t(answer: Any) -> None:
    """t of gBCE with 64 negatives that believes 10% where 1% is true, on 3,416 films."""
    (t,) = numbers(answer, 1)
    alpha = 64 / 3415

    def solved(p: float, belief: float) -> tuple[float, float]:
        beta = alpha * belief / (1 - belief) * (1 - p) / p
        return beta, (1 - beta) / (1 - alpha)

    beta, right = solved(0.01, 0.1)
    if near(t, right, 1.5e-3):
        return
    recognise(
        t,
        {
            "that's beta; one step more": beta,
            "that's alpha, the share that's drawn": alpha,
            "that's 1 - beta; t is that by 1 - alpha": 1 - beta,
            "the two are swapped: 1% is true, 10% is believed": solved(0.1, 0.01)[1],
            "with t = 1 it would believe the truth": 1.0,
            "odds, not probabilities: p / (1 - p) on both sides": (1 - alpha * 10) / (1 - alpha),
        },
        1.5e-3,
    )
    hint("solve for beta first, and try it: does `believed` give 10%? Then from beta to t")


def peeking(answer: Any) -> None:
    """((loss, validation NDCG@10) of Bidirectional, the same of GRU4Rec), on the sample."""
    one, other = parts(answer, 2)
    peeks, blind = numbers(one, 2), numbers(other, 2)
    hint_if(max(peeks[1], blind[1]) > 1, "the loss comes first, then NDCG@10, which is at most 1")
    hint_if(blind[0] < peeks[0] and blind[1] < peeks[1], "swapped: `Bidirectional` comes first")
    hint_if(peeks[0] > 0.5 * blind[0], "the one that can peek has hardly learned to yet: one block,"
            " no dropout, 20 epochs, targets shifted by one and no holes")  # fmt: skip
    hint_if(peeks[1] >= blind[1], "a low loss by peeking shouldn't help where there's nothing to "
            "its right: is it validated by `sl.fit`, on the validation films?")  # fmt: skip


EXERCISES = {
    "11.1": Exercise("(questions with 60% hidden, share of films left to be seen)", more_holes),
    "11.2": Exercise("t", solve_for_t),
    "11.3": Exercise(
        "((Bidirectional's last loss, its NDCG@10), (GRU4Rec's last loss, its NDCG@10))", peeking
    ),
}
