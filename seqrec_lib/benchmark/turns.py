"""Measuring: a fresh process for each row, and the peer's taking turns with it.

A row's process does nothing else, so its peak memory is its own. Where there is a peer, the two
work one after the other, turn by turn: a machine that slows down does so for both, and the ratio of
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

from seqrec_lib.benchmark import peer as benchmark_peer
from seqrec_lib.benchmark.rows import BATCH, BLOCKS, DROPOUT, TOP, WIDTH, Row


class SideFailedError(RuntimeError):
    """A measured process ended without an answer."""


@dataclass(frozen=True)
class Setup:
    """What all rows of one run share.

    data: the file of `benchmark_worker.save_dataset`. repeats: timed turns; one more comes first.
    peer: the interpreter with RecTools, or None.
    """

    data: Path
    repeats: int
    device: str = "cpu"
    threads: int | None = None
    peer: str | None = None


@dataclass
class Measured:
    """One side of a row: seconds of each turn, of which the first, a warm-up, stands apart."""

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
    """A row, measured. flops: of one turn. matmul_gflops: of a large matrix product after it."""

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
        """How many times faster ours is, sequence for sequence, for each pair of turns."""
        if self.peer is None:
            return []
        per_sequence = self.ours.sequences / self.peer.sequences
        pairs = zip(self.ours.seconds, self.peer.seconds, strict=True)
        return [theirs / mine * per_sequence for mine, theirs in pairs]


class Side:
    """A process that answers: what it will do, a time for each turn, and a summary."""

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
        """Let it do its next turn, or sum up."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died: hear() says of what
        return self.hear()


def our_side(row: Row, setup: Setup, profile: bool = False) -> Side:
    """The process that does a row, or that profiles it."""
    settings = {
        "row": row.name,
        "data": str(setup.data),
        "turns": setup.repeats + 1,
        "device": setup.device,
        "threads": setup.threads,
        "profile": profile,
    }
    command = [sys.executable, "-m", "seqrec_lib.benchmark.worker"]
    return Side(row.name, command, settings, setup.threads)


def peer_side(row: Row, setup: Setup) -> Side:
    """The process that does the peer's counterpart of a row."""
    assert setup.peer is not None
    assert row.peer is not None
    settings = {
        **row.peer,
        "data": str(setup.data),
        "turns": setup.repeats + 1,
        "device": setup.device,
        "threads": setup.threads,
        "batch_size": BATCH,
        "width": WIDTH,
        "blocks": BLOCKS,
        "dropout": DROPOUT,
        "top": TOP,
    }
    # -I: this library's folder must not be where the other interpreter looks for modules
    command = [setup.peer, "-I", str(Path(benchmark_peer.__file__).resolve())]
    return Side(f"the peer of {row.name}", command, settings, setup.threads)


def measure(row: Row, setup: Setup, tick: Callable[[], object] = lambda: None) -> Result:
    """One row, with its peer where both exist; `tick` is called after every turn of either side.

    A peer that fails leaves our own numbers standing, and its last words in `peer_error`.
    Raises SideFailedError when our side fails.
    """
    with our_side(row, setup) as ours:
        if setup.peer is None or row.peer is None:
            return take_turns(row, setup.repeats, ours, None, tick)
        with peer_side(row, setup) as peer:
            return take_turns(row, setup.repeats, ours, peer, tick)


def take_turns(
    row: Row, repeats: int, ours: Side, peer: Side | None, tick: Callable[[], object]
) -> Result:
    """Warm-up and repeats: ours, the peer's, ours, the peer's, …"""
    ready = ours.hear()
    mine = Measured(ready["sequences"], ready["threads"])
    result = Result(row.name, row.title, mine, ready["flops"], 0.0)
    if peer is not None:
        ready = _ask(peer.hear, result)
        if ready:
            result.peer = Measured(ready["sequences"], ready["threads"])
            result.peer_versions = ready["versions"]
    for turn in range(repeats + 1):
        _note(mine, turn, ours.go())
        tick()
        if peer is not None:
            answer = _ask(peer.go, result)
            if result.peer is not None:
                _note(result.peer, turn, answer)
            tick()
    summary = ours.go()
    mine.memory_mb, mine.gpu_mb = summary["memory_mb"], summary["gpu_mb"]
    result.matmul_gflops = summary["matmul_gflops"]
    if peer is not None:
        summary = _ask(peer.go, result)
        if result.peer is not None:
            result.peer.memory_mb, result.peer.gpu_mb = summary["memory_mb"], summary["gpu_mb"]
    return result


def _note(measured: Measured, turn: int, answer: dict[str, Any]) -> None:
    if turn == 0:
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
