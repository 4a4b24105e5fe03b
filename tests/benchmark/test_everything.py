"""The command for a GPU that is lent for minutes, tried on a CPU: the same code, less of it."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from seqrec_lib.benchmark import checks, everything, papers, steps, wheels
from seqrec_lib.benchmark.__main__ import main
from seqrec_lib.benchmark.everything import STEPS, Record, Worker, markdown, run
from seqrec_lib.benchmark.place import LeftOut, Place, Step


@pytest.fixture
def place(tmp_path) -> Place:
    """30 users with 3 to 11 of 40 items."""
    numbers = np.random.default_rng(0)
    lines = [f"{u} {i + 1}" for u in range(1, 31) for i in numbers.permutation(40)[: 3 + u % 9]]
    (tmp_path / "tiny.txt").write_text("\n".join(lines) + "\n")
    return Place(str(tmp_path / "tiny.txt"), "cpu", tmp_path / "record")


class Scripted:
    """Stands in for the process that works: what each step comes to, and for how long it may."""

    def __init__(self, script):
        self.script, self.asked, self.ended = script, [], 0

    def do(self, step, place, seconds):
        self.asked.append((step.name, seconds, place.captured))
        return self.script[step.name]

    def end(self):
        self.ended += 1


def fake(name, seconds=60.0):
    return Step(name, f"title of {name}", seconds, lambda place: [])


# The order, the time, the record ------------------------------------------------------------------


def test_a_failing_step_is_written_down_and_the_others_follow(place, monkeypatch):
    done = {"state": "done", "lines": [{"what": "x", "s": 0.5, "equal": True}]}
    script = {"a": done, "b": {"state": "failed", "error": "Traceback\nOSError: gone"}, "c": done}
    worker = Scripted(script)
    monkeypatch.setattr(everything, "Worker", lambda: worker)
    said = []
    chosen = [fake("a"), fake("b", 5.0), fake("c")]
    assert run(chosen, place, 0.5, said.append) == ["b"]
    assert [name for name, *_ in worker.asked] == ["a", "b", "c"]
    assert worker.asked[0][1] <= 30  # what is left
    assert worker.asked[1][1] == 5.0  # its own bound
    assert worker.ended == 1
    assert "failed" in said[3]
    assert "OSError: gone" in said[3]
    found = json.loads((place.folder / "record.json").read_text())["steps"]
    assert [found[name]["state"] for name in "abc"] == ["done", "failed", "done"]
    page = (place.folder / "report.md").read_text()
    assert "| x    | 0.5 |   yes |" in page
    assert "```\nTraceback\nOSError: gone\n```" in page


def test_what_is_done_is_not_done_again_and_what_is_not_is(place, monkeypatch):
    worker = Scripted({name: {"state": "done", "lines": []} for name in "abc"})
    monkeypatch.setattr(everything, "Worker", lambda: worker)
    record = Record(place.folder, {"data": place.data, "device": "cpu"})
    record.note("a", state="done", lines=[])
    record.note("b", state="time is up", error="it was ended after 3 s")
    run([fake(name) for name in "abc"], place, 0.5, lambda text: None)
    assert [name for name, *_ in worker.asked] == ["b", "c"]
    with pytest.raises(ValueError, match="choose another folder"):
        run([], Place("sample", "cpu", place.folder), 1, lambda text: None)


def test_without_time_steps_are_left_out_and_said_to_be(place, monkeypatch):
    worker = Scripted({})
    monkeypatch.setattr(everything, "Worker", lambda: worker)
    assert run([fake("a")], place, 0.001, lambda text: None) == []
    assert worker.asked == []
    found = json.loads((place.folder / "record.json").read_text())["steps"]["a"]
    assert found == {"state": "left out", "error": "no time was left"}


@pytest.mark.parametrize("equal", [True, False])
def test_the_papers_rows_are_captured_where_the_check_found_it_right(place, monkeypatch, equal):
    lines = [{"way": "captured", "equal": True}, {"way": "captured", "equal": equal}]
    script = {"same-numbers": {"state": "done", "lines": lines}}
    script["papers"] = {"state": "time is up", "error": "it was ended after 9 s"}
    worker = Scripted(script)
    monkeypatch.setattr(everything, "Worker", lambda: worker)
    assert run([fake("same-numbers"), fake("papers")], place, 1, lambda text: None) == []
    assert [captured for *_, captured in worker.asked] == [False, equal]


# The process that works ---------------------------------------------------------------------------


def nap(place):
    time.sleep(60)


def crash(place):
    os._exit(3)


def wrong(place):
    raise ZeroDivisionError("of course")


def left_out(place):
    raise LeftOut("not here")


ODD = tuple(Step(f.__name__, "", 60, f) for f in (nap, crash, wrong, left_out))


def serve_odd(line):
    everything.STEPS = ODD
    everything._serve(line)


def test_a_step_may_hang_crash_and_fail(place, monkeypatch):
    """Each in turn, in processes of their own, of which none is left."""
    monkeypatch.setattr(everything, "_serve", serve_odd)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    worker, found = Worker(), {}
    try:
        for step in ODD[1:]:
            found[step.name] = worker.do(step, place, 200)
        found["nap"] = worker.do(ODD[0], place, 0.5)
    finally:
        worker.end()
    assert found["crash"] == {"state": "failed", "error": "its process ended: 3"}
    assert found["wrong"]["error"].splitlines()[-1] == "ZeroDivisionError: of course"
    assert found["left_out"] == {"state": "left out", "error": "not here"}
    assert found["nap"]["state"] == "time is up"
    assert multiprocessing.active_children() == []


# Each step ----------------------------------------------------------------------------------------


def test_the_steps_have_names_of_their_own_and_the_order_of_what_matters():
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    assert names[:3] == ["environment", "same-numbers", "resume"]
    assert names[-1] == "papers"


def test_the_machine_is_described(place, monkeypatch):
    monkeypatch.setattr(checks, "matmul_gflops", lambda *a: 12.0)
    found = {line["what"]: line["is"] for line in checks.environment(place)}
    assert found["torch"] == torch.__version__
    assert found["product in float32"] == "12 GFLOP/s"
    assert "30 users" in found["data"]


def test_equal_numbers_are_found_equal_and_wrong_ones_wrong(place, monkeypatch):
    lines = checks.same_numbers(place)
    assert all(line["equal"] for line in lines), lines
    assert {line["model"] for line in lines} == {"SASREC", "SSEPT"}
    assert len({line["loss"] for line in lines}) == 4
    plain = [line for line in lines if line["way"] == "plain float32"]
    assert len(plain) == 8
    right = [torch.tensor(2.0), torch.ones(3), torch.full((3,), 1e-9)]
    for measured in (checks.largest, checks.length):
        found = [torch.tensor(2.1), *right[1:]]
        assert checks._error(found, right, measured) == pytest.approx(0.05)
        found = [*right[:2], torch.full((3,), 5e-9)]
        assert checks._error(found, right, measured) < 1e-4  # rounding alone
    off = [right[0], torch.tensor([1.0, 1.0, 1.2]), right[2]]
    assert checks._error(off, right, checks.largest) == pytest.approx(0.2, rel=1e-5)
    assert checks._error(off, right, checks.length) == pytest.approx(0.2 / 3**0.5, rel=1e-5)


def test_a_resumed_run_is_the_same(place):
    assert checks.resume(place) == [
        {"way": "plain float32", "largest difference": 0.0, "equal bits": True}
    ]


def test_epochs_are_timed_and_what_a_cpu_cannot_is_left_out(place):
    ways = [{}, {"captured": True}, {"precision": "bfloat16"}]
    lines = steps.epochs(place, *ways, length=10, users=True)
    assert [line["way"] for line in lines] == ["plain float32", "bfloat16"]
    for line in lines:
        assert 0 < line["least"] <= line["epoch, s"] <= line["most"]
        assert np.isfinite(line["loss"])
    with pytest.raises(LeftOut, match="for a GPU alone"):
        steps.epochs(place, {"compiled": True}, length=10)


def test_scoring_and_memory_have_a_line_each(place):
    assert len(steps.scoring(place, 10)) == 6
    found = steps.memory(place)
    assert len(found) == 3
    assert all(line["step, ms"] > 0 for line in found)


def test_the_papers_rows_need_the_papers_data(place):
    with pytest.raises(LeftOut, match="of ml-1m and games, and this is"):
        papers.train_rows(place)


def test_the_papers_rows_are_trained_once_each_and_read_back(tmp_path, monkeypatch):
    """Table III first; a run that is recorded does not come again."""
    seen = []

    def recorded(recipe, data, seed, results, work, device, captured):
        seen.append((recipe.table, recipe.row, seed, captured))
        results.mkdir(parents=True, exist_ok=True)
        head = "row,dataset,seed,epochs,seconds,sampled_ndcg,paper_ndcg,full_ndcg,settings,commit"
        file = results / f"{recipe.table}.csv"
        text = file.read_text() if file.exists() else head + "\n"
        line = f'{recipe.row},ml-1m,{seed},{recipe.epochs},9.5,0.5,,0.1,"{recipe.settings}",a'
        file.write_text(text + line + "\n")
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(papers, "run_recipe", recorded)
    monkeypatch.setattr(Place, "dataset", None)
    place = Place("ml-1m", "cpu", tmp_path, captured=True)
    with pytest.raises(KeyboardInterrupt):
        papers.train_rows(place)
    first, seen[:] = list(seen), []
    with pytest.raises(KeyboardInterrupt):
        papers.train_rows(place)
    assert first == [("III", "ml-1m", 1, True), ("III", "ml-1m", 2, True)]
    assert seen[0] == ("III", "ml-1m", 3, True)
    lines = papers.trained_rows(tmp_path)
    assert lines[0]["sampled_ndcg"] == 0.5
    assert lines[0]["paper_ndcg"] is None
    (tmp_path / "work" / "IV__some-row__2-0a1b2c3d").mkdir(parents=True)
    (tmp_path / "work" / "IV__some-row__2-0a1b2c3d" / "epoch-000017.pt").touch()
    assert papers.trained_rows(tmp_path)[-1] == {
        "table": "IV", "row": "some-row", "seed": 2, "epochs": 17
    }  # fmt: skip


# The command line ---------------------------------------------------------------------------------


def test_the_whole_command_on_a_cpu(place, capsys):
    """A process of its own for the steps, the record, the report."""
    chosen = ["resume", "epoch-200-captured", "papers"]
    command = ["--everything", "--data", place.data, "--minutes", "5", "--record"]
    assert main([*command, str(place.folder), "--rows", *chosen]) == 0
    said = capsys.readouterr().out
    assert "| plain float32 |                  0 |        yes |" in said
    found = json.loads((place.folder / "record.json").read_text())["steps"]
    assert [found[name]["state"] for name in chosen] == ["done", "left out", "left out"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "wants --record FOLDER"),
        (["--record", "x", "--minutes", "0"], "--minutes above 0"),
        (["--record", "x", "--rows", "nap"], "--rows nap: a step of --everything is one of envir"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["--everything", *arguments])
    assert message in capsys.readouterr().err


def test_an_empty_record_is_a_page():
    assert markdown({"settings": {"data": "x"}, "steps": {}}) == "# Everything\n\ndata: x\n"


# Wheels -------------------------------------------------------------------------------------------


def test_wheels_names_what_is_missing_or_too_old(tmp_path):
    pins = {name: pin for name, (_, pin) in wheels.needed().items()}
    assert "torch" not in pins
    assert {"numba", "pandas", "pooch"} < set(pins)
    assert wheels.missing(pins) == []
    have = {**pins, "numba": "0.59.1", "pandas": ""}  # blank: of any version
    del have["pooch"]
    assert wheels.missing(have) == [f"numba=={pins['numba']}", f"pooch=={pins['pooch']}"]
    text = "Torch, numpy==2.5.2\nscikit_learn==1.9, numba-cuda"
    assert wheels.listed(text) == {
        "torch": "", "numpy": "2.5.2", "scikit-learn": "1.9", "numba-cuda": ""
    }  # fmt: skip


def test_wheels_runs_without_the_library(tmp_path):
    (tmp_path / "have.txt").write_text("torch numpy pandas scipy numba tqdm pillow")
    script = Path(wheels.__file__)
    command = [sys.executable, "-I", "-S", str(script), "--have", str(tmp_path / "have.txt")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "pip download --dest wheels" in said
    assert "pooch==" in said
    assert "numba==" not in said
