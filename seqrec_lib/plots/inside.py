"""Figures of a look inside a model: where it looks, films on a plane, what explains a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from seqrec_lib.plots.drawing import BLUE, GREY, INK, LINES, PALE, Drawing, numbers, short

_DIVERGING = "PuOr_r"  # purple below, orange above: told apart by every eye, and white between
_HIDDEN: dict[str, Any] = {"facecolor": PALE, "edgecolor": GREY, "hatch": "xxxx", "linewidth": 0}
_REACH = 3  # doublings that the scale of shares shows: from an eighth to eight times


def share_maps(weights: Any, labels: Sequence[str], names: Sequence[str], title: str) -> Drawing:
    """Attention weights of one history, coloured by their relation to an even share.

    A position that t films can be seen from spreads an even share of 1/t over each. The numbers
    in the cells are the weights themselves.

    weights: (P, T, T), one panel each, no padding. labels: (T,) films. names: (P,). title: what
    there is to see.
    """
    maps = numbers("weights", weights, dims=3)
    P, T, other = maps.shape
    if other != T or len(labels) != T or len(names) != P:
        raise ValueError(
            f"weights {maps.shape} must be (P, T, T) with P = {len(names)} names and T = "
            f"{len(labels)} labels"
        )
    films = [short(label, 22) for label in labels]
    told = []
    for name, m in zip(names, maps, strict=True):
        given = ", ".join(f"{w:.2f} to {film}" for w, film in zip(m[-1], films, strict=True))
        told.append(f"{name}: the last film gives {given}")
    drawing = Drawing(7, 2.2 + 0.36 * T, f"{title}. {'; '.join(told)}.")
    shares = maps * np.arange(1, T + 1)[:, None]
    for p, name in enumerate(names):
        axes = drawing.add_subplot(1, P, p + 1)
        image = _shares(axes, shares[p])
        for row, column in ((r, c) for r in range(T) for c in range(r + 1)):
            note = f"{maps[p, row, column]:.2f}"
            deep = abs(np.log2(max(shares[p, row, column], 1e-9))) > 0.6 * _REACH
            ink = "white" if deep else INK
            axes.text(column, row, note, ha="center", va="center", color=ink, fontsize=9)
        axes.set_title(name, fontsize=10)
        axes.set_xticks(range(T), films, rotation=40, ha="right", fontsize=9)
        axes.set_yticks(range(T), films if p == 0 else [""] * T, fontsize=9)
        axes.set(xlabel="this film answers", ylabel="" if p else "this film asks")
        axes.tick_params(length=0)
    _scale(drawing, image)
    drawing.suptitle(title, fontsize=11)
    return drawing


def position_maps(ours: Mapping[str, Any], paper: Mapping[str, Any], title: str) -> Drawing:
    """Mean attention between the last K positions, in relation to an even share: paper and ours.

    Row t of a map says where the t-th of the last K positions looks. The upper panels sketch what
    a paper says of the same map, the lower ones are measured.

    ours: name → (K, K), up to four. paper: name of some of them → (K, K). title: what there is to
    see.
    """
    known = {name: numbers(name, m, dims=2) for name, m in ours.items()}
    sketched = {name: numbers(name, m, dims=2) for name, m in paper.items()}
    K = len(next(iter(known.values()), []))
    shapes = {m.shape for m in (*known.values(), *sketched.values())}
    if not 1 <= len(known) <= 4 or shapes != {(K, K)} or set(sketched) - set(known):
        raise ValueError(
            f"ours must hold 1 to 4 maps (K, K) and paper some of the same names: {list(known)} "
            f"and {list(sketched)}, shapes {sorted(shapes)}"
        )
    told = [
        f"{name}: one step back {m[-1, -2]:.1f}, {K - 1} steps back {m[-1, 0]:.1f}"
        for name, m in known.items()
    ]
    alt = f"{title}. Mean weights of the last position, 1 is an even share. {'; '.join(told)}."
    drawing = Drawing(7, 4.9, alt)
    for column, name in enumerate(known):
        for row, (source, maps) in enumerate((("paper", sketched), ("ours", known))):
            axes = drawing.add_subplot(2, len(known), row * len(known) + column + 1)
            if not row:
                axes.set_title(name.replace(", ", "\n"), fontsize=10)
            if name in maps:
                image = _shares(axes, maps[name], (-K + 0.5, 0.5, 0.5, -K + 0.5))
            else:
                axes.text(0.5, 0.5, "not\nshown", ha="center", va="center", color=GREY)
                axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
                axes.spines[:].set_color(PALE)
            _steps(axes, K, name in maps, first=column == 0, last=row == 1, source=source)
    _scale(drawing, image)
    drawing.suptitle(title, fontsize=11)
    return drawing


def _steps(axes: Axes, K: int, drawn: bool, first: bool, last: bool, source: str) -> None:
    """Axes in steps back, the outer ones with their names."""
    ticks = [-(K - 1), -(K - 1) // 2, 0] if drawn else []
    axes.set_xticks(ticks, [str(-tick) for tick in ticks], fontsize=9)
    axes.set_yticks(ticks if first else [], [str(-t) for t in ticks] if first else [], fontsize=9)
    if first:
        says = "a sketch of\nthe paper's words" if source == "paper" else "measured here"
        axes.set_ylabel(f"{says}\n\nlooks from, steps back", fontsize=9)
    if last:
        axes.set_xlabel("looks at,\nsteps back", fontsize=9)


def _shares(
    axes: Axes, shares: np.ndarray, extent: tuple[float, float, float, float] | None = None
) -> AxesImage:
    """Shares (K, K) on a scale of doublings around 1; the future is hatched."""
    K = len(shares)
    future = np.triu(np.ones((K, K), dtype=bool), 1)
    doublings = np.log2(np.maximum(shares, 2.0**-_REACH))
    norm = Normalize(-_REACH, _REACH)
    left, right, bottom, top = extent or (-0.5, K - 0.5, K - 0.5, -0.5)
    for row in range(K - 1):
        corner = (left + row + 1, top + row)
        axes.add_patch(Rectangle(corner, right - corner[0], 1, **_HIDDEN))
    shown = np.ma.masked_where(future, doublings)
    return axes.imshow(
        shown, cmap=_DIVERGING, norm=norm, extent=(left, right, bottom, top),
        interpolation="nearest",
    )  # fmt: skip


def _scale(drawing: Drawing, image: AxesImage) -> None:
    """The bar beside shares: doublings, written as times an even share."""
    bar = drawing.colorbar(image, ax=drawing.axes, shrink=0.8, extend="both")
    names = ["⅛", "¼", "½", "even", "2 ×", "4 ×", "8 ×"]
    bar.set_ticks(range(-_REACH, _REACH + 1), labels=names)
    bar.ax.tick_params(labelsize=9)
    bar.set_label("weight, against an even share", fontsize=9)


def ratio_map(
    matrices: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    names: Sequence[str],
    colour: str,
    title: str = "",
    kind: str = "genre",
) -> Drawing:
    """Ratios by genre to what was expected as shades around 1, with the numbers written in.

    matrices: (P, R, C), one panel each. rows, columns, names: (R,), (C,), (P,). colour: what the
    numbers mean. title: what there is to see. kind: what the rows and columns are.
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
    drawing = Drawing(7, 1.7 + 0.5 * R, f"{colour}. {'; '.join(said)}.")
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
        axes.set_xlabel(f"{kind} of the film that answers")
        axes.set_ylabel("" if p else "of the film that asks")
        axes.tick_params(length=0)
    bar = drawing.colorbar(image, ax=drawing.axes, shrink=0.9)
    bar.set_label(colour, fontsize=9)
    drawing.suptitle(title, fontsize=11)
    return drawing


