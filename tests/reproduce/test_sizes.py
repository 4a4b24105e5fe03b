"""The rows of lesson 12 on small data: each differs from the usual one in one thing."""

import pytest

from seqrec_lib.reproduce.recorded import recorded_curve, recorded_ranks, recorded_table
from seqrec_lib.reproduce.run import flat
from seqrec_lib.reproduce.size_rows import SIZE_ROWS
from seqrec_lib.reproduce.tables import find_recipes
from seqrec_lib.training.losses import CrossEntropy

USERS = {"ml-latest-small": 610, "ml-100k": 943, "games": 30_901}
TRAINED = [recipe for recipe in SIZE_ROWS if not recipe.baseline]
LINES = recorded_table("sizes").to_dict("records")


@pytest.mark.parametrize("recipe", TRAINED, ids=lambda recipe: recipe.row)
def test_one_thing_differs_from_the_usual_row(recipe):
    (usual,) = find_recipes("sizes", [f"{recipe.dataset} cross-entropy"])
    assert usual.loss == CrossEntropy()
    changed = [name for name in usual.model if recipe.model[name] != usual.model[name]]
    changed += ["loss"] * (recipe.loss != usual.loss)
    assert len(changed) == (recipe.row != usual.row)
    alike = ("learning_rate", "schedule", "epochs", "patience", "sse", "dataset")
    assert all(getattr(recipe, name) == getattr(usual, name) for name in alike)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["run"])
def test_a_line_is_what_its_curve_and_ranks_say(line):
    for ranks in recorded_ranks(line["run"], line["dataset"]).values():
        assert len(ranks) == USERS[line["dataset"]]
    if line["epochs"]:
        validation = recorded_curve(line["run"])["val_ndcg"].dropna()
        assert validation.idxmax() == line["best_epoch"]
        assert flat(validation.tolist(), 5), "it had not stopped by itself"
