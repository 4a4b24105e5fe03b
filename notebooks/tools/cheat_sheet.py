"""Prints the cheat sheet, notebooks/cheat_sheet.pdf, with the system's Chromium or Chrome.

    python notebooks/tools/cheat_sheet.py

Its source is cheat_sheet/sheet.html and sheet.css. What is printed fits A4 and Letter.
"""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path

from chromium import window
from html_page import CODE_STYLES, fetched_by, mathml
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

SOURCE = Path(__file__).parent / "cheat_sheet"
PDF = Path(__file__).resolve().parents[1] / "cheat_sheet.pdf"
CODE = re.compile(r'(?s)<pre class="python">\n(.*?)</pre>')
SECTIONS = re.compile(r"(?s)<section.*?</section>")
LEFT = 4  # sections of the left column; the others stand on the right, the last one below both


def source() -> str:
    """The sheet as it is written: formulas between dollars, code without colours."""
    return (SOURCE / "sheet.html").read_text(encoding="utf-8")


def code_lines() -> str:
    """The lines of Python that the sheet shows."""
    (found,) = CODE.findall(source())
    return html.unescape(found)


def page() -> str:
    """The whole page. Raises ValueError for a formula that can't be shown, or if it would fetch."""
    style = HtmlFormatter(style=CODE_STYLES[0], nowrap=True)

    def coloured(found: re.Match[str]) -> str:
        return f"<pre>{highlight(html.unescape(found[1]), PythonLexer(), style)}</pre>"

    parts = [re.sub(r"\$([^$]+)\$", lambda f: mathml(f[1], display=False), source())]
    parts = SECTIONS.findall(CODE.sub(coloured, parts[0]))
    *parts, last = parts
    columns = "".join(
        f'<div class="column">{"".join(side)}</div>' for side in (parts[:LEFT], parts[LEFT:])
    )
    header = source()[: source().index("<section")]
    css = (SOURCE / "sheet.css").read_text("utf-8") + style.get_style_defs("pre")
    text = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>SASRec and SSE-PT on a '
        f"page</title><style>{css}</style></head><body><main>{header}{columns}{last}</main></body></html>"
    )
    if fetched := fetched_by(text):
        raise ValueError(f"the page would fetch {', '.join(fetched)}")
    return text


def mark() -> bytes:
    """A line behind the PDF's end that names its source: a test sees whether it is the latest."""
    return f"\n% source {hashlib.sha256(page().encode()).hexdigest()}\n".encode()


def printed(size: str = "A4") -> bytes:
    """The PDF on a paper of this size. Raises LookupError where there is no browser."""
    with window() as shown:
        shown.set_content(page())
        pdf: bytes = shown.pdf(format=size, prefer_css_page_size=False, print_background=True)
    return pdf


if __name__ == "__main__":
    PDF.write_bytes(printed() + mark())
    print(f"{PDF}: {PDF.stat().st_size:,} bytes")
