"""The exercises of lesson 05, SSE-PT: thresholds, windows, and somebody else's vector."""

from __future__ import annotations

from typing import Any

import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.exercises.asking import (
    Exercise,
    called,
    hint,
    hint_if,
    near,
    numbers,
    parts,
    recognise,
    tensor,
)
from seqrec_lib.models.recommenders import SSEPT
from seqrec_lib.training.sse import SSE


def turned_round(answer: Any) -> None:
    """The SSE of thresholds 0.9 and 0.08, and the share of positions that stay as they were."""
    sse, share = parts(answer, 2)
    (left,) = numbers(share, 1)
    hint_if(not isinstance(sse, SSE), "the first part is an `sl.SSE(…)`")
    hint_if(sse.rule != "as-released", 'thresholds are the released code\'s: rule="as-released"')
    kept = near(sse.user, 0.9) or near(sse.input_item, 0.08)
    hint_if(kept, "a threshold keeps: an id is replaced when the draw is *above* it")
    swapped = near(sse.user, 0.92) and near(sse.input_item, 0.1)
    hint_if(swapped, "those are the authors' thresholds; here the two are the wrong way round")
    hint_if(not near(sse.user, 0.1), "the user isn't right: what does a threshold of 0.9 keep?")
    hint_if(not near(sse.input_item, 0.92), "the films aren't right: what does 0.08 keep?")
    hint_if(left > 1, "give a share, from 0 to 1")
    hit = sse.input_item
    if 0.9 * (1 - hit) ** 2 < left < 1.25 * (1 - hit) ** 2:
        return
    recognise(
        left,
        {
            "that's for the input alone; the target must stay, too": 1 - hit,
            "that's how much is hit, not how much stays": hit,
            "that's how often two are hit, not how often neither is": hit**2,
            "users don't count here, only input and target": 0.9 * (1 - hit) ** 2 / 0.9**0.5,
            "one threshold is for users: films have the other one": 0.9**2,
        },
        rel=0.02,
    )
    hint("input and target of a position stay only if two events don't happen: which two?")


def equal_windows(answer: Any) -> None:
    """p_s for a history of 40 films and T = 10."""
    (p,) = numbers(answer, 1)
    starts = 40 - 10
    if near(p, (starts - 1) / starts, 1e-4) or near(p, round((starts - 1) / starts, 3), 1e-9):
        return
    recognise(
        p,
        {
            "off by one: the inputs end one film before the history does": starts / (starts + 1),
            "that's the probability of the *last* window; p_s is for the earlier ones": 1 / starts,
            "that's what each window gets; p_s is for all the earlier ones together": 1
            / (starts - 1),
            "there aren't forty windows: each has ten films": 39 / 40,
            "windows overlap: one may begin at almost any film": 3 / 4,
        },
        rel=2e-3,
    )
    hint(
        "count the windows, and give each the same probability: which share have the earlier ones?"
    )


def wrong_user(answer: Any, dataset: SASRecDataSet) -> None:
    """A scorer that gives each user the vector of another one, and the model around which it is."""
    scorer, model = parts(answer, 2)
    hint_if(not isinstance(model, SSEPT), "the second part is the model, one of section 5")
    hint_if(not hasattr(scorer, "score"), "give an object with a `score` method")
    users, everyone = torch.arange(1, 4), torch.arange(1, dataset.usernum + 1)
    histories = torch.from_numpy(dataset.sequences.padded(users.numpy()))[:, -20:]  # (B, T)
    some = torch.arange(1, min(20, dataset.itemnum) + 1)  # items that tell users apart
    mine = tensor(called(scorer.score, users, histories))
    shape = (len(users), dataset.itemnum + 1)
    hint_if(tuple(mine.shape) != shape, f"scores are {tuple(mine.shape)}; (B, I+1) is {shape}")
    mine = mine[:, some]  # (B, 20)
    stranger = model.score(None, histories)[:, some].double()
    wide = [  # every user's vector, with this history
        model.score(everyone, row.expand(len(everyone), -1), some.expand(len(everyone), -1))
        for row in histories
    ]
    for row, user in enumerate(users.tolist()):
        apart = (wide[row].double() - mine[row]).abs().amax(dim=1)  # (U,)
        whose = int(apart.argmin()) + 1
        if apart[whose - 1] < 1e-4:
            hint_if(whose == user, f"user {user} still gets their own vector")
            continue
        nobody = float((stranger[row] - mine[row]).abs().max()) < 1e-4
        hint_if(nobody, "that's a stranger's vector; somebody else's is wanted")
        hint("these scores aren't those of another user with this user's films: only the vector "
             "may change, the history stays")  # fmt: skip


EXERCISES = {
    "05.1": Exercise(
        "(the `sl.SSE(…)`, the share of positions where input and target stay)", turned_round
    ),
    "05.2": Exercise("p_s", equal_windows),
    "05.3": Exercise("(your object with a `score` method, the model in it)", wrong_user),
}
