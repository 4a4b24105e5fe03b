"""The process that times one case: `python -m seqrec_lib.benchmark.worker SETTINGS`.

It talks to `interleaved` in the way that `peer.Rounds` describes.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqrec_lib.benchmark.cases import CASES, Bench
from seqrec_lib.benchmark.peer import Rounds, peak_memory
from seqrec_lib.common.randomness import make_generator
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences


def matmul_gflops(device: str, precision: str = "float32") -> float:
    """What a large matrix product reaches here and now, GFLOP/s: the best of five."""
    size = 8192 if device == "cuda" else 2048
    numbers = torch.randn(size, size, device=device, generator=make_generator(0, device))
    a = numbers.to(getattr(torch, precision))
    out = torch.empty_like(a)
    best = float("inf")
    for _ in range(6):  # the first is slower: nothing is warm
        started = time.perf_counter()
        torch.mm(a, a, out=out)
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9


def save_dataset(dataset: SASRecDataSet, path: Path) -> None:
    """The flat sequences, for the measured processes of both sides."""
    np.savez(
        path,
        items=dataset.sequences.items,
        starts=dataset.sequences.starts,
        train_items=dataset.train.items,
        train_starts=dataset.train.starts,
        itemnum=dataset.itemnum,
    )


def _load_dataset(path: str) -> SASRecDataSet:
    with np.load(path) as arrays:
        sequences = Sequences(arrays["items"], arrays["starts"])
        return SASRecDataSet.from_sequences(sequences, int(arrays["itemnum"]))


def main(settings: dict[str, Any]) -> None:
    """Do one case. settings: case (its name), data, rounds, threads, device, profile (or not)."""
    rounds = Rounds()
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    case = next(case for case in CASES if case.name == settings["case"])
    bench = Bench(_load_dataset(settings["data"]), settings["device"], settings["threads"])
    if settings["profile"]:
        from seqrec_lib.benchmark.profile import profile

        rounds.say(profile=profile(case, bench))
        return
    work = case.prepare(bench)
    rounds.say(sequences=work.sequences, flops=work.flops, threads=torch.get_num_threads())
    for _ in range(settings["rounds"]):
        rounds.begin()
        work.run()
        rounds.end(work.parts)
    rounds.begin()
    gpu = torch.cuda.max_memory_allocated() / 2**20 if bench.device == "cuda" else None
    memory = peak_memory()  # before the product below adds to it
    gflops = matmul_gflops(bench.device, case.precision)
    rounds.say(memory_mb=memory, gpu_mb=gpu, matmul_gflops=gflops)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
