"""Measuring: a fresh process for each case, interleaved with the peer's process.

A case's process does nothing else, so its peak memory is its own. Where there is a peer, the two
alternate, one round each at a time: a machine that slows down does so for both, and the ratio of
each pair means something.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from seqrec_lib.benchmark.cases import BATCH, BLOCKS, DROPOUT, TOP, WIDTH, Case


class SideFailedError(RuntimeError):
    """A measured process ended without an answer."""


@dataclass(frozen=True)
class Setup:
    """What all cases of one run share.

    data: the file of `worker.save_dataset`. repeats: timed rounds; one more comes first.
    peer: the interpreter with RecTools, or None.
    """

    data: Path
    repeats: int
    device: str = "cpu"
    threads: int | None = None
    peer: str | None = None


@dataclass
class Measured:
    """One side of a case: seconds of each round, of which the first, a warm-up, is kept apart."""

    sequences: int
    threads: int
    first: float = 0.0
    seconds: list[float] = field(default_factory=list)
    memory_mb: float | None = None
    gpu_mb: float | None = None

    @property
    def rate(self) -> float:
        """Sequences per second, from the median."""
        return self.sequences / statistics.median(self.seconds)


@dataclass
class Result:
    """A case, measured. flops: of one round. matmul_gflops: of a large matrix product after it."""

    name: str
    title: str
    ours: Measured
    flops: float | None
    matmul_gflops: float
    peer: Measured | None = None
    peer_versions: dict[str, str] | None = None
    peer_error: str | None = None

    @property
    def gflops(self) -> float | None:
        """Achieved GFLOP/s, from the median."""
        return self.flops and self.flops / statistics.median(self.ours.seconds) / 1e9

    @property
    def floor(self) -> float | None:
        """Seconds of the arithmetic alone, at the speed of the matrix product."""
        return self.flops and self.flops / self.matmul_gflops / 1e9

    @property
    def share(self) -> float | None:
        """Of the floor: the part of the time that the arithmetic alone would take."""
        return self.floor and self.floor / statistics.median(self.ours.seconds)

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours is, sequence for sequence, for each pair of rounds."""
        if self.peer is None:
            return []
        per_sequence = self.ours.sequences / self.peer.sequences
        pairs = zip(self.ours.seconds, self.peer.seconds, strict=True)
        return [theirs / mine * per_sequence for mine, theirs in pairs]


class Side:
    """A process that answers: what it will do, a time for each round, and a summary."""

    def __init__(
        self, who: str, command: Sequence[str], settings: Mapping[str, Any], threads: int | None
    ) -> None:
        environment = dict(os.environ)
        if threads is not None:  # for OpenMP, and for the BLAS of torch, numpy and scipy
            environment["OMP_NUM_THREADS"] = str(threads)
        self.who = who
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [*command, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:  # it may be at work for minutes more
            self._process.kill()
        self._process.communicate()
        self._errors.close()

    def hear(self) -> dict[str, Any]:
        """Its next answer. Raises SideFailedError, with what it said last, when none comes."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except json.JSONDecodeError:
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().strip().splitlines()[-20:] or [line.strip() or "nothing"]
            raise SideFailedError(f"{self.who} failed; it said last:\n" + "\n".join(said)) from None
        return dict(answer)

    def go(self) -> dict[str, Any]:
        """Let it do its next round, or sum up."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died: hear() says of what
        return self.hear()


def our_side(case: Case, setup: Setup, profile: bool = False) -> Side:
    """The process that does a case, or that profiles it."""
    settings = {
        "case": case.name,
        "data": str(setup.data),
        "rounds": setup.repeats + 1,
        "device": setup.device,
        "threads": setup.threads,
        "profile": profile,
    }
    command = [sys.executable, "-m", "seqrec_lib.benchmark.worker"]
    return Side(case.name, command, settings, setup.threads)


def peer_side(case: Case, setup: Setup) -> Side:
    """The process that does the peer's counterpart of a case."""
    assert setup.peer is not None
    assert case.peer is not None
    settings = {
        **case.peer,
        "data": str(setup.data),
        "rounds": setup.repeats + 1,
        "device": setup.device,
        "threads": setup.threads,
        "batch_size": BATCH,
        "width": WIDTH,
        "blocks": BLOCKS,
        "dropout": DROPOUT,
        "top": TOP,
    }
    # -I: this library's folder must not be where the other interpreter looks for modules
    command = [setup.peer, "-I", str(Path(__file__).resolve().with_name("peer.py"))]
    return Side(f"the peer of {case.name}", command, settings, setup.threads)


def measure(case: Case, setup: Setup, tick: Callable[[], object] = lambda: None) -> Result:
    """One case, with its peer where both exist; `tick` is called after every round of either side.

    A peer that fails leaves our own numbers standing, and its last words in `peer_error`.
    Raises SideFailedError when our side fails.
    """
    with our_side(case, setup) as ours:
        if setup.peer is None or case.peer is None:
            return interleave(case, setup.repeats, ours, None, tick)
        with peer_side(case, setup) as peer:
            return interleave(case, setup.repeats, ours, peer, tick)


def interleave(
    case: Case, repeats: int, ours: Side, peer: Side | None, tick: Callable[[], object]
) -> Result:
    """Warm-up and repeats: ours, the peer's, ours, the peer's, …"""
    ready = ours.hear()
    mine = Measured(ready["sequences"], ready["threads"])
    result = Result(case.name, case.title, mine, ready["flops"], 0.0)
    if peer is not None:
        ready = _ask(peer.hear, result)
        if ready:
            result.peer = Measured(ready["sequences"], ready["threads"])
            result.peer_versions = ready["versions"]
    for number in range(repeats + 1):
        _note(mine, number, ours.go())
        tick()
        if peer is not None:
            answer = _ask(peer.go, result)
            if result.peer is not None:
                _note(result.peer, number, answer)
            tick()
    summary = ours.go()
    mine.memory_mb, mine.gpu_mb = summary["memory_mb"], summary["gpu_mb"]
    result.matmul_gflops = summary["matmul_gflops"]
    if peer is not None:
        summary = _ask(peer.go, result)
        if result.peer is not None:
            result.peer.memory_mb, result.peer.gpu_mb = summary["memory_mb"], summary["gpu_mb"]
    return result


def _note(measured: Measured, number: int, answer: dict[str, Any]) -> None:
    if number == 0:
        measured.first = answer["seconds"]
    else:
        measured.seconds.append(answer["seconds"])


def _ask(question: Callable[[], dict[str, Any]], result: Result) -> dict[str, Any]:
    """The peer's answer; {} once it has failed, and then there is no peer in the result."""
    if result.peer_error is not None:
        return {}
    try:
        return question()
    except SideFailedError as failure:
        result.peer, result.peer_error = None, str(failure)
        return {}
