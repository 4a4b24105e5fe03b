"""Figures of a look inside a model show what they are given, and say it in words."""

import numpy as np
import pandas as pd
import pytest
from figure_rules import rules

from seqrec_lib import plots
from seqrec_lib.plots import inside as inside_figures

LOWER = np.tril(np.ones((5, 5)))
WEIGHTS = np.stack([LOWER / LOWER.sum(-1, keepdims=True), np.eye(5)])
RATIOS = np.array([[[1.5, 0.8], [0.9, 1.2]], [[1.0, 1.0], [1.0, 1.1]]])
PLACES = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [1.0, 1.0]])
GROUPS = ["Horror", "", "Romance", "Horror"]
FILMS = ["Alien", "Toy Story", "Aliens", "Babe", "A Film With a Very Long Title Indeed"]
ACCOUNTS = pd.DataFrame(
    {"attention": [0.1, 0.7, 0.2], "occlusion": [-0.5, 0.1, 0.9]},
    index=["Alpha", "Beta and Its Very Long Title That Goes On and On", "Gamma, The"],
)


def examples() -> dict[str, plots.Drawing]:
    return {
        "position_maps": plots.position_maps(
            {"without, block 1": LOWER, "with, block 1": 2 * LOWER},
            {"with, block 1": LOWER},
            "Near",
        ),
        "ratio_map": plots.ratio_map(
            RATIOS,
            ["Horror", "Romance"],
            ["Horror", "Romance"],
            ["raw", "corrected"],
            "ratio",
            "Own",
        ),
        "film_map": plots.film_map(
            PLACES, GROUPS, {2: "Some Film (1999)"}, ("first", "second"), "Two groups"
        ),
        "share_maps": plots.share_maps(WEIGHTS, FILMS, ["block 1", "block 2"], "Block 2 chooses"),
        "side_by_side": plots.side_by_side(ACCOUNTS, "Two accounts of one score"),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, inside_figures
)


def test_share_maps_colour_by_an_even_share_and_write_the_weights():
    figure = plots.share_maps(WEIGHTS, FILMS, ["block 1", "block 2"], "Block 2 chooses")
    even, own = (axes.images[0] for axes in figure.axes[:2])
    assert even.get_array().mask[0].tolist() == [False, True, True, True, True]
    assert even.get_array()[4].tolist() == pytest.approx([0] * 5), "1/5 of each is an even share"
    # all of a row of four is 2 doublings above 1/4, and nothing is drawn at the scale's end
    assert own.get_array()[3].tolist()[:4] == pytest.approx([-3, -3, -3, 2])
    assert even.get_clim() == own.get_clim() == (-3, 3)
    assert [text.get_text() for text in figure.axes[0].texts[:3]] == ["1.00", "0.50", "0.50"]
    assert len(figure.axes[0].patches) == 4, "each row but the last hides its future"
    assert "block 1: the last film gives 0.20 to Alien" in figure.alt
    assert figure.get_suptitle() == "Block 2 chooses"


def test_position_maps_put_the_papers_words_above_what_was_measured():
    ours = {"without, block 1": LOWER, "with, block 1": 4 * LOWER}
    figure = plots.position_maps(ours, {"with, block 1": LOWER}, "Near")
    drawn = [[axes.images[0].get_array()[4, 0]] if axes.images else [] for axes in figure.axes[:4]]
    assert drawn == [[], [0], [0], [2]]  # paper and ours by column, in doublings of an even share
    assert [axes.texts[0].get_text() for axes in figure.axes[:1]] == ["not\nshown"]
    assert "with, block 1: one step back 4.0, 4 steps back 4.0" in figure.alt


def test_ratio_map_writes_the_numbers_around_one():
    figure = plots.ratio_map(RATIOS, ["A", "B"], ["C", "D"], ["raw", "corrected"], "ratio")
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.50", "0.80", "0.90", "1.20"]
    norm = figure.axes[0].images[0].norm
    assert norm(1.0) == 0.5, "1, as expected, must be the white in the middle"
    assert "raw: highest 1.50 (A, C), lowest 0.80" in figure.alt


def test_ratio_map_says_what_its_rows_and_columns_are():
    for kind, more in (("genre", ()), ("price", ("price",))):
        figure = plots.ratio_map(RATIOS, ["A", "B"], ["C", "D"], ["a", "b"], "ratio", "", *more)
        assert figure.axes[0].get_xlabel() == f"{kind} of the film that answers"


def test_film_map_draws_each_group_and_names_the_named():
    figure = plots.film_map(PLACES, GROUPS, {2: "Some Film (1999)"}, ("first", "second"))
    others, horror, romance = figure.axes[0].collections
    assert others.get_offsets().tolist() == [[2, 3]]
    assert horror.get_offsets().tolist() == [[0, 1], [1, 1]]
    assert romance.get_offsets().tolist() == [[4, 5]]
    (title,) = figure.axes[0].texts
    assert (title.get_text(), list(title.xy)) == ("Some Film (1999)", [4, 5])
    assert "2 Horror, 1 Romance" in figure.alt
    close = plots.film_map(
        [[0, 0], [0.1, 0.01], [5, 5]], [""] * 3, dict(enumerate("abc")), ("", "")
    )
    assert [text.get_text() for text in close.axes[0].texts] == ["a", "c"]


def test_side_by_side_draws_bars_and_hatches_the_longest():
    figure = plots.side_by_side(ACCOUNTS, "Two accounts")
    bars = [axes.patches for axes in figure.axes]
    assert [[bar.get_width() for bar in panel] for panel in bars] == [
        ACCOUNTS["attention"].tolist(),
        ACCOUNTS["occlusion"].tolist(),
    ]
    assert [[bool(bar.get_hatch()) for bar in panel] for panel in bars] == [
        [False, True, False],
        [False, False, True],
    ]
    assert "occlusion: most for Gamma, The" in figure.alt
    assert figure.get_suptitle() == "Two accounts"


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: plots.share_maps(WEIGHTS, FILMS, ["one"], ""), "1 names"),
        (lambda: plots.share_maps(WEIGHTS[:, :3], FILMS, ["a", "b"], ""), r"\(P, T, T\)"),
        (lambda: plots.position_maps({"a": LOWER}, {"b": LOWER}, ""), "of the same names"),
        (lambda: plots.position_maps({"a": LOWER[:3]}, {}, ""), r"\(K, K\)"),
        (lambda: plots.position_maps({}, {}, ""), "1 to 4 maps"),
        (lambda: plots.ratio_map(RATIOS, ["A"], ["C", "D"], ["a", "b"], "x"), "1 rows"),
        (lambda: plots.film_map(PLACES, GROUPS[:2], {}, ("a", "b")), "2 groups"),
        (lambda: plots.film_map(np.zeros((5, 2)), list("abcde"), {}, ("a", "b")), "at most 4"),
        (lambda: plots.share_maps(np.nan * WEIGHTS, FILMS, ["a", "b"], ""), "NaN"),
        (lambda: plots.side_by_side(ACCOUNTS.iloc[:0], "x"), "rows and columns"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()
