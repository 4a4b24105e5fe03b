"""The last block for scoring: only the last position of each sequence is asked for its state.

Keys and values come from all positions, everything after attention from one. The layouts are those
of `layers.EncoderLayer`, which is the definition and what this is tested against.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from seqrec_lib.network.fast.packed import PackedRows
from seqrec_lib.network.layers import EncoderLayer, MultiHeadAttention


def last_state(model: Any, items: Tensor, users: Tensor | None, rows: PackedRows) -> Tensor:
    """`model.encode` of packed ids (N,), of the last position of each sequence: (G, D)."""
    x, one = model.embedded(items, users, rows), rows.of_last()
    *blocks, last = model.encoder.enc_layers or [None]
    for block in blocks:
        x = block(x, rows=rows)
    x = rows.last(x) if last is None else _last_of_block(last, x, rows, one)
    return model.layer_normalization(x, one)


def _last_of_block(block: EncoderLayer, x: Tensor, rows: PackedRows, one: PackedRows) -> Tensor:
    """`EncoderLayer.forward` at the last position of each sequence: (N, D) → (G, D)."""
    asking, first = rows.last(x), block.layer_normalization
    if block.layout == "contract":
        return block.ffn(_attention(block.mha, first(asking, one), x, rows), one)
    second = block.layer_normalization2
    if block.layout == "authors":
        z = second(_attention(block.mha, first(asking, one), x, rows), one)
        return block.ffn(z, one)
    if block.layout == "pre-norm":
        h = first(x, rows)
        y = block.plus(asking, _attention(block.mha, rows.last(h), h, rows))
        return block.plus(y, block.ffn(second(y, one), one))
    y = first(_attention(block.mha, asking, x, rows), one)
    return second(block.ffn(y, one), one)


def _attention(mha: MultiHeadAttention, queries: Tensor, x: Tensor, rows: PackedRows) -> Tensor:
    """Attention of one query a sequence, (G, D), without a key and a value for every position.

    q · (W_K x + b) is (W_Kᵀ q) · x plus a number that is the same for all x, which the softmax
    does not see; Σ p (W_V x + b) is W_V Σ p x + b, since the weights p sum to 1. So both matrices
    move to the side where there is one vector a sequence.
    """
    H, D = mha.num_heads, queries.shape[-1]
    to_keys, to_values = (m.weight.view(H, D // H, D) for m in (mha.K, mha.V))  # (H, D/H, D)
    q = mha.Q(queries).unflatten(-1, (H, D // H)) / math.sqrt(D // H)  # (G, H, D/H)
    mixed = rows.attention_of_last(torch.einsum("...hc,hcd->...hd", q, to_keys), x)  # (G, H, D)
    mixed = torch.einsum("...hd,hcd->...hc", mixed, to_values).flatten(-2) + mha.V.bias  # (G, D)
    return mixed + queries if mha.residual else mixed
