"""The exercises of lesson 10, Paper against ours: two papers, a tolerance, epochs, and users."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.exercises.asking import Exercise, hint, hint_if, near, numbers, parts
from seqrec_lib.reproduce.comparison import compare_with_paper
from seqrec_lib.reproduce.published import published_results
from seqrec_lib.reproduce.recorded import recorded_curve, recorded_ranks, recorded_table
from seqrec_lib.reproduce.tables import REPRODUCED_TABLES

PRINTED = ("III", "IV", "V", "SSE-PT", "SSE-PT++")
TOLERANCES = (0.001, 0.002, 0.004, 0.008, 0.016)
STEPS = (1, 4, 16, 64, 256)
PAIR = ("V__n=50__1", "SSE-PT__pt-n=50-50+50__1")  # SASRec and PT, T = 50


def two_papers(answer: Any) -> None:
    """{data set: what SSE-PT's paper prints for SASRec minus what SASRec's prints}."""
    mine = answer.to_dict() if isinstance(answer, pd.Series) else answer
    hint_if(not isinstance(mine, Mapping), 'give a dict or a Series by data set: {"Games": …}')
    right = {}
    columns = []
    for paper, table in (("SASRec", "III"), ("SSE-PT", "1")):
        cells = published_results(paper, table).reset_index()
        cells = cells[(cells["model"] == "SASRec") & (cells["setting"] == "")]
        columns.append(cells.set_index("dataset")["NDCG@10"])
    right = (columns[1] - columns[0]).dropna().to_dict()
    other = sorted(set(map(str, mine)) - set(right))
    hint_if(other, f"both papers print no SASRec for {', '.join(other)}")
    hint_if(set(right) - set(mine), "both papers print more data sets than these")
    values = dict(zip(mine, numbers(mine, len(mine)), strict=True))
    flipped = all(near(values[x], -right[x], at_least=6e-5) for x in right)
    hint_if(flipped, "the sign: SSE-PT's paper minus SASRec's, the later minus the earlier")
    off = [str(x) for x in right if not near(values[x], right[x], at_least=6e-5)]
    hint_if(off, f"{', '.join(off)}: is it NDCG@10 of both, of the model SASRec without a setting?")


@cache
def _judged() -> pd.DataFrame:
    """The recorded runs beside the papers, without what can't be compared."""
    rows = pd.concat([compare_with_paper(table) for table in PRINTED])
    return rows[rows["difference"].notna() & rows["label"].notna()]


def tolerances(answer: Any) -> None:
    """How many runs count as reproduced, for five tolerances."""
    found = numbers(answer, len(TOLERANCES))
    rows = _judged()
    once = rows.drop_duplicates("label")

    def counts(among: pd.DataFrame, hits: float = 2.0, most: float = 1e-9) -> list[float]:
        ndcg, hr = among["difference"].abs(), among["difference_hr"].abs()
        return [float(((ndcg <= t + most) & ~(hr > hits * t + most)).sum()) for t in TOLERANCES]

    right = counts(once)
    if found == right:
        return
    hint_if(found == right[::-1], "swapped: the smallest tolerance first")
    hint_if(found == [len(once) - x for x in right], "those are the ones that *aren't* reproduced")
    hint_if(found == counts(once, np.inf), "HR@10 must fit, too, where a paper prints it")
    hint_if(found == counts(once, 1.0), "HR@10 may be off by twice the tolerance")
    hint_if(found == counts(rows), "a run that's printed twice counts once")
    hint_if(found == counts(once, 2.0, -1e-9), "at most the tolerance: equal is still within")
    falls = any(a > b for a, b in pairwise(found))
    hint_if(falls, "a wider tolerance can't reproduce less")
    hint_if(max(found) > len(once), "that's more than there are runs to judge")
    hint('count "reproduced" among `my_verdict(…, tolerance=…)` of the rows of `judged`')


@cache
def _gains() -> list[tuple[float, str, str]]:
    """(validation NDCG@10 of the best epoch minus the last, row, label) of every recorded run."""
    lines = []
    for table in REPRODUCED_TABLES:
        for line in recorded_table(table).to_dict("records"):
            if line["epochs"] > 0:
                curve = recorded_curve(line["run"])["val_ndcg"].dropna()
                lines.append((curve.max() - curve.iloc[-1], line["row"], line["run"]))
    return lines


def best_or_last(answer: Any) -> None:
    """The row that gains most by keeping the best epoch, and how much it gains."""
    row, gain = parts(answer, 2)
    (gained,) = numbers(gain, 1)
    most, name, label = max(_gains())
    hint_if(
        near(gained, -most, at_least=6e-5), "the sign: the best minus the last is never negative"
    )
    hint_if(gained <= 0, "the best epoch is at least as good as the last one")
    hint_if(gained > most + 6e-5, "more than any run gains: is it validation NDCG@10, and the last "
            "*validated* epoch (`dropna`)?")  # fmt: skip
    other = "another run gains more: have you looked at every table of `REPRODUCED_TABLES`?"
    hint_if(not near(gained, most, at_least=6e-5), other)
    hint_if(str(row) not in (name, label), "the gain is right, the row isn't")


def fewer_users(answer: Any) -> None:
    """NDCG@10 of SASRec minus PT, of every 1st, 4th, 16th, 64th and 256th user, and how many do."""
    differences, users = parts(answer, 2)
    found = numbers(differences, len(STEPS))
    (enough,) = numbers(users, 1)
    ranks = [recorded_ranks(label, "ml-1m") for label in PAIR]

    def values(protocol: str, metric: str = "NDCG@10") -> np.ndarray:
        sasrec, pt = (user_values(r[protocol], metric) for r in ranks)
        return sasrec - pt  # (U,)

    def are(each: np.ndarray) -> bool:
        return bool(np.allclose(found, [each[::step].mean() for step in STEPS], atol=6e-5))

    each = values("sampled")
    hint_if(are(-each), "the sign: SASRec minus PT")
    hint_if(are(values("full")), "those are all items; take the hundred drawn ones")
    hint_if(are(values("sampled", "HR@10")), "those are hit rates; the test is of NDCG@10")
    first = [each[: len(each[::step])].mean() for step in STEPS]
    hint_if(np.allclose(found, first, atol=6e-5), "those are the *first* users; take every 4th, …")
    hint_if(not are(each), "take the same users of both: `[::4]` of every field of both ranks")
    counts = [len(each[::step]) for step in STEPS]
    hint_if(
        enough not in counts, "the differences are right. Give one of the five numbers of users"
    )
    z = [each[::s].mean() / (each[::s].std(ddof=1) / len(each[::s]) ** 0.5) for s in STEPS]
    clear = [count for count, value in zip(counts, z, strict=True) if value > 1.96]
    hint_if(enough < min(clear), "the differences are right. With so few users, zero is in the "
            "interval")  # fmt: skip
    hint_if(enough > min(clear), "the differences are right. With fewer users it says the same")


EXERCISES = {
    "10.1": Exercise("the differences by data set, SSE-PT's paper minus SASRec's", two_papers),
    "10.2": Exercise("five counts, for 0.001, 0.002, 0.004, 0.008 and 0.016", tolerances),
    "10.3": Exercise("(the row that gains most, how much it gains)", best_or_last),
    "10.4": Exercise(
        "(five differences, SASRec minus PT, for [::1], [::4], [::16], [::64] and [::256]; the "
        "fewest users that still say the same)",
        fewer_users,
    ),
}
