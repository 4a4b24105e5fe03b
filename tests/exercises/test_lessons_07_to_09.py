"""The checks of lessons 07 to 09: right answers, computed otherwise, and typical wrong ones."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from asked import is_right, is_wrong
from torch.nn import functional

import seqrec_lib as sl


def test_07_1_signs():
    cells = sl.published_results("SASRec", "IV")["NDCG@10"].reset_index()
    rows = {}
    for name, place, value in cells[["setting", "dataset", "NDCG@10"]].itertuples(index=False):
        rows.setdefault(name, {})[place] = value
    default = rows.pop("default")
    right = [name for name, row in rows.items() if len({row[p] > default[p] for p in default}) == 2]
    is_right("07.1", right)
    is_right("07.1", pd.Index(right[::-1]))
    is_wrong("07.1", right[:-1], "there are more")
    is_wrong("07.1", [*right, "no-dropout"], "the same sign on all four data sets: no-dropout")
    is_wrong("07.1", ["3 blocks"], "no row '3 blocks'")
    is_wrong("07.1", right[0], "a list of names")
    is_wrong("07.1", 3, "a list of the rows' names")


def limit(rows, S, degrees):
    """The lesson's rule with more draws, by sorting."""
    rng = np.random.default_rng(2)
    means = rng.normal(size=(50_000, rows + 1)) / np.sqrt(S)
    sigma = np.sqrt(rng.chisquare(degrees, size=50_000) / degrees)
    most = np.abs(means[:, 1:] - means[:, [0]]).max(axis=1) / (sigma * np.sqrt(2 / S))
    return float(np.sort(most)[47_500])


def test_07_2_limits():
    found = {S: limit(9, S, 9 * (S - 1)) for S in (2, 3, 5, 10)}
    right, secret = tuple(found.values()), tuple(found.values())
    is_right("07.2", (right, "seeds"))
    is_right("07.2", (found, "Seeds"))
    is_wrong("07.2", (right, "rows"), "how small a difference")
    is_wrong("07.2", (right, "both"), "Which is it")
    is_wrong("07.2", (right[::-1], "seeds"), "swapped", secret=secret)
    lonely = [limit(9, S, S - 1) for S in found]
    is_wrong("07.2", (lonely, "seeds"), "nine times as many", secret=secret)
    single = [limit(1, S, S - 1) for S in found]
    is_wrong("07.2", (single, "seeds"), "a single row", secret=secret)
    twenty = [limit(20, S, 20 * (S - 1)) for S in found]
    is_wrong("07.2", (twenty, "seeds"), "twenty rows", secret=secret)
    is_wrong("07.2", ([1.96] * 4, "seeds"), "`limit(9, S, S, degrees)`", secret=secret)


@pytest.fixture(scope="module")
def blind():
    """A model of the authors' layout without positions."""
    options = {"layout": "authors", "norm": "feature", "positions": False, "num_blocks": 2}
    return sl.SASREC(40, 10, embedding_dim=8, seed=3, **options).eval()


def forward(model, films, masked, root=True, last=True, places=0.0):
    """The authors' layout in a few lines: the last state (D,)."""

    def norm(x, layer):
        return functional.layer_norm(x, x.shape[-1:], layer.gamma[0], layer.beta[0], eps=1e-8)

    with torch.no_grad():
        width, T = 8, len(films)
        x = model.item_embedding_layer.weight[films] * (math.sqrt(width) if root else 1)  # (T, D)
        x = x + places * torch.arange(T).unsqueeze(1) * torch.arange(width)
        allowed = torch.ones(T, T, dtype=torch.bool)
        allowed = allowed.tril() if masked else allowed
        for block in model.encoder.enc_layers:
            h = norm(x, block.layer_normalization)
            scores = block.mha.Q(h) @ block.mha.K(x).T / math.sqrt(width)  # (T, T)
            weights = scores.masked_fill(~allowed, -math.inf).softmax(dim=-1)
            z = norm(h + weights @ block.mha.V(x), block.layer_normalization2)
            one, two = block.ffn.conv_layer1, block.ffn.conv_layer2
            inner = torch.relu(z @ one.weight[:, :, 0].T + one.bias)
            x = z + inner @ two.weight[:, :, 0].T + two.bias
        return norm(x, model.layer_normalization)[-1] if last else x[-1]


