"""A run that is killed, interrupted or starved goes on as if nothing had happened."""

import contextlib
import dataclasses
import errno
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
import torch
from small_runs import small_dataset, train_small

from seqrec_lib.common.checksums import checksum
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.models.saved import load, read_card, save
from seqrec_lib.training import checkpoints
from seqrec_lib.training.checkpoints import CheckpointFolder
from seqrec_lib.training.options import FREE, TrainingOptions
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sse import SSE

KILLS = 20
# A run in a process of its own, as a user's is: it gets ready, and trains when it reads a line. (A
# fork of one process that is ready would be faster, but torch's threads do not survive a fork:
# such children hung or crashed now and then.)
RUN = """
import os, sys
sys.path.insert(0, sys.argv[2])
from small_runs import train_small
train_small(epochs=1)
print("ready", flush=True)
if sys.stdin.readline():  # "" when it is not needed any more
    train_small(sys.argv[1])
os._exit(0)
"""


def same_weights(a, b):
    mine, theirs = a.state_dict(), b.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)


@pytest.fixture(scope="module")
def undisturbed():
    return train_small()


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), str(Path(__file__).parents[1])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="a killed process does not say so there")
def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path, undisturbed):
    moments = random.Random(7)
    folder, kills = tmp_path / "run", 0
    folder.mkdir()
    with contextlib.ExitStack() as runs:
        after = runs.enter_context(start(folder))  # gets ready while the one before it runs
        while kills < KILLS:
            run, after = after, runs.enter_context(start(folder))
            assert run.stdout.readline() == "ready\n"
            run.stdin.write("\n")
            run.stdin.flush()
            # Half of the kills aim at the writing of a checkpoint, the others at any moment.
            if kills % 2:
                wait_for_change(folder)
            time.sleep(moments.uniform(0, 0.02 if kills % 2 else 0.15))
            run.kill()
            if run.wait() == 0:  # the run was faster than the kill: start anew, and count no kill
                assert same_weights(train_small(folder)[0], undisturbed[0])
                for file in folder.iterdir():
                    file.unlink()
            else:
                assert run.returncode == -signal.SIGKILL
                kills += 1
    model, history = train_small(folder)
    assert history == undisturbed[1]
    assert same_weights(model, undisturbed[0])
    assert not list(folder.glob("*.tmp"))


def wait_for_change(folder):
    before, deadline = state_of(folder), time.monotonic() + 5
    while state_of(folder) == before and time.monotonic() < deadline:
        time.sleep(0.0005)


def state_of(folder):
    found = sorted(path.name for path in folder.iterdir())
    return [name for name in found if name != ".lock"]


def test_a_schedule_goes_on_where_it_was_and_is_one_of_the_settings(tmp_path):
    changes = {"schedule": {3: 0.0003, 7: 0.00003}}
    train_small(tmp_path, epochs=5, **changes)
    model, history = train_small(tmp_path, epochs=10, **changes)
    whole, at_once = train_small(epochs=10, **changes)
    assert history == at_once
    assert same_weights(model, whole)
    assert at_once["loss"][:3] == train_small(epochs=10)[1]["loss"][:3]
    assert at_once["loss"][3:] != train_small(epochs=10)[1]["loss"][3:]
    with pytest.raises(ValueError, match=r"schedule: \[\[3, 0.0003\], .* there, \[\] here"):
        train_small(tmp_path, epochs=10)


def test_more_epochs_are_allowed_and_other_settings_are_not(tmp_path):
    train_small(tmp_path, epochs=5)
    _, longer = train_small(tmp_path, epochs=10)
    assert len(longer["loss"]) == 10
    assert longer == train_small(epochs=10)[1]
    with pytest.raises(ValueError, match=r"learning_rate: 0\.001 there, 0\.01 here"):
        train_small(tmp_path, epochs=10, learning_rate=0.01)
    with pytest.raises(ValueError, match="seed: 3 there, 4 here"):
        train_small(tmp_path, epochs=10, seed=4)


def test_a_run_of_a_version_with_other_numbers_is_refused_in_words(tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(checkpoints, "__version__", "0.1.0")
        train_small(tmp_path, epochs=2)
    with pytest.raises(ValueError, match=r"written by seqrec_lib 0\.1\.0, .* end the run"):
        train_small(tmp_path, epochs=4)


def test_the_last_checkpoints_stay_and_no_others(tmp_path):
    train_small(tmp_path, epochs=7, keep_checkpoints=3)
    assert sorted(path.name for path in tmp_path.glob("epoch-*")) == [
        f"epoch-{number:06d}.pt" for number in (5, 6, 7)
    ]


def test_a_full_disk_loses_no_earlier_checkpoint(tmp_path, monkeypatch, undisturbed):
    train_small(tmp_path, epochs=6)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("epoch-*")}

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"checkpoints=.* cannot be written: the disk is full"):
            train_small(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("epoch-*")} == before
    assert not list(tmp_path.glob("*.tmp"))
    assert same_weights(train_small(tmp_path)[0], undisturbed[0])


