"""The compiled loops one by one: against padded layers, float64, and the chances of dropout."""

import math

import numpy as np
import pytest
import torch
from padded_last import PaddedLast
from scipy import stats
from torch import nn
from torch.nn import functional

from seqrec_lib.network.fast import attention_kernels, kernels, last
from seqrec_lib.network.fast.packed import PackedRows, threshold_of
from seqrec_lib.network.layers import MultiHeadAttention
from seqrec_lib.network.rows import PaddedRows

LENGTHS = [1, 5, 33, 31, 32, 2, 64, 65, 1, 70]  # 32 queries make a block of attention
N = sum(LENGTHS)
RATES = [0.1, 0.25, 0.5, 0.9]


def rows(lengths=LENGTHS, length=70, training=True, seed=0):
    return PackedRows(torch.tensor(lengths), length, training, seed)


def noise(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def near(mine, theirs, relative=1e-5):
    """Equal up to `relative` of the largest number."""
    largest = max([1.0, *theirs.abs().flatten().tolist()])
    torch.testing.assert_close(mine.double(), theirs.double(), rtol=0, atol=relative * largest)


def fits(kept, of, rate):
    """Whether `kept` of `of` fits a chance of 1 - rate each: within 4.5 standard deviations."""
    assert abs(kept - of * (1 - rate)) < 4.5 * math.sqrt(of * rate * (1 - rate))


def alone(x, lengths=LENGTHS):
    """Each sequence's rows, as a batch of one: (1, T, …)."""
    return [part.unsqueeze(0) for part in x.split(lengths)]


# Without dropout ----------------------------------------------------------------------------------


def test_exp_is_exact_to_2e_7():
    x = np.concatenate([-np.logspace(-8, np.log10(60), 50_000), np.linspace(-60, 0, 50_001)])
    values = x.astype(np.float32)
    exact = np.exp(values.astype(np.float64))
    attention_kernels._exp_in_place(values)
    assert np.abs(values / exact - 1).max() < 2e-7


def test_exp_at_its_ends():
    values = np.array([0.0, -0.0, -60.0, -60.001, -88.0, -1e4, -1e30, -np.inf], np.float32)
    attention_kernels._exp_in_place(values)
    assert values[:2].tolist() == [1.0, 1.0]
    assert values[2] == pytest.approx(math.exp(-60), rel=1e-6)
    assert values[3:].tolist() == [0.0] * 5


@pytest.mark.parametrize(("heads", "scale"), [(1, 1.0), (2, 1.0), (4, 1.0), (2, 1e5)])
def test_attention_and_its_gradients_are_torchs(heads, scale):
    """Also at scores of 1e10, between which float32 has steps of 1,024: the best key takes all, and
    what reaches queries and keys is rounding, times a key or a query."""
    sizes = (scale, scale, 1.0, 1.0)
    q, k, v, grad = (size * noise(N, 8, seed=seed) for seed, size in enumerate(sizes))
    inputs = [x.requires_grad_() for x in (q, k, v)]
    out = rows(training=False).attention(q, k, v, heads, 0.5)
    mine = torch.autograd.grad(out, inputs, grad)

    wide = [x.detach().double().requires_grad_() for x in inputs]
    parts = []
    for a, b, c in zip(*map(alone, wide), strict=True):
        a, b, c = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (a, b, c))
        mixed = functional.scaled_dot_product_attention(a, b, c, is_causal=True)
        parts.append(mixed.transpose(1, 2).flatten(2).squeeze(0))
    expected = torch.cat(parts)
    theirs = torch.autograd.grad(expected, wide, grad.double())
    near(out.detach(), expected.detach(), 1e-6)
    for a, b, size in zip(mine, theirs, sizes[:3], strict=True):
        near(a, b, 1e-5 * size)


