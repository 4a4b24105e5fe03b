"""Figures of differences: between models, with their intervals, and how much each thing moves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from seqrec_lib.plots.drawing import BLUE, GREY, INK, LINES, PALE, Drawing, numbers


def differences(
    table: pd.DataFrame | Mapping[str, pd.DataFrame],
    xlabel: str,
    title: str = "",
    bound: float = 0.0,
) -> Drawing:
    """Differences with their intervals, and zero; those that hold zero are hollow and dashed.

    table: indexed by what was compared, columns value, low and high; or several such tables with
    the same rows, by the name of the panel that each gets, each with a scale of its own.
    title: what there is to see. bound: what counts as equal is shaded, from -bound to bound.
    """
    panels = {"": table} if isinstance(table, pd.DataFrame) else dict(table)
    if not panels:
        raise ValueError('table is empty: give a table, or {"name of a panel": table, ...}')
    first = next(iter(panels.values()))
    said, open_ = [], []
    for panel, its in panels.items():
        for column in ("value", "low", "high"):
            if column not in its:
                raise ValueError(f"table must have the column {column!r}; it has {list(its)}")
        if list(its.index) != list(first.index):
            raise ValueError(f"panel {panel!r} has other rows than the first one")
        for name, v, low, high in its[["value", "low", "high"]].itertuples():
            where = f"{panel}, {name}".removeprefix(", ").replace("\n", " ")
            said.append(f"{where} {v:+.4f} ({low:+.4f} to {high:+.4f})")
            if low <= 0 <= high:
                open_.append(where)
    alt = f"{xlabel}: {'; '.join(said)}. Zero lies in: {', '.join(open_) or 'none of them'}."
    alt += f" Shaded: from {-bound:g} to {bound:g}." if bound else ""
    lines = 1.1 + 0.42 * len(first) + 0.3 * bool(title)
    drawing = Drawing(7, lines + 0.2 * (len(panels) > 1), alt)
    drawing.suptitle(title, fontsize=11)
    for at, (panel, its) in enumerate(panels.items(), 1):
        axes = drawing.panel(len(panels), at)
        _draw_differences(axes, its, bound)
        axes.set_title(panel, fontsize=10)
        axes.set_yticks(range(len(its)), [str(name) for name in its.index] if at == 1 else [])
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(6 if len(panels) == 1 else 3))
    if len(panels) == 1:
        drawing.axes[0].set_xlabel(xlabel)
    else:
        drawing.supxlabel(xlabel, fontsize=10)
    return drawing


def _draw_differences(axes: Axes, table: pd.DataFrame, bound: float) -> None:
    value, low, high = (numbers(name, table[name]) for name in ("value", "low", "high"))
    if bound:
        axes.axvspan(-bound, bound, color=PALE, linewidth=0, zorder=0)
    for row in range(len(table)):
        sure = not low[row] <= 0 <= high[row]
        dashes = "-" if sure else (0, (3, 2))
        axes.plot([low[row], high[row]], [row, row], color=INK, linestyle=dashes, linewidth=1.6)
        face = BLUE if sure else "white"
        axes.plot([value[row]], [row], marker="o", color=BLUE, markerfacecolor=face, markersize=8)
        note = f"{value[row]:+.4f}"
        axes.annotate(
            note, (value[row], row), (0, 8), textcoords="offset points", ha="center", zorder=1.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    axes.axvline(0, color=GREY, linewidth=1.5, zorder=1)
    left, right = min(-bound, float(low.min())), max(bound, float(high.max()))
    width = right - left
    axes.set(xlim=(left - 0.1 * width, right + 0.1 * width), ylim=(len(table) - 0.4, -0.7))


def effect_sizes(table: pd.DataFrame, xlabel: str, title: str = "") -> Drawing:
    """How much each of several things moves a number, on one scale, from large to small.

    table: indexed by what it is, columns value, low and high (sizes, 0 or more, and their
    intervals) and kind, of which there are at most four; each has its colour and marker. The scale
    is a logarithm; an interval that reaches 0 runs into the left edge, and its dot is hollow.
    title: what there is to see.
    """
    for column in ("value", "low", "high", "kind"):
        if column not in table:
            raise ValueError(f"table must have the column {column!r}; it has {list(table)}")
    value, low, high = (numbers(name, table[name]) for name in ("value", "low", "high"))
    if (value <= 0).any() or (low > value).any() or (high < value).any():
        raise ValueError("values must be above 0 and lie within low and high: they are sizes")
    kinds = list(dict.fromkeys(table["kind"]))
    if len(kinds) > len(LINES):
        raise ValueError(f"table may have {len(LINES)} kinds, not {len(kinds)}")
    order = (-value).argsort(kind="stable")
    said = [
        f"{table.index[i]} {value[i]:.4f} ({max(low[i], 0):.4f} to {high[i]:.4f})" for i in order
    ]
    drawing = Drawing(7.4, 1.4 + 0.42 * len(table), f"{xlabel}, by size: {'; '.join(said)}.")
    axes = drawing.panel()
    drawing.suptitle(title, fontsize=11)
    left = float(min(value.min(), low[low > 0].min(initial=np.inf))) / 2
    for row, i in enumerate(order):
        style = LINES[kinds.index(table["kind"].iloc[i])]
        axes.plot([max(low[i], left), high[i]], [row, row], color=style["color"], linewidth=2)
        face = style["color"] if low[i] > 0 else "white"
        dot = dict(color=style["color"], marker=style["marker"], markerfacecolor=face)
        axes.plot([value[i]], [row], markersize=8, **dot)
        axes.annotate(
            f"{value[i]:.4f}", (high[i], row), (6, 0), textcoords="offset points", va="center"
        )
    for style, kind in zip(LINES, kinds, strict=False):
        axes.plot([], [], color=style["color"], marker=style["marker"], linestyle="", label=kind)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    axes.set(xscale="log", xlim=(left, 3 * high.max()), ylim=(len(table) - 0.4, -0.6))
    axes.set(xlabel=xlabel)
    axes.get_xaxis().set_major_formatter("{x:g}")
    axes.set_yticks(range(len(table)), [str(table.index[i]) for i in order])
    axes.tick_params(axis="y", length=0)
    return drawing
