"""Figures that explain: ties, the split, the shift of inputs and targets, the mask, the block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle

from seqrec_lib.plots.drawing import BLUE, GREY, INK, PALE, Drawing, short, wrapped

# Each also differs from the others in hatching, for readers and printers without colour.
CELLS: dict[str, dict[str, Any]] = {
    "padding": {"facecolor": "white", "edgecolor": "#AAAAAA", "hatch": "...."},
    "train": {"facecolor": "#BBD9EC", "edgecolor": "white"},
    "valid": {"facecolor": "#F6D58F", "edgecolor": "#B97F00", "hatch": "////"},
    "test": {"facecolor": "#00533D", "edgecolor": "white"},
    "future": {"facecolor": PALE, "edgecolor": GREY, "hatch": "xxxx"},
}


def tie_orders(orders: Mapping[str, Sequence[str]], moments: Sequence[int]) -> Drawing:
    """The same films in the order that each rule gives them; a line follows each film.

    orders: name of a rule → the same titles in its order. moments: (T,) the time of each position,
    the same for every rule; positions of one moment share a band.
    """
    columns = [list(titles) for titles in orders.values()]
    first = columns[0]
    for rule, titles in orders.items():
        if sorted(titles) != sorted(first) or len(set(titles)) != len(first):
            raise ValueError(f"rule {rule!r} must order the same different titles as the others")
    if len(moments) != len(first):
        raise ValueError(f"moments has {len(moments)} entries for {len(first)} titles")
    _, band = np.unique(np.asarray(moments), return_inverse=True)
    moved = [sum(a != b for a, b in zip(titles, first, strict=True)) for titles in columns]
    said = ", ".join(f"{rule} {n}" for rule, n in list(zip(orders, moved, strict=True))[1:])
    alt = f"{len(first)} films of one user, of {band.max() + 1} different moments, in the order of "
    alt += f"{len(columns)} tie rules. In another place than under {next(iter(orders))}: {said}."
    drawing = Drawing(10, 0.8 + 0.3 * len(first), alt)
    axes = drawing.sheet()
    for group in range(band.max() + 1):
        places = np.flatnonzero(band == group)
        colour = "white" if group % 2 else "#EFEFEF"
        axes.axhspan(places[0] - 0.5, places[-1] + 0.5, color=colour)
    half = 0.36  # of a column's width
    for at, titles in enumerate(columns):
        for place, title in enumerate(titles):
            axes.text(at, place, short(title, 34), ha="center", va="center", fontsize=8.5)
            if at + 1 < len(columns):
                there = columns[at + 1].index(title)
                colour, width = (GREY, 0.7) if there == place else (BLUE, 1.4)
                ends = [at + half, at + 1 - half], [place, there]
                axes.plot(*ends, color=colour, linewidth=width)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(first) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), list(orders), fontweight="bold")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return drawing


def split_cells(
    kinds: Sequence[Sequence[str]], names: Sequence[str], text: Sequence[Sequence[Any]]
) -> Drawing:
    """Histories as rows of cells that show what they are: padding, train, valid or test.

    kinds: R rows of T names of `CELLS`. names: (R,) of the rows. text: (R, T) of the cells.
    """
    cells = np.asarray(kinds, dtype=object)
    if cells.ndim != 2 or len(names) != len(cells):
        raise ValueError(f"kinds must be rows of equal length, one for each of {len(names)} names")
    if unknown := set(cells.ravel()) - set(CELLS):
        raise ValueError(f"kinds must be among {', '.join(CELLS)}, not {sorted(unknown)}")
    shown = [kind for kind in CELLS if (cells == kind).any()]
    said = []
    for name, row in zip(names, cells, strict=True):
        counted = [f"{(row == kind).sum()} {kind}" for kind in shown if (row == kind).any()]
        said.append(f"{name}: {', '.join(counted)}")
    R, T = cells.shape
    alt = f"{R} histories as rows of {T} cells, from left to right. {'; '.join(said)}."
    drawing = Drawing(9.5, 0.8 + 0.4 * R, alt)
    axes = drawing.sheet()
    for row, column in np.ndindex(R, T):
        kind = cells[row, column]
        place = (column - 0.47, row - 0.42)
        axes.add_patch(Rectangle(place, 0.94, 0.84, linewidth=0, **CELLS[kind]))
        colour = "white" if kind == "test" else INK
        back = {"facecolor": CELLS[kind]["facecolor"], "edgecolor": "none", "pad": 0.8}
        note = str(text[row][column])
        axes.text(column, row, note, ha="center", va="center", fontsize=8, color=colour, bbox=back)
    axes.set(xlim=(-0.6, T - 0.4), ylim=(R - 0.5, -0.5))
    axes.set_yticks(range(R), list(names))
    handles = [Patch(label=kind, **CELLS[kind]) for kind in shown]
    axes.legend(handles=handles, ncols=4, frameon=False, loc="upper left", bbox_to_anchor=(0, 0))
    return drawing


def shift(inputs: Sequence[str], targets: Sequence[str]) -> Drawing:
    """Two rows of titles: what the model reads at each position, and what it has to say there.

    inputs, targets: (T,) titles, "" for padding. From each input an arrow leads to its target, and
    a thin line joins a film's two appearances.
    """
    T = len(inputs)
    if len(targets) != T or T == 0:
        raise ValueError(f"inputs and targets must be equally long, got {T} and {len(targets)}")
    pairs = [f"after {a} comes {b}" for a, b in zip(inputs, targets, strict=True) if b]
    padded = sum(not title for title in targets)
    alt = f"{T} positions, {padded} of them padding. At the others: {'; '.join(pairs)}."
    drawing = Drawing(1.0 + 1.35 * T, 2.7, alt)
    axes = drawing.sheet()
    for y, titles, kind in ((1.0, inputs, "train"), (0.0, targets, "valid")):
        for t, title in enumerate(titles):
            style = CELLS[kind] if title else CELLS["padding"]
            face = {k: v for k, v in style.items() if k != "hatch" or not title}
            axes.add_patch(Rectangle((t - 0.45, y - 0.2), 0.9, 0.4, linewidth=1, **face))
            note = wrapped(title, 15) if title else "0"
            back = {"facecolor": style["facecolor"], "edgecolor": "none", "pad": 1}
            axes.text(t, y, note, ha="center", va="center", fontsize=8, bbox=back)
    for t in range(T):
        if targets[t]:
            axes.add_patch(_arrow((t, 0.78), (t, 0.22), BLUE))
        if t and targets[t - 1] and targets[t - 1] == inputs[t]:
            axes.plot([t - 0.45, t - 0.55], [0.8, 0.2], color=GREY, linewidth=1, linestyle=":")
    axes.set(xlim=(-0.6, T - 0.4), ylim=(-0.3, 1.3))
    axes.set_yticks([1.0, 0.0], ["input", "target"], fontweight="bold")
    axes.set_xticks(range(T), [f"position {t + 1}" for t in range(T)], fontsize=8)
    return drawing


def attention_mask(allowed: Any, real: Sequence[bool], labels: Sequence[str]) -> Drawing:
    """Who may look at whom: a row for each position that asks, a column for each that answers.

    allowed: bool (T, T). real: (T,), False at padding. labels: (T,).
    """
    table, known = np.asarray(allowed, dtype=bool), np.asarray(real, dtype=bool)
    T = len(labels)
    if table.shape != (T, T) or known.shape != (T,):
        raise ValueError(f"allowed {table.shape} and real {known.shape} do not fit {T} labels")
    alt = f"A {T} × {T} table of who may look at whom: {table.sum()} of {T * T} pairs may. "
    alt += f"{(~known).sum()} positions are padding; of the others each may look at itself and at "
    alt += "the real ones before it."
    drawing = Drawing(5.6, 1.2 + 0.45 * T, alt)
    axes = drawing.sheet()
    seen = {"facecolor": BLUE, "edgecolor": "white"}
    for row, column in np.ndindex(T, T):
        hidden = CELLS["padding" if not (known[row] and known[column]) else "future"]
        style = seen if table[row, column] else hidden
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, linewidth=0.8, **style))
    axes.set(xlim=(-0.5, T - 0.5), ylim=(T - 0.5, -0.5), ylabel="asks (query)")
    named = [f"{short(label, 26)}  {place}" for place, label in enumerate(labels, start=1)]
    axes.set_yticks(range(T), named, fontsize=9)
    axes.set_xticks(range(T), [str(place) for place in range(1, T + 1)], fontsize=9)
    axes.set_title("is looked at (key)", fontsize=10)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    names = {"may look": seen, "the future": CELLS["future"], "padding": CELLS["padding"]}
    handles = [Patch(label=name, **style) for name, style in names.items()]
    axes.legend(
        handles=handles, ncols=3, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 0)
    )
    return drawing


def block(steps: Sequence[tuple[str, str]], skips: Sequence[tuple[int, int]]) -> Drawing:
    """A stack of steps from the bottom up, with the shortcuts of the residual connections.

    steps: (name, what it does), the first at the bottom. skips: (from, to) numbers of steps: the
    output of step `from` is added to that of step `to`.
    """
    names = [name for name, _ in steps]
    for a, b in skips:
        if not 0 <= a < b < len(steps):
            raise ValueError(
                f"skip ({a}, {b}) must lead from a step to a later one of {len(steps)}"
            )
    said = ", then ".join(names)
    added = "; ".join(f"the output of {names[a]} is added to that of {names[b]}" for a, b in skips)
    drawing = Drawing(
        7.5, 0.5 + 0.72 * len(steps), f"From the bottom up: {said}. Shortcuts: {added}."
    )
    axes = drawing.sheet()
    for y, (name, note) in enumerate(steps):
        face = "#BBD9EC" if y not in (0, len(steps) - 1) else "white"
        box = FancyBboxPatch(
            (0, y - 0.26), 2.4, 0.52, boxstyle="round,pad=0.02", facecolor=face, edgecolor=INK
        )
        axes.add_patch(box)
        axes.text(1.2, y, name, ha="center", va="center", fontsize=10, fontweight="bold")
        axes.text(3.3, y, note, ha="left", va="center", fontsize=9)
        if y:
            axes.add_patch(_arrow((1.2, y - 0.72), (1.2, y - 0.28), INK))
    for nth, (a, b) in enumerate(skips):
        x, colour, low, high = 2.65 + 0.2 * nth, "#B97F00", a + 0.6, b + 0.43
        axes.plot([1.2, x, x, 1.5], [low, low, high, high], color=colour, linewidth=2)
        axes.add_patch(_arrow((1.6, high), (1.32, high), colour))
        axes.plot([1.2], [high], marker="o", markersize=15, color="white", markeredgecolor=INK)
        axes.text(1.2, high - 0.01, "+", ha="center", va="center", fontsize=12)
    axes.set(xlim=(-0.1, 8.2), ylim=(-0.5, len(steps) - 0.4))
    return drawing


def _arrow(start: tuple[float, float], end: tuple[float, float], colour: str) -> FancyArrowPatch:
    return FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=12, color=colour, shrinkA=0, shrinkB=0
    )
