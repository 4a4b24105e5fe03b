"""A record is there whole or not at all: kills, full disks, others who write at the same time."""

import errno
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.reproduce.recorded import recorded_curve, recorded_ranks, recorded_table
from seqrec_lib.reproduce.writing import keep_weights, record, weights_path

LABEL = "V__n=10__4"
resource = pytest.importorskip("resource", reason="limits and fork are those of Unix")


def write(results: Path, value: int, row: str = "n=10", seed: int = 4) -> None:
    """A run in which every number of line, curve and ranks is `value`."""
    line = pd.Series({"row": row, "seed": seed, "epochs": 500, "sampled_ndcg": value})
    curve = pd.DataFrame({"epoch": np.arange(1, 501), "loss": value})
    names = ("sampled_better", "sampled_tied", "full_better", "full_tied")
    ranks = pd.DataFrame({"user": np.arange(1, 2001), **dict.fromkeys(names, 0)})
    ranks["sampled_better"] = np.random.default_rng(value).permutation(2000) % 90
    record(line, f"V__{row}__{seed}", curve, ranks, results)


def read(results: Path) -> int | None:
    """The value of the recorded run, which must be that of line, curve and ranks; None: no run."""
    lines = recorded_table("V", results)
    assert len(lines) <= 1
    if len(lines) == 0:
        return None
    value = int(lines["sampled_ndcg"].iloc[0])
    assert recorded_curve(LABEL, results)["loss"].tolist() == [value] * 500
    better = recorded_ranks(LABEL, "ml-1m", results)["sampled"].better
    assert better.tolist() == (np.random.default_rng(value).permutation(2000) % 90).tolist()
    return value


def child(action) -> int:
    """Run `action` in another process; returns its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        except OSError as error:
            code = 7 if "could not be recorded" in str(error) else 8
        finally:
            os._exit(code)
    return pid


def outcome(pid: int) -> int:
    """0, 7 where the action raised the error that it should, 9 where it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fail_at(number: int, how):
    """From now on, `how()` at the write operation of this number: opening, renaming, removing."""
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        writes = event in ("os.rename", "os.remove")
        if event == "open" and isinstance(arguments[0], str | os.PathLike):
            writes = bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
            writes = writes and Path(arguments[0]).name != ".lock"
        if writes:
            seen += 1
            if seen == number:
                how()

    sys.addaudithook(hook)


def full():
    raise OSError(errno.ENOSPC, "No space left on device")


def only(results: Path) -> None:
    """No file lies there that no line names."""
    names = set(recorded_table("V", results)["run"])
    for folder, suffix in (("curves", ".csv"), ("ranks", ".csv.gz")):
        assert {path.name for path in (results / folder).iterdir()} == {n + suffix for n in names}
    assert {path.name for path in results.glob("*.csv*")} == {"V.csv"}


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("how", [lambda: os._exit(9), full], ids=["kill", "full disk"])
def test_at_every_write_the_old_or_the_new_run_is_whole(tmp_path, again, how):
    outcomes = []
    for number in range(1, 30):
        results = tmp_path / str(number)
        if again:
            write(results, 1)

        def action(results=results, number=number):
            fail_at(number, how)
            write(results, 2)

        outcomes.append(outcome(child(action)))
        there = read(results)
        assert there in ((1, 2) if again else (None, 2))
        if outcomes[-1] == 7:
            assert there != 2
            assert not list(results.glob("*/*.tmp"))
        write(results, 3)  # and whatever was left behind is in nobody's way
        assert read(results) == 3
        only(results)
        if outcomes[-1] == 0 and number > 6:
            break
    assert outcomes[-1] == 0
    assert outcomes.count(0) < len(outcomes) - 4


@pytest.mark.parametrize("size", [1, 700, 2500])
def test_a_disk_that_fills_in_the_middle_of_a_file(tmp_path, size):
    write(tmp_path, 1)

    def action():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        write(tmp_path, 2)

    assert outcome(child(action)) == 7
    assert read(tmp_path) == 1
    only(tmp_path)


def write_many(results: Path, first: int) -> None:
    for seed in range(first, first + 12):
        write(results, seed, seed=seed)


def test_two_processes_that_write_one_folder_lose_no_line(tmp_path):
    writers = [child(lambda first=first: write_many(tmp_path, first)) for first in (0, 100)]
    assert [outcome(pid) for pid in writers] == [0, 0]
    lines = recorded_table("V", tmp_path)
    assert sorted(lines["seed"]) == [*range(12), *range(100, 112)]
    assert (lines["seed"] == lines["sampled_ndcg"]).all()
    only(tmp_path)


def test_a_run_of_one_row_leaves_others_alone(tmp_path):
    write(tmp_path, 1)
    write(tmp_path, 2, seed=42)  # V__n=10__4 is how its label begins
    write(tmp_path, 3)
    write(tmp_path, 4)
    lines = recorded_table("V", tmp_path)
    assert lines["run"].tolist() == ["V__n=10__42", LABEL]
    assert recorded_curve("V__n=10__42", tmp_path)["loss"].iloc[0] == 2
    only(tmp_path)


def test_weights_of_one_run_never_take_the_place_of_another(tmp_path):
    digests = [
        keep_weights(lambda path, n=n: path.write_bytes(n), LABEL, tmp_path) for n in (b"1", b"2")
    ]
    assert [weights_path(LABEL, d, tmp_path).read_bytes() for d in digests] == [b"1", b"2"]
    with pytest.raises(OSError, match="full"):
        keep_weights(lambda path: full_file(path), LABEL, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def full_file(path):
    path.write_bytes(b"3")
    raise OSError("the disk is full")
