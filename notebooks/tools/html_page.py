"""Turns an executed notebook into one HTML page that needs no network and no script.

nbconvert's own pages load MathJax, RequireJS and the widget manager from content delivery networks.
Here formulas become MathML, which browsers draw themselves, figures are embedded, and whatever a
page would still fetch from elsewhere is an error.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jinja2 import pass_context
from latex2mathml.converter import convert as latex_to_mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

MATHML = "http://www.w3.org/1998/Math/MathML"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CODE_STYLES = ("default", "monokai")  # Pygments' names; for light and for dark
NAVIGATION = "<!-- navigation -->"  # what stands behind it in a notebook's first cell
COMPARED = "# NBVAL_CHECK_OUTPUT"
STYLE = Path(__file__).with_name("page.css")
ElementTree.register_namespace("", MATHML)


def mathml(formula: str, display: bool) -> str:
    """The MathML of a LaTeX formula (without its dollars), as a block or in the line.

    Raises ValueError where the formula holds something that would not be drawn as MathJax draws it
    in JupyterLab: a broken formula in a page is found here, and not by a reader.
    """
    # latex2mathml knows align*, not its twins inside a formula; align would number its lines.
    source = re.sub(r"\\(begin|end)\{(align|aligned|split)\}", r"\\\1{align*}", formula.strip())
    try:
        text = latex_to_mathml(source, display="block" if display else "inline")
        tree = ElementTree.fromstring(text)
    except Exception as error:  # latex2mathml has a dozen error types, and none says where
        raise ValueError(f"the formula {formula!r} cannot be converted: {error!r}") from error
    for element in tree.iter():
        if "\\" in (element.text or ""):
            raise ValueError(
                f"the formula {formula!r} has a command that pages cannot show: {element.text}"
            )
        variant = element.attrib.get("mathvariant", "normal")
        if variant != "normal" and not element.tag.endswith("mtext"):
            del element.attrib["mathvariant"]
            element.text = "".join(styled_letter(c, variant) for c in element.text or "")
        space_around_names(element)
    return ElementTree.tostring(tree, encoding="unicode").replace(f' xmlns="{MATHML}"', "", 1)


def styled_letter(character: str, variant: str) -> str:
    """Unicode's own letter of a style, such as 𝟙 for ("1", "double-struck").

    Most browsers read no `mathvariant` but "normal" any more: MathML Core leaves styles to these.
    """
    name = unicodedata.name(character, "").replace("LATIN ", "").replace("GREEK ", "")
    style = variant.upper().replace("BOLD-ITALIC", "BOLD ITALIC")
    try:
        return unicodedata.lookup(f"MATHEMATICAL {style} {name.replace('LETTER ', '')}")
    except KeyError:
        return character


def space_around_names(row: ElementTree.Element) -> None:
    """Puts TeX's thin spaces around the name of a function: p log x, but log(x)."""
    if not row.tag.endswith(("mrow", "mtd")):
        return
    touching = [not element.tag.endswith(("mo", "mspace")) for element in row]
    for at, element in reversed(list(enumerate(row))):
        base = element[0] if element.tag.endswith(("msub", "munder")) else element
        if not (base.tag.endswith("mi") and len(base.text or "") > 1):
            continue
        for neighbour, place in ((at + 1, at + 1), (at - 1, at)):
            if 0 <= neighbour < len(touching) and touching[neighbour]:
                row.insert(place, ElementTree.Element(f"{{{MATHML}}}mspace", width="0.167em"))


class PageRenderer(IPythonRenderer):
    """nbconvert's Markdown renderer, with MathML for formulas and pages for notebooks."""

    def block_math(self, body: str) -> str:
        """A formula between double dollars."""
        return mathml(body, display=True)

    def inline_math(self, body: str) -> str:
        """A formula between single dollars."""
        return mathml(body, display=False)

    def latex_environment(self, name: str, body: str) -> str:
        r"""A bare \\begin{…} … \\end{…}."""
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)

    def block_html(self, html: str) -> str:
        """A piece of HTML. Embedding images closes open tags, so only where there are some."""
        return super().block_html(html) if "<img" in html else html

    def inline_html(self, html: str) -> str:
        """A tag within a line; see block_html."""
        return super().inline_html(html) if "<img" in html else html

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link; one to another notebook, or to a text beside them, leads to its page.

        Such texts have names in small letters; README.md and the like have no page.
        """
        if "://" not in url:
            url = re.sub(r"\.ipynb(?=$|#)", ".html", url)
            url = re.sub(r"((?:^|/)[a-z_]+)\.md(?=$|#)", r"\1.html", url)
        return super().link(text, url, title)


class PageExporter(HTMLExporter):
    """nbconvert's exporter, using the renderer above."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """The Markdown filter of the template."""
        renderer = PageRenderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=True,
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            anchor_link_text="",
        )
        return MarkdownWithMath(renderer=renderer).render(source)


