"""Lists of films to look at, and the picker: what is typed, chosen, taken out, and shown."""

import sys
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.picker import FilmPicker, film_table

TITLES = ["Alien (1979)", "Aliens (1986)", "Babe & Co (1995)", "Cube (1997)", "Star Maps (1997)"]
GENRES = ["Horror|Sci-Fi", "Sci-Fi", "Children's", "Sci-Fi", "Drama"]


class Next:
    """Likes the film after the last one best."""

    item_num = 5

    def score(self, users, histories, candidates=None):
        return -((torch.arange(6) - histories[:, -1:] - 1) % 5).float()


@pytest.fixture
def films():
    items = pd.DataFrame({"title": TITLES, "genres": GENRES}, index=range(1, 6))
    return SASRecDataSet.from_sequences({1: [1, 2, 3, 4, 5]}, items=items)


@pytest.fixture
def kernel(monkeypatch):
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.delenv("SEQREC_WIDGETS", raising=False)


def test_a_table_counts_from_one_shows_genres_and_is_aligned_to_the_left(films):
    answer = FilmPicker(Next(), films, ["alien"], k=3).recommended()
    assert answer.table.to_numpy().tolist() == [
        ["1", "Aliens (1986)", "Sci-Fi"],
        ["2", "Babe & Co (1995)", "Children's"],
        ["3", "Cube (1997)", "Sci-Fi"],
    ]
    lines = repr(answer).splitlines()
    assert lines[0].split() == ["rank", "title", "genres"]
    words = ["title", "Aliens", "Babe", "Cube"]
    assert len({line.index(word) for line, word in zip(lines, words, strict=True)}) == 1
    html = answer._repr_html_()
    assert html.count("text-align: left") == html.count("<td") + html.count("<th ")
    assert "Babe &amp; Co" in html


def test_lists_of_different_length_stand_side_by_side(films):
    lists = {"after_Alien": pd.DataFrame({"title": TITLES[:3]})}
    table = film_table(films, **lists, after_Cube=pd.DataFrame({"title": TITLES[:1]})).table
    assert list(table) == ["rank", "after Alien", "after Cube"]
    assert table["after Cube"].tolist() == ["Alien (1979)", "", ""]


def parts(widget):
    entry, offers, chips, answer = widget.children
    return entry, offers, chips, answer


def labels(box):
    return [button.description for button in box.children]


def test_a_film_is_searched_chosen_and_taken_out_and_the_list_follows(films):
    picker = FilmPicker(Next(), films, ["cube"], k=2)
    entry, offers, chips, answer = parts(picker.widget())
    assert (labels(chips), labels(offers)) == (["Cube (1997) ✕"], [])
    assert "Star Maps" in answer.value
    entry.value = "ali"
    assert labels(offers) == ["+ Alien (1979)", "+ Aliens (1986)"]
    offers.children[0].click()
    assert picker.films == ["Cube (1997)", "Alien (1979)"]
    assert labels(chips) == ["Cube (1997) ✕", "Alien (1979) ✕"]
    assert (entry.value, labels(offers)) == ("", [])
    assert answer.value.index("Aliens (1986)") < answer.value.index("Babe")
    entry.value = "ali"
    assert labels(offers) == ["+ Aliens (1986)"], "what is chosen is not offered again"
    for _ in range(2):
        chips.children[0].click()
    assert picker.films == []
    assert answer.value == "Choose a film."


@pytest.mark.usefixtures("kernel")
def test_a_kernel_gets_the_widget_and_a_list_for_where_no_widget_can_be_drawn(films):
    shown = FilmPicker(Next(), films, ["cube"])._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "Star Maps" in shown["text/html"]


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("why", ["switched off", "not installed", "no kernel"])
def test_without_widgets_it_is_the_list(films, why, monkeypatch):
    if why == "switched off":
        monkeypatch.setenv("SEQREC_WIDGETS", "Off")
    elif why == "not installed":
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    else:
        monkeypatch.delitem(sys.modules, "IPython")
    shown = FilmPicker(Next(), films, ["cube"])._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert "Star Maps" in shown["text/plain"]
    assert FilmPicker(Next(), films)._repr_mimebundle_() == {"text/plain": "No films are chosen."}


def test_titles_to_begin_with_are_understood_or_refused(films):
    assert FilmPicker(Next(), films, ["star"]).films == ["Star Maps (1997)"]
    with pytest.raises(ValueError, match="no item is called 'zzzz'"):
        FilmPicker(Next(), films, ["zzzz"])
