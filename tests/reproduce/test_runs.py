"""What is trained and noted of a run: by its curve, never by what was asked for."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.network.fast.fitness import fits_packed
from seqrec_lib.reproduce import building, run
from seqrec_lib.reproduce.datasets import recipe_data
from seqrec_lib.reproduce.lines import look_at_test, mean_over_draws, of_last_epoch
from seqrec_lib.reproduce.planning import epochs_to_go, plan_runs
from seqrec_lib.reproduce.question_rows import QUESTION_ROWS
from seqrec_lib.reproduce.questions import QUESTIONS, runs_in_order
from seqrec_lib.reproduce.recorded import recorded_curve, recorded_ranks, recorded_table
from seqrec_lib.reproduce.run import flat, run_recipe
from seqrec_lib.reproduce.tables import find_recipes

DATA = tiny.dataset(users=40)
(SHORT,) = find_recipes("V", ["n=10"])


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "results", tmp_path / "work"


@pytest.fixture
def stopped(folders, monkeypatch):
    """stopped(n, recipe, epochs): a run that is interrupted in epoch n + 1."""

    def stop(after, recipe, epochs, seed=1):
        class Stopping(building.WarpSampler):
            left = after

            def sample(self):  # one batch an epoch
                if self.left == 0:
                    raise KeyboardInterrupt
                self.left -= 1
                return super().sample()

        with monkeypatch.context() as patched:
            patched.setattr(building, "WarpSampler", Stopping)
            with pytest.raises(KeyboardInterrupt, match=f"after epoch {after} of {epochs}"):
                run_recipe(recipe, DATA, seed, *folders, epochs=epochs)

    return stop


def test_a_run_that_was_stopped_after_ten_epochs_and_is_asked_for_with_three(folders, stopped):
    stopped(10, SHORT, 20)
    assert not folders[0].exists()
    assert epochs_to_go(SHORT, 1, 20, folders[1]) == 10
    assert epochs_to_go(SHORT, 1, 3, folders[1]) == 3
    line = run_recipe(SHORT, DATA, 1, *folders, epochs=3)
    curve = recorded_curve("V__n=10__1", folders[0])
    assert (line["epochs"], len(curve)) == (3, 3)
    assert line["best_epoch"] == curve["val_ndcg"].idxmax() == 3
    run_recipe(SHORT, DATA, 1, *folders, epochs=20)  # resumes, and takes its place
    curve = recorded_curve("V__n=10__1", folders[0])
    assert curve["val_ndcg"].dropna().index.tolist() == [10, 20]
    assert recorded_table("V", folders[0])["epochs"].tolist() == [20]
    with pytest.raises(ValueError, match="is recorded with 20 epochs, and a run of 3 would take"):
        run_recipe(SHORT, DATA, 1, *folders, epochs=3)


def test_best_and_last_epoch_are_ranked_in_one_look(folders, monkeypatch):
    seen = []
    monkeypatch.setattr(run, "look_at_test", lambda *a: seen.append("best") or look_at_test(*a))
    monkeypatch.setattr(run, "of_last_epoch", lambda *a: seen.append("last") or of_last_epoch(*a))
    for seed in range(1, 9):
        seen.clear()
        line = run_recipe(SHORT, DATA, seed, *folders, epochs=20)
        if line["best_epoch"] == 10:
            break
    assert line["best_epoch"] == 10, "every seed is best at its last epoch"
    assert seen == ["best", "last"]
    by_hand = building.build_recipe(SHORT, DATA, seed)
    by_hand.train_model(
        DATA,
        building.sampler_of(SHORT, DATA, 10, seed),
        20,
        **(building.training_options(SHORT, seed, None) | {"val_epoch": 0}),
    )
    assert line["last_full_ndcg"] == pytest.approx(
        user_values(full_ranks(by_hand, DATA), "NDCG@10").mean(), abs=1e-5
    )
    assert line["last_full_ndcg"] != line["full_ndcg"]


def test_the_mean_over_draws_is_that_of_many_draws():
    model = tiny.stir(tiny.sasrec(num_neg_test=5))
    look = look_at_test(model, DATA)
    drawn = [
        user_values(sampled_ranks(model, DATA, num_negatives=100, seed=seed), "NDCG@10").mean()
        for seed in range(100)
    ]
    mean = mean_over_draws(look.allowed, "NDCG@10").mean()
    assert mean == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 10)
    assert look.values["mean_ndcg"].mean() == mean
    assert (look.allowed.better >= look.full.better).all()


def test_flat_by_hand():
    assert flat([0.1, 0.3, 0.2, 0.3], 2)  # no better one in the last two
    assert not flat([0.1, 0.3, 0.2, 0.3], 3)
    assert not flat([0.1, 0.2, 0.3], 1)
    assert not flat([], 1)
    assert not flat([0.3, 0.2, 0.1], None)


def test_a_learning_rate_is_chosen_by_validation_and_the_test_seen_once(folders, monkeypatch):
    recipe = replace(
        next(r for r in QUESTION_ROWS if r.row == "bce n=200, equal budget"),
        model={**SHORT.model},
        rates=(0.0001, 0.02),
    )
    looks = []
    monkeypatch.setattr(run, "look_at_test", lambda *a: looks.append(1) or look_at_test(*a))
    line = run_recipe(recipe, DATA, 1, *folders, epochs=20)
    trials = recorded_table("trials", folders[0]).set_index("learning_rate")
    assert trials.index.tolist() == [0.0001, 0.02]
    assert "full_ndcg" not in trials
    assert line["learning_rate"] == trials["val_ndcg"].idxmax()
    assert line["val_ndcg"] == trials["val_ndcg"].max()
    assert len(looks) == 1
    assert line["settings"] == recipe.settings
    assert not [path for path in folders[1].iterdir() if path.is_dir()]
    other = run_recipe(recipe, DATA, 2, *folders, epochs=20)
    assert other["learning_rate"] == line["learning_rate"]
    assert len(recorded_table("trials", folders[0])) == 2
    alone = replace(recipe, rates=(), learning_rate=line["learning_rate"], patience=None)
    again = run_recipe(alone, DATA, 1, folders[0] / "alone", folders[1], epochs=line["epochs"])
    assert again["full_ndcg"] == line["full_ndcg"]


def test_a_run_that_has_waited_long_enough_is_done(folders):
    recipe = replace(SHORT, patience=1, learning_rate=0.05)
    line = run_recipe(recipe, DATA, 1, *folders, epochs=400)
    curve = recorded_curve("V__n=10__1", folders[0])["val_ndcg"].dropna()
    assert line["epochs"] == curve.index[-1] < 400
    assert curve.iloc[-1] <= curve.max() == curve.iloc[-2]


@pytest.mark.parametrize("part", building.SWITCHES)
def test_what_a_recipe_is_without_is_off_and_the_rest_on(part):
    recipe = replace(SHORT, without=(part,))
    plain, model = (building.build_recipe(r, DATA, 1) for r in (SHORT, recipe))
    changed = {
        (name, field)
        for (name, a), (_, b) in zip(plain.named_modules(), model.named_modules(), strict=True)
        for field in ("dropout_rate", "residual")
        if getattr(a, field, None) != getattr(b, field, None)
    }
    kind, _, place = part.partition(" ")
    field = {"dropout": "dropout_rate", "residual": "residual"}[kind]
    block = "mha" if "attention" in place else "ffn"
    blocks = {(f"encoder.enc_layers.{i}.{block}", field) for i in (0, 1)}
    assert changed == ({("", field)} if "embeddings" in place else blocks)
    assert all(not getattr(model.get_submodule(name), field) for name, _ in changed)


def test_classes_that_lack_a_part_run_packed_and_do_what_they_say():
    plain, unscaled = (tiny.stir(kind(15, 6, 1, 8, seed=1)) for kind in (SASREC, building.Unscaled))
    items = tiny.padded(tiny.histories([3, 6]))
    ratio = plain.scaled_items(items) / unscaled.scaled_items(items)
    assert ratio[items != 0].flatten().tolist() == pytest.approx([8**0.5] * 72)
    for kind in (building.Unscaled, building.ScoredByInput):
        untied = tiny.stir(kind(15, 6, 1, 8, shared_embedding=False, seed=1))
        assert fits_packed(untied)
    state = untied.last_state(None, items)
    expected = state @ untied.item_embedding_layer.weight.detach().T
    torch.testing.assert_close(untied.score(None, items)[:, 1:], expected[:, 1:])
    assert not untied.config.shared_embedding
    assert untied.output_embedding is untied.output_embedding_layer.weight


def test_no_item_of_the_future_is_in_training(real_data, monkeypatch):
    monkeypatch.setenv("SEQREC_DATA", str(real_data))
    data = recipe_data("ml-1m-in-time")
    times, starts = data.sequences.times, data.sequences.starts[:-1]
    asked, last = [], starts + data.train.lengths - 1
    for split in ("valid", "test"):
        users = data.targets(split) > 0
        assert users.sum() > 500
        asked.append(times[(starts + data.history(split).lengths)[users]].min())
    assert times[last[data.train.lengths > 0]].max() < asked[0] < asked[1]
    assert len(data.train.items) == pytest.approx(0.8 * len(times), abs=50)


def test_the_questions_are_run_in_order_one_seed_of_all_first(tmp_path):
    runs = runs_in_order()
    assert len(runs) == len({(r.table, r.row, seed) for r, seed in runs})
    first = [(r.table, r.row) for r, _ in runs[: sum(len(q.rows) for q in QUESTIONS)]]
    assert first == [row for q in QUESTIONS for row in q.rows]
    asked = {row for q in QUESTIONS for row in q.rows}
    assert {("questions", r.row) for r in QUESTION_ROWS} <= asked
    plan = plan_runs("in-order", None, None, tmp_path)
    assert list(zip(plan["table"], plan["row"], plan["seed"], strict=True)) == [
        (r.table, r.row, seed) for r, seed in runs
    ]
    some = plan_runs("in-order", ["ml-1m blocks=1"], [3], tmp_path)
    assert some[["row", "seed"]].to_numpy().tolist() == [["ml-1m blocks=1", 3]]


def test_recorded_ranks_hold_what_the_means_rest_on(folders):
    line = run_recipe(SHORT, DATA, 1, *folders, epochs=1)
    ranks = recorded_ranks("V__n=10__1", "ml-1m", folders[0])
    mean = mean_over_draws(ranks["allowed"], "HR@10").mean()
    assert mean == pytest.approx(line["mean_hr"], abs=1e-5)