def test_attention_takes_operands_that_are_not_contiguous():
    q, k, v, grad = (noise(8, N, seed=seed).T for seed in range(4))
    outs, gradients = [], []
    for make in (lambda x: x, lambda x: x.contiguous()):
        inputs = [make(x).requires_grad_() for x in (q, k, v)]
        outs.append(rows(training=False).attention(*inputs, 2, 0.0))
        gradients.append(torch.autograd.grad(outs[-1], inputs, make(grad)))
    assert torch.equal(*outs)
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_of_the_last_row_is_that_row_of_attention(heads):
    attention = MultiHeadAttention(8, heads, 0.0).requires_grad_(False)
    for seed, parameter in enumerate(attention.parameters()):
        parameter.copy_(0.4 * noise(*parameter.shape, seed=seed))  # the biases, too
    queries, keys = noise(N, 8, seed=20), noise(N, 8, seed=21)
    packed = rows(training=False)
    whole = packed.last(attention(queries, keys, packed))
    near(last._attention(attention, packed.last(queries), keys, packed), whole, 1e-6)
    padded = PaddedLast(torch.arange(5) > 1 - torch.arange(2).unsqueeze(1))  # (B, T) = (2, 5)
    queries, keys = queries[:10].view(2, 5, 8), keys[:10].view(2, 5, 8)  # (B, T, D)
    whole = padded.last(attention(queries, keys, padded))
    near(last._attention(attention, padded.last(queries), keys, padded), whole, 1e-6)


@pytest.mark.parametrize("table_rows", [70, 1])
def test_normalisation_and_its_gradients_are_torchs(table_rows):
    x, grad = noise(N, 8), noise(N, 8, seed=1)
    gamma, beta = 1 + noise(table_rows, 8, seed=2), noise(table_rows, 8, seed=3)
    inputs = [t.requires_grad_() for t in (x, gamma, beta)]
    out = rows().normalise(*inputs, 1e-8)
    mine = torch.autograd.grad(out, inputs, grad)
    wide = [t.detach().double().requires_grad_() for t in inputs]
    place = [70 - n + t if table_rows > 1 else 0 for n in LENGTHS for t in range(n)]
    normal = functional.layer_norm(wide[0], (8,), eps=1e-8)
    expected = normal * wide[1][place] + wide[2][place]
    theirs = torch.autograd.grad(expected, wide, grad.double())
    near(out.detach(), expected.detach())
    for a, b in zip(mine, theirs, strict=True):
        near(a, b)


def test_positions_are_counted_from_the_end():
    table = torch.arange(9.0).unsqueeze(1)
    got = rows([3, 1, 9], length=9).by_position(table)
    assert got.squeeze(1).tolist() == [6, 7, 8, 8, *range(9)]


# Dropout: its rate and its scale ------------------------------------------------------------------


def test_a_rate_is_rounded_to_a_byte():
    assert [threshold_of(rate) for rate in (0.0, 0.25, 0.5, 0.999)] == [0, 64, 128, 255]
    for rate in np.linspace(0, 0.99, 100):
        assert abs(threshold_of(rate) / 256 - rate) <= 0.5 / 256 + 1e-12


def maps_of(*weights):
    """Two convolutions of kernel size 1 from weight, bias, weight, bias."""
    made = []
    for weight, bias in zip(weights[::2], weights[1::2], strict=True):
        layer = nn.Conv1d(weight.shape[1], weight.shape[0], 1).to(weight.dtype)
        layer.weight, layer.bias = nn.Parameter(weight.unsqueeze(-1)), nn.Parameter(bias)
        made.append(layer)
    return made


def identities(width):
    return [x.requires_grad_(False) for x in maps_of(*[torch.eye(width), torch.zeros(width)] * 2)]


def dropped_in_all_ways(x, rate, seed):
    """(what came out, what went in, how often it was dropped) of all that drops rows."""
    twice = identities(x.shape[1])
    more = noise(*x.shape, seed=99)
    yield rows(seed=seed).dropout(x, rate), x, 1
    yield rows(seed=seed).feed_forward(x, *twice, rate, False), x.relu(), 2
    yield rows(seed=seed).feed_forward(more, *twice, rate, True) - more, more.relu(), 2


