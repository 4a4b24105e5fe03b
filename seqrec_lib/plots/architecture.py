"""Figures of whole models: SASRec or SSE-PT on one page, and the inside of a block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from seqrec_lib.plots.drawing import BLUE, GREEN, GREY, INK, ORANGE, PALE, Drawing, wrapped

_FILM, _BLOCK, _USER = "#BBD9EC", "#EFEFEF", "#BFE3D6"


def model_page(inputs: Sequence[str], targets: Sequence[str], user: str = "") -> Drawing:
    """SASRec on one page, from film titles at the bottom to the films it should predict on top.

    inputs, targets: (T,) titles, "" for padding; the last target may be "?". user: a name; with it
    the page shows SSE-PT, where the user's vector is joined to the film's at every position.
    Raises ValueError where the lengths differ.
    """
    T = len(inputs)
    if len(targets) != T or T == 0:
        raise ValueError(f"inputs and targets must be equally long, not {T} and {len(targets)}")
    pairs = [f"{b} after {a}" for a, b in zip(inputs, targets, strict=True) if a]
    alt = f"{'SSE-PT' if user else 'SASRec'} from the bottom up, at {T} positions: titles, film "
    alt += f"vectors{f' joined with the vector of {user}' if user else ''} plus position vectors, "
    alt += "two blocks in which each position looks back at earlier ones, a last normalisation, "
    alt += f"and dot products with all film vectors. To be predicted: {'; '.join(pairs)}."
    drawing = Drawing(7, 6.2, alt)
    axes = drawing.sheet()
    for t, (film, target) in enumerate(zip(inputs, targets, strict=True)):
        _column(axes, t, film, target, user)
    for nth, low in enumerate((3.0, 5.0)):
        box: dict[str, Any] = {
            "boxstyle": "round,pad=0.05",
            "facecolor": _BLOCK,
            "edgecolor": GREY,
            "zorder": 0,
        }
        axes.add_patch(FancyBboxPatch((-0.5, low), T, 1.3, **box))
        axes.text(-0.72, low + 0.65, f"block {nth + 1}", ha="right", va="center", fontsize=10)
        _look_back(axes, [bool(film) for film in inputs], low)
    notes = {
        0.0: "input: film ids",
        1.5: "vectors:\nfilm" + (f" | {user}" if user else "") + "\n+ position",
        7.1: "normalise",
        8.1: "scores: dot product\nwith every film" + (f" | {user}" if user else " vector"),
        9.1: "should rank first",
    }
    for y, note in notes.items():
        axes.text(-0.72, y, note, ha="right", va="center", fontsize=10)
    axes.set(xlim=(-2.6, T - 0.3), ylim=(-0.5, 9.5))
    return drawing


def _column(axes: Axes, t: int, film: str, target: str, user: str) -> None:
    """Everything at position t but the blocks."""
    hatch: dict[str, Any] = {} if film else {"hatch": "....", "edgecolor": "#AAAAAA"}
    face: dict[str, Any] = {
        "facecolor": _FILM if film else "white",
        "edgecolor": INK,
        "linewidth": 0.8,
    } | hatch
    axes.add_patch(Rectangle((t - 0.44, -0.3), 0.88, 0.6, **face))
    back = {"facecolor": "white", "edgecolor": "none", "pad": 0.6} if not film else None
    note = wrapped(film, 11, 2) if film else "padding"
    axes.text(t, 0, note, ha="center", va="center", fontsize=9, bbox=back)
    if not film:
        return
    _arrow(axes, (t, 0.32), (t, 1.08))
    parts = [(_FILM, 0.88)] if not user else [(_FILM, 0.5), (_USER, 0.38)]
    left = t - 0.44
    for colour, width in parts:
        axes.add_patch(Rectangle((left, 1.1), width, 0.4, facecolor=colour, edgecolor=INK, lw=0.8))
        left += width
    axes.text(t, 1.63, "+", ha="center", va="center", fontsize=11)
    axes.add_patch(Rectangle((t - 0.44, 1.75), 0.88, 0.3, facecolor=ORANGE, edgecolor=INK, lw=0.8))
    axes.text(t, 1.9, f"{t + 1}", ha="center", va="center", fontsize=9)
    _arrow(axes, (t, 2.07), (t, 2.93))
    _arrow(axes, (t, 4.37), (t, 4.93))
    _arrow(axes, (t, 6.37), (t, 6.88))
    left = t - 0.44
    for colour, (_, width) in zip((BLUE, GREEN), parts, strict=False):
        axes.add_patch(Rectangle((left, 6.9), width, 0.4, facecolor=colour, edgecolor=INK, lw=0.8))
        left += width
    _arrow(axes, (t, 7.32), (t, 8.78))
    if target:
        style: dict[str, Any] = {"facecolor": "white", "edgecolor": GREEN, "linewidth": 1.6}
        axes.add_patch(Rectangle((t - 0.44, 8.8), 0.88, 0.6, **style))
        axes.text(t, 9.1, wrapped(target, 11, 2), ha="center", va="center", fontsize=9)


def _look_back(axes: Axes, real: Sequence[bool], low: float) -> None:
    """Arrows from each real position to itself and to the real ones before it."""
    for t in range(len(real)):
        for s in range(t + 1):
            if real[s] and real[t]:
                _arrow(axes, (s, low + 0.1), (t, low + 1.2), BLUE if t == len(real) - 1 else GREY)


def block_inside(title: str = "") -> Drawing:
    """The inside of a block as recommenders has it: queries from LN(x), keys and values from x."""
    alt = "A block from the bottom up: x is normalised to h. Queries come from h; keys and values "
    alt += "come from x. The attention's result is added to h, which gives a. A feed-forward "
    alt += "network of a is added to a. Padding is set back to 0."
    drawing = Drawing(7, 4.6, alt)
    axes = drawing.sheet()
    boxes = {
        "x": (0, 0.0, "white"),
        "LN": (0, 1.2, PALE),
        "attention": (0, 2.6, _FILM),
        "FFN": (0, 4.3, _FILM),
        "out": (0, 5.9, "white"),
    }
    names = {
        "LN": "LN: h",
        "attention": "attention\nQ          K, V",
        "FFN": "feed-forward",
        "out": "× mask: out",
    }
    for key, (x, y, face) in boxes.items():
        tall = 0.42 if key == "attention" else 0.3
        style: dict[str, Any] = {"boxstyle": "round,pad=0.04", "facecolor": face, "edgecolor": INK}
        axes.add_patch(FancyBboxPatch((x - 0.9, y - tall), 1.8, 2 * tall, **style))
        axes.text(x, y, names.get(key, key), ha="center", va="center", fontsize=10)
    _arrow(axes, (0, 0.34), (0, 0.86))
    _arrow(axes, (-0.4, 1.54), (-0.4, 2.14), BLUE)
    axes.text(-0.5, 1.84, "queries", ha="right", va="center", fontsize=9, color=BLUE)
    axes.plot([0.94, 1.35, 1.35], [0.0, 0.0, 1.84], color=GREEN, linewidth=1.6)
    axes.plot([1.35, 0.5], [1.84, 1.84], color=GREEN, linewidth=1.6)
    _arrow(axes, (0.5, 1.84), (0.5, 2.14), GREEN)
    axes.text(1.45, 0.9, "keys and values\nfrom x itself", va="center", fontsize=9, color=GREEN)
    residuals = (
        (3.35, 1.2, -0.94, -1.5, "residual: + h"),
        (5.05, 3.62, 0.0, -1.25, "residual: + a"),
    )
    for y, low, start, out, note in residuals:
        axes.plot([0], [y], marker="o", markersize=15, color="white", markeredgecolor=INK, zorder=3)
        axes.text(0, y - 0.01, "+", ha="center", va="center", fontsize=12, zorder=4)
        axes.plot([start, out, out], [low, low, y], color="#B97F00", linewidth=2)
        _arrow(axes, (out, y), (-0.12, y), "#B97F00")
        axes.text(-1.6, (low + y) / 2, note, ha="right", va="center", fontsize=9, color="#8A5E00")
    _arrow(axes, (0, 3.04), (0, 3.22))
    _arrow(axes, (0, 3.48), (0, 3.96))
    _arrow(axes, (0, 4.64), (0, 4.92))
    _arrow(axes, (0, 5.18), (0, 5.56))
    says = {
        0.0: "vectors of the films so far",
        1.2: "mean 0, variance 1",
        2.6: "looks back, mixes positions",
        4.3: "thinks, at each position alone",
    }
    for y, note in says.items():
        axes.text(3.1, y, note, va="center", fontsize=9, color=INK)
    axes.set(xlim=(-3.0, 5.6), ylim=(-0.4, 6.4))
    axes.set_title(title, fontsize=11, loc="left")
    return drawing


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK
) -> None:
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, color=colour, linewidth=1.1, **style))
