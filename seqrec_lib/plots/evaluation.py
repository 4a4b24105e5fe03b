"""Figures about evaluation: order by protocol, curves, spread, differences, splits in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
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

# Rows of a data set by what a split makes of them: colour, marker and size differ
_ROLES: dict[str, dict[str, Any]] = {
    "train": {"color": BLUE, "marker": "|", "s": 60, "linewidths": 1.2},
    "test": {"color": ORANGE, "marker": "D", "s": 46, "edgecolor": INK, "zorder": 3},
    "not used": {"color": GREY, "marker": "x", "s": 22, "linewidths": 0.8},
}


def order_change(table: pd.DataFrame, metric: str, title: str = "") -> Drawing:
    """Models by rank under each of several protocols; a line follows each model.

    table: indexed by model, one column per protocol with the value of `metric`, higher is better.
    Lines of models that swap ranks with another one are orange and solid, the others grey. title:
    what there is to see.
    """
    if table.shape[1] < 2 or table.shape[0] < 2:
        raise ValueError(f"table must have at least 2 models and 2 protocols, not {table.shape}")
    values = numbers("table", table.to_numpy(), dims=2)  # (models, protocols)
    place = (-values).argsort(axis=0, kind="stable").argsort(axis=0) + 1
    names, protocols = [str(n) for n in table.index], [str(c) for c in table]
    turned = {
        pair
        for pair in combinations(range(len(names)), 2)
        if len({bool(place[pair[0], c] < place[pair[1], c]) for c in range(len(protocols))}) > 1
    }
    said = [
        f"{protocol}: {', '.join(names[m] for m in place[:, c].argsort())}"
        for c, protocol in enumerate(protocols)
    ]
    pairs = "; ".join(f"{names[a]} and {names[b]}" for a, b in sorted(turned)) or "none"
    alt = f"Models from best to worst by {metric}. {'. '.join(said)}. Pairs that change: {pairs}."
    drawing = Drawing(7 if len(protocols) == 2 else 8.6, 1.0 + 0.55 * len(names), alt)
    axes = drawing.sheet()
    axes.set_title(title, fontsize=11)
    moving = {m for pair in turned for m in pair}
    for m, name in enumerate(names):
        colour, width, dashes = (ORANGE, 3, "-") if m in moving else (GREY, 2, "--")
        axes.plot(
            range(len(protocols)), place[m], color=colour, linewidth=width, linestyle=dashes,
            marker="o", markersize=9,
        )  # fmt: skip
        weight = "bold" if m in moving else "normal"
        last = len(protocols) - 1
        for at, side, shift in ((0, "right", -0.06), (last, "left", 0.06)):
            note = f"{short(name, 30)}  {values[m, at]:.3f}"
            axes.text(at + shift, place[m, at], note, ha=side, va="center", fontweight=weight)
    axes.set(xlim=(-0.95, len(protocols) - 0.05), ylim=(len(names) + 0.5, 0.5))
    axes.set_xticks(range(len(protocols)), [f"{p}\n({metric})" for p in protocols])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return drawing


def curves(
    table: pd.DataFrame, ylabel: str, marks: Mapping[str, float] | None = None, title: str = ""
) -> Drawing:
    """Columns of a table as lines over its index on a log scale, each named at its right end.

    The axis begins at 0 unless there are values below; then zero is a line of its own.
    marks: what a dashed vertical line means → its value on the axis. title: what there is to see.
    """
    if not 1 <= table.shape[1] <= len(FIVE_LINES):
        raise ValueError(f"table must have 1 to {len(FIVE_LINES)} columns, not {table.shape[1]}")
    x = numbers("the index", table.index.to_numpy())
    if (x <= 0).any() or (np.diff(x) <= 0).any():
        raise ValueError("the index must be positive and rise: it is drawn on a log scale")
    columns = {str(name): numbers(str(name), table[name]) for name in table}
    said = "; ".join(f"{name} from {v[0]:.3g} to {v[-1]:.3g}" for name, v in columns.items())
    marked = ", ".join(f"{name} at {at:g}" for name, at in (marks or {}).items())
    alt = f"{ylabel} as {table.index.name} goes from {x[0]:g} to {x[-1]:g}: {said}."
    drawing = Drawing(8.4, 3.8, alt + (f" Marked: {marked}." if marked else ""))
    axes = drawing.panel()
    for style, values in zip(FIVE_LINES, columns.values(), strict=False):
        every = max(1, len(x) // 8)
        axes.plot(x, values, markevery=every, linewidth=2, **style)
    axes.set(xscale="log", xlabel=str(table.index.name), ylabel=ylabel)
    axes.set_title(title, fontsize=11, loc="left")
    axes.get_xaxis().set_major_formatter("{x:,.0f}")
    bottom, top = axes.get_ylim()
    if all((values >= 0).all() for values in columns.values()):
        bottom = 0.0
    else:
        axes.axhline(0, color=GREY, linewidth=1.5)
    ends = _apart([float(values[-1]) for values in columns.values()], 0.062 * (top - bottom))
    for style, name, y in zip(FIVE_LINES, columns, ends, strict=False):
        axes.annotate(
            short(name, 34), (1, y), (6, 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", va="center", color=style["color"], fontweight="bold",
        )  # fmt: skip
    for name, at in (marks or {}).items():
        axes.axvline(at, color=INK, linestyle="--", linewidth=1)
        axes.annotate(f" {name}", (at, top), va="top", fontsize=9)
    axes.set(ylim=(bottom, top), xlim=(x[0], x[-1]))
    return drawing


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """The same places in the same order, pushed up where two are nearer than `gap`."""
    pushed = list(places)
    order = sorted(range(len(places)), key=lambda i: places[i])
    for below, above in pairwise(order):
        pushed[above] = max(pushed[above], pushed[below] + gap)
    return pushed


def spread(
    samples: Mapping[str, Any],
    xlabel: str,
    reach: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
) -> Drawing:
    """Repeated measurements as dots in one row per name, with an interval below where given.

    samples: name → values (S,). reach: name → (low, high) of an interval of another kind. title:
    what there is to see.
    """
    if len(samples) == 0:
        raise ValueError('samples is empty: give {"name": values, ...}')
    known = {name: numbers(name, values) for name, values in samples.items()}
    said = [f"{name} {v.min():.4f} to {v.max():.4f}" for name, v in known.items()]
    alt = f"{xlabel}, repeated: {'; '.join(said)}."
    if reach:
        told = [f"{name} {low:.4f} to {high:.4f}" for name, (low, high) in reach.items()]
        alt += f" Intervals: {'; '.join(told)}."
    drawing = Drawing(7.4, 1.1 + 0.6 * len(known) + 0.3 * bool(title), alt)
    axes = drawing.panel()
    drawing.suptitle(title, fontsize=11)
    for row, (name, values) in enumerate(known.items()):
        lifted = row - 0.12 - 0.2 * (np.arange(len(values)) % 3) / 2  # side by side, not on top
        axes.scatter(values, lifted, s=26, color=BLUE, alpha=0.8, linewidths=0)
        if reach and name in reach:
            axes.plot(reach[name], [row + 0.22] * 2, color=INK, linewidth=2, marker="|")
    axes.set(xlabel=xlabel, ylim=(len(known) - 0.5, -0.6))
    axes.set_yticks(range(len(known)), list(known))
    axes.tick_params(axis="y", length=0)
    return drawing


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


def split_in_time(
    panels: Mapping[str, Sequence[tuple[Any, Sequence[str]]]], moments: Sequence[float]
) -> Drawing:
    """What a split makes of each row of some users, along one axis of time.

    panels: name of a split → for each user (times (N,) in years, roles (N,)), roles being
        "train", "test" or "not used". The same users in every panel.
    moments: one per panel; what is to the right of it is shaded.
    """
    counts = {len(users) for users in panels.values()}
    if len(counts) != 1 or len(moments) != len(panels):
        raise ValueError(f"{len(panels)} panels need as many moments and equally many users")
    said = []
    for (name, users), moment in zip(panels.items(), moments, strict=True):
        late = sum(
            role == "train" and time > moment
            for times, roles in users
            for time, role in zip(times, roles, strict=True)
        )
        said.append(f"{name}: {late} rows of training lie right of the line")
    drawing = Drawing(9.6, 1.3 + 0.3 * counts.pop(), f"Histories in time. {'; '.join(said)}.")
    known: dict[str, Any] = {}
    for at, ((name, users), moment) in enumerate(zip(panels.items(), moments, strict=True), 1):
        axes = drawing.panel(len(panels), at)
        _draw_users(axes, users)
        axes.axvline(moment, color=INK, linestyle="--", linewidth=1)
        axes.axvspan(moment, axes.get_xlim()[1], color=GREY, alpha=0.18, linewidth=0)
        axes.set_title(name, fontsize=10)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
    drawing.legend(known.values(), known.keys(), ncols=3, frameon=False, loc="outside lower center")
    return drawing


def _draw_users(axes: Axes, users: Sequence[tuple[Any, Sequence[str]]]) -> None:
    everyone = np.concatenate([numbers("times", times) for times, _ in users])
    for role, style in _ROLES.items():
        x, y = [], []
        for row, (times, roles) in enumerate(users):
            if unknown := set(roles) - set(_ROLES):
                raise ValueError(f"roles must be among {', '.join(_ROLES)}, not {sorted(unknown)}")
            mine = [time for time, its in zip(times, roles, strict=True) if its == role]
            x += mine
            y += [row] * len(mine)
        if x:
            axes.scatter(x, y, label=role, **style)
    margin = 0.04 * (everyone.max() - everyone.min())
    axes.set(xlim=(everyone.min() - margin, everyone.max() + margin))
    axes.set(ylim=(len(users) - 0.4, -0.6), xlabel="year", yticks=[])
    axes.set_ylabel("one user a row")
    axes.locator_params(axis="x", nbins=5)
    axes.ticklabel_format(axis="x", useOffset=False)
