"""SASREC and SSEPT as recommenders has them: the networks, with training, evaluation and scores.

Code that was written against recommenders' PyTorch models runs after a change of imports.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from seqrec_lib.common.ids import whole_numbers
from seqrec_lib.common.modes import in_mode
from seqrec_lib.common.randomness import moved
from seqrec_lib.common.signatures import ConfigSignature
from seqrec_lib.data.foreign import HasSplit
from seqrec_lib.data.padding import pad_sequences
from seqrec_lib.models.fit import fit, ndcg_and_hit_rate
from seqrec_lib.models.inputs import history_tensor, id_tensor, target_tensor, user_tensor
from seqrec_lib.models.sasrec import SASRecConfig, SASRecNetwork
from seqrec_lib.models.ssept import SSEPTConfig, SSEPTNetwork
from seqrec_lib.network.fast.fitness import is_the_librarys
from seqrec_lib.network.model import encoded
from seqrec_lib.network.rows import PaddedRows, Rows
from seqrec_lib.training.loss_batches import Sampler
from seqrec_lib.training.own_step import own_step, refuse_what_is_not_called

_SHOWN = (
    *("embedding_dim", "attention_dim", "num_blocks", "attention_num_heads", "conv_dims"),
    *("num_neg_test", "user_embedding_dim", "item_embedding_dim"),
)


class SASREC(SASRecNetwork):
    """A transformer that reads a user's items in order and predicts the next one.

    Args:
        the fields of `SASRecConfig`, which says what each one is, in their order.
        seed: of the fresh weights and of dropout in `forward`; None takes a fresh one.
        initial_tables: how embeddings start, see `SASRecNetwork`.

    Raises:
        ValueError: an argument out of its range. TypeError: an argument that does not exist.
    """

    runs_packed = True
    num_neg_test: int
    run_generator: torch.Generator | None = None  # of dropout, while a run trains by `forward`
    Config: ClassVar[type[SASRecConfig]] = SASRecConfig
    __signature__ = ConfigSignature()

    def __init__(
        self,
        *args: Any,
        seed: int | None = None,
        initial_tables: str = "uniform",
        **settings: Any,
    ) -> None:
        super().__init__(self.Config(*args, **settings), seed, initial_tables)
        self._initial_tables, self._seeded = initial_tables, seed is not None
        for name in _SHOWN:  # where recommenders has them
            if hasattr(self.config, name):
                setattr(self, name, getattr(self.config, name))
        if type(self)._init_weights is not SASREC._init_weights:
            self._init_weights()

    def _init_weights(self) -> None:
        """Fresh weights, as the constructor makes them; a subclass may have its own."""
        self._fill(self._random, self._initial_tables)

    @property
    def needs_whole_length(self) -> bool:
        """Whether a part that is not the library's has to be given all seq_max_len positions."""
        return not is_the_librarys(self)

    def last_state(
        self, users: Tensor | None, histories: Tensor, times: Tensor | None = None
    ) -> Tensor:
        """See `SequenceModel`; somebody's own part sees (B, seq_max_len), as in training."""
        missing = self.seq_max_len - histories.shape[1]
        if missing > 0 and self.needs_whole_length:
            histories = functional.pad(histories, (missing, 0))
        return super().last_state(users, histories, times)

    @property
    def has_own_step(self) -> bool:
        """Whether a subclass overrides forward, loss_function or create_combined_dataset."""
        return own_step(self, SASREC)

    # The forward pass --------------------------------------------------------------------------

    def embedded(self, items: Tensor, users: Tensor | None, rows: Rows) -> Tensor:
        """See `SASRecNetwork`; what a subclass's `embedding` gives is read where there is one."""
        if isinstance(rows, PaddedRows):  # packed rows have the library's own parts alone
            refuse_what_is_not_called(self)
        if type(self).embedding is SASREC.embedding and "embedding" not in vars(self):
            return super().embedded(items, users, rows)
        vectors, positions = self.embedding(items)
        x = self.joined(vectors, users) + positions
        return rows.zero_padding(rows.dropout(x, self.dropout_rate if self.training else 0.0))

    def embedding(self, input_seq: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) ids → item embeddings × sqrt(d_i), (B, T, d_i), and positions, (B, T, D)."""
        items = self.scaled_items(input_seq)
        if not self.config.positions:
            return items, items.new_zeros(*input_seq.shape, self.config.hidden_width)
        positions = self.positional_embedding_layer.weight[-input_seq.shape[1] :]
        return items, positions.expand(len(input_seq), -1, -1)

    def forward(
        self, x: Mapping[str, Tensor], training: bool = True
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the next items and of the negatives, in the plain padded form.

        x: `input_seq`, `positive`, `negative`, each int64 (B, seq_max_len), padded in front with 0,
            and for SSEPT `users` (B, 1).
        training: whether dropout acts, where the model is in training mode, too.

        Returns positive logits (B·T, 1), negative logits (B·T, 1), 1.0 where the target is real
        (B·T,). Raises ValueError that names what is missing, of another shape, or no id.
        """
        seq = history_tensor(self, x)
        users = user_tensor(self, "users", x, len(seq))
        asked = [target_tensor(self, name, x, seq) for name in ("positive", "negative")]
        rows = PaddedRows(seq != 0, training, self._dropout_generator(seq.device))
        per_row = None if users is None else users.view(-1, 1).expand_as(seq)
        query, shift = encoded(self, seq, per_row, rows)  # (B·T, D), (B·T,)
        logits = []
        for ids in asked:
            vectors = functional.embedding(ids.reshape(-1), self.output_embedding, padding_idx=0)
            logit = (query * vectors).sum(dim=-1)
            logits.append((logit if shift is None else logit + shift).unsqueeze(1))
        return logits[0], logits[1], (asked[0].reshape(-1) != 0).float()

    @torch.no_grad()
    def attention_maps(self, users: Tensor | None, histories: Tensor) -> list[Tensor]:
        """The attention weights of every block from the forward pass itself, without dropout.

        histories: (B, T) padded in front, T at most n → one (B, H, T, T) per block: rows are
        queries. Real rows sum to 1; the future and padding are exactly 0.
        """
        seq, maps = histories[:, -self.seq_max_len :], list[Tensor]()
        by_row = None if users is None else users.view(-1, 1).expand_as(seq)
        self.encode(seq, by_row, PaddedRows(seq != 0, maps=maps))
        return maps

    def _dropout_generator(self, device: torch.device) -> torch.Generator | None:
        """The run's, where one trains; the model's own with a seed, torch's global one without."""
        if self.run_generator is not None or not self._seeded:
            return self.run_generator
        if self._random.device != device:
            self._random = moved(self._random, device)
        return self._random

    def loss_function(self, pos_logits: Tensor, neg_logits: Tensor, istarget: Tensor) -> Tensor:
        """Binary cross-entropy averaged over the real targets: a scalar. SASRec Sec. III-E."""
        each = functional.softplus(-pos_logits.view(-1)) + functional.softplus(neg_logits.view(-1))
        return (each * istarget.view(-1)).sum() / istarget.sum()

    def create_combined_dataset(
        self, u: Any, seq: Any, pos: Any, neg: Any
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One sampled batch as (inputs of `forward`, target (B, T) float: 1 where pos is real).

        Shorter rows, of equal length or not, are padded in front to seq_max_len, longer ones cut.
        """
        arrays = [torch.from_numpy(pad_sequences(x, self.seq_max_len)) for x in (seq, pos, neg)]
        inputs = dict(zip(("input_seq", "positive", "negative"), arrays, strict=True))
        inputs["users"] = torch.from_numpy(whole_numbers("users", u, axes=(1, 2))).view(-1, 1)
        return inputs, (arrays[1] != 0).float()

    def predict(self, inputs: Mapping[str, Any]) -> Tensor:
        """Logits of candidates; no gradient, no dropout.

        inputs: `input_seq` (B, seq_max_len), `candidate` (B, K) and, for SSEPT, `user` (B, 1);
        tensors or arrays. Returns (B, K).

        Raises ValueError for a wrong shape and for ids outside 0..I (candidates: 1..I).
        """
        seq = history_tensor(self, inputs)
        candidates = id_tensor(inputs, "candidate", seq.device, self.item_num, "item_num", 1)
        if len(candidates) != len(seq):
            raise ValueError(
                f"candidate has shape {tuple(candidates.shape)}: must be ({len(seq)}, candidates)"
            )
        users = user_tensor(self, "user", inputs, len(seq))
        return SASRecNetwork.score(self, users, seq, candidates)

    def score(
        self,
        users: Tensor | None,
        histories: Tensor,
        candidates: Tensor | None = None,
        times: Tensor | None = None,
    ) -> Tensor:
        """See `SequenceModel`; by a subclass's `predict` where there is one.

        Such a model is asked for every item as a candidate where it is to score them all.
        """
        if type(self).predict is SASREC.predict and "predict" not in vars(self):
            return super().score(users, histories, candidates, times)
        B, T = histories.shape
        n = self.seq_max_len
        seq = functional.pad(histories, (max(0, n - T), 0))[:, -n:]
        asked = candidates
        if asked is None:
            asked = torch.arange(1, self.item_num + 1, device=seq.device).expand(B, -1)  # (B, I)
        inputs = {"input_seq": seq, "candidate": asked}
        if users is not None:
            inputs["user"] = users.view(-1, 1)
        with torch.no_grad(), in_mode(self, training=False):
            scores = torch.as_tensor(self.predict(inputs)).float()
        return scores if candidates is not None else functional.pad(scores, (1, 0), value=-math.inf)

    # Training and evaluation -------------------------------------------------------------------

    def train_model(
        self,
        dataset: HasSplit,
        sampler: Sampler | None = None,
        num_epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float = 0.001,
        val_epoch: int = 0,
        eval_batch_size: int = 256,
        verbose: bool = True,
        **options: Any,
    ) -> dict[str, list[float]]:
        """Adam on batches of the sampler (None: of one that fits). `TrainingOptions` says what else
        can be chosen, and what to begin with on your own data.
        Returns {"loss": one per epoch, "val_ndcg": …, "val_hr": one per validation}.
        """
        if self.user_num is not None:
            self.known_users = dataset.usernum
        return fit(
            self,
            dataset,
            sampler,
            lambda seed: self.evaluate_valid(dataset, seed, eval_batch_size),
            num_epochs=num_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            val_epoch=val_epoch,
            eval_batch_size=eval_batch_size,
            verbose=verbose,
            **options,
        )

    def evaluate(
        self, dataset: HasSplit, seed: int | None = None, eval_batch_size: int = 256
    ) -> tuple[float, float]:
        """(NDCG@10, HR@10) on the test items, among `num_neg_test` sampled negatives."""
        return ndcg_and_hit_rate(self, dataset, "test", self.num_neg_test, seed, eval_batch_size)

    def evaluate_valid(
        self, dataset: HasSplit, seed: int | None = None, eval_batch_size: int = 256
    ) -> tuple[float, float]:
        """(NDCG@10, HR@10) on the validation items, among `num_neg_test` sampled negatives."""
        return ndcg_and_hit_rate(self, dataset, "valid", self.num_neg_test, seed, eval_batch_size)


class SSEPT(SSEPTNetwork, SASREC):
    """`SASREC` with an embedding for each user: a personalised transformer.

    Args: the fields of `SSEPTConfig`; `seed` and `initial_tables` as for `SASREC`. `forward` then
    needs `users` (B, 1) and `predict` needs `user` (B, 1); training and evaluation are the same.
    """

    runs_packed = True
    Config = SSEPTConfig
    config: SSEPTConfig

    @property
    def hidden_units(self) -> int:
        """D, the width of the encoder."""
        return self.config.hidden_width
