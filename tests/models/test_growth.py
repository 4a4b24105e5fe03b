"""Tomorrow: new items, users and events; what was known keeps its weights bit for bit."""

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from own_models import BERT4Rec, GRU4Rec

import seqrec_lib as sl

NAMES = [f"P{i:02}" for i in range(20)]


def log(items, users=range(30), seed=0):
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.choice(items, 6, replace=False) for _ in users])
    time = np.tile(range(6), len(users)) + 10 * seed
    return pd.DataFrame({"user": np.repeat(list(users), 6), "item": rows, "time": time})


def monday(**options):
    return sl.prepare(log(NAMES[:15]), min_item_count=1, verbose=False, **options)


TUESDAY = log(NAMES[1:17], users=range(28, 34), seed=1)


def model_of(kind, data):
    settings = dict(seq_max_len=6, embedding_dim=8, dropout_rate=0.0, seed=1)
    if kind == "SSEPT":
        return tiny.stir(sl.SSEPT(data.itemnum, user_num=data.usernum, **settings))
    return tiny.stir(sl.SASREC(data.itemnum, **settings, shared_embedding=False))


def trained(model, data, **options):
    sampler = sl.WarpSampler(data.train, data.usernum, data.itemnum, 8, 6, seed=1)
    settings = dict(num_epochs=1, batch_size=8, seed=1, verbose=False)
    return sl.fit(model, data, sampler, **{**settings, **options})


@pytest.mark.parametrize("start", ["mean", "fresh"])
@pytest.mark.parametrize("kind", ["SASREC", "SSEPT"])
def test_known_rows_stay_bit_for_bit_and_new_ones_start_as_said(kind, start, capsys):
    data = monday()
    model = model_of(kind, data)
    model.evaluate(data, seed=1)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    larger, grown = sl.grow(model, data, TUESDAY, start=start, seed=3)
    said = capsys.readouterr().out
    assert "15 items keep their weights, 2 are new ('P15', 'P16')" in said
    assert ("30 users keep their weights, 4 are new (30, 31, 32, …)" in said) == (kind == "SSEPT")
    assert (grown.itemnum, grown.usernum) == (17, 34)
    for name, weight in larger.state_dict().items():
        old = before[name]
        assert torch.equal(weight[: len(old)], old), name
        if len(weight) > len(old):
            new = weight[len(old) :]
            mean = old[1:].mean(dim=0).expand_as(new)
            assert torch.allclose(new, mean) == (start == "mean"), name
            assert bool((new != 0).all())
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    histories = torch.tensor([[0, 0, 1, 2, 3]])
    users = torch.tensor([5]) if kind == "SSEPT" else None
    torch.testing.assert_close(
        larger.score(users, histories)[:, :16], model.score(users, histories)
    )
    trained(larger, grown)  # and training goes on
    assert "P16" in set(sl.recommend(larger, grown, users=33, k=17, exclude_seen=False)["item"])


def test_events_follow_what_was_there():
    data = monday()
    _, grown = sl.grow(model_of("SASREC", data), data, TUESDAY, verbose=False)
    for user in (3, 28, 33):
        both = [x.loc[x["user"] == user, "item"].tolist() for x in (log(NAMES[:15]), TUESDAY)]
        assert grown.history_frame(user)["item"].tolist() == both[0] + both[1]
    assert grown.raw_items[1:16].tolist() == data.raw_items[1:].tolist()
    assert data.itemnum == 15
    assert grown.test_item[grown.user_number(33)] == grown.item_number(both[1][-1])


def test_with_times_old_and_new_are_sorted_together():
    data = monday(keep_times=True)
    late = pd.DataFrame({"user": [3, 3], "item": ["P16", "P00"], "time": [2.5, -1]})
    _, grown = sl.grow(model_of("SASREC", data), data, late, verbose=False)
    before = data.history_frame(3)["item"].tolist()
    after = grown.history_frame(3)["item"].tolist()
    assert after == ["P00", *before[:3], "P16", *before[3:]]
    with pytest.raises(ValueError, match="keep_times=True needs a time column"):
        sl.grow(model_of("SASREC", data), data, late[["user", "item"]], verbose=False)


