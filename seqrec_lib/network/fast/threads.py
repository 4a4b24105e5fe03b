"""One thread per core, each with a share of the work: how the CPU engine uses a machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


class _OneThread:
    """While a block of `CoreThreads` is open anywhere, torch has one thread a call.

    torch's own threads would divide every small operation among the cores, while the other core's
    thread does the same. Their number is a setting of the process that each thread copies: the
    first block notes and changes it, and each block puts it back for its own thread, the last one
    for all. So what was before is there after, in whichever order blocks of several threads end.

    A forked child has none of its parent's threads, and OpenMP, which torch's own come from, waits
    for them for ever. So there torch keeps one thread; `CoreThreads(count)` has others.
    """

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._begin()
        torch.set_num_threads(1)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._mine = threading.local()  # how many blocks this thread has open
        self._torch = 1

    def threads(self) -> int:
        """What torch uses outside of all blocks."""
        with self._lock:
            return self._torch if self._open else torch.get_num_threads()

    def __enter__(self) -> None:
        with self._lock:
            if self._open == 0:
                self._torch = torch.get_num_threads()
            self._open += 1
            self._mine.open = getattr(self._mine, "open", 0) + 1
            torch.set_num_threads(1)

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._open -= 1
            self._mine.open -= 1
            if self._mine.open == 0:
                torch.set_num_threads(self._torch)


_one_thread = _OneThread()


class CoreThreads:
    """A `with` block in which work is shared among threads; they end with the block.

    Each thread runs its share of a batch from beginning to end, and torch is told to use one thread
    for each; that is put back at the end, however it comes.

    Args:
        count: how many threads, the calling one among them; None takes what torch uses.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = _one_thread.threads() if count is None else count
        if self.count < 1:
            raise ValueError(f"threads={count} must be at least 1")
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def __enter__(self) -> Self:
        self._process = os.getpid()
        _one_thread.__enter__()
        if self.count > 1:
            self._pool = ThreadPoolExecutor(
                self.count - 1, "seqrec", initializer=torch.set_num_threads, initargs=(1,)
            )
        return self

    def __exit__(self, *exc: object) -> None:
        pool, self._pool = self._pool, None
        if self._process != os.getpid():  # the block is that of a process which was forked in it
            return
        try:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        finally:  # a second stop button may end the wait: the threads then end by themselves
            _one_thread.__exit__()

    def map(self, work: Callable[[Sequence[Part]], Result], parts: Sequence[Part]) -> list[Result]:
        """work(parts[0::count]) in this thread, work(parts[1::count]) in the next one, …; in order.

        Raises what `work` raised, when all threads have ended.
        """
        shares = [parts[place :: self.count] for place in range(min(self.count, len(parts)))]
        if not shares or self._pool is None or self._process != os.getpid():
            return [work(share) for share in shares]
        others = [self._pool.submit(work, share) for share in shares[1:]]
        return [work(shares[0]), *(other.result() for other in others)]
