"""Which wheels to carry to a machine without a network: `python seqrec_lib/benchmark/wheels.py`.

Run there, it looks at what that Python has; run here with --have FILE, at a list of packages that
the other one is said to have. It needs nothing but Python, and nothing of the library is imported.
torch is never carried: the machine's own one knows its GPU.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def needed() -> dict[str, tuple[str, str]]:
    """Name → (lowest version that the library takes, pinned one), of all but torch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"(?m)^([\w-]+)==([\w.]+)", requirements))
    lowest = dict(dependency.split(">=") for dependency in project["dependencies"])
    return {name: (low, pins[name]) for name, low in lowest.items() if name != "torch"}


def missing(have: Mapping[str, str]) -> list[str]:
    """NAME==VERSION of what is not there or too old. have: name → version, blank for any."""
    wanted = []
    for name, (low, pin) in needed().items():
        version = have.get(name)
        if version is None or (version and _numbers(version) < _numbers(low)):
            wanted.append(f"{name}=={pin}")
    return wanted


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def listed(text: str) -> dict[str, str]:
    """What a list says: NAME==VERSION or NAME alone, one a line or with commas between."""
    found = re.findall(r"([A-Za-z][\w.-]*)(?:==([\w.+]+))?", text)
    return {name.lower().replace("_", "-"): version for name, version in found}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--have", type=Path, help="a list of the packages that are there")
    parser.add_argument("--python", default="3.12", help="of that machine (default 3.12)")
    chosen = parser.parse_args(arguments)
    if chosen.have:
        have = listed(chosen.have.read_text(encoding="utf-8"))
    else:
        have = {d.name.lower().replace("_", "-"): d.version for d in distributions()}
    wheels = missing(have)
    if "torch" not in have:
        print("torch is missing: take a machine that has it (2.4 or newer)")
    if not wheels:
        print("nothing to carry: all that the library needs is there")
        return
    names = " ".join(wheels)
    print(
        f"to carry: {names}\n\nWith a network, for 64-bit Linux on Intel or AMD:\n\n"
        f"    python -m pip download --dest wheels --only-binary=:all: --python-version "
        f"{chosen.python} --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 "
        f"--platform manylinux2014_x86_64 {names}\n\nThere:\n\n"
        f"    python -m pip install --no-index --find-links wheels {names}"
    )


if __name__ == "__main__":
    main()
