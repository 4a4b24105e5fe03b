"""Faults in what a model, a ranking or a list is asked for."""

import math
from typing import Any

import numpy as np
import pandas as pd
import tiny
import torch
from torch import Tensor

import seqrec_lib as sl
from faults import forms
from faults.trial import Found, Refused, Trial, fault


def a_model(trial: Trial, **options: Any) -> Any:
    """A small model with weights of some size, as a user may have left it: training or not."""
    kind = trial.pick("SASREC", "SSEPT")
    trial.note(kind)
    model = tiny.stir(tiny.MODELS[kind](**options))
    return model.train(trial.pick(True, False))


def a_batch(trial: Trial, rows: int = 4) -> list[list[int]]:
    """(B, T) ids padded in front."""
    lengths = [trial.rng.randint(1, tiny.LENGTH) for _ in range(rows)]
    return tiny.padded(tiny.histories(lengths, seed=trial.rng.randrange(1000))).tolist()


def targets_of(trial: Trial, seq: list[list[int]]) -> list[list[int]]:
    return [[trial.rng.randint(1, tiny.ITEMS) if x else 0 for x in row] for row in seq]


@fault(3)
def a_prediction(trial: Trial) -> None:
    model, seq = a_model(trial), a_batch(trial)
    candidates = [[trial.rng.randint(1, tiny.ITEMS) for _ in range(5)] for _ in seq]
    users = [[trial.rng.randint(1, tiny.USERS)] for _ in seq]
    plain = {"input_seq": seq, "candidate": candidates, "user": users}
    clean = {name: torch.tensor(value) for name, value in plain.items()}
    modes = [part.training for part in model.modules()]
    right = model.predict(clean)
    which = trial.pick("input_seq", "candidate", *(["user"] if model.user_num else []))
    trial.note(which)
    form, good = forms.table(trial, plain[which])
    if which == "user" and not good and isinstance(form, np.ndarray) and form.ndim in (1, 3):
        good = form.dtype.kind in "iu"  # (B,) is as good as (B, 1)
    trial.expect(
        lambda: model.predict({**clean, which: form}), right, which, whole=None if good else False
    )
    if [part.training for part in model.modules()] != modes:
        raise Found("the mode of the model is another one")


@fault(3)
def a_forward_pass(trial: Trial) -> None:
    model, seq = a_model(trial), a_batch(trial)
    pos, neg = targets_of(trial, seq), targets_of(trial, seq)
    plain = {"input_seq": seq, "positive": pos, "negative": neg}
    plain["users"] = [[trial.rng.randint(1, tiny.USERS)] for _ in seq]
    clean = {name: torch.tensor(value) for name, value in plain.items()}
    right = [x.detach() for x in model(clean)]
    which = trial.pick("input_seq", "positive", "negative", *(["users"] if model.user_num else []))
    trial.note(which)
    form, good = forms.table(trial, plain[which])
    if which == "users" and not good and isinstance(form, np.ndarray) and form.ndim in (1, 3):
        good = form.dtype.kind in "iu"
    trial.expect(lambda: model({**clean, which: form}), right, which, whole=None if good else False)


@fault(2)
def a_batch_of_lists(trial: Trial) -> None:
    """create_combined_dataset, from rows of any length and form."""
    model = a_model(trial)
    rows = [[x for x in row if x] for row in a_batch(trial)]
    plain = [[u + 1 for u in range(len(rows))], *(rows for _ in range(3))]
    inputs, target = model.create_combined_dataset(*plain)
    place = trial.rng.randrange(4)
    given: list[Any] = list(plain)
    if place == 0:
        given[0], good = forms.ids(trial, plain[0])
        if forms.is_whole(trial.changed):
            return  # whole numbers: `forward` looks at their size
    else:
        row = trial.rng.randrange(len(rows))
        form, good = forms.ids(trial, rows[row])
        if forms.is_whole(trial.changed):
            return
        given[place] = [*rows[:row], form, *rows[row + 1 :]]
    names = ("u ", "u=", "seq", "pos", "neg", "users")
    trial.expect(
        lambda: model.create_combined_dataset(*given), (inputs, target), *names,
        whole=None if good else False,
    )  # fmt: skip


def own_scores(model: Any, dataset: Any, user: int, history: list[int]) -> np.ndarray:
    """(I,) the scores of all items for one history, by `predict` and so by the padded form."""
    seq = tiny.padded([history])
    inputs = {"input_seq": seq, "candidate": torch.arange(1, tiny.ITEMS + 1)[None]}
    return model.predict({**inputs, "user": torch.tensor([[user]])})[0].numpy()


