"""What the notebooks of the series have in common beyond `notebook_rules`: the form of a lesson."""

import ast
import re
from collections.abc import Iterator

from notebook_rules import (
    RULES,
    Rule,
    asserts,
    code_cells,
    compared,
    entries,
    prose,
    python,
    sections,
    source,
    tags,
    text_of,
)

from seqrec_lib.exercises.check import EXERCISES as CHECKED
from seqrec_lib.exercises.check import OPEN

CELLS = range(35, 61)
TAKEAWAYS = range(3, 6)
CHECKS = 0.25  # at most, of the lines of code
GOALS, EXERCISES, QUESTIONS = range(3, 6), range(3, 6), range(5, 11)
WORDS = 8  # at least, of what a solution shows
WHY = 3  # at least, of why an exercise is open
LEVELS = ["easy", "medium", "hard"]
LAST_SECTIONS = ["Takeaways", "Pitfalls", "Exercises", "Questionnaire", "References"]


def has_one_cell_of_parameters(notebook: dict) -> Iterator[str]:
    tagged = [cell for cell in notebook["cells"] if "parameters" in tags(cell)]
    if len(tagged) != 1 or tagged[0]["cell_type"] != "code":
        yield f"{len(tagged)} cells are tagged 'parameters'; exactly one code cell must be"
    elif "SEQREC_PROFILE" not in source(tagged[0]):
        yield "the cell of parameters must read SEQREC_PROFILE"


