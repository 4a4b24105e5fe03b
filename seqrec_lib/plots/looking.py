"""Figures that explain attention: who looks where, a soft look-up, a sum of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from seqrec_lib.plots.drawing import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SCALE,
    Drawing,
    ink_on,
    numbers,
    wrapped,
)


def looks(weights: Any, labels: Sequence[str], title: str = "") -> Drawing:
    """Films in a row; from the last one an arrow to each, as thick as its weight.

    weights: (T,), at least 0. labels: (T,). Raises ValueError where they do not fit.
    """
    shares = numbers("weights", weights)
    T = len(labels)
    if shares.shape != (T,) or shares.min() < 0 or shares.max() == 0:
        raise ValueError(f"weights must be {T} numbers from 0, some above, one for each label")
    said = ", ".join(f"{name} {share:.2f}" for name, share in zip(labels, shares, strict=True))
    drawing = Drawing(7, 2.5, f"{title or 'Arrows'}. From {labels[-1]} to: {said}.")
    axes = drawing.sheet()
    for t, name in enumerate(labels):
        face = "#BBD9EC" if t < T - 1 else BLUE
        box: dict[str, Any] = {"boxstyle": "round,pad=0.03", "facecolor": face, "edgecolor": INK}
        axes.add_patch(FancyBboxPatch((t - 0.36, -0.2), 0.72, 0.4, **box))
        ink = INK if t < T - 1 else "white"
        axes.text(t, 0, wrapped(name, 12), ha="center", va="center", fontsize=10, color=ink)
        bend = 0.32 + 0.4 / max(T - 1 - t, 1)
        start, end = ((T - 1, 0.25), (t, 0.25)) if t < T - 1 else ((t + 0.2, 0.25), (t - 0.2, 0.25))
        width = 0.6 + 11 * shares[t]
        style: dict[str, Any] = {
            "arrowstyle": "-|>",
            "mutation_scale": 12 + width,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        curve = f"arc3,rad={bend if t < T - 1 else 1.6}"
        axes.add_patch(
            FancyArrowPatch(
                start, end, connectionstyle=curve, color=BLUE, alpha=0.75, linewidth=width, **style
            )
        )
        axes.text(t, -0.32, f"{shares[t]:.2f}", ha="center", va="top", fontsize=11)
    axes.set(xlim=(-0.55, T - 0.3), ylim=(-0.6, 1.75))
    axes.set_title(title, fontsize=11, loc="left")
    return drawing


def lookup(
    query: Any,
    keys: Any,
    values: Any,
    labels: Sequence[str],
    traits: Sequence[str],
    asker: str,
) -> Drawing:
    """Attention of one position as a soft look-up: query · keys, weights, values, their mean.

    query: (D,). keys, values: (T, D). labels: (T,) of the positions. traits: (D,) names of the
    numbers. asker: who asks. Scores are divided by the root of D. Raises ValueError for other
    sizes.
    """
    q, k, v = numbers("query", query), numbers("keys", keys, 2), numbers("values", values, 2)
    T, D = len(labels), len(traits)
    if not (q.shape == (D,) and k.shape == v.shape == (T, D)):
        raise ValueError(
            f"query {q.shape}, keys {k.shape} and values {v.shape} do not fit T={T}, D={D}"
        )
    scores = k @ q / np.sqrt(D)  # (T, D) @ (D,) → (T,)
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    mean = weights @ v  # (T,) @ (T, D) → (D,)
    told = ", ".join(f"{name} {w:.2f}" for name, w in zip(labels, weights, strict=True))
    alt = f"{asker} asks with a query; each key answers with a score, and the softmax turns the "
    alt += f"scores into weights: {told}. The weighted values add up to "
    alt += f"{np.round(mean, 2).tolist()}."
    drawing = Drawing(7, 1.9 + 0.42 * T, alt)
    axes = drawing.sheet()
    top = max(float(np.abs(np.concatenate([q, k.ravel(), v.ravel()])).max()), 1e-9)
    norm = Normalize(-top if min(q.min(), k.min(), v.min()) < 0 else 0, top)
    left, right = 0.0, D + 3.6  # keys, values
    _strip(axes, q, left, -1.7, norm)
    axes.text(left - 0.2, -1.2, f"query of\n{asker}", ha="right", va="center", fontsize=10)
    for t, name in enumerate(labels):
        _strip(axes, k[t], left, t, norm)
        _strip(axes, v[t], right, t, norm)
        axes.text(left - 0.2, t + 0.5, name, ha="right", va="center", fontsize=10)
        axes.text(D + 0.75, t + 0.5, f"{scores[t]:.2f}", ha="center", va="center", fontsize=10)
        axes.barh(t + 0.5, 1.5 * weights[t], 0.6, left=D + 1.6, color=BLUE)
        at = D + 1.65 + 1.5 * weights[t]
        axes.text(at, t + 0.5, f"{weights[t]:.2f}", va="center", fontsize=10)
    _strip(axes, mean, right, T + 0.7, norm)
    axes.text(right - 0.2, T + 1.2, "weights · values =", ha="right", va="center", fontsize=10)
    heads = {"keys": D / 2, "score": D + 0.75, "weight": D + 2.3, "values": right + D / 2}
    for note, x in heads.items():
        axes.text(x, -0.15, note, ha="center", va="bottom", fontsize=10, fontweight="bold")
    for d, trait in enumerate(traits):
        axes.text(left + d + 0.5, -2.0, trait, ha="center", va="bottom", fontsize=9, color=INK)
        axes.text(right + d + 0.5, T + 1.85, trait, ha="center", va="top", fontsize=9, color=INK)
    axes.set(xlim=(-2.4, right + D + 0.2), ylim=(T + 2.5, -2.6))
    return drawing


def added(terms: Sequence[tuple[str, Any]], labels: Sequence[str], total: str) -> Drawing:
    """Tables of vectors added number by number: term + term + … = total.

    terms: (name, (T, D)) each. labels: (T,) of the rows. total: name of the sum.
    Raises ValueError for tables of different sizes.
    """
    tables = [(name, numbers(name, table, 2)) for name, table in terms]
    if len({table.shape for _, table in tables}) != 1 or len(tables[0][1]) != len(labels):
        shapes = ", ".join(f"{name} {table.shape}" for name, table in tables)
        raise ValueError(f"all must have a row for each of {len(labels)} labels, not {shapes}")
    tables.append((total, np.sum([table for _, table in tables], axis=0)))
    T, D = tables[0][1].shape
    names = " plus ".join(name for name, _ in tables[:-1])
    alt = f"{names} equals {total}: tables of {T} rows and {D} numbers, added cell by cell."
    drawing = Drawing(7, 0.9 + 0.36 * T, alt)
    axes = drawing.sheet()
    every = np.concatenate([table.ravel() for _, table in tables])
    norm = Normalize(every.min(), max(every.max(), every.min() + 1e-9))
    for at, (name, table) in enumerate(tables):
        left = at * (D + 1.1)
        for t in range(T):
            _strip(axes, table[t], left, t, norm)
        axes.text(left + D / 2, -0.25, name, ha="center", fontsize=10, fontweight="bold")
        if at:
            sign = "=" if at == len(tables) - 1 else "+"
            axes.text(left - 0.55, T / 2, sign, ha="center", va="center", fontsize=16)
    for t, label in enumerate(labels):
        axes.text(-0.2, t + 0.5, label, ha="right", va="center", fontsize=10)
    axes.set(xlim=(-2.2, len(tables) * (D + 1.1) - 1), ylim=(T + 0.1, -0.9))
    return drawing


def _strip(axes: Axes, row: np.ndarray, left: float, top: float, norm: Normalize) -> None:
    """A vector (D,) as a row of shaded cells with its numbers, from (left, top) down by 1."""
    D = len(row)
    axes.imshow(
        row[None], SCALE, norm=norm, extent=(left, left + D, top + 0.95, top + 0.05), aspect="auto"
    )
    for d, value in enumerate(row):
        shown = round(float(value), 1) + 0.0  # -0.0 + 0.0 is 0.0
        note = f"{shown:.0f}" if float(value).is_integer() else f"{shown:.1f}"
        ink = ink_on(norm(value))
        axes.text(left + d + 0.5, top + 0.5, note, ha="center", va="center", fontsize=9, color=ink)


def races(rivals: Mapping[str, Any], target: float, name: str, title: str = "") -> Drawing:
    """One film's score among those of its rivals, in a strip for each set of rivals.

    rivals: name of a set → scores (K,). target: the film's score. name: its title. Each rival is a
    tick, those ahead of the film in the darker colour; the film is the line through all strips.
    title: what there is to see.
    """
    strips = {str(title): numbers(str(title), scores) for title, scores in rivals.items()}
    ranks = {title: int((scores > target).sum()) + 1 for title, scores in strips.items()}
    said = "; ".join(f"rank {ranks[t]} of {len(s) + 1} among {t}" for t, s in strips.items())
    drawing = Drawing(7, 1.1 + 0.75 * len(strips), f"{name} has a score of {target:.2f}: {said}.")
    axes = drawing.sheet()
    drawing.suptitle(title, fontsize=11)
    for row, (title, scores) in enumerate(strips.items()):
        for ticks, colour in ((scores[scores <= target], GREY), (scores[scores > target], BLUE)):
            axes.vlines(ticks, row - 0.3, row + 0.3, color=colour, linewidth=0.7)
        start = min(scores.min() for scores in strips.values())
        note = f"rank {ranks[title]} of {len(scores) + 1:,}"
        axes.text(start, row - 0.36, note, ha="left", va="bottom", fontsize=10, fontweight="bold")
    axes.axvline(target, color=ORANGE, linewidth=2.5)
    axes.text(target, -0.75, name, ha="center", va="bottom", fontsize=10)
    axes.set(ylim=(len(strips) - 0.5, -0.8), xlabel="score (each tick is a film)")
    axes.set_yticks(range(len(strips)), [f"among\n{title}" for title in strips])
    return drawing
