"""Typed-in titles."""

from pathlib import Path

import pandas as pd
import pytest

from seqrec_lib.data.movielens import load_movielens
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.titles import TitleError, TitleIndex

TITLES = {
    1: "Toy Story (1995)",
    2: "Matrix, The (1999)",
    3: "Hamlet (1996)",
    4: "Hamlet (1948)",
    5: "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
    6: "Seven (Se7en) (1995)",
    7: "Star Wars: Episode IV - A New Hope (1977)",
    8: "Schindler's List (1993)",
    9: "2001: A Space Odyssey (1968)",
    10: "Misérables, Les (1995)",
    11: "Professional, The (a.k.a. Leon: The Professional) (1994)",
    12: "Bug's Life, A (1998)",
    13: "Fast, Cheap & Out of Control (1997)",
    14: "Postman, The (1997)",
    15: "Postman (1990)",
    16: "Chasing Amy (1997)",
    17: "Chasing Amy (1997)",
    18: "Alien³ (1992)",
    19: "Babylon 5",
    20: "A (1998)",
    21: "Death Note (2006–2007)",
    22: "That Darn Cat! (1997) (V)",
    23: "Blade Runner 2049 (2017)",
    24: "E.T. the Extra-Terrestrial (1982)",
    25: "Rocky II (1979)",
    26: "Godfather: Part II, The (1974)",
    27: "And God Created Woman (Et Dieu... Créa la Femme) (1956)",
    28: "Star Wars: Episode V - The Empire Strikes Back (1980)",
}


@pytest.fixture(scope="module")
def index() -> TitleIndex:
    return TitleIndex(pd.Series(TITLES))


@pytest.mark.parametrize("item", [i for i in TITLES if i not in (16, 17)])
def test_a_title_as_in_the_file_finds_its_film(index: TitleIndex, item: int) -> None:
    assert index.find(TITLES[item]) == item


@pytest.mark.parametrize(
    ("typed", "item"),
    [
        ("the matrix", 2),
        ("Matrix, The (1999)", 2),
        ("MATRIX", 2),
        ("  The   Matrix (1999) ", 2),
        ("matrix 1999", 2),
        ("The Matrix, 1999", 2),
        ("Hamlet (1948)", 4),
        ("hamlet 1996", 3),
        ("city of lost children", 5),
        ("la cité des enfants perdus", 5),
        ("The City of Lost Children (1995)", 5),
        ("seven", 6),
        ("se7en", 6),
        ("star wars episode iv a new hope", 7),
        ("schindlers list", 8),
        ("2001 a space odyssey", 9),
        ("Les Miserables", 10),
        ("leon: the professional", 11),
        ("the professional", 11),
        ("a bug's life", 12),
        ("bugs life", 12),
        ("fast cheap and out of control", 13),
        ("the postman", 14),  # the typed article decides
        ("postman 1990", 15),
        ("alien3", 18),
        ("babylon 5", 19),
        ("a", 20),
        ("death note 2006", 21),
        ("that darn cat", 22),
        ("blade runner 2049", 23),
        # loosely: another article, no article, no "and", no blank, initials, a number in digits
        ("miserables", 10),
        ("fast cheap out of control", 13),
        ("toystory", 1),
        ("alien 3", 18),
        ("ET the extra terrestrial", 24),
        ("rocky 2", 25),
    ],
)
def test_typed_titles(index: TitleIndex, typed: str, item: int) -> None:
    assert index.find(typed) == item


@pytest.mark.parametrize(
    ("typed", "choices"),
    [
        ("hamlet", ["'Hamlet (1996)'", "'Hamlet (1948)'"]),
        ("postman", ["'Postman, The (1997)'", "'Postman (1990)'"]),  # 'The' is optional
        ("Chasing Amy (1997)", ["(item 16)", "(item 17)"]),
    ],
)
def test_an_ambiguous_title_lists_the_choices(
    index: TitleIndex, typed: str, choices: list[str]
) -> None:
    with pytest.raises(ValueError, match="several films") as error:
        index.find(typed)
    assert all(choice in str(error.value) for choice in choices)


