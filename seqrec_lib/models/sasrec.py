"""SASRec: self-attentive sequential recommendation (Kang and McAuley, ICDM 2018)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqrec_lib.common.checks import one_of, positive, rate, real_number, whole_number
from seqrec_lib.common.randomness import draws_put_back, make_generator
from seqrec_lib.network.layers import Encoder, LayerNormalization, on
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.rows import Rows


@dataclass(frozen=True)
class SASRecConfig:
    """The arguments of `SASREC`, in their order; a wrong one is refused when this is made.

    Raises ValueError for an argument out of its range, TypeError for one that does not exist.
    """

    item_num: int  # I, ids are 1..I, 0 is padding
    seq_max_len: int = 100  # n, the positions that the model sees; the latest n items count
    num_blocks: int = 2  # 0 to any
    embedding_dim: int = 100  # D
    attention_dim: int | None = None  # must be D: the residual connection adds the two
    attention_num_heads: int = 1  # H, must divide D
    conv_dims: Sequence[int] | None = None  # of the feed-forward network, the last one D: [D, D]
    dropout_rate: float = 0.5  # of embeddings, attention weights and feed-forward network
    l2_reg: float = 0.0  # weight decay of Adam
    num_neg_test: int = 100  # negatives of `evaluate`
    _: KW_ONLY
    layout: str = "contract"  # where the normalisation stands, see `layers.EncoderLayer`
    norm: str = "position"  # or "feature", see `layers.LayerNormalization`
    residuals: bool = True  # False leaves out the residual connections (SASRec Table IV)
    positions: bool = True  # False leaves out the positional embedding (Table IV)
    shared_embedding: bool = True  # False unties the output embedding from the input's (Table IV)

    def __post_init__(self) -> None:
        for name in ("item_num", "seq_max_len", "embedding_dim", "num_neg_test"):
            self._settle(**{name: positive(name, getattr(self, name))})
        self._settle(attention_num_heads=positive("attention_num_heads", self.attention_num_heads))
        self._settle(num_blocks=whole_number("num_blocks", self.num_blocks, least=0))
        self._settle(dropout_rate=rate("dropout_rate", self.dropout_rate))
        self._settle(l2_reg=real_number("l2_reg", self.l2_reg, least=0))
        width = self.hidden_width
        if self.attention_dim not in (None, width):
            raise ValueError(
                f"attention_dim={self.attention_dim} must equal embedding_dim={width}: the "
                "residual connection adds the two. Leave attention_dim out."
            )
        self._settle(attention_dim=width, conv_dims=tuple(self.conv_dims or (width, width)))

    def _settle(self, **values: Any) -> None:
        """What follows from the arguments, put in its place once."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def item_width(self) -> int:
        """The width of an item's embedding."""
        return self.embedding_dim

    @property
    def hidden_width(self) -> int:
        """D, the width of the encoder."""
        return self.embedding_dim


class SASRecNetwork(SequenceModel):
    """Item and positional embeddings, the encoder, and one more normalisation.

    Args:
        config: see `SASRecConfig`.
        seed: of the fresh weights; None takes a fresh one.
        initial_tables: "uniform": within 0.05, every embedding table. "glorot": within the root of
            6 / (rows + width), as in the authors' code, where it is TensorFlow's default: many
            rows start small (0.014 for Games' 31,013 users at width 50).
    """

    runs_packed = True
    item_embedding_layer: nn.Embedding

    def __init__(
        self, config: SASRecConfig, seed: int | None = None, initial_tables: str = "uniform"
    ) -> None:
        super().__init__()
        one_of("initial_tables", initial_tables, ("uniform", "glorot"))
        self.config = config
        self.item_num, self.seq_max_len = config.item_num, config.seq_max_len
        self.dropout_rate, self.l2_reg = config.dropout_rate, config.l2_reg
        width, rows = config.hidden_width, config.item_num + 1
        self._random = make_generator(seed, "cpu")
        with draws_put_back():  # torch's layers draw from the global generator
            self._add_embeddings()
            self.item_embedding_layer = nn.Embedding(rows, config.item_width, padding_idx=0)
            if config.positions:
                self.positional_embedding_layer = nn.Embedding(self.seq_max_len, width)
            if not config.shared_embedding:
                self.output_embedding_layer = nn.Embedding(rows, config.item_width, padding_idx=0)
            self.encoder = Encoder(
                config.num_blocks,
                self.seq_max_len,
                width,
                width,
                config.attention_num_heads,
                config.conv_dims or (),
                config.dropout_rate,
                config.layout,
                config.norm,
                config.residuals,
            )
            self.layer_normalization = LayerNormalization(
                self.seq_max_len, width, 1e-8, config.norm
            )
        self._fill(self._random, initial_tables)

    def _add_embeddings(self) -> None:
        """What a variant has beside items and positions."""

    @torch.no_grad()
    def _fill(self, generator: torch.Generator, embeddings: str) -> None:
        """Fresh weights: embeddings as asked for, matrices Xavier-uniform, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                if embeddings == "uniform":
                    module.weight.uniform_(-0.05, 0.05, generator=generator)
                else:
                    nn.init.xavier_uniform_(module.weight, generator=generator)
                if module.padding_idx is not None:
                    module.weight[module.padding_idx] = 0
            elif isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()

    def settings(self) -> dict[str, Any]:
        """The class's name and the config, as plain values, ready for JSON."""
        return {"model": type(self).__name__, **asdict(self.config)}

    def scaled_items(self, items: Tensor) -> Tensor:
        """Item embeddings × sqrt of their width: (…,) ids → (…, d_i). SASRec's released code."""
        return self.item_embedding_layer(items) * math.sqrt(self.config.item_width)

    def joined(self, vectors: Tensor, users: Tensor | None) -> Tensor:
        """Item vectors (…, d_i) with what a variant reads beside them: (…, D)."""
        return vectors

    def embedded(self, items: Tensor, users: Tensor | None, rows: Rows) -> Tensor:
        """What the encoder reads: (…,) ids → (…, D). SASRec eq. (1), and dropout."""
        x = self.joined(self.scaled_items(items), users)
        if self.config.positions:
            x = x + rows.by_position(self.positional_embedding_layer.weight)
        return rows.zero_padding(rows.dropout(x, self.dropout_rate if self.training else 0.0))

    def encode(self, items: Tensor, users: Tensor | None, rows: Rows) -> Tensor:
        """See `SequenceModel`: (B, T) or packed (N,) ids → (B, T, D) or (N, D). Eq. (2) to (5)."""
        x = on(self.encoder, rows, block=True)(self.embedded(items, users, rows))
        return on(self.layer_normalization, rows)(x)

    @property
    def output_embedding(self) -> Tensor:
        """(I+1, D), what a hidden state is compared with; the item embeddings where it is tied."""
        if self.config.shared_embedding:
            return self.item_embedding_layer.weight
        return self.output_embedding_layer.weight
