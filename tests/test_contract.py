"""The public contract: what code written against recommenders' SASREC and SSEPT relies on."""

import inspect

import numpy as np
import pytest
import tiny
import torch
from torch.nn import functional

import seqrec_lib
from seqrec_lib import SASREC, SSEPT, WarpSampler

BLOCKS = {
    "MultiHeadAttention": ["attention_dim", "num_heads", "dropout_rate"],
    "PointWiseFeedForward": ["embedding_dim", "conv_dims", "dropout_rate"],
    "LayerNormalization": ["seq_max_len", "embedding_dim", "epsilon"],
    "EncoderLayer": [
        "seq_max_len",
        "embedding_dim",
        "attention_dim",
        "num_heads",
        "conv_dims",
        "dropout_rate",
    ],
}
BLOCKS["Encoder"] = ["num_layers", *BLOCKS["EncoderLayer"]]


@pytest.fixture(params=tiny.MODELS)
def model(request):
    return tiny.stir(tiny.MODELS[request.param]())


def inputs_for(model, rows=4):
    batch = tiny.batch_of(range(rows))
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    return x | ({"users": batch.users.view(-1, 1)} if isinstance(model, SSEPT) else {})


# Names and constructors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*BLOCKS, *tiny.MODELS, "pad_sequences", "SASRecDataSet", "WarpSampler"]
)
def test_every_name_of_the_contract_is_importable_from_the_package(name):
    assert callable(getattr(seqrec_lib, name))
    assert name in seqrec_lib.__all__
    assert name in dir(seqrec_lib)


def test_a_name_that_does_not_exist_is_named():
    with pytest.raises(AttributeError, match="SASRecc"):
        seqrec_lib.SASRecc  # noqa: B018 - the look-up is what is tested


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_take_their_arguments_in_the_contracts_order(name):
    parameters = inspect.signature(getattr(seqrec_lib, name).__init__).parameters
    assert list(parameters)[1 : 1 + len(BLOCKS[name])] == BLOCKS[name]


def test_sasrec_defaults():
    model = SASREC(item_num=7)
    config = model.config
    assert (config.item_num, config.seq_max_len, config.num_blocks) == (7, 100, 2)
    assert (config.embedding_dim, config.attention_num_heads) == (100, 1)
    assert (config.conv_dims, config.dropout_rate) == ((100, 100), 0.5)
    assert (config.l2_reg, config.num_neg_test) == (0.0, 100)
    assert model.encoder.enc_layers[0].mha.Q.weight.shape == (100, 100)
    assert model.encoder.enc_layers[1].ffn.conv_layer1.weight.shape == (100, 100, 1)
    assert [layer.mha.dropout_rate for layer in model.encoder.enc_layers] == [0.5, 0.5]


def test_what_is_not_given_follows_embedding_dim():
    layer = SASREC(7, embedding_dim=6).encoder.enc_layers[0]
    assert layer.mha.Q.weight.shape == (6, 6)
    assert layer.ffn.conv_layer1.weight.shape == layer.ffn.conv_layer2.weight.shape == (6, 6, 1)


def test_ssept_defaults():
    model = SSEPT(item_num=7, user_num=3)
    assert model.item_embedding_layer.weight.shape == (8, 100)
    assert model.user_embedding_layer.weight.shape == (4, 100)
    assert model.positional_embedding_layer.weight.shape == (100, 200)
    assert model.config.conv_dims == (200, 200)
    assert (model.config.dropout_rate, model.config.num_blocks) == (0.5, 2)
    assert isinstance(model, SASREC)


def test_ssept_is_as_wide_as_both_embeddings_whatever_attention_dim_says():
    model = SSEPT(item_num=7, user_num=3, embedding_dim=4, user_embedding_dim=2, attention_dim=99)
    layer = model.encoder.enc_layers[0]
    assert layer.mha.Q.weight.shape == (6, 6)
    assert layer.ffn.conv_layer2.weight.shape == (6, 6, 1)
    assert layer.layer_normalization.gamma.shape == (100, 6)


