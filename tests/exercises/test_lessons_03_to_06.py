"""The checks of lessons 03 to 06: right answers, computed otherwise, and typical wrong ones."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from asked import is_right, is_wrong
from scipy import stats
from torch import nn

import seqrec_lib as sl
from seqrec_lib.exercises.check import check
from seqrec_lib.exercises.lesson_06 import by_rule


class Attention(nn.Module):
    """The lesson's attention with one head, and what may be left out of it."""

    def __init__(self, width, heads, dropout, past=False, padding=False):
        super().__init__()
        self.Q, self.K, self.V = (nn.Linear(width, width) for _ in range(3))
        self.past, self.padding = past, padding

    def forward(self, queries, keys, real):
        T = queries.shape[1]
        scores = self.Q(queries) @ self.K(keys).transpose(1, 2) / math.sqrt(queries.shape[2])
        allowed = real[:, None, :] & real[:, :, None]
        if self.padding:
            allowed = torch.ones_like(allowed)
        if self.past:
            allowed = allowed & torch.ones(T, T, dtype=torch.bool).tril()
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        return (scores.softmax(dim=-1) * allowed) @ self.V(keys) + queries


def test_03_1_without_the_mask():
    def one(**options):
        module = Attention(8, 1, 0.0, **options)
        return lambda x, real: module(x, x, real)

    is_right("03.1", Attention)
    is_right("03.1", one())
    is_wrong("03.1", one(past=True), "`past` still masks")
    is_wrong("03.1", one(padding=True), "look at padding")
    is_wrong("03.1", lambda x, real: x[:, :2], "its shape is")
    is_wrong("03.1", lambda x: x, "raised TypeError")


class Scorer(sl.SASREC):
    """Film vectors enter by a rule of one's own."""

    factor = 1.0

    def scaled_items(self, items):
        return self.item_embedding_layer(items) * self.factor


def test_03_2_without_the_factor(sample_dataset):
    theirs = sl.SASREC(sample_dataset.itemnum, 20, 2, 16, seed=1).eval()
    mine, other = (Scorer(sample_dataset.itemnum, 20, 2, 16, seed=s).eval() for s in (1, 2))
    mine.load_state_dict(theirs.state_dict())
    given = (theirs, sample_dataset)
    is_right("03.2", mine, *given)
    is_wrong("03.2", theirs, "with the factor", *given)
    is_wrong("03.2", other, "load the weights", *given)
    mine.factor = 2.0
    is_wrong("03.2", mine, "only the factor may go", *given)
    is_wrong("03.2", 5.7, "a `score` method", *given)


def test_03_3_order_of_ties(sample_world):
    data, found, hits = sample_world.movielens, [], []
    for options in ({}, {"ties": "random", "seed": 1}):
        dataset = sl.prepare(data, verbose=False, **options)
        table = sl.summarise(sl.full_ranks(sl.MarkovChain(dataset), dataset), ks=(10,))["value"]
        found.append(table["NDCG@10"])
        hits.append(table["HR@10"])
        if not options:
            first = dataset
    secret = tuple(found)
    is_right("03.3", [round(x, 4) for x in found], data)
    is_wrong("03.3", found[::-1], "swapped", data, secret=secret)
    is_wrong("03.3", hits, "hit rates", data, secret=secret)
    drawn = sl.sampled_ranks(sl.MarkovChain(first), first, seed=5)
    drawn = sl.summarise(drawn, ks=(10,)).loc["NDCG@10", "value"]
    is_wrong("03.3", (drawn, found[1]), "`sl.full_ranks`", data, secret=secret)
    leaked = sl.summarise(sl.full_ranks(sl.MarkovChain(first), dataset), ks=(10,))["value"]
    is_wrong("03.3", (found[0], leaked["NDCG@10"]), "fitted on the second", data, secret=secret)
    is_wrong("03.3", (found[0], 0.9), "the first is right", data, secret=secret)
    without = replace(data, ratings=data.ratings.drop(columns="time"))
    assert check("03.3", found, without).right is None


