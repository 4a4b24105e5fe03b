"""The benchmark: how sides are interleaved, what is printed and refused. No speed is tested."""

import json
import os
import stat
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from seqrec_lib.benchmark.__main__ import about_machine, choose_cases, main
from seqrec_lib.benchmark.cases import BATCH, CASES, Case, Work
from seqrec_lib.benchmark.interleaved import Measured, Result, SideFailedError, interleave
from seqrec_lib.benchmark.report import table, table_of
from seqrec_lib.data.dataset import SASRecDataSet

CASE = Case("some", "some work", lambda bench: Work(lambda: None, 1))


@pytest.fixture(scope="module")
def tiny() -> SASRecDataSet:
    """30 users with 3 to 11 of 40 items."""
    numbers = np.random.default_rng(0)
    return SASRecDataSet.from_sequences(
        {u: numbers.permutation(40)[: 3 + u % 9] + 1 for u in range(1, 31)}, itemnum=40
    )


@pytest.fixture(scope="module")
def tiny_file(tiny: SASRecDataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "tiny.txt"
    lines = [f"{user} {item}" for user in tiny.sequences for item in tiny.sequences[user]]
    path.write_text("\n".join(lines) + "\n")
    return path


# How sides are interleaved -------------------------------------------------------------------


class FakeSide:
    """Answers from a list; an exception in it is raised. Writes down when it was asked."""

    def __init__(self, name, log, answers):
        self.name, self.log, self.answers = name, log, iter(answers)

    def hear(self):
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def go(self):
        self.log.append(self.name)
        return self.hear()


def seconds(*values):
    return [{"seconds": value} for value in values]


OURS = [
    {"sequences": 100, "threads": 2, "flops": 4e9},
    *seconds(9.0, 1.0, 2.0, 4.0),
    {"memory_mb": 300.0, "gpu_mb": None, "matmul_gflops": 50.0},
]
PEERS = [
    {"sequences": 80, "threads": 2, "versions": {"rectools": "0.19.0"}},
    *seconds(30.0, 8.0, 8.0, 8.0),
    {"memory_mb": 900.0, "gpu_mb": None},
]


def test_sides_interleave_and_ratios_are_of_pairs():
    log: list[str] = []
    ticks: list[int] = []
    ours, peer = FakeSide("ours", log, OURS), FakeSide("peer", log, PEERS)
    result = interleave(CASE, 3, ours, peer, lambda: ticks.append(1))
    assert log == ["ours", "peer"] * 5  # warm-up, three repeats, the summary
    assert len(ticks) == 8
    assert (result.ours.first, result.ours.seconds) == (9.0, [1.0, 2.0, 4.0])
    assert (result.peer.first, result.peer.seconds) == (30.0, [8.0, 8.0, 8.0])
    assert (result.ours.memory_mb, result.peer.memory_mb) == (300.0, 900.0)
    # 80 sequences in 8 s against 100 in 1, 2 and 4 s
    assert result.ratios == pytest.approx([10, 5, 2.5])
    assert result.ours.rate == 50
    assert (result.gflops, result.floor, result.share) == pytest.approx((2, 0.08, 0.04))


@pytest.mark.parametrize("place", range(len(PEERS)))
def test_peer_may_fail_at_any_point_and_ours_stands(place):
    log: list[str] = []
    answers = [*PEERS[:place], SideFailedError("the peer fell over")]
    result = interleave(
        CASE, 3, FakeSide("ours", log, OURS), FakeSide("peer", log, answers), lambda: None
    )
    assert (result.peer, result.peer_error) == (None, "the peer fell over")
    assert result.ours.seconds == [1.0, 2.0, 4.0]
    assert result.ratios == []
    assert "failed" in table_of([result])


def test_our_failure_is_an_error():
    answers = [*OURS[:2], SideFailedError("ours fell over")]
    with pytest.raises(SideFailedError, match="ours fell over"):
        interleave(CASE, 3, FakeSide("ours", [], answers), None, lambda: None)


# What is printed -----------------------------------------------------------------------------


def test_table_by_hand():
    ours = Measured(100, 2, 9.0, [1.0, 2.0, 4.0], 300.0)
    peer = Measured(80, 2, 30.0, [8.0, 8.0, 8.0], 1234.5)
    results = [
        Result("a", "work a", ours, 4e9, 50.0, peer),
        Result("b", "work b", Measured(7, 2, 1.0, [0.01234]), None, 50.0),
    ]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table_of(results).split("\n")
    ]
    assert rows[0] == [
        *("", "first call, s", "seconds", "sequences/s", "GFLOP/s", "floor, s", "share of floor"),
        *("MB", "peer, s", "peer MB", "times faster"),
    ]
    assert rows[2] == [
        *("work a", "9", "2 (1–4)", "50", "2", "0.08", "4%"),
        *("300", "8 (8–8)", "1,234", "5 (2.5–10)"),
    ]
    assert rows[3] == ["work b", "1", "0.0123", "567", "", "", "", "", "", "", ""]


def test_a_gpu_has_a_column_for_its_memory():
    ours = Measured(100, 2, 9.0, [1.0], 300.0, 77.0)
    assert "GPU MB" in table_of([Result("a", "work a", ours, 4e9, 50.0)])


