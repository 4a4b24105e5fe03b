"""The settings of a training run: what `train_model` and `fit` take beside model, data, sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from seqrec_lib.common.checks import above_zero, one_of, rate, whole_number
from seqrec_lib.training.losses import Loss, as_loss
from seqrec_lib.training.sse import SSE

PRECISIONS = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}
# What does not change what a run learns, and so may be another one when it is resumed.
FREE = {"num_epochs", "eval_batch_size", "device", "threads", "verbose"}
FREE |= {"checkpoints", "keep_checkpoints"}


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """All settings of a run; a wrong one is refused when this is made, and named.

    On your own data begin with loss="cross-entropy", seq_max_len=50, num_epochs=200, val_epoch=10
    and patience=5, which stops by itself; lesson 12 goes on from there. What that rests on, at
    width 50, as NDCG@10 of the last item in the test among all items (data/results):

    943 users with 105 items each (ml-100k), n=50, one seed: cross-entropy 0.098, best after 70
        epochs, and BCE 0.082, after 110. (Among 100 drawn items 0.397 and 0.403.)
        `python -m seqrec_lib.reproduce sizes`
    6,040 users with 166 items each (ml-1m), n=50: cross-entropy 0.153 after 40 epochs (one seed),
        sampled softmax 0.157 after 60, both still rising; BCE 0.106 after 200. With n=200 it is
        0.163 to 0.171 and, for BCE, 0.130: longer histories than 50 are worth seq_max_len=200.
        Asked for the first item after a moment instead of the last one, BCE is ahead (one seed).
    31,013 users with 9 items each (games), n=50: BCE 0.036 with dropout_rate=0.5, still rising
        after 190 epochs, and 0.024 without dropout, best after 30. Cross-entropy was not measured.

    Cross-entropy has a logit for each item at each position of a batch: 128 × 50 × 50,000 of them
    are 1.3 GB. With more items than that take "sampled-softmax".

    Args:
        num_epochs: an epoch is max(1, users // batch_size) batches.
        loss: a name, an object of `training.losses`, or one of your own, see there.
        sse: stochastic shared embeddings, see `training.sse`; None is none.
        learning_rate, betas, epsilon: of Adam; the model's l2_reg is its weight decay. The papers'
            betas are (0.9, 0.98).
        schedule: other learning rates for later: {400: 0.0003} takes 0.0003 once 400 epochs are
            done.
        val_epoch: validate after every so many epochs and after the last one, on sampled
            negatives that stay the same; the weights of the best validation NDCG@10 are put back
            at the end. 0 never validates and keeps the last weights.
        patience: stop after so many validations without a better one; None never stops early.
        all_events: train on whole histories, validation and test items too, as before delivery: by
            the number of epochs that a validated run has found best. Evaluation then says nothing.
        seed: of dropout, of negatives beyond the sampler's, and of the validation negatives.
        device: None takes a GPU when there is one. The model stays there.
        engine: "packed" is the fast way on a CPU, "padded" the plain way anywhere; "auto" chooses.
        precision: of the padded engine. "bfloat16" runs its forward pass in bfloat16; "tf32", on an
            NVIDIA GPU, multiplies float32 matrices with 10 binary digits instead of 23.
        compiled: torch.compile for the padded engine; the first step then takes a minute or so.
        captured: on an NVIDIA GPU, the step of the padded engine as a CUDA graph, which is started
            by one call. The mathematics stays, the draws of dropout are others (see
            `training.gpu`).
        threads: of the packed engine; None takes what torch uses. They change no result.
        tables: "sparse" for very large catalogues and losses with negatives: a step reads and moves
            only the rows of items and users that are in its batch (see `training.sparse`).
        attention: "fused" takes torch's fused kernels in the padded engine, for long histories:
            memory grows with their length, not with its square (see `network.sdpa`).
        checkpoints: a folder, written by process 0. The run is saved there after every epoch and,
            started again with the same settings (more epochs are allowed), is resumed from the
            last one: with the library's sampler and on one CPU it ends with the same weights as if
            it had never stopped. Another number of processes may resume it.
        keep_checkpoints: how many of the latest stay; each holds the best weights, too.
        verbose: a progress bar, and a summary at the end.

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
    all_events: bool = False

    device: str | torch.device | None = None
    engine: str = "auto"
    precision: str = "float32"
    compiled: bool = False
    captured: bool = False
    threads: int | None = None
    tables: str = "dense"
    attention: str = "plain"

    checkpoints: str | Path | None = None
    keep_checkpoints: int = 2
    verbose: bool = True

    def __post_init__(self) -> None:
        least = {"num_epochs": 1, "batch_size": 1, "eval_batch_size": 1, "keep_checkpoints": 1}
        least |= {"val_epoch": 0, "patience": 1, "threads": 1, "seed": 0}
        for name, lowest in least.items():
            if (value := getattr(self, name)) is not None:
                self._settle(name, whole_number(name, value, lowest))
        for name in ("learning_rate", "epsilon"):
            self._settle(name, above_zero(name, getattr(self, name)))
        if not isinstance(self.betas, tuple | list) or len(self.betas) != 2:
            raise ValueError(f"betas={self.betas!r:.80} must be two numbers, as (0.9, 0.999)")
        self._settle("betas", tuple(rate("betas", beta) for beta in self.betas))
        if self.schedule is not None:
            self._settle("schedule", _checked_schedule(self.schedule))
        if self.all_events and self.val_epoch:
            raise ValueError(
                f"all_events=True leaves nothing to validate on: give val_epoch=0 instead of "
                f"{self.val_epoch}, and the number of epochs that a validated run has found best"
            )
        if self.patience is not None and self.val_epoch == 0:
            raise ValueError(f"patience={self.patience} needs val_epoch to be at least 1")
        as_loss(self.loss)
        one_of("engine", self.engine, ("auto", "packed", "padded"))
        one_of("precision", self.precision, tuple(PRECISIONS))
        one_of("tables", self.tables, ("dense", "sparse"))
        one_of("attention", self.attention, ("plain", "fused"))
        plain: list[tuple[str, object]] = [("attention", "plain"), ("precision", "float32")]
        plain += [("compiled", False), ("captured", False)]
        other = [f"{name}={getattr(self, name)!r}" for name, v in plain if getattr(self, name) != v]
        if self.engine == "packed" and other:
            raise ValueError(
                f"engine='packed' is for float32 on a CPU, with loops of its own, and "
                f"{' and '.join(other)} of the padded engine: leave one of them out"
            )

    def _settle(self, name: str, value: Any) -> None:
        """An argument as a plain number, whatever type it came in."""
        object.__setattr__(self, name, value)

    @property
    def objective(self) -> Loss:
        """`loss` as an object."""
        return as_loss(self.loss)

    @property
    def may_pack(self) -> bool:
        """Whether nothing asks for the padded engine."""
        plain = self.attention == "plain" and self.precision == "float32"
        return plain and not (self.compiled or self.captured or self.engine == "padded")

    def fixed(self) -> dict[str, Any]:
        """What must be equal when a run is resumed, as plain values: every field but the free."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in FREE}
        values["loss"] = _described(self.objective)
        values["schedule"] = sorted((self.schedule or {}).items())
        return {
            name: value if isinstance(value, bool | int | float | str | list) else repr(value)
            for name, value in values.items()
        }

    def rate_after(self, done: int) -> float:
        """The learning rate once `done` epochs are done."""
        rates = {0: self.learning_rate, **(self.schedule or {})}
        return rates[max(epochs for epochs in rates if epochs <= done)]

    def validates_after(self, epoch: int) -> bool:
        """Whether there is a validation after this epoch: every val_epoch, and after the last."""
        return self.val_epoch > 0 and (epoch % self.val_epoch == 0 or epoch == self.num_epochs)


def _checked_schedule(schedule: Any) -> dict[int, float]:
    try:
        return {
            whole_number("schedule", done): above_zero("schedule", new)
            for done, new in schedule.items()
        }
    except (AttributeError, ValueError) as error:
        raise ValueError(
            f"schedule={schedule!r} must map numbers of epochs to rates above 0"
        ) from error


def _described(loss: Loss) -> str:
    """A loss in words that any process repeats: a plain object's repr is its address."""
    kind = type(loss)
    plain = kind.__repr__ is object.__repr__
    return f"{kind.__name__} {sorted(vars(loss).items())}" if plain else repr(loss)
