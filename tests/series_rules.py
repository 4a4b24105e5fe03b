"""What the notebooks of the series have in common beyond `notebook_rules`: the form of a lesson."""

import re
from collections.abc import Iterator

from notebook_rules import (
    MARK,
    RULES,
    Rule,
    asserts,
    code_cells,
    entries,
    prose,
    sections,
    source,
    tags,
    text_of,
)

CELLS = range(45, 86)
GOALS, EXERCISES, QUESTIONS = range(3, 6), range(3, 6), range(5, 11)
MARKED = 4  # cells with MARK at least
WORDS = 8  # at least, of what a solution shows
LEVELS = ["easy", "medium", "hard"]
LAST_SECTIONS = ["Pitfalls", "Exercises", "Questionnaire", "References"]


def has_one_cell_of_parameters(notebook: dict) -> Iterator[str]:
    tagged = [cell for cell in notebook["cells"] if "parameters" in tags(cell)]
    if len(tagged) != 1 or tagged[0]["cell_type"] != "code":
        yield f"{len(tagged)} cells are tagged 'parameters'; exactly one code cell must be"
    elif "SEQREC_PROFILE" not in source(tagged[0]):
        yield "the cell of parameters must read SEQREC_PROFILE"


def names_what_is_learned_and_needed(notebook: dict) -> Iterator[str]:
    text = source(notebook["cells"][0])
    _, _, goals = text.partition("**What you will learn")
    bullets = re.findall(r"(?m)^[-*] (.+)$", goals.partition("\n**")[0])
    if len(bullets) not in GOALS:
        yield f"{len(bullets)} bullets under '**What you will learn**'; 3 to 5 are wanted"
    for bullet in bullets:
        if not re.match(r"\*[a-z]+\*", bullet):
            yield f"a goal begins with a verb in italics, not with {bullet[:20]!r}"
    if "**What you need" not in text:
        yield "the first cell must say '**What you need**'"


def tells_its_run_times(notebook: dict) -> Iterator[str]:
    rows = [
        [part.strip() for part in line.strip().strip("|").split("|")]
        for cell in notebook["cells"][:3]
        if cell["cell_type"] == "markdown"
        for line in prose(cell).splitlines()
        if line.startswith("|")
    ]
    if not rows or rows[0][0] != "profile" or not any("time" in name for name in rows[0]):
        yield "the second cell must be a table: profile, …, run time on what hardware"
        return
    named = " ".join(row[0] for row in rows[1:])
    for profile in ("smoke", "quick", "full"):
        if f"`{profile}`" not in named:
            yield f"the table of run times has no row for `{profile}`"


def numbers_its_sections(notebook: dict) -> Iterator[str]:
    headings = list(filter(None, sections(notebook)))
    numbers = [int(h.split()[0]) for h in headings if re.match(r"\d+ ", h)]
    if numbers != list(range(len(numbers))) or len(numbers) < 4:
        yield f"sections are numbered {numbers}; 0, 1, 2, 3, … are wanted, at least up to 3"
    if headings[:1] != ["0 Parameters"]:
        yield f"the first section must be '0 Parameters', and is {headings[:1]}"
    last = [heading for heading in headings if heading in LAST_SECTIONS]
    if last != LAST_SECTIONS or headings[-1] != LAST_SECTIONS[-1]:
        yield f"it must end with {', '.join(LAST_SECTIONS)}, and has {last}"


def ends_its_sections_with_a_check(notebook: dict) -> Iterator[str]:
    """A text with a bold **Check, and in the last code cell an assertion or a compared output.

    The text may stand before the cell or, where it explains the last lines of it, after it.
    """
    for heading, cells in sections(notebook).items():
        if not re.match(r"[1-9]\d* ", heading):
            continue
        if not re.search(r"\*\*Check\b", text_of(cells)):
            yield f"section '{heading}' has no **Check**"
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        if not code or not (asserts(code[-1]) or source(code[-1]).startswith(MARK)):
            yield f"the last code cell of section '{heading}' checks nothing"


def says_what_to_see(notebook: dict) -> Iterator[str]:
    if not any("**What you should see" in prose(cell) for cell in notebook["cells"]):
        yield "nowhere it says '**What you should see**'"


def warns_of_pitfalls(notebook: dict) -> Iterator[str]:
    if len(re.findall(r"(?m)^- \*\*", text_of(sections(notebook).get("Pitfalls", [])))) < 3:
        yield "Pitfalls must be at least three bullets that begin in bold"