@pytest.mark.parametrize(
    ("typed", "closest"),
    [
        ("the matrx", "Matrix, The (1999)"),
        ("toy stori", "Toy Story (1995)"),
        ("hamlet (1950)", "Hamlet (1996)"),
    ],
)
def test_an_unknown_title_names_the_closest(index: TitleIndex, typed: str, closest: str) -> None:
    with pytest.raises(ValueError, match="no film is called") as error:
        index.find(typed)
    assert closest in str(error.value)


@pytest.mark.parametrize(
    ("typed", "item"),
    [
        ("blade runner", 23),
        ("2001", 9),
        ("e.t.", 24),
        ("ET", 24),  # not "Et Dieu…", another name in brackets
        ("leon", 11),
        ("the godfather 2", 26),
        ("star wars 4", 7),
        ("star wars 1980", 28),
    ],
)
def test_the_beginning_of_one_title_is_taken_and_said(
    index: TitleIndex, typed: str, item: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert index.find(typed) == item
    assert capsys.readouterr().out == f"{typed!r} is taken for {TITLES[item]!r}\n"
    assert index.find(TITLES[item]) == item
    assert capsys.readouterr().out == "", "nothing is guessed here"


def test_the_beginning_of_several_titles_offers_them(index: TitleIndex) -> None:
    with pytest.raises(TitleError, match="begins the titles of several films") as error:
        index.find("star wars")
    assert all(f"{TITLES[item]!r}" in str(error.value) for item in (7, 28))


def test_a_film_later_than_all_is_said_to_be_too_new(index: TitleIndex) -> None:
    for typed in ("Dune (2021)", "dune 2021", "Toy Story (2019)"):
        with pytest.raises(TitleError, match="too new, the newest film here is from 2017"):
            index.find(typed)
    with pytest.raises(TitleError, match=r"'dune' \(the newest film here is from 2017\)"):
        index.find("dune")


def test_all_bad_titles_are_named_at_once_and_shown_without_traceback(index: TitleIndex) -> None:
    assert index.find_all(["matrix", "seven", "matrix"]) == {"matrix": 2, "seven": 6}
    with pytest.raises(TitleError) as error:
        index.find_all(["hamlet", "matrix", "zzzz", "star wars"])
    first, *lines = str(error.value).splitlines()
    assert first == "3 titles are not clear:"
    assert [line.split("'")[1] for line in lines] == ["hamlet", "zzzz", "star wars"]
    shown = error.value._render_traceback_()  # what IPython prints instead of a traceback
    assert shown == [f"TitleError: {first}", *lines]
    with pytest.raises(TitleError, match=r"^no film is called 'zzzz'"):
        index.find_all(["matrix", "zzzz"])


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("hamlet", [4, 3]),  # by title, then: "Hamlet (1948)" stands first
        ("hamlet 1996", [3]),
        ("PAR", [26]),  # half a word
        ("star emp", [28]),
        ("wars star", [7, 28]),  # in any order
        ("perdus", [5]),
        ("matrx", [2]),  # nothing holds it
        ("qqqqq", []),
    ],
)
def test_titles_are_searched(index: TitleIndex, text: str, items: list[int]) -> None:
    assert index.search(text) == items


def test_a_search_is_cut_and_an_empty_one_finds_all(index: TitleIndex) -> None:
    assert len(index.search("a", 3)) == 3
    everything = index.search("", 100)
    assert sorted(everything) == sorted(TITLES)
    assert [TITLES[i] for i in everything] == sorted(TITLES.values())


def test_nothing_close(index: TitleIndex) -> None:
    for typed in ("", "   ", "()", "zzzzqqqq", "(1999)"):
        with pytest.raises(ValueError, match="no film is called"):
            index.find(typed)
    with pytest.raises(TypeError, match="title must be text, got int 3"):
        index.find(3)  # type: ignore[arg-type]


def test_every_real_title_finds_its_film(real_data: Path) -> None:
    dataset = prepare(load_movielens("ml-1m", path=real_data, download=False))
    assert dataset.items is not None
    for item, title in dataset.items["title"].items():
        assert dataset.item_number(title) == item
    assert dataset.title(dataset.item_id("the matrix")) == "Matrix, The (1999)"
    with pytest.raises(ValueError, match=r"(?s)Hamlet \(1948\).*Hamlet \(1996\)|Hamlet \(1996\)"):
        dataset.item_id("hamlet")
