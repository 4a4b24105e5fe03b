"""What `network.fast.last` asks of packed rows, of padded ones in plain torch."""

import torch
from torch import Tensor

from seqrec_lib.network.rows import PaddedRows


class PaddedLast(PaddedRows):
    """`PaddedRows` that know their last positions."""

    def of_last(self) -> PaddedRows:
        return PaddedRows(self.real[:, -1:])

    def attention_of_last(self, q: Tensor, x: Tensor) -> Tensor:
        """softmax(q · xᵀ) x: (B, 1, H, D), (B, T, D) → (B, 1, H, D)."""
        scores = q.transpose(1, 2) @ x.unsqueeze(1).transpose(-2, -1)  # (B, H, 1, T)
        allowed = self.real[:, None, None, :] & self.real[:, None, -1:, None]
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        mixed = (scores.softmax(dim=-1) * allowed) @ x.unsqueeze(1)  # (B, H, 1, D)
        return mixed.transpose(1, 2)
