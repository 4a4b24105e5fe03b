"""The exercises of lesson 00, Start here: lists and baselines."""

from __future__ import annotations

from typing import Any

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import ItemKNN, MarkovChain, Popularity
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.ranking import candidate_ranks, full_ranks
from seqrec_lib.evaluation.ranks import Ranks, Scorer
from seqrec_lib.evaluation.recommendation import recommend
from seqrec_lib.exercises.asking import (
    Exercise,
    Hint,
    hint,
    hint_if,
    near,
    numbers,
    once,
    parts,
    recognise,
)


def reversed_films(answer: Any, model: Scorer, dataset: SASRecDataSet, films: list[Any]) -> None:
    """How many of ten recommendations stay if the history is reversed."""
    (stay,) = numbers(answer, 1)
    one, other = (
        recommend(model, dataset, histories=order)["item"].tolist()
        for order in (list(films), list(films)[::-1])
    )
    right = len(set(one) & set(other))
    if stay == right:
        return
    hint_if(stay not in range(11), "it's a count of films, out of ten")
    hint_if(stay == 10, "all ten? Then perhaps both lists were made from the same order")
    hint_if(stay == 10 - right, "you counted the films that leave; the question is which stay")
    places = sum(a == b for a, b in zip(one, other, strict=True))
    hint_if(stay == places, "a film that only moves to another rank stays, too: compare sets")
    hint("ask for ten with these films and with `films[::-1]`, and intersect the sets of titles")


def one_film_more(answer: Any, model: Scorer, dataset: SASRecDataSet) -> None:
    """A film, and the mean number that stays with it at the end, and at the front."""
    film, *stays = parts(answer, 3)
    end, front = numbers(stays, 2)
    more = _number(dataset, film)
    before = [dataset.sequences[user].tolist() for user in range(1, min(100, dataset.usernum) + 1)]

    def lists(histories: list[list[int]]) -> list[set[int]]:
        answer = recommend(model, dataset, histories=histories, internal=True)
        return list(answer.groupby("history")["item"].agg(set))

    def stay(after: list[list[int]]) -> float:
        pairs = zip(lists(before), lists(after), strict=True)
        return sum(len(a & b) for a, b in pairs) / len(before)

    at_end, at_front = stay([[*h, more] for h in before]), stay([[more, *h] for h in before])
    if near(end, at_end, at_least=0.06) and near(front, at_front, at_least=0.06):
        return
    swapped = near(end, at_front, at_least=0.06) and near(front, at_end, at_least=0.06)
    hint_if(
        swapped, "the two are swapped: a history is oldest first, so the end is the latest film"
    )
    left = near(end, 10 - at_end, at_least=0.06) and near(front, 10 - at_front, at_least=0.06)
    hint_if(left, "you counted the films that leave; count those that stay")
    hint_if(max(end, front) > 10, "a list has ten films: average over users, don't add up")
    hint_if(near(end, front), "the same number twice: is the film really added at both ends?")
    hint("compare each user's list with the film to the same user's list without it")


def _number(dataset: SASRecDataSet, film: Any) -> int:
    try:
        return dataset.item_number(film)
    except ValueError:  # a title as one types it
        try:
            return dataset.item_number(dataset.item_ids([film])[film])
        except ValueError as error:
            raise Hint(str(error)) from error


def too_often(answer: Any, model: Scorer, dataset: SASRecDataSet) -> None:
    """How many different films a model's lists and popularity's lists have."""
    ours, popular = numbers(answer, 2)
    everyone = list(range(1, dataset.usernum + 1))
    right = [
        recommend(scorer, dataset, users=everyone, internal=True)["item"].nunique()
        for scorer in (model, Popularity(dataset))
    ]
    if [ours, popular] == right:
        return
    hint_if([popular, ours] == right, "the two are swapped: the model's count comes first")
    hint_if(max(ours, popular) > dataset.itemnum, "more than there are: count each film once")
    hint_if(popular == 10, "nobody gets what they've seen, so popularity has more than one list")
    hint_if(ours == right[0], "the model's is right. Ask popularity for *every* user's ten, too")
    hint_if(popular == right[1], "popularity's is right. Is the model the shipped one?")
    hint("ask for the lists of all users, ten films each, and count different ids in each table")


def stronger_baselines(answer: Any, dataset: SASRecDataSet) -> None:
    """HR@10 among all films of the Markov chain and of item-kNN."""
    found = numbers(answer, 2)

    def ranked() -> list[tuple[Scorer, Ranks]]:
        models: tuple[Scorer, ...] = (MarkovChain(dataset), ItemKNN(dataset))
        return [(model, full_ranks(model, dataset)) for model in models]

    models, ranks = zip(*once(ranked, "00.5", dataset.fingerprint), strict=True)
    right = [float(user_values(r, "HR@10").mean()) for r in ranks]
    if all(near(a, b, at_least=6e-4) for a, b in zip(found, right, strict=True)):
        return
    swapped = zip(found, right[::-1], strict=True)
    hint_if(all(near(a, b, at_least=6e-4) for a, b in swapped), "swapped: the chain comes first")
    hint_if(max(found) > 1, "a hit rate is a share, from 0 to 1")
    candidates = sampled_candidates(dataset, seed=1)
    for value, r, model, ours in zip(found, ranks, models, right, strict=True):
        if near(value, ours, at_least=6e-4):
            continue
        drawn = user_values(candidate_ranks(model, dataset, candidates), "HR@10").mean()
        mistakes = {
            "that's NDCG@10; section 7 compares hit rates": float(user_values(r, "NDCG@10").mean())
        }
        recognise(value, mistakes, rel=5e-3)
        hint_if(near(value, drawn, rel=0.03), "that's among a hundred drawn films; rank them all")
    hint("rank all films with `sl.full_ranks`, as section 7 does, and take the mean of HR@10")


EXERCISES = {
    "00.1": Exercise("how many of the ten stay", reversed_films),
    "00.2": Exercise(
        "(your film, stay with it at the end, at the front), means over users 1 to 100",
        one_film_more,
    ),
    "00.4": Exercise(
        "(the shipped model's, popularity's), different films in all lists of ten", too_often
    ),
    "00.5": Exercise("(Markov chain's, item-kNN's), HR@10 among all films", stronger_baselines),
}