@pytest.mark.parametrize("rate", RATES)
def test_dropout_has_its_rate_and_its_scale(rate):
    x = noise(N, 101) + 3  # N × 101 is no multiple of the 1024 numbers drawn at a time
    for seed in range(3):
        for out, source, times in dropped_in_all_ways(x, rate, seed):
            through = (1 - threshold_of(rate) / 256) ** times
            kept = out.abs() > 1e-5
            near(out[kept], (source / through)[kept], 1e-6)
            asked = source > 1e-3
            fits(int(kept[asked].sum()), int(asked.sum()), 1 - through)
            if times == 1:
                ratio = out.double().sum() / source.double().sum()  # nothing is lost on average
                error = math.sqrt((1 - through) / through / out.numel())
                assert abs(float(ratio) - 1) < 5.5 * error


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_dropout_of_attention_weights_has_its_rate_and_its_scale(rate, heads):
    weights = shown_weights(rate, heads, seed=4)
    true_rate = threshold_of(rate) / 256
    kept_of = np.zeros((2, 70))  # kept and all, by key
    for n, block in zip(LENGTHS, weights, strict=True):
        past = torch.ones(n, n, dtype=torch.bool).tril().expand(heads, n, n)
        even = (1 / torch.arange(1, n + 1)).view(n, 1).expand(heads, n, n)
        kept = block > 0
        assert not bool(kept[~past].any())
        near(block[kept], (even / (1 - true_rate))[kept], 1e-6)
        kept_of[0, :n] += kept.sum((0, 1)).numpy()
        kept_of[1, :n] += past.sum((0, 1)).numpy()
    fits(kept_of[0].sum(), kept_of[1].sum(), true_rate)
    for kept, count in kept_of.T[:30]:  # and no key is favoured
        assert stats.binomtest(int(kept), int(count), 1 - true_rate).pvalue > 1e-4


def shown_weights(rate, heads, seed, q=None, k=None):
    """The dropped-out weights of each sequence, [(H, T, T)]: v = 1 0 0…, 0 1 0… lets them be read.

    Without q and k all scores are 0, so a row's weights are equal.
    """
    zero = torch.zeros(N, 70 * heads)
    eye = torch.cat([torch.eye(70)[:n] for n in LENGTHS]).repeat(1, heads)
    q, k = (zero if x is None else x for x in (q, k))
    out = rows(seed=seed).attention(q, k, eye, heads, rate)
    split = out.view(N, heads, 70).transpose(0, 1).split(LENGTHS, dim=1)
    return [part[:, :, :n] for n, part in zip(LENGTHS, split, strict=True)]


def correlation(a, b):
    return float(torch.corrcoef(torch.stack([a.float().flatten(), b.float().flatten()]))[0, 1])


def test_masks_of_heads_sequences_calls_and_seeds_have_nothing_in_common():
    weights = shown_weights(0.5, 2, seed=4)
    past = torch.ones(64, 64, dtype=torch.bool).tril()
    first, second = (block[0, :64, :64][past] > 0 for block in (weights[6], weights[9]))
    other_head = weights[9][1, :64, :64][past] > 0
    other_seed = shown_weights(0.5, 2, seed=5)[9][0, :64, :64][past] > 0
    for mask in (first, other_head, other_seed):
        assert abs(correlation(second, mask)) < 4.5 / math.sqrt(second.numel())
    x = torch.ones(N, 64)
    packed = rows(seed=1)
    masks = [packed.dropout(x, 0.5) > 0 for _ in range(3)]
    masks.append(rows(seed=2).dropout(x, 0.5) > 0)
    masks += [masks[0].roll(1, 0), masks[0].roll(1, 1), masks[0].roll(8, 1)]  # and neighbours
    for mask in masks[1:]:
        assert abs(correlation(masks[0], mask)) < 4.5 / math.sqrt(x.numel())


def test_all_256_bytes_are_as_likely():
    words = np.empty(50_000, np.uint64)
    kernels.random_bytes(np.uint64(12345), 0, words)
    assert stats.chisquare(np.bincount(words.view(np.uint8), minlength=256)).pvalue > 0.001
    later = np.empty(10, np.uint64)
    kernels.random_bytes(np.uint64(12345), 100, later)
    np.testing.assert_array_equal(later, words[100:110])


def test_random_words_are_splitmix64s():
    """The generator retyped with Python's whole numbers, state and all."""
    state, expected = 42, []
    for _ in range(5):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        expected.append(z ^ (z >> 31))
    words = np.empty(5, np.uint64)
    kernels.random_bytes(np.uint64(42), 0, words)
    assert words.tolist() == expected


