"""Figures about size show what they are given."""

import numpy as np
import pandas as pd
import pytest
from figure_rules import rules
from matplotlib.patches import Rectangle

from seqrec_lib import plots
from seqrec_lib.plots import scaling as scaling_figures

SIZES = pd.Index([1_000, 10_000, 2_000_000], name="items")
TIME = pd.DataFrame({"one": [1.0, 1.1, 1.2], "two": [1.0, 10.0, 1000.0]}, index=SIZES)
MEMORY = pd.DataFrame({"one": [5.0, 5.0, 5.0], "two": [2.0, 20.0, np.nan]}, index=SIZES)
ROWS, TARGETS = ["Ann", "Bob", "Cleo", "Dan", "Eve"], [5, 3, 7, 2, 4]


def examples() -> dict[str, plots.Drawing]:
    return {
        "growths": plots.growths({"ms": TIME, "MB": MEMORY}),
        "page_of_table": plots.page_of_table(20, [9, 2, 2, 17]),
        "shared_step": plots.shared_step(ROWS, TARGETS),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, scaling_figures
)


def test_growths_draws_every_number_and_leaves_holes_out():
    left, right = examples()["growths"].axes
    assert left.lines[1].get_ydata().tolist() == [1, 10, 1000]
    assert right.lines[1].get_xdata().tolist() == [1_000, 10_000]
    assert left.get_xscale() == left.get_yscale() == "log"
    assert [text.get_text() for text in left.get_xticklabels()] == ["1k", "10k", "2M"]
    low, high = right.get_ylim()
    assert high / low >= 10  # five equal numbers are a flat line
    assert "ms, two: 1 at 1,000, 1e+03 at 2,000,000" in examples()["growths"].alt


def test_growths_names_every_line_at_its_end_and_apart():
    figure = plots.growths({"ms": TIME, "MB": MEMORY}, "One stays flat")
    assert figure.get_suptitle() == "One stays flat"
    for axes, table in zip(figure.axes, (TIME, MEMORY), strict=True):
        notes = {note.get_text(): note for note in axes.texts}
        assert list(notes) == ["one", "two"]
        assert notes["two"].xy[0] == table["two"].dropna().index[-1]
    near = plots.growths({"ms": TIME.assign(two=TIME["one"])}).axes[0]
    heights = [note.xy[1] for note in near.texts]
    assert heights[0] == pytest.approx(1.2)
    assert heights[1] > 1.1 * heights[0]


def test_shared_step_adds_the_targets_up():
    figure = examples()["shared_step"]
    said = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "16 targets" in said
    assert "5 targets" in said
    assert said.count("/ 21") == 2
    assert "16 targets, process 1 the rest, 5." in figure.alt


def test_page_of_table_has_the_used_rows_in_order():
    axes = examples()["page_of_table"].axes[0]
    said = [text.get_text() for text in axes.texts]
    assert said[:3] == ["row 2 is 0 here", "row 9 is 1 here", "row 17 is 2 here"]
    cells = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert len(cells) == 20 + 3
    white = [cell for cell in cells if cell.get_facecolor()[:3] == (1, 1, 1)]
    assert len(white) == 17


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.growths({"ms": TIME, "MB": MEMORY[["one"]]}), "must be"),
        (lambda: plots.growths({"ms": TIME - 1}), "more than 0"),
        (lambda: plots.growths({"ms": TIME[[]]}), "1 to 4 columns"),
        (lambda: plots.page_of_table(5, [5]), "from 0 to 4"),
        (lambda: plots.page_of_table(5, []), "from 0 to 4"),
        (lambda: plots.shared_step(["Ann"], [1]), "at least 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