def test_ssept_needs_user_num():
    with pytest.raises(TypeError, match="user_num"):
        SSEPT(item_num=7)


@pytest.mark.parametrize(
    "call",
    [
        lambda: SASREC(item_num=5, embeding_dim=4),
        lambda: SSEPT(item_num=5, user_num=3, embeding_dim=4),
        lambda: WarpSampler({1: [1, 2]}, 1, 5, embeding_dim=4),
        lambda: seqrec_lib.Encoder(1, 5, 4, 4, 1, [4, 4], 0.0, embeding_dim=4),
        lambda: seqrec_lib.pad_sequences([[1]], 3, embeding_dim=4),
        lambda: tiny.sasrec().train_model(tiny.dataset(), None, embeding_dim=4),
        lambda: tiny.sasrec().evaluate(tiny.dataset(), embeding_dim=4),
    ],
)
def test_a_misspelt_argument_is_a_type_error_that_names_it(call):
    with pytest.raises(TypeError, match="embeding_dim"):
        call()


# The methods of a model ---------------------------------------------------------------------------


def test_embedding_gives_scaled_items_and_positions():
    model = tiny.stir(tiny.sasrec())
    seq = tiny.padded([[3, 1], [2, 5, 9, 1, 4, 7]])
    items, places = model.embedding(seq)
    assert items.shape == places.shape == (2, 6, 8)
    torch.testing.assert_close(items[1, 2], model.item_embedding_layer.weight[9] * 8**0.5)
    for row in places:
        assert torch.equal(row, model.positional_embedding_layer.weight)


def test_forward_shapes(model):
    x = inputs_for(model)
    positive, negative, real = model(x)
    assert positive.shape == negative.shape == (4 * 6, 1)
    assert real.shape == (4 * 6,)
    assert real.dtype == torch.float32
    assert torch.equal(real, (x["positive"].reshape(-1) != 0).float())


def test_forward_drops_out_by_default_and_only_when_training(model):
    dropping = tiny.MODELS[type(model).__name__](dropout_rate=0.5)
    dropping.load_state_dict(model.state_dict())
    x = inputs_for(model)
    assert not torch.equal(dropping(x)[0], model(x)[0])
    assert not torch.equal(dropping(x)[0], dropping(x)[0])
    assert torch.equal(dropping(x, training=False)[0], model(x)[0])


def test_forward_and_predict_agree_at_the_last_position(model):
    x = inputs_for(model)
    candidates = torch.stack([x["positive"][1:, -1], x["negative"][1:, -1]], dim=1)
    asked = {"input_seq": x["input_seq"][1:], "candidate": candidates}
    if "users" in x:
        asked["user"] = x["users"][1:]
    positive, negative, _ = model(x, training=False)
    expected = torch.stack([y.view(4, 6)[1:, -1] for y in (positive, negative)], dim=1)
    torch.testing.assert_close(model.predict(asked), expected, rtol=1e-5, atol=1e-6)


def test_predict_takes_tensors_and_arrays_without_gradient_or_dropout(model):
    model = tiny.MODELS[type(model).__name__](dropout_rate=0.5)
    tensors = {"input_seq": tiny.padded([[1, 2], [3]]), "candidate": torch.tensor([[4, 5, 6]] * 2)}
    tensors |= {"user": torch.tensor([[1], [2]])} if isinstance(model, SSEPT) else {}
    first = model.predict(tensors)
    assert first.shape == (2, 3)
    assert not first.requires_grad
    model.train()
    assert torch.equal(first, model.predict({k: v.numpy() for k, v in tensors.items()}))
    assert torch.equal(first, model.predict({k: v.tolist() for k, v in tensors.items()}))


