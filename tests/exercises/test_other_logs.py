"""On a log of one's own the checks judge by that log, or say that it can't be asked."""

import foreign_logs
import numpy as np
import pandas as pd
import pytest
import torch
from asked import is_right, is_wrong

import seqrec_lib as sl
from seqrec_lib.exercises.check import check


@pytest.fixture(scope="module", params=["orders", "visits", "few"])
def data(request, tmp_path_factory):
    path = foreign_logs.write(request.param, tmp_path_factory.mktemp("log"))
    return sl.load_for_notebook(dataset=path, profile="smoke")


@pytest.fixture(scope="module")
def dataset(data):
    return sl.prepare(data, verbose=False)


@pytest.fixture(scope="module")
def model(dataset):
    return sl.SASREC(dataset.itemnum, 20, embedding_dim=8, seed=1).eval()


def test_lists(dataset, model):
    films = dataset.raw_items[[3, 7, 20, 11]].tolist()
    lists = [sl.recommend(model, dataset, histories=h)["item"] for h in (films, films[::-1])]
    is_right("00.1", len(set(lists[0]) & set(lists[1])), model, dataset, films)
    histories = [
        dataset.raw_items[dataset.sequences[u]].tolist()
        for u in range(1, min(100, dataset.usernum) + 1)
    ]
    other = dataset.raw_items[1]
    other = other.item() if hasattr(other, "item") else other

    def stay(change):
        found = []
        for history in histories:
            before, after = (
                set(sl.recommend(model, dataset, histories=h)["item"])
                for h in (history, change(history))
            )
            found.append(len(before & after))
        return np.mean(found)

    stays = stay(lambda h: [*h, other]), stay(lambda h: [other, *h])
    is_right("00.2", (other, *stays), model, dataset)
    users = dataset.raw_users[1:]
    counts = [
        sl.recommend(m, dataset, users=users)["item"].nunique()
        for m in (model, sl.Popularity(dataset))
    ]
    is_right("00.4", counts, model, dataset)
    hits = [
        sl.user_values(sl.full_ranks(kind(dataset), dataset), "HR@10").mean()
        for kind in (sl.MarkovChain, sl.ItemKNN)
    ]
    is_right("00.5", hits, dataset)


def test_ratings(data):
    counts = pd.Series(data.ratings["item"]).value_counts()
    is_right("01.1", ((counts >= 20).sum(), counts[counts >= 20].sum()), data)
    assert check("01.3", 0.3, data).right is None
    rows = data.ratings
    moment = float(rows["time"].quantile(0.7))
    span = rows.groupby("user")["time"].max()
    first = rows.groupby("item")["time"].min()
    answer = (moment, (span < moment).sum(), (first >= moment).sum())
    is_right("01.5", answer, rows)
    is_wrong("01.5", (moment, -1, 2), "make a set", rows)


def test_ties(data):
    found = []
    for options in ({}, {"ties": "random", "seed": 1}):
        ordered = sl.prepare(data, verbose=False, **options)
        ranks = sl.full_ranks(sl.MarkovChain(ordered), ordered)
        found.append(sl.user_values(ranks, "NDCG@10").mean())
    is_right("03.3", found, data)


def test_scores_and_holes(dataset):
    model = sl.SSEPT(dataset.itemnum, 20, user_num=dataset.usernum, embedding_dim=8, seed=1).eval()

    class Next:
        item_num = model.item_num

        def score(self, users, histories, candidates=None):
            return model.score(users % dataset.usernum + 1, histories, candidates)

    is_right("05.3", (Next(), model), dataset)
    batch = sl.WarpSampler(dataset.train, dataset.usernum, dataset.itemnum, 128, 20, seed=1)
    batch = batch.sample()
    whole = torch.cat([batch.seq[:, 1:], batch.pos[:, -1:]], dim=1)
    films = (whole != 0).sum(dim=1).double()
    holes = float((0.1 + 0.9 * (0.6 * films + 0.4**films)).sum())
    is_right("11.1", (holes, 1 - holes / float(films.sum())), batch)
    is_wrong("11.1", (holes, 0.9), "the questions are right", batch)


def test_protocols(dataset):
    candidates = sl.sampled_candidates(dataset, seed=1)
    chain = sl.MarkovChain(dataset)
    sampled = sl.candidate_ranks(chain, dataset, candidates)
    full = sl.full_ranks(chain, dataset)
    goal = sl.user_values(sampled, "HR@10").mean()
    away = [abs(sl.user_values(full, f"HR@{k}").mean() - goal) for k in range(1, dataset.itemnum)]
    is_right("06.3", 1 + int(np.argmin(away)), sampled, full)
    ranks = sl.candidate_ranks(sl.ItemKNN(dataset, neighbours=20), dataset, candidates)
    better, tied = ranks.better, ranks.tied
    fair = np.clip(10 - better, 0, tied + 1) / (tied + 1)
    found = [np.mean(better < 10), fair.mean(), np.mean(better + tied < 10)]
    is_right("06.2", found, dataset, candidates)
