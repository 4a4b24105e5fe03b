"""The ids of the log, text or numbers, go in and come out; the library's own by name only."""

import numpy as np
import pandas as pd
import pytest
import torch

import seqrec_lib as sl
from seqrec_lib import SASRecDataSet, prepare, recommend

ORDERS = pd.DataFrame(
    {
        "user": ["Ada"] * 3 + ["Grace"] * 3,
        "item": ["B04", "B07", "B09", "B04", "B09", "B11"],
        "time": range(6),
    }
)
FILMS = pd.DataFrame({"user": [1] * 3 + [7] * 3, "item": [2, 4, 6, 2, 6, 3], "time": range(6)})
TITLES = pd.DataFrame({"title": [f"film {i} of the log" for i in range(1, 8)]}, index=range(1, 8))


class Next:
    """Of four items numbered in a circle it likes the one after the last best, then the next."""

    item_num = 4

    def score(self, users, histories, candidates=None):
        scores = -((torch.arange(5) - histories[:, -1:] - 1) % 4).float()
        scores[:, 0] = -torch.inf
        return scores

    def item_vectors(self):
        angle = torch.arange(5) * 0.3
        return torch.stack([angle.cos(), angle.sin()], dim=1)


@pytest.fixture
def shop() -> SASRecDataSet:
    return prepare(ORDERS, min_item_count=1)


@pytest.fixture
def films() -> SASRecDataSet:
    """Its items 2, 3, 4, 6 have the numbers 1, 2, 3, 4; its users 1 and 7 the numbers 1 and 2."""
    return prepare(FILMS, TITLES, min_item_count=1)


def test_text_ids_in_and_out(shop):
    lists = recommend(Next(), shop, users="Ada", k=3)
    assert set(lists["user"]) == {"Ada"}
    assert lists["item"].tolist() == ["B11"]  # she had the three others
    both = recommend(Next(), shop, users=["Grace", "Ada"], k=1)
    assert dict(zip(both["user"], both["item"], strict=True)) == {"Grace": "B07", "Ada": "B11"}
    assert recommend(Next(), shop, histories=["B04", "B07"], k=1)["item"].tolist() == ["B09"]
    assert sl.similar_items(Next(), shop, "B04", k=1)["item"].tolist() == ["B07"]
    assert shop.history_frame("Grace")["item"].tolist() == ["B04", "B09", "B11"]


def test_a_number_is_the_log_s_own_id(films):
    assert films.title(3) == "film 3 of the log"
    assert films.title(3, internal=True) == "film 4 of the log"
    assert films.history_frame(7)["item"].tolist() == [2, 6, 3]
    assert films.history_frame(2, internal=True)["item"].tolist() == [1, 4, 2]
    after = recommend(Next(), films, histories=[2, 4], k=1)  # the numbers 1 and 3
    assert (after["item"][0], after["title"][0]) == (6, "film 6 of the log")
    inside = recommend(Next(), films, histories=[2, 4], k=1, internal=True)
    assert (inside["item"][0], inside["title"][0]) == (1, "film 2 of the log")
    assert recommend(Next(), films, users=7)["user"].unique().tolist() == [7]
    assert recommend(Next(), films, users=2, internal=True)["user"][0] == 2
    assert films.item_id("film 6 of the log") == 6


def test_both_ways(shop, films):
    assert [shop.item_number(raw) for raw in ("B04", "B11")] == [1, 4]
    assert shop.raw_items[1:].tolist() == ["B04", "B07", "B09", "B11"]
    assert shop.raw_items[[4, 1]].tolist() == ["B11", "B04"]
    assert [shop.user_number(raw) for raw in ("Ada", "Grace")] == [1, 2]
    assert films.raw_users[[1, 2]].tolist() == [1, 7]
    assert (films.user_number(7), films.item_number(np.int64(6))) == (2, 4)
    assert films.item_number("film 6 of the log") == 4
    plain = SASRecDataSet.from_sequences({1: [2, 1], 2: [3]})  # the numbers are the ids
    assert plain.raw_items.tolist() == [0, 1, 2, 3]
    assert plain.item_number(3) == 3
    assert plain.history_frame(1)["item"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda a, b: recommend(Next(), a, users=1),
            "user ids are text here, such as 'Ada'",
        ),
        (lambda a, b: recommend(Next(), a, users=1), "asked for with internal=True"),
        (lambda a, b: recommend(Next(), a, users="B04"), "no user has the id 'B04'"),
        (lambda a, b: recommend(Next(), a, users="B04"), "say histories="),
        (lambda a, b: recommend(Next(), a, histories=[4]), "item ids are text here"),
        (lambda a, b: recommend(Next(), a, histories=["B05"]), "no item has the id 'B05'"),
        (lambda a, b: recommend(Next(), b, histories=[5]), "no item has the id 5"),
        (lambda a, b: recommend(Next(), b, histories=["3"]), "item ids are numbers here"),
        (lambda a, b: recommend(Next(), b, users=2), "no user has the id 2"),
        (lambda a, b: b.title(1), "no item has the id 1"),
        (lambda a, b: b.title(True), "no item has the id True"),
        (lambda a, b: a.title(3), "item ids are text here"),
        (lambda a, b: b.title(5, internal=True), "item number 5 is outside 1 to 4"),
        (lambda a, b: b.history_frame(2), "no user has the id 2"),
        (lambda a, b: sl.similar_items(Next(), b, 5), "no item has the id 5"),
    ],
)
def test_what_is_no_id_is_refused_in_the_log_s_words(shop, films, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(shop, films)


def test_every_column_of_the_items_table_stays():
    table = TITLES.assign(
        price=[i / 2 for i in range(7)], genres="Drama", new=[True, False] * 3 + [True]
    )
    dataset = prepare(FILMS, table, min_item_count=1)
    assert dataset.items["price"].tolist() == [0.5, 1.0, 1.5, 2.5]
    assert dataset.items["new"].tolist() == [False, True, False, False]
    frame = dataset.history_frame(7)
    assert frame["price"].tolist() == [0.5, 2.5, 1.0]
    assert list(frame.columns) == ["item", "split", "title", "genres", "year", "price", "new"]


def test_an_id_goes_before_a_title():
    table = pd.DataFrame(
        {"title": ["B07", "other", "third", "last"]}, index=["B04", "B07", "B09", "B11"]
    )
    dataset = prepare(ORDERS, table, min_item_count=1)
    assert dataset.item_number("B07") == 2
    assert dataset.item_number("other") == 2
    assert dataset.item_id("B07") == "B04"  # it takes titles alone


def test_a_subclass_that_makes_its_dicts_anew_keeps_its_names(shop):
    class Own(SASRecDataSet):
        @property
        def user_train(self):
            return {1: [1], 2: [1]}

    own = Own(sequences=shop.sequences, itemnum=4, items=shop.items, raw_users=shop.raw_users)
    assert recommend(sl.Popularity(own), own, users="Ada")["user"][0] == "Ada"


def test_movielens_has_films(sample_dataset):
    with pytest.raises(ValueError, match="no film has the id -1"):
        sample_dataset.title(-1)
