"""States for scoring by packed rows: no padding, and the histories shared among the cores."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from seqrec_lib.network.fast.fitness import ROWS_AT_ONCE
from seqrec_lib.network.fast.last import last_state
from seqrec_lib.network.fast.packed import PackedRows
from seqrec_lib.network.fast.threads import CoreThreads


def packed_last_state(model: Any, users: Tensor | None, seq: Tensor) -> Tensor:
    """`SequenceModel.last_state` of ids (B, T), T at most n, for a model that fits packed rows."""
    real = seq != 0
    real[:, -1] = True  # a sequence has at least one row; an empty history's is replaced below
    lengths = real.sum(dim=1)
    beta = model.layer_normalization.beta.detach()
    out = beta.new_empty(len(seq), beta.shape[1])
    inference = torch.is_inference_mode_enabled()

    def work(share: Sequence[slice]) -> None:
        # Threads inherit neither. In the other order inference_mode(False) brings gradients back.
        with torch.inference_mode(inference), torch.no_grad():
            for part in share:
                kept = real[part]
                rows = PackedRows(lengths[part], model.seq_max_len)
                by_row = None
                if users is not None:
                    by_row = users[part].repeat_interleave(lengths[part])
                out[part] = last_state(model, seq[part][kept], by_row, rows)

    with CoreThreads() as cores:
        cores.map(work, _slices(lengths))
    # The encoder leaves 0 at padding, which the last normalisation turns into its beta.
    return torch.where(seq[:, -1:] == 0, beta[-1], out)


def _slices(lengths: Tensor) -> list[slice]:
    """Sequences in slices of about equally many rows, few but not huge, whatever the machine."""
    total = int(lengths.sum())
    pieces = 2 * -(-total // (2 * ROWS_AT_ONCE)) if total > ROWS_AT_ONCE else 1
    slot = (lengths.cumsum(0) - 1) * pieces // total
    sizes = torch.unique_consecutive(slot, return_counts=True)[1]
    ends = sizes.cumsum(0).tolist()
    return [slice(start, end) for start, end in pairwise([0, *ends])]
