"""Figures about attention show what they are given; cells that are zero or hidden look so."""

import numpy as np
import pandas as pd
import pytest
import torch
from figure_rules import rules
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from seqrec_lib import plots
from seqrec_lib.plots import attention as attention_figures
from seqrec_lib.plots import drawing

TITLES = ["Alpha", "Beta and Its Very Long Title That Goes On and On", "Gamma, The", "Delta"]
SHORT = ["Alpha", "Beta", "Gamma, The", "Delta"]
PAST = np.tril(np.ones((4, 4)))
WEIGHTS = PAST / PAST.sum(-1, keepdims=True)
COST = pd.DataFrame({"counted": [1.0, 4.0, 16.0]}, index=pd.Index([8, 16, 32], name="T"))


def examples() -> dict[str, plots.Drawing]:
    return {
        "attention_maps": plots.attention_maps(np.stack([WEIGHTS, WEIGHTS]), SHORT),
        "dependence": plots.dependence(np.stack([WEIGHTS, PAST]), TITLES, ["one", "two"]),
        "growth": plots.growth(COST, "multiplications"),
        "heads": plots.heads(5, 4, 2),
        "known_maps": plots.known_maps(np.eye(4)[None], WEIGHTS[None], TITLES, ["layer 1"]),
        "number_table": plots.number_table(WEIGHTS, TITLES, TITLES, "weight", PAST == 0),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, attention_figures
)


def written(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def hatched(axes) -> set[tuple[int, int]]:
    """(row, column) of the hatched cells."""
    cells = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
    return {(round(c.get_y() + 0.5), round(c.get_x() + 0.5)) for c in cells}


def test_number_table_writes_the_numbers_and_hatches_the_hidden():
    values = torch.tensor([[0.25, -2.0], [3.0, float("-inf")]], requires_grad=True)
    figure = plots.number_table(values, ["a", "b"], ["c", "d"], "score", [[0, 0], [0, 1]])
    assert written(figure.axes[0]) == ["0.25", "-2.00", "3.00"]
    assert hatched(figure.axes[0]) == {(1, 1)}
    assert "a c 0.25; b c 3.00." in figure.alt
    assert "1 cells are hidden" in figure.alt


def test_number_table_names_what_is_not_a_number():
    figure = plots.number_table([[np.nan, np.nan], [0.5, 0.25]], ["a", "b"], ["c", "d"], "weight")
    assert written(figure.axes[0]) == ["NaN", "NaN", "0.50", "0.25"]
    assert "a none; b c 0.50" in figure.alt
    assert "2 cells are not a number" in figure.alt


def test_number_table_has_no_minus_zero():
    assert written(plots.number_table([[-0.0]], ["a"], ["b"], "score").axes[0]) == ["0.00"]


def test_numbers_can_be_read_on_their_cells():
    figure = plots.number_table([[0.0, 0.2, 0.8, 1.0]], ["a"], list("bcde"), "weight")
    axes = figure.axes[0]
    image = axes.images[0]
    for text, value in zip(axes.texts, [0.0, 0.2, 0.8, 1.0], strict=True):
        cell = np.dot(image.cmap(image.norm(value))[:3], [0.2126, 0.7152, 0.0722])
        ink = np.dot(to_rgb(text.get_color()), [0.2126, 0.7152, 0.0722])
        assert abs(cell - ink) > 0.35


def test_heads_cut_every_position_the_same_way():
    axes = plots.heads(3, 6, 2).axes[0]
    places = {"left": {}, "right": {}}
    for text in axes.texts:
        if "·" in text.get_text() and "=" not in text.get_text():
            x, y = text.get_position()
            places["left" if x < 6 else "right"][text.get_text()] = (x - 0.5, y - 0.5)
    assert len(places["left"]) == len(places["right"]) == 18
    numbers = torch.arange(18).view(1, 3, 6)  # (B, T, D)
    cut = numbers.view(1, 3, 2, 3).transpose(1, 2)[0]  # (H, T, D/H), torch's own
    for head, t, d in np.ndindex(2, 3, 3):
        position, number = divmod(int(cut[head, t, d]), 6)
        where = places["right"][f"{position + 1}·{number + 1}"]
        assert where == (6 + 3 + d, head * 4 + t)


def test_dependence_hatches_exact_zeros_only():
    strength = PAST.copy()
    strength[3, 0] = 1e-30  # tiny, but not zero
    strength[1, 0] = 0
    figure = plots.dependence(torch.tensor(strength)[None], TITLES)
    assert hatched(figure.axes[0]) == {(0, 1), (0, 2), (0, 3), (1, 0), (1, 2), (1, 3), (2, 3)}
    assert "of the 6 cells above the diagonal: the panel 6." in figure.alt
    leak = PAST.copy()
    leak[0, 3] = 1e-9
    assert "the panel 5." in plots.dependence(leak[None], TITLES).alt


def test_known_maps_frame_the_right_cells():
    right = np.zeros((1, 4, 4), dtype=bool)
    right[0, 2, 0] = right[0, 3, 1] = True
    figure = plots.known_maps(right, WEIGHTS[None], TITLES)
    known, learned = figure.axes[:2]
    assert known.images[0].get_array().tolist() == right[0].astype(float).tolist()
    assert learned.images[0].get_array().tolist() == WEIGHTS.tolist()
    frames = [p for p in learned.patches if to_rgb(p.get_edgecolor()) == to_rgb(drawing.ORANGE)]
    assert [(round(f.get_y()), round(f.get_x())) for f in frames] == [(2, 0), (3, 1)]
    assert "layer 1 29% in 2 rows" in figure.alt  # (1/3 + 1/4) / 2
    assert [axes.get_ylabel() for axes in (known, learned)] == ["this position asks", ""]
    assert {axes.get_xlabel() for axes in (known, learned)} == {"this position answers"}


def test_growth_is_logarithmic_and_says_the_factor():
    figure = plots.growth(COST, "multiplications")
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.lines[0].get_xydata().tolist() == [[8, 1], [16, 4], [32, 16]]
    assert "counted times 16" in figure.alt


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: plots.number_table(WEIGHTS, TITLES[:2], TITLES, "w"), "2 names of rows"),
        (lambda: plots.number_table([[np.inf]], ["a"], ["b"], "w"), "infinity"),
        (lambda: plots.number_table([[1.0]], ["a"], ["b"], "w", [[0, 1]]), "hidden has shape"),
        (lambda: plots.heads(5, 6, 4), "divisor of D=6"),
        (lambda: plots.dependence(WEIGHTS, TITLES), "3 axes"),
        (lambda: plots.dependence(-WEIGHTS[None], TITLES), "negative"),
        (lambda: plots.dependence(0 * WEIGHTS[None], TITLES), "zero everywhere"),
        (lambda: plots.dependence(WEIGHTS[None], TITLES[:3]), "3 labels"),
        (lambda: plots.known_maps(np.eye(4)[None], WEIGHTS[None], TITLES[:3]), "3 labels"),
        (lambda: plots.growth(COST * 0, "cost"), "more than zero"),
        (lambda: plots.growth(COST.iloc[:, :0], "cost"), "1 to 4 columns"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, named):
    with pytest.raises(ValueError, match=named):
        call()
