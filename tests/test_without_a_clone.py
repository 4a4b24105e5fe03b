"""The library from a wheel, in a folder of its own: recorded runs and trained weights come too."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ["seqrec_lib", "data/results", "data/checkpoints"]
FILES = ["pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXTS"]
USE = """
from pathlib import Path
import seqrec_lib as sl

assert "installed" in sl.__file__, sl.__file__
dataset = sl.prepare(sl.load_for_notebook(profile="smoke"))
model, _ = sl.load("sasrec-sample", dataset=dataset)
print(sl.recommend(model, dataset, histories=["orbit of glass"], k=1)["title"][0])
there = sl.trained_models()["there"]
assert there.all(), there
assert len(sl.recorded_table("III")) >= 3
assert len(sl.recorded_curve("III__ml-1m__1")) == 200
assert len(sl.recorded_ranks("III__ml-1m__1", "ml-1m")["full"]) == 6040
assert sl.compare_with_paper("III")["ours"].notna().any()
assert list(Path().iterdir()) == []
"""


def test_every_package_is_in_the_wheel():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = {".".join(p.relative_to(ROOT).parts[:-1]) for p in ROOT.glob("seqrec_lib/**/*.py")}
    folders = {
        "seqrec_lib.recorded",
        *setuptools["package-data"],
    }  # of data: setuptools asks for them
    assert set(setuptools["packages"]) == found | folders


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with what a wheel of this repository holds."""
    if find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed: no wheel can be built without the network")
    top = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, top / "source" / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, top / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(top), str(top / "source")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = top.glob("*.whl")
    assert wheel.stat().st_size < 20e6
    zipfile.ZipFile(wheel).extractall(top / "installed")
    # the same sources: their compiled loops need not be made again
    loops = top / "installed" / "seqrec_lib" / "network" / "fast" / "__pycache__"
    loops.mkdir()
    for loop in (ROOT / loops.relative_to(top / "installed")).glob("*.loop"):
        shutil.copy(loop, loops)
    return top / "installed"


def test_what_is_recorded_and_trained_comes_with_the_wheel(installed, tmp_path):
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONSAFEPATH"}
    environment |= {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "(19" in done.stdout.splitlines()[-1], "no film was recommended"
