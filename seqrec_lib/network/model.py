"""What training and scoring ask of a model: the door for one of your own.

`SASRecNetwork` and `SSEPTNetwork` answer it, and so can any network that reads items in order:
subclass `SequenceModel`, write `encode` and `output_embedding`, and `fit`, `recommend` … take it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqrec_lib.common.checks import padded_in_front
from seqrec_lib.common.modes import in_mode
from seqrec_lib.network.fast.fitness import fits_packed
from seqrec_lib.network.rows import PaddedRows, Rows

AnyBatch = TypeVar("AnyBatch", bound=NamedTuple)  # users (B,), seq, pos, neg (B, T)


class SequenceModel(nn.Module, ABC):
    """A network that reads item ids in order and gives each position a state to compare items with.

    Its constructor sets item_num and seq_max_len, and what differs of the others.
    """

    item_num: int  # I, ids are 1..I, 0 is padding
    seq_max_len: int  # n, the positions that it sees
    user_num: int | None = None  # U, or None for a model that does not look at who the user is
    l2_reg: float = 0.0  # weight decay of Adam
    reads_times: bool = False  # whether `encode` looks at `rows.times`, which then must be there
    runs_packed: bool = False  # leave it: see `fast.fitness`
    knows: Any = None  # whose its rows are: the lists of the first data set that it meets

    @property
    @abstractmethod
    def output_embedding(self) -> Tensor:
        """(I+1, D), row 0 the padding: a state times an item's row is the item's logit."""

    @abstractmethod
    def encode(self, items: Tensor, users: Tensor | None, rows: Rows) -> Tensor:
        """The state after each position: (B, T) ids → (B, T, D).

        users: ids of the shape of `items`, None for users that the model does not know.
        rows: `PaddedRows`: where the padding is (`rows.real`), dropout (`rows.dropout`), times. A
            network whose parts are all the library's own may get packed rows, (N,) → (N, D).
        """

    def query(self, hidden: Tensor, users: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Of states (N, D): the part (N, D) that meets the output embedding, and what is added to
        all of a row's logits (N,), or None for nothing."""
        return hidden, None

    def training_batch(self, batch: AnyBatch, generator: torch.Generator) -> AnyBatch:
        """What the model is trained on: a masked one hides items of `seq` here, and leaves in `pos`
        what it is asked for, 0 elsewhere."""
        return batch

    def scoring_input(self, histories: Tensor) -> Tensor:
        """What `encode` reads to score what follows histories (B, T): a masked model appends its
        mask."""
        return histories

    def settings(self) -> dict[str, Any]:
        """What the model was built from, as plain values: a run is resumed by an equal one only."""
        shapes = {name: list(weight.shape) for name, weight in self.named_parameters()}
        return {"model": type(self).__name__, "weights": shapes}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.output_embedding.device

    @torch.no_grad()
    def score(
        self,
        users: Tensor | None,
        histories: Tensor,
        candidates: Tensor | None = None,
        times: Tensor | None = None,
    ) -> Tensor:
        """Logits of candidates, or of all items.

        users: (B,) ids, or None for unknown ones.
        histories: (B, T) ids padded in front, of any length T; the last n count.
        candidates: (B, K) ids; None scores everything.
        times: (B, T), for models that read times.

        Returns (B, K) float32, or (B, I+1) with -inf in column 0.
        """
        query, shift = self.query(self.last_state(users, histories, times), users)
        if candidates is None:
            logits = query @ self.output_embedding.T  # (B, I+1)
        else:
            vectors = functional.embedding(candidates, self.output_embedding)  # (B, K, D)
            logits = torch.bmm(vectors, query.unsqueeze(2)).squeeze(2)
        if shift is not None:
            logits += shift.unsqueeze(1)
        if candidates is None:
            logits[:, 0] = -math.inf
        return logits.float()

    @torch.no_grad()
    def last_state(
        self, users: Tensor | None, histories: Tensor, times: Tensor | None = None
    ) -> Tensor:
        """The states (B, D) after the last position of each history; arguments as of `score`.

        A row of padding alone has a state too: that of an empty history.
        """
        seq = self.scoring_input(histories)[:, -self.seq_max_len :]
        padded_in_front("a history", seq)
        if fits_packed(self, seq):
            from seqrec_lib.network.fast.scoring import packed_last_state

            return packed_last_state(self, users, seq)
        by_row = None if users is None else users.view(-1, 1).expand_as(seq)
        times = None if times is None else times[:, -self.seq_max_len :]
        rows = PaddedRows(seq != 0, times=times)
        with in_mode(self, training=False):
            return rows.last(self.encode(seq, by_row, rows)).squeeze(1)

    def item_vectors(self) -> Tensor:
        """(I+1, D) output embeddings, row 0 the padding; a view of the weights, no gradient."""
        return self.output_embedding.detach()


def encoded(
    model: SequenceModel, items: Tensor, users: Tensor | None, rows: Rows
) -> tuple[Tensor, Tensor | None]:
    """The queries of all rows, (N, D), and what is added to their logits; (B, T) counts as N.

    Raises ValueError that names the method which gives another shape.
    """
    hidden, width = model.encode(items, users, rows), model.output_embedding.shape[1]
    by_row = None if users is None else users.reshape(-1)
    query, shift = model.query(hidden.flatten(0, -2), by_row)
    if hidden.shape[:-1] != items.shape or query.shape[-1] != width:
        raise ValueError(
            f"{type(model).__name__}.encode gave {tuple(hidden.shape)} for ids of shape "
            f"{tuple(items.shape)}: it must give one state for each, whose query has the width of "
            f"output_embedding, {width}"
        )
    return query, shift