def tells_its_run_times(notebook: dict) -> Iterator[str]:
    lines = "\n".join(prose(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    table = re.search(r"(?m)^\| *profile\b.*\n(?:\|.*\n?)+", lines)
    cells = table[0].strip().splitlines() if table else []
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in cells]
    if not rows or not any("time" in name for name in rows[0]):
        yield "there must be a table: profile, …, run time on what hardware"
        return
    named = " ".join(row[0] for row in rows[1:])
    for profile in ("smoke", "quick", "full"):
        if f"`{profile}`" not in named:
            yield f"the table of run times has no row for `{profile}`"


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


def writes_shapes_down(notebook: dict) -> Iterator[str]:
    """A cell that reshapes tensors has shapes, such as (B, T), in a comment or docstring."""
    for number, cell in enumerate(code_cells(notebook), 1):
        reshapes = re.search(r"\.(view|reshape|permute|transpose)\(", source(cell))
        words = re.findall(r'#.*|"""(?s:.*?)"""', source(cell))
        if reshapes and not any(re.search(r"\([\w+/·]+(,[^()]*)?\)", text) for text in words):
            yield f"code cell {number} has {reshapes[0]}…) and no shape in a comment"


def begins_with_something_to_see(notebook: dict) -> Iterator[str]:
    """A table or a figure among the outputs of the first three cells of code."""
    shown = (output for cell in code_cells(notebook)[:3] for output in cell["outputs"])
    if not any({"text/html", "image/png"} & set(output.get("data", {})) for output in shown):
        yield "none of the first three code cells shows a table or a figure"


def says_what_is_learned_and_needed(notebook: dict) -> Iterator[str]:
    text = "\n".join(prose(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    goals = re.findall(r"(?m)^- \*[a-z]+\* ", text)
    if len(goals) not in GOALS:
        yield f"{len(goals)} goals (bullets that begin with a verb in italics); 3 to 5 are wanted"
    if "**What you need" not in text:
        yield "it must say '**What you need**'"


def counts_its_sections_and_ends_with_takeaways(notebook: dict) -> Iterator[str]:
    headings = list(filter(None, sections(notebook)))
    numbers = [int(h.split()[0]) for h in headings if re.match(r"\d+ ", h)]
    if numbers != list(range(1, len(numbers) + 1)) or len(numbers) < 4:
        yield f"sections are numbered {numbers}; 1, 2, 3, … are wanted, at least up to 4"
    last = [heading for heading in headings if heading in LAST_SECTIONS]
    if last != LAST_SECTIONS or headings[-1] != LAST_SECTIONS[-1]:
        yield f"it must end with {', '.join(LAST_SECTIONS)}, and has {last}"
    bullets = re.findall(r"(?m)^- ", text_of(sections(notebook).get("Takeaways", [])))
    if len(bullets) not in TAKEAWAYS:
        yield f"{len(bullets)} takeaways; 3 to 5 are wanted"


def is_one_sitting(notebook: dict) -> Iterator[str]:
    """Without the cell in which a reader's answers are checked: that's homework."""
    asks = len(cells_of_answers(notebook))
    texts = sum(cell["cell_type"] == "markdown" for cell in notebook["cells"])
    if (total := len(notebook["cells"]) - asks) not in CELLS:
        yield f"it has {total} cells; {CELLS[0]} to {CELLS[-1]} are wanted"
    if 2 * texts <= total:
        yield f"{texts} of {total} cells are text; more than half must be"


def teaches_more_than_it_checks(notebook: dict) -> Iterator[str]:
    """Lines of assertions, and whole cells that show nothing but that they passed."""
    lines, checking = 0, 0
    for cell in code_cells(notebook):
        body = ast.parse(python(cell)).body
        length = sum((node.end_lineno or 0) - node.lineno + 1 for node in body)
        within = sum(
            (node.end_lineno or 0) - node.lineno + 1
            for node in body
            if isinstance(node, ast.Assert)
        )
        lines += length
        checking += length if asserts(cell) and isinstance(body[-1], ast.Assert) else within
    if lines and checking > CHECKS * lines:
        yield f"{checking} of {lines} lines of code check; at most {CHECKS:.0%} should"


def cells_of_answers(notebook: dict) -> list[dict]:
    """The cells of code among the exercises."""
    cells = sections(notebook).get("Exercises", [])
    return [cell for cell in cells if cell["cell_type"] == "code"]


def asked_of(cells: list[dict]) -> dict[str, str]:
    """Exercise → the answer that a `check("NN.k", answer, …)` among some cells is given."""
    return {
        str(ast.literal_eval(call.args[0])): ast.unparse(call.args[1])
        for cell in cells
        for call in ast.walk(ast.parse(python(cell)))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("check")
    }


def checks_or_leaves_open_each_exercise(
    notebook: dict, solutions: dict, number: str
) -> Iterator[str]:
    """Each exercise has a check, blank in the lesson and passed in the solutions, or is OPEN."""
    asked = asked_of(cells_of_answers(notebook))
    solved = asked_of(code_cells(solutions))
    tasks = len(entries(text_of(sections(notebook).get("Exercises", []))))
    names = [f"{number}.{k}" for k in range(1, tasks + 1)]
    for name in sorted({*asked, *solved, *names}):
        if name in OPEN:
            if name in (asked | solved) or len(OPEN[name].split()) < WHY:
                yield f"{name} is open: no check, and {WHY} words or more that say why"
        elif name not in CHECKED or name not in names:
            yield f"{name} has neither a check in seqrec_lib/exercises nor a place among the OPEN"
        elif asked.get(name) != "...":
            yield f'{name}: the lesson must ask sl.check("{name}", ...), with three dots'
        elif solved.get(name, "...") == "...":
            yield f'{name}: the solutions must give sl.check("{name}", …) their answer'


def links_to_its_solutions(notebook: dict) -> Iterator[str]:
    exercises = text_of(sections(notebook).get("Exercises", []))
    if not re.search(r"\]\(solutions/\d\d_\w+\.ipynb\)", exercises):
        yield "Exercises must link to the solutions"


RULES_OF_THE_SERIES: list[Rule] = [
    *RULES,
    has_one_cell_of_parameters,
    begins_with_something_to_see,
    says_what_is_learned_and_needed,
    tells_its_run_times,
    counts_its_sections_and_ends_with_takeaways,
    is_one_sitting,
    teaches_more_than_it_checks,
    says_what_to_see,
    warns_of_pitfalls,
    sets_exercises_of_rising_difficulty,
    links_to_its_solutions,
    asks_questions,
    gives_references,
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
        if not any(asserts(cell) or compared(cell) for cell in cells):
            yield f"the solution of exercise {number} has no check"
        if cells[-1]["cell_type"] != "markdown" or len(prose(cells[-1]).split()) < WORDS:
            yield f"the solution of exercise {number} does not end with what it shows"
