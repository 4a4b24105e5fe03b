"""Every figure of the notebooks. They take tables, arrays and tensors, never models.

A figure is a `Drawing`: a matplotlib figure with a text alternative, built from the same numbers,
that notebooks and web pages hand to who cannot see it. Colours are Okabe and Ito's (2008), which
survive colour blindness; what must be told apart also differs in lightness, marker, line style or
hatching, so that it survives a black-and-white printer. Nothing here touches pyplot's state.
"""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
INK, GREY, PALE = "#222222", "#8C8C8C", "#E6E6E6"
LINES = (
    {"color": BLUE, "marker": "o", "linestyle": "-"},
    {"color": ORANGE, "marker": "s", "linestyle": "--"},
    {"color": GREEN, "marker": "^", "linestyle": "-."},
    {"color": PURPLE, "marker": "D", "linestyle": ":"},
)
SCALE = "cividis"  # made for colour-blind eyes; its lightness only rises
_DPI = 150  # of the picture; pages show it at 100 pixels an inch


class Drawing(Figure):
    """A figure with `alt`, its text alternative. The last line of a notebook cell shows it."""

    def __init__(self, width: float, height: float, alt: str) -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        self.alt = alt

    def panel(self, rows: int = 1, columns: int = 1, at: int = 1) -> Axes:
        """An empty panel without the frame's top and right side."""
        axes = self.add_subplot(rows, columns, at)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        return axes

    def png(self) -> bytes:
        """The picture; equal drawings give equal bytes."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        width = round(self.get_figwidth() * 100)
        data = {"image/png": base64.b64encode(self.png()).decode(), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt, "width": width}}


def learning_curves(
    loss: Sequence[float],
    validation: Mapping[str, Sequence[float]] | None = None,
    epochs: Sequence[int] | None = None,
) -> Drawing:
    """Training loss by epoch and, beside it, validation metrics.

    validation: name of a metric → its values. epochs: when they were taken, one per value.
    """
    known = {name: _finite(name, values) for name, values in (validation or {}).items()}
    losses = _finite("loss", loss)
    alt = f"Training loss over {len(losses)} epochs: from {losses[0]:.3f} to {losses[-1]:.3f}."
    for name, values in known.items():
        if epochs is None or len(epochs) != len(values):
            raise ValueError(f"epochs must have one entry for each of the {len(values)} of {name}")
        best = int(values.argmax())
        alt += f" Validation {name}: from {values[0]:.3f} to {values[-1]:.3f}, "
        alt += f"best {values[best]:.3f} after epoch {epochs[best]}."
    drawing = Drawing(8 if known else 5, 3.2, alt)
    left = drawing.panel(1, 2 if known else 1)
    left.plot(range(1, len(losses) + 1), losses, **(LINES[0] | {"marker": "."}))
    left.set(xlabel="epoch", ylabel="training loss")
    if known:
        right = drawing.panel(1, 2, 2)
        for style, (name, values) in zip(LINES, known.items(), strict=False):
            right.plot(list(epochs or []), values, label=name, **style)
        right.set(xlabel="epoch", ylabel="validation", ylim=(0, None))
        right.legend(frameon=False, loc="lower right")
    for axes in drawing.axes:
        axes.xaxis.get_major_locator().set_params(integer=True)
    return drawing


def intervals(
    table: pd.DataFrame, metric: str, reference: tuple[str, float] | None = None
) -> Drawing:
    """One value per model as a dot, its interval as a line.

    table: indexed by model, columns value, low and high. reference: (name, value) of a dashed line.
    """
    for column in ("value", "low", "high"):
        if column not in table:
            raise ValueError(f"table must have the column {column!r}; it has {list(table)}")
    value, low, high = (_finite(c, table[c]) for c in ("value", "low", "high"))
    said = [
        f"{n} {v:.3f} ({a:.3f} to {b:.3f})"
        for n, v, a, b in zip(table.index, value, low, high, strict=True)
    ]
    alt = f"{metric} by model, with intervals: {'; '.join(said)}."
    alt += f" {reference[0]}: {reference[1]:.3f}." if reference else ""
    drawing = Drawing(8, 0.9 + 0.42 * len(table), alt)
    axes = drawing.panel()
    rows = np.arange(len(table))
    reach = np.maximum(np.stack([value - low, high - value]), 0)
    axes.errorbar(value, rows, xerr=reach, fmt="o", color=BLUE, ecolor=INK, capsize=4, markersize=7)
    for row, v, end in zip(rows, value, high, strict=True):
        note = f"{v:.3f}"
        axes.annotate(note, (end, row), (8, 0), textcoords="offset points", va="center")
    right = max(float(high.max()), reference[1] if reference else 0.0)
    axes.set(xlim=(0, right * 1.12), ylim=(len(table) - 0.5, -0.6), xlabel=metric)
    axes.set_yticks(rows, [str(name) for name in table.index])
    axes.tick_params(axis="y", length=0)
    if reference:
        axes.axvline(reference[1], color=INK, linestyle="--", linewidth=1)
        axes.annotate(
            f"{reference[0]} {reference[1]:.3f} ",
            (reference[1], -0.55), ha="right", va="top", color=INK,
        )  # fmt: skip
    return drawing


def lengths_and_popularity(lengths: np.ndarray, counts: np.ndarray, cut: int) -> Drawing:
    """How long histories are, and how unequal items are.

    lengths: (U,) items per user. counts: (I,) interactions per item. cut: a length to mark.
    """
    lengths, counts = _finite("lengths", lengths), np.sort(_finite("counts", counts))[::-1]
    longer = float((lengths > cut).mean())
    top = max(1, round(len(counts) / 10))
    share = float(counts[:top].sum() / counts.sum())
    drawing = Drawing(
        9,
        3.3,
        f"Left: histogram of {len(lengths):,} history lengths from {lengths.min():.0f} to "
        f"{lengths.max():.0f}, median {np.median(lengths):.0f}; {longer:.0%} are longer than {cut}. "
        f"Right: interactions per film by rank, from {counts[0]:,.0f} to {counts[-1]:,.0f}; the "
        f"top tenth of the films has {share:.0%} of all interactions.",
    )
    left, right = drawing.panel(1, 2, 1), drawing.panel(1, 2, 2)
    edges = np.geomspace(lengths.min(), lengths.max() + 1, 41)
    left.hist(lengths, bins=edges, color=BLUE)
    left.axvline(cut, color=INK, linestyle="--", linewidth=1)
    left.annotate(f" {cut}", (cut, left.get_ylim()[1]), va="top")
    left.set(xscale="log", xlabel="films in a history (log scale)", ylabel="users")
    ranks = np.arange(1, len(counts) + 1)
    right.plot(ranks, counts, color=BLUE, linewidth=2)
    right.fill_between(ranks[:top], counts[:top], color=ORANGE, alpha=0.8, hatch="//")
    right.annotate(
        f"a tenth of the films:\n{share:.0%} of the interactions",
        (top, counts[top - 1]), (10, 10), textcoords="offset points",
    )  # fmt: skip
    right.set(xlabel="rank of the film", ylabel="interactions", ylim=(0, None), xlim=(0, None))
    return drawing


def tie_orders(orders: Mapping[str, Sequence[str]], moments: Sequence[int]) -> Drawing:
    """The same films in the order that each rule gives them; a line follows each film.

    orders: name of a rule → the same titles in its order. moments: (T,) the time of each place,
    the same for every rule; places of one moment share a grey band.
    """
    columns = {rule: list(titles) for rule, titles in orders.items()}
    first = next(iter(columns.values()))
    for rule, titles in columns.items():
        if sorted(titles) != sorted(first) or len(set(titles)) != len(first):
            raise ValueError(f"rule {rule!r} must order the same different titles as the others")
    if len(moments) != len(first):
        raise ValueError(f"moments has {len(moments)} entries for {len(first)} titles")
    _, band = np.unique(np.asarray(moments), return_inverse=True)
    moved = {r: sum(a != b for a, b in zip(t, first, strict=True)) for r, t in columns.items()}
    said = ", ".join(f"{rule} {count}" for rule, count in list(moved.items())[1:])
    drawing = Drawing(
        9.5,
        0.8 + 0.3 * len(first),
        f"{len(first)} films of one user, which fall on {band.max() + 1} moments, in the order of "
        f"{len(columns)} tie rules. Films in another place than under {next(iter(columns))}: {said}.",
    )
    axes = drawing.panel()
    for group in range(band.max() + 1):
        places = np.flatnonzero(band == group)
        axes.axhspan(places[0] - 0.5, places[-1] + 0.5, color="white" if group % 2 else "#F2F2F2")
    half = 0.4  # of a column's width
    for at, (rule, titles) in enumerate(columns.items()):
        for place, title in enumerate(titles):
            axes.text(at, place, _short(title, 30), ha="center", va="center", fontsize=8.5)
            if at + 1 < len(columns):
                there = list(columns.values())[at + 1].index(title)
                style = (GREY, 0.8, "-") if there == place else (BLUE, 1.4, "-")
                axes.plot(
                    [at + half, at + 1 - half], [place, there],
                    color=style[0], linewidth=style[1], linestyle=style[2],
                )  # fmt: skip
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(first) - 0.5, -0.5), yticks=[])
    axes.set_xticks(range(len(columns)), list(columns), fontweight="bold")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return drawing


SPLITS: dict[str, dict[str, Any]] = {
    "padding": {"facecolor": "white", "hatch": "....", "edgecolor": "#BBBBBB"},
    "train": {"facecolor": "#BBD9EC"},
    "valid": {"facecolor": ORANGE, "hatch": "//", "edgecolor": "#FFF3DA"},
    "test": {"facecolor": "#00533D"},
}


def split_cells(kinds: Sequence[Sequence[str]], names: Sequence[str], text: Any = None) -> Drawing:
    """Rows of cells coloured by what they are: padding, train, valid or test.

    kinds: R rows of equal length of the names in `SPLITS`. names: (R,) of the rows. text: R rows of
    what stands in the cells, or None.
    """
    cells = np.asarray(kinds, dtype=object)
    if cells.ndim != 2 or len(names) != len(cells):
        raise ValueError(f"kinds must be rows of equal length, one for each of {len(names)} names")
    if unknown := set(cells.ravel()) - set(SPLITS):
        raise ValueError(f"kinds must be among {', '.join(SPLITS)}, not {sorted(unknown)}")
    said = []
    for name, row in zip(names, cells, strict=True):
        counted = [f"{int((row == kind).sum())} {kind}" for kind in SPLITS if (row == kind).any()]
        said.append(f"{name}: {', '.join(counted)}")
    alt = f"{len(cells)} histories as rows of cells, from left to right. {'; '.join(said)}."
    R, T = cells.shape
    drawing = Drawing(9.5, 0.9 + 0.42 * R, alt)
    axes = drawing.panel()
    for row in range(R):
        for column in range(T):
            kind = cells[row, column]
            place, style = (column - 0.46, row - 0.4), {"edgecolor": "none"} | SPLITS[kind]
            axes.add_patch(Rectangle(place, 0.92, 0.8, linewidth=0, **style))
            if text is not None:
                colour = "white" if kind == "test" else INK
                note = str(text[row][column])
                axes.text(
                    column, row, note, ha="center", va="center", fontsize=7.5, color=colour,
                    bbox={"facecolor": ORANGE, "edgecolor": "none", "pad": 0.5}
                    if kind == "valid" else None,
                )  # fmt: skip
    axes.set(xlim=(-0.6, T - 0.4), ylim=(R - 0.5, -0.5), xticks=[])
    axes.set_yticks(range(R), list(names))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    shown = [kind for kind in SPLITS if (cells == kind).any()]
    handles = [Patch(label=kind, **({"edgecolor": "none"} | SPLITS[kind])) for kind in shown]
    axes.legend(handles=handles, ncols=4, frameon=False, loc="upper left", bbox_to_anchor=(0, 0))
    return drawing


def lines(table: pd.DataFrame, ylabel: str, log_x: bool = False) -> Drawing:
    """Columns of a table as lines over its index, told apart by colour, marker and dashes."""
    said = []
    for name in table:
        values = _finite(str(name), table[name])
        said.append(f"{name} from {values[0]:.3g} to {values[-1]:.3g}")
    where = f"as {table.index.name} goes from {table.index[0]} to {table.index[-1]}"
    drawing = Drawing(7, 3.3, f"{ylabel} {where}: {'; '.join(said)}.")
    axes = drawing.panel()
    for style, name in zip(LINES, table, strict=False):
        axes.plot(table.index, table[name], label=str(name), **style)
    axes.set(xlabel=str(table.index.name), ylabel=ylabel, ylim=(0, None))
    if log_x:
        axes.set_xscale("log", base=2)
        axes.set_xticks(table.index, [str(x) for x in table.index])
        axes.minorticks_off()
    axes.legend(frameon=False)
    return drawing
