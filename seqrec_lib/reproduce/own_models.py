"""Models that a reader builds in lesson 11: a recipe names the class, and the lesson's cells define
it. Those with the tag `race-model` are run here in their order: a row trains what the lesson shows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from seqrec_lib.common.randomness import draws_put_back
from seqrec_lib.network.model import SequenceModel

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "11_what_came_after.ipynb"
TAG = "race-model"


def lesson_code(lesson: Path) -> str:
    """The tagged cells, one after the other. Raises FileNotFoundError where there is no lesson."""
    if not lesson.is_file():
        raise FileNotFoundError(
            f"the models of this row are defined in {lesson}, which is not there: run it in a "
            "clone of the repository, notebooks and all"
        )
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if TAG in cell["metadata"].get("tags", [])]
    return "\n\n".join("".join(cell["source"]) for cell in tagged)


def own_model(name: str, seed: int, *arguments: Any, **settings: Any) -> SequenceModel:
    """A model of the lesson's class `name`, its fresh weights drawn by the seed."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(lesson_code(LESSON), LESSON.name, "exec"), names)
    if name not in names:
        raise ValueError(f"class {name!r} is in no cell of {LESSON} with the tag {TAG!r}")
    with draws_put_back():
        torch.manual_seed(seed)
        return names[name](*arguments, **settings)
