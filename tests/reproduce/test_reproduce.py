"""The command that reproduces tables: plans, runs, resumes, records once, and reads back."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from loopback import serving

from seqrec_lib.common.provenance import processor
from seqrec_lib.data import download, paper_files
from seqrec_lib.data.paper_files import PAPER_FILES
from seqrec_lib.evaluation.baselines import Popularity
from seqrec_lib.evaluation.metrics import summarise
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.reproduce import __main__ as reproduce
from seqrec_lib.reproduce import building, lines, run
from seqrec_lib.reproduce.cost import Cost, run_cost
from seqrec_lib.reproduce.planning import epochs_to_go, once_each, plan_runs
from seqrec_lib.reproduce.published import published_results, published_value
from seqrec_lib.reproduce.recorded import (
    RESULTS_FOLDER,
    recorded_curve,
    recorded_ranks,
    recorded_runs,
    recorded_table,
    run_label,
)
from seqrec_lib.reproduce.tables import RECIPES, REPRODUCED_TABLES, find_recipes
from seqrec_lib.training.loop import Run


def recipe_of(table, row):
    (recipe,) = find_recipes(table, [row])
    return recipe


# The recipes


def test_rows_are_named_once_and_settings_are_of_the_model():
    names = [(r.table, r.row) for r in RECIPES]
    assert len(set(names)) == len(names)
    labels = [run_label(r, 1) for r in RECIPES]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: f"{r.table}-{r.row}")
def test_every_recipe_builds_its_model(recipe, sample_dataset):
    if recipe.baseline:
        assert run.BASELINES[recipe.baseline](sample_dataset).item_num == sample_dataset.itemnum
    else:
        model = building.build_recipe(recipe, sample_dataset, seed=1)
        assert model.seq_max_len == recipe.model["seq_max_len"]


def test_paper_settings_by_hand():
    # SASRec Sec. IV-C: n = 200 and dropout 0.2 on ML-1M, 50 and 0.5 elsewhere; d = 50, two blocks
    lengths = (("ml-1m", 200, 0.2), ("games", 50, 0.5), ("beauty", 50, 0.5), ("steam", 50, 0.5))
    for row, n, dropout in lengths:
        model = recipe_of("III", row).model
        assert (model["seq_max_len"], model["dropout_rate"]) == (n, dropout)
        assert (model["embedding_dim"], model["num_blocks"]) == (50, 2)
    assert [r.paper for r in find_recipes("III")] == [0.5905, 0.5360, 0.3219, 0.6306]
    assert recipe_of("IV", "games blocks=1").paper == 0.5408
    assert recipe_of("V", "n=500").paper == 0.596
    assert recipe_of("SSE-PT", "sse-pt n=200 50+100").paper == 0.6281
    assert recipe_of("SSE-PT", "games sse-pt n=50 50+50").paper == 0.5660
    assert recipe_of("SSE-PT", "sse-pt n=50 50+50").paper is None
    assert recipe_of("baselines", "games popularity").paper == 0.2779


def test_published_numbers_keep_their_places():
    assert len(published_results("SASRec", "III")) == 36
    assert published_results("SASRec", "III").notna().all()[["HR@10", "NDCG@10"]].all()
    assert published_value(("SASRec", "III", "ML-1M", "SASRec", ""), "HR@10") == 0.8245
    assert published_value(("SASRec", "V", "ML-1M", "SASRec", "n=10"), "HR@10") is None
    with pytest.raises(LookupError, match="VI"):
        published_results("SASRec", "VI")


def test_one_run_may_stand_in_two_tables():
    assert recipe_of("V", "n=200").same_run(recipe_of("III", "ml-1m"))
    assert recipe_of("IV", "ml-1m default").same_run(recipe_of("losses", "bce n=200"))
    assert not recipe_of("V", "n=100").same_run(recipe_of("III", "ml-1m"))
    assert not recipe_of("SSE-PT++", "sse-pt n=100").same_run(
        recipe_of("SSE-PT++", "sse-pt++ n=100")
    )


def test_unknown_rows_and_tables_are_named():
    with pytest.raises(ValueError, match="'VI' must be one of 'III'"):
        find_recipes("VI")
    with pytest.raises(ValueError, match="'n=9' is not in table V: 'n=10'"):
        find_recipes("V", ["n=9"])
    assert [r.table for r in find_recipes("all")] == [r.table for r in RECIPES]


# Running, on the sample


class Shell:
    """The command line with folders of its own and the sample for data."""

    def __init__(self, folder, monkeypatch, capsys, dataset):
        self.results, self.work = folder / "results", folder / "work"
        self.capsys = capsys
        monkeypatch.setattr(reproduce, "recipe_data", lambda name: dataset)

    def __call__(self, *arguments) -> str:
        places = ["--results", str(self.results), "--work", str(self.work)]
        reproduce.main([*arguments, *places])
        return self.capsys.readouterr().out


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys, sample_dataset):
    return Shell(tmp_path, monkeypatch, capsys, sample_dataset)


SHORT = ("V", "--rows", "n=10", "--epochs", "2")


def test_a_run_is_planned_recorded_and_not_run_again(shell, sample_dataset):
    said = shell(*SHORT, "--seeds", "4")
    assert "missing" in said
    assert "0 of 1 runs are recorded" in said
    assert "to do: 1 runs, about" in said
    assert "run 1 of 1: V n=10, seed 4, about" in said
    assert "the paper prints 0.48" in said
    line = recorded_table("V", shell.results).iloc[0]
    assert (line["row"], line["seed"], line["epochs"]) == ("n=10", 4, 2)
    assert line["sampled_ndcg_low"] < line["sampled_ndcg"] < line["sampled_ndcg_high"]
    assert line["last_full_ndcg"] == line["full_ndcg"]  # the best epoch is the last one
    machine = torch.cuda.get_device_name() if torch.cuda.is_available() else processor()
    assert line["device"] == f"{machine}, {torch.get_num_threads()} threads"
    label = "V__n=10__4"
    curve = recorded_curve(label, shell.results)
    assert curve.index.tolist() == [1, 2]
    assert curve["val_ndcg"].isna().tolist() == [True, False]
    ranks = recorded_ranks(label, "ml-1m", shell.results)
    for protocol in ("sampled", "full"):
        value = summarise(ranks[protocol], ks=(10,), resamples=1)["value"]["NDCG@10"]
        assert value == pytest.approx(line[f"{protocol}_ndcg"], abs=1e-5)
    assert not [path for path in shell.work.iterdir() if path.is_dir()]  # no checkpoints stay
    said = shell(*SHORT, "--seeds", "4")
    assert "1 of 1 runs are recorded" in said
    assert "run 1" not in said
    # the same seed again gives the same result, and one line
    shell(*SHORT, "--seeds", "4", "--again")
    again = recorded_table("V", shell.results)
    assert len(again) == 1
    assert again.iloc[0]["sampled_ndcg"] == line["sampled_ndcg"]


def test_shorter_runs_are_named_and_do_not_count_as_done(shell):
    shell(*SHORT, "--seeds", "4")
    plan = plan_runs("V", ["n=10"], [4, 5], shell.results)
    assert plan["state"].tolist() == ["2 of 200 epochs", "missing"]
    assert plan["recorded"].tolist() == [False, False]
    assert plan_runs("V", ["n=10"], [4], shell.results, epochs=2)["recorded"].all()


def test_what_was_recorded_before_the_recipe_changed_is_not_done(shell):
    shell(*SHORT, "--seeds", "4")
    place = shell.results / "V.csv"
    place.write_text(place.read_text().replace("lr=0.001", "lr=0.002"))
    plan = plan_runs("V", ["n=10"], [4], shell.results, epochs=2)
    assert plan["state"].tolist() == ["recorded with other settings"]
    assert plan["recorded"].tolist() == [False]


@pytest.mark.parametrize("commit", ["2145201", "0012345", "12e4567"])
def test_a_commit_that_looks_like_a_number_stays_text(shell, monkeypatch, commit):
    monkeypatch.setattr(lines, "commit", lambda: commit)
    for seed in ("4", "5"):  # the second line is written beside the first
        shell("V", "--rows", "n=10", "--epochs", "1", "--seeds", seed)
    assert recorded_table("V", shell.results)["commit"].tolist() == [commit] * 2


def test_a_twin_of_another_table_counts(shell):
    shell("losses", "--rows", "bce n=50", "--epochs", "1", "--seeds", "7")
    plan = plan_runs("V", ["n=50"], [7], shell.results, epochs=1)
    assert plan["state"].tolist() == ["recorded in table losses"]
    assert recorded_runs(recipe_of("V", "n=50"), shell.results)["label"].tolist() == [
        "losses__bce-n=50__7"
    ]
    todo = plan_runs("all", None, [1], shell.results)
    names = {(r.table, r.row) for r, _ in once_each(todo)}
    assert ("III", "ml-1m") in names
    assert not names & {("V", "n=200"), ("IV", "ml-1m default"), ("losses", "bce n=200")}


def test_what_other_settings_gave_is_marked(shell):
    shell(*SHORT, "--seeds", "4")
    place = shell.results / "V.csv"
    lines = pd.read_csv(place)
    lines["settings"] = lines["settings"].str.replace("0.2", "0.3")
    lines.to_csv(place, index=False)
    assert recorded_runs(recipe_of("V", "n=10"), shell.results)["same_settings"].tolist() == [False]


def test_baselines_are_counted_once_without_a_seed(shell, sample_dataset):
    said = shell("baselines", "--rows", "ml-1m popularity", "--epochs", "3")
    assert "run 1 of 1: baselines ml-1m popularity, seed 0" in said
    line = recorded_table("baselines", shell.results).iloc[0]
    popularity = Popularity(sample_dataset)
    for protocol, ranks in (
        ("sampled", sampled_ranks(popularity, sample_dataset, seed=lines.CANDIDATE_SEED)),
        ("full", full_ranks(popularity, sample_dataset)),
    ):
        value = summarise(ranks, ks=(10,), resamples=1)["value"]["NDCG@10"]
        assert value == pytest.approx(line[f"{protocol}_ndcg"], abs=1e-5)
    assert not list((shell.results / "curves").iterdir())
    assert "1 of 1 runs are recorded" in shell("baselines", "--rows", "ml-1m popularity")


@pytest.mark.parametrize("name", ["beauty", "steam"])
def test_a_data_set_that_is_not_here_is_downloaded_and_run(name, tmp_path, monkeypatch, capsys):
    """The same command, on a made file that a server of the test's own holds."""
    draws = np.random.default_rng(0)
    items = [draws.choice(120, size=draws.integers(3, 9), replace=False) for _ in range(130)]
    rows = [f"{user} {item + 1}\n" for user, some in enumerate(items, 1) for item in some]
    known = PAPER_FILES[name]
    monkeypatch.setattr(download, "default_cache", lambda given=None: tmp_path / "cache")
    monkeypatch.delenv("SEQREC_DATA", raising=False)
    folders = ["--results", str(tmp_path / "results"), "--work", str(tmp_path / "work")]
    command = ["III", "--rows", name, "--seeds", "1", "--epochs", "1", *folders]
    with serving() as host:
        host.body = "".join(rows).encode()
        monkeypatch.setattr(paper_files, "AUTHORS", host.address)
        with pytest.raises(SystemExit, match="no data set of these rows can be had"):
            reproduce.main(command)
        assert f"1 runs on {name} are left out: {known.file} is not on" in capsys.readouterr().err
        found = max(some.max() for some in items) + 1
        made = replace(known, users=130, items=int(found), actions=0.0)
        monkeypatch.setitem(
            PAPER_FILES, name, replace(made, sha256=hashlib.sha256(host.body).hexdigest())
        )
        reproduce.main(command)
    line = recorded_table("III", tmp_path / "results").iloc[0]
    ranks = recorded_ranks(f"III__{name}__1", name, tmp_path / "results")["full"]
    assert line["full_hr"] == pytest.approx((ranks.better < 10).mean(), abs=0.02)  # ties apart
    assert len(ranks.users) == 130


