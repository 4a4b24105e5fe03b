"""What training and scoring ask of a model. `SASREC` and `SSEPT` answer it; so can a model of yours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from seqrec_lib.network.config import SASRecConfig
from seqrec_lib.network.layers import LayerNormalization
from seqrec_lib.network.rows import PaddedRows


class SequenceModel(nn.Module, ABC):
    """A network that reads item ids in order and gives each position a state to compare items with.

    Attributes:
        config: its settings as one object.
        item_num: I, ids are 1..I. seq_max_len: n, the positions that it sees.
        dropout_rate, l2_reg: of training.
    """

    config: SASRecConfig
    item_num: int
    seq_max_len: int
    dropout_rate: float
    l2_reg: float
    item_embedding_layer: nn.Embedding
    layer_normalization: LayerNormalization

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.item_embedding_layer.weight.device

    @property
    @abstractmethod
    def item_table(self) -> Tensor:
        """(I+1, D), what a hidden state is compared with."""

    @abstractmethod
    def encode(
        self, items: Tensor, users: Tensor | None, rows: PaddedRows, last: bool = False
    ) -> Tensor:
        """Hidden states: (B, T) or packed (N,) ids → (B, T, D) or (N, D).

        users: ids of the shape of `items`, where the model has users.
        last: only the state after the last position of each sequence, (B, 1, D) or (G, D).
        """

    @abstractmethod
    def query(self, hidden: Tensor, users: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Of hidden states (N, D): the part (N, D) that meets the item table, and what is added to
        all of a row's logits (N,), or None for nothing."""

    @abstractmethod
    def evaluate_valid(
        self, dataset: Any, seed: int | None = None, eval_batch_size: int = 256
    ) -> tuple[float, float]:
        """(NDCG@10, HR@10) on the validation items."""
