"""The runs that lesson 05 reads: every line has its curve, made with the lesson's settings."""

import ast
import json
from pathlib import Path

import pytest
from notebook_rules import source

from seqrec_lib.reproduce.recorded import recorded_curve, recorded_table

LESSON = Path(__file__).resolve().parents[1] / "notebooks" / "05_sse_pt.ipynb"
LINES = recorded_table("lesson_05").to_dict("records")


def settings() -> dict:
    """SETTINGS["quick"] of the lesson."""
    cells = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    (parameters,) = (c for c in cells if "parameters" in c["metadata"].get("tags", []))
    for node in ast.parse(source(parameters)).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SETTINGS":
            return ast.literal_eval(node.value)["quick"]
    raise LookupError("the lesson has no SETTINGS")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["run"])
def test_a_line_is_what_its_curve_says(line):
    curve, quick = recorded_curve(line["run"]), settings()
    validation = curve["val_ndcg"].dropna()
    assert len(curve) == line["epochs"] == quick["epochs"]
    assert list(validation.index) == list(
        range(quick["every"], quick["epochs"] + 1, quick["every"])
    )
    assert validation.idxmax() == line["best_epoch"]
    assert validation.max() == line["val_ndcg"]
    assert validation.iloc[-1] == line["last_val_ndcg"]


def test_the_three_models_of_the_lesson_have_three_seeds():
    for name in ("SASRec", "PT", "SSE-PT"):
        assert {line["seed"] for line in LINES if line["row"] == name} == {1, 2, 3}, name
