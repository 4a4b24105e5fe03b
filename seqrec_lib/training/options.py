"""The settings of a training run: what `train_model` takes beside model, data and sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from seqrec_lib.common.checks import one_of, positive
from seqrec_lib.training.losses import Loss, as_loss
from seqrec_lib.training.sse import SSE

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# What may be another one when a run goes on from its checkpoint
_FREE = ("num_epochs", "eval_batch_size", "verbose", "checkpoints", "keep_checkpoints")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """All settings of a run; a wrong one is refused when this is made, and named.

    Args:
        num_epochs: an epoch is max(1, users // batch_size) batches.
        loss: a name or an object of `training.losses`.
        sse: stochastic shared embeddings, see `training.sse`; None is none.
        learning_rate, betas, epsilon: of Adam; the model's l2_reg is its weight decay. The papers'
            betas are (0.9, 0.98).
        schedule: other learning rates for later: {400: 0.0003} takes 0.0003 once 400 epochs are
            done.
        val_epoch: validate after every so many epochs and after the last one, on sampled
            negatives that stay the same; the weights of the best validation NDCG@10 are put back
            at the end. 0 never validates and keeps the last weights.
        patience: stop after so many validations without a better one; None never stops early.
        seed: of dropout, of negatives beyond the sampler's, and of the validation negatives.
        device: None takes a GPU when there is one. The model stays there.
        engine: "packed" is the fast way on a CPU, "padded" the plain way anywhere; "auto" chooses.
        precision: "bfloat16" runs the forward pass of the padded engine in bfloat16.
        compiled: torch.compile for the padded engine; the first step then takes a minute or so.
        threads: of the packed engine; None takes what torch uses.
        tables: "sparse" for very large catalogues and losses with negatives: a step reads and moves
            only the rows of items and users that are in its batch (see `large_tables`).
        attention: "fused" takes torch's fused kernels in the padded engine, for long histories:
            memory grows with their length, not with its square (see `network.fused`).
        checkpoints: a folder, written by process 0. The run is saved there after every epoch and,
            started again with the same settings (more epochs are allowed), goes on from the last
            one: with the library's sampler and on one CPU it ends with the same weights as if it
            had never stopped. Another number of processes may go on with it.
        keep_checkpoints: how many of the latest stay; each holds the best weights, too.
        verbose: a progress bar, and a line for every validation.

    Raises:
        ValueError: an argument out of its range. TypeError: one that does not exist.
    """

    num_epochs: int = 10
    batch_size: int = 128
    loss: str | Loss = "bce"
    sse: SSE | None = None
    seed: int | None = None

    learning_rate: float = 0.001
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-7
    schedule: Mapping[int, float] | None = None

    val_epoch: int = 0
    eval_batch_size: int = 256
    patience: int | None = None

    device: str | torch.device | None = None
    engine: str = "auto"
    precision: str = "float32"
    compiled: bool = False
    threads: int | None = None
    tables: str = "dense"
    attention: str = "plain"

    checkpoints: str | Path | None = None
    keep_checkpoints: int = 2
    verbose: bool = True

    objective: Loss = field(init=False, repr=False, compare=False)  # `loss`, as an object

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", as_loss(self.loss))
        positive("num_epochs", self.num_epochs)
        positive("batch_size", self.batch_size)
        one_of("engine", self.engine, ("auto", "packed", "padded"))
        one_of("precision", self.precision, tuple(PRECISIONS))
        one_of("tables", self.tables, ("dense", "sparse"))
        one_of("attention", self.attention, ("plain", "fused"))
        if self.attention == "fused" and self.engine == "packed":
            raise ValueError(
                "attention='fused' is of the padded engine; the packed one has fused loops of its "
                "own: leave attention out, or take engine='padded' or 'auto'"
            )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate} must be above 0")
        for done, rate in (self.schedule or {}).items():
            if done < 1 or not rate > 0:
                raise ValueError(
                    f"schedule={self.schedule} must map numbers of epochs to rates above 0"
                )
        if self.val_epoch < 0:
            raise ValueError(f"val_epoch={self.val_epoch} must be 0 (never) or a number of epochs")
        if self.patience is not None and (self.patience < 1 or self.val_epoch == 0):
            raise ValueError(
                f"patience={self.patience} needs to be at least 1, and val_epoch at least 1"
            )

    def rate_after(self, done: int) -> float:
        """The learning rate once `done` epochs are done."""
        rates = {0: self.learning_rate, **(self.schedule or {})}
        return rates[max(epochs for epochs in rates if epochs <= done)]

    def validates_after(self, epoch: int) -> bool:
        """Whether there is a validation after this epoch."""
        if not self.val_epoch:
            return False
        return epoch % self.val_epoch == 0 or epoch == self.num_epochs

    def fixed(self) -> dict[str, Any]:
        """What has to be the same when a run goes on, as plain values."""
        values = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in _FREE
        }
        values |= {"objective": None, "loss": repr(self.objective), "sse": repr(self.sse)}
        values["device"] = str(self.device)
        values["schedule"] = sorted((self.schedule or {}).items())
        return values
