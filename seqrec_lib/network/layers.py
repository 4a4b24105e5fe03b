"""The blocks of SASRec in their plain form: one operation a line.

Shapes: B batch, T positions, H heads, D width. Sequences are padded in front, so the last column is
the most recent item whatever T is, and what belongs to positions is read from its end.

A block does not care how its rows are stored: it asks `rows` (see there) for whatever depends on
that. Called without, it takes its input for padded (B, T, D), and rows that are all zero for
padding. Dropout acts where the rows are for training and the block is in training mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from seqrec_lib.common.checks import one_of, positive, rate
from seqrec_lib.common.signatures import passes_on_to, takes_argument
from seqrec_lib.network.rows import PaddedRows, Rows

LAYOUTS = ("contract", "authors", "pre-norm", "post-norm")
NORMS = ("position", "feature")


def rows_with_content(x: Tensor) -> Tensor:
    """(B, T) bool: which rows of x (B, T, D) are not all zero; a sum of 0 also hits real rows."""
    return (x != 0).any(dim=-1)


class MultiHeadAttention(nn.Module):
    """Causal scaled dot-product attention with several heads, added to its queries.

    Args:
        attention_dim: D, the width of queries, keys and output.
        num_heads: H; must divide D, or a ValueError says so.
        dropout_rate: of the attention weights.
        residual: whether the queries are added (SASRec's Table IV has a row without).

    The formula is in `rows.PaddedRows.attention`. Source: SASRec Sec. III-B; no projection follows
    the heads, as in the authors' code.
    """

    def __init__(
        self, attention_dim: int, num_heads: int, dropout_rate: float, residual: bool = True
    ) -> None:
        super().__init__()
        positive("attention_dim", attention_dim)
        positive("num_heads", num_heads)
        if attention_dim % num_heads:
            raise ValueError(
                f"attention_dim={attention_dim} is not divisible by num_heads={num_heads}: each "
                "head gets an equal part of the width"
            )
        self.num_heads = num_heads
        self.dropout_rate = rate("dropout_rate", dropout_rate)
        self.residual = residual
        self.Q = nn.Linear(attention_dim, attention_dim)
        self.K = nn.Linear(attention_dim, attention_dim)
        self.V = nn.Linear(attention_dim, attention_dim)

    def forward(self, queries: Tensor, keys: Tensor, rows: Rows | None = None) -> Tensor:
        """(B, T, D), (B, T, D) → (B, T, D)."""
        if rows is None:
            real, asking = rows_with_content(keys), rows_with_content(queries)
            rows = PaddedRows(real, self.training, real_queries=asking)
        if queries is keys:  # one pass over the rows is cheaper than two
            q, k, v = rows.linear(keys, (self.Q, self.K, self.V))
        else:
            (q,), (k, v) = rows.linear(queries, [self.Q]), rows.linear(keys, (self.K, self.V))
        rate = self.dropout_rate if self.training else 0.0
        mixed = rows.attention(q, k, v, self.num_heads, rate)
        return mixed + queries if self.residual else mixed


class PointWiseFeedForward(nn.Module):
    """Two convolutions of kernel size 1, so two linear maps of each position, added to the input.

    conv_dims: [C, D], the widths; dropout follows each. Source: SASRec eq. (4).
    """

    def __init__(
        self,
        embedding_dim: int,
        conv_dims: Sequence[int],
        dropout_rate: float,
        residual: bool = True,
    ) -> None:
        super().__init__()
        if len(conv_dims) != 2 or conv_dims[1] != embedding_dim:
            raise ValueError(
                f"conv_dims={list(conv_dims)} must be two widths, the second {embedding_dim}, the "
                "width of the input that the result is added to"
            )
        self.dropout_rate = rate("dropout_rate", dropout_rate)
        self.residual = residual
        self.conv_layer1 = nn.Conv1d(embedding_dim, positive("conv_dims", conv_dims[0]), 1)
        self.conv_layer2 = nn.Conv1d(conv_dims[0], conv_dims[1], 1)

    def forward(self, x: Tensor, rows: Rows | None = None) -> Tensor:
        """(B, T, D) → (B, T, D)."""
        rows = rows or PaddedRows(rows_with_content(x), self.training)
        rate = self.dropout_rate if self.training else 0.0
        return rows.feed_forward(x, self.conv_layer1, self.conv_layer2, rate, self.residual)


class LayerNormalization(nn.Module):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over the last axis.

    Args:
        seq_max_len: n. gamma and beta are (n, D): one row per position, counted from the end.
        embedding_dim: D. epsilon: keeps the root away from 0.
        norm: "feature" shares one row, (1, D), among all positions, as the papers do.
    """

    def __init__(
        self, seq_max_len: int, embedding_dim: int, epsilon: float, norm: str = "position"
    ) -> None:
        super().__init__()
        one_of("norm", norm, NORMS)
        rows = positive("seq_max_len", seq_max_len) if norm == "position" else 1
        self.epsilon = epsilon
        self.gamma = nn.Parameter(torch.ones(rows, embedding_dim))
        self.beta = nn.Parameter(torch.zeros(rows, embedding_dim))

    def forward(self, x: Tensor, rows: Rows | None = None) -> Tensor:
        """(B, T, D) → (B, T, D), T at most n."""
        rows = rows or PaddedRows(rows_with_content(x))
        return rows.normalise(x, self.gamma, self.beta, self.epsilon)


class EncoderLayer(nn.Module):
    """One block: attention, then the feed-forward network.

    Args:
        seq_max_len, embedding_dim, attention_dim, num_heads, conv_dims, dropout_rate: see the
            blocks above.
        layout: where the normalisation LN stands, for input x (attention(q, k) below is without
            the residual; FFN likewise):
            "contract" (recommenders): h = LN(x), a = h + attention(h, x), out = a + FFN(a);
            "authors" (SASRec's released code): h = LN(x), z = LN'(h + attention(h, x)),
            out = z + FFN(z);
            "pre-norm" (the paper's text): h = LN(x), y = x + attention(h, h),
            out = y + FFN(LN'(y));
            "post-norm" (Vaswani et al. 2017): y = LN(x + attention(x, x)), out = LN'(y + FFN(y)).
        norm: "position" or "feature", see `LayerNormalization`.
        residuals: False leaves out every residual connection (SASRec Table IV).
    """

    def __init__(
        self,
        seq_max_len: int,
        embedding_dim: int,
        attention_dim: int,
        num_heads: int,
        conv_dims: Sequence[int],
        dropout_rate: float,
        layout: str = "contract",
        norm: str = "position",
        residuals: bool = True,
    ) -> None:
        super().__init__()
        self.layout = one_of("layout", layout, LAYOUTS)
        self.residuals = residuals
        if attention_dim != embedding_dim:
            raise ValueError(
                f"attention_dim={attention_dim} must equal the width of the block, "
                f"{embedding_dim}: the residual connection adds the two. Leave attention_dim out."
            )
        inside = residuals and layout != "pre-norm"  # pre-norm adds x itself, not its normal form
        self.mha = MultiHeadAttention(attention_dim, num_heads, dropout_rate, inside)
        self.ffn = PointWiseFeedForward(embedding_dim, conv_dims, dropout_rate, inside)
        self.layer_normalization = LayerNormalization(seq_max_len, embedding_dim, 1e-8, norm)
        if layout != "contract":
            self.layer_normalization2 = LayerNormalization(seq_max_len, embedding_dim, 1e-8, norm)

    def forward(
        self,
        x: Tensor,
        training: bool = False,
        mask: Tensor | None = None,
        rows: Rows | None = None,
    ) -> Tensor:
        """(B, T, D) → (B, T, D), given mask (B, T, 1) with 0 at padding, or rows of any kind."""
        rows = rows or rows_of(mask, training and self.training)
        mha, ffn, first = (on(p, rows) for p in (self.mha, self.ffn, self.layer_normalization))
        if self.layout == "contract":
            return rows.zero_padding(ffn(mha(first(x), x)))
        second = on(self.layer_normalization2, rows)
        if self.layout == "authors":
            out = ffn(second(mha(first(x), x)))
        elif self.layout == "pre-norm":
            h = first(x)
            y = self.plus(x, mha(h, h))
            out = self.plus(y, ffn(second(y)))
        else:
            out = second(ffn(first(mha(x, x))))
        return rows.zero_padding(out)

    def plus(self, x: Tensor, change: Tensor) -> Tensor:
        """The residual connection, where there is one."""
        return x + change if self.residuals else change

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: object) -> None:
        # recommenders' blocks own two layer normalisations that nothing uses
        for name in ("layernorm1", "layernorm2"):
            for kind in ("weight", "bias"):
                state_dict.pop(f"{prefix}{name}.{kind}", None)
        super()._load_from_state_dict(state_dict, prefix, *args)


