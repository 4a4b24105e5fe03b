"""Visitors and shops: histories of any form, what is in stock, many at once, tables to hand on."""

import concurrent.futures as cf

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

import seqrec_lib as sl
from seqrec_lib import recommend

LOG = pd.DataFrame(
    {
        "user": np.repeat(["Ada", "Ben", "Cy"], 4),
        "item": ["B1", "B2", "B3", "B4", "B2", "B5", "B6", "B1", "B3", "B6", "B2", "B7"],
        "time": np.tile(range(4), 3),
    }
)


@pytest.fixture
def shop():
    return sl.prepare(LOG, min_item_count=1, verbose=False)


@pytest.fixture
def model(shop):
    return tiny.stir(sl.SASREC(shop.itemnum, 6, embedding_dim=8, dropout_rate=0.0, seed=1))


def by_name(table):
    return {name: part["item"].tolist() for name, part in table.groupby("history", sort=False)}


def test_lists_a_dict_and_a_table_are_the_same_histories(shop, model):
    lists = [["B1", "B2"], ["B7"]]
    plain = by_name(recommend(model, shop, histories=lists, k=3))
    named = by_name(recommend(model, shop, histories={"guest": lists[0], "x": lists[1]}, k=3))
    rows = pd.DataFrame(
        {"user": ["x", "guest", "guest"], "item": ["B7", "B2", "B1"], "time": [5, 9, 1]}
    )
    table = by_name(recommend(model, shop, histories=rows, k=3))
    assert list(named) == ["guest", "x"]
    assert list(table) == ["x", "guest"]  # as they come in the table
    assert list(named.values()) == list(plain.values())
    assert {**table} == named


def test_unknown_items_are_named_with_whose_history_they_are_in(shop, model):
    histories = {"one": ["B1", "B99"], "two": ["B2"], "three": ["B98"]}
    with pytest.raises(ValueError, match="history 'one': no item has the id 'B99'"):
        recommend(model, shop, histories=histories)
    with pytest.warns(UserWarning, match="skipped") as said:
        table = recommend(model, shop, histories=histories, k=2, unknown="skip")
    messages = [str(one.message) for one in said]
    assert "skipped 2 items: 'B99' in history 'one', 'B98' in history 'three'" in messages
    assert "skipped 1 histories: 'three', in which no item is known" in messages
    assert list(by_name(table)) == ["one", "two"]
    known = recommend(model, shop, histories={"one": ["B1"], "two": ["B2"]}, k=2)
    assert by_name(table) == by_name(known)
    with pytest.warns(UserWarning, match="skipped 1 users: 'Zoe'"):
        assert set(recommend(model, shop, users=["Zoe", "Ada"], unknown="skip")["user"]) == {"Ada"}
    with pytest.warns(UserWarning, match="skipped 1") as said:  # the item, the empty history
        assert len(recommend(model, shop, histories=["B98"], unknown="skip")) == 0
    assert ["items" in str(one.message) for one in said] == [True, False]
    with pytest.raises(ValueError, match="unknown='drop' must be one of 'raise', 'skip'"):
        recommend(model, shop, users="Ada", unknown="drop")


def test_only_what_is_in_stock(shop, model):
    everything = recommend(model, shop, users="Ada", k=7)["item"].tolist()
    assert sorted(everything) == ["B5", "B6", "B7"]
    stock = ["B1", "B5", "B7"]
    inside = [item for item in everything if item in stock]
    assert recommend(model, shop, users="Ada", among=stock)["item"].tolist() == inside
    without = [item for item in everything if item != "B6"]
    assert recommend(model, shop, users="Ada", exclude=["B6"])["item"].tolist() == without
    best = recommend(model, shop, users="Ada", among=stock, exclude_seen=False)
    assert set(best["item"]) == set(stock)
    both = recommend(model, shop, users="Ada", among=stock, exclude=["B5"])
    assert both["item"].tolist() == ["B7"]
    with pytest.raises(ValueError, match="among: no item has the id 'B9'"):
        recommend(model, shop, users="Ada", among=["B9"])
    with pytest.raises(ValueError, match="among names no item"):
        recommend(model, shop, users="Ada", among=[])
    with pytest.raises(ValueError, match="exclude must be a list of items, got 'B1'"):
        recommend(model, shop, users="Ada", exclude="B1")


def test_among_gives_the_scores_of_the_model():
    """By hand: the candidates' logits, the highest first."""
    data = sl.SASRecDataSet.from_sequences({1: [1, 2, 3, 4, 5], 2: [2, 3, 4]}, itemnum=30)
    model = tiny.stir(sl.SASREC(30, 8, embedding_dim=8, seed=0))
    stock = torch.tensor([[4, 9, 12, 20]])
    scores = model.score(None, torch.tensor([[2, 3, 4]]), stock)[0, 1:]
    table = recommend(model, data, users=2, k=3, among=[4, 9, 12, 20])  # 4 was seen
    assert table["item"].tolist() == stock[0, 1:][scores.argsort(descending=True)].tolist()
    assert table["score"].tolist() == pytest.approx(scores.sort(descending=True).values.tolist())


def test_tables_are_handed_on(shop, model, tmp_path):
    for asked in ({"users": ["Ada", "Cy"]}, {"histories": {"a": ["B1"], "b": ["B2"]}}):
        table = recommend(model, shop, k=2, **asked)
        table.to_csv(tmp_path / "lists.csv", index=False)
        again = pd.read_csv(tmp_path / "lists.csv")
        pd.testing.assert_frame_equal(again, table, check_dtype=False)
        pytest.importorskip("pyarrow")
        table.to_parquet(tmp_path / "lists.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "lists.parquet"), table)


def test_names_of_several_kinds_are_refused(shop, model):
    with pytest.raises(ValueError, match="names of several kinds"):
        recommend(model, shop, histories={"a": ["B1"], 2: ["B2"]})


def test_several_requests_at_once_get_the_answers_of_one_after_the_other():
    rng = np.random.default_rng(0)
    lists = {u: rng.integers(1, 100, 20).tolist() for u in range(1, 300)}
    data = sl.SASRecDataSet.from_sequences(lists, itemnum=100)
    model = tiny.stir(sl.SASREC(100, 20, embedding_dim=16, seed=0))
    before = torch.get_num_threads()
    alone = recommend(model, data, users=range(1, 200), k=3)
    with cf.ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: recommend(model, data, users=range(1, 200), k=3), range(16))
        )
    for answer in answers:
        pd.testing.assert_frame_equal(answer, alone)
    assert torch.get_num_threads() == before
