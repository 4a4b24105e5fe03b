"""Figures show what they are given, say it in words, and can be told apart without colour."""

import io
import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from figure_rules import nothing_is_cut_off, rules
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from PIL import Image
from torch.nn import functional

from seqrec_lib import plots
from seqrec_lib.plots import charts, diagrams, drawing

TITLES = [f"{name} (19{50 + i})" for i, name in enumerate(["Alpha", "Beta", "Gamma, The", "Delta"])]
LONG = "Title That Goes On and On Until Nobody Remembers How It Began, The (1999)"
TABLE = pd.DataFrame(
    {"value": [0.1, 0.5], "low": [0.08, 0.45], "high": [0.12, 0.55]}, index=["one", "two"]
)
KEPT = pd.DataFrame({"kept": [0.2, 0.9], "padding": [0.1, 0.4]}, index=pd.Index([10, 50], name="n"))
MASK = np.tril(np.ones((4, 4), dtype=bool))


def examples() -> dict[str, plots.Drawing]:
    return {
        "learning_curves": plots.learning_curves([3.0, 2.0, 1.5], {"NDCG@10": [0.2, 0.4]}, [1, 3]),
        "intervals": plots.intervals(TABLE, "HR@10", ("best attainable", 0.7)),
        "lengths_and_popularity": plots.lengths_and_popularity([20, 30, 500], [9, 1, 4], cut=50),
        "lines": plots.lines(KEPT, "share", log_x=True),
        "bars": plots.bars(KEPT, "share of the memory", [0.4, 1.2], "Longer is dearer"),
        "heatmap": plots.heatmap(np.eye(5), "position", "position", "cosine", title="Alike"),
        "tie_orders": plots.tie_orders(
            {"file": [*TITLES, LONG], "item id": [LONG, *TITLES]}, [1, 1, 1, 1, 1], "Two orders"
        ),
        "split_cells": plots.split_cells(
            [["padding", "train", "valid", "test"], ["train", "train", "valid", "test"]],
            ["user 1", "user 2"],
            [[0, 7, 8, 9], ["Toy Story", "Star Wars?", 3, 4]],
            "Who is asked what",
        ),
        "shift": plots.shift(["", TITLES[0], LONG], ["", LONG, TITLES[2]]),
        "attention_mask": plots.attention_mask(MASK, [True] * 4, [*TITLES[:3], LONG]),
        "two_losses": plots.two_losses([2.0, 0.5, -1.0, 3.0], [*TITLES[:3], LONG], 1, 2),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, charts, diagrams
)


def test_parts_of_a_bar_lie_side_by_side_and_the_sum_is_written():
    figure = plots.bars(KEPT, "share", [0.4, 1.2])
    parts = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    found = {(p.get_x(), p.get_y() + p.get_height() / 2, p.get_width()) for p in parts}
    expected = {(0, 0, 0.2), (0, 1, 0.9), (0.2, 0, 0.1), (0.9, 1, 0.4)}
    assert np.allclose(sorted(found), sorted(expected))
    assert [text.get_text() for text in figure.axes[0].texts] == [
        "0.3, measured 0.4",
        "1.3, measured 1.2",
    ]
    assert "10: kept 0.2, padding 0.1, measured 0.4; 50:" in figure.alt
    with pytest.raises(ValueError, match="below 0"):
        plots.bars(-KEPT, "share")
    with pytest.raises(ValueError, match="one value for each of 2 rows"):
        plots.bars(KEPT, "share", [1.0])


def test_long_labels_beside_square_panels_are_not_cut_off():
    films = ["Toy Story", "Aladdin", "Alien", "Terminator, The", "Casablanca", "Vertigo", "Titanic"]
    lower = np.tril(np.ones((2, 7, 7)))
    figure = plots.attention_maps(lower / lower.sum(-1, keepdims=True), films)
    figure.png()  # shown twice, it has settled twice
    nothing_is_cut_off(figure)


def test_equal_figures_have_equal_bytes():
    one, two = (plots.heatmap(np.eye(3), "a", "b", "c").png() for _ in range(2))
    assert one == two


def test_small_files_look_like_the_whole_picture():
    figure = plots.heatmap(np.arange(1600).reshape(40, 40) ** 2, "rows", "columns", "colour")
    small = figure.png()
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi="figure")
    seen, wanted = (
        np.asarray(Image.open(file).convert("RGB"), dtype=float)
        for file in (io.BytesIO(small), whole)
    )
    colours = len(np.unique(wanted.reshape(-1, 3), axis=0))
    assert colours > 256 >= len(np.unique(seen.reshape(-1, 3), axis=0))
    off = np.abs(seen - wanted)  # of 255
    assert off.mean() < 0.5
    assert off.max() < 32, "something has the colour of something else"
    assert len(small) < len(whole.getvalue()) / 2


