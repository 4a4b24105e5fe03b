"""What `curves` measures at one point: each function is called in a fresh process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqrec_lib.benchmark.made_data import made_dataset, write_ratings
from seqrec_lib.benchmark.peer import peak_memory
from seqrec_lib.common.randomness import make_generator
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.readers import RATINGS_CSV, read_ratings
from seqrec_lib.evaluation.recommendation import top_items
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.network.sdpa import FusedRows
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.loss_batches import Batches
from seqrec_lib.training.losses import BCE, CrossEntropy, Loss, SampledSoftmax
from seqrec_lib.training.packed_engine import PackedEngine
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sparse import PagedEngine, RowwiseAdam, paged_loss, tables_of

WIDTH, BLOCKS, BATCH, LENGTH = 50, 2, 128, 50
EPOCHS = 4  # of `train_by_processes`


def step_by_items(items: int, tables: str) -> list[dict[str, Any]]:
    """SSE-PT with as many users as items: a training step, and the ten best for a user."""
    data = made_dataset(items, items, 20)
    model = SSEPT(items, LENGTH, BLOCKS, WIDTH, user_num=items, dropout_rate=0.2, seed=0)
    table_mb = sum(layer.weight.nbytes for layer in tables_of(model).values()) / 2**20
    step, batch_ids = _steps(model, data, BCE(), tables == "sparse")
    step()  # makes Adam's moments, which belong to the table
    reset_peak()
    before = memory_now()
    seconds = median_seconds(step, 15)
    step_mb = _peak() - before
    users = np.arange(1, 65)
    reset_peak()
    before = memory_now()
    ranking = median_seconds(lambda: top_items(model, data.sequences, users), 2, warm=1)
    return [
        {
            "items": items,
            "tables": tables,
            "rows in a batch": batch_ids,
            "table MB": 3 * table_mb,
            "step ms": 1e3 * seconds,
            "step MB": step_mb,
            "top 10 ms": 1e3 * ranking / len(users),
            "top 10 MB": _peak() - before,
        }
    ]


def step_by_negatives(items: int, negatives: int) -> list[dict[str, Any]]:
    """SASRec with sampled softmax, or with cross-entropy over all items (0 negatives)."""
    data = made_dataset(10_000, items, 40)
    model = SASREC(items, LENGTH, BLOCKS, WIDTH, dropout_rate=0.2, seed=0)
    loss: Loss = SampledSoftmax(negatives) if negatives else CrossEntropy()
    step, _ = _steps(model, data, loss, negatives > 0)
    step()
    reset_peak()
    before = memory_now()
    seconds = median_seconds(step, 3, warm=1)
    return [
        {
            "items": items,
            "negatives": negatives,
            "step ms": 1e3 * seconds,
            "step MB": _peak() - before,
        }
    ]


def step_by_length(length: int, way: str, batch: int = 8) -> list[dict[str, Any]]:
    """SASRec on histories that fill all n positions."""
    items = 5_000
    data = made_dataset(200, items, length + 3)
    model = SASREC(items, length, BLOCKS, WIDTH, dropout_rate=0.0, seed=0)
    step, _ = _steps(model, data, BCE(), False, batch, length, way)
    step()
    reset_peak()
    before = memory_now()
    seconds = median_seconds(step, 3, warm=1)
    return [
        {
            "length": length,
            "way": way,
            "ms a history": 1e3 * seconds / batch,
            "step MB": _peak() - before,
        }
    ]


def prepare_file(rows: int, steps: int = 200, folder: str | None = None) -> list[dict[str, Any]]:
    """Make a csv file, then read it, prepare it and train a little, in a process that did not."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "ratings.csv"
        write_ratings(path, rows)
        done = subprocess.run(
            [sys.executable, "-c", _PREPARE, str(path), str(steps)],
            capture_output=True,
            text=True,
            check=True,
        )
        size = path.stat().st_size / 2**20
    return [{"rows": rows, "file MB": size, **json.loads(done.stdout.splitlines()[-1])}]


