"""Figures of recorded results show every row, mark what differs, and leave out nothing that ran."""

import numpy as np
import pandas as pd
import pytest
from figure_rules import rules
from matplotlib.colors import to_rgba

from seqrec_lib import plots
from seqrec_lib.plots import results as result_figures
from seqrec_lib.plots.drawing import BLUE

NAN = float("nan")
TABLE = pd.DataFrame(
    [
        ("ours", 0.59, 0.5890, 0.588, 0.590, 3, "reproduced"),
        ("other", 0.55, 0.5000, 0.500, 0.500, 1, "differs"),
        ("short", 0.55, 0.5400, 0.540, 0.540, 1, "shorter run"),
        ("later", 0.48, NAN, NAN, NAN, 0, ""),
        ("alone", NAN, 0.5700, 0.570, 0.570, 1, "nothing printed"),
    ],
    columns=["row", "paper", "ours", "lowest", "highest", "seeds", "verdict"],
)
FAR = pd.DataFrame(
    [
        ("near", 0.59, -0.0010, 0.588, 0.590, -0.0090, 3),
        ("off", 0.55, 0.0060, 0.556, 0.556, NAN, 1),
        ("far off", 0.45, 0.1140, 0.564, 0.564, 0.001, 1),
        ("not run", 0.48, NAN, NAN, NAN, NAN, 0),
    ],
    columns=["row", "paper", "difference", "lowest", "highest", "difference_hr", "seeds"],
)
EFFECTS = pd.DataFrame(
    [
        ("no dropout", "the paper", -0.01, -0.01, -0.01),
        ("no dropout", "here", -0.03, -0.04, -0.02),
        ("one block", "here", 0.01, 0.0, 0.02),
    ],
    columns=["name", "source", "change", "low", "high"],
)
CURVES = {
    "long": pd.Series([0.1, 0.4, 0.3], index=[10, 20, 30]),
    "short": pd.Series([0.2], index=[10]),
}


def examples() -> dict[str, plots.Drawing]:
    long_names = ("ML-1M, the paper", "ML-1M, recorded", "Games, the paper", "Games, recorded")
    most = pd.concat([EFFECTS.assign(name="unshared-item-embedding", source=s) for s in long_names])
    return {
        "by_epoch": plots.by_epoch(CURVES, "NDCG@10", title="Two runs"),
        "effects": plots.effects(most, "change of NDCG@10", title="One part matters"),
        "off_the_paper": plots.off_the_paper(FAR, 0.004, "Two of three rows are off"),
        "paper_and_ours": plots.paper_and_ours(TABLE, 0.004),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, result_figures
)


def dots(axes, marker: str) -> list:
    """Lines of one point with this marker that stand in the data, not in the legend."""
    return [one for one in axes.lines if one.get_marker() == marker and len(one.get_xdata()) == 1]


def test_dots_outside_the_tolerance_are_hollow_and_far_ones_are_arrows_at_the_edge():
    left, right = plots.off_the_paper(FAR, 0.004).axes
    fills = [to_rgba(one.get_markerfacecolor()) for one in dots(left, "o")]
    assert fills == [to_rgba(BLUE), to_rgba("white")]
    (arrow,) = dots(left, ">")
    assert arrow.get_xdata()[0] == 0.02  # five tolerances
    assert [note.get_text() for note in left.texts] == ["+0.114"]
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "near (3)", "off (1)", "far off (1)",
    ]  # fmt: skip
    assert [one.get_xdata()[0] for one in dots(right, "o")] == [-0.009, 0.001]
    assert to_rgba(dots(right, "o")[0].get_markerfacecolor()) == to_rgba("white")
    (alone,) = plots.off_the_paper(FAR.assign(difference_hr=NAN), 0.004).axes
    assert alone.get_xlabel().startswith("NDCG@10")


def test_each_row_says_what_it_is():
    figure = plots.paper_and_ours(TABLE, 0.004)
    (axes,) = figure.axes
    notes = [text.get_text() for text in axes.texts]
    assert notes == [
        "reproduced (3 seeds)",
        "differs (1 seed)",
        "shorter run (1 seed)",
        "not run",
        "nothing printed (1 seed)",
    ]
    printed = [float(dot.get_xdata()[0]) for dot in dots(axes, "D")]
    assert printed == [0.59, 0.55, 0.55, 0.48]
    ours = {float(d.get_xdata()[0]): to_rgba(d.get_markerfacecolor()) for d in dots(axes, "o")}
    full, hollow = to_rgba(BLUE), to_rgba("white")
    assert ours == {0.589: full, 0.5: hollow, 0.57: full}
    assert [float(d.get_xdata()[0]) for d in dots(axes, "x")] == [0.54]
    assert "later: printed 0.4800, not run" in figure.alt
    assert "alone: nothing printed, ours 0.5700." in figure.alt


def test_the_band_is_the_tolerance():
    (axes,) = plots.paper_and_ours(TABLE.iloc[:1], 0.01).axes
    band = next(one for one in axes.lines if one.get_linewidth() == 9)
    np.testing.assert_allclose(band.get_xdata(), [0.58, 0.60])


def test_effects_stand_in_their_rows():
    (axes,) = plots.effects(EFFECTS, "change").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no dropout", "one block"]
    paper, here = (one for one in axes.lines if one.get_marker() != "None")
    assert paper.get_xdata().tolist() == [-0.01]
    assert here.get_xdata().tolist() == [-0.03, 0.01]
    assert (np.round(here.get_ydata()) == [0, 1]).all()
    assert (here.get_ydata()[0] - paper.get_ydata()[0]) > 0.1, "two sources on one spot"


def test_curves_keep_their_own_lengths():
    figure = plots.by_epoch(CURVES, "NDCG@10")
    assert [len(one.get_xdata()) for one in figure.axes[0].lines] == [3, 1]
    assert "highest 0.400 at 20" in figure.alt


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: plots.paper_and_ours(TABLE.drop(columns="seeds"), 0.1), "column 'seeds'"),
        (lambda: plots.off_the_paper(FAR.drop(columns="paper"), 0.1), "column 'paper'"),
        (lambda: plots.off_the_paper(FAR.iloc[3:], 0.1), "nothing to draw"),
        (lambda: plots.paper_and_ours(TABLE.iloc[:0], 0.1), "no rows"),
        (lambda: plots.paper_and_ours(TABLE.assign(paper=NAN, ours=NAN), 0.1), "nothing to draw"),
        (lambda: plots.effects(EFFECTS.drop(columns="low"), "x"), "column 'low'"),
        (lambda: plots.effects(EFFECTS.assign(low=NAN), "x"), "NaN"),
        (lambda: plots.by_epoch({}, "y"), "1 to 5 curves, not 0"),
        (lambda: plots.by_epoch({"a": pd.Series([NAN])}, "y"), "NaN"),
    ],
)
def test_bad_input_is_refused(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()
