"""The teachers' page has every exercise as the lessons have it, and a map that they agree with."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from notebook_rules import entries, sections, source, text_of

from seqrec_lib.exercises.check import EXERCISES, OPEN

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = {path.name[:2]: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
PAGE = (NOTEBOOKS / "for_teachers.md").read_text(encoding="utf-8")
ANSWERS = re.compile(r"(?ms)^<details>\n<summary>Answers of ([^<]+)</summary>\n(.*?)^</details>$")


def rows(text: str) -> dict[str, list[str]]:
    """First cell → the others, of the lines of tables."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [re.split(r" *\| *", line.strip("| ")) for line in lines]
    return {first: rest for first, *rest in cells}


def lesson(number: str) -> dict:
    return json.loads(LESSONS[number].read_text(encoding="utf-8"))


def section(heading: str) -> str:
    """The part under a heading, without the folded answers."""
    level = heading.split()[0]
    part = PAGE.split(f"\n{heading}\n", 1)[1]
    return ANSWERS.sub("", re.split(rf"(?m)^#{{2,{len(level)}}} ", part)[0])


TABLE = {name: row for name, row in rows(section("## The exercises")).items() if "." in name}
MAP = {name: row for name, row in rows(section("## The course map")).items() if name in LESSONS}


def test_every_exercise_is_there_with_its_level_and_its_mark():
    assert sorted(TABLE) == sorted({*EXERCISES, *OPEN})
    for number in LESSONS:
        tasks = entries(text_of(sections(lesson(number))["Exercises"]))
        for k, task in enumerate(tasks, 1):
            what, minutes, marks, *others = TABLE[f"{number}.{k}"]
            level = re.match(r"\d+\. \*\((\w+)\)\*", task)
            assert level is not None
            assert what.startswith(f"*{level[1]}* "), what
            assert ("✓" in marks) == (f"{number}.{k}" in EXERCISES), what
            assert 5 <= int(minutes) <= 60
            assert len(others) == 2, what
            assert min(len(words.split()) for words in others) > 1, what


def test_every_answer_is_there_and_folded():
    folded = dict(ANSWERS.findall(PAGE))
    assert list(folded) == [*LESSONS, "the explorer"]
    lines = PAGE.splitlines()
    assert lines.count("<details>") == lines.count("</details>") == len(folded)
    for number in LESSONS:
        assert [name for name in rows(folded[number]) if "." in name] == [
            f"{number}.{k}" for k in range(1, 6)
        ]


@pytest.mark.parametrize("number", LESSONS)
def test_the_map_has_what_the_lesson_says_it_needs(number):
    needed = next(
        text
        for cell in lesson(number)["cells"]
        if cell["cell_type"] == "markdown"
        for text in re.findall(r"(?s)\*\*What you need.*?(?=\n\n|$)", source(cell))
    )
    links = re.findall(r"\[(\d\d)\]\(\d\d_\w+\.ipynb\)( to )?", needed)
    said = {name for name, _ in links}
    for (first, to), (last, _) in pairwise(links):
        said |= {f"{n:02}" for n in range(int(first), int(last) + 1)} if to else set()
    needs = MAP[number][0]
    assert set(re.findall(r"\d\d", needs)) == said
    assert all(name < number for name in said)


def test_the_minutes_of_a_lesson_are_those_of_its_exercises():
    for number, row in MAP.items():
        minutes = [int(cells[1]) for name, cells in TABLE.items() if name[:2] == number]
        assert int(row[3]) == sum(minutes), number
    assert list(MAP) == list(LESSONS)
    shorter = [
        sum(int(c[1]) for name, c in TABLE.items() if name[:2] == lesson and "*hard*" not in c[0])
        for lesson in LESSONS
    ]
    assert f"planned for {min(shorter)} to {max(shorter)} minutes" in PAGE