def test_04_1_parameters():
    items, users, n, d = 23_715, 31_013, 50, 50
    inside = {D: n * D + 2 * 5 * (D**2 + D) + 3 * 2 * n * D for D in (d, 2 * d)}
    table, people = (items + 1) * d, (users + 1) * d
    right = (table + inside[d], table + people + inside[2 * d])
    is_right("04.1", right)
    wrong = {
        right[::-1]: "swapped",
        (right[0] - d, right[1]): "the padding",
        (right[0] + table, right[1]): "one table",
        (right[0] - 300 * d, right[1]): "scale and a shift",
        (right[0], right[1] - d): "padding row",
        (right[0], right[0] + people): "as wide as",
        (right[0], 5): "the width of both",
        (7, right[1]): "part by part",
    }
    for answer, words in wrong.items():
        is_wrong("04.1", answer, words, secret=right)


def test_04_2_longest():
    def root(batch, memory=8e9, alpha=30.0, beta=7.0, d=50):
        c = memory / (4 * batch)
        return (-alpha * d + math.sqrt((alpha * d) ** 2 + 4 * beta * c)) / (2 * beta)

    right = (int(root(128)), int(root(32)))
    given = (30.0, 7.0)
    is_right("04.2", right, *given)
    is_right("04.2", (1390, 2880), *given)
    is_wrong("04.2", right[::-1], "swapped", *given, secret=right)
    is_wrong("04.2", (right[0], 4 * right[0]), "four times the length", *given, secret=right)
    is_wrong("04.2", (root(128, 32e9), root(32, 32e9)), "four bytes", *given, secret=right)
    is_wrong("04.2", (root(1), root(1)), "single history", *given, secret=right)
    is_wrong("04.2", (8e9 / (512 * 1507), 40), "square of n", *given, secret=right)
    is_wrong("04.2", (1, 2), "for which n", *given, secret=right)


def test_04_3_halves():
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    sums = x[:2].sum(dim=0), x[2:].sum(dim=0)  # two and four films
    whole, summed, means = x.mean(dim=0), sum(sums) / 6, (sums[0] / 2 + sums[1] / 4) / 2
    is_right("04.3", (whole, summed, means))
    is_wrong("04.3", (whole, 2 * summed, means), "twice")
    is_wrong("04.3", (whole, means, summed), "don't add up")
    is_wrong("04.3", (whole, summed, summed), "one and the same")
    is_wrong("04.3", (0 * whole, summed, means), "is zero")
    is_wrong("04.3", (whole, summed, means[:2]), "shapes differ")
    is_wrong("04.3", (whole, summed, 2 * means), "divide by 2")


def test_05_1_turned_round():
    sse = sl.SSE(user=0.1, input_item=0.92, output_item=0.92, rule="as-released")
    share = 0.08 * 0.08
    is_right("05.1", (sse, share))
    is_right("05.1", (sse, 0.0060))
    is_wrong("05.1", (sse, 0.08), "the target must stay", secret=(share,))
    is_wrong("05.1", (sse, 0.92), "how much is hit", secret=(share,))
    is_wrong("05.1", (sse, 0.92**2), "two are hit", secret=(share,))
    is_wrong("05.1", (sse, 0.3), "which two", secret=(share,))
    paper = sl.SSE(user=0.1, input_item=0.92, output_item=0.92)
    is_wrong("05.1", (paper, share), "as-released")
    taken = sl.SSE(user=0.9, input_item=0.08, output_item=0.08, rule="as-released")
    is_wrong("05.1", (taken, share), "a threshold keeps", secret=(0.1, 0.92))
    authors = sl.SSE(user=0.92, input_item=0.1, output_item=0.1, rule="as-released")
    is_wrong("05.1", (authors, share), "authors' thresholds", secret=(0.1, 0.92))
    is_wrong("05.1", ("SSE", share), "`sl.SSE(…)`")


