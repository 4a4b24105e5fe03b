"""What holds for every figure, tried on the examples of one module's figures."""

import base64
import struct
from collections.abc import Callable
from types import ModuleType

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from seqrec_lib import plots

Examples = Callable[[], dict[str, plots.Drawing]]


def rules(examples: Examples, *modules: ModuleType) -> tuple[Callable, ...]:
    """A fixture and three tests, for a test file to take by the names that pytest looks for.

    Args:
        examples: makes a figure for each of the functions of `plots`, by the function's name.
        modules: where those functions stand.

    Returns:
        figure, test_every_figure_is_tried, test_nothing_is_cut_off,
        test_picture_and_text_alternative_reach_the_notebook.
    """

    @pytest.fixture(params=examples())
    def figure(request) -> plots.Drawing:
        return examples()[request.param]

    def every_figure_is_tried():
        here = {module.__name__ for module in modules}
        named = {name for name in plots.__all__ if getattr(plots, name).__module__ in here}
        assert set(examples()) == named

    return figure, every_figure_is_tried, nothing_is_cut_off, picture_and_text_alternative


def nothing_is_cut_off(figure: plots.Drawing) -> None:
    figure.png()
    # as the picture was drawn, without another round of layout: all that is visible, in inches
    needed = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    width, height = figure.get_size_inches()
    sticks_out = max(-needed.x0, -needed.y0, needed.x1 - width, needed.y1 - height)
    assert sticks_out < 0.01


def picture_and_text_alternative(figure: plots.Drawing) -> None:
    data, metadata = figure._repr_mimebundle_(include=None, exclude=None)
    picture = base64.b64decode(data["image/png"])
    assert picture.startswith(b"\x89PNG")
    assert data["text/plain"] == metadata["image/png"]["alt"] == figure.alt
    assert len(figure.alt.split()) > 8
    assert figure.alt.endswith(".")
    pixels = struct.unpack(">I", picture[16:20])[0]
    assert pixels >= 1.4 * metadata["image/png"]["width"], "too coarse for today's screens"
    assert metadata["image/png"]["width"] <= 1000
    assert len(picture) < 250_000
