"""What every committed notebook has in common: each rule is a function that yields complaints.

These hold for solutions, too; those of `series_rules` for the notebooks of the series only.
tests/test_notebook_rules.py shows that every rule can fail.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator

from test_repository import MACHINE_PATH

Rule = Callable[[dict], Iterator[str]]
MAX_BYTES = 1_000_000
MAX_LINES = 30  # a code cell has fewer
MARK = "nbval-check-output"  # tag of a cell whose output nbval compares
COMMENT = "# NBVAL_CHECK_OUTPUT"  # says the same, and puzzles readers


def code_cells(notebook: dict) -> list[dict]:
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"])]


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def source(cell: dict) -> str:
    return "".join(cell["source"])


def compared(cell: dict) -> bool:
    """Whether nbval compares its output."""
    return MARK in tags(cell) or source(cell).startswith(COMMENT)


def python(cell: dict) -> str:
    """The code of a cell without IPython's own lines."""
    return re.sub(r"(?m)^\s*[%!].*$", "pass", source(cell))


def prose(cell: dict) -> str:
    """The text of a Markdown cell without the code in it."""
    return re.sub(r"(?ms)^```.*?^```", "", source(cell))


def outputs(notebook: dict) -> Iterator[tuple[int, dict, dict]]:
    """(number of the code cell, cell, output)"""
    for number, cell in enumerate(code_cells(notebook), 1):
        for output in cell["outputs"]:
            yield number, cell, output


def sections(notebook: dict) -> dict[str, list[dict]]:
    """Heading of the second level → the cells under it, the text of the first one cut in front.

    A cell that holds several headings is cut into as many pieces.
    """
    found: dict[str, list[dict]] = {}
    heading = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "markdown":
            found.setdefault(heading, []).append(cell)
            continue
        first, *rest = re.split(r"(?m)^## +(.+)$", prose(cell))
        if first.strip():
            found.setdefault(heading, []).append(cell | {"source": first})
        for heading, text in zip(rest[::2], rest[1::2], strict=True):
            found.setdefault(heading.strip(), []).append(cell | {"source": text})
    return found


def text_of(cells: list[dict]) -> str:
    return "\n\n".join(prose(cell) for cell in cells if cell["cell_type"] == "markdown")


def entries(text: str) -> list[str]:
    """The entries of a numbered list, each with the lines that belong to it."""
    return re.findall(r"(?ms)^\d+\. .*?(?=^\d+\. |\Z)", text)


def asserts(cell: dict) -> bool:
    """Whether a code cell holds an `assert`, or calls an `assert_…` of torch or NumPy."""
    return cell["cell_type"] == "code" and any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute) and node.attr.startswith("assert_"))
        for node in ast.walk(ast.parse(python(cell)))
    )


def starts_with_a_title_and_a_sentence(notebook: dict) -> Iterator[str]:
    first = notebook["cells"][0]
    text = source(first)
    if first["cell_type"] != "markdown" or not text.startswith("# "):
        yield "the first cell must be Markdown that starts with '# ' and the title"
    elif not re.search(r"\n\s*\n\s*[A-Za-z]", text):
        yield "under the title a sentence must say what the notebook is for"
    for number, cell in enumerate(notebook["cells"][1:], 2):
        if cell["cell_type"] == "markdown" and re.search(r"(?m)^# ", prose(cell)):
            yield f"cell {number} is a second title: use '##' for sections"


def ran_in_order(notebook: dict) -> Iterator[str]:
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the cells ran in the order {counts}, not from 1 to {len(counts)}"


def shows_no_error(notebook: dict) -> Iterator[str]:
    for number, cell, output in outputs(notebook):
        if output["output_type"] == "error" and "raises-exception" not in tags(cell):
            yield f"code cell {number} ended in {output['ename']}: {output['evalue']}"


def shows_the_errors_it_announces(notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(code_cells(notebook), 1):
        raised = any(output["output_type"] == "error" for output in cell["outputs"])
        if "raises-exception" in tags(cell) and not raised:
            yield f"code cell {number} is tagged raises-exception and raised none"


def is_quiet(notebook: dict) -> Iterator[str]:
    for number, _, output in outputs(notebook):
        if output.get("name") == "stderr":
            yield f"code cell {number} wrote to stderr: {''.join(output['text'])[:80]!r}"


def names_no_machine(notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(notebook["cells"], 1):
        if match := MACHINE_PATH.search(json.dumps([cell["source"], cell.get("outputs")])):
            yield f"cell {number} holds a path of a machine: {match[0]}…"


def is_small(notebook: dict) -> Iterator[str]:
    size = len(json.dumps(notebook, ensure_ascii=False).encode())
    if size >= MAX_BYTES:
        yield f"it has {size:,} bytes; fewer than {MAX_BYTES:,} are allowed (smaller figures?)"


def has_short_code_cells(notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(code_cells(notebook), 1):
        if (lines := source(cell).count("\n") + 1) >= MAX_LINES:
            yield f"code cell {number} has {lines} lines; fewer than {MAX_LINES} are allowed"


def runs_in_any_python(notebook: dict) -> Iterator[str]:
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "its kernel must be 'python3', which every installation has"


def is_finished(notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(notebook["cells"], 1):
        if match := re.search(r"\b(TODO|FIXME|XXX|TBD|TBA)\b", source(cell)):
            yield f"cell {number} holds a {match[0]}"


def describes_its_figures(notebook: dict) -> Iterator[str]:
    for number, _, output in outputs(notebook):
        data = output.get("data", {})
        alternative = "".join(data.get("text/plain", ""))
        if "image/png" in data and (len(alternative) < 20 or alternative.startswith("<")):
            yield f"the figure of code cell {number} has no text alternative (seqrec_lib.plots has)"


def shows_pages_as_pictures(notebook: dict) -> Iterator[str]:
    for number, _, output in outputs(notebook):
        if "srcdoc=" in "".join(output.get("data", {}).get("text/html", "")):
            yield f"code cell {number} holds a live page: notebooks/tools/explorer_page.py draws it"


def compares_only_what_is_there(notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(code_cells(notebook), 1):
        if compared(cell):
            kinds = {kind for output in cell["outputs"] for kind in output.get("data", {})}
            if not cell["outputs"]:
                yield f"code cell {number} is tagged {MARK} and prints nothing to compare"
            if "image/png" in kinds:
                yield f"code cell {number} is tagged {MARK}, and figures differ by version"


RULES: list[Rule] = [
    starts_with_a_title_and_a_sentence,
    ran_in_order,
    shows_no_error,
    shows_the_errors_it_announces,
    is_quiet,
    names_no_machine,
    is_small,
    has_short_code_cells,
    runs_in_any_python,
    is_finished,
    describes_its_figures,
    shows_pages_as_pictures,
    compares_only_what_is_there,
]