def test_05_2_equal_windows():
    sampler = sl.WarpSampler(
        {1: range(1, 41)}, 1, 41, 20_000, 10, seed=1, window_probability=29 / 30
    )
    counts = np.bincount(sampler.sample().seq[:, 0].numpy())[1:]
    assert stats.chisquare(counts).pvalue > 1e-4
    right = 29 / 30
    is_right("05.2", right)
    is_right("05.2", 0.967)
    for answer, words in {
        30 / 31: "off by one",
        1 / 30: "*last* window",
        1 / 29: "each window",
        39 / 40: "forty windows",
        0.75: "overlap",
        0.5: "count the windows",
    }.items():
        is_wrong("05.2", answer, words, secret=(right,))


class Told:
    """A scorer that tells a model another user, or another history."""

    def __init__(self, model, who, history=lambda h: h):
        self.model, self.who, self.history = model, who, history
        self.item_num = model.item_num

    def score(self, users, histories, candidates=None):
        return self.model.score(self.who(users), self.history(histories), candidates)


def test_05_3_wrong_user(sample_dataset):
    model = sl.SSEPT(
        sample_dataset.itemnum, 20, user_num=sample_dataset.usernum, embedding_dim=8, seed=1
    ).eval()

    def told(who, history=lambda h: h):
        return Told(model, who, history), model

    is_right("05.3", told(lambda u: u.roll(1)), sample_dataset)
    is_right("05.3", told(lambda u: u % model.user_num + 1), sample_dataset)
    is_right("05.3", told(lambda u: u * 0 + model.user_num), sample_dataset)
    is_wrong("05.3", told(lambda u: u), "their own vector", sample_dataset)
    is_wrong("05.3", told(lambda u: None), "a stranger's", sample_dataset)
    both = told(lambda u: u.roll(1), lambda h: h.roll(1, dims=0))
    is_wrong("05.3", both, "the history stays", sample_dataset)
    is_wrong("05.3", ("nobody", model), "a `score` method", sample_dataset)
    is_wrong("05.3", (both[0], "PT"), "one of section 5", sample_dataset)


def test_06_1_ranks_and_ndcg():
    ranks = {1 / math.log2(rank + 1): rank for rank in range(1, 20)}
    right = (ranks[0.5], ranks[0.25], np.mean([1.0, 0.0]))
    is_right("06.1", right)
    secret = (15.0,)
    is_wrong("06.1", (4, 15, 0.5), "off by one", secret=(3.0, 15.0))
    is_wrong("06.1", (2, 4, 0.5), "to base 2", secret=(3.0, 15.0))
    is_wrong("06.1", (3, 16, 0.5), "in the second", secret=secret)
    is_wrong("06.1", (3, 15, (1 + 1 / math.log2(12)) / 2), "at rank 11")
    is_wrong("06.1", (3, 15, 0.9), "the mean isn't right")
    is_wrong("06.1", (9, 15, 0.5), "the first rank", secret=(3.0, 15.0))


def test_06_2_ties_of_neighbours(sample_dataset):
    candidates = sl.sampled_candidates(sample_dataset, seed=1)
    scores, found = sl.ItemKNN(sample_dataset, neighbours=20), []
    ranks = sl.candidate_ranks(scores, sample_dataset, candidates)
    better, tied = ranks.better, ranks.tied
    fair = np.clip(10 - better, 0, tied + 1) / (tied + 1)  # of the places, those in the top ten
    found = [np.mean(better < 10), fair.mean(), np.mean(better + tied < 10)]
    given, secret = (sample_dataset, candidates), tuple(found)
    is_right("06.2", found, *given)
    is_wrong("06.2", found[::-1], "swapped", *given, secret=secret)
    is_wrong("06.2", (found[0], 0.1, found[2]), '"fair"', *given, secret=secret)
    is_wrong("06.2", by_rule(sample_dataset, candidates, 10), "ten neighbours", *given)
    is_wrong("06.2", by_rule(sample_dataset, candidates, 20, "NDCG@10"), "NDCG@10", *given)


