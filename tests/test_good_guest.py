"""The library is a good guest in its user's program: quick to import, and it leaves all as it was.

Everything happens in a process of its own, for the tests beside it have imported and changed much.
"""

import json
import logging
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import guest
import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

TESTS = Path(__file__).resolve().parent
# Each of them takes between a tenth of a second and seconds. They come when they are first needed.
HEAVY = {
    "IPython", "ipywidgets", "jupyter_core", "matplotlib", "numba", "pooch", "requests", "scipy",
    "torch._dynamo", "torch._inductor", "torchmetrics",
}  # fmt: skip
FOR_A_MODEL = (
    "SASREC", "SSEPT", "SASRecDataSet", "WarpSampler", "pad_sequences", "prepare", "CrossEntropy",
)  # fmt: skip
IMPORT = """
import json, sys, time
import pandas, torch
before, start = set(sys.modules), time.perf_counter()
import seqrec_lib
seconds, alone = time.perf_counter() - start, set(sys.modules)
for name in {names}:
    getattr(seqrec_lib, name)
report = {{"seconds": seconds, "alone": sorted(alone - before)}}
report["names"] = sorted(set(sys.modules) - before)
report["all seconds"] = time.perf_counter() - start
print(json.dumps(report))
"""


def python(*arguments: str) -> str:
    """What Python prints; every warning is an error, and nothing may be said on stderr but that
    the loops are being compiled, where these tests are the first to need them."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "compiles its fast loops" not in line]
    assert said == []
    return done.stdout


@pytest.fixture(scope="module")
def imported() -> dict:
    return json.loads(python("-c", IMPORT.format(names=FOR_A_MODEL)))


def loaded(modules: list[str]) -> set[str]:
    """The packages, and the parts of torch, that a list of modules belongs to."""
    parts = [name.split(".") for name in modules]
    return {p[0] for p in parts} | {".".join(p[:2]) for p in parts if p[0] == "torch"}


def test_import_brings_nothing_but_the_library_itself(imported, record_property):
    """So that it costs nearly nothing on top of torch and pandas; the time itself is only noted."""
    record_property("seconds of import seqrec_lib", imported["seconds"])
    record_property("seconds with everything for a model", imported["all seconds"])
    foreign = loaded(imported["alone"]) - set(sys.stdlib_module_names)
    assert foreign == {"seqrec_lib"}
    assert len(imported["alone"]) < 10, "modules of the library are loaded when first needed"


def test_a_model_and_its_data_need_no_heavy_package(imported):
    assert "seqrec_lib.models.sasrec" in imported["names"]
    assert loaded(imported["names"]) & HEAVY == set()


def test_heavy_packages_would_be_seen():
    modules = ["numba", "numba.core", "scipy.sparse", "torch._dynamo.utils", "json"]
    assert loaded(modules) & HEAVY == {"numba", "scipy", "torch._dynamo"}


@pytest.fixture(scope="module")
def visit(tmp_path_factory) -> dict:
    """A whole use of the library, from reading to drawing, under -W error."""
    folder = tmp_path_factory.mktemp("guest")
    return json.loads(python(str(TESTS / "guest.py"), str(folder)))


def test_it_leaves_everything_as_it_was(visit):
    assert visit["changed"] == []


def test_it_starts_no_process(visit):
    assert visit["started"] == []


# The watchman himself: what he should see, he sees.


def blas_threads() -> int:
    return max(x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas")


CHANGES = {
    "generator of random": random.random,
    "generator of numpy": lambda: np.random.rand(),  # noqa: NPY002
    "generator of torch": lambda: torch.rand(1),
    "threads of torch": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "threads of numpy's BLAS": lambda: threadpool_limits(
        1 if blas_threads() > 1 else 2, user_api="blas"
    ),
    "settings of torch": lambda: torch.set_default_dtype(torch.float64),
    "options of pandas": lambda: pd.set_option("display.precision", 3),
    "options of numpy": lambda: np.seterr(all="ignore"),
    "environment": lambda: os.environ.update(SEQREC_TEST="1"),
    "recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "logging": lambda: logging.root.setLevel(logging.DEBUG),
}


@pytest.fixture
def put_back(monkeypatch):
    """Undoes every change of CHANGES."""
    monkeypatch.setenv("SEQREC_TEST", "0")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    threads, errors, limit = torch.get_num_threads(), np.geterr(), sys.getrecursionlimit()
    blas = blas_threads()
    level, precision = logging.root.level, pd.get_option("display.precision")
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])
    torch.set_num_threads(threads)
    threadpool_limits(blas, user_api="blas")
    torch.set_default_dtype(torch.float32)
    pd.set_option("display.precision", precision)
    np.seterr(**errors)
    sys.setrecursionlimit(limit)
    logging.root.setLevel(level)


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name):
    before = guest.states()
    assert guest.changed(before, guest.states()) == []
    CHANGES[name]()
    assert guest.changed(before, guest.states()) == [name]


def test_a_thread_left_behind_is_seen():
    before, end = guest.states(), threading.Event()
    thread = threading.Thread(target=end.wait, name="left behind")
    thread.start()
    try:
        assert guest.changed(before, guest.states()) == ["threads"]
    finally:
        end.set()
        thread.join()


STARTS = {
    "fork": "if os.fork() == 0: os._exit(0)\nos.wait()",
    "subprocess": "subprocess.run([sys.executable, '-c', ''])",
    "multiprocessing": "multiprocessing.get_context('spawn').Process(target=int).start()",
}


@pytest.mark.parametrize("way", STARTS)
def test_a_process_is_seen(way):
    if way == "fork" and not hasattr(os, "fork"):
        pytest.skip("this platform has no fork")
    program = f"""
import multiprocessing, os, subprocess, sys
import guest
if __name__ == "__main__":
    started = guest.processes_started()
    {STARTS[way].replace(chr(10), chr(10) + "    ")}
    print(len(started) > 0, flush=True)
"""
    assert python("-c", program).strip() == "True"


def test_a_warning_is_an_error_here():
    with pytest.raises(AssertionError, match="UserWarning"):
        python("-c", "import warnings; warnings.warn('of our own', UserWarning)")
