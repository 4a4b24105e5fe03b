"""Draws the README's figures from what is recorded: run it after a run, or after notebook 00.

Each is drawn for light and for dark pages, into data/figures. What a picture shows is in its file
in words, too, as its description, so that a test can hold it against the records.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from seqrec_lib.plots import Drawing
from seqrec_lib.reproduce.comparison import compare_with_paper
from seqrec_lib.reproduce.pairs import difference
from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.recorded import RESULTS_FOLDER
from seqrec_lib.reproduce.tables import find_recipes

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "data" / "figures"
LESSON = ROOT / "notebooks" / "00_start_here.ipynb"
LINE = re.compile(r"^(\d+) +(.+?\(\d{4}\))", re.MULTILINE)  # of the table that 00 shows
# What is drawn of which data set: name → (table, row).
PANELS: dict[str, dict[str, tuple[str, str]]] = {
    "MovieLens 1M": {
        "SASRec": ("V", "n=50"),
        "counting": ("baselines", "ml-1m markov-chain"),
    },
    "Amazon Games": {
        "SASRec": ("III", "games"),
        "counting": ("baselines", "games markov-chain"),
    },
}
PROTOCOLS = {"sampled": "among 100 drawn", "full": "among all items"}


@dataclass(frozen=True)
class Theme:
    """Colours that suit a page."""

    name: str
    paper: str
    ink: str
    soft: str
    model: str
    counting: str


# Okabe and Ito's orange and blue; on dark paper their sky blue, which is lighter.
THEMES = (
    Theme("light", "#ffffff", "#1f2328", "#59636e", "#C77700", "#0072B2"),
    Theme("dark", "#0d1117", "#e6edf3", "#9198a1", "#E69F00", "#56B4E9"),
)


def recipe(place: tuple[str, str]) -> Recipe:
    """The recipe of a table's row."""
    (found,) = find_recipes(place[0], [place[1]])
    return found


def values(models: Mapping[str, tuple[str, str]], results: Path) -> dict[str, tuple[float, float]]:
    """Model → NDCG@10 among 100 (the candidates drawn once, as the papers do) and among all."""
    found = {}
    for name, (table, row) in models.items():
        lines = compare_with_paper(table, results).to_dict("records")
        (line,) = (line for line in lines if line["row"] == row)
        found[name] = (line["one_draw"], line["ours_full"])
    return found


def places_changed(theme: Theme, results: Path = RESULTS_FOLDER) -> Drawing:
    """Two data sets: who is ahead among 100 items, and who among all of them."""
    panels = {name: values(models, results) for name, models in PANELS.items()}
    leads = {name: _leads(models, results) for name, models in PANELS.items()}
    title = "SASRec beats counting among 100 drawn items, and loses to it among all"
    setting = "SASRec as published: binary cross-entropy, one negative, the last 50 items (n = 50)"
    note = "NDCG@10 of each user's last item. Differences with 95% intervals, paired over users"
    said = [
        f"{name}: {'; '.join(f'{m} {a:.4f} and {b:.4f}' for m, (a, b) in found.items())}"
        f"; SASRec minus counting {' and '.join(leads[name])}"
        for name, found in panels.items()
    ]
    alt = f"{title}. {setting}. {note}, among 100 drawn items and among all. {'. '.join(said)}."
    drawing = Drawing(9.2, 3.9, alt)
    drawing.suptitle(f"{title}\n", fontsize=15, fontweight="bold", color=theme.ink)
    drawing.text(0.5, 0.9, setting, ha="center", va="center", fontsize=11, color=theme.soft)
    drawing.supxlabel(note, fontsize=10, color=theme.soft)
    for at, (name, found) in enumerate(panels.items(), 1):
        axes = drawing.panel(len(panels), at)
        axes.spines[:].set_visible(False)
        _draw_places(axes, found, leads[name], theme)
        axes.set_title(name, fontsize=13, color=theme.ink)
    return drawing


def _leads(models: Mapping[str, tuple[str, str]], results: Path) -> list[str]:
    """By protocol: how far SASRec is ahead of counting, with its 95% interval, in words."""
    a, b = (recipe(models[name]) for name in ("SASRec", "counting"))
    words = []
    for protocol in PROTOCOLS:
        found = difference(a, b, protocol, results)
        if found is None:
            raise LookupError(f"{a.table} {a.row!r} or {b.row!r}: nothing is recorded")
        mean, low, high = found
        words.append(f"{mean:+.3f} ± {(high - low) / 2:.3f}".replace("-", "−"))
    return words