def test_rows_of_one_data_set_alone(shell):
    said = shell("III", "--dataset", "games", "--list")
    assert "0 of 3 runs" in said
    assert "ml-1m" not in said


def test_list_all_shows_every_table_and_runs_nothing(shell):
    said = shell("all", "--list", "--seeds", "1")
    assert set(REPRODUCED_TABLES) <= {line.split()[0] for line in said.splitlines()}
    assert not shell.results.exists()


def test_stopped_runs_go_on(shell, sample_dataset, monkeypatch):
    recipe = recipe_of("V", "n=10")
    whole = run.run_recipe(recipe, sample_dataset, 4, shell.results, shell.work, epochs=3)
    other = shell.work / "other"

    class Stopped(building.WarpSampler):
        batches, limit = 0, 17  # in the third epoch of 7

        def sample(self):
            self.batches += 1
            if self.batches > self.limit:
                raise KeyboardInterrupt
            return super().sample()

    with monkeypatch.context() as patched:
        patched.setattr(building, "WarpSampler", Stopped)
        with pytest.raises(KeyboardInterrupt, match="after epoch 2 of 3"):
            run.run_recipe(recipe, sample_dataset, 4, shell.results / "never", other, epochs=3)
        patched.setattr(shell, "work", other)
        Stopped.limit = 3
        with pytest.raises(SystemExit, match="the same command resumes from there"):
            shell("V", "--rows", "n=10", "--epochs", "3", "--seeds", "4", "--again")
    assert not (shell.results / "never").exists()
    assert epochs_to_go(recipe, 4, 3, other) == 1
    assert epochs_to_go(recipe, 5, 3, other) == 3
    line = run.run_recipe(recipe, sample_dataset, 4, shell.results, other, epochs=3)
    assert line["sampled_ndcg"] == whole["sampled_ndcg"]
    assert np.isnan(line["seconds"])  # only a part of it was timed


