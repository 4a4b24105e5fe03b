"""The rules themselves: a good notebook passes them all, each spoilt one fails the rule meant."""

from functools import partial

import notebook_rules as rules
import pytest
import series_rules as series
from notebook_rules import COMMENT, MARK, compared
from series_rules import RULES_OF_THE_SERIES

FIRST = """# Title

A question.
"""
MIDDLE = """A result.

- *look* at one,
- *make* another,
- *check* both.

**What you need.** Nothing.

| profile | run time on 2 CPU cores |
|---|---|
| `smoke` | 1 s |
| `quick`, `full` | |
"""
LAST = """## Takeaways

- One.
- Two.
- Three.

## Pitfalls

- **One.** A sentence.
- **Two.** A sentence.
- **Three.** A sentence.

## Exercises

1. *(easy)* A task. *Hint:* a hint.
2. *(medium)* A task
   of two lines. *Hint:* a hint.
3. *(hard)* A task. *Hint:* a hint.

[s](solutions/00_x.ipynb)

## Questionnaire

1. What?
2. Who?
3. When?
4. Where?
5. Why?

## References

- Somebody. Something. 2018. [doi:10.1/2](https://doi.org/10.1/2). Equation (1).
"""


def text(words: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": words.splitlines(keepends=True)}


def code(words: str, *tags: str) -> dict:
    output = {"output_type": "stream", "name": "stdout", "text": ["1\n"]}
    lines = words.splitlines(keepends=True)
    meta = {"tags": list(tags)}
    return {"cell_type": "code", "metadata": meta, "outputs": [output], "source": lines}


def good() -> dict:
    cells = [text(FIRST), code('PROFILE = os.environ.get("SEQREC_PROFILE")', "parameters")]
    shows = code("table")
    shows["outputs"] = [{"output_type": "execute_result", "data": {"text/html": "<table>"}}]
    cells += [shows, text(MIDDLE)]
    for number in range(1, 9):
        cells.append(text(f"## {number} A section"))
        cells.append(code("x = y.view(2, 3)  # (B, T)\nprint(x)\nx += 1\nassert x\nx"))
        cells += [text("**What you should see:** 1 to 2.\n\nA sentence."), text("Another.")]
    cells += [code(f"{COMMENT}\nprint(1)"), text(LAST)]
    for number, cell in enumerate((c for c in cells if c["cell_type"] == "code"), 1):
        cell["execution_count"] = number
    return {"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}}


def first_code(notebook: dict) -> dict:
    return rules.code_cells(notebook)[0]


def replace(notebook: dict, old: str, new: str) -> None:
    """In every cell; at least once."""
    found = 0
    for cell in notebook["cells"]:
        words = rules.source(cell)
        found += words.count(old)
        cell["source"] = words.replace(old, new).splitlines(keepends=True)
    assert found, f"{old!r} is not in the good notebook"


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


def spoil_by_words(rule, *pairs):
    """Registers for each pair a good notebook in which `old` became `new`."""
    for old, new in pairs:
        name = f"{rule.__name__}-{old.strip()[:20]!r}-{new.strip()[:20]!r}"
        SPOILT.append(pytest.param(rule, partial(replace, old=old, new=new), id=name))


@spoil(rules.starts_with_a_title_and_a_sentence)
def no_title(notebook):
    notebook["cells"][0]["source"] = ["Title\n", "\n", "A sentence."]


@spoil(rules.starts_with_a_title_and_a_sentence)
def no_sentence(notebook):
    notebook["cells"][0]["source"] = ["# Title"]


@spoil(rules.starts_with_a_title_and_a_sentence)
def second_title(notebook):
    notebook["cells"].append(text("# Again"))


@spoil(rules.ran_in_order)
def never_run(notebook):
    first_code(notebook)["execution_count"] = None


@spoil(rules.ran_in_order)
def run_twice(notebook):
    first_code(notebook)["execution_count"] = 2


@spoil(rules.shows_no_error)
def error(notebook):
    error = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}
    first_code(notebook)["outputs"] = [error]


@spoil(rules.shows_the_errors_it_announces)
def announced_in_vain(notebook):
    first_code(notebook)["metadata"]["tags"].append("raises-exception")


@spoil(rules.is_quiet)
def warning(notebook):
    first_code(notebook)["outputs"][0]["name"] = "stderr"


@spoil(rules.names_no_machine)
def home_folder(notebook):
    first_code(notebook)["outputs"][0]["text"] = ["read /ho" + "me/jo/ml-1m\n"]


@spoil(rules.is_small)
def large_figure(notebook):
    data = {"image/png": "A" * rules.MAX_BYTES}
    first_code(notebook)["outputs"] = [{"output_type": "display_data", "data": data}]


@spoil(rules.has_short_code_cells)
def long_cell(notebook):
    first_code(notebook)["source"] = ["x = 1\n"] * (rules.MAX_LINES - 1) + ["x = 1"]


@spoil(rules.runs_in_any_python)
def private_kernel(notebook):
    notebook["metadata"]["kernelspec"]["name"] = "my-venv"


@spoil(rules.is_finished)
def promised(notebook):
    notebook["cells"].append(text("A figure: TO" + "DO."))


@spoil(rules.describes_its_figures)
def figure_without_words(notebook):
    data = {"image/png": "A", "text/plain": ["<Figure size 640x480 with 1 Axes>"]}
    first_code(notebook)["outputs"] = [{"output_type": "display_data", "data": data}]


@spoil(rules.shows_pages_as_pictures)
def live_page(notebook):
    data = {"text/html": ['<iframe srcdoc="&lt;p&gt;"></iframe>'], "text/plain": ["A page."]}
    first_code(notebook)["outputs"] = [{"output_type": "execute_result", "data": data}]


@spoil(rules.compares_only_what_is_there)
def nothing_to_compare(notebook):
    rules.code_cells(notebook)[-1]["outputs"] = []


@spoil(rules.compares_only_what_is_there)
def figure_to_compare(notebook):
    output = {"output_type": "display_data", "data": {"image/png": "A", "text/plain": "B" * 30}}
    rules.code_cells(notebook)[-1]["outputs"] = [output]


@spoil(series.has_one_cell_of_parameters)
def no_parameters(notebook):
    first_code(notebook)["metadata"] = {}


@spoil(series.has_one_cell_of_parameters)
def twice_parameters(notebook):
    notebook["cells"] *= 2


@spoil(series.begins_with_something_to_see)
def nothing_to_see(notebook):
    rules.code_cells(notebook)[1]["outputs"] = []


@spoil(series.is_one_sitting)
def short(notebook):
    notebook["cells"] = notebook["cells"][:30]


@spoil(series.is_one_sitting)
def long(notebook):
    notebook["cells"] += [text("A sentence.")] * series.CELLS[-1]


@spoil(series.is_one_sitting)
def as_much_code_as_text(notebook):
    texts = sum(cell["cell_type"] == "markdown" for cell in notebook["cells"])
    notebook["cells"] += [code("x")] * (2 * texts - len(notebook["cells"]))


spoil_by_words(series.has_one_cell_of_parameters, ("SEQREC_PROFILE", "PROFILE"))
spoil_by_words(
    series.says_what_is_learned_and_needed,
    ("- *look* at one,\n", ""),
    ("- *look* at one,\n", "- *look* at one,\n" * 4),
    ("*look* at", "looking at"),
    ("**What you need.**", "Also:"),
)
spoil_by_words(
    series.tells_its_run_times,
    ("run time", "speed"),
    ("`quick`, ", ""),
    ("|", ";"),
)
spoil_by_words(
    series.counts_its_sections_and_ends_with_takeaways,
    ("## 3 A section", "## 4 A section"),
    ("## Takeaways", "## Summary"),
    ("- Two.\n", ""),
    ("## References", "## References\n\n## Afterwards"),
)
spoil_by_words(
    series.teaches_more_than_it_checks,
    ("assert x\nx", "x\nassert x"),
    ("x += 1", "assert x + 1"),
)
spoil_by_words(series.links_to_its_solutions, ("[s](solutions/00_x.ipynb)", ""))
spoil_by_words(series.says_what_to_see, ("**What you should see:**", "It is"))
spoil_by_words(series.warns_of_pitfalls, ("- **Two.** A sentence.\n", ""))
spoil_by_words(
    series.sets_exercises_of_rising_difficulty,
    ("1. *(easy)* A task. *Hint:* a hint.\n", ""),
    ("3. *(hard)* A task. *Hint:* a hint.\n", "3. *(hard)* A task. *Hint:* a hint.\n" * 4),
    ("*(medium)* ", ""),
    ("of two lines. *Hint:* a hint.", "of two lines."),
    ("*(easy)*", "*(hard)*"),
)
spoil_by_words(series.asks_questions, ("2. Who?\n", ""), ("5. Why?\n", "5. Why?\n" * 7))
spoil_by_words(
    series.gives_references,
    ("2018. ", ""),
    ("](https://doi.org/10.1/2)", "]"),
    ("Equation (1)", "An equation"),
)
spoil_by_words(series.writes_shapes_down, ("  # (B, T)", "  # the other way"))


@pytest.mark.parametrize(("rule", "change"), SPOILT)
def test_a_spoilt_notebook_fails(rule, change):
    notebook = good()
    change(notebook)
    assert list(rule(notebook)) != []


def test_every_rule_is_seen_to_fail():
    assert {case.values[0] for case in SPOILT} == set(RULES_OF_THE_SERIES)
    assert set(rules.RULES) <= set(RULES_OF_THE_SERIES)


# Solutions beside the notebook whose exercises they solve.


def solved(*numbers: int) -> dict:
    cells = [text("# Title")]
    for number in numbers:
        cells += [text(f"## {number} A task"), code("assert x")]
        cells.append(text("**What it shows.** A sentence of at least eight words."))
    return {"cells": cells}


def test_good_solutions_pass():
    assert list(series.solves_every_exercise(good(), solved(1, 2, 3))) == []


@pytest.mark.parametrize("numbers", [(), (1, 2), (1, 3, 2), (1, 2, 3, 4)])
def test_every_exercise_must_be_solved_in_order(numbers):
    assert list(series.solves_every_exercise(good(), solved(*numbers))) != []


@pytest.mark.parametrize(
    ("old", "new"), [("assert x", "x"), ("**What it shows.** A sentence of", "Well, so")]
)
def test_a_solution_must_check_itself_and_say_what_it_shows(old, new):
    solutions = solved(1, 2, 3)
    replace(solutions, old, new)
    assert len(list(series.solves_every_exercise(good(), solutions))) == 3


def answered(*calls: str) -> tuple[dict, dict]:
    """A lesson with three exercises that asks these, and solutions that answer them all."""
    notebook, solutions = good(), solved(1, 2, 3)
    last = notebook["cells"].pop()
    before, after = rules.source(last).split("## Questionnaire")
    notebook["cells"] += [text(before), code("\n".join(calls)), text("## Questionnaire" + after)]
    solutions["cells"][2] = code("\n".join(f"assert {c.replace('...', '1')}" for c in calls))
    return notebook, solutions


ASKED = ['sl.check("05.1", ...)', 'sl.check("05.2", ...)', 'sl.check("05.3", ..., model, data)']


def test_exercises_that_check_themselves_pass():
    assert list(series.checks_or_leaves_open_each_exercise(*answered(*ASKED), "05")) == []
    assert list(series.is_one_sitting(answered(*ASKED)[0])) == []


def test_an_exercise_without_a_check_is_open_or_named():
    found = list(series.checks_or_leaves_open_each_exercise(*answered(*ASKED[:2]), "05"))
    assert len(found) == 1
    assert 'the lesson must ask sl.check("05.3", ...)' in found[0]
    found = list(series.checks_or_leaves_open_each_exercise(*answered(*ASKED), "99"))
    assert len(found) == 6  # 99.1 to 99.3 are nowhere, and 05.1 to 05.3 are of another lesson


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"05.2", ...', '"05.2", 29 / 30', "with three dots"),
        ('"05.2", 1', '"05.2", ...', "the solutions must give"),
        ('"05.3"', '"05.4"', "05.4 is open"),
        ('"05.3"', '"05.9"', "05.9 has neither"),
    ],
)
def test_a_check_that_tells_or_does_not_ask_is_seen(old, new, complaint):
    pair = answered(*ASKED)
    for notebook in pair:
        if any(old in rules.source(cell) for cell in notebook["cells"]):
            replace(notebook, old, new)
    found = list(series.checks_or_leaves_open_each_exercise(*pair, "05"))
    assert any(complaint in words for words in found), found


def test_a_tag_or_a_comment_has_an_output_compared():
    assert compared(code("print(1)", MARK))
    assert compared(code(f"{COMMENT}\nprint(1)"))
    assert not compared(code("print(1)", "parameters"))
