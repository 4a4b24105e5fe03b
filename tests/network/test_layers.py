"""The blocks, each against torch's own operations on sequences without padding."""

import numpy as np
import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional

from seqrec_lib.network.layers import (
    LAYOUTS,
    NORMS,
    Encoder,
    EncoderLayer,
    LayerNormalization,
    MultiHeadAttention,
    PointWiseFeedForward,
)
from seqrec_lib.network.rows import PaddedRows


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def padded_noise(lengths, length=6, width=8):
    """(B, T, D) with zeros in front, and which rows are real (B, T)."""
    real = torch.arange(length) >= length - torch.tensor(lengths).unsqueeze(1)
    return noise(len(lengths), length, width) * real.unsqueeze(-1), real


# Attention ----------------------------------------------------------------------------------------


def torch_attention(block, queries, keys, heads):
    """torch's fused attention of whole sequences (B, T, D), without the residual."""
    q, k, v = block.Q(queries), block.K(keys), block.V(keys)
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return mixed.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_attention_is_torchs_where_nothing_is_padded(heads):
    block = tiny.stir(MultiHeadAttention(8, heads, 0.5).double().eval())
    queries, keys = noise(3, 6, 8), noise(3, 6, 8, seed=1)
    expected = torch_attention(block, queries, keys, heads) + queries
    torch.testing.assert_close(block(queries, keys), expected, rtol=1e-12, atol=1e-12)


def test_attention_without_residual():
    block = tiny.stir(MultiHeadAttention(8, 2, 0.0, residual=False).double())
    queries, keys = noise(3, 6, 8), noise(3, 6, 8, seed=1)
    expected = torch_attention(block, queries, keys, 2)
    torch.testing.assert_close(block(queries, keys), expected, rtol=1e-12, atol=1e-12)


def test_attention_called_alone_takes_rows_of_zeros_as_padding():
    """Padded keys are not attended to; padded queries attend to nothing."""
    block = tiny.stir(MultiHeadAttention(8, 2, 0.0).double())
    lengths = [6, 4, 1, 0]
    keys, real = padded_noise(lengths)
    queries = noise(4, 6, 8, seed=1) * real.unsqueeze(-1)
    out = block(queries, keys)
    for row, n in enumerate(lengths):
        assert torch.equal(out[row, : 6 - n], queries[row, : 6 - n])
        if n:
            alone = block(queries[row : row + 1, 6 - n :], keys[row : row + 1, 6 - n :])
            torch.testing.assert_close(out[row, 6 - n :], alone[0], rtol=1e-12, atol=1e-12)


def test_a_real_row_whose_sum_is_exactly_0_is_not_padding():
    block = tiny.stir(MultiHeadAttention(2, 1, 0.0).double())
    x = torch.tensor([[[1.0, -1.0], [2.0, 3.0], [0.5, -0.5]]], dtype=torch.float64)
    expected = torch_attention(block, x, x, 1) + x
    torch.testing.assert_close(block(x, x), expected, rtol=1e-12, atol=1e-12)


def test_rows_of_padding_alone_give_finite_numbers_and_gradients():
    layer = tiny.stir(EncoderLayer(6, 8, 8, 2, [8, 8], 0.5).double())
    x = torch.zeros(3, 6, 8, dtype=torch.float64, requires_grad=True)
    for training in (False, True):
        out = layer(x, training, torch.zeros(3, 6, 1))
        assert bool((out == 0).all())
        out.sum().backward()
        assert bool(x.grad.isfinite().all())
    assert bool(layer.mha(x, x).isfinite().all())


def test_huge_scores_stay_finite():
    block = MultiHeadAttention(8, 1, 0.0)
    with torch.no_grad():
        block.Q.weight.mul_(1e4)
        block.K.weight.mul_(1e4)
    x = padded_noise([6, 3, 0])[0].float()
    assert bool(block(x, x).isfinite().all())


# Feed-forward network and normalisation -----------------------------------------------------------


@pytest.mark.parametrize("residual", [True, False])
def test_feed_forward_is_two_convolutions_of_torch(residual):
    block = tiny.stir(PointWiseFeedForward(8, [11, 8], 0.5, residual).double().eval())
    x = noise(3, 6, 8)
    y = block.conv_layer2(functional.relu(block.conv_layer1(x.transpose(1, 2)))).transpose(1, 2)
    expected = y + x if residual else y
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


