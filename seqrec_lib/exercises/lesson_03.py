"""The exercises of lesson 03, SASRec: a mask, a factor, and the order of ties."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.own_log import Log
from seqrec_lib.data.preparation import prepare
from seqrec_lib.evaluation.baselines import MarkovChain
from seqrec_lib.evaluation.candidates import sampled_candidates
from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.ranking import candidate_ranks, full_ranks
from seqrec_lib.exercises.asking import (
    Exercise,
    NotHere,
    called,
    hint,
    hint_if,
    near,
    numbers,
    same,
    tensor,
)
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.reproduce.building import Unscaled


def without_mask(answer: Any) -> None:
    """A class like MyAttention, or a function of x (B, T, D) and real (B, T), that sees it all."""
    T, D = 6, 8
    real = torch.tensor([[False, True, True, True, True, True]])  # (B, T)
    generator = torch.Generator().manual_seed(7)
    x = (torch.randn(1, T, D, generator=generator) * real.unsqueeze(-1)).requires_grad_()
    if isinstance(answer, type) and issubclass(answer, nn.Module):
        module = called(answer, D, 1, 0.0)
        out = called(module, x, x, real)
    else:
        out = called(answer, x, real)
    tensor(out, (1, T, D))
    reach = torch.zeros(T, T)
    for t in range(T):
        (gradient,) = torch.autograd.grad(out[0, t].square().sum(), x, retain_graph=True)
        reach[t] = gradient[0].abs().sum(dim=-1)
    seen = (reach > 0) & real[0] & real[0].unsqueeze(1)
    text = "no position sees a later one: `past` still masks"
    hint_if(not seen.triu(1).any(), text)
    hint_if(out.isnan().any(), "there are NaNs: padding must stay masked")
    padded = (reach[1:, 0] > 0).any()
    hint_if(padded, "the films look at padding now: only `past` goes, `real` stays")
    hint_if(not seen[1:, 1:].all(), "some films are still hidden from others")


def without_factor(answer: Any, theirs: SASREC, dataset: SASRecDataSet) -> None:
    """A model with the weights of `theirs` whose film vectors enter as they are."""
    users = range(1, min(32, dataset.usernum) + 1)
    histories = torch.from_numpy(dataset.sequences.padded(list(users)))  # (B, T)
    text = "give a model with a `score` method, such as `MyScorer`"
    hint_if(not hasattr(answer, "score"), text)
    mine = tensor(called(answer.score, None, histories))[:, 1:]
    twin = copy.deepcopy(theirs)
    twin.__class__ = Unscaled
    with torch.no_grad():
        right, scaled = (model.score(None, histories)[:, 1:] for model in (twin, theirs))
    if mine.shape == right.shape and same(mine, right):
        return
    hint_if(mine.shape != right.shape, "it gives scores of other films: is it of this data set?")
    hint_if(same(mine, scaled), "these are the scores with the factor: is it gone in `encode`?")
    text = "load the weights first: `load_state_dict(theirs.state_dict())`"
    weights = dict(theirs.state_dict())
    own = answer.state_dict() if isinstance(answer, nn.Module) else {}
    loaded = own.keys() == weights.keys() and all(torch.equal(own[k], weights[k]) for k in own)
    hint_if(not loaded, text)
    hint("the weights are these, the scores aren't: only the factor may go, the positions stay")


def order_of_ties(answer: Any, data: Log) -> None:
    """NDCG@10 of the Markov chain among all films, by the file's order and in random order."""
    found = numbers(answer, 2)
    if "time" not in data.ratings.columns:
        raise NotHere("it has no times, so it has no ties")
    ordered = prepare(data, verbose=False), prepare(data, ties="random", seed=1, verbose=False)
    ranks = [full_ranks(MarkovChain(dataset), dataset) for dataset in ordered]
    right = [float(user_values(r, "NDCG@10").mean()) for r in ranks]
    if all(near(a, b, at_least=6e-4) for a, b in zip(found, right, strict=True)):
        return
    swapped = all(near(a, b, at_least=6e-4) for a, b in zip(found, right[::-1], strict=True))
    hint_if(swapped, "swapped: the file's order comes first")
    hits = [float(user_values(r, "HR@10").mean()) for r in ranks]
    hint_if(np.allclose(found, hits, atol=6e-4), "those are hit rates; NDCG@10 is wanted")
    chain, first = MarkovChain(ordered[0]), near(found[0], right[0], at_least=6e-4)
    if not first:
        drawn = candidate_ranks(chain, ordered[0], sampled_candidates(ordered[0], seed=1))
        text = "among all films, please: `sl.full_ranks`"
        hint_if(near(found[0], float(user_values(drawn, "NDCG@10").mean()), 0.03), text)
    leaked = float(user_values(full_ranks(chain, ordered[1]), "NDCG@10").mean())
    text = "the second chain must be fitted on the second data set, and tested there"
    hint_if(near(found[1], leaked), text)
    hint_if(first, "the first is right. The second is of the data set with seed=1")
    hint("fit a `MarkovChain` on each data set, and rank all films of that same data set")


EXERCISES = {
    "03.1": Exercise("your class `MyAttention` without `past &`", without_mask),
    "03.2": Exercise(
        "your model without the factor, with a `score` method and the weights of `theirs`",
        without_factor,
    ),
    "03.3": Exercise(
        '(ties="file", ties="random" with seed=1), NDCG@10 of the Markov chain among all films',
        order_of_ties,
    ),
}
