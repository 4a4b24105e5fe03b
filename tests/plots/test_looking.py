"""Figures that explain attention show the numbers they are given, and the right sums of them."""

import numpy as np
import pytest
import torch
from figure_rules import rules
from matplotlib.patches import FancyArrowPatch

from seqrec_lib import plots
from seqrec_lib.plots import drawing, looking

FILMS = ["Alien", "Toy Story", "Babe"]
VECTORS = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.5]])


def examples() -> dict[str, plots.Drawing]:
    return {
        "looks": plots.looks([0.2, 0.0, 0.8], FILMS, "Where it looks"),
        "lookup": plots.lookup(VECTORS[0], VECTORS, VECTORS, FILMS, ["scary", "kids"], "Alien"),
        "races": plots.races({"3 films": [0.1, 2, 3], "1 film": [1.0]}, 2.5, "Alien", "Rank 2"),
        "added": plots.added([("film", VECTORS), ("position", -VECTORS)], FILMS, "input"),
    }


figure, test_every_figure_is_tried, test_nothing_is_cut_off, test_picture_and_text = rules(
    examples, looking
)


def written(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_arrows_are_as_thick_as_their_weights():
    axes = plots.looks(torch.tensor([0.25, 0.0, 0.75]), FILMS).axes[0]
    first, second, last = [
        p.get_linewidth() for p in axes.patches if isinstance(p, FancyArrowPatch)
    ]
    assert last - second == pytest.approx(3 * (first - second))
    assert written(axes)[1::2] == ["0.25", "0.00", "0.75"]


def test_a_lookup_is_attention_of_torch():
    q, k, v = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1))
    mean = torch.nn.functional.scaled_dot_product_attention(q[:1], k, v)[0]
    figure = plots.lookup(q[0], k, v, [*FILMS, "Heat"], list("abcde"), "Alien")
    shown = [float(x) for x in figure.alt.split("[")[1].rstrip("].").split(",")]
    assert shown == pytest.approx(mean.tolist(), abs=0.006)


def test_a_race_counts_the_films_ahead():
    figure = plots.races({"three": [0.1, 2.0, 3.0], "one": [1.0]}, 2.5, "Alien")
    assert "rank 2 of 4 among three; rank 1 of 2 among one" in figure.alt


def test_a_sum_is_written_cell_by_cell():
    axes = plots.added([("film", VECTORS), ("position", VECTORS)], FILMS, "input").axes[0]
    cells = [float(n) for n in written(axes) if n[0].isdigit()]
    assert cells[-6:] == [4, 0, 0, 2, 2, 1]


def test_nothing_has_no_sign():
    little, none = [[-0.0, -0.04]], [[0.0, 0.0]]
    axes = plots.added([("film", little), ("position", none)], ["Alien"], "input").axes[0]
    assert not any(note.startswith("-") for note in written(axes))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.looks([0.5, 0.5], FILMS), "3 numbers"),
        (lambda: plots.looks([-1, 1, 1], FILMS), "from 0"),
        (lambda: plots.lookup([1.0], VECTORS, VECTORS, FILMS, ["a", "b"], "x"), "do not fit"),
        (lambda: plots.added([("a", VECTORS), ("b", VECTORS[:2])], FILMS, "c"), r"b \(2, 2\)"),
    ],
)
def test_sizes_that_do_not_fit_are_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_ink_has_the_better_contrast_on_every_shade():
    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(a, b):
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    for share in np.linspace(0, 1, 101):
        shade = drawing.colormaps[drawing.SCALE](share)[:3]
        better = "white" if contrast(white, shade) > contrast(black, shade) else drawing.INK
        assert drawing.ink_on(share) == better
