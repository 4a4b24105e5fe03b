"""The exercises of lesson 06, Evaluation pitfalls: ranks, ties, protocols, luck, and leaks."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import ItemKNN
from seqrec_lib.evaluation.candidates import Candidates
from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.ranking import candidate_ranks
from seqrec_lib.evaluation.ranks import Ranks
from seqrec_lib.exercises.asking import Exercise, hint, hint_if, near, numbers, recognise


def ranks_and_ndcg(answer: Any) -> None:
    """The ranks for an NDCG of 0.5 and of 0.25, and the mean NDCG@10 of half first, half 11th."""
    half, quarter, mean = numbers(answer, 3)
    right = [2 ** (1 / x) - 1 for x in (0.5, 0.25)]
    recognise(half, {"off by one: the formula has the logarithm of rank *plus one*": right[0] + 1,
                     "it isn't 1 / rank: the logarithm is to base 2": 2}, 1e-9)  # fmt: skip
    hint_if(half != right[0], "the first rank isn't right: solve 1 / log2(rank + 1) = 0.5")
    hint_if(quarter == right[1] + 1, "off by one, in the second rank")
    hint_if(quarter != right[1], "the second rank isn't right: which power of 2 is rank + 1?")
    beyond = (1 + 1 / np.log2(12)) / 2
    hint_if(near(mean, beyond, 0.01), "at 10 the list ends: what is a target at rank 11 worth?")
    hint_if(not near(mean, 0.5), "the mean isn't right: what's each half worth, at most ten deep?")


RULES = ("for the target", "fair", "against it")


def by_rule(
    dataset: SASRecDataSet, candidates: Candidates, neighbours: int, metric: str = "HR@10"
) -> list[float]:
    """A metric of item-kNN by the three rules for ties."""
    r = candidate_ranks(ItemKNN(dataset, neighbours=neighbours), dataset, candidates)
    none = np.zeros_like(r.tied)
    three = (
        Ranks(r.users, r.better, none, r.candidates),
        r,
        Ranks(r.users, r.better + r.tied, none, r.candidates),
    )
    return [float(user_values(x, metric).mean()) for x in three]


def ties_of_neighbours(answer: Any, dataset: SASRecDataSet, candidates: Candidates) -> None:
    """HR@10 by three rules for ties, of item-kNN with 20 neighbours, among the candidates."""
    found, given = numbers(answer, 3), (dataset, candidates)

    def are(values: list[float]) -> bool:
        return bool(np.allclose(found, values, atol=6e-4))

    right = by_rule(*given, 20)
    if are(right):
        return
    hint_if(are(right[::-1]), "swapped: for the target comes first, against it last")
    hint_if(are(by_rule(*given, 20, "NDCG@10")), "that's NDCG@10, as in section 4; HR@10, please")
    hint_if(are(by_rule(*given, 10)), "those are ten neighbours, as in section 4; take twenty")
    hint_if(are(by_rule(*given, 100)), "those are a hundred neighbours; take twenty")
    for rule, value, ours in zip(RULES, found, right, strict=True):
        text = f'"{rule}" isn\'t right: is a tied film worse, better, or a coin tossed?'
        hint_if(not near(value, ours, at_least=6e-4), text)


def a_tenth(answer: Any, among_100: Ranks, among_all: Ranks) -> None:
    """The k for which HR@k among all is nearest to HR@10 among 100, of one model."""
    (k,) = numbers(answer, 1)
    films = int(np.median(among_all.candidates))
    hint_if(k < 1 or k > films or k != int(k), f"k is a whole number, from 1 to {films}")
    goal = float(user_values(among_100, "HR@10").mean())

    def away(k: float) -> float:
        hits = user_values(among_all, f"HR@{max(1, min(films, round(k)))}").mean()
        return float(hits) - goal

    here = away(k)
    if abs(here) < 0.02 or abs(here) <= min(abs(away(k / 1.6)), abs(away(k * 1.6))):
        return
    hint_if(k == 10, "ten among all films is a far harder question: try larger k, and compare")
    size = "larger" if here < 0 else "smaller"
    hint(f"HR@{int(k)} among all is {'below' if here < 0 else 'above'} the sampled HR@10, and "
         f"{size} k come nearer")  # fmt: skip


def looking_often(answer: Any) -> None:
    """How often equal models differ "significantly", in one look, and if one looks often."""
    once, often = numbers(answer, 2)
    hint_if(max(once, often) > 1, "give shares, from 0 to 1")
    hint_if(once > often, "swapped? Who looks often finds at least as much as who looks once")
    far = not 0.02 <= once <= 0.09
    hint_if(near(once, 1 - 0.05, 0.03), "that's how often p is *not* below 0.05")
    hint_if(far, "one planned look should be wrong about as often as it promises: are the halves "
            "drawn anew each time, from one model's users, without a user in both?")  # fmt: skip
    hint_if(often < 1.3 * once, "looking often should find more: is the test made anew after every "
            "hundred users, with all users so far, and one hit enough?")  # fmt: skip
    hint_if(
        often > 0.6, "that's too often: do the looks use the *same* users, a hundred more each?"
    )


def leak_or_sitting(answer: Any, timed: SASRecDataSet) -> None:
    """A data set trained as `timed`, which asks for each user's last film."""
    if not isinstance(answer, SASRecDataSet):
        hint("give the data set that `sl.SASRecDataSet.from_split` made")
    targets, before = answer.targets("test"), timed.targets("test")
    tested = np.flatnonzero((before > 0) & (timed.train.lengths > 0))
    asked = np.flatnonzero(targets)
    hint_if(not np.isin(asked, np.flatnonzero(before)).all(), "it tests users who don't come back "
            "after the moment")  # fmt: skip
    hint_if(not np.isin(tested, asked).all(), "some users who could be tested aren't")
    users = tested.tolist()
    same = all(np.array_equal(answer.train[u], timed.train[u]) for u in users)
    hint_if(not same, "training must stay as in section 8: only films from before the moment")
    last = np.array([timed.sequences[u][-1] for u in users])
    first_kept = (targets[tested] == before[tested]).all() and (before[tested] != last).any()
    hint_if(first_kept, "it still asks for the first film after the moment")
    hint_if((targets[tested] != last).any(), "for some users that isn't their last film")
    until = answer.train.lengths + answer.held_out("valid")  # what a model is shown
    for user in users:
        shown = answer.sequences[user][: until[user]].tolist()
        history = timed.sequences[user].tolist()
        text = "the test film is in the input, too: the model can see what it's asked for"
        hint_if(shown == history, text)
        text = "the input stops too early: show the whole history before the last film"
        hint_if(len(shown) < len(history) - 1, text)
        hint_if(shown != history[:-1], "the input isn't the history before the last film, in order")


EXERCISES = {
    "06.1": Exercise("(rank for 0.5, rank for 0.25, the mean NDCG@10)", ranks_and_ndcg),
    "06.2": Exercise("(for the target, fair, against it), HR@10", ties_of_neighbours),
    "06.3": Exercise("the nearest k, of the Markov chain", a_tenth),
    "06.4": Exercise("(share in one look, share in many looks)", looking_often),
    "06.5": Exercise("the data set that asks for each user's last film", leak_or_sitting),
}
