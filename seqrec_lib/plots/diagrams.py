"""Figures that explain: ties, the split, the shift of inputs and targets, the mask, two losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from seqrec_lib.plots.drawing import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    Drawing,
    numbers,
    short,
    wrapped,
)

# Each also differs from the others in hatching, for readers and printers without colour.
CELLS: dict[str, dict[str, Any]] = {
    "padding": {"facecolor": "white", "edgecolor": "#AAAAAA", "hatch": "...."},
    "train": {"facecolor": "#BBD9EC", "edgecolor": "white"},
    "valid": {"facecolor": "#F6D58F", "edgecolor": "#B97F00", "hatch": "////"},
    "test": {"facecolor": "#00533D", "edgecolor": "white"},
    "future": {"facecolor": PALE, "edgecolor": GREY, "hatch": "xxxx"},
}


def tie_orders(
    orders: Mapping[str, Sequence[str]], moments: Sequence[int], title: str = ""
) -> Drawing:
    """The same films in the order that each rule gives them; a line follows each film.

    orders: name of a rule → the same titles in its order; of a title that is there twice, the first
    belongs to the first. moments: (T,) the time of each position, the same for every rule;
    positions of one moment share a band. title: what there is to see.
    """
    columns = [list(titles) for titles in orders.values()]
    first = columns[0]
    for rule, titles in orders.items():
        if sorted(titles) != sorted(first):
            raise ValueError(f"rule {rule!r} must order the same titles as the others")
    if len(moments) != len(first):
        raise ValueError(f"moments has {len(moments)} entries for {len(first)} titles")
    _, band = np.unique(np.asarray(moments), return_inverse=True)
    moved = [sum(a != b for a, b in zip(titles, first, strict=True)) for titles in columns]
    said = ", ".join(f"{rule} {n}" for rule, n in list(zip(orders, moved, strict=True))[1:])
    alt = f"{len(first)} films of one user, of {band.max() + 1} different moments, in the order of "
    alt += f"{len(columns)} tie rules. In another place than under {next(iter(orders))}: {said}."
    drawing = Drawing(7, 1.1 + 0.3 * len(first), alt)
    axes = drawing.sheet()
    drawing.suptitle(title, fontsize=11)
    for group in range(band.max() + 1):
        places = np.flatnonzero(band == group)
        colour = "white" if group % 2 else "#EFEFEF"
        axes.axhspan(places[0] - 0.5, places[-1] + 0.5, color=colour)
    half = 0.4  # of a column's width
    for at, titles in enumerate(columns):
        for place, film in enumerate(titles):
            axes.text(at, place, short(film, 25), ha="center", va="center", fontsize=9)
            if at + 1 < len(columns):
                again = titles[:place].count(film)  # how often it was there before
                there = [p for p, other in enumerate(columns[at + 1]) if other == film][again]
                colour, width = (GREY, 0.7) if there == place else (BLUE, 1.4)
                ends = [at + half, at + 1 - half], [place, there]
                axes.plot(*ends, color=colour, linewidth=width)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(first) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), list(orders), fontweight="bold")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return drawing


def split_cells(
    kinds: Sequence[Sequence[str]],
    names: Sequence[str],
    text: Sequence[Sequence[Any]],
    title: str = "",
) -> Drawing:
    """Histories as rows of cells that show what they are: padding, train, valid or test.

    kinds: R rows of T names of `CELLS`. names: (R,) of the rows. text: (R, T) of the cells. title:
    what there is to see.
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
    drawing = Drawing(7, 1.1 + 0.45 * R, alt)
    axes = drawing.sheet()
    axes.set_title(title, fontsize=11)
    for row, column in np.ndindex(R, T):
        kind = cells[row, column]
        place = (column - 0.47, row - 0.42)
        axes.add_patch(Rectangle(place, 0.94, 0.84, linewidth=0, **CELLS[kind]))
        colour = "white" if kind == "test" else INK
        back = {"facecolor": CELLS[kind]["facecolor"], "edgecolor": "none", "pad": 0.8}
        note = str(text[row][column])
        axes.text(column, row, note, ha="center", va="center", fontsize=9, color=colour, bbox=back)
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
    drawing = Drawing(max(7.0, 1.0 + T), 2.5, alt)
    axes = drawing.sheet()
    for y, titles, kind in ((1.0, inputs, "train"), (0.0, targets, "valid")):
        for t, title in enumerate(titles):
            style = CELLS[kind] if title else CELLS["padding"]
            face = {k: v for k, v in style.items() if k != "hatch" or not title}
            axes.add_patch(Rectangle((t - 0.45, y - 0.2), 0.9, 0.4, linewidth=1, **face))
            note = wrapped(title, 13) if title else "0"
            back = {"facecolor": style["facecolor"], "edgecolor": "none", "pad": 1}
            axes.text(t, y, note, ha="center", va="center", fontsize=9, bbox=back)
    for t in range(T):
        if targets[t]:
            axes.add_patch(_arrow((t, 0.78), (t, 0.22), BLUE))
        if t and targets[t - 1] and targets[t - 1] == inputs[t]:
            axes.plot([t - 0.45, t - 0.55], [0.8, 0.2], color=GREY, linewidth=1, linestyle=":")
    axes.set(xlim=(-0.6, T - 0.4), ylim=(-0.3, 1.3))
    axes.set_yticks([1.0, 0.0], ["input", "target"], fontweight="bold")
    axes.set_xticks(range(T), [f"position {t + 1}" for t in range(T)], fontsize=9)
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


