"""A child that was forked after its parent had used threads computes what the parent computes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

# Large enough that torch shares single operations among its threads.
WORK = """
import multiprocessing, os
import tiny
import torch
from torch.utils.data import DataLoader
from seqrec_lib import SASREC, WarpSampler, full_ranks, recommend

torch.set_num_threads(2)
dataset = tiny.dataset(users=300, items=200, longest=60)

def work(engine, threads=None):
    torch.manual_seed(1)
    model = SASREC(dataset.itemnum, seq_max_len=50, embedding_dim=32)
    sampler = WarpSampler(
        dataset.user_train, dataset.usernum, dataset.itemnum, batch_size=128, maxlen=50, seed=1
    )
    log = model.train_model(
        dataset, sampler, num_epochs=1, seed=1, verbose=False, engine=engine, threads=threads
    )
    # ids beyond any grain size: torch shares this among its threads, if it has some
    torch.arange(1_000_000).add(1)
    ranks = full_ranks(model, dataset).rank.tolist()
    best = recommend(model, dataset, users=[1, 2], k=3)
    return log["loss"][0], ranks, best.to_dict("list")["item"]

def everything():
    return [work("padded"), work("packed"), work("packed", threads=2)]

def check(theirs):
    assert theirs[1:] == mine[1:]
    assert abs(theirs[0][0] - mine[0][0]) < 1e-5  # torch's sums depend on its threads
"""


def run(program):
    """Its output, or a failure when it hangs; no process is left behind."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
    )  # fmt: skip
    try:
        said, why = child.communicate(timeout=240)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    assert child.returncode == 0, why
    return said


def test_children_of_every_kind_compute_what_the_parent_does():
    program = """
mine = everything()

def forked():
    child = os.fork()
    if child == 0:
        check(everything())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

def started():
    process = multiprocessing.get_context("fork").Process(target=lambda: check(everything()))
    process.start()
    process.join()
    assert process.exitcode == 0

class Rows(torch.utils.data.Dataset):
    __len__ = lambda self: 1
    __getitem__ = lambda self, place: check(everything()) or place

forked()
started()
assert list(DataLoader(Rows(), None, num_workers=1, multiprocessing_context="fork")) == [0]
check(everything())  # and the parent is as it was
assert torch.get_num_threads() == 2
"""
    run(WORK + program)


def test_a_child_that_was_forked_inside_a_block():
    """By this thread, which goes on with the block, and by another one."""
    program = """
import os, threading
import torch
from seqrec_lib.network.fast.threads import CoreThreads

def child_does(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

def new_block():
    with CoreThreads(2) as mine:
        assert mine.map(len, [[1], [2, 3]]) == [1, 1]
    assert torch.get_num_threads() == 1

torch.set_num_threads(2)
with CoreThreads(2) as cores:
    def same_block():
        assert cores.map(sum, [1, 2, 3]) == [4, 2]
        cores.__exit__()
        new_block()
    child_does(same_block)
    thread = threading.Thread(target=child_does, args=[new_block])
    thread.start()
    thread.join()
    assert cores.map(sum, [1, 2, 3]) == [4, 2]
assert torch.get_num_threads() == 2
"""
    run(program)