def test_pyplot_is_never_loaded():
    # it would choose a window system, and keep every figure in memory
    code = "import sys, seqrec_lib.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Colours: as most people see them, and as people without red or green cones do (Viénot, Brettel and
# Mollon 1999, "Digital video colourmaps for checking the legibility of displays by dichromats").

PROTAN = np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]])
DEUTAN = np.array(
    [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]]
)  # fmt: skip


def lightness_and_colour(colour: str, eye: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of an sRGB colour as an eye sees it (D65)."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (eye @ linear).clip(0, 1)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt((to_xyz @ seen) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", [np.eye(3), PROTAN, DEUTAN], ids=["usual", "protan", "deutan"])
def test_line_colours_are_told_apart_by_every_eye(eye):
    colours = [lightness_and_colour(style["color"], eye) for style in drawing.LINES]
    for one, two in itertools.combinations(colours, 2):
        assert np.linalg.norm(one - two) > 15


def test_lines_differ_in_marker_and_dashes_too():
    for key in ("marker", "linestyle", "color"):
        assert len({style[key] for style in drawing.LINES}) == len(drawing.LINES)


def test_cells_differ_in_print():
    def printed(style):
        grey = lightness_and_colour(style["facecolor"], np.eye(3))[0]
        return grey, style.get("hatch", "")

    for one, two in itertools.combinations(map(printed, diagrams.CELLS.values()), 2):
        assert one[1] != two[1] or abs(one[0] - two[0]) > 25


# What is drawn is what was given.


def test_learning_curves_draw_the_values():
    figure = plots.learning_curves([3, 2, 1], {"NDCG@10": [0.1, 0.3, 0.2]}, [1, 5, 9])
    left, right = figure.axes
    assert left.lines[0].get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert right.lines[0].get_xydata().tolist() == [[1, 0.1], [5, 0.3], [9, 0.2]]
    assert "best 0.300 after epoch 5" in figure.alt


def test_a_loss_has_its_yardsticks_and_a_figure_says_its_answer():
    figure = plots.learning_curves([3, 2], marks={"blind guessing": 2.5}, title="It learns")
    axes = figure.axes[0]
    assert axes.get_title() == "It learns"
    assert [line.get_ydata()[0] for line in axes.lines[1:]] == [2.5]
    assert [text.get_text().strip() for text in axes.texts] == ["blind guessing"]
    assert "blind guessing: 2.500." in figure.alt
    nothing_is_cut_off(figure)
    dots = plots.intervals(TABLE, "HR@10", title="Two is better")
    assert dots.axes[0].get_title() == "Two is better"
    nothing_is_cut_off(dots)


def test_intervals_draw_value_and_reach():
    axes = plots.intervals(TABLE, "HR@10", ("limit", 0.7)).axes[0]
    (container,) = axes.containers
    assert container.lines[0].get_xdata().tolist() == [0.1, 0.5]
    ends = [segment[:, 0].tolist() for segment in container.lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, [[0.08, 0.12], [0.45, 0.55]])
    assert axes.lines[-1].get_xdata() == [0.7, 0.7]


def test_lengths_and_popularity_count_right():
    figure = plots.lengths_and_popularity([10, 20, 60, 70], np.arange(1, 21), cut=50)
    assert "50% are longer than 50" in figure.alt
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 4
    assert f"{(20 + 19) / 210:.0%} of all interactions" in figure.alt
    assert figure.axes[1].lines[0].get_ydata().tolist() == list(range(20, 0, -1))


def test_tie_orders_count_the_films_that_moved():
    a, b, c, d = TITLES
    figure = plots.tie_orders({"file": [a, b, c, d], "id": [b, a, c, d]}, [5, 5, 7, 9])
    assert "of 3 different moments" in figure.alt
    assert "id 2" in figure.alt
    ends = [tuple(line.get_ydata()) for line in figure.axes[0].lines]
    assert ends == [(0, 1), (1, 0), (2, 2), (3, 3)]
    again = plots.tie_orders({"file": [a, b, a, a], "id": [b, a, a, a]}, [5, 5, 7, 9])
    ends = [tuple(line.get_ydata()) for line in again.axes[0].lines]
    assert ends == [(0, 1), (1, 0), (2, 2), (3, 3)], "the first one belongs to the first one"


def test_split_cells_count_what_they_are():
    alt = examples()["split_cells"].alt
    assert "user 1: 1 padding, 1 train, 1 valid, 1 test" in alt
    assert "user 2: 2 train" in alt