def test_stop_may_be_pressed_while_a_checkpoint_is_written(tmp_path, monkeypatch, undisturbed):
    """Within torch's writer, whose own complaint of bytes that are missing would hide it."""
    train_small(tmp_path, epochs=6)

    class Stopped(io.FileIO):
        writes = 0

        def write(self, some):
            Stopped.writes += 1
            if Stopped.writes > 3:  # in the first record, of which the end is then missed
                raise KeyboardInterrupt
            return super().write(some)

    with monkeypatch.context() as pressed:
        pressed.setattr(checkpoints, "open", Stopped, raising=False)
        _, log = train_small(tmp_path)
    assert len(log["loss"]) < len(undisturbed[1]["loss"])
    assert not list(tmp_path.glob("*.tmp"))
    assert same_weights(train_small(tmp_path)[0], undisturbed[0])


def test_two_runs_in_one_folder_do_not_mix(tmp_path):
    with (
        CheckpointFolder(tmp_path, {}),
        pytest.raises(RuntimeError, match="another run trains"),
        CheckpointFolder(tmp_path, {}),
    ):
        pass
    train_small(tmp_path, epochs=2)  # the folder is free again


def test_checkpoints_need_what_makes_a_run_repeatable(tmp_path):
    with pytest.raises(ValueError, match="checkpoints need seed="):
        train_small(tmp_path, seed=None)


class Stopping(WarpSampler):
    """Presses the stop button in the middle of the third epoch."""

    calls = 0

    def sample(self):
        self.calls += 1
        if self.calls == 10:  # 4 batches an epoch
            raise KeyboardInterrupt
        return super().sample()


def test_the_stop_button_ends_a_run_cleanly(capsys):
    dataset = small_dataset()
    model = SASREC(30, 10, 1, 4, num_neg_test=10, seed=1)
    sampler = Stopping(dataset.train, 64, 30, batch_size=16, maxlen=10, seed=2)
    threads, torch_threads = set(threading.enumerate()), torch.get_num_threads()
    history = model.train_model(dataset, sampler, 40, 16, val_epoch=1, seed=3, threads=2)
    assert len(history["loss"]) == 2
    assert len(history["val_ndcg"]) == 2
    assert set(threading.enumerate()) <= threads
    assert torch.get_num_threads() == torch_threads
    assert "stopped by hand" in capsys.readouterr().out
    again = SASREC(30, 10, 1, 4, num_neg_test=10, seed=1)
    plain = WarpSampler(dataset.train, 64, 30, batch_size=16, maxlen=10, seed=2)
    again.train_model(dataset, plain, 2, 16, val_epoch=1, seed=3, threads=2, verbose=False)
    assert same_weights(model, again)  # the best of the two epochs that ended


def test_a_model_file_comes_back_whole_and_runs_nothing(tmp_path):
    model, _ = train_small(epochs=1)
    path = tmp_path / "model.safetensors"
    save(model, small_dataset(), path, {"seed": 1})
    again, _ = load(path)
    assert again.config == model.config
    assert read_card(path)["seed"] == 1
    assert same_weights(model, again)

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"weights": Evil()}, path)
    with pytest.raises(ValueError, match="is not a model that save wrote"):
        load(path)
    torch.save({"settings": {}, "state": Evil()}, tmp_path / "epoch-000001.pt")
    with (
        CheckpointFolder(tmp_path, {}) as folder,
        pytest.raises(Exception, match=r"[Uu]nsupported|[Ww]eights.only"),
    ):
        folder.latest()
    assert not (tmp_path / "ran").exists()


def test_a_run_of_an_older_version_is_refused_in_words(tmp_path):
    train_small(tmp_path, epochs=2)
    for path in tmp_path.glob("epoch-*.pt"):
        content = torch.load(path, weights_only=True)
        torch.save({**content, "library": "0.1.0"}, path)
    with pytest.raises(ValueError, match=r"written by seqrec_lib 0\.1\.0.*end the run with that"):
        train_small(tmp_path, epochs=4)