def two_losses(scores: Any, labels: Sequence[str], target: int, negative: int) -> Drawing:
    """Binary cross-entropy beside cross-entropy: whom each asks, and what the answer costs.

    scores: (I,) of all films. labels: (I,) their titles. target: the row of the film that came
    next. negative: the row of the one that was drawn. Raises ValueError where these do not fit.
    """
    logits = numbers("scores", scores)
    rows = len(labels)
    if logits.shape != (rows,) or target == negative or not {target, negative} <= {*range(rows)}:
        raise ValueError(
            f"target {target} and negative {negative} must be two rows of {rows} labels, "
            f"and scores, {logits.shape}, one number for each"
        )
    yes = 1 / (1 + np.exp(-logits))  # (I,), each film by itself
    share = np.exp(logits - logits.max())
    share /= share.sum()  # (I,), all films together
    first, second = -np.log(yes[target]), -np.log(1 - yes[negative])
    both, all_films = first + second, -np.log(share[target])
    alt = f"Next came {labels[target]}. Binary cross-entropy asks whether it came next, "
    alt += f"{yes[target]:.2f}, and whether {labels[negative]} did, {yes[negative]:.2f}: a loss of "
    alt += f"{both:.2f}. Cross-entropy shares 1 among all {rows} films and gives "
    alt += f"{labels[target]} {share[target]:.2f}: a loss of {all_films:.2f}."
    drawing = Drawing(7, 1.5 + 0.42 * rows, alt)
    titles = (
        f"BCE asks about two films\nloss {both:.2f}",
        f"cross-entropy about all\nloss {all_films:.2f}",
    )
    for at, (title, values) in enumerate(zip(titles, (yes, share), strict=True), 1):
        axes = drawing.panel(2, at)
        asked = [target, negative] if at == 1 else range(rows)
        colours = [BLUE if row == target else ORANGE if row == negative else GREY for row in asked]
        axes.barh(asked, values[list(asked)], 0.6, color=colours)
        for row in range(rows):
            note, x = f"{values[row]:.2f}", values[row]
            if row not in asked:
                note, x = "not asked", 0.0
            elif row == target:
                note += f", costs {first if at == 1 else all_films:.2f}"
            elif at == 1:
                note += f", costs {second:.2f}"
            axes.text(x + 0.02, row, note, va="center", fontsize=9)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set(xlim=(0, 1.45), ylim=(rows - 0.5, -0.5), xticks=[0, 0.5, 1])
        axes.set_xlabel("probability that it came next", fontsize=9)
        films = [short(label, 24) if at == 1 else "" for label in labels]
        axes.set_yticks(range(rows), films, fontsize=10)
        axes.tick_params(axis="y", length=0)
    return drawing


def _arrow(start: tuple[float, float], end: tuple[float, float], colour: str) -> FancyArrowPatch:
    return FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=12, color=colour, shrinkA=0, shrinkB=0
    )
