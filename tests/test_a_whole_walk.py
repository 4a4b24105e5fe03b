"""From a shop's csv to next month's lists, as a user writes it: at most 40 lines, two processes."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

JANUARY = """
import seqrec_lib as sl

log = sl.read_log("january.csv")
shop = sl.prepare(log, min_item_count=2, verbose=False)
models = {
    "SASRec": sl.SASREC(shop.itemnum, seq_max_len=10, embedding_dim=16, seed=1),
    "SSE-PT": sl.SSEPT(shop.itemnum, user_num=shop.usernum, seq_max_len=10, seed=1),
}
for model in models.values():
    model.train_model(
        shop, num_epochs=40, learning_rate=0.01, loss="cross-entropy", seed=1, verbose=False
    )
rivals = {
    "popularity": sl.Popularity(shop),
    "personal": sl.PersonalPopularity(shop),
    "item-kNN": sl.ItemKNN(shop),
    "Markov chain": sl.MarkovChain(shop),
}
table = sl.protocol_table({**models, **rivals}, shop, num_negatives=20, seed=1)
table.to_csv("comparison.csv")
sl.save(models["SASRec"], shop, "shop.safetensors")
sl.recommend(models["SASRec"], shop, users=["ada", "bob"], k=3).to_csv("before.csv", index=False)
"""
FEBRUARY = """
import seqrec_lib as sl

model, shop = sl.load("shop.safetensors")
sl.recommend(model, shop, users=["ada", "bob"], k=3).to_csv("after.csv", index=False)
visitors = {"a visitor": [f"tea-{n}" for n in range(10, 15)]}
visitors["another"] = ["mug-9", "mug-10", "not sold here", "mug-11", "mug-12"]
lists = sl.recommend(model, shop, histories=visitors, k=4, unknown="skip", exclude=["tea-15"])
lists.to_csv("visitors.csv", index=False)
model, shop = sl.grow(model, shop, sl.read_log("february.csv"), verbose=False)
model.train_model(
    shop, num_epochs=25, learning_rate=0.01, loss="cross-entropy", all_events=True, verbose=False,
    seed=1,
)
lists = sl.recommend(model, shop, users=["ada", "bob", "zoe"], k=5)
lists.to_parquet("lists.parquet")
"""


def events(kind: str, first: int, last: int, people: list[str], start: int) -> list[tuple]:
    """Everyone buys eight things of a kind in the order of their numbers, from anywhere on."""
    rows = []
    for place, who in enumerate(people):
        begin = first + place % max(1, last - first - 6)
        rows += [(who, f"{kind}-{n}", start + 60 * n + place) for n in range(begin, last + 1)][:8]
    return rows


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder after both months."""
    folder = tmp_path_factory.mktemp("shop")
    tea, mugs = ["ada", *(f"t{n}" for n in range(60))], ["bob", *(f"m{n}" for n in range(60))]
    columns = ["customer", "product", "timestamp"]
    january = events("tea", 1, 30, tea, 10_000) + events("mug", 1, 30, mugs, 10_000)
    order = np.random.default_rng(0).permutation(len(january))
    pd.DataFrame(january, columns=columns).iloc[order].to_csv(folder / "january.csv", index=False)
    february = events("tea", 31, 36, [*tea, "zoe"], 90_000) + events("mug", 31, 36, mugs, 90_000)
    pd.DataFrame(february, columns=columns).to_csv(folder / "february.csv", index=False)
    said = ""
    for script in (JANUARY, FEBRUARY):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        said += done.stderr
    return folder, said


def test_it_takes_forty_lines():
    lines = [line for line in (JANUARY + FEBRUARY).splitlines() if line]
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def test_whoever_looks_at_the_order_finds_it(walked):
    """The next thing in a row is certain, but which things are popular says little."""
    table = pd.read_csv(walked[0] / "comparison.csv").query("metric == 'NDCG@10'")
    values = table.pivot(index="model", columns="protocol", values="value")
    assert len(values) == 6
    for name in ("SASRec", "SSE-PT", "Markov chain"):
        assert (values.loc[name, ["sampled", "full"]] > 0.8).all(), values
    assert (values.loc[["popularity", "personal"], "full"] < 0.4).all(), values


def test_another_process_gives_the_same_lists(walked):
    before, after = (pd.read_csv(walked[0] / f"{when}.csv") for when in ("before", "after"))
    pd.testing.assert_frame_equal(before, after, rtol=1e-5)
    assert set(before["user"]) == {"ada", "bob"}


def test_visitors_get_their_own_kind_without_what_was_excluded(walked):
    folder, said = walked
    lists = pd.read_csv(folder / "visitors.csv").groupby("history")["item"].apply(list)
    assert "tea-16" in lists["a visitor"][:2]  # the next in the row, tea-15, is excluded
    assert "mug-13" in lists["another"][:2]
    assert "tea-15" not in lists.explode().to_list()
    assert "not sold here" in said


def test_next_month_knows_the_new_things_and_people(walked):
    lists = pd.read_parquet(walked[0] / "lists.parquet")
    assert list(lists["user"].unique()) == ["ada", "bob", "zoe"]
    assert set(lists["item"]) <= {f"{kind}-{n}" for kind in ("tea", "mug") for n in range(1, 37)}
    assert (lists.groupby("user").size() == 5).all()
