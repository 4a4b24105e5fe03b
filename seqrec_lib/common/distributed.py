"""Several processes that train one model together: who they are, and what they add up.

`torchrun` starts the processes; `processes` joins them. In its `with` block every process calls the
same functions, and training and evaluation become shared work:

- Every process draws the same global batch, with its negatives, from the same seed, and works on
  its share of the rows. Nothing has to be sent around before a step.
- A loss is divided by the real targets of the whole batch, not of the share; gradients are added
  up. So the step is the one that a single process would make, up to rounding.
- Evaluation deals the users out and adds up the ranks.

torch.distributed carries the messages: NCCL between GPUs, gloo between CPUs.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

AnyBatch = TypeVar("AnyBatch", bound=NamedTuple)  # a named tuple of tensors, one row a user


class ProcessLostError(RuntimeError):
    """Another process ended, or did not answer in time: the shared work cannot go on."""


@dataclass(frozen=True)
class World:
    """The processes that share the work; a world of one shares nothing and sends nothing.

    Attributes:
        rank: the number of this process, from 0. Process 0 speaks: it has the bar, the report and
            the checkpoints.
        size: how many there are.
        device: where this one computes, None for what `train` would take anyway.
    """

    rank: int = 0
    size: int = 1
    device: torch.device | None = None

    @property
    def first(self) -> bool:
        """Whether this is process 0."""
        return self.rank == 0

    def shard(self, batch: AnyBatch, negatives: Tensor) -> tuple[AnyBatch, Tensor]:
        """This process's rows of a batch and its negatives: every size-th, from rank on."""
        if self.size == 1:
            return batch, negatives
        mine = slice(self.rank, None, self.size)
        *parts, wrong = (x[mine].contiguous() for x in (*batch, negatives))  # (B / size, …)
        return type(batch)(*parts), wrong

    def all_reduce_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor, in place, by its sum over the processes: one message for all."""
        if self.size == 1:
            return
        flat = torch.cat([x.detach().reshape(-1) for x in tensors])  # (all numbers,)
        with _listening():
            dist.all_reduce(flat)
        sums = flat.split([x.numel() for x in tensors])
        for mine, total in zip(tensors, sums, strict=True):
            mine.detach().copy_(total.view_as(mine))

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor, in place, by process 0's."""
        if self.size > 1:
            with _listening():
                for tensor in tensors:
                    dist.broadcast(tensor.detach(), src=0)

    def broadcast(self, value: Any) -> Any:
        """Process 0's value, in every process."""
        if self.size == 1:
            return value
        box = [value if self.first else None]
        with _listening():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def require_equal(self, values: Mapping[str, Any]) -> None:
        """Refuse, in every process, values that are not the same in all of them.

        Raises ValueError that names the value and the processes.
        """
        if self.size == 1:
            return
        everywhere: list[Any] = [None] * self.size
        with _listening():
            dist.all_gather_object(everywhere, dict(values))
        for rank, theirs in enumerate(everywhere):
            for name in values:
                if theirs[name] != everywhere[0][name]:
                    raise ValueError(
                        f"{name} is not the same in process {rank} as in process 0: every process "
                        "must make the same calls, with the same seeds"
                    )

    def seed_of(self, seed: int, epoch: int) -> int:
        """The seed of this process's dropout in an epoch: another one for each process and epoch,
        so that nothing but `seed` has to be kept in a checkpoint."""
        state = np.random.SeedSequence([seed, epoch, self.rank]).generate_state(1, np.uint64)
        return int(state[0]) >> 1


_current = World()


def current() -> World:
    """The world of the enclosing `processes` block, or a world of one."""
    return _current


@contextmanager
def processes(timeout: float = 60.0) -> Iterator[World]:
    """Join the processes that torchrun started; without torchrun, a world of one.

    In the block, `train_model`, `evaluate` and whatever ranks users are shared work, and every
    process must call them. For what one of them should do alone: ``if world.first: ...``.

    Args:
        timeout: seconds that a process waits for the others before it gives up. One that dies is
            noticed at once; this is for one that hangs. It must be longer than process 0 needs to
            write a checkpoint.

    Raises:
        ValueError: more processes on this machine than it has GPUs.
        ProcessLostError: another process ended or hangs.
    """
    global _current
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield World()
        return
    device = None
    if torch.cuda.is_available():
        place, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= gpus:
            raise ValueError(
                f"--nproc-per-node asks for more than the {gpus} GPUs of this machine: start one "
                "process for each, or hide the GPUs with CUDA_VISIBLE_DEVICES= to use the CPU"
            )
        device = torch.device("cuda", place)
        torch.cuda.set_device(device)
    # Functions of this module take the group of the moment of its import as a default, and so keep
    # it. The first step of Adam imports it: the group's threads then outlived `destroy`, and when
    # one of them let a tensor go as Python ended, the process aborted.
    importlib.import_module("torch.distributed.nn.functional")
    with _listening():
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device else "gloo", timeout=timedelta(seconds=timeout)
        )
    before, _current = _current, World(dist.get_rank(), dist.get_world_size(), device)
    try:
        yield _current
    finally:
        _current = before
    # Only after success: a goodbye to processes that are gone may wait for them for ever.
    dist.destroy_process_group()


@contextmanager
def _listening() -> Iterator[None]:
    """Say in plain words what it means when a message does not get through."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLostError(
            "another process ended, or did not answer in time. What made it end stands in its own "
            "output; start the run again, and it goes on from its last checkpoint"
        ) from error
