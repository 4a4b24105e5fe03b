"""The other side of the benchmark: RecTools' SASRec, in an interpreter of its own.

RecTools wants older numpy and pandas than this library, so another Python measures it: the one that
`python -m seqrec_lib.benchmark --peer-python PATH` names runs this file alone. Nothing of the
library is imported here, and what the library does not depend on is imported by name.

`Rounds` and `peak_memory` are the library's side too: both are timed and weighed in the same way.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

_KNOWN = {"BCE", "softmax"}


class Rounds:
    """How a measured process talks with the benchmark: a round when told, then an answer.

    A line "go" on standard input is a round; answers are lines of JSON on standard output. What
    libraries print goes to standard error from here on.
    """

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._started = 0.0

    def say(self, **values: Any) -> None:
        """Send one answer."""
        print(json.dumps(values), file=self._answers, flush=True)

    def begin(self) -> None:
        """Wait for "go", and start the clock. Ends the process when the benchmark has ended."""
        if sys.stdin.readline().strip() != "go":
            raise SystemExit("the benchmark has ended")
        self._started = time.perf_counter()

    def end(self, parts: int = 1) -> None:
        """Stop the clock, and say how many seconds each of `parts` equal parts took."""
        self.say(seconds=(time.perf_counter() - self._started) / parts)


def peak_memory() -> float | None:
    """The most memory that this process has held so far, MiB; None where the system cannot say."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage may count what the parent held when it started this process
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
        return None if peak is None else int(peak) / 1024
    try:
        resource: Any = import_module("resource")  # Windows has none
    except ImportError:
        return None
    peak_size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_size / (2**20 if sys.platform == "darwin" else 2**10)


def main(settings: dict[str, Any]) -> None:
    """Measure one case. settings: what a case of `cases` says of its peer, and

    data (the npz file of flat sequences), rounds, batch_size, width, blocks, dropout, top, threads
    (or None) and device ("cpu" or "cuda").
    """
    rounds = Rounds()
    warnings.simplefilter("ignore")  # RecTools' and Lightning's, about dtypes and workers
    import torch

    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    work: Callable[[Rounds, dict[str, Any]], None] = {"train": _train, "recommend": _recommend}[
        settings["work"]
    ]
    work(rounds, settings)
    rounds.begin()
    gpu = torch.cuda.max_memory_allocated() / 2**20 if settings["device"] == "cuda" else None
    rounds.say(memory_mb=peak_memory(), gpu_mb=gpu)


def _train(rounds: Rounds, settings: dict[str, Any]) -> None:
    """Rounds are epochs, from Lightning's start of an epoch to its end."""
    dataset, sequences = _dataset(settings, "train_")
    # Functions, not bound methods: RecTools copies its trainer deeply, with all it refers to.
    callback = import_module("pytorch_lightning.callbacks").LambdaCallback(
        on_train_epoch_start=lambda *_: rounds.begin(),
        on_train_epoch_end=lambda *_: rounds.end(),
    )
    model = _model(settings, settings["loss"], max_epochs=settings["rounds"], callbacks=[callback])
    _ready(rounds, sequences)
    model.fit(dataset)


def _recommend(rounds: Rounds, settings: dict[str, Any]) -> None:
    """Rounds are lists for all users; the model has seen one batch, which costs the same."""
    dataset, _ = _dataset(settings, "")
    model = _model(settings, "BCE", max_epochs=1, limit_train_batches=1)
    model.fit(dataset)
    users = dataset.user_id_map.external_ids
    _ready(rounds, len(users))
    for _ in range(settings["rounds"]):
        rounds.begin()
        model.recommend(users=users, dataset=dataset, k=settings["top"], filter_viewed=True)
        rounds.end()


def _dataset(settings: dict[str, Any], split: str) -> tuple[Any, int]:
    """RecTools' form of the sequences, and how many of them have a next item to learn from."""
    import numpy as np
    import pandas as pd

    with np.load(settings["data"]) as arrays:
        items, lengths = arrays[f"{split}items"], np.diff(arrays[f"{split}starts"])
    table = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(len(lengths)), lengths),
            "item_id": items,
            "weight": 1.0,
            "datetime": pd.Timestamp(0) + pd.to_timedelta(np.arange(len(items)), unit="s"),
        }
    )
    return import_module("rectools.dataset").Dataset.construct(table), int((lengths >= 2).sum())


def _model(settings: dict[str, Any], loss: str, **trainer: Any) -> Any:
    """RecTools' model with the settings of ours, and its own defaults for the rest."""
    if loss not in _KNOWN:
        raise ValueError(f"loss={loss!r} must be one of {sorted(_KNOWN)}")
    lightning = import_module("pytorch_lightning")
    quiet = ("checkpointing", "progress_bar", "model_summary")

    def make_trainer() -> Any:
        return lightning.Trainer(
            accelerator="gpu" if settings["device"] == "cuda" else "cpu",
            devices=1,
            logger=False,
            **{f"enable_{name}": False for name in quiet},
            **trainer,
        )

    return import_module("rectools.models.nn.transformers.sasrec").SASRecModel(
        session_max_len=settings["maxlen"],
        n_factors=settings["width"],
        n_blocks=settings["blocks"],
        n_heads=1,
        dropout_rate=settings["dropout"],
        loss=loss,
        n_negatives=1,
        batch_size=settings["batch_size"],
        lr=0.001,
        epochs=trainer["max_epochs"],
        train_min_user_interactions=2,
        recommend_torch_device=settings["device"],
        get_trainer_func=make_trainer,
    )


def _ready(rounds: Rounds, sequences: int) -> None:
    import torch

    names = ("rectools", "torch", "pytorch_lightning", "numpy", "pandas")
    versions = {name: version(name) for name in names}
    rounds.say(
        versions={"python": platform.python_version(), **versions},
        threads=torch.get_num_threads(),
        sequences=sequences,
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
