"""A log of your own for the lessons, and what they take from it for their examples."""

from pathlib import Path

import pandas as pd
import pytest

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.examples import example_items
from seqrec_lib.data.loading import load_for_notebook
from seqrec_lib.data.movielens import MovieLens
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sample.world import make_sample

ORDERS = """when;customer;product;Product Name;price
2024-03-01 12:10;Ada;P1;lentil soup;6,50
2024-03-02 12:10;Ada;P2;;6,50
2024-03-03 12:10;Grace;P1;lentil soup (large);6,50
"""


def _orders(folder: Path, text: str = ORDERS) -> Path:
    path = folder / "orders.csv"
    path.write_text(text.replace("when", "date"), encoding="utf-8")
    return path


def test_a_log_takes_the_place_of_movielens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = load_for_notebook("ml-1m", dataset=_orders(tmp_path))
    said = capsys.readouterr().out
    assert "user is 'customer', item is 'product', time is 'date'" in said
    assert "YOUR OWN LOG, Log('orders.csv': 3 rows by 2 users of 2 items)" in said
    assert (data.is_movielens, data.is_sample, data.is_known) == (False, False, False)
    assert data.profile == "smoke"
    assert data.items["title"].to_dict() == {"P1": "lentil soup", "P2": "P2"}
    assert list(data.ratings) == ["user", "item", "time", "price"]
    assert data.ratings["time"].tolist()[:2] == [1709295000, 1709381400]
    prepared = prepare(data, min_item_count=1)
    assert prepared.item_name == "item"
    assert "dropped by min_item_count=1" in capsys.readouterr().out
    assert prepared.history_frame("Ada")["title"].tolist() == ["lentil soup", "P2"]


def test_the_environment_names_it_and_the_argument_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQREC_DATASET", str(_orders(tmp_path)))
    monkeypatch.setenv("SEQREC_PROFILE", "quick")
    assert (data := load_for_notebook()).name == "orders.csv"
    assert data.profile == "quick"
    (tmp_path / "b.csv").write_text("user,item\n1,5\n1,7\n2,5\n")
    data = load_for_notebook(dataset=tmp_path / "b.csv")
    assert data.items["title"].tolist() == ["item 5", "item 7"]
    assert data.ratings["time"].tolist() == [0, 1, 2]
    monkeypatch.setenv("SEQREC_DATASET", str(tmp_path / "none.csv"))
    with pytest.raises(FileNotFoundError, match=r"SEQREC_DATASET='.*none\.csv' cannot be read"):
        load_for_notebook()
    with pytest.raises(ValueError, match=r"orders\.csv: which column is the user"):
        load_for_notebook(dataset=_orders(tmp_path, ORDERS.replace("customer", "who")))


def test_movielens_is_the_real_one_alone() -> None:
    sample = make_sample(num_users=1).movielens
    assert not sample.is_movielens
    assert sample.is_known
    assert MovieLens("ml-1m", sample.ratings, sample.items).is_movielens
    assert not MovieLens("ml-25m", sample.ratings, sample.items).is_movielens


# Examples -----------------------------------------------------------------------------------------


def test_examples_are_one_user_s_and_popular(sample_dataset: SASRecDataSet) -> None:
    titles = example_items(sample_dataset, 4)
    numbers = [sample_dataset.item_number(title) for title in titles]
    histories = [list(sample_dataset.train[u]) for u in sample_dataset.train]
    (history,) = [h for h in histories if set(numbers) <= set(h)][:1]
    assert [i for i in history if i in numbers] == numbers
    counts = {i: sum(i in h for h in histories) for i in range(1, sample_dataset.itemnum + 1)}
    assert min(counts[i] for i in numbers) >= sorted(counts.values())[-20]
    assert example_items(sample_dataset, 4) == titles
    assert not set(example_items(sample_dataset, 4, skip=titles)) & set(titles)


def test_examples_where_histories_are_short_and_titles_repeat() -> None:
    rows = [(1, "a"), (1, "a"), (1, "b"), (2, "c"), (2, "d"), (3, "a"), (3, "b")]
    log = pd.DataFrame(rows, columns=["user", "item"])
    items = log.drop_duplicates("item").set_index("item").assign(title=["A", "B", "C", "C"])
    data = prepare(log, items[["title"]], min_item_count=1, verbose=False)
    assert example_items(data, 2) == ["A", "B"]
    with pytest.raises(ValueError, match="k=3: only 2 items have a title that no other item has"):
        example_items(data, 3)
    data = prepare(log, min_item_count=1, verbose=False)
    assert example_items(data, 3) == ["item a", "item b", "item c"]
    with pytest.raises(ValueError, match="k=0"):
        example_items(data, 0)
