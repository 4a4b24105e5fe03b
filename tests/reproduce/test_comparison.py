"""The comparison with the papers: means, spread and verdicts by hand, and honest names."""

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.reproduce.comparison import compare_with_paper, verdict
from seqrec_lib.reproduce.deviations import deviations_from_papers
from seqrec_lib.reproduce.tables import REPRODUCED_TABLES, find_recipes


def line(recipe, seed, ndcg, epochs=None, settings=None) -> dict:
    return {
        "row": recipe.row,
        "dataset": recipe.dataset,
        "seed": seed,
        "epochs": recipe.epochs if epochs is None else epochs,
        "sampled_ndcg": ndcg + 0.001,
        "mean_ndcg": ndcg,
        "mean_ndcg_low": ndcg - 0.008,
        "mean_ndcg_high": ndcg + 0.01,
        "mean_hr": ndcg + 0.23,
        "full_ndcg": ndcg / 4,
        "full_hr": ndcg / 2,
        "settings": settings or recipe.settings,
    }


@pytest.fixture
def write(tmp_path):
    """write(table, row, seed → NDCG@10, …) puts lines where comparison looks for them."""

    def put(table, row, values, **more):
        place = tmp_path / f"{table}.csv"
        before = pd.read_csv(place).to_dict("records") if place.exists() else []
        (recipe,) = find_recipes(table, [row])
        lines = [line(recipe, seed, ndcg, **more) for seed, ndcg in values.items()]
        pd.DataFrame([*before, *lines]).to_csv(place, index=False)
        return tmp_path

    return put


def row_of(table, results, row, dataset="ML-1M"):
    found = compare_with_paper(table, results)
    (index,) = found.index[(found["row"] == row) & (found["dataset"] == dataset)]
    return found.loc[index]


@pytest.mark.parametrize(
    ("table", "difference", "expected"),
    [
        ("III", -0.004, "reproduced"),
        ("III", -0.0041, "below in NDCG@10"),
        ("III", 0.02, "above in NDCG@10"),
        ("SSE-PT", 0.004, "reproduced"),
        ("IV", 0.004, "reproduced"),
        ("IV", 0.0041, "differs"),
        ("V", -0.0041, "below in NDCG@10"),
        ("baselines", 0.0041, "above in NDCG@10"),
    ],
)
def test_verdicts_where_one_metric_is_printed(table, difference, expected):
    assert verdict(table, difference) == expected


@pytest.mark.parametrize(
    ("ndcg", "hr", "expected"),
    [
        (-0.004, 0.008, "reproduced"),
        (0.001, 0.0081, "above in HR@10"),
        (-0.0041, -0.0081, "below in NDCG@10 and HR@10"),
        (0.0041, -0.0153, "above in NDCG@10, below in HR@10"),
    ],
)
def test_both_metrics_count(ndcg, hr, expected):
    assert verdict("SSE-PT", ndcg, hr) == expected
    assert verdict("IV", ndcg, hr) == ("reproduced" if expected == "reproduced" else "differs")


def test_verdict_of_an_unknown_table():
    with pytest.raises(ValueError, match="'VI' must be one of"):
        verdict("VI", 0.0)


def test_tolerance_is_not_lost_to_rounding():
    # 0.5905 - 0.004 is 0.5865, but not in binary
    assert verdict("III", 0.5865 - 0.5905) == "reproduced"


def test_mean_spread_and_difference_by_hand(write):
    results = write("III", "ml-1m", {1: 0.58, 2: 0.59, 3: 0.60})
    row = row_of("III", results, "ml-1m")
    assert row["paper"] == 0.5905
    assert row["ours"] == pytest.approx(0.59)
    assert row["spread"] == pytest.approx(0.01)  # the deviations are -1, 0, 1, over 3 - 1
    assert (row["lowest"], row["highest"], row["seeds"]) == (0.58, 0.60, 3)
    assert row["difference"] == pytest.approx(-0.0005)
    assert row["verdict"] == "reproduced"
    assert (row["low"], row["high"]) == pytest.approx((0.582, 0.60))
    assert row["one_draw"] == pytest.approx(0.591)
    assert row["ours_hr"] == pytest.approx(0.82)
    assert row["difference_hr"] == pytest.approx(0.82 - 0.8245)
    assert row["ours_full_hr"] == pytest.approx(0.295)
    assert row["paper_hr"] == 0.8245
    assert row["label"] == "III__ml-1m__1"
    assert row["printed_in"] == "SASRec, Table III"