def rows_of(mask: Tensor | None, training: bool) -> PaddedRows:
    """Padded rows by a mask (B, T, 1), 0 at padding. Raises TypeError where there is no mask."""
    if mask is None:
        raise TypeError("give mask, (batch, length, 1) with 0 at padding, or rows")
    return PaddedRows(mask.squeeze(-1) != 0, training)


def on(part: nn.Module, rows: Rows, block: bool = False) -> Callable[..., Tensor]:
    """`part` for these rows. One that somebody put in its place, and that knows no rows, is called
    as recommenders calls it: a block with training and mask, others with their inputs alone."""
    if takes_argument(part.forward, "rows"):
        return partial(part, rows=rows)
    if block and isinstance(rows, PaddedRows):
        return lambda x: part(x, rows.training, rows.real.unsqueeze(-1).to(x.dtype))
    return part


class Encoder(nn.Module):
    """`num_layers` blocks in a row; the arguments after it are those of `EncoderLayer`."""

    @passes_on_to(EncoderLayer)
    def __init__(self, num_layers: int, *block: Any, **options: Any) -> None:
        super().__init__()
        if num_layers < 0:
            raise ValueError(f"num_layers={num_layers} must not be negative")
        self.num_layers = num_layers
        self.enc_layers = nn.ModuleList(EncoderLayer(*block, **options) for _ in range(num_layers))

    def forward(
        self,
        x: Tensor,
        training: bool = False,
        mask: Tensor | None = None,
        rows: Rows | None = None,
    ) -> Tensor:
        """See `EncoderLayer.forward`."""
        rows = rows or rows_of(mask, training and self.training)
        for layer in self.enc_layers:
            x = on(layer, rows, block=True)(x)
        return x
