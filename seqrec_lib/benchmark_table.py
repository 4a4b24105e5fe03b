"""The benchmark's table, in Markdown, and the words around it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from seqrec_lib.benchmark_turns import Result

NOTES = """\
Seconds: the median of the repeats (least–most). First call: before them, in a fresh process, with
what it compiles or loads; compiled loops stay on disk. Epochs are 128 sequences a step, 2 blocks,
1 head, dropout 0.2; width 50 (SSE-PT: 50 for the item and 50 for the user).
Floor: the arithmetic alone at the speed of a large matrix product, measured in the row's process.
Arithmetic: projections and feed-forward of real positions, attention over the causal half, logits;
a backward pass counts twice a forward pass. Memory: the most a process held that did only this row.
Times faster: sequence for sequence, the median of the pairs of turns (least–most). The peer is
RecTools' SASRecModel with the same data and settings. It has no counterpart of evaluate's 100 drawn
negatives, nor of SSE-PT: those rows are without a peer."""


def about_runs(results: Sequence[Result]) -> list[str]:
    """The peer's versions, threads, and the speed that the floor stands on."""
    lines = []
    peers = [result for result in results if result.peer is not None]
    if peers:
        assert peers[0].peer is not None
        versions = listed(peers[0].peer_versions or {})
        lines.append(f"Peer: {versions}; {peers[0].peer.threads} threads")
    speeds = [result.matmul_gflops for result in results]
    lines.append(
        f"Threads: {results[0].ours.threads}. A large matrix product reached "
        f"{min(speeds):,.0f} to {max(speeds):,.0f} GFLOP/s in these processes."
    )
    return lines


def table_of(results: Sequence[Result]) -> str:
    """The table of all rows, in Markdown."""
    head = ["", "first call, s", "seconds", "sequences/s", "GFLOP/s", "floor, s", "share of floor"]
    head += ["MB"]
    on_gpu = any(result.ours.gpu_mb is not None for result in results)
    peers = any(result.peer is not None or result.peer_error for result in results)
    head += ["GPU MB"] * on_gpu + ["peer, s", "peer MB", "times faster"] * peers
    lines = []
    for result in results:
        ours, floor = result.ours, result.floor
        line = [result.title, _number(ours.first), _spread(ours.seconds), f"{ours.rate:,.0f}"]
        line += [_number(result.gflops), _number(floor)]
        line += [
            f"{floor / statistics.median(ours.seconds):.0%}" if floor else "",
            _number(ours.memory_mb),
        ]
        line += [_number(ours.gpu_mb)] * on_gpu
        if peers and result.peer is not None:
            line += [
                _spread(result.peer.seconds),
                _number(result.peer.memory_mb),
                _spread(result.ratios),
            ]
        elif peers:
            line += ["failed" if result.peer_error else "", "", ""]
        lines.append(line)
    return table(head, lines)


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
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{_number(middle)} ({_number(low)}–{_number(high)})"


def listed(versions: dict[str, str]) -> str:
    """Names and versions in a line."""
    return ", ".join(f"{name} {number}" for name, number in versions.items())