class _Fetched(HTMLParser):
    """Collects what a browser would fetch to show a page (links to follow are not among it)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            fetched = name in ("src", "srcset", "poster", "data") or (
                tag in ("link", "use", "image") and name in ("href", "xlink:href")
            )
            if fetched and value and not value.startswith(("data:", "#")):
                self.found.append(f"<{tag} {name}={value[:80]}>")
        style = dict(attrs).get("style") or ""
        self._look_at_css(style)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self._look_at_css(data)
        elif self.cdata_elem == "script":
            self.found += [
                f"<script> with {url}" for url in re.findall(r"https?://[^\s'\"]+", data)
            ]

    def _look_at_css(self, css: str) -> None:
        self.found += re.findall(r"@import[^;]{0,80}|url\(\s*['\"]?(?!data:|#)[^)]{0,80}", css)


def fetched_by(page: str) -> list[str]:
    """What a browser would fetch from elsewhere to show the page: nothing, for ours."""
    parser = _Fetched()
    parser.feed(page)
    return parser.found


def without_widgets(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The cells, less the outputs that only a running kernel can draw (progress bars)."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell = cell.copy()
            cell.outputs = [o for o in cell.outputs if WIDGET_VIEW not in o.get("data", {})]
        yield cell


def for_readers(cell: NotebookNode) -> NotebookNode:
    """The cell without what only a notebook needs: links to other notebooks, for which a page has
    its own, and the line that tells the tests to compare the output."""
    cell = cell.copy()
    if cell.cell_type == "markdown" and NAVIGATION in cell.source:
        cell.source = cell.source[: cell.source.index(NAVIGATION)].rstrip()
    elif cell.cell_type == "code":
        cell.source = cell.source.removeprefix(COMPARED).lstrip("\n")
    return cell


def data_of(notebook: NotebookNode) -> str:
    """What the outputs were made from: "sample", "real" or "", by what `load_for_notebook` says."""
    said = "".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    return "sample" if "BUILT-IN SAMPLE" in said else "real" if "the real data set" in said else ""


def title_and_summary(notebook: NotebookNode) -> tuple[str, str]:
    """The heading of the first cell, and the first paragraph under it, both as plain text."""
    first = notebook.cells[0].source if notebook.cells else ""
    heading = re.search(r"^#\s+(.+)$", first, re.MULTILINE)
    rest = first[heading.end() :] if heading else first
    paragraphs = (p.strip() for p in re.split(r"\n\s*\n", rest))
    summary = next((p for p in paragraphs if p and p[0] not in "#|<!>-$"), "")
    return plain(heading[1]) if heading else "untitled", plain(summary)


def plain(markdown: str) -> str:
    """A paragraph of Markdown without links, emphasis and line breaks."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(markdown.split()))
    return re.sub(r"(\*{1,2}|`|\b_|_\b)", "", text)


def page(title: str, body: str, navigation: str = "") -> str:
    """A whole HTML document around a body."""
    light, dark = (HtmlFormatter(style=s).get_style_defs(".highlight") for s in CODE_STYLES)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}
{light}
@media (prefers-color-scheme: dark) {{ {dark} }}
</style>
</head>
<body>
{f"<nav>{navigation}</nav>" if navigation else ""}
<main>
{body}
</main>
</body>
</html>
"""


def notebook_page(notebook: NotebookNode, folder: Path, navigation: str, note: str = "") -> str:
    """The page of an executed notebook; `folder` is where its local images are found.

    note: HTML that says where the outputs come from, for the top of the page.
    Raises ValueError for a formula that cannot be shown and for whatever needs the network.
    """
    shown = notebook.copy()
    shown.cells = [for_readers(cell) for cell in without_widgets(notebook)]
    shown.metadata = {k: v for k, v in notebook.metadata.items() if k != "widgets"}
    exporter = PageExporter(template_name="basic")
    body, _ = exporter.from_notebook_node(shown, {"metadata": {"path": str(folder)}})
    text = page(title_and_summary(notebook)[0], note + body, navigation)
    if fetched := fetched_by(text):
        raise ValueError(f"the page would fetch {', '.join(fetched)}: embed it in the notebook")
    return text
