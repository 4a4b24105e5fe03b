"""SASREC and SSEPT as functions: the right numbers, blind to the future, blind to padding."""

import math

import numpy as np
import pytest
import reference
import tiny
import torch

from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.network.layers import LAYOUTS, NORMS

HISTORIES = tiny.histories([0, 1, 2, 5, 6, 11])


# recommenders' checkpoints ------------------------------------------------------------------------


def recommenders_state(d_i, d_u, conv, blocks, dtype=torch.float64):
    """A state dict as recommenders saves one, with weights of some size in every place."""
    generator = torch.Generator().manual_seed(7)
    d = d_i + d_u

    def some(*shape, scale=0.3, around=0.0):
        return around + scale * torch.randn(shape, generator=generator, dtype=dtype)

    state = {
        "item_embedding_layer.weight": some(tiny.ITEMS + 1, d_i),
        "positional_embedding_layer.weight": some(tiny.LENGTH, d),
    }
    if d_u:
        state["user_embedding_layer.weight"] = some(tiny.USERS + 1, d_u)
    for i in range(blocks):
        block = f"encoder.enc_layers.{i}"
        for matrix in "QKV":
            state[f"{block}.mha.{matrix}.weight"] = some(d, d)
            state[f"{block}.mha.{matrix}.bias"] = some(d)
        for name, (to, of) in {"conv_layer1": (conv, d), "conv_layer2": (d, conv)}.items():
            state[f"{block}.ffn.{name}.weight"] = some(to, of, 1)
            state[f"{block}.ffn.{name}.bias"] = some(to)
        state[f"{block}.layer_normalization.gamma"] = some(tiny.LENGTH, d, around=1.0)
        state[f"{block}.layer_normalization.beta"] = some(tiny.LENGTH, d)
        for unused in ("layernorm1", "layernorm2"):
            state[f"{block}.{unused}.weight"] = some(d)
            state[f"{block}.{unused}.bias"] = some(d)
    state["layer_normalization.gamma"] = some(tiny.LENGTH, d, around=1.0)
    state["layer_normalization.beta"] = some(tiny.LENGTH, d)
    for name in ("item_embedding_layer.weight", "user_embedding_layer.weight"):
        if name in state:
            state[name][0] = 0
    return state


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_a_checkpoint_of_recommenders_gives_its_logits(make, heads):
    model = make(attention_num_heads=heads, conv_dims=[11, 8], num_blocks=3)
    d_u = 3 if isinstance(model, SSEPT) else 0
    state = recommenders_state(8 - d_u, d_u, 11, blocks=3)
    keys = list(state)
    model.load_state_dict({key: value.float() for key, value in state.items()})
    assert list(state) == keys

    numbers = {key: value.float().double().numpy() for key, value in state.items()}
    batch = tiny.batch_of([0, 1, 2, 5, 6, 11])
    users = batch.users if d_u else None
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    asked = {"input_seq": batch.seq, "candidate": torch.arange(1, 16).expand(6, -1)}
    if d_u:
        x["users"] = asked["user"] = batch.users.view(-1, 1)
    both = torch.stack([batch.pos, batch.neg], dim=2)
    expected = reference.logits(numbers, batch.seq.numpy(), both.numpy(), heads, users)
    got = torch.cat(model(x, training=False)[:2], dim=1).view(6, 6, 2).detach().numpy()
    real = batch.seq.numpy() != 0
    assert np.abs(expected[real]).max() > 1  # of a size at which 1e-5 says something
    np.testing.assert_allclose(got[real], expected[real], rtol=1e-5, atol=1e-5)

    last = np.zeros((6, 6, 15), dtype=int)
    last[:, -1] = np.arange(1, 16)
    expected = reference.logits(numbers, batch.seq.numpy(), last, heads, users)[:, -1]
    np.testing.assert_allclose(model.predict(asked).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_attention_maps_are_those_of_the_reference(make):
    model = make(attention_num_heads=2)
    d_u = 3 if isinstance(model, SSEPT) else 0
    state = recommenders_state(8 - d_u, d_u, 8, blocks=2)
    model.load_state_dict({key: value.float() for key, value in state.items()})
    numbers = {key: value.float().double().numpy() for key, value in state.items()}
    seq = tiny.padded(HISTORIES)
    maps = model.attention_maps(torch.arange(1, 7) if d_u else None, seq)
    for row in range(len(seq)):
        user = row + 1 if d_u else None
        _, expected = reference.hidden_states(numbers, seq[row].numpy(), 2, user)
        for ours, theirs in zip(maps, expected, strict=True):
            np.testing.assert_allclose(ours[row].numpy(), theirs, rtol=0, atol=1e-6)


def test_a_checkpoint_with_an_unknown_or_a_missing_key_is_refused(make):
    model = make()
    state = dict(model.state_dict())
    with pytest.raises(RuntimeError, match=r"Unexpected key.*layernorm3"):
        model.load_state_dict({**state, "encoder.enc_layers.0.layernorm3.weight": torch.ones(8)})
    state.pop("encoder.enc_layers.1.mha.K.bias")
    with pytest.raises(RuntimeError, match=r"Missing key.*enc_layers.1.mha.K.bias"):
        model.load_state_dict(state)


# By hand ------------------------------------------------------------------------------------------


def test_one_forward_pass_by_hand():
    """History [1, 2], 2 items, D = 2, T = 2, 1 block, in float64.

    inputs   e1·√2 = (2, 0), plus position 0 = (1, 1):    x0 = (3, 1)
             e2·√2 = (0, 4), plus position 1 = (0, -2):   x1 = (0, 2)
    LN       x0: mean 2, deviations (1, -1), root of the variance 1:  h0 = ( 1, -1)
             x1: mean 1, deviations (-1, 1), root of the variance 1:
                 times gamma1 = (2, 1), plus beta1 = (0, 1):          h1 = (-2, 2)
    attention  Q = c·identity: q1 = c·(-2, 2).  K swaps: k0 = (1, 3), k1 = (2, 0)
             q1·k0 = 4c, q1·k1 = -4c, so with c = √2·ln 3 / 8 the scaled scores differ by
             8c/√2 = ln 3, and position 1 attends with weights 3/4 and 1/4
             V = [[1, 1], [0, 1]]·x + (1, 0): v0 = (5, 1), v1 = (3, 2)
             a0 = h0 + v0               = ( 1, -1) + (5, 1)       = (6, 0)
             a1 = h1 + 3/4·v0 + 1/4·v1  = (-2,  2) + (4.5, 1.25)  = (2.5, 3.25)
    FFN      [[1, -1], [-1, 1]]·a + (0, 0.5), ReLU: (6, 0) and (0, 1.25)
             [[1, 0], [0.5, 2]]·… + (-1, 0):        (5, 3) and (-1, 2.5)
             out0 = a0 + (5, 3) = (11, 3), out1 = a1 + (-1, 2.5) = (1.5, 5.75)
    last LN  out0: (1, -1)·(1, 3) + (0, 1) = (1, -2);  out1: (-1, 1)·(2, 1) + (1, 0) = (-1, 1)
    logits   e1 = (√2, 0), e2 = (0, 2√2):  position 0: √2 and -4√2;  position 1: -√2 and 2√2
    """
    root = math.sqrt(2)
    model = SASREC(
        2, seq_max_len=2, num_blocks=1, embedding_dim=2, dropout_rate=0.0, num_neg_test=1
    ).double()
    c = root * math.log(3) / 8
    block = "encoder.enc_layers.0"
    weights = {
        "item_embedding_layer.weight": [[0, 0], [root, 0], [0, 2 * root]],
        "positional_embedding_layer.weight": [[1, 1], [0, -2]],
        f"{block}.mha.Q.weight": [[c, 0], [0, c]],
        f"{block}.mha.Q.bias": [0, 0],
        f"{block}.mha.K.weight": [[0, 1], [1, 0]],
        f"{block}.mha.K.bias": [0, 0],
        f"{block}.mha.V.weight": [[1, 1], [0, 1]],
        f"{block}.mha.V.bias": [1, 0],
        f"{block}.ffn.conv_layer1.weight": [[[1], [-1]], [[-1], [1]]],
        f"{block}.ffn.conv_layer1.bias": [0, 0.5],
        f"{block}.ffn.conv_layer2.weight": [[[1], [0]], [[0.5], [2]]],
        f"{block}.ffn.conv_layer2.bias": [-1, 0],
        f"{block}.layer_normalization.gamma": [[1, 1], [2, 1]],
        f"{block}.layer_normalization.beta": [[0, 0], [0, 1]],
        "layer_normalization.gamma": [[1, 3], [2, 1]],
        "layer_normalization.beta": [[0, 1], [1, 0]],
    }
    model.load_state_dict({k: torch.tensor(v, dtype=torch.float64) for k, v in weights.items()})
    seq = torch.tensor([[1, 2]])

    def near(got, expected):  # epsilon = 1e-8 inside the root moves the last digits
        wanted = torch.tensor(expected, dtype=torch.float64)
        torch.testing.assert_close(got.detach(), wanted, rtol=1e-7, atol=1e-7)

    items, places = model.embedding(seq)
    near(items + places, [[[3, 1], [0, 2]]])
    near(model.attention_maps(None, seq)[0], [[[[1, 0], [0.75, 0.25]]]])
    blocks = model.encoder(items + places, False, torch.ones(1, 2, 1))
    near(blocks, [[[11, 3], [1.5, 5.75]]])
    x = {"input_seq": seq, "positive": torch.tensor([[2, 1]]), "negative": torch.tensor([[1, 2]])}
    positive, negative, real = model(x, training=False)
    near(positive, [[-4 * root], [-root]])
    near(negative, [[root], [2 * root]])
    # softplus(4√2) + softplus(√2), and softplus(√2) + softplus(2√2), on average
    softplus = {z: math.log1p(math.exp(z * root)) for z in (1, 2, 4)}
    expected = (softplus[4] + softplus[1] + softplus[1] + softplus[2]) / 2
    near(model.loss_function(positive, negative, real.double()), expected)
    assert expected == pytest.approx(5.905, abs=1e-3)

    predicted = model.float().predict({"input_seq": seq, "candidate": [[2, 1]]})
    torch.testing.assert_close(predicted, torch.tensor([[2 * root, -root]]), rtol=1e-5, atol=0)


# The future, and padding --------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_future_item_changes_an_earlier_output(make, layout):
    model = tiny.stir(make(attention_num_heads=2, layout=layout))
    seq = tiny.padded(tiny.histories([6, 6, 4]))
    before = tiny.logits(model, seq)
    for t in range(1, 6):
        other = seq.clone()
        other[:, t:] = other[:, t:] % tiny.ITEMS + 1  # all later items become others
        after = tiny.logits(model, other)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.equal(after[:, t:], before[:, t:])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_from_an_output_to_later_inputs_are_exactly_0(make, layout):
    model = tiny.stir(make(attention_num_heads=2, layout=layout)).double()
    mask = torch.ones(2, 6, 1)
    mask[1, :2] = 0
    x = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0)).double() * mask
    x.requires_grad_()
    out = model.encoder(x, False, mask)
    for t in range(6):
        (gradient,) = torch.autograd.grad(out[:, t].sum(), x, retain_graph=True)
        assert bool((gradient[:, t + 1 :] == 0).all())
        assert bool((gradient[1, :2] == 0).all())  # padding
        used = gradient[0, : t + 1].abs().amax(dim=-1)
        assert bool((used > 0).all())  # and every earlier item matters


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_padding_changes_nothing(make, layout, norm):
    """The same histories in a longer model whose last positions are those of the short one."""
    short = tiny.stir(make(seq_max_len=8, layout=layout, norm=norm))
    long = tiny.stir(make(seq_max_len=12, layout=layout, norm=norm), seed=1)
    state = long.state_dict()
    for name, value in short.state_dict().items():
        if value.shape == state[name].shape:
            state[name] = value
        else:
            state[name][-8:] = value
    long.load_state_dict(state)
    lengths = [1, 2, 3, 5, 8]
    batch = tiny.batch_of(lengths, length=8)
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    x["users"] = batch.users.view(-1, 1)
    longer = {
        name: ids if name == "users" else torch.nn.functional.pad(ids, (4, 0))
        for name, ids in x.items()
    }
    real = batch.seq != 0
    expected = [y.view(5, 8)[real] for y in short(x, training=False)]
    got = [y.view(5, 12)[:, 4:][real] for y in long(longer, training=False)]
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_scores_do_not_depend_on_the_columns_of_the_histories(make):
    model = tiny.stir(make(attention_num_heads=2))
    expected = tiny.scores(model, HISTORIES[:4], length=6)
    for length in (5, 9, 30):  # 5 is the longest of these histories
        torch.testing.assert_close(
            tiny.scores(model, HISTORIES[:4], length), expected, rtol=1e-6, atol=1e-6
        )