def test_cost_adds_up_by_hand():
    cost = Cost(batch=0.5, batches=40, scoring=3.0)
    # 20 epochs of 40 batches, 2 validations, 3 rankings of the test items
    assert cost.seconds(20) == 20 * 40 * 0.5 + 2 * 3.0 + 3 * 3.0
    assert cost.seconds(0) == 9.0


@pytest.mark.filterwarnings("error")  # a plan times every row, and would say it again each time
def test_cost_is_measured_in_silence(sample_dataset, capsys, monkeypatch):
    batches = []
    step = Run.epoch
    monkeypatch.setattr(Run, "epoch", lambda run, n: batches.append(run.steps) or step(run, n))
    cost = run_cost(recipe_of("V", "n=10"), sample_dataset, batches=2)
    assert batches == [1, 2]  # the first is not timed
    assert capsys.readouterr().out == ""
    assert cost.batches == sample_dataset.usernum // 128
    assert cost.batch > 0
    assert cost.scoring > 0


# What is committed


RECORDED = [table for table in REPRODUCED_TABLES if (RESULTS_FOLDER / f"{table}.csv").exists()]


@pytest.mark.parametrize("table", RECORDED)
def test_recorded_lines_have_their_curves_and_ranks(table):
    lines = recorded_table(table)
    assert not lines.duplicated(["row", "seed"]).any()
    for _, line in lines.iterrows():
        recipe = recipe_of(table, line["row"])
        label = run_label(recipe, int(line["seed"]))
        ranks = recorded_ranks(label, recipe.dataset)
        for protocol in ("sampled", "full"):
            value = summarise(ranks[protocol], ks=(10,), resamples=1)["value"]["NDCG@10"]
            assert value == pytest.approx(line[f"{protocol}_ndcg"], abs=1e-5)
        if not recipe.baseline:
            curve = recorded_curve(label)
            assert len(curve) == line["epochs"]
            assert curve["val_ndcg"].idxmax() == line["best_epoch"]
        assert line["settings"] == recipe.settings
