"""From histories to the hidden state of their last position: what every score is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqrec_lib.layers import PaddedRows

if TYPE_CHECKING:
    from seqrec_lib.sasrec import SASREC


def last_hidden(model: SASREC, users: Tensor | None, histories: Tensor) -> Tensor:
    """The hidden states (B, D) after the last position of each row; no dropout, no gradient.

    users: (B,) or None; histories: (B, T) ids padded in front, any T; the last n columns count.
    A row of padding alone has a state too: that of an empty history.
    """
    seq = histories[:, -model.seq_max_len :]
    if packs(model, torch.float32):
        return _packed(model, users, seq)
    by_row = None if users is None else users.view(-1, 1).expand_as(seq)
    return model.encode(seq, by_row, PaddedRows(seq != 0))[:, -1]


def packs(model: SASREC, precision: torch.dtype) -> bool:
    """Whether the compiled loops can take this model: float32 on a CPU."""
    weight = model.item_embedding_layer.weight
    return weight.device.type == "cpu" and weight.dtype == precision == torch.float32


def _packed(model: SASREC, users: Tensor | None, seq: Tensor) -> Tensor:
    from seqrec_lib.packed import PackedRows

    real = seq != 0
    real[:, -1] = True  # a sequence has at least one row; an empty history's is replaced below
    rows = PackedRows(real.sum(dim=1), model.seq_max_len)
    by_row = None if users is None else users.view(-1, 1).expand_as(seq)[real]
    hidden = rows.last(model.encode(seq[real], by_row, rows))  # (B, D)
    # The encoder leaves 0 at padding, which the last normalisation turns into its beta.
    return torch.where(seq[:, -1:] == 0, model.layer_normalization.beta[-1], hidden)