def test_a_whole_new_log_is_prepared_like_the_old_one():
    data = monday()
    model = model_of("SASREC", data)
    model.evaluate(data, seed=1)
    whole = pd.concat([log(NAMES[:15]), TUESDAY])
    with pytest.raises(ValueError, match="begin with what the data set already holds"):
        sl.grow(model, data, whole)
    again = sl.prepare(whole, like=data, min_item_count=1, verbose=False)
    with pytest.raises(ValueError, match=r"has never seen 'P15', 'P16'\. grow\(model, dataset\)"):
        model.evaluate(again, seed=1)
    larger, grown = sl.grow(model, again, verbose=False)
    assert grown is again
    by_events = sl.grow(model, data, TUESDAY, verbose=False)
    assert by_events[1].sequences == again.sequences
    for name, weight in larger.state_dict().items():
        assert torch.equal(weight, by_events[0].state_dict()[name])
    model.evaluate(data, seed=1)  # the old model on the old data
    larger.evaluate(data, seed=1)  # whose items the larger one knows by the same numbers


def test_like_keeps_numbers_titles_and_rare_items():
    films = pd.DataFrame({"title": ["a", "b"], "price": [1, 2]}, index=["x", "y"])
    rows = pd.DataFrame({"user": ["u", "u", "v"], "item": ["y", "x", "y"]})
    first = sl.prepare(rows, films, min_item_count=1, verbose=False)
    more = pd.DataFrame({"user": ["w", "w", "a", "a"], "item": ["y", "k", "c", "c"]})
    new = pd.DataFrame({"title": ["see"], "price": [3]}, index=["c"])
    data = sl.prepare(more, new, like=first, min_item_count=2, verbose=False)
    assert data.raw_items[1:].tolist() == ["x", "y", "c"]  # k is new and rare, y is known
    assert data.raw_users[1:].tolist() == ["u", "v", "a", "w"]
    assert data.items["title"].tolist() == ["a", "b", "see"]
    assert data.items["price"].tolist() == [1, 2, 3]
    assert data.history_frame("w")["item"].tolist() == ["y"]
    with pytest.raises(ValueError, match="user ids are text in like=, such as 'u', 'v', numbers"):
        sl.prepare(more.assign(user=[1, 1, 2, 2]), like=first, verbose=False)


def test_one_comes_and_one_goes():
    """As many items as before, others: nothing may be shifted without a word."""
    model, data = sl.SASREC(15, 6, embedding_dim=8, seed=0), monday()
    other = sl.prepare(log(NAMES[1:16]), min_item_count=1, verbose=False)
    assert other.itemnum == data.itemnum
    model.evaluate(data, seed=0)
    for call in (
        lambda: sl.recommend(model, other, histories=["P05"]),
        lambda: model.evaluate(other, seed=0),
        lambda: sl.similar_items(model, other, "P05"),
        lambda: sl.grow(model, other),
        lambda: trained(model, other),
        lambda: sl.full_ranks(model, other),
    ):
        with pytest.raises(ValueError, match="number 1 is 'P00' to the model and 'P01' to the"):
            call()


def test_a_folder_of_checkpoints_says_that_the_lists_differ(tmp_path):
    data = monday()
    model = model_of("SASREC", data)
    trained(model, data, checkpoints=tmp_path)
    larger, grown = sl.grow(model, data, TUESDAY, verbose=False)
    with pytest.raises(ValueError, match=r"items: '15 \(\w{8}\)' there, '17 \(\w{8}\)' here"):
        trained(larger, grown, checkpoints=tmp_path)


@pytest.mark.parametrize("kind", [GRU4Rec, BERT4Rec])
def test_a_class_of_your_own_grows_into_a_larger_one(kind):
    data = monday()
    model = tiny.stir(kind(15, 6))
    sl.full_ranks(model, data)
    whole = pd.concat([log(NAMES[:15]), TUESDAY])
    after = sl.prepare(whole, like=data, min_item_count=1, verbose=False)
    larger, _ = sl.grow(model, after, into=kind(17, 6), verbose=False)
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    same = [n for n, w in larger.state_dict().items() if w.shape == shapes[n]]
    assert 0 < len(same) < len(shapes)
    for name in same:
        assert torch.equal(larger.state_dict()[name], model.state_dict()[name])
    with pytest.raises(ValueError, match="class of your own give"):
        sl.grow(model, after, verbose=False)


def test_spare_rows_become_somebodys():
    """Rows beyond the data are nobody's: what lies there is not taken for a new item."""
    data = monday()
    model = tiny.stir(sl.SASREC(40, 6, embedding_dim=8, seed=1))
    model.evaluate(data, seed=1)
    larger, _ = sl.grow(model, data, TUESDAY, verbose=False)
    table = larger.item_embedding_layer.weight.detach()
    assert len(table) == 41
    mean = model.item_embedding_layer.weight[1:16].detach().mean(dim=0)
    torch.testing.assert_close(table[16:18], mean.expand(2, -1))
