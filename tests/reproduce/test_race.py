"""The race of lesson 11: its rows train the classes of the lesson's own cells."""

import hashlib
import json
from dataclasses import replace

import pytest
import tiny
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.reproduce import own_models
from seqrec_lib.reproduce.building import build_recipe
from seqrec_lib.reproduce.comparison import compare_with_paper
from seqrec_lib.reproduce.planning import plan_runs
from seqrec_lib.reproduce.recorded import recorded_ranks, recorded_table
from seqrec_lib.reproduce.run import run_recipe
from seqrec_lib.reproduce.tables import find_recipes

T, D, ITEMS = 10, 8, tiny.ITEMS
OWN = ["gru4rec", "bert4rec", "esasrec", "hstu"]


def timed():
    """The tiny data set with a time for each item, some of them equal."""
    known = tiny.dataset(users=40).sequences
    times = (torch.arange(len(known.items)) // 2).numpy()
    return SASRecDataSet.from_sequences(Sequences(known.items, known.starts, times), ITEMS)


DATA = timed()


def small(place, name):
    """A row with a small model."""
    (recipe,) = find_recipes("race", [f"{place} {name}"])
    return replace(recipe, model=recipe.model | {"seq_max_len": T, "embedding_dim": D})


def test_a_row_is_trained_and_recorded_with_the_class_of_the_lesson(tmp_path):
    folders = tmp_path / "results", tmp_path / "work"
    with pytest.raises(ValueError, match=r"learning rate of 'n=50 gru4rec', which is not recorded"):
        run_recipe(small("n=200", "gru4rec"), DATA, 1, *folders, epochs=1)
    line = run_recipe(small("n=50", "gru4rec"), DATA, 1, *folders, epochs=1)
    assert line["settings"].startswith("GRU4Rec {'seq_max_len': 10")
    assert line["parameters"] == (ITEMS + 1) * D + 2 * 6 * D * D  # two layers
    code = own_models.lesson_code(own_models.LESSON)
    assert line["lesson"] == hashlib.sha256(code.encode()).hexdigest()[:12]
    trials = recorded_table("trials", folders[0])
    assert trials["learning_rate"].tolist() == [0.001, 0.002]
    assert len(recorded_ranks("race__n=50-gru4rec__1", "ml-1m", folders[0])["full"]) == 40
    plan = plan_runs("race", ["n=50 gru4rec"], [1], folders[0])
    assert plan["state"].tolist() == ["recorded with other settings"]  # the small one's
    shown = compare_with_paper("race", folders[0]).set_index("row")["seeds"]
    assert shown[shown > 0].to_dict() == {"n=50 gru4rec": 1}
    # what it chose is taken over, whatever it was
    place = folders[0] / "race.csv"
    lines = recorded_table("race", folders[0]).assign(learning_rate=0.0123)
    lines.to_csv(place, index=False)
    line = run_recipe(small("n=200", "gru4rec"), DATA, 2, *folders, epochs=1)
    assert line["learning_rate"] == 0.0123
    assert len(recorded_table("trials", folders[0])) == 2


@pytest.mark.parametrize("name", ["bert4rec", "hstu"])
def test_masks_and_times_reach_the_models(name, tmp_path):
    line = run_recipe(small("n=50", name), DATA, 1, tmp_path / "results", tmp_path, epochs=2)
    assert 0 < line["full_ndcg"] < 1


def test_equal_seeds_build_equal_models_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    a, b, c = (
        build_recipe(small("n=50", "esasrec"), DATA, seed).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(
        a["encoder.enc_layers.0.qkv.weight"], c["encoder.enc_layers.0.qkv.weight"]
    )


@pytest.mark.parametrize("name", OWN)
def test_padding_changes_no_state_and_the_future_none_but_bert4recs(name):
    model = tiny.stir(build_recipe(small("n=50", name), DATA, 1), scale=0.1).eval()
    if name != "esasrec":
        model.items.weight.data[0] = 0  # as it starts, and stays
    items, times = torch.tensor([[3, 1, 4, 2, 5]]), torch.tensor([[5, 5, 60, 900, 4000]])

    def states(items, times, padding=0):
        items, times = (torch.nn.functional.pad(x, (padding, 0)) for x in (items, times))
        return model.encode(items, None, PaddedRows(items != 0, times=times))[0, padding:]

    whole = states(items, times)
    torch.testing.assert_close(states(items, times, padding=4), whole, atol=1e-5, rtol=1e-4)
    other = items.clone()
    other[0, -1] = 9
    same = torch.isclose(states(other, times)[:-1], whole[:-1], atol=1e-6).all()
    assert bool(same) == (name != "bert4rec")


def test_the_models_are_those_of_the_file(tmp_path, monkeypatch):
    cell = {"cell_type": "code", "source": ["class Mine(dict):\n", "    pass"]}
    tagged = {**cell, "metadata": {"tags": [own_models.TAG]}}
    other = {**cell, "source": ["raise SystemExit"], "metadata": {}}
    lesson = tmp_path / "lesson.ipynb"
    lesson.write_text(json.dumps({"cells": [other, tagged]}))
    monkeypatch.setattr(own_models, "LESSON", lesson)
    assert own_models.own_model("Mine", 1, width=3) == {"width": 3}
    with pytest.raises(ValueError, match=r"class 'HSTU' is in no cell of .* tag 'race-model'"):
        own_models.own_model("HSTU", 1)
    lesson.unlink()
    with pytest.raises(FileNotFoundError, match="in a clone of the repository, notebooks and all"):
        own_models.own_model("Mine", 1)


def test_every_model_has_the_same_search_patience_and_width():
    recipes = [r for r in find_recipes("race") if "d=128" not in r.row]
    assert len(recipes) == 24
    assert {r.model["embedding_dim"] for r in recipes} == {50}
    for place in ("n=50", "n=200", "games", "in time"):
        mine = [r for r in recipes if r.row.startswith(f"{place} ")]
        assert len({(r.epochs, r.patience, r.rates, bool(r.rate_of)) for r in mine}) == 1
        assert len({(r.model["seq_max_len"], r.model["dropout_rate"]) for r in mine}) == 1
