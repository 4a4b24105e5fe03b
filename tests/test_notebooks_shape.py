"""What every committed notebook has in common. A new rule is one more function in RULES."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_repository import MACHINE_PATH

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
SERIES = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
SOLUTIONS = sorted(FOLDER.glob("solutions/[0-9][0-9]_*.ipynb"))
MAX_BYTES = 1_000_000
MAX_LINES = 30  # a code cell has fewer


def code_cells(notebook: dict) -> list[dict]:
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"])]


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def outputs(notebook: dict) -> Iterator[tuple[int, dict, dict]]:
    """(number of the code cell, cell, output)"""
    for number, cell in enumerate(code_cells(notebook), 1):
        for output in cell["outputs"]:
            yield number, cell, output


def starts_with_a_title_and_a_sentence(notebook: dict) -> Iterator[str]:
    first = notebook["cells"][0]
    text = "".join(first["source"])
    if first["cell_type"] != "markdown" or not text.startswith("# "):
        yield "the first cell must be Markdown that starts with '# ' and the title"
    elif not re.search(r"\n\s*\n\s*[A-Za-z]", text):
        yield "under the title a sentence must say what the notebook is for"
    for number, cell in enumerate(notebook["cells"][1:], 2):
        if cell["cell_type"] == "markdown" and re.search(r"(?m)^# ", prose(cell)):
            yield f"cell {number} is a second title: use '##' for sections"


def prose(cell: dict) -> str:
    """The text of a Markdown cell without the code in it."""
    return re.sub(r"(?ms)^```.*?^```", "", "".join(cell["source"]))


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
        if (lines := "".join(cell["source"]).count("\n") + 1) >= MAX_LINES:
            yield f"code cell {number} has {lines} lines; fewer than {MAX_LINES} are allowed"


def has_one_cell_of_parameters(notebook: dict) -> Iterator[str]:
    tagged = [cell for cell in notebook["cells"] if "parameters" in tags(cell)]
    if len(tagged) != 1 or tagged[0]["cell_type"] != "code":
        yield f"{len(tagged)} cells are tagged 'parameters'; exactly one code cell must be"


def runs_in_any_python(notebook: dict) -> Iterator[str]:
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "its kernel must be 'python3', which every installation has"


RULES = [
    starts_with_a_title_and_a_sentence,
    ran_in_order,
    shows_no_error,
    shows_the_errors_it_announces,
    is_quiet,
    names_no_machine,
    is_small,
    has_short_code_cells,
    runs_in_any_python,
]
RULES_OF_THE_SERIES = [*RULES, has_one_cell_of_parameters]


@pytest.mark.parametrize("rule", RULES_OF_THE_SERIES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", SERIES, ids=lambda path: path.stem)
def test_notebook(path, rule):
    assert list(rule(json.loads(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions(path, rule):
    assert list(rule(json.loads(path.read_text(encoding="utf-8")))) == []


def test_numbers_are_not_used_twice():
    for paths in (SERIES, SOLUTIONS):
        numbers = [path.name[:2] for path in paths]
        assert len(set(numbers)) == len(numbers)
    assert {path.name for path in SOLUTIONS} <= {path.name for path in SERIES}


# The rules themselves: a good notebook passes them all, and each spoilt one fails the rule meant.


def good() -> dict:
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "metadata": {"tags": ["parameters"]},
        "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}],
        "source": ["print(1)"],
    }
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "\n", "A sentence."]}
    return {"cells": [text, cell], "metadata": {"kernelspec": {"name": "python3"}}}


def error_output() -> dict:
    return {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}


@pytest.mark.parametrize("rule", RULES_OF_THE_SERIES, ids=lambda rule: rule.__name__)
def test_a_good_notebook_passes(rule):
    assert list(rule(good())) == []


SPOILT = []


def spoil(rule):
    """Registers a function that spoils a good notebook so that `rule` must complain."""

    def register(change):
        SPOILT.append(pytest.param(rule, change, id=f"{rule.__name__}-{change.__name__}"))
        return change

    return register


@spoil(starts_with_a_title_and_a_sentence)
def no_title(notebook):
    notebook["cells"][0]["source"] = ["Title\n", "\n", "A sentence."]


@spoil(starts_with_a_title_and_a_sentence)
def no_sentence(notebook):
    notebook["cells"][0]["source"] = ["# Title"]


@spoil(starts_with_a_title_and_a_sentence)
def second_title(notebook):
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": ["# Again"]})


@spoil(ran_in_order)
def never_run(notebook):
    notebook["cells"][1]["execution_count"] = None


@spoil(ran_in_order)
def run_twice(notebook):
    notebook["cells"][1]["execution_count"] = 2


@spoil(shows_no_error)
def error(notebook):
    notebook["cells"][1]["outputs"] = [error_output()]


@spoil(shows_the_errors_it_announces)
def announced_in_vain(notebook):
    notebook["cells"][1]["metadata"]["tags"].append("raises-exception")


@spoil(is_quiet)
def warning(notebook):
    notebook["cells"][1]["outputs"][0]["name"] = "stderr"


@spoil(names_no_machine)
def home_folder(notebook):
    notebook["cells"][1]["outputs"][0]["text"] = ["read /ho" + "me/jo/ml-1m\n"]


@spoil(is_small)
def large_figure(notebook):
    data = {"image/png": "A" * MAX_BYTES}
    notebook["cells"][1]["outputs"] = [{"output_type": "display_data", "data": data}]


@spoil(has_short_code_cells)
def long_cell(notebook):
    notebook["cells"][1]["source"] = ["x = 1\n"] * (MAX_LINES - 1) + ["x = 1"]


@spoil(has_one_cell_of_parameters)
def no_parameters(notebook):
    notebook["cells"][1]["metadata"] = {}


@spoil(has_one_cell_of_parameters)
def twice_parameters(notebook):
    notebook["cells"] *= 2


@spoil(runs_in_any_python)
def private_kernel(notebook):
    notebook["metadata"]["kernelspec"]["name"] = "my-venv"


@pytest.mark.parametrize(("rule", "change"), SPOILT)
def test_a_spoilt_notebook_fails(rule, change):
    notebook = good()
    change(notebook)
    assert list(rule(notebook)) != []


def test_every_rule_is_seen_to_fail():
    assert {case.values[0] for case in SPOILT} == set(RULES_OF_THE_SERIES)