def test_07_3_order_from_the_mask(blind):
    def with_options(**options):
        return lambda model, films, masked: forward(model, films, masked, **options)

    def scores(model, films, masked):
        return model.item_vectors()[1:] @ forward(model, films, masked)

    is_right("07.3", (forward, blind))
    is_right("07.3", (scores, blind))
    one = lambda m, f, masked: forward(m, f, True)  # noqa: E731
    is_wrong("07.3", (one, blind), "makes no difference")
    is_wrong("07.3", (with_options(root=False), blind), "aren't the library's")
    is_wrong("07.3", (with_options(last=False), blind), "a last normalisation")
    half = lambda m, f, masked: forward(m, f, masked, places=0.0 if masked else 0.1)  # noqa: E731
    is_wrong("07.3", (half, blind), "the order still counts")
    is_wrong("07.3", (lambda m, f, masked: f[:3], blind), "its shape is")
    placed = sl.SASREC(40, 10, embedding_dim=8, seed=3)
    is_wrong("07.3", (forward, placed), "`positions=False`")
    is_wrong("07.3", (forward, 3), "an `sl.SASREC`")


def test_07_4_how_many_seeds():
    sigma = 0.0058
    power = 1.96 + 0.84
    right = 2 * (power * sigma / 0.003) ** 2
    is_right("07.4", (right, sigma))
    is_right("07.4", (math.ceil(right), sigma))
    for answer, words in {
        right / 2: "two noises",
        2 * power**2 * sigma / 0.003**2: "sigma is squared",
        2 * power**2 * sigma**2 / 0.003: "difference is squared",
        2 * (1.96 * sigma / 0.003) ** 2: "0.84",
        2 * right: "for each kind",
        2 * (power * sigma / 0.01) ** 2: "a difference of 0.01",
        7: "round up",
    }.items():
        is_wrong("07.4", (answer, sigma), words, secret=(right,))
    is_wrong("07.4", (right, 0), "is positive")


@pytest.fixture(scope="module")
def model(sample_dataset):
    return sl.load("sasrec-sample", dataset=sample_dataset)[0]


def test_08_1_rotated(model):
    ids = [3, 70, 12, 150, 44]
    rows, table = [[], []], np.full((2, 5, 5), np.nan)
    for turn in range(5):
        films = ids[turn:] + ids[:turn]
        maps = model.attention_maps(None, torch.tensor([films]))
        for block in (0, 1):
            row = maps[block][0, 0, -1].numpy()
            rows[block].append(row)
            for position, film in enumerate(films):
                table[block, ids.index(film), position] = row[position]
    is_right("08.1", (table[0], ids), model)
    is_right("08.1", (table[0][:, :-1], ids), model)
    is_wrong("08.1", (np.stack(rows[0]), ids), "by *film*", model)
    is_wrong("08.1", (table[1], ids), "block 2", model)
    is_wrong("08.1", (table[0][[0, 4, 3, 2, 1]], ids), "another order", model)
    is_wrong("08.1", (np.where(np.eye(5) > 0, np.nan, table[0]), ids), "some film never", model)
    is_wrong("08.1", (table[0] / 2, ids), "the last row of the map", model)
    is_wrong("08.1", (table[0][:3], ids), "each of the 5 films", model)


def test_08_2_looked_at(model, sample_dataset):
    seq = torch.from_numpy(sample_dataset.sequences.padded(range(1, 101), drop_last=1))[:, -20:]
    real = seq != 0
    weight = model.attention_maps(None, seq)[0][:, 0]  # (B, T, T)
    share = weight * real.cumsum(dim=1).unsqueeze(-1)
    pairs = torch.ones(20, 20).tril(-1).bool() & real[:, None, :] & real[:, :, None]
    total, looks, asks = (np.zeros(sample_dataset.itemnum + 1) for _ in range(3))
    for b, t, s in pairs.nonzero().tolist():
        looks[seq[b, s]] += 1
        total[seq[b, s]] += share[b, t, s]
        asks[seq[b, t]] += share[b, t, s]
    mean = np.where(looks > 9, total / np.maximum(looks, 1), np.nan)
    given = (share, pairs, seq)
    is_right("08.2", (mean, *given))
    is_right("08.2", (pd.Series(mean).dropna(), *given))
    is_wrong("08.2", (total, *given), "those are sums")
    is_wrong("08.2", (looks, *given), "those are counts")
    often = np.bincount(seq.numpy()[pairs.nonzero()[:, 0], pairs.nonzero()[:, 1]], minlength=301)
    is_wrong("08.2", (asks / np.maximum(often, 1), *given), "rows ask")
    is_wrong("08.2", (mean * 3, *given), "Add up by that film")
    is_wrong("08.2", (mean[:5], *given), "hardly any")
    is_wrong("08.2", (mean, share, pairs, seq[:, 1:]), "run section 3 again")


