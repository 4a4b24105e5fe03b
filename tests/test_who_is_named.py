"""Every message that names a user says the id of the log, text or number, never the number inside.

The log has three users. The last one, whose number is 3, has all of its items: "zoe", or 70.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from seqrec_lib import SASRecDataSet, WarpSampler, prepare, recommend
from seqrec_lib.data.unseen import Complement
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks

ALL = [*"abcdef"] * 2
HISTORIES = {"ann": [*"abcd"], "bob": [*"bcad"], "zoe": ALL}
NUMBERS = {"ann": 50, "bob": 60, "zoe": 70}


class OneIsNaN:
    """Knows six items, and has no score for whoever has had 12."""

    item_num = 6

    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        scores = torch.zeros(len(histories), 7)
        scores[:, 0] = -torch.inf
        scores[(histories > 0).sum(dim=1) >= 11] = torch.nan
        return scores if candidates is None else scores.gather(1, candidates)


@pytest.fixture(params=["text", "numbers"])
def named(request: pytest.FixtureRequest) -> tuple[SASRecDataSet, str]:
    """A data set, and how messages call the last of its users."""
    rows = [(user, item) for user, items in HISTORIES.items() for item in items]
    log = pd.DataFrame(rows, columns=["user", "item"])
    if request.param == "numbers":
        log["user"] = log["user"].map(NUMBERS)
    data = prepare(log, min_item_count=1, verbose=False)
    return data, "user 'zoe'" if request.param == "text" else "user 70"


def messages(act: Callable[[SASRecDataSet], Any], data: SASRecDataSet) -> list[str]:
    """What it says: warnings, and the error where it ends with one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            act(data)
        except ValueError as error:
            return [*(str(one.message) for one in caught), str(error)]
    return [str(one.message) for one in caught]


def sampler(data: SASRecDataSet) -> object:
    return WarpSampler(data.train, data.usernum, data.itemnum)


MECHANISMS: dict[str, tuple[Callable[[SASRecDataSet], Any], str]] = {
    "a sampler": (sampler, "has every one of the 6 items in training"),
    "a draw of negatives": (
        lambda data: Complement(data.train, 6).draw(torch.tensor([1, 3]), 1),
        "has 0 of 6 items left",
    ),
    "candidates": (sampled_candidates, "has every item in the history"),
    "candidates of the whole history": (
        lambda data: sampled_candidates(data, num_negatives=6, replace=False, exclude_seen=False),
        "{first} has 5 of 6 items left to draw from",
    ),
    "a rank among all": (lambda data: full_ranks(OneIsNaN(), data), "has every item in the"),
    "scores of all": (
        lambda data: full_ranks(OneIsNaN(), data, exclude_seen=False),
        "the scores of {} are not finite",
    ),
    "scores of a few": (
        lambda data: sampled_ranks(OneIsNaN(), data, exclude_seen=False),
        "the scores of {} are not finite",
    ),
    "a list": (
        lambda data: recommend(OneIsNaN(), data, data.raw_users[1:]),
        "the scores of {} are not finite",
    ),
}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_it_names_the_user_by_the_id_of_the_log(
    named: tuple[SASRecDataSet, str], mechanism: str
) -> None:
    data, who = named
    first = who.replace("'zoe'", "'ann'").replace("70", "50")
    act, what = MECHANISMS[mechanism]
    expected = what.format(who, first=first) if "{" in what else f"{who} {what}"
    said = messages(act, data)
    assert any(expected in message for message in said), said


def test_several_users_and_visitors_histories() -> None:
    lists = [("ann", item) for item in ALL] + [("zoe", item) for item in ALL]
    data = prepare(pd.DataFrame(lists, columns=["user", "item"]), min_item_count=1, verbose=False)
    with pytest.raises(ValueError, match="user 'ann' and 1 more have every one of the 6 items"):
        sampler(data)
    with pytest.raises(ValueError, match="user 'ann' and 1 more have every item in the history"):
        sampled_candidates(data)
    for asked, name in (
        ({"kim": ["a"], "lee": ALL}, "history 'lee'"),
        ([["a"], ALL], "history 1"),
    ):
        with pytest.raises(ValueError, match=f"the scores of {name} are not finite"):
            recommend(OneIsNaN(), data, histories=asked)


def test_a_dataset_without_other_ids_speaks_its_numbers() -> None:
    lists = {1: [1, 2, 3, 4], 5: [1, 2, 3, 4, 1, 2]}
    data = SASRecDataSet.from_sequences(lists, itemnum=4)
    with pytest.warns(UserWarning, match=r"^user 5 has every one of the 4 items"):
        WarpSampler(data.train, 5, 4)
    assert data.train.user_ids is None
    assert np.array_equal(data.raw_users, range(6))