def film_map(
    places: Any,
    groups: Sequence[str],
    named: dict[int, str],
    axes_names: tuple[str, str],
    title: str = "",
) -> Drawing:
    """Films as points on a plane, coloured and shaped by group, some with their title.

    A title that would cover an earlier one is left out.

    places: (F, 2). groups: (F,) at most four different names; others are "". named: number of a
    point → its title. axes_names: of the two axes. title: what there is to see.
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
    drawing = Drawing(7, 5.6, f"{len(points)} films on a plane: {counted}. {centres}.")
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
    axes.legend(
        frameon=False,
        ncols=len(kinds) + 1,
        loc="upper center",
        bbox_to_anchor=(0.5, 1.1),
        fontsize=9,
    )
    drawing.suptitle(title, fontsize=11)
    return drawing


def _write_titles(axes: Axes, points: np.ndarray, named: dict[int, str]) -> None:
    """Titles beside their points, but for those that would cover an earlier one."""
    written: list[np.ndarray] = []
    room = np.array([0.3, 0.045]) * np.ptp(points, axis=0)  # about what a title takes up
    for number, title in named.items():
        if any((np.abs(points[number] - other) < room).all() for other in written):
            continue
        written.append(points[number])
        axes.annotate(
            short(title, 24), points[number], (4, 4), textcoords="offset points", fontsize=9
        )


def side_by_side(table: pd.DataFrame, title: str) -> Drawing:
    """Columns of a table as panels of bars, one row a film: accounts of one and the same thing.

    table: indexed by what the rows are, from the top down; a line break in a column's name is kept.
    title: what there is to see.
    """
    if table.shape[1] < 1 or table.shape[0] < 1:
        raise ValueError(f"table must have rows and columns, not {table.shape}")
    values = numbers("table", table.to_numpy(), dims=2)
    names = [str(row) for row in table.index]
    said = [
        f"{str(column).replace(chr(10), ' ')}: most for {names[int(values[:, c].argmax())]}"
        for c, column in enumerate(table.columns)
    ]
    R, C = values.shape
    drawing = Drawing(7, 1.3 + 0.3 * R, f"{title}. {'; '.join(said)}.")
    for c, column in enumerate(table.columns):
        axes = drawing.panel(C, c + 1)
        most = int(values[:, c].argmax())
        for row in range(R):
            hatch = "//" if row == most else ""
            axes.barh(row, values[row, c], color=BLUE, edgecolor="white", hatch=hatch)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set(ylim=(R - 0.4, -0.6))
        axes.set_title(str(column), fontsize=10)
        axes.set_yticks(range(R), [short(n, 26) for n in names] if c == 0 else [""] * R, fontsize=9)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=3)
    drawing.suptitle(title, fontsize=11)
    return drawing
