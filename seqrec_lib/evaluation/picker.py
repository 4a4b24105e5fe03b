"""Films as a reader sees them: a list to look at, and a picker to play with in a notebook."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.ranks import Scorer
from seqrec_lib.evaluation.recommendation import recommend

_LEFT = 'style="text-align: left; vertical-align: top"'
_MATCHES = 6  # titles that are offered while one is typed


class FilmTable:
    """A table of films that a notebook shows aligned to the left, and a terminal as plain text.

    table: its columns are shown as they are, without the index.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table.astype(str)

    def __repr__(self) -> str:
        columns = [[name, *self.table[name]] for name in self.table]
        padded = [[text.ljust(max(map(len, column))) for text in column] for column in columns]
        return "\n".join("  ".join(row).rstrip() for row in zip(*padded, strict=True))

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            shown = (f"<{tag} {_LEFT}>{html.escape(text)}</{tag}>" for text in cells)
            return f"<tr>{''.join(shown)}</tr>"

        names = [str(name) for name in self.table]
        rows = "".join(row(cells, "td") for cells in self.table.to_numpy().tolist())
        return f"<table><thead>{row(names, 'th')}</thead><tbody>{rows}</tbody></table>"


def film_table(dataset: SASRecDataSet, **lists: pd.DataFrame) -> FilmTable:
    """Lists of films side by side, by rank: with genres, where there is one list only.

    lists: what `recommend` or `similar_items` returns, by a name for its column; "_" in a name is
    shown as a blank.
    """
    columns = {name.replace("_", " "): list(films["title"]) for name, films in lists.items()}
    ranks = range(1, 1 + max(map(len, columns.values())))
    table = pd.DataFrame({"rank": ranks}, index=ranks)
    for name, titles in columns.items():
        table[name] = pd.Series(titles, index=range(1, 1 + len(titles)))
    if len(columns) == 1 and dataset.items is not None and "genres" in dataset.items:
        genres = dataset.items.drop_duplicates("title").set_index("title")["genres"]
        table["genres"] = [text.replace("|", ", ") for text in genres.loc[titles]]
    return FilmTable(table.fillna(""))


class FilmPicker:
    """Search films as you type, collect them, and see at once what a model recommends after them.

    Where a notebook can show no widgets (ipywidgets is not installed, or the environment variable
    SEQREC_WIDGETS is "off") it shows the recommendations for `films` alone.

    model, dataset: as for `recommend`. films: titles to begin with. k: length of the list.

    Attributes:

    films: the titles that are chosen now, oldest first.

    Raises TitleError for titles that mean no film.
    """

    def __init__(
        self, model: Scorer, dataset: SASRecDataSet, films: Sequence[str] = (), k: int = 10
    ) -> None:
        self._model, self._dataset, self._k = model, dataset, k
        self.films = [dataset.title(item) for item in dataset.item_ids(films).values()]

    def recommended(self) -> FilmTable | None:
        """The list after the films that are chosen; None where there are none."""
        if not self.films:
            return None
        answer = recommend(self._model, self._dataset, histories=self.films, k=self._k)
        return film_table(self._dataset, title=answer)

    def matches(self, text: str) -> list[str]:
        """The titles that are offered for a text, without those that are chosen."""
        if not text.strip():
            return []
        found = self._dataset.search(text, _MATCHES + len(self.films))["title"]
        return [title for title in found if title not in self.films][:_MATCHES]

    def widget(self) -> Any:
        """The picker as a widget of ipywidgets. Raises ImportError where that is not installed."""
        import ipywidgets

        wrapped = ipywidgets.Layout(flex_flow="row wrap")
        entry = ipywidgets.Text(placeholder="type a title, such as star", continuous_update=True)
        offers, chips = ipywidgets.HBox(layout=wrapped), ipywidgets.HBox(layout=wrapped)
        answer = ipywidgets.HTML()

        def button(text: str, films: list[str], hint: str) -> Any:
            made = ipywidgets.Button(description=text, tooltip=hint, layout={"width": "auto"})
            made.on_click(lambda _: choose(films))
            return made

        def choose(films: list[str]) -> None:
            self.films, entry.value = films, ""
            chips.children = [
                button(f"{title} ✕", [f for f in films if f != title], "take it out")
                for title in films
            ]
            shown = self.recommended()
            answer.value = "Choose a film." if shown is None else shown._repr_html_()

        def offer(change: Any) -> None:
            titles = self.matches(change["new"])
            offers.children = [button(f"+ {t}", [*self.films, t], "add it") for t in titles]

        entry.observe(offer, "value")
        choose(self.films)
        box = ipywidgets.VBox([entry, offers, chips, answer])
        box.add_class("film-picker")
        return box

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        shown = self.recommended()
        plain = {"text/plain": "No films are chosen." if shown is None else repr(shown)}
        if shown is not None:
            plain["text/html"] = shown._repr_html_()
        return {**plain, **self.widget()._repr_mimebundle_()} if shows_widgets() else plain


def shows_widgets() -> bool:
    """Whether a kernel runs this, ipywidgets is there and nobody has switched it off."""
    if os.environ.get("SEQREC_WIDGETS", "").lower() == "off":
        return False
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None
