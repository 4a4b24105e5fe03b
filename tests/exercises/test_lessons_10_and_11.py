"""The checks of lessons 10 and 11: right answers, computed otherwise, and typical wrong ones."""

from functools import cache

import pandas as pd
import torch
from asked import is_right, is_wrong
from torch.nn import functional

import seqrec_lib as sl
from seqrec_lib.exercises.lesson_10 import PAIR


def test_10_1_two_papers():
    printed = pd.read_csv("seqrec_lib/reproduce/published.csv")
    printed = printed[(printed["model"] == "SASRec") & (printed["metric"] == "NDCG@10")]
    by = {}
    for line in printed.itertuples():
        if (line.paper, line.table) in (("SASRec", "III"), ("SSE-PT", "1")):
            by.setdefault(line.dataset, {})[line.paper] = line.value
    right = {place: pair["SSE-PT"] - pair["SASRec"] for place, pair in by.items()}
    assert len(right) == 4
    secret = tuple(map(abs, right.values()))
    is_right("10.1", right)
    is_right("10.1", pd.Series(right).round(4))
    is_wrong("10.1", {k: -v for k, v in right.items()}, "the sign", secret=secret)
    is_wrong("10.1", right | {"Games": 0.1}, "Games: is it NDCG@10", secret=secret)
    is_wrong("10.1", {"Games": right["Games"]}, "more data sets", secret=secret)
    is_wrong("10.1", right | {"Netflix": 0.1}, "for Netflix", secret=secret)
    is_wrong("10.1", tuple(right.values()), "a dict or a Series", secret=secret)


@cache
def lines_of(table):
    return sl.compare_with_paper(table)


def reproduced(hits=2.0, once=True):
    """Counts by a loop over the comparison's lines."""
    counts, seen = dict.fromkeys((0.001, 0.002, 0.004, 0.008, 0.016), 0), set()
    for table in ("III", "IV", "V", "SSE-PT", "SSE-PT++"):
        for line in lines_of(table).itertuples():
            if pd.isna(line.difference) or pd.isna(line.label) or (once and line.label in seen):
                continue
            seen.add(line.label)
            for t in counts:
                off = not pd.isna(line.difference_hr) and abs(line.difference_hr) > hits * t + 1e-9
                counts[t] += abs(line.difference) <= t + 1e-9 and not off
    return list(counts.values()), len(seen)


def test_10_2_tolerances():
    right, runs = reproduced()
    secret = tuple(right)
    is_right("10.2", right)
    is_wrong("10.2", right[::-1], "swapped", secret=secret)
    is_wrong("10.2", [runs - x for x in right], "*aren't*", secret=secret)
    is_wrong("10.2", reproduced(hits=1e9)[0], "HR@10 must fit", secret=secret)
    is_wrong("10.2", reproduced(hits=1.0)[0], "twice the tolerance", secret=secret)
    is_wrong("10.2", reproduced(once=False)[0], "counts once", secret=secret)
    is_wrong("10.2", [5, 4, 6, 7, 8], "can't reproduce less", secret=secret)
    is_wrong("10.2", [5, 6, 7, 8, 90], "more than there are", secret=secret)
    is_wrong("10.2", [1, 2, 3, 4, 5], "`my_verdict(", secret=secret)


def test_10_3_best_or_last():
    gains = {}
    for table in sl.REPRODUCED_TABLES:
        for line in sl.recorded_table(table).itertuples():
            if line.epochs:
                values = sl.recorded_curve(line.run)["val_ndcg"].dropna().tolist()
                gains[line.row, line.run] = max(values) - values[-1]
    (row, label), second = sorted(gains, key=gains.__getitem__)[::-1][:2]
    most = gains[row, label]
    is_right("10.3", (row, most))
    is_right("10.3", (label, round(most, 4)))
    is_wrong("10.3", (*second[:1], gains[second]), "another run gains more", secret=(most,))
    is_wrong("10.3", (second[0], most), "the row isn't")
    is_wrong("10.3", (row, -most), "the sign", secret=(most,))
    is_wrong("10.3", (row, 0.9), "more than any run", secret=(most,))
    is_wrong("10.3", (row, 0), "at least as good", secret=(most,))


