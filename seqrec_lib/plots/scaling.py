"""Figures about size: what grows with what, a step that processes share, a page of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.ticker import LogLocator

from seqrec_lib.plots.drawing import BLUE, GREY, INK, LINES, PALE, Drawing, apart, numbers

# A process's colour, and its hatching for readers and printers without colour.
_OF_PROCESS: tuple[dict[str, Any], ...] = (
    {"facecolor": "#BBD9EC", "edgecolor": BLUE},
    {"facecolor": "#F6D58F", "edgecolor": "#B97F00", "hatch": "////"},
)


def growths(panels: Mapping[str, pd.DataFrame], title: str = "") -> Drawing:
    """Panels of curves, both axes logarithmic: a power law is a straight line.

    panels: what is measured → a table, its columns the lines, its index what they are over; a hole
    in a column (NaN) is not drawn. Every line is named at its right end, so the columns of all
    panels must be the same. title: what there is to see.
    """
    names = [str(name) for name in next(iter(panels.values()))]
    if not 1 <= len(names) <= len(LINES):
        raise ValueError(f"a table must have 1 to {len(LINES)} columns, not {len(names)}")
    said = []
    for label, table in panels.items():
        if [str(name) for name in table] != names:
            raise ValueError(f"the columns of {label!r} must be {names}, as in the first panel")
        for name in table:
            values = numbers(str(name), table[name].dropna())
            if values.min() <= 0:
                raise ValueError(f"{name} holds {values.min()}: a logarithm needs more than 0")
            over = table[name].dropna().index
            said.append(
                f"{label}, {name}: {values[0]:.3g} at {over[0]:,}, {values[-1]:.3g} at {over[-1]:,}"
            )
    drawing = Drawing(7 if len(panels) > 1 else 6.4, 3.5, f"{'; '.join(said)}.")
    for at, (label, table) in enumerate(panels.items(), start=1):
        _growth(drawing.panel(len(panels), at), table, label)
    drawing.suptitle(title, fontsize=11, fontweight="bold")
    return drawing


def _growth(axes: Axes, table: pd.DataFrame, label: str) -> None:
    """One panel of `growths`."""
    columns = [table[name].dropna() for name in table]
    for style, line in zip(LINES, columns, strict=False):
        axes.plot(line.index, line, **style)
    axes.set(xlabel=str(table.index.name), ylabel=label, xscale="log", yscale="log")
    axes.set_xticks(table.index, [_short(x) for x in table.index], fontsize=9)
    low, high = axes.get_ylim()
    if high / low < 10:  # a flat line must look flat
        low, high = low / 3, high * 3
    axes.set_ylim(low, high)
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.yaxis.set_major_formatter("{x:g}")
    # names at the ends, at least a line of text apart
    share = [math.log(line.iloc[-1] / low) / math.log(high / low) for line in columns]
    for style, line, y in zip(LINES, columns, apart(share, 0.07), strict=False):
        axes.annotate(
            str(line.name), (line.index[-1], low * (high / low) ** y), (7, 0),
            textcoords="offset points", va="center", color=style["color"], fontweight="bold",
            fontsize=9.5, annotation_clip=False,
        )  # fmt: skip


def _short(x: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if x >= size:
            return f"{x / size:g}{letter}"
    return f"{x:g}"


def shared_step(rows: Sequence[str], targets: Sequence[int]) -> Drawing:
    """One step of two processes: the rows of a batch dealt out, and what is added up.

    rows: (B,) names of the rows. targets: (B,) how many real targets each has.
    """
    if len(rows) != len(targets) or len(rows) < 2:
        raise ValueError(f"rows and targets must be equally many, at least 2, not {len(rows)}")
    shares = [sum(targets[rank::2]) for rank in (0, 1)]
    whole = sum(targets)
    drawing = Drawing(
        7.2,
        0.9 + 0.36 * max(6, len(rows)),
        f"A batch of {len(rows)} rows with {whole} targets. Process 0 takes every other row, "
        f"{shares[0]} targets, process 1 the rest, {shares[1]}. Each divides its sum of losses by "
        f"{whole}, the targets of both; the gradients are added up, and both make the same step.",
    )
    axes = drawing.sheet()
    B = len(rows)
    for row, (name, count) in enumerate(zip(rows, targets, strict=True)):
        style = _OF_PROCESS[row % 2]
        axes.add_patch(Rectangle((0, row + 0.08), 2.3, 0.84, linewidth=1, **style))
        back = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        note = f"{name}: {count}"
        axes.text(1.15, row + 0.5, note, ha="center", va="center", fontsize=9, bbox=back)
    axes.text(0, -0.35, "the same batch in both: targets by row", fontsize=9, weight="bold")
    for rank in (0, 1):
        middle = B * (0.25 + 0.5 * rank)
        text = f"process {rank}\n{shares[rank]} targets\nsum of losses / {whole}"
        _box(axes, 3.1, middle, 2.6, 1.9, text, _OF_PROCESS[rank])
        _arrow(axes, (2.35, middle), (3.05, middle))
        _arrow(axes, (5.75, middle), (6.45, B / 2 + (0.35 if rank else -0.35)))
    _box(axes, 6.5, B / 2, 1.9, 1.7, "gradients\nadded up", {"facecolor": PALE, "edgecolor": INK})
    for rank in (0, 1):
        middle = B * (0.25 + 0.5 * rank)
        _arrow(axes, (8.45, B / 2 + (0.35 if rank else -0.35)), (9.15, middle))
        _box(axes, 9.2, middle, 1.9, 1.3, "the same\nstep", _OF_PROCESS[rank])
    axes.set(xlim=(-0.1, 11.3), ylim=(B + 0.2, -0.9))
    return drawing


def page_of_table(table_rows: int, used: Sequence[int]) -> Drawing:
    """A table of which a step needs a few rows: they go to a page, and come back changed.

    table_rows: how many rows are drawn. used: numbers of those that the batch needs.
    """
    kept = sorted(set(used))
    if not kept or not 0 <= kept[0] <= kept[-1] < table_rows:
        raise ValueError(f"used={list(used)} must be rows from 0 to {table_rows - 1}")
    drawing = Drawing(
        7,
        3.9,
        f"A table of {table_rows} rows, of which a batch needs {len(kept)}: {kept}. They are "
        f"copied to a page of {len(kept)} rows; the step sees the page alone; its gradient "
        "moves these rows of the table, and the others are not touched.",
    )
    axes = drawing.sheet()
    height = 10 / table_rows
    page = 10 / 2 - len(kept) * 0.35
    plain: dict[str, Any] = {"facecolor": "white", "edgecolor": GREY}
    for row in range(table_rows):
        style = _OF_PROCESS[0] if row in kept else plain
        axes.add_patch(Rectangle((0, row * height), 2, height, linewidth=0.7, **style))
    for place, row in enumerate(kept):
        at = page + 0.7 * place
        axes.add_patch(Rectangle((4, at), 2, 0.7, linewidth=0.7, **_OF_PROCESS[0]))
        axes.text(5, at + 0.36, f"row {row} is {place} here", ha="center", va="center", fontsize=9)
        axes.plot([2.05, 3.95], [(row + 0.5) * height, at + 0.35], color=BLUE, linewidth=0.9)
    axes.text(1, -0.35, "the table", ha="center", fontsize=9, weight="bold")
    axes.text(5, page - 0.35, "the page", ha="center", fontsize=9, weight="bold")
    _box(
        axes,
        7.6,
        5,
        2.2,
        2,
        "loss and gradient\nof the page",
        {"facecolor": PALE, "edgecolor": INK},
    )
    _arrow(axes, (6.05, 5), (7.55, 5))
    axes.add_patch(
        FancyArrowPatch(
            (8.7, 6.1),
            (2.1, 9.4),
            connectionstyle="arc3,rad=-0.25",
            arrowstyle="-|>",
            mutation_scale=13,
            color=INK,
        )
    )
    axes.text(4.2, 8.5, "SparseAdam moves these rows only", ha="center", fontsize=9)
    axes.set(xlim=(-0.1, 10), ylim=(10.3, -0.9))
    return drawing


def _box(
    axes: Axes,
    left: float,
    middle: float,
    width: float,
    height: float,
    text: str,
    style: Mapping[str, str],
) -> None:
    shape = FancyBboxPatch(
        (left, middle - height / 2),
        width,
        height,
        boxstyle="round,pad=0.02,rounding_size=0.1",
        linewidth=1.2,
        facecolor="white",
        edgecolor=style["edgecolor"],
        linestyle="--" if "hatch" in style else "-",
    )
    axes.add_patch(shape)
    axes.text(left + width / 2, middle, text, ha="center", va="center", fontsize=9)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, color=INK))