def test_only_the_last_n_items_count(make):
    model = tiny.stir(make())
    long = HISTORIES[-1]
    assert torch.equal(tiny.scores(model, [long], 20), tiny.scores(model, [long[-6:]], 20))
    assert not torch.equal(tiny.scores(model, [long[-6:]], 20), tiny.scores(model, [long[-5:]], 20))


def test_an_empty_history_has_finite_scores_the_same_on_both_roads(make):
    model = tiny.stir(make())
    seq = tiny.padded([[], [3, 1]])
    fast = tiny.scores(model, [[], [3, 1]])
    plain = tiny.logits(model, seq)
    assert bool(fast.isfinite().all())
    assert bool(plain.isfinite().all())
    torch.testing.assert_close(fast, plain[:, -1], rtol=1e-5, atol=1e-5)


def test_padding_has_finite_gradients(make):
    model = tiny.stir(make())
    batch = tiny.batch_of([0, 0, 3])
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    model.loss_function(*model({**x, "users": batch.users.view(-1, 1)})).backward()
    for weight in model.parameters():
        assert bool(weight.grad.isfinite().all())
    assert bool((model.item_embedding_layer.weight.grad[0] == 0).all())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_attention_maps_sum_to_1_and_are_0_at_padding_and_future(make, layout):
    model = tiny.stir(make(attention_num_heads=2, num_blocks=3, layout=layout, dropout_rate=0.5))
    seq = tiny.padded(HISTORIES)
    users = torch.arange(1, 7) if isinstance(model, SSEPT) else None
    maps = model.attention_maps(users, seq)
    real = (seq != 0).unsqueeze(1)  # (B, 1, T)
    past = torch.ones(6, 6, dtype=torch.bool).tril()
    allowed = past & real.unsqueeze(2) & real.unsqueeze(3)
    assert [tuple(weights.shape) for weights in maps] == [(6, 2, 6, 6)] * 3
    for weights in maps:
        assert not weights.requires_grad
        sums = weights.double().sum(dim=-1)
        torch.testing.assert_close(sums, real.expand(6, 2, 6).double(), rtol=0, atol=1e-6)
        assert bool((weights[~allowed.expand_as(weights)] == 0).all())
        assert bool((weights[allowed.expand_as(weights)] > 0).all())
    cut = model.attention_maps(users, torch.nn.functional.pad(seq, (3, 0)))
    assert all(torch.equal(a, b) for a, b in zip(maps, cut, strict=True))


