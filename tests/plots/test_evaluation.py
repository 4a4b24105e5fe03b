"""Figures about evaluation show what they are given, and say it in words."""

import numpy as np
import pandas as pd
import pytest
from figure_rules import rules

from seqrec_lib import plots
from seqrec_lib.plots import drawing
from seqrec_lib.plots import evaluation as evaluation_figures

PLACES = pd.DataFrame(
    {"100 negatives": [0.2, 0.5, 0.6], "all films": [0.02, 0.13, 0.11]},
    index=["popularity", "Markov chain", "SASRec"],
)
NEGATIVES = pd.DataFrame(
    {"SASRec": [0.9, 0.6, 0.2], "a model with a long name": [0.8, 0.59, 0.21]},
    index=pd.Index([10, 100, 3000], name="negatives"),
)
GAPS = pd.DataFrame(
    {"value": [0.02, 0.01], "low": [0.01, -0.01], "high": [0.03, 0.03]}, index=["sure", "open"]
)
PEOPLE = [([2000.0, 2000.5, 2001.0], ["train", "train", "test"]), ([2000.2], ["not used"])]


def examples() -> dict[str, plots.Drawing]:
    return {
        "order_change": plots.order_change(PLACES, "NDCG@10", "The order changes"),
        "curves": plots.curves(NEGATIVES, "HR@10", {"the papers": 100}),
        "spread": plots.spread(
            {"one": [0.1, 0.12, 0.11], "two": [0.3]}, "NDCG@10", {"one": (0.05, 0.2)}
        ),
        "differences": plots.differences(GAPS, "difference in NDCG@10", "One is clear"),
        "split_in_time": plots.split_in_time({"a": PEOPLE, "b": PEOPLE}, [2000.3, 2000.6]),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, evaluation_figures
)


def test_order_change_follows_models_from_place_to_place():
    figure = plots.order_change(PLACES, "NDCG@10")
    lines = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert lines == [[3, 3], [2, 1], [1, 2]]
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert colours == [drawing.GREY, drawing.ORANGE, drawing.ORANGE]
    assert "100 negatives: SASRec, Markov chain, popularity" in figure.alt
    assert "Pairs that change: Markov chain and SASRec." in figure.alt
    same = plots.order_change(PLACES.assign(**{"all films": [0.1, 0.2, 0.3]}), "HR@10")
    assert "Pairs that change: none." in same.alt


def test_curves_draw_the_values_on_a_log_scale_and_name_the_lines():
    axes = plots.curves(NEGATIVES, "HR@10", {"the papers": 100}).axes[0]
    assert axes.lines[1].get_ydata().tolist() == [0.8, 0.59, 0.21]
    assert axes.get_xscale() == "log"
    assert axes.lines[2].get_xdata() == [100, 100]
    names = {text.get_text().strip(): text for text in axes.texts}
    assert {"SASRec", "a model with a long name", "the papers"} == set(names)
    heights = [names[name].xy[1] for name in NEGATIVES]
    assert heights[1] - heights[0] >= 0.05, "the names of two close lines lie on each other"


def test_spread_draws_every_value_and_the_interval_below():
    axes = plots.spread({"one": [0.1, 0.12, 0.11]}, "x", {"one": (0.05, 0.2)}).axes[0]
    dots = axes.collections[0].get_offsets()
    assert sorted(dots[:, 0]) == [0.1, 0.11, 0.12]
    assert axes.lines[0].get_xdata().tolist() == [0.05, 0.2]
    assert axes.lines[0].get_ydata()[0] > dots[:, 1].max()  # the axis points down


def test_differences_are_hollow_where_they_hold_zero():
    figure = plots.differences(GAPS, "difference")
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [0.02, 0.01]
    assert [dot.get_markerfacecolor() for dot in dots] == [drawing.BLUE, "white"]
    assert "Zero lies in: open." in figure.alt


def test_split_in_time_tells_training_from_test_and_counts_what_comes_later():
    figure = plots.split_in_time({"a": PEOPLE, "b": PEOPLE}, [2000.3, 2000.6])
    assert "a: 1 rows of training lie right of the line; b: 0 rows" in figure.alt
    train, test, unused = figure.axes[0].collections[:3]
    assert train.get_offsets().tolist() == [[2000.0, 0], [2000.5, 0]]
    assert test.get_offsets().tolist() == [[2001.0, 0]]
    assert unused.get_offsets().tolist() == [[2000.2, 1]]
    assert [text.get_text() for text in figure.legends[0].texts] == ["train", "test", "not used"]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: plots.order_change(PLACES[["all films"]], "x"), "2 protocols"),
        (lambda: plots.order_change(PLACES.replace(0.5, np.nan), "x"), "NaN"),
        (lambda: plots.curves(NEGATIVES.iloc[:, :0], "x"), "1 to 5 columns"),
        (lambda: plots.curves(NEGATIVES.iloc[::-1], "x"), "must be positive and rise"),
        (lambda: plots.spread({}, "x"), "samples is empty"),
        (lambda: plots.differences(GAPS.drop(columns="low"), "x"), "'low'"),
        (lambda: plots.split_in_time({"a": PEOPLE}, []), "as many moments"),
        (lambda: plots.split_in_time({"a": [([1.0], ["valid"])]}, [1.0]), "valid"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()