def test_normalisation_is_torchs_with_a_row_of_its_own_for_each_position():
    block = tiny.stir(LayerNormalization(6, 8, 1e-8).double())
    assert block.gamma.shape == block.beta.shape == (6, 8)
    for length in (6, 4, 1):  # position tables are read from their end
        x = noise(3, length, 8)
        got = block(x)
        for t in range(length):
            gamma, beta = block.gamma[t - length], block.beta[t - length]
            expected = functional.layer_norm(x[:, t], (8,), gamma, beta, eps=1e-8)
            torch.testing.assert_close(got[:, t], expected, rtol=1e-10, atol=1e-10)


def test_normalisation_by_feature_is_torchs():
    block = tiny.stir(LayerNormalization(6, 8, 0.1, norm="feature").double())
    assert block.gamma.shape == block.beta.shape == (1, 8)
    x = noise(3, 6, 8)
    expected = functional.layer_norm(x, (8,), block.gamma[0], block.beta[0], eps=0.1)
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


# Layouts ------------------------------------------------------------------------------------------


def block_by_formula(layer, x, heads, r):
    """One whole sequence (1, T, D) by the formula of its layout; r = 0 leaves residuals out."""

    def norm(block, x):
        gamma, beta = (y[-x.shape[1] :] for y in (block.gamma, block.beta))
        return functional.layer_norm(x, x.shape[-1:], eps=1e-8) * gamma + beta

    def first(x):
        return norm(layer.layer_normalization, x)

    def second(x):
        return norm(layer.layer_normalization2, x)

    def attend(queries, keys):
        return torch_attention(layer.mha, queries, keys, heads)

    def ffn(x):
        inner = functional.relu(layer.ffn.conv_layer1(x.transpose(1, 2)))
        return layer.ffn.conv_layer2(inner).transpose(1, 2)

    h = first(x)
    match layer.layout:
        case "contract":
            a = r * h + attend(h, x)
            return r * a + ffn(a)
        case "authors":
            z = second(r * h + attend(h, x))
            return r * z + ffn(z)
        case "pre-norm":
            y = r * x + attend(h, h)
            return r * y + ffn(second(y))
        case "post-norm":
            y = first(r * x + attend(x, x))
            return second(r * y + ffn(y))


@pytest.mark.parametrize("residuals", [True, False])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_its_formula(layout, norm, residuals):
    encoder = Encoder(2, 6, 8, 8, 2, [11, 8], 0.5, layout, norm, residuals)
    tiny.stir(encoder.double())
    lengths = [6, 5, 2, 1, 0]
    x, real = padded_noise(lengths)
    out = encoder(x, False, real.unsqueeze(-1))
    for row, n in enumerate(lengths):
        assert bool((out[row, : 6 - n] == 0).all())
        if n:
            y = x[row : row + 1, 6 - n :]
            for layer in encoder.enc_layers:
                y = block_by_formula(layer, y, 2, float(residuals))
            torch.testing.assert_close(out[row, 6 - n :], y[0], rtol=1e-8, atol=1e-8)


def test_the_default_is_the_contracts_layout():
    default, named = (
        EncoderLayer(6, 8, 8, 2, [8, 8], 0.0, *more) for more in ((), ("contract", "position"))
    )
    named.load_state_dict(default.state_dict())
    x, real = padded_noise([6, 3])
    x, mask = x.float(), real.unsqueeze(-1)
    assert torch.equal(default(x, False, mask), named(x, False, mask))
    assert default.layout == "contract"


