"""The exercises of lesson 08, Looking inside: maps by film and by position, and value vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from seqrec_lib.exercises.asking import Exercise, hint, hint_if, parts, same, tensor
from seqrec_lib.models.recommenders import SASREC


def rotated(answer: Any, model: SASREC) -> None:
    """The weight of the last position of block 1 on film f at position p, and the films' ids."""
    table_of, ids = parts(answer, 2)
    given, films = tensor(table_of), tensor(ids).long().tolist()
    F = len(films)
    hint_if(given.dim() != 2 or len(given) != F, f"a row for each of the {F} films is wanted")
    columns = given.shape[1]
    hint_if(columns not in (F, F - 1), f"a column for each position is wanted, {F} or {F - 1}")

    def table(block: int) -> Tensor:
        weights = torch.full((F, F), torch.nan).double()
        for turn in range(F):
            turned = torch.tensor([[*films[turn:], *films[:turn]]])
            with torch.no_grad():
                row = model.attention_maps(None, turned)[block][0, :, -1].mean(dim=0)
            for position in range(F):
                weights[(turn + position) % F, position] = row[position]
        return weights[:, : F - 1]  # the last one asks

    right, given = table(0), given[:, : F - 1]
    if same(given, right, 1e-4):
        return
    hint_if(given.isnan().any(), "some film never stood at some position: rotate through all")
    text = "these rows are rotations; sort the weights by *film*, wherever it stood"
    turns = torch.stack([right[(turn + torch.arange(F - 1)) % F, torch.arange(F - 1)]
                         for turn in range(F)])  # fmt: skip
    hint_if(same(given, turns, 1e-4), text)
    hint_if(len(model.encoder.enc_layers) > 1 and same(given, table(1), 1e-4), "that's block 2")
    backwards = torch.stack([right[(-turn) % F] for turn in range(F)])
    hint_if(same(given, backwards, 1e-4), "the films are in another order: count where each moves")
    hint("take the last row of the map for each rotation, and note the film and the position")


def looked_at(answer: Any) -> None:
    """The mean share by the film that's looked at, and section 3's share, pairs and seq."""
    means, share, pairs, seq = parts(answer, 4)
    share, pairs, seq = tensor(share), tensor(pairs).bool(), tensor(seq).long()
    fits = share.shape == pairs.shape == (*seq.shape, seq.shape[-1])
    hint_if(not fits, "`share` and `pairs` are (B, W, W), `seq` is (B, W): run section 3 again")
    asks, answers = (part.numpy() for part in torch.nonzero(pairs)[:, 1:].T)
    row = torch.nonzero(pairs)[:, 0].numpy()
    table = pd.DataFrame({
        "asks": seq.numpy()[row, asks],
        "answers": seq.numpy()[row, answers],
        "share": share[pairs].double().numpy(),
    })  # fmt: skip
    right = table.groupby("answers")["share"].mean()
    mine = means if isinstance(means, pd.Series) else pd.Series(tensor(means).numpy())
    mine = mine[mine.index.isin(right.index)].astype(float).dropna()
    hint_if(len(mine) < 10, "there are hardly any films in it: give a number for each film's id")
    whole = len(mine) / len(right)

    def are(values: pd.Series) -> bool:
        ours = values.reindex(mine.index).dropna()
        return bool(np.allclose(mine[ours.index], ours, rtol=1e-3, atol=1e-6))

    if are(right):
        hint_if(whole < 0.1, "right for those, but these are few films: give all that are frequent")
        return
    by = table.groupby("answers")["share"]
    hint_if(are(by.sum()), "those are sums, and frequent films have many: divide by the looks")
    hint_if(are(by.size().astype(float)), "those are counts: how often, not how much")
    asking = table.groupby("asks")["share"].mean()
    hint_if(are(asking), "rows ask and columns answer: you sorted by the film that asks")
    hint("each pair has one film that's looked at: its column. Add up by that film, and divide")


def lengths_of_values(answer: Any, model: SASREC) -> None:
    """The lengths of block 1's value vectors, (B, T) or the columns before the last; and seq."""
    lengths_of, histories = parts(answer, 2)
    found, seq = tensor(lengths_of), tensor(histories).long()
    hint_if(seq.dim() != 2, "the second part is `seq`, (B, T)")
    B, T = seq.shape
    hint_if(found.dim() != 2 or len(found) != B, f"a row for each of the {B} histories is wanted")
    columns = slice(0, T) if found.shape[1] == T else slice(T - 1 - found.shape[1], T - 1)
    block = model.encoder.enc_layers[0]
    with torch.no_grad():
        films, places = model.embedding(seq)  # (B, T, D) each
        both = films + places

        def lengths(x: Tensor, linear: Any = block.mha.V) -> Tensor:
            return linear(x).norm(dim=-1)[:, columns].double()

        wrong = {
            "positions are missing: the block reads films *plus* positions": lengths(films),
            "those are keys": lengths(both, block.mha.K),
            "those are queries": lengths(both, block.mha.Q),
            "the bias is missing": lengths(both) * 0
            + (both @ block.mha.V.weight.T).norm(dim=-1)[:, columns].double(),
            "those are the inputs; values are what `V` makes of them": both.norm(dim=-1)[
                :, columns
            ],
            "values are made from the block's input, not from the normalised one": lengths(
                block.layer_normalization(both)
            ),
        }
        if same(found, lengths(both)):
            return
    for text, values in wrong.items():
        hint_if(same(found, values), text)
    weights = model.attention_maps(None, seq)[0].mean(dim=1)[:, -1, columns]
    text = "that's weight times length already; the check wants the length alone"
    hint_if(same(found, weights * lengths(both).detach(), 1e-4), text)
    hint(
        "films and positions from `model.embedding(seq)`, through `V`, and the norm of each vector"
    )


EXERCISES = {
    "08.1": Exercise(
        "(table (films, positions) of the weights that the last position of block 1 gives, ids)",
        rotated,
    ),
    "08.2": Exercise(
        "(for each film's id the mean share that it gets, share, pairs, seq)", looked_at
    ),
    "08.4": Exercise(
        "(lengths of block 1's value vectors, (B, T) or the columns before the last; seq)",
        lengths_of_values,
    ),
}