def test_the_same_seed_gives_the_same_bits():
    x = noise(N, 16)
    for seed, equal in ((7, True), (8, False)):
        for (a, *_), (b, *_) in zip(
            dropped_in_all_ways(x, 0.3, 7), dropped_in_all_ways(x, 0.3, seed), strict=True
        ):
            assert torch.equal(a, b) == equal
        pairs = zip(shown_weights(0.3, 2, 7), shown_weights(0.3, 2, seed), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == equal


def test_dropout_acts_in_training_only_and_not_at_rate_0():
    x = noise(N, 8)
    for packed, rate in ((rows(training=False), 0.5), (rows(), 0.0)):
        assert torch.equal(packed.dropout(x, rate), x)
        for residual in (False, True):
            out = packed.feed_forward(x, *identities(8), rate, residual)
            assert torch.equal(out, x.relu() + residual * x)
    q, k, v = (noise(N, 8, seed=seed) for seed in range(3))
    assert torch.equal(
        rows(training=False).attention(q, k, v, 2, 0.5), rows().attention(q, k, v, 2, 0.0)
    )


# Dropout: the backward pass has the mask of the forward pass --------------------------------------


@pytest.mark.parametrize("rate", RATES)
def test_gradients_of_dropout_have_the_mask_of_the_forward_pass(rate):
    x = noise(N, 101).requires_grad_()
    grad = noise(N, 101, seed=2)
    scale = 256 / (256 - threshold_of(rate))
    mask = (rows().dropout(torch.ones(N, 101), rate) > 0) * scale
    (dx,) = torch.autograd.grad(rows().dropout(x, rate), x, grad)
    near(dx, grad * mask, 1e-6)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("heads", [1, 2])
def test_attention_and_its_gradients_have_one_mask(heads, rate):
    """out = (mask ∘ softmax) v with the mask read off beforehand, differentiated by torch."""
    width = 70 * heads
    q, k, v, grad = (noise(N, width, seed=seed) for seed in range(4))
    masks = [
        (block > 0).double() * 256 / (256 - threshold_of(rate))
        for block in shown_weights(rate, heads, seed=4)
    ]
    inputs = [x.requires_grad_() for x in (q, k, v)]
    out = rows(seed=4).attention(q, k, v, heads, rate)
    mine = torch.autograd.grad(out, inputs, grad)

    wide = [x.detach().double().requires_grad_() for x in inputs]
    parts = []
    for mask, *operands in zip(masks, *map(alone, wide), strict=True):
        a, b, c = (x.squeeze(0).unflatten(-1, (heads, -1)).transpose(0, 1) for x in operands)
        future = torch.ones(mask.shape, dtype=torch.bool).triu(1)
        scores = (a @ b.transpose(1, 2) / math.sqrt(70)).masked_fill(future, -math.inf)
        parts.append(((mask * scores.softmax(-1)) @ c).transpose(0, 1).flatten(1))
    expected = torch.cat(parts)
    theirs = torch.autograd.grad(expected, wide, grad.double())
    near(out.detach(), expected.detach(), 1e-6)
    for a, b in zip(mine, theirs, strict=True):
        near(a, b)


def test_packed_rows_are_padded_rows_without_the_padding():
    """The same questions, asked of both, one after another."""
    lengths = [2, 6, 1]
    real = torch.arange(6) >= 6 - torch.tensor(lengths).unsqueeze(1)
    x = noise(3, 6, 8) * real.unsqueeze(-1)
    packed, padded = rows(lengths, 6, training=False), PaddedRows(real)
    table = noise(6, 8, seed=1)
    near(packed.by_position(table), padded.by_position(table).expand(3, -1, -1)[real], 0)
    near(packed.last(x[real]), padded.last(x).squeeze(1), 0)
    assert torch.equal(packed.zero_padding(x[real]), padded.zero_padding(x)[real])
    near(
        packed.attention(x[real], x[real], x[real], 2, 0.0),
        padded.attention(x, x, x, 2, 0.0)[real],
        1e-6,
    )
    near(
        packed.normalise(x[real], table, table, 1e-8),
        padded.normalise(x, table, table, 1e-8)[real],
        1e-5,
    )
