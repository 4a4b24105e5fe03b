"""A saved model takes its vocabulary along: lists in another process, without the log."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from safetensors.torch import save_file

import seqrec_lib as sl

NAMES = [f"P{i:02}" for i in range(tiny.ITEMS)]
PEOPLE = [f"user {i}" for i in range(tiny.USERS)]
COLUMNS = pd.DataFrame(
    {
        "title": [f"Thing {i}" for i in range(tiny.ITEMS)],
        "price": np.arange(tiny.ITEMS) / 4,
        "since": pd.date_range("2020-01-01", periods=tiny.ITEMS),
        "in stock": pd.array([True, None, False] * 5, dtype="boolean"),
        "tags": [["a", "ü"]] * tiny.ITEMS,
    },
    index=NAMES,
)


def shop(**options):
    """The tiny data set as a log of a shop, with text ids."""
    plain = tiny.dataset()
    rows = [
        (PEOPLE[user - 1], NAMES[item - 1], time)
        for user in plain.sequences
        for time, item in enumerate(plain.sequences[user])
    ]
    log = pd.DataFrame(rows, columns=["user", "item", "time"])
    return sl.prepare(log, COLUMNS, min_item_count=1, **options)


@pytest.mark.parametrize("kind", tiny.MODELS)
def test_lists_for_users_and_visitors_in_another_process(kind, tmp_path):
    data, model = shop(), tiny.stir(tiny.MODELS[kind]())
    sl.save(model, data, tmp_path / "shop.safetensors")
    code = f"""
import seqrec_lib as sl
model, data = sl.load({str(tmp_path / "shop.safetensors")!r})
sl.recommend(model, data, users=["user 3", "user 7"]).to_csv({str(tmp_path / "users.csv")!r})
sl.recommend(model, data, histories={{"guest": ["P03", "thing 5"]}}
             ).to_csv({str(tmp_path / "v.csv")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    for name, asked in {
        "users.csv": {"users": ["user 3", "user 7"]},
        "v.csv": {"histories": {"guest": ["P03", "thing 5"]}},
    }.items():
        sl.recommend(model, data, **asked).to_csv(tmp_path / "here.csv")
        assert (tmp_path / name).read_text() == (tmp_path / "here.csv").read_text()


def test_everything_comes_back(tmp_path):
    for data in (shop(keep_times=True), tiny.dataset(), shop()):
        model = tiny.sasrec()
        _, again = sl.load(sl.save(model, data, tmp_path / "m.safetensors"))
        assert again.fingerprint == data.fingerprint
        assert again.raw_users.tolist() == data.raw_users.tolist()
        assert again.raw_items.tolist() == data.raw_items.tolist()
        if data.items is not None:
            pd.testing.assert_frame_equal(again.items, data.items)
    data.split(valid_size=2, test_size=1, min_interactions=4)
    _, again = sl.load(sl.save(model, data, tmp_path / "m.safetensors"))
    assert again.user_valid == data.user_valid


def test_without_histories_nobody_s_history_is_in_the_file(tmp_path):
    data, model = shop(), tiny.sasrec()
    model, bare = sl.load(sl.save(model, data, tmp_path / "m.safetensors", histories=False))
    assert len(bare.sequences.items) == 0
    assert len(sl.recommend(model, bare, histories=["P01"], k=3)) == 3
    with pytest.raises(ValueError, match="user 'user 3' has no history to recommend from"):
        sl.recommend(model, bare, users="user 3")
    with pytest.raises(ValueError, match="no user has the id 'Ada'"):
        sl.recommend(model, bare, users="Ada")


def test_numbers_come_back_as_numbers_and_text_as_text(tmp_path):
    for raw in ([30, 10, 20], ["30", "10", "20"]):
        log = pd.DataFrame({"user": raw * 3, "item": np.repeat(raw, 3), "time": range(9)})
        data = sl.prepare(log, min_item_count=1)
        model = sl.SASREC(3, 4, embedding_dim=4, seed=1)
        _, again = sl.load(sl.save(model, data, tmp_path / "m.safetensors"))
        assert again.raw_items[1:].tolist() == sorted(raw)
        assert again.user_number(raw[0]) == 3


def test_a_column_that_cannot_be_written_is_named(tmp_path):
    data = shop()
    data.items = data.items.assign(picture=[object()] * tiny.ITEMS)
    with pytest.raises(ValueError, match="column 'picture' holds <object"):
        sl.save(tiny.sasrec(), data, tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_other_items_than_the_model_knows_are_refused(tmp_path):
    model, data = tiny.sasrec(), shop()
    model.evaluate(data, seed=1)
    other = tiny.dataset()
    for call in (
        lambda: sl.save(model, other, tmp_path / "m.safetensors"),
        lambda: model.evaluate(other, seed=1),
        lambda: model.train_model(other, sl.WarpSampler(other.train, 12, 15, 4, 6, seed=1), 1),
        lambda: sl.recommend(model, other, users=1),
        lambda: sl.similar_items(model, other, 1),
        lambda: sl.full_ranks(sl.Strangers(model), other),
    ):
        with pytest.raises(ValueError, match="same: number 1 is 'P00' to the model and 1 to"):
            call()


# Files of versions 0.1 and 0.2 ------------------------------------------------------------------


def old_file(path: Path, model, **tensors) -> Path:
    """As `save_trained` (with raw ids) and `save_model` (without) of 0.2.0 wrote them."""
    metadata = {"config": json.dumps(model.settings()), "card": json.dumps({"seed": 3})}
    save_file({**model.state_dict(), **tensors}, path, metadata=metadata)
    return path


def test_old_files_with_raw_ids_load(tmp_path):
    model = tiny.stir(tiny.ssept())
    raw = torch.arange(tiny.ITEMS) * 7 + 3
    place = old_file(
        tmp_path / "old.safetensors", model, raw_item_ids=raw, raw_user_ids=torch.arange(100, 112)
    )
    again, data = sl.load(place)
    assert (data.item_number(3 + 7 * 4), data.user_number(105)) == (5, 6)
    table = sl.recommend(again, data, histories=[[3, 17]], k=2)
    scores = model.score(None, torch.tensor([[1, 3]]))[0]
    scores[[1, 3]] = -torch.inf
    assert table["item"].tolist() == raw[scores.topk(2).indices - 1].tolist()
    assert sl.read_card(place)["seed"] == 3


def test_old_files_without_ids_take_those_of_the_first_data(tmp_path):
    model, data = sl.load(old_file(tmp_path / "old.safetensors", tiny.sasrec()))
    assert data is None
    model.evaluate(shop(), seed=1)
    with pytest.raises(ValueError, match="they are not the same"):
        model.evaluate(tiny.dataset(), seed=1)
