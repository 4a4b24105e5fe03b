"""What `everything` measures: a function for each step, which gives the lines of a small table.

They run in a process of their own, one after the other, on the device that they are told. On a CPU
each is the same code with less of it, so that all can be tried where there is no GPU.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from seqrec_lib.benchmark.cases import BATCH
from seqrec_lib.benchmark.made_data import made_dataset
from seqrec_lib.benchmark.peer import peak_memory
from seqrec_lib.benchmark.place import LeftOut, Lines, Place, gpu_only, model_for, named
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.evaluation.recommendation import top_items
from seqrec_lib.models.fit import fit
from seqrec_lib.training.assembly import steps_an_epoch
from seqrec_lib.training.sampling import WarpSampler

_FUSED = {"attention": "fused"}


@dataclass
class _Clock:
    """Stands in for validation: notes when each epoch ended, and ends the run when time is up."""

    seconds: float
    ends: list[float] = field(default_factory=list)

    def __call__(self, seed: int) -> tuple[float, float]:
        self.ends.append(time.perf_counter())
        if len(self.ends) > 2 and self.ends[-1] - self.ends[0] > self.seconds:
            raise KeyboardInterrupt  # `fit` then gives what it has
        return 0.0, 0.0


def epochs(place: Place, *ways: dict[str, Any], length: int, users: bool = False) -> Lines:
    """Epochs of training in these ways; the first, which records and compiles, is kept apart."""
    ways = ways if place.gpu else tuple(way for way in ways if not gpu_only(way))
    if not ways:
        raise LeftOut("this is for a GPU alone")
    return [_epoch(place, way, length, users) for way in ways]


def _epoch(place: Place, way: dict[str, Any], length: int, users: bool) -> dict[str, Any]:
    data, whole = place.dataset, steps_an_epoch(place.dataset, BATCH)
    steps = whole if place.gpu else 1
    model = model_for(data, length, users)
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, BATCH, length, seed=0)
    clock, started = _Clock(4.0 if place.gpu else 0.0), time.perf_counter()
    _reset_peak(place)
    log = fit(
        model,
        data,
        sampler,
        clock,
        num_epochs=20 if place.gpu else 2,
        val_epoch=1,
        batch_size=len(data.train) // steps,  # of steps an epoch; a batch is the sampler's
        seed=0,
        device=place.device,
        engine="padded",
        verbose=False,
        **way,
    )
    ends = clock.ends
    seconds = [(b - a) / steps * whole for a, b in pairwise(ends)]
    return {
        "model": type(model).__name__,
        "n": length,
        "way": named(way),
        "epoch, s": statistics.median(seconds),
        "least": min(seconds),
        "most": max(seconds),
        "first epoch, s": ends[0] - started,
        "sequences/s": whole * BATCH / statistics.median(seconds),
        "MB": _peak(place),
        "loss": log["loss"][-1],
    }


def scoring(place: Place, length: int) -> Lines:
    """Evaluation by both protocols and the ten best items, for all users: seconds, three times."""
    data, lines = place.dataset, []
    users = data.sequences.lengths.nonzero()[0]
    users = users if place.gpu else users[:256]
    for with_users in (False, True):
        model = model_for(data, length, with_users).to(place.device)
        kinds: dict[str, Callable[[], object]] = {
            "evaluate, 100 negatives": partial(sampled_ranks, model, data),
            "evaluate, all items": partial(full_ranks, model, data),
            "recommend, top 10": partial(top_items, model, data.sequences, users),
        }
        for name, work in kinds.items():
            seconds = []
            for _ in range(4 if place.gpu else 2):
                started = time.perf_counter()
                work()  # its result lies on the host: nothing is still under way
                seconds.append(time.perf_counter() - started)
            first, *others = seconds
            lines.append(
                {
                    "model": type(model).__name__,
                    "n": length,
                    "what": name,
                    "seconds": statistics.median(others),
                    "first": first,
                }
            )
    return lines


def memory(place: Place) -> Lines:
    """A training step by batch and length: the most memory, and milliseconds."""
    lines = []
    for length in (50, 200, 1000) if place.gpu else (20,):
        for batch in (128, 512, 2048) if place.gpu else (8,):
            for way in (
                {},
                {"attention": "fused"},
                {"attention": "fused", "precision": "bfloat16"},
            ):
                line: dict[str, Any] = {"n": length, "batch": batch, "way": named(way)}
                try:
                    line |= _step(place, length, batch, way)
                except torch.cuda.OutOfMemoryError:
                    line |= {"step, ms": None, "MB": "out of memory"}
                lines.append(line)
    return lines


def _step(place: Place, length: int, batch: int, way: dict[str, Any]) -> dict[str, Any]:
    data = made_dataset(256, 3416, length + 3)
    model = model_for(data, length, False)
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, batch, length, seed=0)
    clock = _Clock(1.0)
    _reset_peak(place)
    fit(
        model,
        data,
        sampler,
        clock,
        num_epochs=3,
        val_epoch=1,
        batch_size=128,  # two steps an epoch
        seed=0,
        device=place.device,
        engine="padded",
        verbose=False,
        **way,
    )
    seconds = min(b - a for a, b in pairwise(clock.ends)) / 2
    return {"step, ms": 1e3 * seconds, "MB": _peak(place)}


def _reset_peak(place: Place) -> None:
    if place.gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak(place: Place) -> float | None:
    """MiB: of the GPU since the last reset; on a CPU of the whole process so far."""
    return torch.cuda.max_memory_allocated() / 2**20 if place.gpu else peak_memory()
