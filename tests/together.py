"""What `test_distributed` starts under torchrun, twice at once: `together.py WORK FOLDER`.

Every function here also runs in a single process: that is what the results are compared with.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import tiny
import torch

from seqrec_lib.common.distributed import processes
from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.training.losses import BCE, GBCE
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sse import SSE

BATCH = 5  # does not go into two halves
RUNS = {
    "packed": {},
    "padded": {"engine": "padded"},
    "two threads": {"threads": 2},
    "three negatives": {"loss": BCE(3)},
    "softmax": {"loss": "cross-entropy", "engine": "padded"},
    "sparse tables": {"tables": "sparse", "loss": GBCE(3)},
    "sparse tables, padded": {"tables": "sparse", "engine": "padded"},
    "replaced": {"sse": SSE(user=0.5, input_item=0.2, output_item=0.2), "loss": BCE(3)},
}


def train(kind, folder=None, dropout=0.0, epochs=4, **options):
    """(model, history, dataset) of a short run; all seeds are fixed."""
    data = tiny.dataset()
    make = {"SASREC": tiny.sasrec, "SSEPT": tiny.ssept}[kind]
    model = make(dropout_rate=dropout, num_neg_test=5)
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, BATCH, tiny.LENGTH, seed=2)
    settings = {"learning_rate": 0.01, "seed": 3, "val_epoch": 2, "verbose": False, **options}
    history = model.train_model(data, sampler, epochs, BATCH, checkpoints=folder, **settings)
    return model, history, data


def curves(folder):
    """Every kind of run; process 0 saves what came out."""
    found = {}
    for kind in ("SASREC", "SSEPT"):
        for name, options in RUNS.items():
            model, history, data = train(kind, **options)
            ranks = [f(model, data, batch_size=2) for f in (full_ranks, sampled_ranks)]
            found[f"{kind} {name}"] = {
                "history": history,
                "weights": {k: v.clone() for k, v in model.state_dict().items()},
                "ranks": [torch.from_numpy(np.stack([r.users, r.better, r.tied])) for r in ranks],
            }
    return found


def dropout(folder):
    """Twice the same with dropout, and once stopped in between and gone on with."""
    twice = [train("SSEPT", dropout=0.3, loss=BCE(3))[0].state_dict() for _ in range(2)]
    train("SSEPT", folder / "halves", 0.3, epochs=2, val_epoch=0, loss=BCE(3))
    halves = train("SSEPT", folder / "halves", 0.3, val_epoch=0, loss=BCE(3))[0].state_dict()
    whole = train("SSEPT", None, 0.3, val_epoch=0, loss=BCE(3))[0].state_dict()
    return {"twice": twice, "halves": halves, "whole": whole}


def go_on(folder):
    """More epochs of the run in the folder."""
    model, history, _ = train("SSEPT", folder / "run", epochs=4)
    return {"history": history, "weights": model.state_dict()}


def report(folder):
    """What one run says."""
    train("SASREC", verbose=True)
    return {}


def die(folder):
    """Process 1 is killed in the third epoch."""
    from seqrec_lib.training.loop import Run

    epoch = Run.epoch

    def deadly(run, number):
        if number == 3 and os.environ.get("RANK") == "1":
            while not (folder / "run" / "epoch-000002.pt").exists():
                time.sleep(0.01)  # process 0 writes it
            os.kill(os.getpid(), signal.SIGKILL)
        return epoch(run, number)

    Run.epoch = deadly
    train("SSEPT", folder / "run", epochs=4)
    return {}


def stall(folder):
    """Process 1 neither goes on nor ends."""
    if os.environ["RANK"] == "1":
        time.sleep(100)
    train("SASREC")
    return {}


def differ(folder):
    """Process 1 has another seed for its sampler."""
    data, model = tiny.dataset(), tiny.sasrec()
    seed = int(os.environ["RANK"])
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, BATCH, tiny.LENGTH, seed=seed)
    model.train_model(data, sampler, 1, BATCH, seed=1, verbose=False)
    return {}


if __name__ == "__main__":
    place = Path(sys.argv[2])
    with processes(timeout=8 if sys.argv[1] == "stall" else 20) as world:
        for name in sys.argv[1].split(","):
            outcome = globals()[name](place)
            if world.first:
                torch.save(outcome, place / f"{name}.pt")
    # Linux names its threads; elsewhere there is nothing to read, and so nothing to find.
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    left = sorted(name for name in names if "gloo" in name)
    sys.stdout.write(f"left of the group: {left}\n")  # at once: print would mix with the other's
