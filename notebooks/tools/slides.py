"""Makes the slides of the six sessions that notebooks/for_teachers.md plans: `make slides`.

Each session is a text, notebooks/slides/session_1.md and so on. `##` begins a slide. A line such as

    figure: 03 cell-42      the figure of a lesson's cell, as it is committed
    table: 00 cell-02 5     its table, here its first five rows
    printed: 01 cell-14     what it prints
    code: 02 a0daea99 attend_1    its code, or one definition of it
    exercise: 02 1          an exercise of a lesson, with its hint
    Notes (5 min): …        for the teacher alone; the minutes of a session add up to its length

takes over what the lesson has. nbconvert turns cells into one page a session, with reveal.js in it.
"""

from __future__ import annotations

import argparse
import ast
import base64
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
from html_page import CODE_STYLES, PageExporter, fetched_by
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode
from PIL import Image
from pygments.formatters import HtmlFormatter

NOTEBOOKS = Path(__file__).resolve().parents[1]
TOOLS = Path(__file__).parent
TAKEN = re.compile(r"^(figure|table|printed|code|exercise): +(\d\d) +(\S+)(?: +(\S+))?$")
NOTES = re.compile(r"^Notes(?: \((\d+) min\))?: *")
LAYOUT = re.compile(r"^layout: +([a-z]+)$")
KEYS = "→ next · S the teacher's notes and a clock · F full screen · ?print-pdf to print"
SQUARE = 1.62  # a figure whose width is less than so many heights has its text beside it
MUCH = 100  # characters of text, if it has more than these


@dataclass
class Slide:
    """What one slide shows: heading, parts from top to bottom, and what the teacher reads."""

    heading: str
    layout: str = ""  # a class of slides.css
    parts: list[str] = field(default_factory=list)  # Markdown, or a line like those above
    notes: str = ""
    minutes: int = 0


@cache
def lesson(number: str) -> NotebookNode:
    """A lesson with its committed outputs, by its two digits. Raises LookupError without one."""
    paths = list(NOTEBOOKS.glob(f"{number}_*.ipynb"))
    if len(paths) != 1:
        raise LookupError(f"there is no lesson {number} in {NOTEBOOKS}")
    return nbformat.read(paths[0], as_version=4)


def cell_of(number: str, name: str) -> NotebookNode:
    """A cell of a lesson by its id. Raises LookupError if the lesson has none of that name."""
    found = [cell for cell in lesson(number).cells if cell.id == name]
    if not found:
        raise LookupError(f"lesson {number} has no cell {name!r}: which one has its content now?")
    return found[0]


def read_slides(text: str) -> list[Slide]:
    """The slides of a session's text; the first one has its title."""
    slides: list[Slide] = []
    fenced, noting = False, False
    for line in text.splitlines():
        if heading := None if fenced else re.match(r"^##? (.+)$", line):
            slides.append(Slide(heading[1], "" if slides else "title"))
            noting = False
        elif not slides:
            continue
        elif begun := NOTES.match(line):
            slides[-1].minutes, noting = int(begun[1] or 0), True
            slides[-1].notes = line[begun.end() :]
        elif noting:
            slides[-1].notes += f"\n{line}"
        elif chosen := LAYOUT.match(line):
            slides[-1].layout = chosen[1]
        elif TAKEN.match(line) or not slides[-1].parts or TAKEN.match(slides[-1].parts[-1]):
            slides[-1].parts.append(line)
        else:
            slides[-1].parts[-1] += f"\n{line}"
        fenced ^= line.startswith("```")
    return slides


def exercise(number: str, which: str) -> str:
    """An exercise of a lesson, as Markdown. Raises LookupError if it has none of that number."""
    whole = "\n\n".join(c.source for c in lesson(number).cells if c.cell_type == "markdown")
    section = re.search(r"(?ms)^## Exercises\n(.+?)(?=^## |\Z)", whole)
    text = re.search(rf"(?ms)^{which}\. (.+?)(?=^\d+\. |^\S|\Z)", section[1] if section else "")
    if text is None:
        raise LookupError(f"lesson {number} has no exercise {which}")
    return re.sub(r"\n +", "\n", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text[1].strip()))


def first_rows(table: str, count: int) -> str:
    """An HTML table with the first rows of its body alone."""
    head, body, rest = re.split(r"(?s)(?<=<tbody>)(.*)(?=</tbody>)", table, maxsplit=1)
    return head + "".join(re.findall(r"(?s)<tr.*?</tr>", body)[:count]) + rest


def one_head(table: str) -> str:
    """An HTML table whose index has a name, with the name in the first row instead of one more."""
    named = re.search(
        r"\s*<tr[^>]*>\s*<th>([^<]+)</th>(\s*<th></th>)+\s*</tr>(?=\s*</thead>)", table
    )
    if named is None or table.count("<tr", 0, named.end()) > 2:
        return table
    return table.replace(named[0], "").replace("<th></th>", f"<th>{named[1]}</th>", 1)


def outputs(kind: str, cell: NotebookNode, place: str, extra: str | None) -> list[NotebookNode]:
    """The outputs that a line asks for. Raises LookupError where the cell has none of that kind."""
    form = {"figure": "image/png", "table": "text/html", "printed": ""}[kind]
    found = [
        output.copy()
        for output in cell.outputs
        if (form in output.get("data", {}) if form else output.output_type == "stream")
    ]
    if not found:
        raise LookupError(f"{place}: the cell has no {kind}")
    if kind == "table":
        table = one_head(found[0].data["text/html"])
        found[0].data = {"text/html": first_rows(table, int(extra)) if extra else table}
    return found[:1]


