"""Figures about SSE-PT: seeds side by side, which ids SSE replaced, and SSE-PT++'s windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Patch, Rectangle

from seqrec_lib.plots.drawing import (
    BLUE,
    GREY,
    INK,
    LINES,
    ORANGE,
    Drawing,
    apart,
    numbers,
    wrapped,
)

_KEPT: dict[str, Any] = {"facecolor": "#BBD9EC", "edgecolor": "white"}
_SWAPPED: dict[str, Any] = {"facecolor": "#F6D58F", "edgecolor": "#B97F00", "hatch": "////"}
_SHOWN = 24  # windows that are drawn one by one


def by_seed(
    runs: Mapping[str, pd.DataFrame],
    ylabel: str,
    title: str = "",
    ylim: tuple[float, float] | None = None,
    order: Sequence[str] = (),
) -> Drawing:
    """A quantity over the index of tables: for each seed a thin line, for their mean a thick one.

    runs: name → a table with a column for each seed; up to four, named at the right end. ylim: the
    axis, where several figures are to be compared; it follows the values otherwise, not from zero.
    order: names by which colours go, so that several figures have the same one for the same model.
    """
    names = [*order, *(name for name in runs if name not in order)]
    if not 1 <= len(runs) <= len(names) <= len(LINES):
        raise ValueError(f"there must be 1 to {len(LINES)} runs, not {len(runs)}")
    known = {name: numbers(name, table.to_numpy(), dims=2) for name, table in runs.items()}
    said = []
    for name, values in known.items():
        mean, x = values.mean(axis=1), runs[name].index
        best = int(mean.argmax())
        said.append(
            f"{name}: {values.shape[1]} seeds, mean {mean[0]:.3f} at {x[0]}, highest "
            f"{mean[best]:.3f} at {x[best]}, {mean[-1]:.3f} at {x[-1]}"
        )
    drawing = Drawing(7, 3.8, f"{ylabel} by {x.name}. {'; '.join(said)}.")
    axes = drawing.panel()
    for name, values in known.items():
        style = LINES[names.index(name)]
        for seed in values.T:
            axes.plot(runs[name].index, seed, color=style["color"], linewidth=0.8, alpha=0.6)
        axes.plot(runs[name].index, values.mean(axis=1), linewidth=2.4, markersize=5, **style)
    axes.set(xlabel=str(x.name), ylabel=ylabel, ylim=ylim)
    axes.set_title(title, fontsize=11, loc="left")
    if pd.api.types.is_integer_dtype(x):
        axes.locator_params(axis="x", integer=True)
    low, high = axes.get_ylim()
    ends = [values[-1].mean() for values in known.values()]
    for name, end in zip(known, apart(ends, 0.065 * (high - low)), strict=True):
        colour = LINES[names.index(name)]["color"]
        axes.annotate(
            name, (1, end), (6, 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", va="center", color=colour, fontweight="bold",
        )  # fmt: skip
    return drawing


def replacements(
    users: tuple[str, str], inputs: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]
) -> Drawing:
    """One training sequence after SSE: what was replaced is hatched, the old name struck out.

    users: names before and after. inputs, targets: (2, T) titles before and after, none of them
    empty.

    Raises ValueError where the four rows of titles are not of one length.
    """
    T = len(inputs[0])
    lengths = [len(row) for row in (*inputs, *targets)]
    if T == 0 or (len(inputs), len(targets), set(lengths)) != (2, 2, {T}):
        raise ValueError(f"inputs and targets must be two rows each, of one length, not {lengths}")
    rows = {"user": (users,), "reads": tuple(zip(*inputs, strict=True))}
    rows["is asked for"] = tuple(zip(*targets, strict=True))
    said = []
    for name, pairs in rows.items():
        changed = [f"{a} became {b}" for a, b in pairs if a != b]
        said.append(f"{name}: {'; '.join(changed) if changed else 'nothing'}")
    alt = f"One training sequence of {T} positions. Replaced by SSE: {'. '.join(said)}."
    drawing = Drawing(1.2 + 1.3 * T, 4.0, alt)
    axes = drawing.sheet()
    for y, pairs in zip((2.0, 1.0, 0.0), rows.values(), strict=True):
        wide = T if len(pairs) == 1 else 1  # the user is the same at every position
        for t, (before, after) in enumerate(pairs):
            middle = t + (wide - 1) / 2
            _cell(axes, middle, y, wide - 0.1, before, after)
    axes.set(xlim=(-0.6, T - 0.4), ylim=(-0.5, 2.5))
    axes.set_yticks([2.0, 1.0, 0.0], list(rows), fontweight="bold")
    axes.set_xticks(range(T), [f"position {t + 1}" for t in range(T)], fontsize=9)
    handles = [Patch(label="kept", **_KEPT), Patch(label="replaced (old one above)", **_SWAPPED)]
    axes.legend(
        handles=handles, ncols=2, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.08)
    )
    return drawing


def _cell(axes: Any, x: float, y: float, width: float, before: str, after: str) -> None:
    style = _KEPT if before == after else _SWAPPED
    axes.add_patch(Rectangle((x - width / 2, y - 0.38), width, 0.76, linewidth=1, **style))
    back = {"facecolor": style["facecolor"], "edgecolor": "none", "pad": 1.2}
    place = {"ha": "center", "va": "center", "bbox": back}
    new = wrapped(after, 14 if width <= 1 else 60, 2)
    if before == after:
        axes.text(x, y, new, fontsize=9, color=INK, **place)
        return
    old = wrapped(before, 14 if width <= 1 else 60, 2)
    struck = "".join(letter if letter == "\n" else letter + "\u0336" for letter in old)
    axes.text(x, y + 0.2, struck, fontsize=9, color="#555555", **place)
    axes.text(x, y - 0.18, new, fontsize=9, color=INK, fontweight="bold", **place)


def windows(length: int, n: int, starts: Any, p_s: float) -> Drawing:
    """Where training windows of a long history start: some of them, and how often each start came.

    length: items of the history. n: positions of a window, whose targets reach one item further.
    starts: (S,) the positions, from 1, of the first item of S windows that were drawn. p_s: the
    probability of a window that is not the last one, for the expected shares.

    Raises ValueError for a start that no window of n + 1 items can have.
    """
    drawn = numbers("starts", starts).astype(int)
    last = length - n
    if n < 1 or last < 1 or drawn.min() < 1 or drawn.max() > last:
        raise ValueError(
            f"starts from {drawn.min()} to {drawn.max()} must be from 1 to length - n = {last}"
        )
    places = np.arange(1, last + 1)
    shares = np.bincount(drawn, minlength=last + 1)[1:] / len(drawn)  # (last,)
    expected = np.full(last, p_s / (last - 1)) if last > 1 else np.ones(1)
    if last > 1:
        expected[-1] = 1 - p_s
    alt = f"Left: {min(_SHOWN, len(drawn))} windows of {n} of {length} films. Right: of "
    alt += f"{len(drawn):,} windows {shares[-1]:.0%} are the last one, expected "
    alt += f"{expected[-1]:.0%}; the others start at {np.count_nonzero(shares[:-1])} of {last - 1} "
    alt += "earlier places."
    drawing = Drawing(7, 3.4, alt)
    left, right = drawing.panel(2, 1), drawing.panel(2, 2)
    slid: dict[str, Any] = {"facecolor": ORANGE, "edgecolor": "white", "hatch": "//"}
    for row, start in enumerate(drawn[:_SHOWN]):
        style: dict[str, Any] = {"facecolor": BLUE} if start == last else slid
        left.add_patch(Rectangle((start - 0.5, row - 0.4), n, 0.8, linewidth=0, **style))
    left.axvline(length - 0.5, color=GREY, linewidth=1, linestyle=":")
    left.set(xlim=(0.5, length + 0.5), ylim=(min(_SHOWN, len(drawn)) - 0.4, -0.6))
    left.set(xlabel="position in the history, oldest first", ylabel="window drawn")
    right.bar(places[:-1], shares[:-1], color=ORANGE, hatch="//", edgecolor="white", width=1)
    right.bar(places[-1:], shares[-1:], color=BLUE, width=1)
    right.plot(places, expected, color=INK, marker="_", linestyle="", markersize=7)
    right.set(xlabel="position where the window starts", ylabel="share of the windows")
    right.set(ylim=(0, 1.35 * max(shares.max(), expected.max())))
    right.locator_params(axis="x", integer=True)
    handles: list[Any] = [Patch(label="the last n", facecolor=BLUE), Patch(label="earlier", **slid)]
    line = right.plot([], [], color=INK, marker="_", linestyle="", label="expected")
    right.legend(handles=[*handles, *line], frameon=False, loc="upper left", fontsize=9)
    return drawing