def test_one_seed_has_no_spread(write):
    row = row_of("III", write("III", "ml-1m", {2: 0.5}), "ml-1m")
    assert np.isnan(row["spread"])
    assert row["verdict"] == "below in NDCG@10 and HR@10"


def test_a_line_of_before_the_mean_over_draws_names_the_remedy(write):
    results = write("III", "ml-1m", {2: 0.5})
    lines = pd.read_csv(results / "III.csv").drop(columns="mean_ndcg")
    lines.to_csv(results / "III.csv", index=False)
    with pytest.raises(LookupError, match=r"III 'ml-1m' .* seqrec_lib.reproduce.means adds it"):
        compare_with_paper("III", results)


def test_what_was_not_run_is_blank(tmp_path):
    row = row_of("IV", tmp_path, "games blocks=3", "Games")
    assert (row["verdict"], row["seeds"], row["note"]) == ("", 0, "")
    assert np.isnan(row["ours"])
    assert np.isnan(row["difference"])
    assert row["paper"] == 0.5312


def test_shorter_runs_are_named_and_get_no_verdict(write):
    results = write("III", "ml-1m", {1: 0.6, 2: 0.6}, epochs=40)
    row = row_of("III", results, "ml-1m")
    assert row["verdict"] == "shorter run"
    assert row["note"] == "40 epochs instead of 200"
    # whole ones count alone
    row = row_of("III", write("III", "ml-1m", {3: 0.59}), "ml-1m")
    assert (row["seeds"], row["ours"], row["verdict"]) == (1, 0.59, "reproduced")


def test_runs_under_other_settings_get_no_verdict(write):
    row = row_of("III", write("III", "ml-1m", {1: 0.59}, settings="another"), "ml-1m")
    assert row["verdict"] == "other settings"
    assert "changed" in row["note"]


def test_a_run_counts_wherever_it_is_printed(write):
    results = write("III", "ml-1m", {1: 0.5905})
    assert row_of("V", results, "n=200")["difference"] == pytest.approx(0.0035)
    assert row_of("IV", results, "ml-1m default")["verdict"] == "reproduced"
    assert row_of("losses", results, "bce n=200")["verdict"] == "nothing printed"
    assert row_of("SSE-PT", results, "SASRec")["difference"] == pytest.approx(0.5905 - 0.5936)


def test_rows_that_are_not_ours_say_so(tmp_path):
    table = compare_with_paper("III", tmp_path)
    assert len(table) == 36
    others = table[table["verdict"].isin(["not ours to run", "not run here"])]
    assert others["note"].str.startswith("data set Beauty").sum() == 9
    assert row_of("III", tmp_path, "beauty", "Beauty")["verdict"] == "not run here"
    assert row_of("III", tmp_path, "steam", "Steam")["paper"] == 0.6306
    assert row_of("III", tmp_path, "GRU4Rec+")["note"] == "GRU4Rec+ is not here"
    assert row_of("III", tmp_path, "PopRec")["note"] == (
        "our row 'ml-1m popularity' of table baselines"
    )
    assert others["ours"].isna().all()


@pytest.mark.parametrize("table", REPRODUCED_TABLES)
def test_every_table_compares_and_nothing_printed_is_lost(table):
    found = compare_with_paper(table)
    assert set(found["row"]) >= {recipe.row for recipe in find_recipes(table)}
    printed_rows = found[found["printed_in"] != ""]
    assert printed_rows["paper"].notna().all()
    known = {"", "reproduced", "differs", "shorter run", "not ours to run", "nothing printed"}
    known |= {"not run here"}
    assert {v for v in found["verdict"] if not v.startswith(("above in", "below in"))} <= known
    assert (found["ours"].notna() == (found["seeds"] > 0)).all()


def test_deviations_are_complete_sentences_of_all_columns():
    table = deviations_from_papers()
    assert {"candidates", "epochs", "batches an epoch", "SSE rule"} <= set(table["what"])
    assert (table.map(len) > 2).all().all()
    for tables in table["tables"]:
        assert tables == "all" or set(tables.split(", ")) <= set(REPRODUCED_TABLES)