def test_other_data_or_another_sampler_is_another_run(tmp_path):
    """Of the same size: one tie in another order, one item more that nobody has, another length."""
    train_small(tmp_path, epochs=2)
    data = small_dataset()
    lists = {user: data.sequences[user].tolist() for user in data.sequences}
    user = next(user for user in lists if len(set(lists[user][:2])) == 2)
    swapped = {**lists, user: [lists[user][1], lists[user][0], *lists[user][2:]]}
    other = SASRecDataSet.from_sequences(swapped, itemnum=30)
    with pytest.raises(ValueError, match=r"data: '\w+' there, '\w+' here"):
        train_small(tmp_path, epochs=4, dataset=other)
    with pytest.raises(ValueError, match=r"sampler: .*there, .*here"):
        train_small(tmp_path, epochs=4, maxlen=9)


def test_every_option_is_fixed_or_named_as_free():
    """So that a new one cannot be forgotten: what is not said to be free must be equal."""
    options = TrainingOptions(seed=1)
    names = {field.name for field in dataclasses.fields(options)}
    assert set(options.fixed()) == names - FREE
    assert names > FREE
    others = {
        "batch_size": 64, "loss": "gbce", "sse": SSE(user=0.1), "seed": 2, "learning_rate": 0.1,
        "betas": (0.9, 0.98), "epsilon": 1e-8, "schedule": {2: 0.1}, "val_epoch": 1, "patience": 1,
        "engine": "padded", "precision": "bfloat16", "compiled": True, "tables": "sparse",
        "attention": "fused", "captured": True, "all_events": True,
    }  # fmt: skip
    assert set(others) == names - FREE
    for name, value in others.items():
        more = {"val_epoch": 1} if name == "patience" else {}
        changed = TrainingOptions(**{"seed": 1, **more, name: value})
        assert changed.fixed()[name] != options.fixed()[name], name


def flipped(path, seed):
    """The file with one bit of it changed."""
    content = bytearray(path.read_bytes())
    place = random.Random(seed).randrange(8 * len(content))
    content[place // 8] ^= 1 << (place % 8)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "a number"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_taken(tmp_path, damage):
    train_small(tmp_path, epochs=6)
    last = tmp_path / "epoch-000006.pt"
    content = torch.load(last, weights_only=True)
    whole = last.read_bytes()
    if damage == "a number":  # one bit of one weight: torch reads it without a word
        weight = content["state"]["model"]["item_embedding_layer.weight"]
        weight.view(torch.int32)[3, 1] ^= 1
        torch.save(content, last)
    else:
        last.write_bytes({"cut": whole[:-100], "empty": b"", "zeros": bytes(len(whole))}[damage])
    with pytest.warns(UserWarning, match=r"checkpoint epoch-000006\.pt is damaged"):
        model, history = train_small(tmp_path, epochs=8)
    expected, at_once = train_small(epochs=8)
    assert history == at_once
    assert same_weights(model, expected)


def test_any_flipped_bit_is_noticed_or_does_no_harm(tmp_path):
    train_small(tmp_path / "run", epochs=2, keep_checkpoints=1)
    (last,) = (tmp_path / "run").glob("epoch-*.pt")
    whole = last.read_bytes()
    true = torch.load(last, weights_only=True)["state"]
    noticed = 0
    for seed in range(60):
        last.write_bytes(whole)
        flipped(last, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                settings = torch.load(last, weights_only=True)["settings"]
                state = CheckpointFolder(tmp_path / "run", settings).latest()
            except Exception:
                noticed += 1
                continue
        assert checksum(state) == checksum(true)
    assert noticed > 10


def test_a_folder_of_damaged_checkpoints_is_refused_in_words(tmp_path):
    train_small(tmp_path, epochs=3)
    for path in tmp_path.glob("epoch-*.pt"):
        path.write_bytes(b"no")
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(ValueError, match=r"no checkpoint in .* is whole \(epoch-000003\.pt, epoch"),
    ):
        train_small(tmp_path, epochs=4)


def test_a_users_own_files_stay(tmp_path):
    for name in ("notes.tmp", "epoch-1.tmp", "epoch-000001.txt", "my epoch-000001.tmp"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "epoch-000001.tmp").write_text("of a run that was killed")
    train_small(tmp_path, epochs=2)
    kept = {path.name for path in tmp_path.iterdir()} - {".lock"}
    assert kept == {
        *("notes.tmp", "epoch-1.tmp", "epoch-000001.txt", "my epoch-000001.tmp"),
        *("epoch-000001.pt", "epoch-000002.pt"),
    }
