"""Figures about evaluation show what they are given, and say it in words."""

import numpy as np
import pandas as pd
import pytest
from figure_rules import rules

from seqrec_lib import plots
from seqrec_lib.plots import comparing, drawing
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
SIZES = pd.DataFrame(
    {
        "value": [0.002, 0.4, 0.02],
        "low": [0.0, 0.3, 0.01],
        "high": [0.004, 0.5, 0.03],
        "kind": ["luck", "question", "luck"],
    },
    index=["a draw", "the protocol", "a seed"],
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
        "effect_sizes": plots.effect_sizes(SIZES, "size", "The protocol is largest"),
        "split_in_time": plots.split_in_time({"a": PEOPLE, "b": PEOPLE}, [2000.3, 2000.6]),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, evaluation_figures, comparing
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


def test_differences_of_several_panels_have_scales_of_their_own_and_the_rows_once():
    small = GAPS * 0.01
    figure = plots.differences({"left": GAPS, "right": small}, "difference", bound=0.005)
    left, right = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["left", "right"]
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["sure", "open"]
    assert not any(tick.get_text() for tick in right.get_yticklabels())
    assert left.get_xlim()[1] > 3 * right.get_xlim()[1]
    shaded = right.patches[0].get_x(), right.patches[0].get_x() + right.patches[0].get_width()
    assert shaded == pytest.approx((-0.005, 0.005))
    assert "left, sure +0.0200 (+0.0100 to +0.0300); left, open" in figure.alt
    assert "Zero lies in: left, open, right, open. Shaded: from -0.005 to 0.005." in figure.alt


def test_curves_below_zero_get_a_line_at_zero():
    axes = plots.curves(NEGATIVES - 0.5, "difference", title="It falls").axes[0]
    assert axes.get_ylim()[0] < -0.3
    assert axes.get_title(loc="left") == "It falls"
    (zero,) = (line for line in axes.lines if list(line.get_ydata()) == [0, 0])
    assert zero.get_color() == drawing.GREY
    assert plots.curves(NEGATIVES, "HR@10").axes[0].get_ylim()[0] == 0


def test_effect_sizes_go_from_large_to_small_on_a_log_scale():
    figure = plots.effect_sizes(SIZES, "size")
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["the protocol", "a seed", "a draw"]
    dots = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert [dot.get_xdata()[0] for dot in dots] == [0.4, 0.02, 0.002]
    assert [dot.get_markerfacecolor() for dot in dots] == [drawing.ORANGE, drawing.BLUE, "white"]
    intervals = [line.get_xdata().tolist() for line in axes.lines if len(line.get_xdata()) == 2]
    assert intervals[:2] == [[0.3, 0.5], [0.01, 0.03]]
    assert intervals[2] == [axes.get_xlim()[0], 0.004]  # into the edge: zero has no logarithm
    assert "the protocol 0.4000 (0.3000 to 0.5000); a seed" in figure.alt


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
        (lambda: plots.differences({}, "x"), "table is empty"),
        (lambda: plots.differences({"a": GAPS, "b": GAPS.iloc[:1]}, "x"), "panel 'b'"),
        (lambda: plots.effect_sizes(SIZES.drop(columns="kind"), "x"), "'kind'"),
        (lambda: plots.effect_sizes(SIZES.assign(value=0.0), "x"), "above 0"),
        (lambda: plots.effect_sizes(SIZES.assign(low=1.0), "x"), "above 0"),
        (lambda: plots.split_in_time({"a": PEOPLE}, []), "as many moments"),
        (lambda: plots.split_in_time({"a": [([1.0], ["valid"])]}, [1.0]), "valid"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()
