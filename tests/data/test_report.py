"""The report of `prepare`: what became of each row."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.data.movielens import MovieLens
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.report import repeated
from seqrec_lib.data.sample.world import SampleWorld

LOG = pd.DataFrame(
    {
        "user": list("aaaaabbbcd"),
        "item": list("xyxzxxyxyr"),
        "time": [1, 2, 3, 3, 4, 1, 2, 3, 1, 1],
    }
)


def lines(table: pd.DataFrame) -> dict[str, list[int]]:
    return {name: row for name, *row in table.drop(columns="share").itertuples(name=None)}


def test_every_line_by_hand() -> None:
    data = prepare(LOG, min_item_count=2, verbose=False)  # z and r have one row each
    assert data.report is not None
    assert lines(data.report) == {
        "read": [10, 4, 4],
        "dropped by min_item_count=2": [2, 2, 2],
        "dropped by min_user_count=0": [0, 0, 0],
        "kept": [8, 3, 2],
        "- an item that the user had before": [3, 2, 1],  # x by a twice, by b once
        "- with the time of another row of the user": [0, 0, 0],  # z was dropped
        "- of users with fewer than 3: not evaluated": [1, 1, 1],
        "- held out for validation and test": [4, 2, 2],
        "- trained on (users with 2 or more)": [2, 1, 2],  # b has one left, c had one
    }
    assert data.report["share"].tolist() == [row[0] / 10 for row in lines(data.report).values()]
    ties = prepare(LOG, min_item_count=1, verbose=False).report
    assert ties is not None
    assert lines(ties)["- with the time of another row of the user"] == [2, 1, 2]


def test_rules_and_a_log_without_times() -> None:
    titles = pd.DataFrame({"title": ["X"]}, index=["x"])
    log = LOG.drop(columns="time")
    data = prepare(
        log, titles, min_item_count=2, min_user_count=3, until_stable=True, verbose=False
    )
    assert data.report is not None
    found = lines(data.report)
    assert found["dropped by min_item_count=2"] == [2, 2, 2]
    assert found["dropped by min_user_count=3"] == [1, 1, 1]  # d went with r
    assert found["- ordered by the log"] == [7, 2, 2]
    assert found["- of items that the table of items lacks"] == [2, 2, 1]
    assert "- with the time of another row of the user" not in found


def test_it_is_printed_for_your_own_tables(
    capsys: pytest.CaptureFixture[str], sample_world: SampleWorld
) -> None:
    release = sample_world.movielens
    assert isinstance(release, MovieLens)
    for said, data, options in (
        (True, LOG, {}),
        (False, LOG, {"verbose": False}),
        (False, release, {}),
        (True, release, {"verbose": True}),
    ):
        report = prepare(data, min_item_count=2, **options).report  # type: ignore[arg-type]
        assert report is not None
        out = capsys.readouterr().out
        assert ("dropped by min_item_count=2" in out) == said
        assert (f"{report.loc['kept', 'rows']:,}" in out) == said


def test_repeats_against_counting() -> None:
    rng = np.random.default_rng(0)
    user, item = rng.integers(1, 9, 200), rng.integers(1, 9, 200)
    seen: Counter[tuple[int, int]] = Counter()
    for u, i, again in zip(user.tolist(), item.tolist(), repeated(user, item), strict=True):
        assert again == (seen[u, i] > 0)
        seen[u, i] += 1
