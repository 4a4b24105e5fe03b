"""Charts of numbers: learning curves, intervals, histograms, lines and heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.plots.drawing import BLUE, INK, LINES, ORANGE, SCALE, Drawing, numbers

HATCHES = ("", "////", "....", "xxxx")  # parts of a bar without colour


def learning_curves(
    loss: Sequence[float],
    validation: Mapping[str, Sequence[float]] | None = None,
    epochs: Sequence[int] = (),
    marks: Mapping[str, float] | None = None,
    title: str = "",
) -> Drawing:
    """Training loss by epoch and, beside it, validation metrics.

    validation: name of a metric → its values. epochs: when they were taken, one per value.
    marks: what a dashed horizontal line means → its loss. title: what there is to see.
    """
    known = {name: numbers(name, values) for name, values in (validation or {}).items()}
    losses = numbers("loss", loss)
    alt = f"Training loss over {len(losses)} epochs: from {losses[0]:.3f} to {losses[-1]:.3f}."
    for name, values in known.items():
        if len(epochs) != len(values):
            raise ValueError(f"epochs must have one entry for each of the {len(values)} of {name}")
        best = int(values.argmax())
        alt += f" Validation {name}: from {values[0]:.3f} to {values[-1]:.3f}, "
        alt += f"best {values[best]:.3f} after epoch {epochs[best]}."
    alt += "".join(f" {name}: {at:.3f}." for name, at in (marks or {}).items())
    drawing = Drawing(7 if known or marks else 5, 3.2, alt)
    left = drawing.panel(2 if known else 1)
    left.plot(range(1, len(losses) + 1), losses, **(LINES[0] | {"marker": "."}))
    for name, at in (marks or {}).items():
        left.axhline(at, color=INK, linestyle="--", linewidth=1)
        left.annotate(
            f"{name} ", (1, at), (0, 2), xycoords=left.get_yaxis_transform(),
            textcoords="offset points", ha="right", va="bottom", fontsize=9,
        )  # fmt: skip
    left.set(xlabel="epoch", ylabel="training loss", title="" if known else title)
    if known:
        drawing.suptitle(title, fontsize=11)
        right = drawing.panel(2, 2)
        for style, (name, values) in zip(LINES, known.items(), strict=False):
            right.plot(epochs, values, label=name, **style)
        right.set(xlabel="epoch", ylabel="validation", ylim=(0, None))
        right.legend(frameon=False, loc="lower right")
    for axes in drawing.axes:
        axes.locator_params(axis="x", integer=True)
    return drawing


def intervals(
    table: pd.DataFrame,
    metric: str,
    reference: tuple[str, float] | None = None,
    title: str = "",
) -> Drawing:
    """One value per model as a dot, its interval as a line.

    table: indexed by model, columns value, low and high. reference: (name, value) of a dashed line.
    title: what there is to see.
    """
    for column in ("value", "low", "high"):
        if column not in table:
            raise ValueError(f"table must have the column {column!r}; it has {list(table)}")
    value, low, high = (numbers(name, table[name]) for name in ("value", "low", "high"))
    said = [
        f"{name} {v:.3f} ({a:.3f} to {b:.3f})"
        for name, v, a, b in zip(table.index, value, low, high, strict=True)
    ]
    alt = f"{metric} by model, with intervals: {'; '.join(said)}."
    alt += f" {reference[0]}: {reference[1]:.3f}." if reference else ""
    drawing = Drawing(7, 1.1 + 0.42 * len(table) + 0.3 * bool(title), alt)
    axes = drawing.panel()
    axes.set_title(title, fontsize=11)
    rows = np.arange(len(table))
    reach = np.maximum(np.stack([value - low, high - value]), 0)  # rounding may give -1e-17
    axes.errorbar(value, rows, xerr=reach, fmt="o", color=BLUE, ecolor=INK, capsize=4, markersize=7)
    for row in rows:
        note = f"{value[row]:.3f}"
        axes.annotate(note, (high[row], row), (8, 0), textcoords="offset points", va="center")
    right = max(float(high.max()), reference[1] if reference else 0.0)
    axes.set(xlim=(0, right * 1.15), ylim=(len(table) - 0.4, -0.6), xlabel=metric)
    axes.set_yticks(rows, [str(name) for name in table.index])
    axes.tick_params(axis="y", length=0)
    if reference:
        axes.axvline(reference[1], color=INK, linestyle="--", linewidth=1)
        side = "right" if reference[1] > right / 2 else "left"  # of the line, there is more room
        note = f" {reference[0]} {reference[1]:.3f} "
        axes.annotate(note, (reference[1], len(table) - 0.45), ha=side, va="bottom")
    return drawing


def lengths_and_popularity(lengths: Any, counts: Any, cut: int) -> Drawing:
    """How long histories are, and how unequal items are.

    lengths: (U,) items per user, all above 0. counts: (I,) interactions per item. cut: a length to
    mark.
    """
    lengths, counts = numbers("lengths", lengths), np.sort(numbers("counts", counts))[::-1]
    if lengths.min() < 1:
        raise ValueError("lengths must be at least 1: leave out users without items")
    longer = float((lengths > cut).mean())
    top = max(1, round(len(counts) / 10))
    share = float(counts[:top].sum() / counts.sum())
    drawing = Drawing(
        7,
        3.3,
        f"Left: histogram of {len(lengths):,} history lengths from {lengths.min():.0f} to "
        f"{lengths.max():,.0f}, median {np.median(lengths):.0f}; {longer:.0%} are longer than "
        f"{cut}. Right: interactions per film by rank, from {counts[0]:,.0f} down to "
        f"{counts[-1]:,.0f}; the top tenth of the films has {share:.0%} of all interactions.",
    )
    left, right = drawing.panel(2, 1), drawing.panel(2, 2)
    left.hist(lengths, bins=np.geomspace(lengths.min(), lengths.max() + 1, 41).tolist(), color=BLUE)
    left.axvline(cut, color=INK, linestyle="--", linewidth=1)
    left.annotate(f"  n = {cut}", (cut, left.get_ylim()[1]), va="top")
    left.set(xscale="log", xlabel="films in a history (log scale)", ylabel="users")
    ticks = [x for x in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if x <= lengths.max()]
    left.set_xticks([x for x in ticks if x >= lengths.min()])
    left.get_xaxis().set_major_formatter("{x:.0f}")
    left.minorticks_off()
    ranks = np.arange(1, len(counts) + 1)
    right.plot(ranks, counts, color=BLUE, linewidth=2)
    right.fill_between(ranks[:top], counts[:top], facecolor=ORANGE, hatch="//", edgecolor="white")
    note, place = f"a tenth of the films:\n{share:.0%} of the interactions", (top, counts[top - 1])
    right.annotate(note, place, (12, 12), textcoords="offset points")
    right.set(xlabel="rank of the film", ylabel="interactions", ylim=(0, None), xlim=(0, None))
    return drawing


def lines(table: pd.DataFrame, ylabel: str, log_x: bool = False, title: str = "") -> Drawing:
    """Columns of a table as lines over its index, told apart by colour, marker and dashes.

    Each line is named at its right end, or in a legend where two ends lie close together.
    """
    if not 1 <= table.shape[1] <= len(LINES):
        raise ValueError(f"table must have 1 to {len(LINES)} columns, not {table.shape[1]}")
    columns = {str(name): numbers(str(name), table[name]) for name in table}
    said = "; ".join(f"{name} from {v[0]:.3g} to {v[-1]:.3g}" for name, v in columns.items())
    where = f"as {table.index.name} goes from {table.index[0]} to {table.index[-1]}"
    drawing = Drawing(7, 3.3, f"{ylabel} {where}: {said}.")
    axes = drawing.panel()
    for style, (name, values) in zip(LINES, columns.items(), strict=False):
        axes.plot(table.index, values, label=name, **style)
    axes.set(xlabel=str(table.index.name), ylabel=ylabel, ylim=(0, None))
    if log_x:
        axes.set_xscale("log", base=2)
        axes.set_xticks(table.index, [str(x) for x in table.index])
        axes.minorticks_off()
    elif pd.api.types.is_integer_dtype(table.index):
        axes.locator_params(axis="x", integer=True)  # there is no epoch 2.25
    axes.set_title(title, fontsize=11, loc="left")
    ends = sorted(values[-1] for values in columns.values())
    if len(ends) > 1 and min(np.diff(ends)) < 0.07 * axes.get_ylim()[1]:
        axes.legend(frameon=False)
        return drawing
    for name, values in columns.items():
        end = (table.index[-1], values[-1])
        axes.annotate(f"  {name}", end, va="center", annotation_clip=False)
    return drawing


def _short(value: float) -> str:
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def bars(
    table: pd.DataFrame, xlabel: str, measured: Sequence[float] | None = None, title: str = ""
) -> Drawing:
    """One bar a row, its parts side by side; the sum is written at its end.

    table: indexed by what a bar is, columns are the parts, up to four, none below 0. measured: what
    was found in the place of each sum: a diamond, and its number where it is another one. title:
    what there is to see.
    """
    parts = {str(name): numbers(str(name), table[name]) for name in table}
    if not 1 <= len(parts) <= len(LINES):
        raise ValueError(f"table must have 1 to {len(LINES)} columns, not {len(parts)}")
    if min(values.min() for values in parts.values()) < 0:
        raise ValueError("table holds a value below 0: a part of a bar cannot be negative")
    found = None if measured is None else numbers("measured", measured)
    sums, rows = np.sum(list(parts.values()), axis=0), np.arange(len(table))
    if found is not None and len(found) != len(table):
        raise ValueError(f"measured must have one value for each of {len(table)} rows")
    said = []
    for row, name in enumerate(table.index):
        split = ", ".join(f"{part} {values[row]:.3g}" for part, values in parts.items())
        note = "" if found is None else f", measured {found[row]:.3g}"
        said.append(f"{name}: {split}{note}")
    height = 1.3 + 0.42 * len(table) + 0.3 * bool(title)
    drawing = Drawing(7, height, f"{xlabel}. {'; '.join(said)}.")
    axes, left = drawing.panel(), np.zeros(len(table))
    for style, hatch, (name, values) in zip(LINES, HATCHES, parts.items(), strict=False):
        axes.barh(
            rows, values, 0.62, left=left, label=name, color=style["color"], hatch=hatch,
            edgecolor="white", linewidth=0,
        )  # fmt: skip
        left = left + values
    if found is not None:
        axes.plot(found, rows, "D", color="white", markeredgecolor=INK, label="measured")
    ends = sums if found is None else np.maximum(sums, found)
    notes = [_short(value) for value in sums]
    if found is not None:
        both = zip(notes, map(_short, found), strict=True)
        notes = [one if one == other else f"{one}, measured {other}" for one, other in both]
    for row, end in enumerate(ends):
        axes.annotate(notes[row], (end, row), (9, 0), textcoords="offset points", va="center")
    room = 1.13 + 0.014 * max(0, max(map(len, notes)) - 6)
    axes.set(xlim=(0, room * float(ends.max())), ylim=(len(table) - 0.5, -0.5), xlabel=xlabel)
    axes.set_yticks(rows, [str(name) for name in table.index])
    axes.tick_params(axis="y", length=0)
    named = len(parts) > 1 or found is not None
    axes.set_title(title, fontsize=11, loc="left", pad=24 if named else None)
    if named:
        axes.legend(
            frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(-0.02, 0.98), fontsize=9,
            columnspacing=1.2, handletextpad=0.5,
        )  # fmt: skip
    return drawing


def heatmap(
    values: Any, rows: str, columns: str, colour: str, first: int = 1, title: str = ""
) -> Drawing:
    """A matrix (R, C) as shades, bright is high.

    rows, columns, colour: what these mean. first: the number of the first row and column. title:
    what there is to see.
    """
    matrix = numbers("values", values, dims=2)
    (R, C), (low, high) = matrix.shape, (matrix.min(), matrix.max())
    alt = f"{colour} of {R} {rows} (down) and {C} {columns} (across), {low:.2f} to {high:.2f}."
    if R == C and R > 2:
        part = -(-R // 5)  # a fifth, rounded up: one cell may be an exception
        near, far = np.diag(matrix, 1).mean(), matrix[:part, -part:].mean()
        alt += f" Mean next to the diagonal {near:.2f}, in the upper right corner {far:.2f}."
    drawing = Drawing(5.6, 4.4, alt)
    axes = drawing.add_subplot()
    extent = (first - 0.5, first + C - 0.5, first + R - 0.5, first - 0.5)
    image = axes.imshow(matrix, cmap=SCALE, extent=extent, interpolation="nearest")
    axes.set(xlabel=columns, ylabel=rows)
    axes.set_title(title, fontsize=11, loc="left")
    axes.locator_params(integer=True)
    drawing.colorbar(image, ax=axes, label=colour)
    return drawing