def sets_exercises_of_rising_difficulty(notebook: dict) -> Iterator[str]:
    tasks = entries(text_of(sections(notebook).get("Exercises", [])))
    if len(tasks) not in EXERCISES:
        yield f"{len(tasks)} numbered exercises; 3 to 5 are wanted"
    found = [re.match(r"\d+\. \*\((easy|medium|hard)\)\*", task) for task in tasks]
    levels = [LEVELS.index(match[1]) for match in found if match]
    if len(levels) < len(tasks):
        yield "every exercise begins with *(easy)*, *(medium)* or *(hard)*"
    if levels != sorted(levels) or len(set(levels)) < 2:
        yield f"exercises must become harder: {[LEVELS[level] for level in levels]}"
    for number, task in enumerate(tasks, 1):
        if "*Hint:*" not in task:
            yield f"exercise {number} has no *Hint:*"


def asks_questions(notebook: dict) -> Iterator[str]:
    questions = entries(text_of(sections(notebook).get("Questionnaire", [])))
    if len(questions) not in QUESTIONS:
        yield f"{len(questions)} numbered questions; 5 to 10 are wanted"


def gives_references(notebook: dict) -> Iterator[str]:
    text = text_of(sections(notebook).get("References", []))
    if not re.search(r"(?m)^- .*\b(19|20)\d\d\b", text) or "](https://" not in text:
        yield "References must be a list with years and links"
    if not re.search(r"(?i)section\w* \S*[IVX\d]|equations? \(\d|eq\. \(\d|table \S*[IVX\d]", text):
        yield "References must say which section, equation or table is meant"


def is_of_a_length_to_read(notebook: dict) -> Iterator[str]:
    texts = sum(cell["cell_type"] == "markdown" for cell in notebook["cells"])
    if (total := len(notebook["cells"])) not in CELLS:
        yield f"it has {total} cells; {CELLS[0]} to {CELLS[-1]} are wanted"
    if 2 * texts <= total:
        yield f"{texts} of {total} cells are text; more than half must be"


def has_outputs_that_are_compared(notebook: dict) -> Iterator[str]:
    marked = sum(source(cell).startswith(MARK) for cell in code_cells(notebook))
    if marked < MARKED:
        yield f"{marked} code cells start with '{MARK}'; at least {MARKED} are wanted"


def writes_shapes_down(notebook: dict) -> Iterator[str]:
    """A cell that reshapes tensors has shapes, such as (B, T), in a comment or docstring."""
    for number, cell in enumerate(code_cells(notebook), 1):
        reshapes = re.search(r"\.(view|reshape|permute|transpose)\(", source(cell))
        words = re.findall(r'#.*|"""(?s:.*?)"""', source(cell))
        if reshapes and not any(re.search(r"\([\w+/·]+(,[^()]*)?\)", text) for text in words):
            yield f"code cell {number} has {reshapes[0]}…) and no shape in a comment"


RULES_OF_THE_SERIES: list[Rule] = [
    *RULES,
    has_one_cell_of_parameters,
    names_what_is_learned_and_needed,
    tells_its_run_times,
    numbers_its_sections,
    ends_its_sections_with_a_check,
    says_what_to_see,
    warns_of_pitfalls,
    sets_exercises_of_rising_difficulty,
    asks_questions,
    gives_references,
    is_of_a_length_to_read,
    has_outputs_that_are_compared,
    writes_shapes_down,
]


def solves_every_exercise(notebook: dict, solutions: dict) -> Iterator[str]:
    """A section of its own for each exercise ('## 1 …' or '## Exercise 1'), which checks itself."""
    tasks = len(entries(text_of(sections(notebook).get("Exercises", []))))
    solved = {}
    for heading, cells in sections(solutions).items():
        if match := re.match(r"(?:Exercise )?([1-9])\b", heading):
            solved[int(match[1])] = cells
    if list(solved) != list(range(1, tasks + 1)):
        yield f"the notebook has {tasks} exercises; solved, in this order, are {list(solved)}"
    for number, cells in solved.items():
        if not any(asserts(cell) or source(cell).startswith(MARK) for cell in cells):
            yield f"the solution of exercise {number} has no check"
        if cells[-1]["cell_type"] != "markdown" or len(prose(cells[-1]).split()) < WORDS:
            yield f"the solution of exercise {number} does not end with what it shows"