def test_shift_names_every_pair():
    figure = plots.shift(["", *TITLES[:2]], ["", *TITLES[1:3]])
    assert f"after {TITLES[0]} comes {TITLES[1]}" in figure.alt
    assert "1 of them padding" in figure.alt


def test_attention_mask_draws_who_may_look():
    figure = plots.attention_mask(MASK, [True] * 4, TITLES)
    cells = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    looks = [cell.get_facecolor()[:3] == to_rgb(drawing.BLUE) for cell in cells]
    assert np.reshape(looks, (4, 4)).tolist() == MASK.tolist()
    assert "10 of 16 pairs" in figure.alt


def test_two_losses_are_those_of_torch():
    scores = torch.tensor([2.0, 0.0, 3.0, -1.0, 1.5])
    asked, answers = scores[[4, 3]], torch.tensor([1.0, 0.0])
    binary = functional.binary_cross_entropy_with_logits(asked, answers, reduction="sum")
    every = functional.cross_entropy(scores, torch.tensor(4))
    figure = plots.two_losses(scores, ["Alien", "Babe", "Aliens", "Fargo", "Heat"], 4, 3)
    assert f"a loss of {binary:.2f}. Cross-entropy" in figure.alt
    assert figure.alt.endswith(f"a loss of {every:.2f}.")
    left, right = ([bar.get_width() for bar in axes.patches] for axes in figure.axes)
    assert left == pytest.approx(asked.sigmoid().tolist())
    assert right == pytest.approx(scores.softmax(dim=0).tolist())


def test_heatmap_takes_tensors_with_gradients():
    values = torch.eye(3, requires_grad=True)
    image = plots.heatmap(values, "position", "position", "cosine").axes[0].images[0]
    assert image.get_array().tolist() == np.eye(3).tolist()


def test_a_heat_map_tells_of_the_corner_and_not_of_one_cell():
    values = np.zeros((10, 10))
    values[0, -1] = 1
    assert "upper right corner 0.25." in plots.heatmap(values, "row", "column", "cosine").alt


def test_attention_maps_say_where_the_last_position_looks():
    weights = torch.zeros(2, 4, 4)
    weights[0, 3, 1], weights[1, 3, 2] = 1, 1
    alt = plots.attention_maps(weights, TITLES).alt
    assert f"head 1: {TITLES[1]}; head 2: {TITLES[2]}" in alt
    figure = plots.attention_maps(weights, TITLES, ["block 1", "block 2"])
    assert [axes.get_title() for axes in figure.axes[:2]] == ["block 1", "block 2"]
    assert f"block 2: {TITLES[2]}" in figure.alt


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: plots.learning_curves([]), "loss"),
        (lambda: plots.learning_curves([1, float("nan")]), "loss holds NaN"),
        (lambda: plots.learning_curves([1, 2], {"HR@10": [0.1, 0.2]}, [1]), "HR@10"),
        (lambda: plots.intervals(TABLE.drop(columns="low"), "HR@10"), "'low'"),
        (lambda: plots.lengths_and_popularity([0, 3], [1, 2], 5), "lengths"),
        (lambda: plots.lines(KEPT.iloc[:, :0], "share"), "1 to 4 columns"),
        (lambda: plots.heatmap([1, 2], "a", "b", "c"), "2 axes"),
        (lambda: plots.attention_maps(np.zeros((1, 3, 3)), TITLES), r"\(H, T, T\)"),
        (lambda: plots.attention_maps(np.zeros((1, 4, 4)), TITLES, ["a", "b"]), "2 entries for 1"),
        (lambda: plots.tie_orders({"a": TITLES, "b": TITLES[:3]}, [1] * 4), "'b'"),
        (lambda: plots.tie_orders({"a": TITLES}, [1]), "moments"),
        (lambda: plots.split_cells([["train", "tset"]], ["u"], [[1, 2]]), "tset"),
        (lambda: plots.split_cells([["train"]], [], [[1]]), "kinds"),
        (lambda: plots.shift(["a"], []), "equally long"),
        (lambda: plots.attention_mask(MASK, [True] * 4, TITLES[:2]), "2 labels"),
        (lambda: plots.two_losses([1, 2], ["a", "b"], 1, 1), "target 1 and negative 1"),
        (lambda: plots.two_losses([1, 2], ["a", "b"], 0, 2), "negative 2"),
        (lambda: plots.two_losses([1, 2, 3], ["a", "b"], 0, 1), r"\(3,\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_epochs_have_whole_numbers_on_the_axis():
    table = pd.DataFrame({"SASRec": [0.1, 0.2]}, index=pd.Index([2, 4], name="epoch"))
    (axes,) = plots.lines(table, "NDCG@10").axes
    assert all(tick == round(tick) for tick in axes.get_xticks())