def test_08_4_lengths_of_values(model, sample_dataset):
    seq = torch.from_numpy(sample_dataset.sequences.padded(range(1, 9), drop_last=1))[:, -20:]
    block = model.encoder.enc_layers[0]
    with torch.no_grad():
        films = model.item_embedding_layer.weight[seq] * math.sqrt(32)
        x = films + model.positional_embedding_layer.weight[-20:]
        W, b = block.mha.V.weight, block.mha.V.bias
        length = (x @ W.T + b).square().sum(dim=-1).sqrt()
        is_right("08.4", (length, seq), model)
        is_right("08.4", (length[:, 10:19].numpy(), seq), model)
        is_wrong("08.4", ((films @ W.T + b).norm(dim=-1), seq), "films *plus* positions", model)
        is_wrong("08.4", ((x @ W.T).norm(dim=-1), seq), "the bias", model)
        is_wrong("08.4", (block.mha.K(x).norm(dim=-1), seq), "keys", model)
        is_wrong("08.4", (block.mha.Q(x).norm(dim=-1), seq), "queries", model)
        is_wrong("08.4", (x.norm(dim=-1), seq), "what `V` makes", model)
        normed = block.mha.V(block.layer_normalization(x)).norm(dim=-1)
        is_wrong("08.4", (normed, seq), "not from the normalised", model)
        weights = model.attention_maps(None, seq)[0][:, 0, -1]
        is_wrong("08.4", (weights * length, seq), "weight times length", model)
        is_wrong("08.4", (length / 2, seq), "the norm of each", model)
        is_wrong("08.4", (length[:3], seq), "each of the 8", model)


def test_09_1_items_that_fit():
    room = 60e9
    right = (room / (64 * 16), room / (64 * 12), room / (64 * 4 + 4))
    millions, secret = tuple(x / 1e6 for x in right), tuple(x / 1e6 for x in right)
    is_right("09.1", right)
    is_right("09.1", [round(x, 1) for x in millions])
    is_right("09.1", {"dense": right[0], "sparse": right[1], "row-wise": right[2]})
    for answer, words in {
        tuple(x / 0.75 for x in right): "three quarters",
        (right[1], *right[1:]): "its gradient counts",
        (right[0], right[0], right[2]): "only a page",
        tuple(4 * x for x in right): "four bytes",
        (right[0], right[1], 1e8): "row-wise Adagrad: how many bytes",
    }.items():
        is_wrong("09.1", answer, words, secret=secret + right)


def search(query, table, k, size, sort=True, stop=True, early=False):
    """The k best with a bound by lengths, and what can go wrong as options."""
    norms, order = table.norm(dim=1).sort(descending=True)
    if not sort:
        order = torch.arange(len(table))
        norms = table.norm(dim=1)
    scores, rows, blocks = torch.empty(0), torch.empty(0, dtype=torch.long), 0
    for first in range(0, len(table), size):
        reach = query.norm() * norms[first]
        if len(scores) == k and ((stop and reach < scores[-1]) or early):
            break
        part = order[first : first + size]
        scores, rows = torch.cat([scores, table[part] @ query]), torch.cat([rows, part])
        scores, kept = scores.topk(min(k, len(scores)))
        rows, blocks = rows[kept], blocks + 1
    return scores, rows, blocks


def test_09_3_with_a_bound():
    def with_options(**options):
        return lambda *given: search(*given, **options)

    def untranslated(query, table, k, size):
        order = table.norm(dim=1).argsort(descending=True)
        scores, rows, blocks = search(query, table, k, size)
        return scores, order.argsort()[rows], blocks

    is_right("09.3", search)
    is_wrong("09.3", with_options(early=True), "stops too early")
    is_wrong("09.3", with_options(sort=False), "stops too early")
    is_wrong("09.3", with_options(stop=False), "never stops")
    is_wrong("09.3", untranslated, "translate back")
    is_wrong("09.3", lambda *given: search(*given)[:2], "3 things in brackets")


def slopes(q, k, v, g, root=8**0.5, second=1.0, size=16, tail=True):
    """The gradients of one query, block by block, and what can go wrong as options."""
    s = k @ q / 8**0.5
    p = (s - s.max()).exp() / (s - s.max()).exp().sum()
    o = p @ v
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    for first in range(0, len(k) if tail else len(k) // size * size, size):
        part = slice(first, first + size)
        ds = p[part] * (v[part] @ g - second * (o @ g))
        dv[part] = p[part, None] * g
        dq, dk[part] = dq + ds @ k[part] / root, ds[:, None] * q / root
    return dq, dk, dv


def test_09_5_backward():
    def with_options(**options):
        return lambda *given: slopes(*given, **options)

    is_right("09.5", slopes)
    is_wrong("09.5", with_options(root=1.0), "the root of the width")
    is_wrong("09.5", with_options(second=0.0), "second term")
    is_wrong("09.5", with_options(tail=False), "the last block is shorter")
    is_wrong("09.5", lambda q, k, v, g: slopes(q, k, v, g)[:2], "3 things in brackets")
    is_wrong("09.5", lambda q, k, v, g: (q, k, v), "the gradient of v isn't right")
    swapped = lambda q, k, v, g: (q, *slopes(q, k, v, g)[1:])  # noqa: E731
    is_wrong("09.5", swapped, "v is right, q isn't")
