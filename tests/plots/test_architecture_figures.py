"""The pages of whole models show the films they are given, and arrows that never lead ahead."""

import pytest
from figure_rules import rules
from matplotlib.patches import FancyArrowPatch

from seqrec_lib import plots
from seqrec_lib.plots import architecture

INPUTS = ["", "Alien", "Toy Story", "Aliens"]
TARGETS = ["", "Toy Story", "Aliens", "?"]


def examples() -> dict[str, plots.Drawing]:
    return {
        "model_page": plots.model_page(INPUTS, TARGETS, "user 17"),
        "block_inside": plots.block_inside("Queries from h"),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, architecture
)


def test_positions_look_at_themselves_and_back_and_never_ahead_nor_at_padding():
    axes = plots.model_page(INPUTS, TARGETS).axes[0]
    ends = [p._posA_posB for p in axes.patches if isinstance(p, FancyArrowPatch)]
    looks = {(a[0], b[0]) for a, b in ends if 3.0 < a[1] < 3.2}  # inside the first block
    assert looks == {(1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 3)}


def test_the_page_says_what_follows_what_and_whose_it_is():
    assert "Toy Story after Alien; Aliens after Toy Story" in plots.model_page(INPUTS, TARGETS).alt
    assert "SSE-PT" in plots.model_page(INPUTS, TARGETS, "user 17").alt
    with pytest.raises(ValueError, match="not 4 and 3"):
        plots.model_page(INPUTS, TARGETS[1:])
