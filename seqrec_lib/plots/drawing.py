"""What all figures have in common: a text alternative, colours, and no hidden state.

Colours are Okabe and Ito's (2008), which survive colour blindness; what must be told apart also
differs in lightness, marker, line style or hatching, so that it survives a black-and-white printer.
Nothing here touches pyplot.
"""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
INK, GREY, PALE = "#222222", "#8C8C8C", "#E6E6E6"
LINES: tuple[dict[str, Any], ...] = (
    {"color": BLUE, "marker": "o", "linestyle": "-"},
    {"color": ORANGE, "marker": "s", "linestyle": "--"},
    {"color": GREEN, "marker": "^", "linestyle": "-."},
    {"color": PURPLE, "marker": "D", "linestyle": ":"},
)
FIVE_LINES = (*LINES, {"color": INK, "marker": "x", "linestyle": (0, (1, 1))})
SCALE = "cividis"  # made for colour-blind eyes; its lightness only rises
_INCH = 100  # pixels of an inch on a page
_SHARP = 1.5  # pixels of the picture for one on the page


class Drawing(Figure):
    """A matplotlib figure with `alt`, a text alternative for readers who cannot see it.

    As the last line of a notebook cell it is shown, with `alt` beside it in the notebook file and
    on the page.
    """

    def __init__(self, width: float, height: float, alt: str) -> None:
        super().__init__(figsize=(width, height), dpi=_INCH * _SHARP, layout="compressed")
        self.alt = alt

    def panel(self, columns: int = 1, at: int = 1) -> Axes:
        """An empty panel, number `at` of a row of `columns`, without a frame above and right."""
        axes = self.add_subplot(1, columns, at)
        axes.spines[["top", "right"]].set_visible(False)
        return axes

    def sheet(self) -> Axes:
        """An empty panel without any frame or ticks, for drawing on."""
        axes = self.add_subplot()
        axes.set(xticks=[], yticks=[])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return axes

    def png(self) -> bytes:
        """The picture; equal drawings give equal bytes."""
        # Panels of fixed proportions and the long labels beside them push each other about: the
        # layout needs some rounds to settle, and the first one can cut off a legend
        for _ in range(2):
            self.draw_without_rendering()
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi="figure")
        return _small(buffer)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        width = round(self.get_figwidth() * _INCH)
        data = {"image/png": base64.b64encode(self.png()).decode(), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt, "width": width}}


def _small(picture: io.BytesIO) -> bytes:
    """The same picture in 256 colours: a third of the bytes in a notebook."""
    image = Image.open(picture).convert("RGB")
    small = image.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    buffer = io.BytesIO()
    small.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def numbers(name: str, values: Any, dims: int = 1) -> np.ndarray:
    """`values` as float64 with `dims` axes and at least one entry; tensors and lists alike.

    Raises ValueError otherwise, and for NaN or infinity: a figure that leaves points out misleads.
    """
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)
    if array.ndim != dims or array.size == 0:
        raise ValueError(f"{name} must have {dims} axes and some entries, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return array


def ink_on(share: float) -> str:
    """Black or white, whichever is easier to read on the colour at `share` (0 to 1) of `SCALE`.

    By relative luminance, as WCAG 2.1 defines it: the two contrasts are equal at 0.179.
    """
    rgb = np.asarray(colormaps[SCALE](float(share))[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "white" if linear @ (0.2126, 0.7152, 0.0722) < 0.179 else INK


def short(title: str, width: int) -> str:
    """A title cut to at most `width` characters."""
    return textwrap.shorten(title, width, placeholder=" …") if len(title) > width else title


def wrapped(title: str, width: int, lines: int = 3) -> str:
    """A title on up to `lines` lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(title, width, max_lines=lines, placeholder=" …"))


def apart(places: Sequence[float], gap: float) -> list[float]:
    """The same places in the same order, pushed up where two are nearer than `gap`."""
    pushed = list(places)
    order = sorted(range(len(places)), key=lambda i: places[i])
    for below, above in pairwise(order):
        pushed[above] = max(pushed[above], pushed[below] + gap)
    return pushed
