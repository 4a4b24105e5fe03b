"""The classes and functions that a notebook defines, without running the notebook."""

import ast
import json
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from notebook_rules import code_cells, python

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)


def definitions_of(notebook: dict) -> SimpleNamespace:
    """Runs the imports and the definitions of all cells, in order, and nothing else.

    A class that a notebook shows twice is the one that it shows last. A function whose defaults are
    computed in a cell is left out.
    """
    names: dict = {"__name__": "notebook"}
    for cell in code_cells(notebook):
        for node in ast.parse(python(cell)).body:
            if isinstance(node, DEFINITIONS):
                with suppress(NameError):
                    exec(compile(ast.Module([node], []), "<notebook>", "exec"), names)
    return SimpleNamespace(**names)


def defined_in(number: str) -> SimpleNamespace:
    """What the notebook of this number defines, or a skip where it is not there yet."""
    paths = list(FOLDER.glob(f"{number}_*.ipynb"))
    if not paths:
        pytest.skip(f"notebook {number} is not there yet")
    return definitions_of(json.loads(paths[0].read_text(encoding="utf-8")))
