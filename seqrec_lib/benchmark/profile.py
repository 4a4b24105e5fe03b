"""Where the time of a training step goes: torch's profiler, and a name for each compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from torch.profiler import ProfilerActivity, record_function
from torch.profiler import profile as torch_profile

from seqrec_lib.benchmark.cases import BATCH, Bench, Case
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.network.fast import attention_kernels, kernels, linear_kernels
from seqrec_lib.training.assembly import steps_an_epoch

STEPS = 8  # enough for the shares to settle
LINES = 15
_PREFIX = "compiled: "


def profile(case: Case, bench: Bench) -> dict[str, Any]:
    """Profile training steps of a case.

    On a CPU one thread does them, so that the profiler, which looks at one, sees all the work.

    Returns steps, total_ms (of a step), compiled_share (of the time in compiled loops)
    and lines, a list of {name, calls, self_ms, share}, calls and times of a step, dearest first.
    """
    on_gpu = bench.device == "cuda"
    data = some_users(bench.dataset, STEPS * BATCH)
    steps = steps_an_epoch(data, BATCH)
    bench = replace(bench, dataset=data, threads=bench.threads if on_gpu else 1)
    work = case.prepare(bench)
    work.run()  # compiles, where that is still to be done
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with named_kernels(), torch_profile(activities=activities) as profiler:
        work.run()
    times = {
        event.key: (
            event.count,
            event.self_device_time_total if on_gpu else event.self_cpu_time_total,
        )
        for event in profiler.key_averages()
    }
    steps *= work.parts
    total = sum(time for _, time in times.values())
    dearest = sorted(times.items(), key=lambda entry: -entry[1][1])[:LINES]
    compiled = sum(time for name, (_, time) in times.items() if name.startswith(_PREFIX))
    return {
        "steps": steps,
        "total_ms": total / steps / 1e3,
        "compiled_share": compiled / total,
        "lines": [
            {
                "name": name,
                "calls": count / steps,
                "self_ms": time / steps / 1e3,
                "share": time / total,
            }
            for name, (count, time) in dearest
        ],
    }


def some_users(dataset: SASRecDataSet, count: int) -> SASRecDataSet:
    """The data set with `count` of its users, spread over all; the others have no items left."""
    lengths = dataset.sequences.lengths
    users = np.flatnonzero(lengths)
    if len(users) <= count:
        return dataset
    drop = lengths.copy()
    drop[users[np.linspace(0, len(users) - 1, count).astype(np.int64)]] = 0
    return SASRecDataSet.from_sequences(dataset.sequences.without_last(drop), dataset.itemnum)


@contextmanager
def named_kernels() -> Iterator[None]:
    """Within it the profiler sees each compiled loop under its name; it knows torch's own only."""
    loops = [
        (room, name, loop)
        for room in (attention_kernels, kernels, linear_kernels)
        for name, loop in vars(room).items()
        if hasattr(loop, "py_func") and loop.__module__ == room.__name__ and name[0] != "_"
    ]
    for room, name, loop in loops:
        setattr(room, name, _named(_PREFIX + name, loop))
    try:
        yield
    finally:
        for room, name, loop in loops:
            setattr(room, name, loop)


def _named(name: str, loop: Callable[..., None]) -> Callable[..., None]:
    def run(*arguments: Any) -> None:
        with record_function(name):
            loop(*arguments)

    return run