@fault(3)
def lists_for_users(trial: Trial) -> None:
    model, data = a_model(trial), tiny.dataset(seed=trial.rng.randrange(5))
    users = [trial.rng.randint(1, tiny.USERS) for _ in range(trial.rng.randint(1, 4))]
    form, good = forms.ids(trial, users)
    k, right = forms.number(trial, 3, wrong=0.15)
    size, fits = forms.number(trial, 2, wrong=0.1)
    seen = trial.pick(True, False)
    found = trial.asked(
        lambda: sl.recommend(model, data, users=form, k=k, exclude_seen=seen, batch_size=size),
        "users", "user", "k", "batch_size",
    )  # fmt: skip
    if isinstance(found, Refused):
        return
    if not (good and right and fits):
        raise Found("took what is wrong without a word")
    place = 0
    for user in users:
        history = data.sequences[user].tolist()
        scores = own_scores(model, data, user, history)
        if seen:
            scores[[x - 1 for x in history]] = -math.inf
        for _ in range(min(3, int(np.isfinite(scores).sum()))):
            line = found.iloc[place]
            if line["user"] != user or not math.isclose(line["score"], scores.max(), abs_tol=1e-4):
                raise Found(f"line {place} is {dict(line)}, not the best of user {user}")
            scores[int(line["item"]) - 1] = -math.inf
            place += 1
    if place != len(found):
        raise Found(f"a list of {len(found)} lines instead of {place}")


@fault(2)
def lists_for_histories(trial: Trial) -> None:
    model, data = a_model(trial), tiny.dataset()
    rows = tiny.histories([trial.rng.randint(1, 5) for _ in range(3)], seed=trial.rng.randrange(99))
    row = trial.rng.randrange(3)
    form, good = forms.ids(trial, rows[row])
    given: Any = [*rows[:row], form, *rows[row + 1 :]]
    # a thing alone that holds one list is a list of one history
    if trial.pick(True, False, False) and len(rows[row]) > 1:
        rows, given = [rows[row]], form
        trial.note("one history alone")
    right = sl.recommend(model, data, histories=rows, k=3)
    trial.expect(
        lambda: sl.recommend(model, data, histories=given, k=3), right, "history", "item",
        "histories", whole=None if good else False,
    )  # fmt: skip


@fault()
def similar(trial: Trial) -> None:
    model, data = a_model(trial), tiny.dataset()
    item = trial.rng.randint(1, tiny.ITEMS)
    vectors = model.item_vectors().numpy()[1:]
    cosine = vectors @ vectors[item - 1] / np.linalg.norm(vectors, axis=1)
    cosine /= np.linalg.norm(vectors[item - 1])
    cosine[item - 1] = -2
    best = np.sort(cosine)[::-1][:4]
    form, good = forms.number(trial, item)
    k, right = forms.number(trial, 4, wrong=0.2)
    trial.expect(
        lambda: sl.similar_items(model, data, form, k)["similarity"].to_numpy(),
        best, "item", "k", "title", whole=None if good and right else False,
    )  # fmt: skip


def by_hand(model: Any, data: Any, split: str) -> dict[int, tuple[int, int]]:
    """{user: (better, tied)} of the full ranking, one user and one item after the other."""
    parts = {"valid": data.user_valid, "test": data.user_test}[split]
    found = {}
    for user, items in parts.items():
        if items and data.user_train[user]:
            history = data.user_train[user] + (data.user_valid[user] if split == "test" else [])
            scores = own_scores(model, data, user, history)
            others = set(range(1, tiny.ITEMS + 1)) - set(history) - {items[0]}
            own = scores[items[0] - 1]
            gaps = [float(scores[x - 1] - own) for x in others]
            found[user] = (sum(g > 1e-4 for g in gaps), sum(abs(g) <= 1e-4 for g in gaps))
    return found


@fault(2)
def a_full_ranking(trial: Trial) -> None:
    model, data = a_model(trial), tiny.dataset(seed=trial.rng.randrange(5))
    split = trial.pick("valid", "test")
    if trial.pick(True, False):
        user = trial.rng.choice(list(data.user_train))
        trial.note("an edited data set")
        data.user_train[user] = data.user_train[user][:1]
        data.user_test[trial.rng.choice(list(data.user_test))] = []
    size, good = forms.number(trial, 3, wrong=0.3)
    ranks = trial.asked(lambda: sl.full_ranks(model, data, split, batch_size=size), "batch_size")
    if isinstance(ranks, Refused):
        return
    if not good:
        raise Found("took a batch_size that is none")
    expected = by_hand(model, data, split)
    if ranks.users.tolist() != sorted(expected):
        raise Found(f"ranked users {ranks.users.tolist()}, not {sorted(expected)}")
    for user, better, tied in zip(ranks.users, ranks.better, ranks.tied, strict=True):
        low, close = expected[int(user)]
        if not low <= better + tied <= low + close:
            raise Found(f"user {user} has {better} better and {tied} tied, not {low} and {close}")


