"""Two real processes, started by torchrun on this machine, against one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import together
import torch

from seqrec_lib.common.distributed import World, current, processes

HERE = Path(__file__).parents[1]


def torchrun(work, folder, count=2, patience=300):
    """Run functions of `together` in `count` processes; the finished process, with its output."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={count}", str(HERE / "together.py"), work, str(folder)]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{HERE}:{HERE.parent}"}
    return subprocess.run(
        command, capture_output=True, text=True, env=env, timeout=patience, check=False
    )


def outcome(folder, name):
    return torch.load(folder / f"{name}.pt", weights_only=True)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes made of everything that is to go well."""
    folder = tmp_path_factory.mktemp("two")
    together.train("SSEPT", folder / "run", epochs=2)  # by one process; `go_on` goes on with it
    done = torchrun("curves,dropout,go_on,report", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done.stdout


@pytest.fixture(scope="module")
def one():
    return together.curves(None)


def same_weights(mine, theirs, rtol=1e-3, atol=1e-4):
    """But for the bias of the keys, which moves all scores of a query alike: its gradient is 0 up
    to rounding, and Adam makes steps of that."""
    assert mine.keys() == theirs.keys()
    for name in [name for name in mine if rtol == 0 or not name.endswith("K.bias")]:
        torch.testing.assert_close(mine[name], theirs[name], rtol=rtol, atol=atol)


def test_two_processes_learn_what_one_learns(two, one):
    for name, theirs in outcome(two[0], "curves").items():
        mine = one[name]
        assert theirs["history"] == {
            key: pytest.approx(values, abs=1e-5) for key, values in mine["history"].items()
        }, name
        same_weights(mine["weights"], theirs["weights"])
        assert len(mine["history"]["loss"]) == 4
        assert mine["history"]["loss"][0] > mine["history"]["loss"][-1]


def test_two_processes_rank_everybody_as_one_does(two, one):
    for name, theirs in outcome(two[0], "curves").items():
        for mine, other in zip(one[name]["ranks"], theirs["ranks"], strict=True):
            assert torch.equal(mine, other), name


def test_dropout_repeats_and_a_stop_leaves_no_trace(two):
    found = outcome(two[0], "dropout")
    same_weights(*found["twice"], rtol=0, atol=0)
    same_weights(found["halves"], found["whole"], rtol=0, atol=0)
    # its masks are not those of one process: they would be if each process had the same ones
    alone = together.train("SSEPT", None, 0.3, val_epoch=0, loss=together.BCE(3))[0].state_dict()
    assert not torch.allclose(
        alone["item_embedding_layer.weight"],
        found["whole"]["item_embedding_layer.weight"],
        atol=1e-4,
    )


def test_two_processes_go_on_where_one_stopped_and_the_other_way_round(two, tmp_path):
    model, whole, _ = together.train("SSEPT", epochs=4)
    found = outcome(two[0], "go_on")
    assert found["history"]["loss"] == pytest.approx(whole["loss"], abs=1e-5)
    same_weights(found["weights"], model.state_dict())
    # the folder is now one of two processes
    model, longer, _ = together.train("SSEPT", two[0] / "run", epochs=6)
    again, whole, _ = together.train("SSEPT", epochs=6)
    assert longer["loss"] == pytest.approx(whole["loss"], abs=1e-5)
    same_weights(model.state_dict(), again.state_dict())


def test_one_process_speaks(two):
    assert two[1].count("epochs of") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="threads are read from Linux's /proc")
def test_the_threads_of_the_group_end_with_its_block(two):
    """One that is left may need Python when that has ended: the process then aborts."""
    assert two[1].count("left of the group: []") == 2


def test_a_process_that_dies_ends_the_run_which_goes_on_later(tmp_path):
    started = time.monotonic()
    done = torchrun("die", tmp_path)
    assert time.monotonic() - started < 60  # what is promised of a run that lost a process
    assert done.returncode != 0
    assert "SIGKILL" in done.stderr
    assert "rank      : 1" in done.stderr or "rank: 1" in done.stderr
    left = sorted(path.name for path in (tmp_path / "run").glob("epoch-*"))
    assert left == ["epoch-000001.pt", "epoch-000002.pt"]
    model, history, _ = together.train("SSEPT", tmp_path / "run", epochs=4)
    again, whole, _ = together.train("SSEPT", epochs=4)
    assert history["loss"] == pytest.approx(whole["loss"], abs=1e-5)
    same_weights(model.state_dict(), again.state_dict())


def test_processes_that_would_draw_other_batches_are_refused(tmp_path):
    done = torchrun("differ", tmp_path)
    assert done.returncode != 0
    assert "what the sampler draws is not the same in process 1 as in process 0" in done.stderr


def test_a_process_that_hangs_ends_the_run(tmp_path):
    started = time.monotonic()
    done = torchrun("stall", tmp_path)
    assert time.monotonic() - started < 60
    assert done.returncode != 0
    assert "ProcessLostError: another process ended, or did not answer in time" in done.stderr


# A world of one, and the parts ------------------------------------------------------------------


def test_without_torchrun_there_is_a_world_of_one(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with processes() as world:
        assert world == World() == current()
        assert world.first
        numbers = torch.arange(3.0)
        world.all_reduce_([numbers])
        world.broadcast_([numbers])
        assert numbers.tolist() == [0, 1, 2]
        assert world.broadcast("a word") == "a word"
        world.require_equal({"a": 1})


def test_the_shares_are_the_batch():
    batch = together.tiny.batch_of([3, 1, 4, 2, 5])
    negatives = batch.neg.unsqueeze(2)
    shares = [World(rank, 3).shard(batch, negatives) for rank in range(3)]
    rows = torch.cat([torch.cat([s.seq, n.squeeze(2)], 1) for s, n in shares])
    whole = torch.cat([batch.seq, batch.neg], 1)
    assert sorted(rows.tolist()) == sorted(whole.tolist())
    assert max(len(s.seq) for s, _ in shares) - min(len(s.seq) for s, _ in shares) <= 1


def test_each_process_and_epoch_has_dropout_of_its_own():
    seeds = {
        World(rank, 4).seed_of(seed, epoch)
        for rank in range(4)
        for epoch in range(5)
        for seed in (0, 1)
    }
    assert len(seeds) == 40
    assert World(1, 4).seed_of(0, 1) == World(1, 2).seed_of(0, 1)
