"""Large embedding tables: a training step that touches only the rows that its batch needs.

Adam in its usual, dense form writes every row of every table at every step: the gradient of a table
is as large as the table, and so are the two moments that Adam keeps of it. With a million items
nearly all of that work is for rows that are not in the batch.

`PagedEngine` lends the model small tables instead. The ids of a batch are collected, their rows are
copied into a *page* (R, D), the batch is renumbered to match it, and any engine makes its step
on the page as if that were the catalogue. The page's gradient then goes to torch's `SparseAdam`,
which moves these rows and their moments and leaves all others alone.

That is not quite dense Adam, which also moves, by what is left of their moments, rows that are not
in the batch (and, with weight decay, all rows). Rows in the batch move by the same formula; the
bias correction counts all steps, not those of the row. Sampled losses only: cross-entropy over all
items needs all items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.adam import Adam
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.losses import GBCE, CrossEntropy, Loss, SampledSoftmax
from seqrec_lib.training.packed_engine import PackedEngine
from seqrec_lib.training.sampling import SampledBatch


@dataclass(frozen=True)
class _PagedGBCE(GBCE):
    """gBCE on a page: β is that of the whole catalogue."""

    item_num: int = 1

    def beta(self, item_num: int) -> float:
        return super().beta(self.item_num)


@dataclass(frozen=True)
class _PagedSoftmax(SampledSoftmax):
    """Sampled softmax on a page: the draws are from the whole catalogue."""

    item_num: int = 1

    def log_expected(self, item_num: int) -> float:
        return super().log_expected(self.item_num)


def paged_loss(loss: Loss, item_num: int) -> Loss:
    """The loss for a page of a catalogue of `item_num` items.

    Raises ValueError for cross-entropy over all items.
    """
    if isinstance(loss, CrossEntropy):
        raise ValueError(
            "tables='sparse' is for losses with negatives: cross-entropy over all items needs "
            "every row of the table; take loss='sampled-softmax' or 'gbce'"
        )
    if isinstance(loss, GBCE):
        return _PagedGBCE(loss.negatives, loss.t, item_num)
    if isinstance(loss, SampledSoftmax):
        return _PagedSoftmax(loss.negatives, loss.log_q, item_num)
    return loss


_TABLES = ("item_embedding_layer", "output_embedding_layer", "user_embedding_layer")


def tables_of(model: SequenceModel) -> dict[str, nn.Embedding]:
    """The model's embedding tables that grow with the catalogue or the users, by name.

    Raises ValueError for a model that has them under other names.
    """
    found = {name: getattr(model, name, None) for name in _TABLES}
    if found["item_embedding_layer"] is None:
        raise ValueError(
            f"tables='sparse' is for SASREC and SSEPT: this {type(model).__name__} has no "
            "item_embedding_layer; leave tables out"
        )
    return {name: layer for name, layer in found.items() if layer is not None}


class PagedEngine:
    """An engine whose steps see, instead of the large tables, the rows that the batch needs.

    Args:
        run: the engine that makes the steps. With several processes it must add up gradients of
            any size: `PackedEngine`, or `ParallelEngine` with `fixed_sizes=False`.
        model: its model.
    """

    def __init__(self, run: PackedEngine | PaddedEngine, model: SequenceModel) -> None:
        self.run = run
        self._tables = tables_of(model)
        device = model.device
        self._slots = {  # (rows of the table,) scratch: where an id stands in the page
            name: torch.zeros(layer.num_embeddings, dtype=torch.int64, device=device)
            for name, layer in self._tables.items()
        }

    def __enter__(self) -> Self:
        self.run.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.run.__exit__(*exc)

    def step(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """As the engine's own; the gradients of the tables are sparse."""
        users, seq, pos = batch.users, batch.seq, batch.pos  # neg is not looked at
        slots = self._slots["item_embedding_layer"]
        items = _distinct(slots, torch.cat([x.reshape(-1) for x in (seq, pos, negatives)]))
        seq, pos, negatives = slots[seq], slots[pos], slots[negatives]
        used = dict.fromkeys(self._tables, items)
        if "user_embedding_layer" in used:
            slots = self._slots["user_embedding_layer"]
            used["user_embedding_layer"] = _distinct(slots, users)
            users = slots[users]
        whole = {name: layer.weight.data for name, layer in self._tables.items()}
        try:
            for name, layer in self._tables.items():
                layer.weight.grad = None
                layer.weight.data = whole[name][used[name]]  # (R, D)
            loss = self.run.step(batch._replace(users=users, seq=seq, pos=pos), negatives)
            grads = {name: layer.weight.grad for name, layer in self._tables.items()}
        finally:
            for name, layer in self._tables.items():
                layer.weight.grad = None
                layer.weight.data = whole[name]
        for name, layer in self._tables.items():
            gradient = grads[name]
            if gradient is not None:
                layer.weight.grad = torch.sparse_coo_tensor(
                    used[name].unsqueeze(0),
                    gradient,
                    layer.weight.shape,
                    is_coalesced=True,
                    check_invariants=False,
                )
        return loss


class RowwiseAdam:
    """torch's Adam for the small weights and its SparseAdam for the tables, as one optimizer.

    Raises ValueError for weight decay, which would move every row at every step.
    """

    def __init__(
        self,
        model: SequenceModel,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        if weight_decay:
            raise ValueError(
                f"tables='sparse' cannot have l2_reg={weight_decay}: weight decay moves every row "
                "at every step; build the model with l2_reg=0"
            )
        tables = [layer.weight for layer in tables_of(model).values()]
        large = {id(weight) for weight in tables}
        rest = [weight for weight in model.parameters() if id(weight) not in large]
        self._dense = Adam(rest, lr, betas, eps, 0.0)
        self._sparse = torch.optim.SparseAdam(tables, lr=lr, betas=betas, eps=eps)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of both: where a learning rate can be changed."""
        return [*self._dense.param_groups, *self._sparse.param_groups]

    def step(self) -> None:
        """Move the small weights, and the rows that have a gradient."""
        self._dense.step()
        self._sparse.step()

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {"dense": self._dense.state_dict(), "sparse": self._sparse.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what `state` was taken of."""
        self._dense.load_state_dict(state["dense"])
        self._sparse.load_state_dict(state["sparse"])


def _distinct(slots: Tensor, ids: Tensor) -> Tensor:
    """The different ids among `ids` (N,), rising, 0 first: (R,); and slots[id] is its place there.

    N writes and reads instead of a sort of N: of equal ids the one that wrote last stands for all.
    """
    ids = torch.cat([ids.new_zeros(1), ids])
    numbers = torch.arange(len(ids), device=ids.device)
    slots[ids] = numbers
    distinct = ids[slots[ids] == numbers].sort().values  # (R,)
    slots[distinct] = torch.arange(len(distinct), device=ids.device)
    return distinct