def test_loss_function_is_the_masked_binary_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    positive, negative = 5 * torch.randn(2, 24, 1, generator=generator).double()
    real = (torch.rand(24, generator=generator) < 0.6).double()
    picked = real.bool()
    expected = functional.binary_cross_entropy_with_logits(
        positive[picked], torch.ones_like(positive[picked])
    ) + functional.binary_cross_entropy_with_logits(
        negative[picked], torch.zeros_like(negative[picked])
    )
    loss = tiny.sasrec().loss_function(positive, negative, real)
    assert loss.shape == ()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_create_combined_dataset_makes_what_forward_reads(model):
    batch = tiny.batch_of(range(5))
    inputs, target = model.create_combined_dataset(*(x.numpy() for x in batch))
    expected = {"users": batch.users.view(-1, 1), "input_seq": batch.seq}
    expected |= {"positive": batch.pos, "negative": batch.neg}
    assert set(inputs) == set(expected)
    for name in expected:
        assert torch.equal(inputs[name], expected[name])
    assert torch.equal(target, (batch.pos != 0).float())
    assert all(torch.isfinite(y).all() for y in model(inputs))


class Oracle(SASREC):
    """Knows the answer, and puts it first (sign 1) or last (sign -1)."""

    def score(self, users, histories, candidates=None):
        return (candidates == self.target[users].view(-1, 1)).float() * self.sign


@pytest.mark.parametrize("split", ["test", "valid"])
@pytest.mark.parametrize(("sign", "expected"), [(1.0, (1.0, 1.0)), (-1.0, (0.0, 0.0))])
def test_evaluate_gives_ndcg_then_hit_rate_of_the_right_split(split, sign, expected):
    data = tiny.dataset()
    model = Oracle(tiny.ITEMS, seq_max_len=6, embedding_dim=4, num_neg_test=20)
    model.target = torch.from_numpy(data.test_item if split == "test" else data.valid_item)
    model.sign = sign
    assert (model.evaluate if split == "test" else model.evaluate_valid)(data) == expected


def test_evaluate_repeats_with_a_seed_and_takes_num_neg_test_negatives(model):
    data = tiny.dataset()
    result = model.evaluate(data, seed=3)
    ndcg, hit_rate = result
    assert 0 <= ndcg <= hit_rate <= 1
    assert type(ndcg) is type(hit_rate) is float
    assert model.evaluate(data, seed=3, eval_batch_size=5) == result
    assert len({model.evaluate(data, seed=seed) for seed in range(5)}) > 1
    few = tiny.MODELS[type(model).__name__](num_neg_test=5)  # rank 6 of 6 is still in the top 10
    assert few.evaluate(data)[1] == 1.0


# Training -----------------------------------------------------------------------------------------


class Counted:
    """The least that a sampler can be."""

    def __init__(self, batch):
        self.batch, self.calls = batch, 0

    def next_batch(self):
        self.calls += 1
        return tuple(x.numpy() for x in self.batch)


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 12), (5, 2), (12, 1), (99, 1)])
def test_an_epoch_is_users_over_batch_size_batches_and_at_least_one(batch_size, steps):
    sampler = Counted(tiny.batch_of([1, 3, 6]))
    tiny.sasrec().train_model(
        tiny.dataset(users=12), sampler, num_epochs=3, batch_size=batch_size, verbose=False
    )
    assert sampler.calls == 3 * steps


@pytest.mark.parametrize(("val_epoch", "validations"), [(0, 0), (1, 5), (2, 3), (5, 1), (7, 1)])
def test_history_has_a_loss_an_epoch_and_both_values_a_validation(model, val_epoch, validations):
    data = tiny.dataset()
    sampler = WarpSampler(data.user_train, data.usernum, data.itemnum, batch_size=4, maxlen=6)
    history = model.train_model(
        data, sampler, num_epochs=5, batch_size=4, val_epoch=val_epoch, verbose=False
    )
    assert set(history) == {"loss", "val_ndcg", "val_hr"}
    assert len(history["loss"]) == 5
    assert len(history["val_ndcg"]) == len(history["val_hr"]) == validations
    assert all(type(value) is float for values in history.values() for value in values)


def test_train_model_defaults():
    signature = inspect.signature(SASREC.train_model).parameters
    names = ["num_epochs", "batch_size", "learning_rate", "val_epoch", "eval_batch_size", "verbose"]
    assert list(signature)[1:9] == ["dataset", "sampler", *names]
    assert [signature[name].default for name in names] == [10, 128, 0.001, 0, 256, True]


