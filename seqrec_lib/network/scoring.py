"""From histories to the hidden state of their last position: what every score is made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from seqrec_lib.network.fast.threads import CoreThreads
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.rows import PaddedRows

ROWS_AT_ONCE = 8192  # measured: fewer rows cost more in calls than they save in cache misses


def last_hidden(model: SequenceModel, users: Tensor | None, histories: Tensor) -> Tensor:
    """The hidden states (B, D) after the last position of each row; no dropout, no gradient.

    users: (B,) or None; histories: (B, T) ids padded in front, any T; the last n columns count.
    A row of padding alone has a state too: that of an empty history.
    """
    seq = histories[:, -model.seq_max_len :]
    if packs(model, torch.float32):
        return _packed(model, users, seq)
    by_row = None if users is None else users.view(-1, 1).expand_as(seq)
    return model.encode(seq, by_row, PaddedRows(seq != 0), last=True).squeeze(1)


def packs(model: SequenceModel, precision: torch.dtype) -> bool:
    """Whether the compiled loops can take this model: float32 on a CPU."""
    weight = model.item_embedding_layer.weight
    return weight.device.type == "cpu" and weight.dtype == precision == torch.float32


def _packed(model: SequenceModel, users: Tensor | None, seq: Tensor) -> Tensor:
    from seqrec_lib.network.fast.packed import PackedRows

    real = seq != 0
    real[:, -1] = True  # a sequence has at least one row; an empty history's is replaced below
    lengths = real.sum(dim=1)
    out = torch.empty(len(seq), model.layer_normalization.gamma.shape[1])
    parts, inference = _cut(lengths, torch.get_num_threads()), torch.is_inference_mode_enabled()

    def work(share: Sequence[slice]) -> None:
        # Threads inherit neither. In the other order inference_mode(False) brings gradients back.
        with torch.inference_mode(inference), torch.no_grad():
            for part in share:
                kept = real[part]
                rows = PackedRows(lengths[part], model.seq_max_len)
                by_row = None
                if users is not None:
                    by_row = users[part].repeat_interleave(lengths[part])
                out[part] = model.encode(seq[part][kept], by_row, rows, last=True)

    if len(parts) == 1:
        work(parts)
    else:
        with CoreThreads() as cores:
            cores.share(work, parts)
    # The encoder leaves 0 at padding, which the last normalisation turns into its beta.
    return torch.where(seq[:, -1:] == 0, model.layer_normalization.beta[-1], out)


def _cut(lengths: Tensor, threads: int) -> list[slice]:
    """Sequences in slices of about equally many rows, as many for each thread, few but not huge."""
    total = int(lengths.sum())
    pieces = threads * -(-total // (ROWS_AT_ONCE * threads)) if total > ROWS_AT_ONCE else 1
    slot = (lengths.cumsum(0) - 1) * pieces // total
    sizes = torch.unique_consecutive(slot, return_counts=True)[1]
    ends = sizes.cumsum(0).tolist()
    return [slice(start, end) for start, end in pairwise([0, *ends])]