def _draw_places(
    axes: Axes, found: Mapping[str, tuple[float, float]], leads: Sequence[str], theme: Theme
) -> None:
    colours = {"SASRec": theme.model, "counting": theme.counting}
    for name, value in found.items():
        ys = [sum(value[c] < other[c] for other in found.values()) for c in (0, 1)]
        axes.plot([0, 1], ys, color=colours[name], marker="o", markersize=9, linewidth=4)
        for c, side, shift in ((0, "right", -0.06), (1, "left", 0.06)):
            axes.text(
                c + shift, ys[c], f"{name}\n{value[c]:.4f}", ha=side, va="center", fontsize=12,
                color=colours[name], fontweight="bold", linespacing=1.25,
            )  # fmt: skip
    for c, (words, lead) in enumerate(zip(PROTOCOLS.values(), leads, strict=True)):
        axes.text(c, -0.35, words, ha="center", va="bottom", color=theme.soft, fontsize=11)
        axes.text(c, 1.3, f"SASRec − counting\n{lead}", ha="center", va="top", color=theme.ink,
                  fontsize=11)  # fmt: skip
    axes.set(xlim=(-0.75, 1.75), ylim=(1.75, -0.55), xticks=[], yticks=[])


def films_of_lesson(notebook: Path = LESSON) -> tuple[list[str], list[str]]:
    """The films that notebook 00 begins with, and the ten that it shows after them."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        chosen = re.findall(r"MY_FILMS or (\[[^\]]*\])", cell.source)
        if cell.cell_type == "code" and chosen:
            shown = "".join(o.data["text/plain"] for o in cell.outputs if "data" in o)
            return ast.literal_eval(chosen[-1]), [found[1] for found in LINE.findall(shown)]
    raise LookupError(f"{notebook.name} has no cell with 'MY_FILMS or […]'")


def article_first(title: str) -> str:
    """'Terminator, The (1984)' → 'The Terminator (1984)'."""
    return re.sub(r"^(.*), (The|A|An)(?= \(\d{4}\)$)", r"\2 \1", title)


def films_in_and_out(theme: Theme, notebook: Path = LESSON) -> Drawing:
    """What notebook 00 begins with: a few films in, ten out."""
    chosen, ten = films_of_lesson(notebook)
    ten = [article_first(title) for title in ten]
    listed = ", ".join(f"{rank} {title}" for rank, title in enumerate(ten, 1))
    title = "You watched these four. What next?"
    alt = f"{title} In, in this order: {', '.join(chosen)}. Out of SASRec, ranked: {listed}."
    drawing = Drawing(9.2, 3.7, alt)
    axes = drawing.sheet()
    axes.set(xlim=(0, 9.2), ylim=(3.55, -0.1))
    _draw_history(axes, chosen, theme)
    _arrow(axes, (2.3, 1.85), (2.72, 1.85), theme.soft)
    _box(axes, (2.8, 1.2), (1.55, 1.3), theme.model)
    axes.text(3.575, 1.62, "SASRec", ha="center", va="center", fontsize=15, color=theme.model,
              fontweight="bold")  # fmt: skip
    axes.text(3.575, 2.07, "it knows histories,\nno genres, no stars", ha="center", va="center",
              fontsize=9.5, color=theme.soft)  # fmt: skip
    _arrow(axes, (4.43, 1.85), (4.85, 1.85), theme.soft)
    axes.text(5.3, 0.08, "watch next", color=theme.soft, fontsize=11, va="center")
    for rank, film in enumerate(ten, 1):
        y = 0.08 + 0.33 * rank
        weight = "bold" if rank == 1 else "normal"
        axes.text(5.18, y, f"{rank}", ha="right", va="center", color=theme.model, fontsize=11,
                  fontweight="bold")  # fmt: skip
        axes.text(5.3, y, film, va="center", color=theme.ink, fontsize=11, fontweight=weight)
    return drawing


def _draw_history(axes: Axes, chosen: Sequence[str], theme: Theme) -> None:
    axes.text(1.15, 0.08, "you watched", ha="center", va="center", color=theme.soft, fontsize=11)
    for at, film in enumerate(chosen):
        y = 0.33 + 0.8 * at
        _box(axes, (0.1, y), (2.1, 0.5), theme.counting)
        axes.text(1.15, y + 0.25, film, ha="center", va="center", color=theme.ink, fontsize=12)
        if at:
            _arrow(axes, (1.15, y - 0.27), (1.15, y - 0.03), theme.soft)


def _box(axes: Axes, corner: tuple[float, float], size: tuple[float, float], colour: str) -> None:
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch(corner, *size, boxstyle=style, facecolor="none", edgecolor=colour, lw=2)
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=13, color=colour, shrinkA=0, shrinkB=0
        )
    )


FIGURES_BY_NAME: dict[str, Callable[[Theme], Drawing]] = {
    "places": places_changed,
    "films": films_in_and_out,
}


def drawn(name: str, theme: Theme) -> Drawing:
    """A figure in a theme."""
    colours: dict[Any, str] = {
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "text.color": theme.ink,
    }
    with matplotlib.rc_context(colours):
        return FIGURES_BY_NAME[name](theme)


def write(folder: Path = FIGURES) -> None:
    """Draws all figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIGURES_BY_NAME:
        for theme in THEMES:
            drawing, about = drawn(name, theme), PngInfo()
            about.add_itxt("Description", drawing.alt)
            image = Image.open(io.BytesIO(drawing.png()))
            image.save(folder / f"{name}-{theme.name}.png", optimize=True, pnginfo=about)


if __name__ == "__main__":
    write()
