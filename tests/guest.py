"""Somebody's own program, which uses the whole library and watches what the library does to it.

`python -W error tests/guest.py FOLDER` writes into FOLDER and prints one line of JSON: which states
of the process are others than before (`changed`), and which processes were started (`started`).
"""

import json
import logging
import os
import random
import signal
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

STARTS_A_PROCESS = {
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system",
    "subprocess.Popen",
}  # fmt: skip


def states() -> dict[str, Any]:
    """Name → value of everything that a library could change behind its user's back."""
    import numpy as np
    import pandas as pd
    import torch
    from threadpoolctl import threadpool_info

    blas = [x for x in threadpool_info() if x["user_api"] == "blas"]
    return {
        "generator of random": random.getstate(),
        "generator of numpy": repr(np.random.get_state()),  # noqa: NPY002 - it must stay as it is
        "generator of torch": torch.get_rng_state().tolist(),
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "threads of numpy's BLAS": [x["num_threads"] for x in blas if "numpy" in x["filepath"]],
        "settings of torch": (
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_anomaly_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
        ),
        "options of pandas": pd.describe_option(_print_desc=False),
        "options of numpy": (np.geterr(), repr(np.get_printoptions())),
        "environment": dict(os.environ),
        "working folder": os.getcwd(),
        "module path": list(sys.path),
        "warning filters": list(map(str, warnings.filters)),
        "signal handlers": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "hooks": (sys.excepthook, sys.displayhook, threading.excepthook, sys.gettrace()),
        "recursion limit": sys.getrecursionlimit(),
        "logging": (logging.root.level, list(map(str, logging.root.handlers))),
        # tqdm's own: a daemon, one for the whole process, which every bar of anybody's starts.
        "threads": sorted(t.name for t in threading.enumerate() if t.name != "tqdm_monitor"),
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name, value in before.items() if value != after[name]]


def processes_started() -> list[str]:
    """A list that grows by a line for every process that this one starts from now on."""
    from multiprocessing import process

    started: list[str] = []

    def note(event: str, details: object) -> None:
        caller = traceback.extract_stack(limit=4)[0]
        started.append(f"{event} {details} near {caller.filename}:{caller.lineno}")

    def hook(event: str, details: tuple[object, ...]) -> None:
        if event in STARTS_A_PROCESS:
            note(event, details[:2])

    start = process.BaseProcess.start

    def noted_start(self: process.BaseProcess) -> None:  # spawn and forkserver are not audited
        note("multiprocessing", self.name)
        start(self)

    sys.addaudithook(hook)
    process.BaseProcess.start = noted_start  # type: ignore[method-assign]
    return started


def others_first_use() -> None:
    """What other packages do to a process when they are first used is not ours to answer for.

    torch's first optimiser sets a variable of the environment, matplotlib asks `fc-list` for fonts,
    and SciPy adds filters of warnings.
    """
    import matplotlib.font_manager
    import scipy.stats
    import torch

    assert matplotlib.font_manager.fontManager.ttflist
    assert scipy.stats.norm.cdf(0) == 0.5
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])


def use_the_library(folder: Path) -> None:
    """Read, prepare, train both models with checkpoints in `folder`, judge, recommend, draw."""
    import seqrec_lib as sl
    from seqrec_lib import plots

    sl.make_sample(seed=3).write(folder / "ml-1m")
    dataset = sl.prepare(sl.load_movielens("ml-1m", folder / "ml-1m"), min_item_count=2)
    sizes = {"seq_max_len": 8, "embedding_dim": 8, "dropout_rate": 0.2}
    models: dict[str, Any] = {
        "SASRec": sl.SASREC(dataset.itemnum, **sizes, seed=1),
        "SSE-PT": sl.SSEPT(dataset.itemnum, user_num=dataset.usernum, **sizes, seed=1),
    }
    for name, model in models.items():
        history = model.train_model(
            dataset,
            sl.WarpSampler(dataset.train, dataset.usernum, dataset.itemnum, 128, 8, seed=1),
            num_epochs=1,
            val_epoch=1,
            verbose=False,
            seed=1,
            checkpoints=folder / name,
            threads=2,
        )
        model.evaluate(dataset, seed=1)
        plots.learning_curves(history["loss"]).png()
    models |= {"popularity": sl.Popularity(dataset), "item-kNN": sl.ItemKNN(dataset)}
    models["Markov chain"] = sl.MarkovChain(dataset)
    ranks = {name: sl.full_ranks(model, dataset) for name, model in models.items()}
    sl.sampled_ranks(models["SASRec"], dataset, seed=1)
    sl.summarise(ranks["SASRec"])
    sl.compare(ranks["SASRec"], ranks["popularity"], "NDCG@10")
    sl.recommend(models["SASRec"], dataset, users=dataset.raw_users[1:3], k=3)
    sl.similar_items(models["SASRec"], dataset, dataset.title(1, internal=True), k=3)


if __name__ == "__main__":
    others_first_use()
    before = states()
    started = processes_started()
    use_the_library(Path(sys.argv[1]))
    print(json.dumps({"changed": changed(before, states()), "started": started}))
