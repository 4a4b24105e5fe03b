"""`python -m seqrec_lib`: your own log in, a model that speaks its ids out; or plain words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrec_lib import load, recommend
from seqrec_lib.__main__ import main
from seqrec_lib.data.loading import load_dataset

SMALL = ["--epochs", "1", "--width", "4", "--maxlen", "4"]


def orders(file: Path, users: int = 12, sep: str = ",", header: bool = True) -> pd.DataFrame:
    """Nine orders of each user, of ten articles."""
    rng = np.random.default_rng(1)
    rows = [(u, i, 10 * u + i) for u in range(1, users) for i in rng.permutation(np.arange(1, 11))]
    table = pd.DataFrame(rows, columns=["user", "item", "time"])
    if header:
        table["user"], table["item"] = (
            "C" + table["user"].astype(str),
            "A" + table["item"].astype(str),
        )
    table.to_csv(file, sep=sep, header=header, index=False)
    return table


def test_a_csv_of_ones_own_becomes_lists_with_its_ids(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = orders(tmp_path / "orders.csv")
    place = str(tmp_path / "shop.safetensors")
    assert main(["--data", str(tmp_path / "orders.csv"), "--save", place, *SMALL]) == 0
    said = capfd.readouterr().out
    assert "orders.csv: user is 'user', item is 'item', time is 'time'" in said
    assert "dropped by min_item_count=5" in said
    assert "among 100 drawn items" in said
    model, shop = load(place)
    lists = recommend(model, shop, users="C3", k=2, exclude_seen=False)
    assert set(lists["item"]) <= set(rows["item"])


def test_only_the_first_process_prints_what_became_of_the_rows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders(tmp_path / "orders.csv")
    monkeypatch.setenv("RANK", "1")
    main(["--data", str(tmp_path / "orders.csv"), *SMALL])
    assert "dropped by" not in capfd.readouterr().out


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_numbers_without_names_of_columns(tmp_path: Path, sep: str) -> None:
    table = orders(tmp_path / "rows.csv", sep=sep, header=False)
    data = load_dataset(str(tmp_path / "rows.csv"))
    first = table[table["user"] == 1].sort_values("time")["item"]
    assert data.sequences[1].tolist() == first.tolist()


def test_a_file_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", "ordres.csv"])
    assert "'ordres.csv': there is no such file" in (said := capfd.readouterr().err)
    assert "your own log (csv, tsv" in said


def test_columns_that_cannot_be_told_apart(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.csv").write_text("alpha,beta\nx,y\n")
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path / "odd.csv")])
    assert "which column is the user?" in capfd.readouterr().err