def test_a_mask_of_any_kind_marks_padding():
    layer = tiny.stir(EncoderLayer(6, 8, 8, 2, [8, 8], 0.0).double())
    x, real = padded_noise([6, 3])
    mask = real.unsqueeze(-1)
    assert torch.equal(layer(x, False, mask), layer(x, False, mask.double()))
    assert not torch.equal(layer(x, False, mask), layer(x, False, torch.ones(2, 6, 1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MultiHeadAttention(10, 3, 0.1), "attention_dim=10.*num_heads=3"),
        (lambda: MultiHeadAttention(0, 1, 0.1), "attention_dim=0"),
        (lambda: MultiHeadAttention(4, 2, 1.5), r"dropout_rate=1.5"),
        (lambda: PointWiseFeedForward(4, [4, 5], 0.1), r"conv_dims=\[4, 5\].*4"),
        (lambda: PointWiseFeedForward(4, [0, 4], 0.1), "conv_dims=0"),
        (lambda: PointWiseFeedForward(4, [4, 4], -1), "dropout_rate=-1"),
        (lambda: LayerNormalization(0, 4, 1e-8), "seq_max_len=0"),
        (lambda: LayerNormalization(3, 4, 1e-8, "row"), "norm='row'"),
        (lambda: EncoderLayer(6, 8, 4, 1, [8, 8], 0.1), "attention_dim=4.*8"),
        (lambda: EncoderLayer(6, 8, 8, 1, [8, 8], 0.1, "mid"), "layout='mid'"),
        (lambda: Encoder(-1, 6, 8, 8, 1, [8, 8], 0.1), "num_layers=-1"),
    ],
)
def test_blocks_name_an_argument_that_is_out_of_its_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Dropout in the plain form ------------------------------------------------------------------------


def near_rate(kept: int, of: int, rate: float) -> None:
    """Whether `kept` of `of` fits a chance of 1 - rate each: within 4.5 standard deviations."""
    assert abs(kept - of * (1 - rate)) < 4.5 * np.sqrt(of * rate * (1 - rate))


def rows_with(seed, length=64, training=True):
    return PaddedRows(
        torch.ones(10, length, dtype=torch.bool), training, torch.Generator().manual_seed(seed)
    )


def identities(width):
    """Two convolutions of a feed-forward network that change nothing."""
    maps = (nn.Conv1d(width, width, 1).double(), nn.Conv1d(width, width, 1).double())
    for layer in maps:
        layer.requires_grad_(False).weight.copy_(torch.eye(width).unsqueeze(-1))
        layer.bias.zero_()
    return maps


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_has_its_rate_and_scale(rate):
    x, residual = noise(10, 64, 32), noise(10, 64, 32, seed=1)
    twice = identities(32)  # relu, and dropout before and after
    for got, source, times in [
        (rows_with(9).dropout(x, rate), x, 1),  # x itself comes from another seed
        (rows_with(9).feed_forward(x, *twice, rate, False), x.relu(), 2),
        (rows_with(9).feed_forward(residual, *twice, rate, True) - residual, residual.relu(), 2),
    ]:
        kept = got.abs() > 1e-5
        torch.testing.assert_close(got[kept], (source / (1 - rate) ** times)[kept])
        asked = source > 1e-4
        near_rate(int(kept[asked].sum()), int(asked.sum()), 1 - (1 - rate) ** times)


def test_dropout_of_attention_weights_has_its_rate_and_scale():
    """With q = k = 0 all weights of a row are equal, and v = 1 0 0…, 0 1 0… shows them."""
    zero = torch.zeros(10, 64, 64)
    out = rows_with(0).attention(zero, zero, torch.eye(64).expand(10, 64, 64), 1, 0.3)
    past = torch.ones(64, 64, dtype=torch.bool).tril().expand(10, 64, 64)
    weight = (1 / torch.arange(1, 65)).view(64, 1).expand(10, 64, 64)
    kept = out > 0
    assert not bool(kept[~past].any())
    torch.testing.assert_close(out[kept], (weight / 0.7)[kept])
    near_rate(int(kept[past].sum()), int(past.sum()), 0.3)


def test_dropout_acts_in_training_only_and_repeats_by_seed():
    x = noise(10, 64, 8)
    assert torch.equal(rows_with(0, training=False).dropout(x, 0.5), x)
    assert torch.equal(rows_with(0).dropout(x, 0.0), x)
    assert torch.equal(rows_with(0).dropout(x, 0.5), rows_with(0).dropout(x, 0.5))
    assert not torch.equal(rows_with(0).dropout(x, 0.5), rows_with(1).dropout(x, 0.5))
    rows = rows_with(0)
    assert not torch.equal(rows.dropout(x, 0.5), rows.dropout(x, 0.5))