def test_10_4_fewer_users():
    sasrec, pt = (sl.recorded_ranks(label, "ml-1m") for label in PAIR)

    def differences(protocol="sampled", metric="NDCG@10", cut=None):
        values = [sl.user_values(ranks[protocol], metric) for ranks in (sasrec, pt)]
        cut = cut or (lambda x, step: x[::step])
        return [cut(values[0], s).mean() - cut(values[1], s).mean() for s in (1, 4, 16, 64, 256)]

    right = differences()
    secret = tuple(map(abs, right))
    is_right("10.4", (right, 378))
    is_right("10.4", ([round(x, 4) for x in right], 378))
    is_wrong("10.4", (right, 24), "zero is in the interval", secret=(*secret, 378))
    is_wrong("10.4", (right, 6040), "fewer users", secret=(*secret, 378))
    is_wrong("10.4", (right, 16), "five numbers of users", secret=(*secret, 378))
    is_wrong("10.4", ([-x for x in right], 378), "the sign", secret=secret)
    is_wrong("10.4", (differences("full"), 378), "all items", secret=secret)
    is_wrong("10.4", (differences(metric="HR@10"), 378), "hit rates", secret=secret)
    first = differences(cut=lambda x, step: x[: len(x[::step])])
    is_wrong("10.4", (first, 378), "the *first* users", secret=secret)
    is_wrong("10.4", ([0.1] * 5, 378), "the same users of both", secret=secret)


def test_11_1_more_holes(sample_dataset):
    sampler = sl.WarpSampler(
        sample_dataset.train, sample_dataset.usernum, sample_dataset.itemnum, 128, 20, seed=1
    )
    batch = sampler.sample()
    whole = torch.cat([batch.seq[:, 1:], batch.pos[:, -1:]], dim=1)  # as the lesson's class has it
    generator, real = torch.Generator().manual_seed(2), whole != 0

    def holes(share):
        hide = (torch.rand(whole.shape, generator=generator) < share) & real
        hide[torch.rand(len(whole), generator=generator) < 0.1] = False
        hide[:, -1] |= ~hide.any(dim=1)
        return int(hide.sum())

    films, found = int(real.sum()), holes(0.6)
    right = (found, 1 - found / films)
    is_right("11.1", right, batch)
    is_wrong("11.1", (found, found / films), "what's left to be seen", batch, secret=right)
    few = holes(0.2)
    is_wrong("11.1", (few, 1 - few / films), "`bert.hidden`", batch, secret=right)
    is_wrong("11.1", (films, 0.5), "every film", batch, secret=right)
    is_wrong("11.1", (found, 0.2), "the questions are right", batch, secret=right)
    is_wrong("11.1", (found, 100 * right[1]), "from 0 to 1", batch, secret=right)
    is_wrong("11.1", (3 * found, 0.5), "`bert.mask`", batch, secret=right)


def test_11_2_solve_for_t():
    alpha, scores = 64 / 3415, torch.linspace(-6, 3, 90_001, dtype=torch.float64)

    def believed(t):
        beta = 1 - t * (1 - alpha)
        loss = beta * 0.01 * functional.softplus(-scores)
        loss = loss + 0.99 * alpha * functional.softplus(scores)
        return float(torch.sigmoid(scores[loss.argmin()]))

    low, high = 0.0, 1.0  # bisection: the larger t, the smaller the belief
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if believed(middle) > 0.1 else (low, middle)
    right = (low + high) / 2
    beta = 1 - right * (1 - alpha)
    is_right("11.2", right)
    is_right("11.2", 0.81)
    for answer, words in {
        beta: "that's beta",
        alpha: "that's alpha",
        1 - beta: "1 - beta",
        1.0: "the truth",
        0.5: "`believed`",
    }.items():
        is_wrong("11.2", answer, words, secret=(right,))


def test_11_3_peeking():
    is_right("11.3", ((0.4, 0.3), (3.97, 0.53)))
    is_wrong("11.3", ((3.97, 0.53), (0.4, 0.3)), "swapped")
    is_wrong("11.3", ((3.5, 0.3), (3.97, 0.53)), "hardly learned")
    is_wrong("11.3", ((0.4, 0.6), (3.97, 0.53)), "shouldn't help")
    is_wrong("11.3", ((0.3, 0.4), (0.53, 3.97)), "the loss comes first")
    is_wrong("11.3", (0.4, 0.3), "give 2 numbers")
