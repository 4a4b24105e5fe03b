"""The report: the benchmark's table, in Markdown, and the words around it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from seqrec_lib.benchmark.interleaved import Result

_NOTES = """\
- Seconds: the median of the repeats (least–most). First call: before them, in a fresh process, with
  what it compiles or loads; compiled loops stay on disk.
- Epochs: 128 sequences a step, 2 blocks, 1 head, dropout 0.2, width 50 (SSE-PT: 50 + 50).
- Floor: the arithmetic alone, at the speed of a large matrix product measured in the same process.
  Arithmetic is what projections and feed-forward of real positions, attention over the causal half
  and the logits need; a backward pass counts twice; scoring asks the last position only.
- MB: the most that a process held which did only this row."""
_PEER_NOTES = """\
- Peer: RecTools' SASRecModel, same data and settings, in turn with ours. Times faster: sequence for
  sequence, the median of the pairs of rounds (least–most).
- No peer: RecTools has neither SSE-PT nor an evaluation by 100 drawn negatives; the evaluation of
  `recommenders`, which has both, is not run here."""


def notes(results: Sequence[Result]) -> str:
    """What the table's words mean."""
    return "\n".join([_NOTES, *[_PEER_NOTES] * _with_peers(results)])


def _with_peers(results: Sequence[Result]) -> bool:
    return any(result.peer is not None or result.peer_error for result in results)


def about_runs(results: Sequence[Result]) -> list[str]:
    """The peer's versions, threads, and the speed that the floor is computed with."""
    lines = []
    peers = [result for result in results if result.peer is not None]
    if peers:
        assert peers[0].peer is not None
        versions = listed(peers[0].peer_versions or {})
        lines.append(f"Peer: {versions}, threads {peers[0].peer.threads}")
    speeds = [result.matmul_gflops for result in results]
    lines.append(
        f"Threads: {results[0].ours.threads}. A large matrix product reached "
        f"{min(speeds):,.0f} to {max(speeds):,.0f} GFLOP/s in these processes."
    )
    return lines


def table_of(results: Sequence[Result]) -> str:
    """The table of all results, in Markdown."""
    columns: list[tuple[str, Callable[[Result], str]]] = [
        ("", lambda result: result.title),
        ("first call, s", lambda result: _number(result.ours.first)),
        ("seconds", lambda result: _spread(result.ours.seconds)),
        ("sequences/s", lambda result: f"{result.ours.rate:,.0f}"),
        ("GFLOP/s", lambda result: _number(result.gflops)),
        ("floor, s", lambda result: _number(result.floor)),
        ("share of floor", lambda result: "" if result.share is None else f"{result.share:.0%}"),
        ("MB", lambda result: _number(result.ours.memory_mb)),
    ]
    if any(result.ours.gpu_mb is not None for result in results):
        columns.append(("GPU MB", lambda result: _number(result.ours.gpu_mb)))
    if _with_peers(results):
        columns += [
            ("peer, s", _peer_seconds),
            ("peer MB", lambda result: _number(result.peer.memory_mb) if result.peer else ""),
            ("times faster", lambda result: _spread(result.ratios) if result.ratios else ""),
        ]
    head = [title for title, _ in columns]
    return table(head, [[cell(result) for _, cell in columns] for result in results])


def _peer_seconds(result: Result) -> str:
    if result.peer is not None:
        return _spread(result.peer.seconds)
    return "failed" if result.peer_error else ""


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table that a terminal shows aligned: text to the left, numbers to the right."""
    widths = [max(3, *map(len, column)) for column in zip(head, *lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def row(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        return "| " + " | ".join(padded) + " |"

    return "\n".join(map(row, (head, rule, *lines)))


def _number(value: float | None) -> str:
    """Three digits that say something; nothing for nothing."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return _number(values[0])
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{_number(middle)} ({_number(low)}–{_number(high)})"


def listed(versions: dict[str, str]) -> str:
    """Names and versions in a line."""
    return ", ".join(f"{name} {number}" for name, number in versions.items())
