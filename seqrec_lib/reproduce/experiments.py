"""What was asked beyond the papers, run and found: one line an experiment."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from seqrec_lib.reproduce.pairs import difference
from seqrec_lib.reproduce.questions import QUESTIONS
from seqrec_lib.reproduce.recipe import SHOWN_AS, Recipe
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER, recorded_runs
from seqrec_lib.reproduce.tables import find_recipes

_COLUMNS = ["question", "answer", "row", "dataset", "seeds", "wanted", "ndcg", "full_ndcg"]
_COLUMNS += ["beside", "difference", "low", "high", "full_difference", "full_low", "full_high"]


def experiments(results: str | Path = RESULTS_FOLDER) -> pd.DataFrame:
    """The runs that answer questions of our own, in the order of the questions.

    Returns:
        A table with the columns question; answer: in words, "" while runs are missing;
        row, dataset: names; seeds, wanted: how many are recorded, and how many were asked for;
        ndcg: NDCG@10 among 100 negatives, the mean over their draws and over seeds; full_ndcg:
        among all items; beside: the row that it is set against, or "";
        difference, low, high: of NDCG@10 to that row, user by user, the mean over all recorded
        seeds, with a 95% interval over users; full_difference, full_low, full_high: the same among
        all items. NaN where nothing is recorded.
    """
    place = Path(results)
    lines = []
    for question in QUESTIONS:
        for recipe in question.recipes:
            runs = recorded_runs(recipe, place)
            line = {
                "question": question.asks,
                "answer": question.answer,
                "row": recipe.row,
                "dataset": SHOWN_AS.get(recipe.dataset, recipe.dataset),
                "seeds": len(runs),
                "wanted": 1 if recipe.baseline else len({*question.seeds, *runs["seed"]}),
                "beside": recipe.beside[1] if recipe.beside else "",
            }
            if len(runs):
                line |= {"ndcg": runs["mean_ndcg"].mean(), "full_ndcg": runs["full_ndcg"].mean()}
                line |= _beside(recipe, place)
            lines.append(line)
    return pd.DataFrame(lines, columns=_COLUMNS)


def _beside(recipe: Recipe, results: Path) -> dict[str, float]:
    """The differences to the row that it is set against."""
    if not recipe.beside:
        return {}
    (other,) = find_recipes(recipe.beside[0], [recipe.beside[1]])
    found: dict[str, float] = {}
    for protocol, first in (("sampled", ""), ("full", "full_")):
        triple = difference(recipe, other, protocol, results)
        if triple is not None:
            names = (f"{first}difference", f"{first}low", f"{first}high")
            found |= dict(zip(names, triple, strict=True))
    return found
