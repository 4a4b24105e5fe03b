"""The page of results is what the records say, and its numbers can be had by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.reproduce.collect import collect
from seqrec_lib.reproduce.experiments import experiments
from seqrec_lib.reproduce.lines import mean_over_draws
from seqrec_lib.reproduce.means import DrawnOnce
from seqrec_lib.reproduce.page import main, page, spread_over_seeds, verdicts
from seqrec_lib.reproduce.pairs import paired
from seqrec_lib.reproduce.questions import QUESTIONS
from seqrec_lib.reproduce.recorded import (
    RESULTS_FOLDER,
    read_lines,
    recorded_curve,
    recorded_ranks,
    recorded_table,
)
from seqrec_lib.reproduce.run import run_recipe
from seqrec_lib.reproduce.tables import REPRODUCED_TABLES, find_recipes

TEXT = (RESULTS_FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date(tmp_path):
    assert page() == TEXT, "run python -m seqrec_lib.reproduce.page"
    main(["--results", str(tmp_path)])
    assert "not run here" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_what_is_said_in_short_is_so():
    part = TEXT.split("## In short")[1].split("\n## ")[0]
    interval = r"\| [+-][\d.]+ \(([+-][\d.]+) to ([+-][\d.]+)\) "
    rows = {}
    for line in part.splitlines():
        if found := re.match(rf"\| (SASRec[^|]*?) {interval}{interval}", line):
            low, high = ([float(found[i]) for i in pair] for pair in ((2, 4), (3, 5)))
            rows[found[1]] = [(a > 0) - (b < 0) for a, b in zip(low, high, strict=True)]
    assert rows == {  # ahead, not to be told apart, behind: among 100, among all
        "SASRec, n = 50, MovieLens 1M": [1, -1],
        "SASRec, n = 200, MovieLens 1M": [1, 0],
        "SASRec, cross-entropy, n = 50, MovieLens 1M": [1, 1],
        "SASRec, n = 50, Games": [1, -1],
    }


def test_every_recorded_run_is_on_it_with_its_verdict():
    for table in REPRODUCED_TABLES:
        for row in recorded_table(table)["row"]:
            assert f"| {row} |" in TEXT, (table, row)
    for name in ("cross-entropy n=200", "cross-entropy n=200 lr=0.002"):  # both budgets
        assert f"| {name} |" in TEXT


def test_a_run_that_is_printed_thrice_counts_once():
    counts = verdicts()
    printed = [t for t in REPRODUCED_TABLES if t not in ("losses", "questions")]
    runs = {
        (table, line["row"])
        for table in printed
        for line in recorded_table(table).to_dict("records")
        if find_recipes(table, [line["row"]])[0].cell is not None
    }
    assert counts.sum() == len(runs)


def test_spread_over_seeds_by_hand():
    groups, degrees = 0.0, 0
    for table in (t for t in REPRODUCED_TABLES if t != "questions"):
        for _, lines in recorded_table(table).groupby("row"):
            values = lines["mean_ndcg"]
            groups += ((values - values.mean()) ** 2).sum()
            degrees += len(values) - 1
    assert spread_over_seeds()[0] == pytest.approx((groups / degrees) ** 0.5, rel=0.02)


def test_a_paired_difference_takes_every_seed():
    (chain,) = find_recipes("baselines", ["games markov-chain"])
    (sasrec,) = find_recipes("III", ["games"])
    a = user_values(recorded_ranks("baselines__games-markov-chain__0", "games")["full"], "NDCG@10")
    b = [
        user_values(recorded_ranks(f"III__games__{s}", "games")["full"], "NDCG@10")
        for s in (1, 2, 3)
    ]
    each = a - np.mean(b, axis=0)
    error = 1.96 * each.std(ddof=1) / len(each) ** 0.5
    expected = [each.mean(), each.mean() - error, each.mean() + error]
    assert paired(chain, sasrec, "full") == "{:+.4f} ({:+.4f} to {:+.4f})".format(*expected)


def test_every_experiment_is_one_line_with_its_difference_user_by_user():
    found = experiments().set_index("row")
    assert list(found.index) == [r.row for q in QUESTIONS for r in q.recipes]
    chain = found.loc["games markov-chain"]
    values = [
        user_values(recorded_ranks(label, "games")["full"], "NDCG@10")
        for label in ("baselines__games-markov-chain__0", *(f"III__games__{s}" for s in (1, 2, 3)))
    ]
    each = values[0] - np.mean(values[1:], axis=0)  # (U,)
    assert chain["full_difference"] == pytest.approx(each.mean(), abs=1e-12)
    assert chain["full_high"] - each.mean() == pytest.approx(
        1.96 * each.std(ddof=1) / len(each) ** 0.5
    )
    blank = found[found["seeds"] == 0]
    assert blank["ndcg"].isna().all()
    assert blank["difference"].isna().all()


def test_runs_of_elsewhere_are_taken_over(tmp_path, sample_dataset):
    (recipe,) = find_recipes("baselines", ["ml-1m popularity"])
    here, there = tmp_path / "here", tmp_path / "there"
    run_recipe(recipe, sample_dataset, 0, there, tmp_path)
    (other,) = find_recipes("baselines", ["ml-1m markov-chain"])
    for results in (here, there):
        run_recipe(other, sample_dataset, 0, results, tmp_path)
    before = recorded_table("baselines", here)
    assert collect(there, here) == ["baselines__ml-1m-popularity__0"]
    lines = recorded_table("baselines", here)
    pd.testing.assert_frame_equal(lines.iloc[:1], before)
    assert lines["row"].tolist() == ["ml-1m markov-chain", "ml-1m popularity"]
    ranks = [recorded_ranks("baselines__ml-1m-popularity__0", "ml-1m", r) for r in (here, there)]
    assert (ranks[0]["full"].better == ranks[1]["full"].better).all()
    assert collect(there, here) == []
    with pytest.raises(LookupError):
        recorded_curve("baselines__ml-1m-popularity__0", here)


def test_the_mean_that_is_estimated_is_near_the_exact_one(sample_dataset):
    """For the Markov chain on the sample, whose recorded ranks hold both."""
    from seqrec_lib.evaluation.baselines import MarkovChain
    from seqrec_lib.reproduce.lines import look_at_test

    look = look_at_test(MarkovChain(sample_dataset), sample_dataset)
    full = look.full.break_ties(0)
    for metric in ("NDCG@10", "HR@10"):
        found = DrawnOnce(sample_dataset).mean(look.sampled, full, metric).mean()
        assert found == pytest.approx(mean_over_draws(look.allowed, metric).mean(), abs=0.01)


def test_recorded_means_follow_from_recorded_ranks():
    lines = read_lines(RESULTS_FOLDER / "baselines.csv")
    for _, line in lines.iterrows():
        allowed = recorded_ranks(line["run"], line["dataset"])["allowed"]
        for column, metric in (("mean_ndcg", "NDCG@10"), ("mean_hr", "HR@10")):
            assert line[column] == pytest.approx(mean_over_draws(allowed, metric).mean(), abs=1e-5)
