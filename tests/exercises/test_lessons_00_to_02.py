"""The checks of lessons 00 to 02: right answers, computed otherwise, and typical wrong ones."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from asked import is_right, is_wrong
from torch.nn import functional

import seqrec_lib as sl
from seqrec_lib.exercises.check import check

FILMS = ["Orbit of Glass", "Last Robot in Leeds", "Time Machinist", "Gravity Tax"]


@pytest.fixture(scope="module")
def shipped(sample_dataset):
    return sl.load("sasrec-sample", dataset=sample_dataset)[0]


@pytest.fixture(scope="module")
def ratings(sample_world):
    return sample_world.movielens.ratings


def ten(model, dataset, histories):
    """Sets of the ten best unseen items, from the scores themselves."""
    n = max(map(len, histories))
    padded = torch.tensor([[0] * (n - len(h)) + list(h) for h in histories])
    scores = model.score(None, padded).clone()
    scores.scatter_(1, padded, -torch.inf)
    return [set(row) for row in scores.topk(10).indices.tolist()]


def test_00_1_reversed_films(sample_dataset, shipped):
    ids = [sample_dataset.item_number(i) for i in sample_dataset.item_ids(FILMS).values()]
    one, other = ten(shipped, sample_dataset, [ids, ids[::-1]])
    stay, given = len(one & other), (shipped, sample_dataset, FILMS)
    assert stay not in (0, 5, 10)
    is_right("00.1", stay, *given)
    is_right("00.1", np.int64(stay), *given)
    is_wrong("00.1", 10 - stay, "films that leave", *given, secret=(stay,))
    is_wrong("00.1", 10, "the same order", *given, secret=(stay,))
    is_wrong("00.1", stay / 10, "a count of films", *given, secret=(stay,))
    is_wrong("00.1", "many", "isn't a number", *given)


def test_00_2_one_film_more(sample_dataset, shipped):
    film = "Otter Detectives"
    more = sample_dataset.item_number(sample_dataset.item_id(film))
    histories = [sample_dataset.sequences[u].tolist() for u in range(1, 101)]
    before = ten(shipped, sample_dataset, histories)
    stay = [
        float(
            np.mean(
                [
                    len(a & b)
                    for a, b in zip(before, ten(shipped, sample_dataset, after), strict=True)
                ]
            )
        )
        for after in ([[*h, more] for h in histories], [[more, *h] for h in histories])
    ]
    given, secret = (shipped, sample_dataset), tuple(stay)
    is_right("00.2", (film, *(round(x, 1) for x in stay)), *given)
    is_right("00.2", [sample_dataset.item_id(film), *stay], *given)
    is_wrong("00.2", (film, *stay[::-1]), "swapped", *given, secret=secret)
    is_wrong("00.2", (film, *(10 - x for x in stay)), "films that leave", *given, secret=secret)
    is_wrong("00.2", (film, *(100 * x for x in stay)), "average", *given, secret=secret)
    is_wrong("00.2", (film, stay[0], stay[0]), "both ends", *given, secret=secret)
    is_wrong("00.2", ("Otter", *stay), "begins the titles", *given, secret=secret)
    is_wrong("00.2", stay, "3 things in brackets", *given, secret=secret)


def test_00_4_too_often(sample_dataset, shipped):
    everyone = [sample_dataset.sequences[u].tolist() for u in sample_dataset.sequences]
    users = sample_dataset.raw_users[1:]
    lists = sl.recommend(sl.Popularity(sample_dataset), sample_dataset, users=users)
    popular = set(lists["title"])
    ours = set.union(*ten(shipped, sample_dataset, everyone))
    right, given = (len(ours), len(popular)), (shipped, sample_dataset)
    is_right("00.4", right, *given)
    is_wrong("00.4", right[::-1], "swapped", *given, secret=right)
    is_wrong("00.4", (right[0], 10), "more than one list", *given, secret=right)
    is_wrong("00.4", (10_000, right[1]), "each film once", *given, secret=right)
    is_wrong("00.4", (right[0], 20), "every", *given, secret=right)


def test_00_5_stronger_baselines(sample_dataset):
    found = []
    for model in (sl.MarkovChain(sample_dataset), sl.ItemKNN(sample_dataset)):
        ranks = sl.full_ranks(model, sample_dataset)
        found.append(sl.summarise(ranks, ks=(10,)).loc["HR@10", "value"])
    ndcg = sl.summarise(ranks, ks=(10,)).loc["NDCG@10", "value"]
    secret = tuple(found)
    is_right("00.5", [round(x, 3) for x in found], sample_dataset)
    is_wrong("00.5", found[::-1], "swapped", sample_dataset, secret=secret)
    is_wrong("00.5", [100 * x for x in found], "a share", sample_dataset, secret=secret)
    is_wrong("00.5", (found[0], ndcg), "NDCG@10", sample_dataset, secret=secret)
    drawn = sl.sampled_ranks(sl.MarkovChain(sample_dataset), sample_dataset, seed=4)
    drawn = sl.summarise(drawn, ks=(10,)).loc["HR@10", "value"]
    is_wrong("00.5", (drawn, found[1]), "hundred drawn", sample_dataset, secret=secret)


def test_01_1_twenty(sample_world, ratings):
    often = ratings["item"].value_counts().idxmax()  # of this film, exactly twenty stay
    ratings = ratings.drop(ratings.index[ratings["item"] == often][20:])
    data = replace(sample_world.movielens, ratings=ratings)
    counts = {}
    for film in ratings["item"].tolist():
        counts[film] = counts.get(film, 0) + 1

    def left(least):
        kept = [n for n in counts.values() if n >= least]
        return len(kept), sum(kept)

    assert left(21) != left(20)
    right = left(20)
    is_right("01.1", right, data)
    is_wrong("01.1", right[::-1], "swapped", data, secret=right)
    is_wrong("01.1", left(21), "exactly twenty", data, secret=right)
    is_wrong("01.1", left(5), "with five", data, secret=right)
    is_wrong("01.1", (1000, right[1]), "users", data, secret=right)
    is_wrong("01.1", (3, 4), "`filter_ratings`", data, secret=right)
    is_wrong("01.1", 3, "give 2 numbers", data, secret=right)


@pytest.mark.parametrize(
    ("n", "right", "wrong"),
    [
        (50, (29, 49), {(30, 50): "from 0", (49, 49): "in front", (29, 299): "cut off",
                        (49, 29): "swapped", (0, 0): "oldest", (19, 49): "zeros begin"}),
        (20, (19, 19), {(20, 20): "from 0", (29, 299): "cut off", (3, 4): "write both rows"}),
    ],
)  # fmt: skip
def test_01_2_padding_behind(n, right, wrong):
    rows = sl.pad_sequences([range(1, 31), range(1, 301)], n, padding="post")
    assert tuple(int(row.argmax()) for row in rows) == right
    is_right("01.2", right, n)
    for answer, words in wrong.items():
        is_wrong("01.2", answer, words, n, secret=right)


def test_01_3_liked_only(sample_world, ratings):
    data = sample_world.movielens
    both = []
    for rows in (ratings, ratings[ratings["rating"] >= 4]):
        rows = rows[rows["item"].map(rows["item"].value_counts()) >= 5]
        ordered = rows.sort_values(["user", "time"], kind="stable").groupby("user")["item"]
        both.append(ordered.last()[ordered.size() >= 3])
    table = pd.concat(both, axis=1).dropna()
    changed = table.iloc[:, 0] != table.iloc[:, 1]
    share = changed.mean()
    is_right("01.3", share, data)
    is_right("01.3", f"{share:.2f}", data)
    is_right("01.3", round(100 * share), data)
    is_wrong("01.3", changed.sum(), "you counted users", data, secret=(share,))
    is_wrong("01.3", 1 - share, "that stay", data, secret=(share,))
    is_wrong("01.3", 0.9, "raw ids", data, secret=(share,))
    no_stars = replace(data, ratings=ratings.drop(columns="rating"))
    assert check("01.3", 0.5, no_stars).right is None


def test_01_5_one_moment(ratings):
    moment = float(ratings["time"].quantile(0.8))
    sides = {}
    for user, film, time in ratings[["user", "item", "time"]].itertuples(index=False):
        sides.setdefault(("user", user), set()).add(time >= moment)
        sides.setdefault(("item", film), set()).add(time >= moment)
    only = [
        sum(seen == {later} for (kind, _), seen in sides.items() if kind == name)
        for name, later in (("user", False), ("item", True), ("user", True))
    ]
    right, given = (moment, only[0], only[1]), (ratings,)
    secret = (only[0],)
    is_right("01.5", right, *given)
    is_wrong("01.5", (moment, only[2], right[2]), "*before* the moment", *given, secret=secret)
    on_both = ratings["user"].nunique() - only[0] - only[2]
    is_wrong("01.5", (moment, on_both, right[2]), "on both sides", *given, secret=secret)
    is_wrong("01.5", (moment, 3, right[2]), "make a set", *given, secret=secret)
    is_wrong("01.5", (*right[:2], 17), "users are right", *given, secret=secret)
    is_wrong("01.5", (0, *right[1:]), "outside of all times", *given, secret=secret)


X = torch.tensor([[2.0, 0, 1], [0, 2, 1], [2, 0, 2], [0, 2, 0], [0, 1, 2]])  # (T, D)


def weights(factor=1.0, root=3**0.5, dim=-1):
    powers = torch.exp(factor * (X @ X.T) / root)
    return powers / powers.sum(dim=dim, keepdim=True)


def test_02_1_sharper():
    is_right("02.1", (weights(4), weights(0.25)), X)
    is_right("02.1", (weights(4).numpy(), weights(0.25).tolist()), X)
    is_wrong("02.1", (weights(0.25), weights(4)), "swapped", X)
    is_wrong("02.1", (4 * weights(), weights() / 4), "before the softmax", X)
    is_wrong("02.1", (weights(4), weights()), "without a factor", X)
    is_wrong("02.1", (weights(4, root=1), weights(0.25, root=1)), "root of the width", X)
    is_wrong("02.1", (weights(4, dim=0), weights(0.25, dim=0)), "columns add up", X)
    is_wrong("02.1", (weights(4) * 2, weights(0.25)), "add up to 1", X)
    is_wrong("02.1", (X, X), "shape is (5, 3)", X)
    is_wrong("02.1", weights(4), "2 things in brackets", X)


def cured(allowed, again=True):
    scores = (X @ X.T / 3**0.5).masked_fill(~allowed, torch.finfo(torch.float32).min)
    return (scores.softmax(dim=-1) * (allowed if again else 1)) @ X


def test_02_2_not_at_itself():
    ones = torch.ones(5, 5, dtype=torch.bool)
    rows = []  # row by row, over what each may see
    for t in range(5):
        seen = (X[t] @ X[:t].T / 3**0.5).softmax(dim=0) @ X[:t] if t else torch.zeros(3)
        rows.append(seen)
    out = torch.stack(rows)
    is_right("02.2", (0, out), X)
    is_wrong("02.2", (1, out), "count from 0", X)
    is_wrong("02.2", (4, out), "nothing left to look at", X)
    is_wrong("02.2", (0, cured(ones.tril(-1), again=False)), "once more", X)
    is_wrong("02.2", (0, cured(ones.tril())), "still sees itself", X)
    is_wrong("02.2", (0, cured(ones.triu(1))), "into the future", X)
    is_wrong("02.2", (0, out * torch.nan), "still a NaN", X)
    is_wrong("02.2", (0, X), "call `attend_6`", X)


def test_02_3_window_of_three():
    T = 8
    mask = torch.tensor([[0 <= t - s < 3 for s in range(T)] for t in range(T)])
    reach = mask.float() @ mask.float()  # two layers
    back = int((reach[-1] > 0).nonzero().min())
    right = T - 1 - back
    is_right("02.3", (mask, right))
    is_wrong("02.3", (mask, 2), "that's one layer", secret=(right,))
    is_wrong("02.3", (mask, 5), "the film itself", secret=(right,))
    is_wrong("02.3", (mask, 6), "overlap", secret=(right,))
    wider = torch.tensor([[0 <= t - s <= 3 for s in range(T)] for t in range(T)])
    is_wrong("02.3", (wider, right), "sees 4 films")
    both = torch.tensor([[abs(t - s) < 3 for s in range(T)] for t in range(T)])
    is_wrong("02.3", (both, right), "the future")
    without = mask & ~torch.eye(T, dtype=torch.bool)
    is_wrong("02.3", (without, right), "the one itself")
    is_wrong("02.3", (mask[:3, :3], right), "at least 6")


def test_02_4_other_way():
    is_right("02.4", 0.998)
    is_wrong("02.4", 0.2, "position vectors")
    is_wrong("02.4", 99.8, "a share")


def pieces(q, k, v, piece=4, shrinks=True, causal=True, stable=True, tail=True, root=4.0):
    """Attention over keys a few at a time, with what can go wrong as options."""
    T = len(q)
    most = torch.full((T, 1), -torch.inf)
    total, out = torch.zeros(T, 1), torch.zeros_like(v)
    ends = [*range(0, T + 1, piece)] if not tail else [*range(0, T, piece), T]
    for start, end in pairwise(ends):
        scores = q @ k[start:end].T / root
        if causal:
            late = torch.arange(start, end) > torch.arange(T)[:, None]
            scores = scores.masked_fill(late, -torch.inf)
        new = torch.maximum(most, scores.amax(dim=1, keepdim=True))
        if not stable:
            new = torch.zeros_like(new)
        scale = (most - new).exp() if shrinks and stable else torch.ones_like(new)
        powers = (scores - new).exp()
        total = total * scale + powers.sum(dim=1, keepdim=True)
        out = out * scale + powers @ v[start:end]
        most = new
    return out / total


def test_02_5_in_pieces():
    q, k, v = torch.randn(3, 10, 16, generator=torch.Generator().manual_seed(1))
    whole = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(pieces(q, k, v), whole)
    is_right("02.5", pieces)
    is_wrong("02.5", lambda q, k, v: pieces(q, k, v, causal=False), "sees the future")
    is_wrong("02.5", lambda q, k, v: pieces(q, k, v, root=1.0), "root of the width")
    is_wrong("02.5", lambda q, k, v: pieces(q, k, v, shrinks=False), "must be scaled")
    is_wrong("02.5", lambda q, k, v: pieces(q, k, v, stable=False), "overflow")
    is_wrong("02.5", lambda q, k, v: pieces(q, k, v, tail=False), "the last one is shorter")
    is_wrong("02.5", lambda q, k, v: v, "compare with `attend_4`")
    is_wrong("02.5", lambda q, k: v, "your code raised TypeError")
    is_wrong("02.5", whole, "a function is wanted")
    is_wrong("02.5", lambda q, k, v: v[:2], "its shape is (2, 16)")
