"""Is this a release? `make dist` calls it, and so does the workflow that publishes.

    python -m tests.release build/dist      # in an empty environment: installed, and used
    python -m tests.release --tag v0.3.0    # does everything name this version?

Needs nothing but Python: the environment that it makes has the rest.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHOP = """
import csv, pathlib, random
draw = random.Random(0)
with open("shop.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["user", "item", "time"])
    for name in ["Ada", *(f"customer {n}" for n in range(60))]:
        first = draw.randrange(40)
        rows.writerows([name, f"B{(first + at) % 40:02}", 1000 + at] for at in range(8))
"""
SAMPLE = """
import seqrec_lib as sl
dataset = sl.prepare(sl.load_for_notebook(profile="smoke"))
shipped, _ = sl.load("sasrec-sample", dataset=dataset)
assert len(sl.recommend(shipped, dataset, histories=["orbit of glass"], k=3)) == 3
assert len(sl.recorded_table("III")) >= 3
print("seqrec_lib", sl.__version__, "from", pathlib.Path(sl.__file__).parent)
"""


def version(root: Path = ROOT) -> str:
    """The library's version, from the one place where it is written."""
    text = (root / "seqrec_lib/common/version.py").read_text(encoding="utf-8")
    return re.findall(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)[0]


def what_is_missing(tag: str, root: Path = ROOT) -> list[str]:
    """Why the commit that has this tag isn't a release of its version; empty if it is."""
    ours, wrong = version(root), []
    if tag != f"v{ours}":
        wrong.append(f"the tag is {tag}, and seqrec_lib/common/version.py says {ours}")
    log = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    dates = re.findall(rf"^## \[{re.escape(ours)}\] - (\d{{4}}-\d\d-\d\d)$", log, re.MULTILINE)
    if not dates:
        wrong.append(f"CHANGELOG.md has no section '## [{ours}] - YYYY-MM-DD'")
    if re.search(r"(?m)^## \[Unreleased\]\s+###", log):
        wrong.append("CHANGELOG.md has changes that are under [Unreleased]")
    cited = (root / "CITATION.cff").read_text(encoding="utf-8")
    for line in (f"version: {ours}", *(f"date-released: {date}" for date in dates)):
        if not re.search(rf"(?m)^{re.escape(line).replace(': ', ': .?')}.?$", cited):
            wrong.append(f"CITATION.cff has no line '{line}'")
    return wrong


def readme_code() -> str:
    """What the README promises for a log of one's own, with fewer epochs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = (c for c in re.findall(r"(?ms)^```python\n(.*?)^```", text) if "shop.csv" in c)
    return re.sub(r"num_epochs=\d+", "num_epochs=20", code)


def use(dist: Path) -> None:
    """Installs the wheel with all that it needs into an empty environment, and uses it elsewhere.

    Raises FileNotFoundError without one wheel and one sdist, CalledProcessError where it fails.
    """
    wheels, sdists = list(dist.glob("*.whl")), list(dist.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sdists) != 1:
        found = sorted(path.name for path in dist.glob("*"))
        raise FileNotFoundError(f"{dist} should hold one wheel and one sdist, and holds {found}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "environment")
        venv.create(place, with_pip=True)
        python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", str(wheels[0].resolve())], check=True
        )
        environment = {
            k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SEQREC_DATA")
        }
        script = SHOP + SAMPLE + readme_code()
        subprocess.run([python, "-c", script], cwd=folder, env=environment, check=True)
        command = [python, "-m", "seqrec_lib", "--help"]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    print(f"{wheels[0].name}: installed in an empty environment, and used")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dist", type=Path, nargs="?", help="the folder of wheel and sdist")
    parser.add_argument("--tag", help="of the commit, such as v0.3.0")
    options = parser.parse_args(arguments)
    wrong = [] if options.tag is None else what_is_missing(options.tag)
    for line in wrong:
        print(line, file=sys.stderr)
    if options.dist is not None and not wrong:
        use(options.dist)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
