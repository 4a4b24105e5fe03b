"""SASRec: self-attentive sequential recommendation (Kang and McAuley, ICDM 2018)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqrec_lib.common.checks import ids_between, one_of, positive, rate
from seqrec_lib.common.randomness import fresh_seed, make_generator
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.metrics import user_values
from seqrec_lib.evaluation.ranking import sampled_ranks
from seqrec_lib.network.config import SASRecConfig
from seqrec_lib.network.layers import Encoder, LayerNormalization
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.network.scoring import last_hidden
from seqrec_lib.training.loop import train
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.sampling import WarpSampler


class SASREC(SequenceModel):
    """A transformer that reads a user's items in order and predicts the next one.

    Args:
        item_num: I, ids are 1..I, 0 is padding.
        seq_max_len: n, the positions that the model sees; longer histories are cut in front.
        num_blocks: 0 to any; SASRec uses 2.
        embedding_dim: D.
        attention_dim: must be D; given only for compatibility.
        attention_num_heads: H, must divide D.
        conv_dims: widths of the feed-forward network, the last one D; default [D, D].
        dropout_rate: of embeddings, attention weights and feed-forward network, in training.
        l2_reg: weight decay of Adam.
        num_neg_test: negatives of `evaluate`.
        seed: of the fresh weights and of dropout in `forward`; None takes a fresh one.
        layout, norm, residuals: see `layers.EncoderLayer`.
        positions: False leaves out the positional embedding (SASRec Table IV).
        shared_embedding: False gives the predicted items a table of their own (Table IV).
        initial_tables: how embeddings start. "uniform": within 0.05, every table. "glorot": within
            the root of 6 / (rows + width), as in the authors' code, where it is TensorFlow's
            default: a table of many rows starts small (0.014 for Games' 31,013 users at width 50).

    Raises:
        ValueError: an argument out of its range. TypeError: an argument that does not exist.
    """

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
        seed: int | None = None,
        layout: str = "contract",
        norm: str = "position",
        residuals: bool = True,
        positions: bool = True,
        shared_embedding: bool = True,
        initial_tables: str = "uniform",
    ) -> None:
        super().__init__()
        width = positive("embedding_dim", embedding_dim)
        if attention_dim is not None and attention_dim != width:
            raise ValueError(
                f"attention_dim={attention_dim} must equal embedding_dim={width}: the residual "
                "connection adds the two. Leave attention_dim out."
            )
        self._build(
            SASRecConfig(
                item_num=item_num,
                seq_max_len=seq_max_len,
                num_blocks=num_blocks,
                embedding_dim=width,
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
            ),
            item_width=width,
            hidden_width=width,
            seed=seed,
            initial_tables=initial_tables,
        )

    def _build(
        self,
        config: SASRecConfig,
        item_width: int,
        hidden_width: int,
        seed: int | None,
        initial_tables: str,
    ) -> None:
        self.config = config
        one_of("initial_tables", initial_tables, ("uniform", "glorot"))
        self.item_num = positive("item_num", config.item_num)
        self.seq_max_len = positive("seq_max_len", config.seq_max_len)
        self.num_neg_test = positive("num_neg_test", config.num_neg_test)
        self.dropout_rate = rate("dropout_rate", config.dropout_rate)
        if config.l2_reg < 0:
            raise ValueError(f"l2_reg={config.l2_reg} must not be negative")
        self.l2_reg = config.l2_reg
        self._random = make_generator(seed, "cpu")
        rows = self.item_num + 1
        with torch.random.fork_rng(
            devices=[]
        ):  # torch's layers fill themselves from the global one
            self._make_embeddings(item_width, hidden_width)
            self.item_embedding_layer = nn.Embedding(rows, item_width, padding_idx=0)
            if config.positions:
                self.positional_embedding_layer = nn.Embedding(self.seq_max_len, hidden_width)
            if not config.shared_embedding:
                self.output_embedding_layer = nn.Embedding(rows, item_width, padding_idx=0)
            self.encoder = Encoder(
                config.num_blocks,
                self.seq_max_len,
                hidden_width,
                hidden_width,
                config.attention_num_heads,
                config.conv_dims,
                self.dropout_rate,
                config.layout,
                config.norm,
                config.residuals,
            )
            self.layer_normalization = LayerNormalization(
                self.seq_max_len, hidden_width, 1e-8, config.norm
            )
        self._fill(self._random, initial_tables)

    def _make_embeddings(self, item_width: int, hidden_width: int) -> None:
        """What a variant has beside items and positions."""

    @torch.no_grad()
    def _fill(self, generator: torch.Generator, tables: str) -> None:
        """Fresh weights: tables as `initial_tables` says, matrices Xavier-uniform, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                if tables == "uniform":
                    module.weight.uniform_(-0.05, 0.05, generator=generator)
                else:
                    nn.init.xavier_uniform_(module.weight, generator=generator)
                if module.padding_idx is not None:
                    module.weight[module.padding_idx] = 0
            elif isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()

    # The forward pass --------------------------------------------------------------------------

    def embedding(self, input_seq: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) ids → item embeddings × sqrt(D) and positional embeddings, both (B, T, D)."""
        items = self._scaled_items(input_seq)
        if not self.config.positions:
            return items, torch.zeros_like(items)
        table = self.positional_embedding_layer.weight[-input_seq.shape[1] :]
        return items, table.expand(len(input_seq), -1, -1)

    def _scaled_items(self, items: Tensor) -> Tensor:
        layer = self.item_embedding_layer
        return layer(items) * math.sqrt(layer.embedding_dim)

    def _inputs(self, items: Tensor, users: Tensor | None) -> Tensor:
        """What the encoder reads at each row, before positions: (…,) ids → (…, D)."""
        return self._scaled_items(items)

    def encode(
        self, items: Tensor, users: Tensor | None, rows: PaddedRows, last: bool = False
    ) -> Tensor:
        """Hidden states: (B, T) or packed (N,) ids → (B, T, D) or (N, D). SASRec eq. (1) to (5).

        users: ids of the shape of `items`, where the model has users.
        last: only the state after the last position of each sequence, (B, 1, D) or (G, D).
        """
        x = self._inputs(items, users)
        if self.config.positions:
            x = x + rows.positions(self.positional_embedding_layer.weight)
        x = rows.blank(rows.dropout(x, self.dropout_rate))
        x = self.encoder.apply_to(x, rows, last)
        return self.layer_normalization.apply_to(x, rows.last_rows() if last else rows)

    @property
    def item_table(self) -> Tensor:
        """(I+1, D), what a hidden state is compared with."""
        if self.config.shared_embedding:
            return self.item_embedding_layer.weight
        return self.output_embedding_layer.weight

    def query(self, hidden: Tensor, users: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Of hidden states (N, D): the part (N, D) that meets the item table, and what is added to
        all of a row's logits (N,), or None for nothing."""
        return hidden, None

    def forward(
        self, x: Mapping[str, Tensor], training: bool = True
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the next items and of the negatives, in the plain padded form.

        Args:
            x: `input_seq`, `positive`, `negative`, each int64 (B, seq_max_len), padded in front
                with 0 (SSEPT: and `users` (B, 1)).
            training: whether dropout acts.

        Returns:
            positive logits (B·T, 1), negative logits (B·T, 1), 1.0 where the target is real (B·T,).
        """
        seq, users = x["input_seq"], x.get("users")
        self._check_shape(seq)
        B, T = seq.shape
        rows = PaddedRows(seq != 0, training, self._dropout_generator(seq.device))
        per_row = None if users is None else users.view(B, 1).expand(B, T)
        hidden = self.encode(seq, per_row, rows).reshape(B * T, -1)
        query, shift = self.query(hidden, None if per_row is None else per_row.reshape(-1))
        logits = []
        for name in ("positive", "negative"):
            vectors = functional.embedding(x[name].reshape(-1), self.item_table, padding_idx=0)
            logit = (query * vectors).sum(dim=-1)
            logits.append((logit if shift is None else logit + shift).unsqueeze(1))
        return logits[0], logits[1], (x["positive"].reshape(-1) != 0).float()

    def _check_shape(self, seq: Tensor) -> None:
        if seq.dim() != 2 or seq.shape[1] != self.seq_max_len:
            raise ValueError(
                f"input_seq has shape {tuple(seq.shape)}: it must be (batch, "
                f"seq_max_len={self.seq_max_len}); pad_sequences makes it so"
            )

    def _dropout_generator(self, device: torch.device) -> torch.Generator:
        if self._random.device != device:
            seed = int(torch.randint(2**62, (), generator=self._random, device=self._random.device))
            self._random = make_generator(seed, device)
        return self._random

    def loss_function(self, pos_logits: Tensor, neg_logits: Tensor, istarget: Tensor) -> Tensor:
        """Binary cross-entropy averaged over the real targets: a scalar. SASRec Sec. III-E."""
        each = functional.softplus(-pos_logits.view(-1)) + functional.softplus(neg_logits.view(-1))
        return (each * istarget).sum() / istarget.sum()

    def create_combined_dataset(
        self, u: Any, seq: Any, pos: Any, neg: Any
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One sampled batch as (inputs of `forward`, target (B, T) float: 1 where pos is real)."""
        arrays = [torch.as_tensor(np.asarray(x), dtype=torch.int64) for x in (seq, pos, neg)]
        inputs = dict(zip(("input_seq", "positive", "negative"), arrays, strict=True))
        inputs["users"] = torch.as_tensor(np.asarray(u), dtype=torch.int64).view(-1, 1)
        return inputs, (arrays[1] != 0).float()

    # Scores ------------------------------------------------------------------------------------

    def predict(self, inputs: Mapping[str, Any]) -> Tensor:
        """Logits of candidates; no gradient, no dropout.

        inputs: `input_seq` (B, seq_max_len), `candidate` (B, K) and, for SSEPT, `user` (B, 1);
        tensors or arrays. Returns (B, K).

        Raises ValueError for a wrong shape and for ids outside 0..I (candidates: 1..I).
        """
        device = self.device
        seq = torch.as_tensor(inputs["input_seq"], dtype=torch.int64).to(device)
        candidates = torch.as_tensor(inputs["candidate"], dtype=torch.int64).to(device)
        self._check_shape(seq)
        if candidates.dim() != 2 or len(candidates) != len(seq):
            raise ValueError(
                f"candidate has shape {tuple(candidates.shape)}: must be ({len(seq)}, candidates)"
            )
        ids_between("input_seq", seq, 0, self.item_num, "item_num")
        ids_between("candidate", candidates, 1, self.item_num, "item_num")
        return self.score(self._predicted_users(inputs, device), seq, candidates)

    def _predicted_users(self, inputs: Mapping[str, Any], device: torch.device) -> Tensor | None:
        return None

    @torch.no_grad()
    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Logits of candidates, or of all items.

        Args:
            users: (B,) ids, for models that know users; None for strangers.
            histories: (B, T) ids padded in front, of any length T; the last n count.
            candidates: (B, K) ids; None scores everything.

        Returns:
            (B, K) float32, or (B, I+1) with -inf in column 0.
        """
        query, shift = self.query(last_hidden(self, users, histories), users)
        if candidates is None:
            logits = query @ self.item_table.T  # (B, I+1)
        else:
            vectors = functional.embedding(candidates, self.item_table)  # (B, K, D)
            logits = torch.bmm(vectors, query.unsqueeze(2)).squeeze(2)
        if shift is not None:
            logits += shift.unsqueeze(1)
        if candidates is None:
            logits[:, 0] = -math.inf
        return logits.float()

    def item_vectors(self) -> Tensor:
        """(I+1, D) item embeddings, row 0 the padding; a view of the weights, without gradient."""
        return self.item_table.detach()

    def attention_maps(self, users: Tensor | None, histories: Tensor) -> list[Tensor]:
        """The attention weights of every block from the forward pass itself, without dropout.

        histories: (B, T) padded in front, T at most n → one (B, H, T, T) per block: rows are
        queries. Real rows sum to 1; the future and padding are exactly 0.
        """
        if histories.shape[1] > self.seq_max_len:
            histories = histories[:, -self.seq_max_len :]
        maps: list[Tensor] = []
        rows = PaddedRows(histories != 0, maps=maps)
        with torch.no_grad():
            self.encode(histories, self._users_by_row(users, histories), rows)
        return maps

    def _users_by_row(self, users: Tensor | None, histories: Tensor) -> Tensor | None:
        return None if users is None else users.view(-1, 1).expand_as(histories)

    # Training and evaluation -------------------------------------------------------------------

    def train_model(
        self,
        dataset: SASRecDataSet,
        sampler: WarpSampler,
        num_epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float = 0.001,
        val_epoch: int = 0,
        eval_batch_size: int = 256,
        verbose: bool = True,
        **options: Any,
    ) -> dict[str, list[float]]:
        """Adam on batches of the sampler; for `options` (loss=, seed=, …) see `TrainingOptions`.

        Returns {"loss": one per epoch, "val_ndcg": …, "val_hr": one per validation}.
        """
        chosen = TrainingOptions(
            num_epochs=num_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            val_epoch=val_epoch,
            eval_batch_size=eval_batch_size,
            verbose=verbose,
            **options,
        )
        return train(self, dataset, sampler, chosen)

    def evaluate(
        self, dataset: SASRecDataSet, seed: int | None = None, eval_batch_size: int = 256
    ) -> tuple[float, float]:
        """(NDCG@10, HR@10) on the test items, among `num_neg_test` sampled negatives."""
        return self._evaluate(dataset, "test", seed, eval_batch_size)

    def evaluate_valid(
        self, dataset: SASRecDataSet, seed: int | None = None, eval_batch_size: int = 256
    ) -> tuple[float, float]:
        """(NDCG@10, HR@10) on the validation items, among `num_neg_test` sampled negatives."""
        return self._evaluate(dataset, "valid", seed, eval_batch_size)

    def _evaluate(
        self, dataset: SASRecDataSet, split: str, seed: int | None, batch_size: int
    ) -> tuple[float, float]:
        ranks = sampled_ranks(
            self,
            dataset,
            split=split,
            num_negatives=self.num_neg_test,
            seed=fresh_seed() if seed is None else seed,
            batch_size=batch_size,
        )
        values = (user_values(ranks, metric) for metric in ("NDCG@10", "HR@10"))
        ndcg, hit_rate = (float(value.mean()) for value in values)
        return ndcg, hit_rate