def code(source: str, name: str | None, place: str) -> str:
    """A cell's code, or the definition of a name in it, methods by Class.method."""
    if name is None:
        return source.strip()
    body, node = list(ast.parse(source).body), None
    for part in name.split("."):
        node = next((n for n in body if getattr(n, "name", "") == part), None)
        if node is None:
            raise LookupError(f"{place}: nothing is defined as {name!r}")
        body = list(getattr(node, "body", []))
    assert node is not None
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
    return "\n".join(line[node.col_offset :] for line in lines)


def part_cell(part: str) -> NotebookNode:
    """The cell of one part of a slide."""
    taken = TAKEN.match(part)
    if taken is None:
        return markdown(part, "text")
    kind, number, name, extra = taken.groups()
    if kind == "exercise":
        return markdown(exercise(number, name), "text")
    cell = cell_of(number, name)
    if kind == "code":
        made = nbformat.v4.new_code_cell(code(cell.source, extra, part))
    else:
        made = nbformat.v4.new_code_cell(outputs=outputs(kind, cell, part, extra))
    made.metadata.part = kind
    return made


def markdown(text: str, part: str, slide_type: str = "-") -> NotebookNode:
    """A cell of Markdown that is a part of a slide, or its beginning, or its notes."""
    cell = nbformat.v4.new_markdown_cell(text.strip())
    cell.metadata = NotebookNode(part=part, slideshow=NotebookNode(slide_type=slide_type))
    return cell


def ratio(cell: NotebookNode) -> float:
    """Width by height of the figure of a cell; infinite where it has none."""
    for output in cell.get("outputs", []):
        if "image/png" in output.get("data", {}):
            width, height = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).size
            return width / height
    return float("inf")


def layout_of(parts: Sequence[NotebookNode]) -> str:
    """The class of slides.css that suits the parts: text beside a square figure, or large text."""
    shown = {cell.metadata.part for cell in parts}
    words = sum(len(cell.source) for cell in parts if cell.metadata.part == "text")
    if words > MUCH and min(map(ratio, parts)) < SQUARE:
        return "beside"
    tables = [cell.outputs[0].data["text/html"] for cell in parts if cell.metadata.part == "table"]
    small = all(t.count("<tr") <= 7 and t.partition("</tr>")[0].count("<th") <= 5 for t in tables)
    return "words" if small and not shown & {"figure", "code"} else ""


def cells_of(slide: Slide, session: str, begun: int) -> Iterator[NotebookNode]:
    """The cells of a slide: heading, parts, where they are from, notes. begun: minutes so far."""
    parts = [part_cell(part) for part in slide.parts if part.strip()]
    layout = slide.layout or layout_of(parts)
    first = markdown(f"{'#' if layout == 'title' else '##'} {slide.heading}", "heading", "slide")
    first.metadata.layout = layout
    yield first
    yield from parts
    taken = (TAKEN.match(part) for part in slide.parts)
    numbers = sorted({found[2] for found in taken if found})
    source = f"Session {session}{' · lesson ' if numbers else ''}{', '.join(numbers)}"
    yield markdown(KEYS if layout == "title" else source, "source")
    clock = f"**Minute {begun} to {begun + slide.minutes}.** " if slide.minutes else ""
    if clock or slide.notes:
        yield markdown(clock + slide.notes, "", "notes")


class DeckExporter(PageExporter, SlidesExporter):
    """nbconvert's slides, with formulas as MathML and a template that fetches nothing."""


def deck(text: str) -> str:
    """The page of a session. Raises LookupError for what a lesson doesn't have, and ValueError for
    a formula that can't be shown and for whatever the page would fetch."""
    slides, begun = read_slides(text), 0
    cells: list[NotebookNode] = []
    title = slides[0].heading
    for slide in slides:
        cells += cells_of(slide, title.replace(" ", ": ", 1), begun)
        begun += slide.minutes
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"title": f"Session {title}"})
    reveal, style = TOOLS / "reveal", HtmlFormatter(style=CODE_STYLES[0])
    sheets = [(reveal / "reveal.css").read_text("utf-8"), style.get_style_defs(".highlight")]
    sheets.append((TOOLS / "deck" / "slides.css").read_text("utf-8"))
    scripts = [(reveal / name).read_text("utf-8") for name in ("reveal.js", "notes.js")]
    exporter = DeckExporter(extra_template_basedirs=[str(TOOLS)], template_name="deck")
    resources = {"deck": {"css": "\n".join(sheets), "scripts": scripts}}
    page, _ = exporter.from_notebook_node(notebook, resources)
    shown = page
    for script in scripts:  # whose comments name addresses; the browser test sees what is fetched
        shown = shown.replace(script, "")
    if fetched := fetched_by(shown):
        raise ValueError(f"session {title}: the page would fetch {', '.join(fetched)}")
    return page


def write_decks(out: Path, folder: Path = NOTEBOOKS) -> list[tuple[str, str]]:
    """Writes the sessions of folder/slides to out/slides; returns (path in out, title) of each."""
    written = []
    for path in sorted(folder.glob("slides/session_*.md")):
        text = path.read_text(encoding="utf-8")
        target = out / "slides" / f"{path.stem}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(deck(text), encoding="utf-8")
        written.append((f"slides/{path.stem}.html", read_slides(text)[0].heading))
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"), help="slides/ is made in it")
    options = parser.parse_args(arguments)
    for path, title in write_decks(options.out):
        size = (options.out / path).stat().st_size
        print(f"{options.out / path}  {size / 1e6:.1f} MB  {title}")
    print("In a browser: arrows turn pages, S shows notes and a clock, F fills the screen.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
