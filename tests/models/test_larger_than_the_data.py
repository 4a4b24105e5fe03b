"""A model made for more users and items than the data set has, as recommenders' example does."""

import pytest
import tiny
import torch
from small_runs import sampler_of, trained

import seqrec_lib as sl

LOSSES = ["bce", sl.GBCE(4), sl.SampledSoftmax(3), "cross-entropy"]


def larger(kind, **options):
    settings = {"item_num": 40, "seq_max_len": 6, "embedding_dim": 8, "seed": 1, **options}
    return sl.SSEPT(user_num=30, **settings) if kind == "SSEPT" else sl.SASREC(**settings)


@pytest.mark.parametrize("engine", ["packed", "padded"])
@pytest.mark.parametrize("tables", ["dense", "sparse"])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("kind", ["SASREC", "SSEPT"])
def test_the_rows_beyond_the_data_are_nobodys(kind, loss, tables, engine):
    """What is learned is what a model of the data's size learns from the same weights."""
    if tables == "sparse" and loss == "cross-entropy":
        pytest.skip("cross-entropy needs every row")
    data = tiny.dataset()
    wide, narrow = larger(kind), tiny.MODELS[kind](embedding_dim=8, seed=1)
    if kind == "SSEPT":
        narrow = sl.SSEPT(tiny.ITEMS, 6, embedding_dim=8, user_num=tiny.USERS, dropout_rate=0.0)
    for model in (wide, narrow):
        for part in model.modules():
            if hasattr(part, "dropout_rate"):
                part.dropout_rate = 0.0
    sizes = {name: weight.shape for name, weight in narrow.state_dict().items()}
    before = {name: weight.clone() for name, weight in wide.state_dict().items()}
    narrow.load_state_dict({name: before[name][: sizes[name][0]] for name in sizes})
    options = {"loss": loss, "tables": tables, "engine": engine, "num_epochs": 2}
    a, b = (trained(model, data, sampler_of(data), **options) for model in (wide, narrow))
    assert a[1]["loss"] == pytest.approx(b[1]["loss"], rel=1e-5)
    for name, weight in b[0].items():
        torch.testing.assert_close(a[0][name][: len(weight)], weight, rtol=1e-4, atol=1e-5)
        assert torch.equal(a[0][name][len(weight) :], before[name][len(weight) :]), name


@pytest.mark.parametrize("kind", ["SASREC", "SSEPT"])
def test_ranking_and_lists_hold_the_data_sets_items_alone(kind):
    data, model = tiny.dataset(), tiny.stir(larger(kind), scale=2.0)
    with torch.no_grad():
        model.item_embedding_layer.weight[tiny.ITEMS + 1 :] *= 100  # they would be in every list
    ranks = sl.full_ranks(model, data)
    assert bool((ranks.candidates <= tiny.ITEMS).all())
    assert len(sl.sampled_ranks(model, data, num_negatives=3)) == data.usernum
    lists = sl.recommend(model, data, users=list(range(1, 13)), k=10)
    assert lists["item"].max() <= tiny.ITEMS
    assert sl.similar_items(model, data, 3, k=10)["item"].max() <= tiny.ITEMS
    assert 0 <= model.evaluate(data, seed=1)[0] <= 1
    assert 0 <= model.evaluate_valid(data, seed=1)[0] <= 1


def test_a_model_that_is_too_small_is_refused_by_the_same_words_everywhere():
    data = tiny.dataset(users=14, items=20)
    calls = {
        "train_model": lambda m: m.train_model(data, sampler_of(data), 1, verbose=False),
        "evaluate": lambda m: m.evaluate(data, seed=0),
        "evaluate_valid": lambda m: m.evaluate_valid(data, seed=0),
        "full_ranks": lambda m: sl.full_ranks(m, data),
        "sampled_ranks": lambda m: sl.sampled_ranks(m, data, num_negatives=3),
        "recommend": lambda m: sl.recommend(m, data, users=1, k=3),
        "similar_items": lambda m: sl.similar_items(m, data, 18, k=3),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match="SASREC knows 15 items, the data set has 20"):
            call(tiny.sasrec())
        if name != "similar_items":
            with pytest.raises(ValueError, match="SSEPT knows 12 users, the data set has 14"):
                call(tiny.ssept(item_num=20))


def test_strangers_get_the_mean_of_the_users_there_are(tmp_path):
    data, model = tiny.dataset(), larger("SSEPT")
    trained(model, data)
    histories = tiny.padded(tiny.histories([3, 5]))
    people = model.user_embedding_layer.weight[1 : tiny.USERS + 1].detach().mean(0, keepdim=True)
    alike = sl.SSEPT(40, 6, embedding_dim=8, user_num=1, seed=1)
    state = model.state_dict()
    state["user_embedding_layer.weight"] = torch.cat([torch.zeros_like(people), people])
    alike.load_state_dict(state)
    expected = alike.score(torch.tensor([1, 1]), histories)
    torch.testing.assert_close(model.score(None, histories), expected)
    sl.save(model, data, tmp_path / "m.safetensors")
    again, _ = sl.load(tmp_path / "m.safetensors")
    torch.testing.assert_close(again.score(None, histories), expected)