def test_06_3_a_tenth(sample_dataset):
    chain = sl.MarkovChain(sample_dataset)
    sampled = sl.sampled_ranks(chain, sample_dataset, seed=1)
    full = sl.full_ranks(chain, sample_dataset)
    goal = sl.user_values(sampled, "HR@10").mean()
    away = {k: abs(sl.user_values(full, f"HR@{k}").mean() - goal) for k in range(1, 200)}
    right = min(away, key=away.__getitem__)
    given = (sampled, full)
    is_right("06.3", right, *given)
    is_wrong("06.3", 10, "far harder", *given, secret=(right,))
    is_wrong("06.3", 100, "smaller k", *given, secret=(right,))
    is_wrong("06.3", 5, "larger k", *given, secret=(right,))
    is_wrong("06.3", 0.5, "whole number", *given, secret=(right,))


def test_06_4_looking_often():
    rng = np.random.default_rng(5)
    a, b = (rng.exponential(size=(400, 500)).cumsum(axis=1) for _ in range(2))
    n = np.arange(100, 501, 100)
    z = np.abs(a[:, n - 1] - b[:, n - 1]) / np.sqrt(2 * n)  # variance 1 each
    once, often = (z[:, -1] > 1.96).mean(), (z > 1.96).any(axis=1).mean()
    is_right("06.4", (once, often))
    is_wrong("06.4", (often, once), "swapped")
    is_wrong("06.4", (0.95, 0.99), "*not* below")
    is_wrong("06.4", (0.3, 0.4), "as it promises")
    is_wrong("06.4", (once, once), "should find more")
    is_wrong("06.4", (0.05, 0.9), "too often")
    is_wrong("06.4", (5, 18), "shares")


@pytest.fixture(scope="module")
def timed(sample_world):
    timed = sl.prepare(sample_world.movielens, keep_times=True, verbose=False)
    timed.split_at(*np.quantile(timed.sequences.times, (0.8, 0.9)))
    return timed


def asked_for(timed, place, shown=lambda known, target: (known, target), train=None):
    """A data set that asks for another film, and shows what lies between."""
    tested = np.flatnonzero((timed.targets("test") > 0) & (timed.train.lengths > 0))
    parts = {}, {}
    for user in tested.tolist():
        history, known = timed.sequences[user].tolist(), int(timed.train.lengths[user])
        target = len(history) - 1
        if place == "first":
            target = history.index(int(timed.targets("test")[user]))
        start, end = shown(known, target)
        parts[0][user], parts[1][user] = history[start:end], [history[target]]
    return sl.SASRecDataSet.from_split(
        train or timed.train, *parts, timed.usernum, timed.itemnum, timed.items
    )


def test_06_5_leak_or_sitting(timed):
    is_right("06.5", asked_for(timed, "last"), timed)
    is_wrong("06.5", asked_for(timed, "first"), "first film after the moment", timed)
    leaky = asked_for(timed, "last", lambda known, target: (known, target + 1))
    is_wrong("06.5", leaky, "the test film is in the input", timed)
    short = asked_for(timed, "last", lambda known, target: (known, known))
    is_wrong("06.5", short, "stops too early", timed)
    train = {u: timed.sequences[u][:-1].tolist() for u in timed.sequences}
    later = asked_for(timed, "last", lambda known, target: (target, target), train)
    is_wrong("06.5", later, "only films from before the moment", timed)
    plain = sl.prepare(sl.load_for_notebook(profile="smoke"), verbose=False)
    is_wrong("06.5", plain, "don't come back", timed)
    is_wrong("06.5", 0.2, "`sl.SASRecDataSet.from_split`", timed)
