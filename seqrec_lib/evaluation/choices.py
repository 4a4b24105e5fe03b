"""What follows a reader's choices in a notebook, and stands still elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqrec_lib.evaluation.picker import shows_widgets


class Choices:
    """What `draw` returns, drawn anew whenever the reader chooses something else.

    Where a notebook can show no widgets (see `FilmPicker`) it shows `still` or, without one, what
    `draw` returns for the first choice.

    draw: called as `draw(name=value, …)`, with one value for each of `options`; returns a figure, a
        table or a text, or a tuple of them, shown one below the other.
    options: a name → its values; numbers get a slider, anything else a menu. A dictionary says how
        values are named. A set of values lets the reader choose several: `draw` gets a tuple.
    start: name → what is chosen at first; the first value otherwise, and all of a set.
    still: what is shown where nothing can be chosen.

    Attributes:

    chosen: name → value, as it stands now.

    Raises ValueError where an option has no values, or `start` is not among them.
    """

    def __init__(
        self,
        draw: Callable[..., Any],
        options: Mapping[str, Sequence[Any] | Mapping[str, Any] | set[Any]],
        start: Mapping[str, Any] | None = None,
        still: Any = None,
    ) -> None:
        self._draw, self._still = draw, still
        self._several = {name for name, values in options.items() if isinstance(values, set)}
        self._options = {name: _named(values) for name, values in options.items()}
        self.chosen: dict[str, Any] = {}
        for name, values in self._options.items():
            if not values:
                raise ValueError(f"the option {name!r} has no values: there is nothing to choose")
            first = tuple(values.values()) if name in self._several else next(iter(values.values()))
            self.chosen[name] = first
        for name, value in (start or {}).items():
            wanted = value if name in self._several else (value,)
            among = list(self._options.get(name, {}).values())
            if any(one not in among for one in wanted):
                raise ValueError(f"start={name!r}: {value!r} must be among {among}")
            self.chosen[name] = tuple(value) if name in self._several else value

    def shown(self) -> tuple[Any, ...]:
        """What `draw` returns for what is chosen, as a tuple."""
        made = self._draw(**self.chosen)
        return made if isinstance(made, tuple) else (made,)

    def widget(self) -> Any:
        """Menus and sliders above what they show. Raises ImportError without ipywidgets."""
        import ipywidgets

        canvas, controls = ipywidgets.HTML(), []

        def follow(name: str, value: Any) -> None:
            self.chosen[name] = value
            canvas.value = "".join(map(_as_html, self.shown()))

        for name, values in self._options.items():
            numeric = all(isinstance(v, int | float) for v in values.values())
            kind = ipywidgets.Dropdown
            if name in self._several:
                kind = ipywidgets.SelectMultiple
            elif numeric and len(values) > 2:
                kind = ipywidgets.SelectionSlider
            control = kind(
                options=list(values.items()),
                value=self.chosen[name],
                description=name.replace("_", " "),
                style={"description_width": "initial"},
            )
            control.observe(lambda change, name=name: follow(name, change["new"]), "value")
            controls.append(control)
        canvas.value = "".join(map(_as_html, self.shown()))
        return ipywidgets.VBox([*controls, canvas])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        still = self.shown()[0] if self._still is None else self._still
        made = getattr(still, "_repr_mimebundle_", None)
        plain = made(include=include, exclude=exclude) if made else {"text/plain": repr(still)}
        data, metadata = plain if isinstance(plain, tuple) else (plain, {})
        if not made and hasattr(still, "_repr_html_"):
            data = {**data, "text/html": still._repr_html_()}
        if shows_widgets():
            data = {**self.widget()._repr_mimebundle_(), **data}
        return data, metadata


def _named(values: Sequence[Any] | Mapping[str, Any] | set[Any]) -> dict[str, Any]:
    if isinstance(values, Mapping):
        return dict(values)
    return {str(value): value for value in (sorted(values) if isinstance(values, set) else values)}


def _as_html(shown: Any) -> str:
    if hasattr(shown, "png"):
        picture = base64.b64encode(shown.png()).decode()
        alt = html.escape(shown.alt, quote=True)
        width = round(100 * shown.get_figwidth())
        return f'<img width="{width}" alt="{alt}" src="data:image/png;base64,{picture}">'
    if hasattr(shown, "_repr_html_"):
        return str(shown._repr_html_())
    return f"<pre>{html.escape(str(shown))}</pre>"
