"""SSE-PT: SASRec with an embedding for each user (Wu, Li, Hsieh and Sharpnack, RecSys 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqrec_lib.common.checks import positive
from seqrec_lib.models.sasrec import SASRecConfig, SASRecNetwork


@dataclass(frozen=True, kw_only=True)
class SSEPTConfig(SASRecConfig):
    """The arguments of `SSEPT`: those of `SASREC`, and users. The hidden width D is d_i + d_u.

    attention_dim is accepted for compatibility, without effect: the encoder is D wide.
    """

    user_num: int  # U
    user_embedding_dim: int | None = None  # d_u; embedding_dim where it is not given
    item_embedding_dim: int | None = None  # d_i; embedding_dim where it is not given

    def __post_init__(self) -> None:
        for name in ("user_num", "user_embedding_dim", "item_embedding_dim"):
            given = getattr(self, name)
            self._settle(**{name: positive(name, self.embedding_dim if given is None else given)})
        self._settle(attention_dim=self.hidden_width)
        super().__post_init__()

    @property
    def item_width(self) -> int:
        """d_i."""
        return self.item_embedding_dim or self.embedding_dim

    @property
    def hidden_width(self) -> int:
        """D."""
        return self.item_width + (self.user_embedding_dim or self.embedding_dim)


class SSEPTNetwork(SASRecNetwork):
    """A personalised transformer: every position reads [item embedding ; user embedding].

    The user's half adds the same amount to every candidate of a user, so at a given hidden state it
    never changes a ranking; what personalises is that the encoder reads it. Stochastic shared
    embeddings are a part of training: see `training.sse`.
    """

    runs_packed = True
    config: SSEPTConfig

    def _add_embeddings(self) -> None:
        self.user_num = self.known_users = self.config.user_num  # known: those of the data set
        width = self.config.hidden_width - self.config.item_width
        self.user_embedding_layer = nn.Embedding(self.user_num + 1, width, padding_idx=0)

    def user_vectors(self, users: Tensor | None, like: Tensor) -> Tensor:
        """User embeddings × sqrt(d_u), (…, d_u) for like (…, D); the mean one without users."""
        layer = self.user_embedding_layer
        if users is None:
            vector = layer.weight[1 : self.known_users + 1].mean(dim=0).expand(*like.shape[:-1], -1)
        else:
            vector = layer(users)
        return vector * math.sqrt(layer.embedding_dim)

    def joined(self, vectors: Tensor, users: Tensor | None) -> Tensor:
        """See `SASRecNetwork`: (…, d_i) → (…, D)."""
        return torch.cat([vectors, self.user_vectors(users, vectors)], dim=-1)

    def query(self, hidden: Tensor, users: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `SequenceModel`: the item half of the state, and the user half times the user."""
        d_i = self.config.item_width
        vectors = self.user_vectors(users, hidden)
        return hidden[..., :d_i], (hidden[..., d_i:] * vectors).sum(dim=-1)
