"""Figures about evaluation: order by protocol, curves, spread, splits in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from seqrec_lib.plots.drawing import (
    BLUE,
    FIVE_LINES,
    GREY,
    INK,
    ORANGE,
    Drawing,
    apart,
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
    ends = apart([float(values[-1]) for values in columns.values()], 0.062 * (top - bottom))
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
