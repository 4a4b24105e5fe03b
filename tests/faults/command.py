"""The command line: draw, try, report."""

import argparse
import collections
import faulthandler
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from small_runs import train_small

from faults import asking, learning, planted, reading, together, writing  # noqa: F401
from faults.trial import SCENARIOS, WEIGHTS, Found, Surroundings, Trial

LONGEST = 120  # seconds that one fault may take


def drawn(seed: int, number: int, only: Sequence[str]) -> str:
    """Which kind fault `number` is of."""
    names = [name for name in SCENARIOS if not only or name in only]
    rng = random.Random(f"{seed} {number} which")
    return rng.choices(names, [WEIGHTS[name] for name in names])[0]


@contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Home, temporary files and downloads inside of `folder`, for the time of a block."""
    named = {"HOME": str(folder), "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    before = {name: os.environ.get(name) for name in [*named, "SEQREC_DATA"]}
    os.environ.update(named)
    os.environ.pop("SEQREC_DATA", None)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = None
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def tried(name: str, seed: int, number: int, base: Path) -> tuple[Trial, Exception | None]:
    """One fault, and what was found of it."""
    folder = base / f"{number}"
    folder.mkdir()
    trial = Trial(name, seed, number, folder)
    found: Exception | None = None
    with at_home(folder):
        around = Surroundings()
        # What hangs is a finding, too: the process then ends, and says where it was.
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        try:
            SCENARIOS[name](trial)
            around.check()
        except Found as error:
            found = error
        except Exception as error:  # the scenario's own fault is to be seen, too
            found = error
        finally:
            faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(folder, ignore_errors=True)
    return trial, found


def run(
    seed: int, count: int, first: int = 1, only: Sequence[str] = (), until_found: bool = False
) -> tuple[collections.Counter[str], int, list[tuple[Trial, int, Exception]]]:
    """`count` faults in a row: how many of each kind, how many refusals, and what was found."""
    train_small(epochs=1)  # what torch sets in the environment when it first trains is not a fault
    kinds: collections.Counter[str] = collections.Counter()
    refusals, findings = 0, []
    with tempfile.TemporaryDirectory(prefix="faults-") as base:
        os.chmod(base, 0o755)  # for those that are tried as another user
        for number in range(first, first + count):
            name = drawn(seed, number, only)
            trial, found = tried(name, seed, number, Path(base))
            kinds[name] += 1
            refusals += trial.refusals > 0
            if found is not None:
                findings.append((trial, number, found))
                report(trial, number, found)
                if until_found:
                    break
    return kinds, refusals, findings


def report(trial: Trial, number: int, error: Exception) -> None:
    """What was found, at once: a run of an hour may be stopped."""
    print(f"fault {number}, {trial.name}: {'; '.join(trial.said)}")
    print(f"    {type(error).__name__}: {error}", flush=True)
    if not isinstance(error, Found):  # a fault of the fault itself
        traceback.print_exception(error, file=sys.stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=1, help="of all that is drawn")
    add("--count", type=int, default=1000, help="how many faults")
    add("--first", type=int, default=1, help="begin with this one, to see one again")
    add("--only", nargs="+", default=[], choices=SCENARIOS, metavar="KIND", help="only these kinds")
    add("--plant", choices=planted.BUGS, metavar="BUG", help="with this bug in the library")
    add("--list", action="store_true", help="name the kinds, and the bugs that can be planted")
    chosen = parser.parse_args(arguments)
    if chosen.list:
        for name, function in SCENARIOS.items():
            said = (function.__doc__ or "").splitlines()
            print(f"{name:<34}{said[0] if said else ''}")
        print(*(f"--plant {name!r}" for name in planted.BUGS), sep="\n")
        return 0
    started = time.perf_counter()
    with planted.planted(chosen.plant) if chosen.plant else nullcontext():
        kinds, refusals, findings = run(
            chosen.seed, chosen.count, chosen.first, chosen.only, until_found=bool(chosen.plant)
        )
    for name, times in sorted(kinds.items()):
        print(f"{name:<34}{times:>6}")
    print(
        f"{sum(kinds.values())} faults of {len(kinds)} kinds in {time.perf_counter() - started:.0f}"
        f" s, seed {chosen.seed}: {refusals} refused in words, {len(findings)} findings"
    )
    return bool(findings)
