"""Attention by torch's fused kernels, for long histories: no (B, H, T, T) weights in memory.

`scaled_dot_product_attention` walks over blocks of keys and never holds all weights (Dao et al.
2022, "FlashAttention"): memory grows with T instead of T². Its fast forms know "causal", but no
padding in front. So padding is told by one more coordinate: 1 in every query, and in a padded key a
number so low that its weight is exactly 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from seqrec_lib.common.randomness import drawing_from
from seqrec_lib.network.rows import PaddedRows

_FAR = -1e5  # divided by sqrt(D/H) it is still far below any score: exp of it is 0
_STEP = 8  # the kernels for GPUs want a multiple of it as the width of a head


class FusedRows(PaddedRows):
    """As `PaddedRows`, with attention in one kernel of torch's.

    The same numbers up to rounding; with dropout, other draws. On a CPU the kernel has no dropout
    of its own, and torch goes back to a form with all weights when dropout acts.
    """

    def attention(self, q: Tensor, k: Tensor, v: Tensor, heads: int, rate: float) -> Tensor:
        """See `PaddedRows.attention`; `maps` stays empty: the weights are never there."""
        B, T, D = q.shape
        C = D // heads
        q, k, v = (x.view(B, T, heads, C).transpose(1, 2) for x in (q, k, v))  # B H T C
        told = ((self.real.float() - 1) * -_FAR).to(k.dtype)[:, None, :, None]  # (B, 1, T, 1)
        fill = (0, -(C + 1) % _STEP)
        q = functional.pad(torch.cat([q, torch.ones_like(q[..., :1])], -1), fill)  # B H T C+1+fill
        k = functional.pad(torch.cat([k, told.expand_as(k[..., :1])], -1), fill)
        v = functional.pad(v, (0, 1 + fill[1]))
        with drawing_from(self.generator):
            mixed = functional.scaled_dot_product_attention(
                q,
                k,
                v,
                dropout_p=rate if self.training else 0.0,
                is_causal=True,
                scale=1 / math.sqrt(C),
            )[..., :C]  # (B, H, T, C)
        mixed = mixed * self.real_queries[:, None, :, None]
        return mixed.transpose(1, 2).reshape(B, T, D)