_PREPARE = """
import json, sys
from seqrec_lib.benchmark.points import prepare_and_train
print(json.dumps(prepare_and_train(sys.argv[1], int(sys.argv[2]))))
"""


def prepare_and_train(path: str, steps: int) -> dict[str, Any]:
    """Seconds and peak memory of reading, preparing and some training steps."""
    started, before = time.perf_counter(), time.process_time()
    ratings = read_ratings(path, RATINGS_CSV)
    read = time.perf_counter()
    data = prepare(ratings)
    prepared, busy = time.perf_counter(), time.process_time() - before
    del ratings
    peak = _peak()
    held = data.sequences.items.nbytes + data.sequences.starts.nbytes
    model = SASREC(data.itemnum, LENGTH, BLOCKS, WIDTH, dropout_rate=0.2, seed=0)
    step, _ = _steps(model, data, BCE(), False)
    seconds = median_seconds(step, steps)
    users = int(np.count_nonzero(data.sequences.lengths))
    return {
        "users": users,
        "items": data.itemnum,
        "read s": read - started,
        "prepare s": prepared - read,
        "processor s": busy,
        "peak MB": peak,
        "sequences MB": held / 2**20,
        "epoch MB": max(0.0, _peak() - peak),
        "epoch s": seconds * (users // BATCH),
    }


def train_by_processes(processes: int, data: str) -> list[dict[str, Any]]:
    """`python -m seqrec_lib` under torchrun: the loss of each epoch."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "log.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={processes}", "-m", "seqrec_lib"]
        command += ["--data", data, "--epochs", str(EPOCHS), "--dropout", "0", "--threads", "1"]
        command += ["--json", str(found)]
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"torchrun failed; it said last:\n{done.stderr[-2000:]}")
        log = json.loads(found.read_text(encoding="utf-8"))
    return [
        {
            "processes": processes,
            "epoch": epoch,
            "loss": loss,
            "seconds": log["seconds"] / EPOCHS,
            "test NDCG@10": log["test"][0],
            "data": Path(data).name,
        }
        for epoch, loss in enumerate(log["loss"], start=1)
    ]


def _steps(
    model: SASREC,
    data: SASRecDataSet,
    loss: Loss,
    sparse: bool,
    batch: int = BATCH,
    length: int = LENGTH,
    way: str = "packed",
) -> tuple[Callable[[], None], int]:
    """A function that makes the next training step, and how many items its batches hold."""
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, batch, length, seed=0)
    generator = make_generator(0, "cpu")
    seen = paged_loss(loss, model.item_num) if sparse else loss
    run: PackedEngine | PaddedEngine | PagedEngine
    if way == "packed":
        run = PackedEngine(model, seen, generator)
    else:
        rows = FusedRows if way == "fused" else PaddedRows
        run = PaddedEngine(model, seen, generator, rows=rows)
    optimizer: RowwiseAdam | torch.optim.Adam
    if sparse:
        run = PagedEngine(run, model)
        optimizer = RowwiseAdam(model, 0.001, (0.9, 0.999), 1e-7, 0.0)
    else:
        optimizer = torch.optim.Adam(model.parameters(), 0.001, fused=True)
    batches = Batches(data, sampler, loss, None, generator, model)

    def step() -> None:
        with run:
            run.step(*batches.next())
            optimizer.step()

    one, negatives = batches.next()
    ids = torch.cat([x.flatten() for x in (one.seq, one.pos, negatives)])
    return step, len(ids.unique())


def median_seconds(work: Callable[[], object], repeats: int, warm: int = 3) -> float:
    """Of `repeats` calls, after some that do not count: processor time of all threads, in which
    other programs of a busy machine count little."""
    for _ in range(warm):
        work()
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def reset_peak() -> None:
    """Let the peak of this process's memory start anew, where the system can (Linux)."""
    place = Path("/proc/self/clear_refs")
    if place.exists():
        place.write_text("5", encoding="ascii")


def memory_now() -> float:
    """What this process holds now, MiB; its peak where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return _peak()
    lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _peak() -> float:
    return peak_memory() or 0.0
