"""Figures of recorded results: a paper beside ours, what a change costs, validation by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from seqrec_lib.plots.drawing import (
    BLUE,
    FIVE_LINES,
    GREY,
    INK,
    LINES,
    ORANGE,
    PALE,
    Drawing,
    numbers,
    short,
)

_VERDICTS = {  # fill of our dot
    "reproduced": BLUE,
    "differs": "white",
    "nothing printed": BLUE,
}


def paper_and_ours(table: pd.DataFrame, tolerance: float) -> Drawing:
    """Rows of a printed table: the paper's value with its tolerance, and ours over the seeds.

    table: columns row, paper, ours, lowest, highest, seeds and verdict, as of `compare_with_paper`;
    NaN where nothing is printed or nothing was run. Our dot is full where it is reproduced, hollow
    where it differs, a cross where the run was shorter or under other settings.
    """
    for column in ("row", "paper", "ours", "lowest", "highest", "seeds", "verdict"):
        if column not in table:
            raise ValueError(f"table must have the column {column!r}; it has {list(table)}")
    if len(table) == 0:
        raise ValueError("table has no rows: there is nothing to draw")
    paper, ours = (table[name].to_numpy(np.float64) for name in ("paper", "ours"))
    if np.isnan(paper).all() and np.isnan(ours).all():
        raise ValueError("table has neither printed nor own values: there is nothing to draw")
    said = []
    for row, verdict, a, b in zip(table["row"], table["verdict"], paper, ours, strict=True):
        printed = "nothing printed" if np.isnan(a) else f"printed {a:.4f}"
        named = "" if verdict == "nothing printed" else f", {verdict}"
        found = "not run" if np.isnan(b) else f"ours {b:.4f}{named}"
        said.append(f"{row}: {printed}, {found}")
    drawing = Drawing(9, 1.5 + 0.36 * len(table), f"NDCG@10, paper and ours. {'; '.join(said)}.")
    axes = drawing.panel()
    band: dict[str, Any] = dict(color=PALE, linewidth=9, solid_capstyle="butt", zorder=0)
    for at, (_, line) in enumerate(table.iterrows()):
        if not np.isnan(paper[at]):
            axes.plot([paper[at] - tolerance, paper[at] + tolerance], [at, at], **band)
            axes.plot(paper[at], at, "D", color=ORANGE, markeredgecolor=INK, markersize=6)
        if np.isnan(ours[at]):
            continue
        lift = at + 0.22
        axes.plot([line["lowest"], line["highest"]], [lift, lift], color=INK, marker="|", zorder=2)
        fill = _VERDICTS.get(str(line["verdict"]))
        style: dict[str, Any] = dict(marker="o", markerfacecolor=fill) if fill else dict(marker="x")
        axes.plot(ours[at], lift, color=BLUE, markersize=7, markeredgewidth=1.6, **style)
    for at, verdict in enumerate(table["verdict"]):
        seeds = int(table["seeds"].iloc[at])
        counted = "" if seeds == 0 else f" ({seeds} seed{'s' if seeds > 1 else ''})"
        note = f"{verdict or 'not run'}{counted}"
        axes.annotate(
            note, (1, at), (6, 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", va="center", fontsize=9,
            color=INK if verdict else GREY,
        )  # fmt: skip
    axes.set_yticks(range(len(table)), [short(str(name), 34) for name in table["row"]])
    axes.set(xlabel="NDCG@10", ylim=(len(table) - 0.4, -0.7))
    axes.tick_params(axis="y", length=0)
    axes.plot([], [], "D", color=ORANGE, markeredgecolor=INK, label="the paper")
    axes.plot([], [], color=PALE, linewidth=9, label=f"within {tolerance:g}")
    axes.plot([], [], "o", color=BLUE, label="ours, mean")
    axes.plot([], [], color=INK, marker="|", label="lowest to highest seed")
    axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9)
    return drawing


def off_the_paper(table: pd.DataFrame, tolerance: float, title: str = "") -> Drawing:
    """How far each row is from the printed one: NDCG@10 on the left, HR@10 on the right.

    table: columns row, paper, difference, lowest, highest (NDCG@10 of seeds), difference_hr and
        seeds, as of `compare_with_paper`; rows without a difference are left out, and nothing is
        drawn on the right where no HR@10 is printed.
    tolerance: of NDCG@10, as a grey band; twice that for HR@10. Dots outside are hollow. What is
        further away than five tolerances is drawn as an arrow at the edge, with its value.
    title: what there is to see.
    """
    for column in ("row", "paper", "difference", "lowest", "highest", "difference_hr", "seeds"):
        if column not in table:
            raise ValueError(f"table must have the column {column!r}; it has {list(table)}")
    table = table[table["difference"].notna()]
    if len(table) == 0:
        raise ValueError("table has no rows with a difference: there is nothing to draw")
    said = []
    for _, line in table.iterrows():
        hr = "" if np.isnan(line["difference_hr"]) else f", HR@10 {line['difference_hr']:+.4f}"
        said.append(f"{line['row']} {line['difference']:+.4f}{hr}")
    alt = f"NDCG@10, ours minus the paper's, tolerance {tolerance:g}: {'; '.join(said)}."
    drawing = Drawing(7, 1.2 + 0.3 * len(table) + 0.3 * bool(title), alt)
    drawing.suptitle(title, fontsize=11)
    printed_hr = table["difference_hr"].notna().any()
    left = drawing.panel(2 if printed_hr else 1)
    lows, highs = table["lowest"] - table["paper"], table["highest"] - table["paper"]
    _away(left, "NDCG@10", table["difference"], tolerance)
    inside = (lows.abs() < 5 * tolerance) & (highs.abs() < 5 * tolerance)
    rows = np.arange(len(table))[inside.to_numpy()]
    left.hlines(rows, lows[inside], highs[inside], color=INK, linewidth=1.4, zorder=2)
    seeds = table["seeds"].astype(int)
    names = [
        f"{short(str(row), 30)} ({n})" for row, n in zip(table["row"], seeds, strict=True)
    ]  # how many seeds
    left.set_yticks(range(len(table)), names, fontsize=9)
    if printed_hr:
        right = drawing.panel(2, 2)
        _away(right, "HR@10", table["difference_hr"], 2 * tolerance)
        right.set_yticks([])
    return drawing


def _away(axes: Axes, metric: str, values: pd.Series, tolerance: float) -> None:
    """Dots at distances from zero, a row each, with the band of what is near enough."""
    reach = 5 * tolerance
    axes.axvspan(-tolerance, tolerance, color=PALE, linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=1.2, zorder=1)
    for row, value in enumerate(values):
        if np.isnan(value):
            continue
        if abs(value) > reach:
            side = 1 if value > 0 else -1
            axes.plot([side * reach], [row], marker=">" if side > 0 else "<", color=ORANGE)
            note, place = f"{value:+.3f}", (side * reach * 0.92, row)
            axes.annotate(note, place, ha="right" if side > 0 else "left", va="center", fontsize=9)
            continue
        fill = BLUE if abs(value) <= tolerance + 1e-9 else "white"
        axes.plot([value], [row], marker="o", color=BLUE, markerfacecolor=fill, zorder=3)
    axes.set(xlim=(-1.04 * reach, 1.04 * reach), ylim=(len(values) - 0.4, -0.6))
    axes.set_xticks([-reach, 0, reach])
    axes.set_xlabel(f"{metric}, ours − paper\n(grey: ±{tolerance:g})")
    axes.tick_params(axis="y", length=0)


def effects(table: pd.DataFrame, xlabel: str, title: str = "") -> Drawing:
    """What each change does, by several sources: a dot a change and source, zero is no change.

    table: columns name, source, change, low and high (equal to change where there is no spread);
    up to four sources, drawn in their order. title: what there is to see.
    """
    for column in ("name", "source", "change", "low", "high"):
        if column not in table:
            raise ValueError(f"table must have the column {column!r}; it has {list(table)}")
    names, sources = list(dict.fromkeys(table["name"])), list(dict.fromkeys(table["source"]))
    if not 1 <= len(sources) <= len(LINES):
        raise ValueError(f"table must have 1 to {len(LINES)} sources, not {len(sources)}")
    for column in ("change", "low", "high"):
        numbers(column, table[column])
    said = [
        f"{line['name']}, {line['source']}: {line['change']:+.3f}" for _, line in table.iterrows()
    ]
    height = 1.3 + (0.16 + 0.16 * len(sources)) * len(names) + 0.3 * bool(title)
    drawing = Drawing(8.6, height, f"{xlabel}. {'; '.join(said)}.")
    axes = drawing.panel()
    axes.axvline(0, color=INK, linestyle="--", linewidth=1)
    for place, (style, source) in enumerate(zip(LINES, sources, strict=False)):
        mine = table[table["source"] == source]
        rows = np.array([names.index(name) for name in mine["name"]])
        at = rows + (place - (len(sources) - 1) / 2) * 0.22
        axes.hlines(at, mine["low"], mine["high"], color=style["color"], linewidth=2)
        axes.plot(
            mine["change"], at, color=style["color"], marker=style["marker"], linestyle="none",
            label=source,
        )  # fmt: skip
    for row in range(1, len(names), 2):
        axes.axhspan(row - 0.5, row + 0.5, color=PALE, alpha=0.5, linewidth=0, zorder=0)
    axes.set_yticks(range(len(names)), [short(str(name), 34) for name in names])
    axes.set(xlabel=xlabel, ylim=(len(names) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)
    columns = len(sources) if len(sources) < 4 else 2  # four in a line are wider than the panel
    axes.set_title(title, fontsize=11, loc="left", pad=26 if len(sources) < 4 else 42)
    axes.legend(frameon=False, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9)
    return drawing


def by_epoch(curves: Mapping[str, pd.Series], ylabel: str, title: str = "") -> Drawing:
    """A quantity by epoch, one line a run; runs may be of different length.

    curves: name of a run → its values, indexed by epoch; up to five. title: what there is to see.
    """
    if not 1 <= len(curves) <= len(FIVE_LINES):
        raise ValueError(f"there must be 1 to {len(FIVE_LINES)} curves, not {len(curves)}")
    known = {name: numbers(str(name), values) for name, values in curves.items()}
    said = []
    for name, values in known.items():
        epochs, best = curves[name].index, int(values.argmax())
        said.append(
            f"{name} from {values[0]:.3f} at epoch {epochs[0]} to {values[-1]:.3f} at "
            f"{epochs[-1]}, highest {values[best]:.3f} at {epochs[best]}"
        )
    drawing = Drawing(8.4, 3.8, f"{ylabel} by epoch: {'; '.join(said)}.")
    axes = drawing.panel()
    for style, (name, values) in zip(FIVE_LINES, known.items(), strict=False):
        axes.plot(
            curves[name].index, values, label=name, markersize=4,
            markevery=max(1, len(values) // 20), **style,
        )  # fmt: skip
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.set_title(title, fontsize=11, loc="left")
    axes.locator_params(axis="x", integer=True)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return drawing
