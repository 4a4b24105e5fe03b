"""Figures of a look inside a model: mean attention, films on a plane, what explains a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from seqrec_lib.plots.drawing import BLUE, GREY, INK, LINES, SCALE, Drawing, numbers, short

_DIVERGING = "PuOr_r"  # purple below, orange above: told apart by every eye, and white between


def position_maps(maps: Any, names: Sequence[str]) -> Drawing:
    """Mean attention weights between the last positions, one panel a model or block.

    maps: (P, K, K), row t says where the t-th of the last K positions looks. names: (P,).
    """
    weights = numbers("maps", maps, dims=3)
    P, K, other = weights.shape
    if other != K or len(names) != P:
        raise ValueError(f"maps {weights.shape} must be (P, K, K) with P = {len(names)} names")
    said = [
        f"{name}: the last position gives {m[-1, -1]:.2f} to itself, {m[-1, -3:].sum():.2f} to the "
        "last three"
        for name, m in zip(names, weights, strict=True)
    ]
    drawing = Drawing(1.2 + 2.9 * P, 3.5, f"Mean attention. {'; '.join(said)}.")
    future = np.triu(np.ones((K, K), dtype=bool), 1)
    top = weights.max()
    for p, name in enumerate(names):
        axes = drawing.add_subplot(1, P, p + 1)
        axes.set_facecolor("white")
        shown = np.ma.masked_where(future, weights[p])
        extent = (-K + 0.5, 0.5, 0.5, -K + 0.5)
        image = axes.imshow(
            shown, cmap=SCALE, vmin=0, vmax=top, extent=extent, interpolation="nearest"
        )
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("looked at, steps back")
        if p == 0:
            axes.set_ylabel("looks, steps back")
        axes.locator_params(integer=True, nbins=5)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda at, _: f"{abs(at):.0f}")
    drawing.colorbar(image, ax=drawing.axes, label="mean weight", shrink=0.85)
    return drawing


def ratio_map(
    matrices: Any, rows: Sequence[str], columns: Sequence[str], names: Sequence[str], colour: str
) -> Drawing:
    """Ratios to what was expected as shades around 1, with the numbers written in.

    matrices: (P, R, C), one panel each. rows, columns, names: (R,), (C,), (P,). colour: what the
    numbers mean.
    """
    values = numbers("matrices", matrices, dims=3)
    if values.shape != (len(names), len(rows), len(columns)):
        raise ValueError(
            f"matrices {values.shape} do not fit {len(names)} names, {len(rows)} rows and "
            f"{len(columns)} columns"
        )
    P, R, C = values.shape
    said = []
    for name, m in zip(names, values, strict=True):
        r, c = np.unravel_index(m.argmax(), m.shape)
        said.append(
            f"{name}: highest {m.max():.2f} ({rows[r]}, {columns[c]}), lowest {m.min():.2f}"
        )
    drawing = Drawing(1.8 + 3.5 * P, 1.5 + 0.55 * R, f"{colour}. {'; '.join(said)}.")
    reach = max(abs(values.max() - 1), abs(values.min() - 1), 0.05)
    norm = TwoSlopeNorm(1, 1 - reach, 1 + reach)
    for p, name in enumerate(names):
        axes = drawing.add_subplot(1, P, p + 1)
        image = axes.imshow(values[p], cmap=_DIVERGING, norm=norm, aspect="auto")
        for r, c in np.ndindex(R, C):
            deep = abs(values[p, r, c] - 1) > 0.7 * reach
            note = f"{values[p, r, c]:.2f}"
            axes.text(c, r, note, ha="center", va="center", color="white" if deep else INK)
        axes.set_title(name, fontsize=10)
        axes.set_xticks(range(C), columns, rotation=30, ha="right", fontsize=9)
        axes.set_yticks(range(R), rows if p == 0 else [""] * R, fontsize=9)
        axes.tick_params(length=0)
    drawing.colorbar(image, ax=drawing.axes, label=colour, shrink=0.9)
    return drawing


def film_map(
    places: Any, groups: Sequence[str], named: dict[int, str], axes_names: tuple[str, str]
) -> Drawing:
    """Films as points on a plane, coloured and shaped by group, some with their title.

    A title that would cover an earlier one is left out.

    places: (F, 2). groups: (F,) at most four different names; others are "". named: number of a
    point → its title. axes_names: of the two axes.
    """
    points = numbers("places", places, dims=2)
    kinds = [kind for kind in dict.fromkeys(groups) if kind]
    if points.shape != (len(groups), 2):
        raise ValueError(f"places {points.shape} must be (F, 2) with F = {len(groups)} groups")
    if len(kinds) > len(LINES):
        raise ValueError(f"at most {len(LINES)} groups can be told apart, not {len(kinds)}")
    group = np.asarray(groups, dtype=object)
    counted = ", ".join(f"{(group == kind).sum()} {kind}" for kind in kinds)
    centres = "; ".join(
        f"{kind} around ({points[group == kind, 0].mean():.2f}, "
        f"{points[group == kind, 1].mean():.2f})"
        for kind in kinds
    )
    drawing = Drawing(9, 6, f"{len(points)} films on a plane: {counted}. {centres}.")
    axes = drawing.panel()
    if (group == "").any():
        x, y = points[group == ""].T
        axes.scatter(x, y, label="others", s=10, color=GREY, alpha=0.5, linewidths=0)
    for kind, style in zip(kinds, LINES, strict=False):
        x, y = points[group == kind].T
        axes.scatter(
            x, y, label=kind, s=30, alpha=0.85, edgecolor="white", linewidths=0.4,
            color=style["color"], marker=style["marker"],
        )  # fmt: skip
    _write_titles(axes, points, named)
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1])
    axes.legend(frameon=False, ncols=len(kinds) + 1, loc="upper center", bbox_to_anchor=(0.5, 1.1))
    return drawing


def _write_titles(axes: Axes, points: np.ndarray, named: dict[int, str]) -> None:
    """Titles beside their points, but for those that would cover an earlier one."""
    written: list[np.ndarray] = []
    room = np.array([0.22, 0.035]) * np.ptp(points, axis=0)  # about what a title takes up
    for number, title in named.items():
        if any((np.abs(points[number] - other) < room).all() for other in written):
            continue
        written.append(points[number])
        axes.annotate(
            short(title, 28), points[number], (4, 4), textcoords="offset points", fontsize=8
        )


def scatter(
    x: Any, y: Any, xlabel: str, ylabel: str, note: str, marked: dict[int, str] | None = None
) -> Drawing:
    """Points, with `note` above them (a correlation, for instance), and some with a name.

    x, y: (N,). marked: number of a point → its name.
    """
    across, up = numbers("x", x), numbers("y", y)
    if across.shape != up.shape:
        raise ValueError(f"x and y must be equally long, got {len(across)} and {len(up)}")
    alt = f"{len(across)} points, {xlabel} from {across.min():.3g} to {across.max():.3g} across, "
    alt += f"{ylabel} from {up.min():.3g} to {up.max():.3g} up. {note}."
    drawing = Drawing(7, 4.2, alt)
    axes = drawing.panel()
    size, alpha = (34, 0.9) if len(across) < 100 else (9, 0.35)
    axes.scatter(across, up, s=size, color=BLUE, alpha=alpha, linewidths=0)
    axes.axhline(0, color=GREY, linewidth=1)
    for number, name in (marked or {}).items():
        place = (across[number], up[number])
        axes.annotate(short(name, 30), place, (6, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_title(note, fontsize=10)
    return drawing


def side_by_side(table: pd.DataFrame, title: str) -> Drawing:
    """Columns of a table as panels of bars, one row a film: accounts of one and the same thing.

    table: indexed by what the rows are, from the top down.
    """
    if table.shape[1] < 1 or table.shape[0] < 1:
        raise ValueError(f"table must have rows and columns, not {table.shape}")
    values = numbers("table", table.to_numpy(), dims=2)
    names = [str(row) for row in table.index]
    said = [
        f"{column}: most for {names[int(values[:, c].argmax())]}"
        for c, column in enumerate(table.columns)
    ]
    R, C = values.shape
    drawing = Drawing(2.6 + 2.1 * C, 1.0 + 0.3 * R, f"{title}. {'; '.join(said)}.")
    for c, column in enumerate(table.columns):
        axes = drawing.panel(C, c + 1)
        most = int(values[:, c].argmax())
        for row in range(R):
            hatch = "//" if row == most else ""
            axes.barh(row, values[row, c], color=BLUE, edgecolor="white", hatch=hatch)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set(ylim=(R - 0.4, -0.6))
        axes.set_title(str(column), fontsize=10)
        axes.set_yticks(range(R), [short(n, 34) for n in names] if c == 0 else [""] * R, fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=3)
    return drawing
