"""The page that leads to all others: a map of the course, the lessons, what lies beside them."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from html_page import page

# Where a lesson stands on the map (column, row), and which ones it leads to. The first four build
# the model; then three roads begin, each in its own order.
MAP: dict[str, tuple[float, int, tuple[str, ...]]] = {
    "00": (1, 0, ("01",)),
    "01": (1, 1, ("02",)),
    "02": (1, 2, ("03",)),
    "03": (1, 3, ("05", "06", "04")),
    "05": (0, 4, ("08",)),
    "08": (0, 5, ()),
    "06": (1, 4, ("07",)),
    "07": (1, 5, ("10",)),
    "10": (1, 6, ("11",)),
    "11": (1, 7, ()),
    "04": (2, 4, ("09",)),
    "09": (2, 5, ("12",)),
    "12": (2, 6, ()),
}
EXPLORER = "explorer.html"  # what `explorer_page` writes
_WIDTH, _HEIGHT, _ACROSS, _DOWN = 108, 44, 120, 68  # of a box, and from one to the next


@dataclass(frozen=True)
class Entry:
    """A notebook, as the index shows it."""

    name: str  # without .ipynb, such as "solutions/01_sequences"
    title: str
    summary: str
    state: str  # such as "12 s", "running", "failed"
    there: bool  # whether its page is
    with_data: str = ""  # the page with its outputs on real data, if there is one

    @property
    def number(self) -> str:
        """Its two digits."""
        return self.name.rsplit("/", 1)[-1][:2]


def course_map(lessons: Mapping[str, Entry]) -> str:
    """What leads to what, as a picture whose boxes are links. lessons: by number."""
    shown = {number: place for number, place in MAP.items() if number in lessons}
    arrows, boxes = [], []
    for number, (column, row, leads_to) in shown.items():
        x, y = _ACROSS * column + 6, _DOWN * row + 4
        for other in filter(shown.__contains__, leads_to):
            to_x = _ACROSS * shown[other][0] + 6 + _WIDTH / 2
            to_y = _DOWN * shown[other][1] + 4
            arrows.append(
                f'<path d="M{x + _WIDTH / 2:g} {y + _HEIGHT} L{to_x:g} {to_y - 3:g}" '
                'marker-end="url(#tip)"/>'
            )
        entry = lessons[number]
        lines = textwrap.wrap(f"{number} {entry.title.partition(':')[0]}", 17)[:2]
        top = y + _HEIGHT / 2 + 4 - 7 * (len(lines) - 1)
        words = "".join(
            f'<tspan x="{x + _WIDTH / 2:g}" y="{top + 14 * at:g}">{html.escape(line)}</tspan>'
            for at, line in enumerate(lines)
        )
        box = (
            f'<rect x="{x:g}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
            f"<text>{words}</text>"
        )
        boxes.append(f'<a href="{entry.name}.html">{box}</a>' if entry.there else box)
    if not shown:
        return ""
    height = _DOWN * max(row for _, row, _ in shown.values()) + _HEIGHT + 8
    return (
        f'<svg class="map" viewBox="0 0 {3 * _ACROSS} {height}" role="img" '
        'aria-label="Which lesson leads to which">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>'
        f"{''.join(arrows)}{''.join(boxes)}</svg>"
    )


def _item(entry: Entry, solutions: Entry | None) -> str:
    title, links = html.escape(entry.title), []
    if entry.there:
        title = f'<a href="{entry.name}.html">{title}</a>'
    if entry.with_data:
        links.append(f'<a href="{entry.with_data}">with its MovieLens outputs</a>')
    if solutions is not None:
        solved = f'<a href="{solutions.name}.html">solutions</a>'
        links.append(solved if solutions.there else f"solutions: {solutions.state}")
    links.append(f"run here: {html.escape(entry.state)}")
    return (
        f'<li><span class="number">{entry.number}</span><div><p><b>{title}</b></p>'
        f'<p>{html.escape(entry.summary)}</p><p class="links">{" · ".join(links)}</p></div></li>'
    )


def index_page(
    entries: Sequence[Entry],
    texts: Sequence[tuple[str, str, str]],
    decks: Sequence[tuple[str, str]] = (),
) -> str:
    """The whole page. texts: (name, title, summary) of what lies beside the notebooks.

    decks: (path, title) of the slides of each session, and of what is there to print.
    """
    lessons = {entry.number: entry for entry in entries if "/" not in entry.name}
    solutions = {entry.number: entry for entry in entries if "/" in entry.name}
    items = "\n".join(_item(entry, solutions.get(n)) for n, entry in lessons.items())
    alone = "\n".join(_item(entry, None) for n, entry in solutions.items() if n not in lessons)
    beside = "\n".join(
        f'<li><a href="{name}.html">{html.escape(title)}</a><br>{html.escape(summary)}</li>'
        for name, title, summary in texts
    )
    slides = " · ".join(f'<a href="{path}">{html.escape(title)}</a>' for path, title in decks)
    body = f"""<h1>SASRec and SSE-PT: the course</h1>
<p>The pages show the notebooks as they ran on this machine, on the built-in sample, a small
invented world of films. Where a lesson was also run on MovieLens 1M, a second page has those
outputs.</p>
<p class="data"><a href="{EXPLORER}"><b>SASRec under glass</b></a>: see it first. The trained model
of the sample runs in that page; change a history and watch what it thinks.</p>
<h2>The map</h2>
{course_map(lessons)}
<h2>The lessons</h2>
<ol class="lessons">
{items}
{alone}
</ol>
{f"<h2>For a class: slides, and a page to print</h2><p>{slides}</p>" if slides else ""}
{f'<h2>Beside the lessons</h2><ul class="beside">{beside}</ul>' if beside else ""}"""
    return page("SASRec and SSE-PT: the course", body)
