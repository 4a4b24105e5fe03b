"""Figures about attention: tables of scores and weights, heads, dependence, known maps, cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch, Rectangle

from seqrec_lib.plots.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LINES,
    ORANGE,
    PALE,
    PURPLE,
    SCALE,
    Drawing,
    ink_on,
    numbers,
    short,
)

_HIDDEN: dict[str, Any] = {"facecolor": PALE, "edgecolor": GREY, "hatch": "xxxx", "linewidth": 0}


def number_table(
    values: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    meaning: str,
    hidden: Any = None,
    title: str = "",
    asks: str = "",
    answers: str = "",
) -> Drawing:
    """A matrix (R, C) as shaded cells with the numbers written in them.

    rows, columns: (R,) and (C,) names. meaning: of a number. hidden: bool (R, C), cells that are
    hatched and hold no number, or None; NaN elsewhere is shown as the word, on white. title: what
    the table shows. asks, answers: what a row and a column stand for, written on the axes.

    Raises ValueError where names or hidden do not fit, and for infinity outside hidden cells.
    """
    plain = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    table = np.array(plain, np.float64)
    R, C = len(rows), len(columns)
    if table.shape != (R, C) or table.size == 0:
        raise ValueError(f"values {table.shape} do not fit {R} names of rows and {C} of columns")
    gone = np.zeros((R, C), bool) if hidden is None else np.asarray(hidden, bool)
    if gone.shape != (R, C):
        raise ValueError(f"hidden has shape {gone.shape}, values have {table.shape}")
    shown = table[~gone & ~np.isnan(table)]
    if np.isinf(shown).any():
        raise ValueError("values hold infinity in cells that are not hidden")
    drawing = Drawing(1.6 + 0.62 * C, 1.3 + 0.33 * R, _said(table, gone, rows, columns, meaning))
    axes = drawing.add_subplot()
    low, high = (shown.min(), shown.max()) if shown.size else (0.0, 0.0)
    picture = np.ma.masked_where(gone | np.isnan(table), table)
    top = high if high > low else low + 1
    axes.imshow(picture, SCALE, vmin=low, vmax=top, aspect="auto", interpolation="nearest")
    for row, column in np.ndindex(R, C):
        value = table[row, column]
        if gone[row, column]:
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **_HIDDEN))
            continue
        note = "NaN" if np.isnan(value) else f"{value + 0.0:.2f}"
        ink = INK if np.isnan(value) else ink_on(float((value - low) / (top - low)))
        axes.text(column, row, note, ha="center", va="center", color=ink, fontsize=9)
    _name(axes, rows, columns)
    axes.set_xlabel(meaning)  # no colour bar: the numbers are in the cells
    axes.set_ylabel(asks)
    if answers:
        axes.set_xlabel(f"{answers}\n(in each cell: {meaning})")
    if title:
        drawing.suptitle(title, fontsize=11)
    return drawing


def _said(
    table: np.ndarray, gone: np.ndarray, rows: Sequence[str], columns: Sequence[str], meaning: str
) -> str:
    """The text alternative of `number_table`: the largest of each row, and what is hidden."""
    said = []
    for name, row, away in zip(rows, table, gone, strict=True):
        known = ~away & ~np.isnan(row)
        best = int(np.where(known, row, -np.inf).argmax())
        said.append(f"{name} {columns[best]} {row[best]:.2f}" if known.any() else f"{name} none")
    alt = f"{meaning} of {len(rows)} rows and {len(columns)} columns. Largest of each row: "
    alt += "; ".join(said) + "."
    alt += f" {gone.sum()} cells are hidden." if gone.any() else ""
    unknown = (np.isnan(table) & ~gone).sum()
    return alt + (f" {unknown} cells are not a number." if unknown else "")


def _name(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.set_xticks(range(len(columns)), [short(c, 22) for c in columns], rotation=40, ha="left")
    axes.set_yticks(range(len(rows)), [short(r, 26) for r in rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=9)


def heads(T: int, D: int, H: int) -> Drawing:
    """How the D numbers of T positions are cut into H heads: (T, D) → (H, T, D/H).

    Raises ValueError where H does not divide D, and for more than 4 heads (there are 4 colours).
    """
    if T < 1 or not 1 <= H <= 4 or D % H:
        raise ValueError(f"T={T} must be positive, H={H} 1 to 4 and a divisor of D={D}")
    width = D // H
    alt = f"Left: a table of {T} positions and {D} numbers each. Right: the same cells as {H} "
    alt += f"tables of {T} positions and {width} numbers each, one below the other: head 1 has "
    alt += f"the first {width} numbers of every position, head 2 the next, and so on."
    drawing = Drawing(0.55 * (D + width + 7), 0.6 + 0.3 * H * (T + 1), alt)
    axes = drawing.sheet()
    colours = (BLUE, ORANGE, GREEN, PURPLE)
    middle = (H * (T + 1) - 1) / 2
    for t in range(T):
        for d in range(D):
            head, inside = divmod(d, width)
            ink = INK if head else "white"
            ends = ((d, middle - T / 2 + t), (D + 3 + inside, head * (T + 1) + t))
            for x, y in ends:
                axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colours[head], edgecolor="white"))
                note = f"{t + 1}·{d + 1}"
                axes.text(x + 0.5, y + 0.5, note, color=ink, ha="center", va="center", fontsize=8)
    for head in range(H):
        y = head * (T + 1) + T / 2
        axes.annotate("", (D + 2.8, y), (D + 0.2, middle), arrowprops={"arrowstyle": "-|>"})
        axes.text(D + 3.3 + width, y, f"head {head + 1}: (T, D/H)", va="center", fontsize=10)
    top = middle - T / 2 - 0.3
    axes.text(D / 2, top, f"(T={T}, D={D}), position·number", ha="center", fontsize=10)
    axes.set(xlim=(-0.2, D + 6.5 + width), ylim=(H * (T + 1) - 0.7, min(top, 0) - 0.6))
    return drawing


def dependence(strength: Any, labels: Sequence[str], names: Sequence[str] = ()) -> Drawing:
    """How strongly outputs depend on inputs: a row for each output, a column for each input.

    strength: (P, T, T) of P panels, sizes of derivatives, at least 0; shades are logarithmic and
    exact zeros are hatched. labels: (T,) of the positions. names: (P,) of the panels.

    Raises ValueError for negative numbers, and where there is nothing but zeros.
    """
    sizes = numbers("strength", strength, dims=3)
    P, T, across = sizes.shape
    if across != T or len(labels) != T or len(names) not in (0, P):
        raise ValueError(
            f"strength {sizes.shape} does not fit {len(labels)} labels and {len(names)} names"
        )
    if sizes.min() < 0 or sizes.max() == 0:
        raise ValueError("strength must not be negative, and not be zero everywhere")
    names = names or [""] * P
    future = np.triu(np.ones((T, T), bool), 1)
    zeros = [int((panel[future] == 0).sum()) for panel in sizes]
    said = [f"{name or 'the panel'} {n}" for name, n in zip(names, zeros, strict=True)]
    alt = (
        f"Sizes of the derivatives of {T} outputs (down) by {T} inputs (across). Exactly zero, of "
    )
    alt += f"the {future.sum()} cells above the diagonal: {', '.join(said)}."
    drawing = Drawing(3.1 + 2.3 * P, 1.6 + 0.28 * T, alt)
    norm = LogNorm(sizes[sizes > 0].min(), max(sizes.max(), sizes[sizes > 0].min() * 1.01))
    for at, (panel, name) in enumerate(zip(sizes, names, strict=True)):
        axes = drawing.add_subplot(1, P, at + 1)
        image = axes.imshow(np.ma.masked_equal(panel, 0), SCALE, norm=norm, aspect="auto")
        for row, column in np.argwhere(panel == 0):
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **_HIDDEN))
        known = [short(label, 26) for label in labels]
        axes.set_xticks(range(T), [str(t + 1) for t in range(T)], fontsize=9)
        numbered = [f"{label}  {t + 1}" for t, label in enumerate(known)]
        axes.set_yticks(range(T), [str(t + 1) for t in range(T)] if at else numbered, fontsize=9)
        axes.set_xlabel("input at position")
        axes.set_title(name, fontsize=10)
        axes.tick_params(length=0)
    drawing.axes[0].set_ylabel("output at position")
    drawing.colorbar(image, ax=drawing.axes, label="size of the derivative")
    handles = [Patch(label="exactly 0", **_HIDDEN)]
    drawing.legend(handles=handles, loc="outside lower center", frameon=False)
    return drawing


def known_maps(
    right: Any, learned: Any, labels: Sequence[str], names: Sequence[str] = ()
) -> Drawing:
    """Attention maps that are known to be right, and beside each the one that was learned.

    right: bool or weights (P, T, T), all zero in rows without a right answer; learned: (P, T, T)
    weights. In the learned maps the right cells are framed. labels: (T,). names: (P,).
    """
    truth, maps = numbers("right", right, dims=3), numbers("learned", learned, dims=3)
    P, T, _ = maps.shape
    names = names or [f"layer {at + 1}" for at in range(P)]
    if not truth.shape == maps.shape == (len(names), T, len(labels)):
        raise ValueError(
            f"right {truth.shape} and learned {maps.shape} must be equal and fit {len(names)} "
            f"names and {len(labels)} labels"
        )
    said = []
    for name, where, weights in zip(names, truth > 0, maps, strict=True):
        rows = int(where.any(axis=1).sum())
        said.append(f"{name} {weights[where].sum() / max(rows, 1):.0%} in {rows} rows")
    alt = f"Attention maps over {T} positions: on the left the right one, on the right what was "
    alt += f"learned. Weight on the right cells, mean of a row: {'; '.join(said)}."
    drawing = Drawing(7.6, 1.1 + 0.24 * T * P, alt)
    known = [f"{short(label, 26)}  {t + 1}" for t, label in enumerate(labels)]
    for at in range(P):
        for side, (shown, title) in enumerate(((truth[at], "known"), (maps[at], "learned"))):
            axes = drawing.add_subplot(P, 2, 2 * at + side + 1)
            image = axes.imshow(shown, SCALE, vmin=0, vmax=1, aspect="auto")
            _hatch_the_future(axes, maps)
            axes.set_title(f"{names[at]}: {title}", fontsize=10)
            axes.set_xticks(range(T), [str(t + 1) for t in range(T)], fontsize=9)
            places = known if at == side == 0 else [str(t + 1) for t in range(T)]  # titles once
            axes.set_yticks(range(T), places, fontsize=9)
            axes.set_ylabel("" if side else "this position asks")
            axes.set_xlabel("this position answers" if at == P - 1 else "")
            axes.tick_params(length=0)
            if side:
                for row, column in np.argwhere(truth[at] > 0):
                    frame = Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False)
                    frame.set(edgecolor=ORANGE, linewidth=2)
                    axes.add_patch(frame)
    drawing.colorbar(image, ax=drawing.axes, label="weight", shrink=0.6)
    return drawing


def _hatch_the_future(axes: Axes, maps: np.ndarray) -> None:
    """Hatches the cells above the diagonal where no map (P, T, T) has any weight there."""
    T = maps.shape[-1]
    if T > 1 and not np.triu(maps, 1).any():
        for row in range(T - 1):
            cells = Rectangle((row + 0.5, row - 0.5), T - 1 - row, 1, **_HIDDEN)
            axes.add_patch(cells)


def growth(table: pd.DataFrame, ylabel: str) -> Drawing:
    """Columns of a table over its index, both axes logarithmic: a power law is a straight line.

    Raises ValueError for numbers that are not above zero, and for more columns than line styles.
    """
    if not 1 <= table.shape[1] <= len(LINES):
        raise ValueError(f"table must have 1 to {len(LINES)} columns, not {table.shape[1]}")
    columns = {str(name): numbers(str(name), table[name]) for name in table}
    for name, values in columns.items():
        if values.min() <= 0:
            raise ValueError(f"{name} holds {values.min()}: a logarithm needs more than zero")
    ends = f"{table.index.name} goes from {table.index[0]} to {table.index[-1]}"
    said = "; ".join(f"{name} times {v[-1] / v[0]:.3g}" for name, v in columns.items())
    drawing = Drawing(6, 3, f"{ylabel}, while {ends}, grows: {said}.")
    axes = drawing.panel()
    for style, (name, values) in zip(LINES, columns.items(), strict=False):
        axes.plot(table.index, values, label=name, **style)
    axes.set(xlabel=str(table.index.name), ylabel=ylabel, xscale="log", yscale="log")
    axes.set_xticks(table.index, [str(x) for x in table.index])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return drawing


def attention_maps(weights: Any, labels: Sequence[str], names: Sequence[str] = ()) -> Drawing:
    """Attention weights (H, T, T), one panel a head: each row says where its position looks.

    labels: (T,) the items at the positions. names: (H,) of the panels; default "head 1", ….
    """
    maps = numbers("weights", weights, dims=3)
    H, T, _ = maps.shape
    if maps.shape[2] != T or len(labels) != T:
        raise ValueError(f"weights {maps.shape} must be (H, T, T) with T = {len(labels)} labels")
    names = names or [f"head {h + 1}" for h in range(H)]
    if len(names) != H:
        raise ValueError(f"names has {len(names)} entries for {H} panels")
    said = [f"{names[h]}: {labels[maps[h, -1].argmax()]}" for h in range(H)]
    alt = f"Attention weights in {H} panels over {T} positions. The last position looks most at "
    drawing = Drawing(1.8 + 2.6 * H, 1.9 + max(2.0, 0.34 * T), alt + "; ".join(said) + ".")
    for h in range(H):
        axes = drawing.add_subplot(1, H, h + 1)
        image = axes.imshow(maps[h], cmap=SCALE, vmin=0, vmax=1, interpolation="nearest")
        _hatch_the_future(axes, maps)
        axes.set_title(names[h], fontsize=10)
        axes.set_xticks(range(T), labels, rotation=60, ha="right", fontsize=9)
        axes.set_yticks(range(T), labels if h == 0 else [""] * T, fontsize=9)
        axes.set(xlabel="this film answers", ylabel="" if h else "this film asks")
        axes.tick_params(length=0)
    drawing.colorbar(image, ax=drawing.axes, label="weight", shrink=0.8)
    return drawing