def test_table_is_aligned_markdown():
    lines = table(["", "a number"], [["longer text", "1"], ["x", "22"]]).split("\n")
    assert lines[1:] == [
        "| ----------- | -------: |",
        "| longer text |        1 |",
        "| x           |       22 |",
    ]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.skipif(not hasattr(os, "getloadavg"), reason="this system tells no load")
def test_a_busy_machine_is_said(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 0.0, 0.0))
    assert "NOT A QUIET MACHINE: a load of 1000.0" in about_machine()[-1]
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.0, 0.0))
    assert [line.split(":")[0] for line in about_machine()] == ["Machine", "Ours"]


# Arguments -----------------------------------------------------------------------------------


def test_rows_have_names_of_their_own_and_a_cpu_runs_no_bfloat16():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert len({case.title for case in CASES}) == len(names)
    on_cpu = {case.name for case in choose_cases(None, "cpu")}
    assert set(names) - on_cpu == {name for name in names if name.endswith("bf16")} != set()
    assert choose_cases(None, "cuda") == list(CASES)
    chosen = choose_cases(["evaluate-200", "train-50"], "cpu")
    assert [case.name for case in chosen] == ["train-50", "evaluate-200"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "train-20"], "--rows train-20: there is no such row; choose from train-200,"),
        (["--rows", "train-200-bf16"], "add --device cuda"),
        (["--repeats", "0"], "at least 1"),
        (["--threads", "0"], "at least 1"),
        (["--peer-python", "no/such/python"], "there is no such interpreter"),
        (["--data", "no-such-file.txt"], "`user item` lines), or one of ml-100k"),
        (
            ["--data", "sample", "--json", "no-such-folder/x.json"],
            "there is no file or folder of this",
        ),
        (["--device", "tpu"], "invalid choice"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said(capsys):
    with pytest.raises(SystemExit):
        main(["--device", "cuda"])
    assert "torch sees no GPU here" in capsys.readouterr().err


# Whole runs, in processes of their own -------------------------------------------------------

STUB = """\
    #!{python}
    import json, sys
    assert sys.argv[1] == "-I" and sys.argv[2].endswith("peer.py"), sys.argv
    settings = json.loads(sys.argv[3])
    def say(**values): print(json.dumps(values), flush=True)
    {end}
    versions = {{"rectools": "0.19.0", "settings": json.dumps(settings)}}
    say(sequences=30, threads=1, versions=versions)
    for number in range(settings["rounds"]):
        assert sys.stdin.readline() == "go\\n"
        say(seconds=1000.0 + number)
    assert sys.stdin.readline() == "go\\n"
    say(memory_mb=1.0, gpu_mb=None)
"""


def stub_interpreter(folder: Path, end: str = "") -> Path:
    path = folder / "python"
    path.write_text(textwrap.dedent(STUB.format(python=sys.executable, end=end)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(os.name == "nt", reason="the stub is a script with a first line")
def test_run_with_a_peer(tiny_file, tmp_path, capsys):
    record = tmp_path / "measured.json"
    stub = stub_interpreter(tmp_path)
    common = ["--data", str(tiny_file), "--repeats", "2", "--threads", "1", "--json", str(record)]
    rows = ["--rows", "train-50", "ssept-evaluate-50"]
    assert main([*common, *rows, "--peer-python", str(stub)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "Data: tiny.txt, SASRecDataSet(30 users, 40 items" in said.out
    for word in (
        "Machine: ",
        "Ours: python",
        "numba",
        "Peer: rectools 0.19.0",
        "| epoch, n=50, BCE",
    ):
        assert word in said.out
    training, evaluation = json.loads(record.read_text())["rows"]
    assert training["ours"]["sequences"] == BATCH
    assert training["ours"]["threads"] == 1
    assert len(training["ours"]["seconds"]) == len(training["peer"]["seconds"]) == 2
    assert training["ours"]["memory_mb"] > 50
    assert training["matmul_gflops"] > 0
    assert training["peer"]["seconds"] == [1001.0, 1002.0]  # the first round is a warm-up
    told = json.loads(training["peer_versions"]["settings"])
    assert told.pop("data").endswith(".npz")
    wanted = {"work": "train", "maxlen": 50, "loss": "BCE", "rounds": 3, "device": "cpu"}
    wanted |= {"threads": 1, "batch_size": 128, "width": 50, "blocks": 2, "dropout": 0.2}
    assert told == {**wanted, "top": 10}
    assert evaluation["peer"] is None


@pytest.mark.skipif(os.name == "nt", reason="the stub is a script with a first line")
def test_run_with_a_peer_that_fails(tiny_file, tmp_path, capsys):
    stub = stub_interpreter(tmp_path, end="sys.exit('there is no RecTools here')")
    common = ["--data", str(tiny_file), "--repeats", "1", "--threads", "1"]
    assert main([*common, "--rows", "recommend-200", "--peer-python", str(stub)]) == 1
    said = capsys.readouterr()
    assert "the peer of recommend-200 failed; it said last:\nthere is no RecTools here" in said.err
    assert "| recommend, n=200" in said.out


def test_profile_wants_an_epoch(tiny_file, capsys):
    assert main(["--data", str(tiny_file), "--rows", "evaluate-200", "--profile"]) == 1
    assert "none was chosen" in capsys.readouterr().err
