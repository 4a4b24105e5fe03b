"""What CONTRIBUTING and the README say about the library is so: rooms, order, names, files."""

import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest
from test_architecture import CORE, MAY_IMPORT

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ["README.md", "CONTRIBUTING.md"]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# Where a text may take a file's path to begin.
STARTS = [ROOT, ROOT / "seqrec_lib", ROOT / "tests", ROOT / "notebooks"]
PATTERNS = {"data/results/TABLE.csv"}  # TABLE is any


def section(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, as cells, without head and rule."""
    text = CONTRIBUTING.split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?m)^\|(?:.*\n\|)*.*$", text)
    assert table is not None
    return [[c.strip() for c in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", cell)


def named(text: str) -> list[tuple[str, str]]:
    """(file, name) of each "`file.py`: `name`, `name`"."""
    found = re.findall(r"`([\w/]+\.py)`:((?:,? `[\w.]+`)+)", text)
    return [(file, name) for file, names in found for name in quoted(names)]


def test_the_table_of_rooms_is_the_one_that_is_enforced():
    rooms = {quoted(room)[0]: set(quoted(allowed)) for room, _, allowed in section("## The rooms")}
    assert rooms == {k: v for k, v in MAY_IMPORT.items() if not k.startswith("__")}


def test_the_core_is_listed_in_its_reading_order():
    files = [quoted(file)[0] for file, *_ in section("### The core, in reading order")]
    assert files == [f"{module.replace('.', '/')}.py" for module in CORE]


def test_a_metric_is_ten_steps_from_a_file():
    steps = section("## From a ratings file to a metric")
    assert [number for number, *_ in steps] == [str(n + 1) for n in range(10)]
    assert all(named(where) for *_, where in steps)


@pytest.mark.parametrize(("file", "name"), sorted(set(named(CONTRIBUTING))))
def test_a_named_file_defines_the_name(file, name):
    module = import_module("seqrec_lib." + file.removesuffix(".py").replace("/", "."))
    found = reduce(getattr, name.split("."), module)
    assert getattr(found, "__module__", module.__name__) == module.__name__ or "_ROWS" in name


@pytest.mark.parametrize("text", TEXTS)
def test_files_that_a_text_names_are_there(text):
    whole = (ROOT / text).read_text(encoding="utf-8")
    said = quoted(re.sub(r"(?ms)^```.*?^```", "", whole))
    ending = r"[\w./-]+\.(?:py|md|csv|ipynb|toml|yml|cff|txt|safetensors)|[\w-]+(?:/[\w-]+)+/?"
    paths = {path for path in said if re.fullmatch(ending, path)} - PATTERNS
    assert [path for path in paths if not any((s / path).exists() for s in STARTS)] == []
