"""Figures about SSE-PT show which ids were replaced, and where windows were drawn."""

import numpy as np
import pandas as pd
import pytest
import torch
from figure_rules import rules
from matplotlib.patches import Rectangle

from seqrec_lib import plots
from seqrec_lib.plots import ssept as ssept_figures

BEFORE = ["Alpha", "Beta and Its Very Long Title That Goes On and On", "Gamma, The", "Delta"]
READ = [BEFORE[:3], ["Alpha", "Epsilon", "Gamma, The"]]
ASKED = [BEFORE[1:], [*BEFORE[1:3], "Alpha"]]
LENGTH, N = 12, 4
STARTS = [8] * 6 + [1, 3, 3, 7]  # the last window of 12 films with 4 positions starts at 8


EPOCHS = pd.Index([2, 4, 6], name="epoch")
RUNS = {
    "SASRec": pd.DataFrame({1: [0.50, 0.55, 0.56], 2: [0.52, 0.55, 0.58]}, index=EPOCHS),
    "PT": pd.DataFrame({1: [0.50, 0.53, 0.57]}, index=EPOCHS),
}


def examples() -> dict[str, plots.Drawing]:
    return {
        "by_seed": plots.by_seed(RUNS, "validation NDCG@10", "Two models, two seeds"),
        "replacements": plots.replacements(("person 1", "person 7"), READ, ASKED),
        "windows": plots.windows(LENGTH, N, STARTS, 0.4),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, ssept_figures
)


def cells(axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_seeds_are_thin_their_mean_is_thick_and_the_axis_need_not_start_at_zero():
    figure = plots.by_seed(RUNS, "validation NDCG@10")
    axes = figure.axes[0]
    drawn = [(line.get_linewidth() > 2, list(line.get_ydata())) for line in axes.lines]
    assert [thick for thick, _ in drawn] == [False, False, True, False, True]
    assert drawn[2][1] == pytest.approx([0.51, 0.55, 0.57])  # by hand
    assert axes.get_ylim()[0] > 0.4
    assert "SASRec: 2 seeds, mean 0.510 at 2, highest 0.570 at 6, 0.570 at 6" in figure.alt
    heights = {note.get_text(): note.xy[1] for note in axes.texts}
    assert abs(heights["SASRec"] - heights["PT"]) > 0.004, "the two names lie on one another"
    ordered = plots.by_seed({"PT": RUNS["PT"]}, "loss", order=["SASRec", "PT"])
    assert ordered.axes[0].lines[-1].get_color() == axes.lines[-1].get_color() != "#0072B2"
    with pytest.raises(ValueError, match="1 to 4 runs, not 0"):
        plots.by_seed({}, "loss")


def test_replacements_hatch_what_changed_and_nothing_else():
    figure = plots.replacements(("person 1", "person 7"), READ, ASKED)
    swapped = {
        (round(c.get_y() + 0.38), round(c.get_x() + c.get_width() / 2))
        for c in cells(figure.axes[0])
        if c.get_hatch()
    }
    assert swapped == {(2, 1), (1, 1), (0, 2)}  # the user's one wide cell has its middle at 1
    assert "user: person 1 became person 7" in figure.alt
    assert "is asked for: Delta became Alpha" in figure.alt
    written = [text.get_text() for text in figure.axes[0].texts]
    assert "person 7" in written
    assert "person 1" not in written  # it is struck out


def test_replacements_of_nothing():
    same = (READ[0], READ[0]), (ASKED[0], ASKED[0])
    figure = plots.replacements(("person 1", "person 1"), *same)
    assert not any(cell.get_hatch() for cell in cells(figure.axes[0]))
    assert figure.alt.count("nothing") == 3


def test_windows_lie_where_they_were_drawn():
    left, right = plots.windows(LENGTH, N, torch.tensor(STARTS), 0.4).axes
    drawn = [round(cell.get_x() + 0.5) for cell in cells(left)]
    assert drawn == STARTS
    assert {round(cell.get_width()) for cell in cells(left)} == {N}
    assert [bool(cell.get_hatch()) for cell in cells(left)] == [start != 8 for start in STARTS]
    heights = {round(bar.get_x() + 0.5): bar.get_height() for bar in cells(right)}
    assert heights == pytest.approx({p: np.mean(np.array(STARTS) == p) for p in range(1, 9)})
    expected = right.lines[0].get_xydata()
    assert expected[:, 1].sum() == pytest.approx(1)
    assert expected[-1].tolist() == [8, 0.6]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: plots.replacements(("a", "a"), READ, [ASKED[0], ASKED[1][:2]]), "one length"),
        (lambda: plots.replacements(("a", "a"), [READ[0]], ASKED), "two rows"),
        (lambda: plots.replacements(("a", "a"), [[], []], [[], []]), "one length"),
        (lambda: plots.windows(LENGTH, N, [9], 0.4), "from 1 to length - n = 8"),
        (lambda: plots.windows(LENGTH, N, [0], 0.4), "from 1 to length - n = 8"),
        (lambda: plots.windows(LENGTH, N, [], 0.4), "some entries"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()