def test_a_strangers_scores_are_those_of_the_mean_user():
    model = tiny.stir(tiny.ssept())
    table = model.user_embedding_layer.weight
    seq = tiny.padded([[1, 2, 3]])
    before = model.score(None, seq)
    with torch.no_grad():
        table[5] = torch.cat([table[1:5], table[6:]]).mean(dim=0)  # so it is the mean of all
    stranger = model.score(None, seq)
    assert not torch.equal(stranger, before)
    torch.testing.assert_close(model.score(torch.tensor([5]), seq), stranger)


# Fresh weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "bounds"),
    [
        ("uniform", {"item": 0.05, "user": 0.05, "positional": 0.05}),
        # the root of 6 / (rows + width): 4,001 × 30, 9,001 × 20 and 40 × 50
        ("glorot", {"item": 0.038581, "user": 0.025790, "positional": 0.258199}),
    ],
)
def test_tables_start_uniform_within_their_bound(tables, bounds):
    model = SSEPT(
        4000,
        seq_max_len=40,
        user_num=9000,
        user_embedding_dim=20,
        item_embedding_dim=30,
        seed=1,
        initial_tables=tables,
    )
    for name, bound in bounds.items():
        layer = getattr(model, f"{name}_embedding_layer")
        weight = layer.weight.detach().double()
        if layer.padding_idx is not None:
            assert not weight[layer.padding_idx].any()
            weight = weight[1:]
        assert 0.99 * bound < weight.abs().max() <= bound * (1 + 1e-4)
        # 2,000 draws or more: the standard deviation of a uniform one is bound / √3, within 5%
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_an_unknown_start_is_refused(make):
    with pytest.raises(ValueError, match="initial_tables='zeros' must be one of 'uniform'"):
        make(initial_tables="zeros")
