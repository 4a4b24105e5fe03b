"""`check`: says whether an answer to a lesson's exercise is right, or where to look."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from seqrec_lib.exercises import (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
    lesson_11,
    lesson_12,
)
from seqrec_lib.exercises.asking import Exercise, Hint, NotHere

EXERCISES: dict[str, Exercise] = {
    name: exercise
    for lesson in (
        *(lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05),
        *(lesson_06, lesson_07, lesson_08, lesson_09, lesson_10, lesson_11),
        lesson_12,
    )
    for name, exercise in lesson.EXERCISES.items()
}
# Exercises without one right answer, and why.
OPEN = {
    "00.3": "how far twice the epochs get you is a fact about your own training",
    "01.4": "what a rule for ties does to SASRec depends on your data and on how long you train",
    "03.4": "which spread is larger is a question for your six trainings",
    "03.5": "by how much each protocol moves depends on your training",
    "04.4": "three pairs of trainings differ from machine to machine",
    "04.5": "your card decides",
    "05.4": "what SSE buys depends on your data and training",
    "05.5": "two seeds are an argument, not an answer",
    "07.5": "where the curves cross depends on data, learning rate and seeds",
    "08.3": "the ten neutral films are drawn, and several accounts can gain",
    "08.5": "how far an adversary gets is up to the search",
    "09.2": "how close the two are depends on how often your items are in a batch",
    "09.4": "whether a refresh pays depends on what your log does next",
    "10.5": "the question is yours",
    "11.4": "four short trainings with two seeds are an argument, not an answer",
    "11.5": "what a trained model uses differs from training to training",
    "12.1": "whether a shorter list changes the verdict depends on your log and training",
    "12.4": "what robots cost depends on the shop and on the training",
    "12.5": "a handful of made shops is an argument, not an answer",
}


@dataclass(frozen=True)
class Verdict:
    """right: True, False, or None where there's nothing to say yet. As a condition: is it right?"""

    exercise: str
    right: bool | None
    message: str

    def __bool__(self) -> bool:
        return self.right is True

    def __str__(self) -> str:
        return f"{self.exercise}  {self.message}"

    def _ipython_display_(self) -> None:
        """Nothing: `check` has printed it."""


def check(exercise: str, answer: Any = ..., *given: Any, **named: Any) -> Verdict:
    """Prints whether an answer is right, or where to look. It never prints the answer.

    exercise: "03.2" is exercise 2 of lesson 03. answer: yours; three dots (...) while there's none.
    given, named: what you worked on, such as the data set; the lessons' cells fill these in.

    Returns the verdict: true, as a condition, only where the answer is right.
    Raises ValueError for an unknown exercise, and TypeError where something given is missing.
    """
    if exercise in OPEN:
        return _said(exercise, None, f"has no single right answer: {OPEN[exercise]}")
    if exercise not in EXERCISES:
        known = [name for name in EXERCISES | OPEN if name[:2] == str(exercise)[:2]]
        raise ValueError(
            f"exercise: {exercise!r} is none; "
            + (f"this lesson has {', '.join(sorted(known))}" if known else 'give one as "03.2"')
        )
    wants, judge = EXERCISES[exercise]
    if answer is ... or (isinstance(answer, tuple | list) and any(x is ... for x in answer)):
        return _said(exercise, None, f"not tried yet. Wanted: {wants}")
    try:
        inspect.signature(judge).bind(answer, *given, **named)
    except TypeError as error:
        needed = ", ".join(list(inspect.signature(judge).parameters)[1:])
        call = f"check({exercise!r}, answer{', ' if needed else ''}{needed})"
        raise TypeError(f"{error}; the call is {call}") from None
    try:
        judge(answer, *given, **named)
    except Hint as found:
        return _said(exercise, False, f"look again: {found}")
    except NotHere as why:
        return _said(exercise, None, f"can't be asked of this data: {why}")
    return _said(exercise, True, "right")


def _said(exercise: str, right: bool | None, message: str) -> Verdict:
    verdict = Verdict(exercise, right, message)
    print(verdict)
    return verdict
