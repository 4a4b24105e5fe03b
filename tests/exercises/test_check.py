"""`check` itself: what it says of an answer, of none, and of a call that's wrong."""

import numpy as np
import pytest
from asked import is_right, is_wrong

import seqrec_lib as sl
from seqrec_lib.exercises.check import EXERCISES, OPEN, check


def test_an_answer_is_right_or_not_tried_or_wrong(capsys):
    assert check("06.1", (3, 15, 0.5)).right is True
    assert check("06.1", (2, 15, 0.5)).right is False
    assert check("06.1", ...).right is None
    assert check("06.1").right is None
    assert check("06.1", (3, ..., 0.5)).right is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "06.1  right"
    assert lines[1].startswith("06.1  look again: ")
    assert lines[2:] == ["06.1  not tried yet. Wanted: " + EXERCISES["06.1"].wants] * 3


def test_only_a_right_answer_is_true():
    assert [bool(check("05.2", p)) for p in (29 / 30, 0.5, ...)] == [True, False, False]


def test_a_verdict_is_printed_once_in_a_notebook(capsys):
    verdict = check("05.2", 0.5)
    printed = capsys.readouterr().out
    assert verdict._ipython_display_() is None
    assert capsys.readouterr().out == ""
    assert str(verdict) == printed.strip()


def test_an_open_exercise_says_why():
    verdict = check("03.5", "cross-entropy")
    assert verdict.right is None
    assert verdict.message == f"has no single right answer: {OPEN['03.5']}"


def test_each_of_five_exercises_a_lesson_is_checked_or_open():
    assert not set(EXERCISES) & set(OPEN)
    lessons = [f"{lesson:02}.{k}" for lesson in range(13) for k in range(1, 6)]
    assert sorted({*EXERCISES, *OPEN}) == lessons
    assert len(EXERCISES) > 2 * len(OPEN)


@pytest.mark.parametrize(
    ("name", "words"), [("06.9", "06.1, 06.2"), ("13.1", '"03.2"'), (None, '"03.2"')]
)
def test_an_unknown_exercise_is_refused_with_what_there_is(name, words):
    with pytest.raises(ValueError, match=f"exercise: {name!r} is none") as caught:
        check(name, 1)
    assert words in str(caught.value)


def test_what_is_missing_is_named_with_the_call():
    call = r"missing a required argument: 'data'; the call is check\('01.1', answer, data\)"
    with pytest.raises(TypeError, match=call):
        check("01.1", (1, 2))
    with pytest.raises(TypeError, match="too many positional arguments"):
        check("05.2", 0.5, "data")
    assert check("01.1", ...).right is None  # nothing is missed before there is an answer


@pytest.mark.parametrize("answer", ["a third", None, {}, [1, 2], object(), float("nan")])
def test_an_answer_of_another_kind_is_no_traceback(answer):
    assert check("05.2", answer).right is False


def test_an_error_of_a_readers_code_becomes_a_hint():
    def broken(q, k, v):
        raise IndexError("index 8 is out of bounds")

    is_wrong("02.5", broken, "your code raised IndexError: index 8 is out of bounds")


def test_numbers_may_come_in_any_dress():
    series = sl.summarise(sl.Ranks(*(np.array([x]) for x in (1, 2, 0, 101))), ks=(10,))["value"][
        ["NDCG@10"]
    ]
    assert series.iloc[0] == 0.5
    is_right("06.1", {"half": 3, "quarter": "15", "mean": series.iloc[0]})
