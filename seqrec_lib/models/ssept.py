"""SSE-PT: SASRec with an embedding for each user (Wu, Li, Hsieh and Sharpnack, RecSys 2020)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqrec_lib.common.checks import ids_between, positive
from seqrec_lib.models.sasrec import SASREC
from seqrec_lib.network.config import SSEPTConfig


class SSEPT(SASREC):
    """A personalised transformer: every position reads [item embedding ; user embedding].

    Args:
        item_num, user_num: I and U.
        embedding_dim: the width of both embeddings where they are not given.
        user_embedding_dim, item_embedding_dim: d_u and d_i. The hidden width D is their sum.
        attention_dim: accepted for compatibility, without effect: the encoder is D wide.
        conv_dims: default [D, D].
        The others: see `SASREC`. Stochastic shared embeddings are a part of training, see
        `training.train`.

    The user's half adds the same amount to every candidate of a user, so at a given hidden state it
    never changes a ranking; what personalises is that the encoder reads it.
    """

    config: SSEPTConfig

    def __init__(
        self,
        item_num: int,
        seq_max_len: int = 100,
        num_blocks: int = 2,
        embedding_dim: int = 100,
        attention_dim: int | None = None,
        attention_num_heads: int = 1,
        conv_dims: Sequence[int] | None = None,
        dropout_rate: float = 0.5,
        l2_reg: float = 0.0,
        num_neg_test: int = 100,
        *,
        user_num: int,
        user_embedding_dim: int | None = None,
        item_embedding_dim: int | None = None,
        seed: int | None = None,
        layout: str = "contract",
        norm: str = "position",
        residuals: bool = True,
        positions: bool = True,
        shared_embedding: bool = True,
        initial_tables: str = "uniform",
    ) -> None:
        nn.Module.__init__(self)
        positive("embedding_dim", embedding_dim)
        d_u = embedding_dim if user_embedding_dim is None else user_embedding_dim
        d_i = embedding_dim if item_embedding_dim is None else item_embedding_dim
        width = positive("user_embedding_dim", d_u) + positive("item_embedding_dim", d_i)
        self.user_num = positive("user_num", user_num)
        self.user_embedding_dim = d_u
        self._build(
            SSEPTConfig(
                item_num=item_num,
                seq_max_len=seq_max_len,
                num_blocks=num_blocks,
                embedding_dim=embedding_dim,
                attention_num_heads=attention_num_heads,
                conv_dims=tuple(conv_dims) if conv_dims is not None else (width, width),
                dropout_rate=dropout_rate,
                l2_reg=l2_reg,
                num_neg_test=num_neg_test,
                layout=layout,
                norm=norm,
                residuals=residuals,
                positions=positions,
                shared_embedding=shared_embedding,
                user_num=user_num,
                user_embedding_dim=d_u,
                item_embedding_dim=d_i,
            ),
            item_width=d_i,
            hidden_width=width,
            seed=seed,
            initial_tables=initial_tables,
        )

    def _make_embeddings(self, item_width: int, hidden_width: int) -> None:
        width = hidden_width - item_width
        self.user_embedding_layer = nn.Embedding(self.user_num + 1, width, padding_idx=0)

    def _user_vectors(self, users: Tensor | None, like: Tensor) -> Tensor:
        """User embeddings × sqrt(d_u), (…, d_u); the mean one where there is no user."""
        layer = self.user_embedding_layer
        if users is None:
            vector = layer.weight[1:].mean(dim=0).expand(*like.shape, -1)
        else:
            vector = layer(users)
        return vector * math.sqrt(layer.embedding_dim)

    def _inputs(self, items: Tensor, users: Tensor | None) -> Tensor:
        vectors = self._user_vectors(users, items)
        return torch.cat([self._scaled_items(items), vectors], dim=-1)

    def query(self, hidden: Tensor, users: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `SASREC.query`: the item half of the state, and the user half times the user."""
        d_i = self.item_embedding_layer.embedding_dim
        vectors = self._user_vectors(users, hidden[..., 0])
        return hidden[..., :d_i], (hidden[..., d_i:] * vectors).sum(dim=-1)

    def embedding(self, input_seq: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) ids → item embeddings × sqrt(d_i), (B, T, d_i), and positions, (B, T, D)."""
        items = self._scaled_items(input_seq)
        if not self.config.positions:
            return items, items.new_zeros(*input_seq.shape, self.config_width)
        table = self.positional_embedding_layer.weight[-input_seq.shape[1] :]
        return items, table.expand(len(input_seq), -1, -1)

    @property
    def config_width(self) -> int:
        """D, the hidden width."""
        return self.config.user_embedding_dim + self.config.item_embedding_dim

    def forward(
        self, x: Mapping[str, Tensor], training: bool = True
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `SASREC.forward`; x also holds `users` (B, 1).

        Raises ValueError when `users` is missing.
        """
        if "users" not in x:
            raise ValueError("SSEPT.forward needs x['users'], int64 (batch, 1)")
        return super().forward(x, training)

    def _predicted_users(self, inputs: Mapping[str, Any], device: torch.device) -> Tensor | None:
        if "user" not in inputs:
            raise ValueError("SSEPT.predict needs inputs['user'], (batch, 1)")
        users = torch.as_tensor(inputs["user"], dtype=torch.int64).to(device).view(-1)
        ids_between("user", users, 0, self.user_num, "user_num")
        return users