class Stranger:
    """A scorer of somebody else's, whose scores come in some form."""

    item_num = tiny.ITEMS

    def __init__(self, table: Tensor, form: str) -> None:
        self.table, self.form = table, form

    def score(self, users: Any, histories: Any, candidates: Any = None) -> Any:
        scores = self.table[users]  # (B, I+1)
        if candidates is not None:
            scores = scores.gather(1, candidates)
        if self.form == "float16":
            return scores.half()
        if self.form == "a view":
            return scores.T.contiguous().T
        if self.form == "an array":
            return scores.numpy()
        if self.form == "with a gradient":
            return scores.clone().requires_grad_()
        if self.form == "NaN":
            scores[-1, -1] = math.nan
        elif self.form == "infinite":
            scores[0, -1] = math.inf
        return {
            "whole numbers": scores.long(), "a row too few": scores[:-1],
            "a column too many": torch.cat([scores, scores[:, :1]], 1), "flat": scores.ravel(),
            "float64": scores.double(), "lists": scores.tolist(), "None": None,
        }.get(self.form, scores)  # fmt: skip


@fault(2)
def somebody_elses_scores(trial: Trial) -> None:
    data = tiny.dataset()
    table = torch.from_numpy(trial.numbers.integers(-50, 50, (tiny.USERS + 1, tiny.ITEMS + 1)))
    table = table.float()
    form = trial.pick(
        "float16", "float64", "a view", "an array", "with a gradient", "NaN", "infinite",
        "whole numbers", "a row too few", "a column too many", "flat", "lists", "None",
    )  # fmt: skip
    trial.note(f"scores as {form}")
    wrong = form in ("NaN", "infinite", "a row too few", "a column too many", "flat", "None")
    plain, other = Stranger(table, "plain"), Stranger(table, form)
    ask = trial.pick(
        lambda x: vars(sl.sampled_ranks(x, data, num_negatives=3, seed=4)),
        lambda x: vars(sl.full_ranks(x, data)),
        lambda x: sl.recommend(x, data, users=[1, 5], k=4)["score"].to_numpy(),
    )
    trial.expect(
        lambda: ask(other), ask(plain), "score", "Stranger", whole=False if wrong else None
    )


@fault()
def numbers_of_a_protocol(trial: Trial) -> None:
    data, model = tiny.dataset(), tiny.stir(tiny.sasrec())
    negatives, good = forms.number(trial, 4)
    right = sl.sampled_candidates(data, num_negatives=4, seed=3)
    call = trial.pick(
        lambda: sl.sampled_candidates(data, num_negatives=negatives, seed=3).items,
        lambda: sl.sampled_candidates(data, num_negatives=negatives, seed=np.int64(3)).items,
        lambda: sl.candidate_ranks(model, data, right, negatives) and right.items,
    )
    trial.expect(call, right.items, "num_negatives", "batch_size", whole=None if good else False)


@fault()
def ranks_of_scores(trial: Trial) -> None:
    scores = trial.numbers.integers(0, 6, (5, 7)).astype(np.float64)
    columns = [trial.rng.randrange(7) for _ in range(5)]
    expected = (
        np.array([sum(x > row[c] for x in row) for row, c in zip(scores, columns, strict=True)]),
        np.array(
            [sum(x == row[c] for x in row) - 1 for row, c in zip(scores, columns, strict=True)]
        ),
    )
    odd = trial.pick(
        "float16", "float32", "int8", "uint8", "int64", "strided", "read-only", "tensor", "NaN",
        "bool", "object", "ragged", "frame", "column",
    )  # fmt: skip
    trial.note(f"scores: {odd}")
    wide = np.repeat(scores, 2, axis=1)[:, ::2]
    locked = scores.copy()
    locked.flags.writeable = False
    broken = scores.copy()
    broken[2, 2] = np.nan
    given = {
        "strided": wide, "read-only": locked, "tensor": torch.from_numpy(scores), "NaN": broken,
        "bool": scores > 3, "object": scores.astype(object), "ragged": [[1, 2], [3]],
        "frame": pd.DataFrame(scores), "column": scores,
    }.get(odd)  # fmt: skip
    if given is None:
        given = scores.astype(odd)
    wrong: Any = torch.tensor([*columns[:-1], trial.pick(7, -1, 99)])
    column = wrong if odd == "column" else torch.tensor(columns)
    refused = odd in ("NaN", "ragged", "column")
    if odd == "bool":
        return
    trial.expect(
        lambda: sl.rank_of_target(given, column), expected, "scores", "target_column", "column",
        whole=False if refused else None,
    )  # fmt: skip
