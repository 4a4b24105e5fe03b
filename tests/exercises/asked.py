"""Asks `check` about right and wrong answers, and holds what it says to the rules."""

import re
from typing import Any

from seqrec_lib.exercises.check import Verdict, check


def is_right(exercise: str, answer: Any, *given: Any) -> Verdict:
    """The verdict on an answer that must be right."""
    verdict = check(exercise, answer, *given)
    assert verdict, str(verdict)
    assert verdict.message == "right"
    return verdict


def is_wrong(
    exercise: str, answer: Any, words: str, *given: Any, secret: tuple[float, ...] = ()
) -> Verdict:
    """The verdict on a wrong answer: its message has these words, and none of the right numbers."""
    verdict = check(exercise, answer, *given)
    assert verdict.right is False, str(verdict)
    assert words in verdict.message, str(verdict)
    said = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", verdict.message)}
    told = {value for value in secret if any(abs(value - x) <= 5e-3 * abs(value) for x in said)}
    assert not told, f"{verdict} tells {told}"
    return verdict