def test_verbose_alone_decides_whether_anything_is_printed(capsys):
    data, sampler = tiny.dataset(), Counted(tiny.batch_of([1, 3, 6]))
    tiny.sasrec().train_model(data, sampler, num_epochs=2, val_epoch=1, verbose=False)
    assert capsys.readouterr() == ("", "")
    tiny.sasrec().train_model(data, sampler, num_epochs=2, val_epoch=1)
    assert "2 epochs" in capsys.readouterr().out


def test_l2_reg_is_the_weight_decay_of_adam():
    """One step from w with gradient g: Adam moves by lr * sign(g + l2 * w), nearly."""
    batch = tiny.batch_of([4, 6])
    model = tiny.stir(tiny.sasrec(l2_reg=1000.0))
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    model.train_model(
        tiny.dataset(), Counted(batch), num_epochs=1, learning_rate=0.01, verbose=False
    )
    for name, weight in model.named_parameters():
        moved = (weight.detach() - before[name])[before[name].abs() > 0.01]
        expected = -0.01 * before[name][before[name].abs() > 0.01].sign()
        torch.testing.assert_close(moved, expected, rtol=1e-3, atol=0, msg=name)


# Weights ------------------------------------------------------------------------------------------


def expected_shapes(d_i: int, d_u: int = 0, conv: int | None = None) -> dict[str, tuple[int, ...]]:
    """The keys of the contract for n = 6, 2 blocks, 15 items and 12 users."""
    d = d_i + d_u
    c = conv or d
    shapes = {"item_embedding_layer.weight": (16, d_i), "positional_embedding_layer.weight": (6, d)}
    if d_u:
        shapes["user_embedding_layer.weight"] = (13, d_u)
    for i in range(2):
        block = f"encoder.enc_layers.{i}"
        for matrix in "QKV":
            shapes |= {f"{block}.mha.{matrix}.weight": (d, d), f"{block}.mha.{matrix}.bias": (d,)}
        shapes[f"{block}.ffn.conv_layer1.weight"] = (c, d, 1)
        shapes[f"{block}.ffn.conv_layer1.bias"] = (c,)
        shapes[f"{block}.ffn.conv_layer2.weight"] = (d, c, 1)
        shapes[f"{block}.ffn.conv_layer2.bias"] = (d,)
        shapes[f"{block}.layer_normalization.gamma"] = (6, d)
        shapes[f"{block}.layer_normalization.beta"] = (6, d)
    return shapes | {"layer_normalization.gamma": (6, d), "layer_normalization.beta": (6, d)}


@pytest.mark.parametrize(
    ("model", "shapes"),
    [
        (tiny.sasrec(), expected_shapes(8)),
        (tiny.sasrec(conv_dims=[20, 8]), expected_shapes(8, conv=20)),
        (tiny.ssept(), expected_shapes(5, 3)),
    ],
)
def test_state_dict_keys_and_shapes(model, shapes):
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == shapes


def test_fresh_weights():
    model = SSEPT(item_num=400, user_num=300, embedding_dim=20, conv_dims=[70, 40], seq_max_len=9)
    for name, table in model.state_dict().items():
        if "embedding" in name:
            padding = 0 if "positional" in name else 1
            assert bool((table[:padding] == 0).all())
            assert float(table.abs().max()) <= 0.05
            assert float(table[padding:].min()) < -0.045
            assert float(table[padding:].max()) > 0.045
            assert abs(float(table[padding:].mean())) < 0.005
    block = model.encoder.enc_layers[0]
    for layer in (block.mha.Q, block.mha.K, block.mha.V, block.ffn.conv_layer1):
        matrix = layer.weight.detach()
        bound = np.sqrt(6 / (matrix.shape[0] + matrix.shape[1]))
        assert 0.98 * bound < float(matrix.abs().max()) <= bound
        assert float(matrix.std()) == pytest.approx(bound / np.sqrt(3), rel=0.05)
        assert bool((layer.bias == 0).all())
    assert bool((model.layer_normalization.gamma == 1).all())
    assert bool((model.layer_normalization.beta == 0).all())
