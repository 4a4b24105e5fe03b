"""Full memory is explained: which settings it depends on, and what to lower first."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from seqrec_lib.common.memory import says_what_to_lower

# Each in a child of its own that may take 20 MB more than it has.
PROGRAM = """
import os, resource
import numpy as np
import torch
from seqrec_lib import SASREC, SASRecDataSet, WarpSampler, full_ranks, recommend

U, I = 600, 50000
draw = np.random.default_rng(0).integers
dataset = SASRecDataSet.from_sequences(
    {u: draw(1, I + 1, size=200).tolist() for u in range(1, U + 1)}, itemnum=I
)
model = SASREC(I, seq_max_len=200, embedding_dim=64, seed=1)

def train(engine, batch_size=256):
    sampler = WarpSampler(dataset.user_train, U, I, batch_size=batch_size, maxlen=200, seed=1)
    model.train_model(
        dataset, sampler, num_epochs=1, batch_size=batch_size, verbose=False, engine=engine
    )

def told(words, work):
    child = os.fork()
    if child == 0:
        status = open("/proc/self/status").read()
        now = int(status.split("VmSize:")[1].split()[0]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (now + 20 * 2**20, resource.RLIM_INFINITY))
        try:
            work()
            print("nothing was raised")
        except (MemoryError, RuntimeError) as error:
            said = str(error)
            print("right" if said.startswith("this machine's memory is full while " + words) and
                  "The allocator said: " in said else said, flush=True)
        os._exit(0)
    os.waitpid(child, 0)

train("packed", 4)
torch.set_num_threads(1)
told("training with batch_size=256, seq_max_len=200, loss=BCE", lambda: train("packed"))
told("training with batch_size=256, seq_max_len=200, loss=BCE", lambda: train("padded"))
told("scoring users with batch_size=600: halve it",
     lambda: full_ranks(model, dataset, batch_size=600))
told("recommending with batch_size=600, k=10: halve batch_size",
     lambda: recommend(model, dataset, users=range(1, U + 1), batch_size=600))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="counts memory as Linux does")
def test_training_scoring_and_recommending_on_a_full_machine():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["right"] * 4


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (torch.cuda.OutOfMemoryError, torch.cuda.OutOfMemoryError("CUDA out of memory.")),
        (RuntimeError, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …")),
        (RuntimeError, RuntimeError("std::bad_alloc")),
        (MemoryError, MemoryError()),
    ],
)
def test_the_error_keeps_its_type_and_is_explained_once(kind, error):
    with (
        pytest.raises(kind, match=r"memory is full while scoring with b=2: halve b\.") as told,
        says_what_to_lower("training", "halve a", a=1),
        says_what_to_lower("scoring", "halve b", b=2),
    ):
        raise error
    assert type(told.value) is kind
    assert "training" not in str(told.value)


def test_numpys_own_kind_of_memory_error():
    with (
        pytest.raises(MemoryError, match=r"this machine's memory is full.*Unable to allocate"),
        says_what_to_lower("training", "halve a", a=1),
    ):
        np.empty(2**60, np.int8)


def test_other_errors_pass_as_they_are():
    error = RuntimeError("shapes do not match")
    with pytest.raises(RuntimeError) as told, says_what_to_lower("training", "halve a", a=1):
        raise error
    assert told.value is error
