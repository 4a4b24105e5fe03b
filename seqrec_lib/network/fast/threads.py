"""One thread per core, each with a share of the work: how the CPU engine uses a machine."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

import torch
from threadpoolctl import ThreadpoolController

Part = TypeVar("Part")
Result = TypeVar("Result")


class _OneBlasThread:
    """While a block of `CoreThreads` is open anywhere, a BLAS call of this process has one thread.

    The compiled loops call scipy's BLAS, which would share each of their products among all cores,
    while the other core's thread does the same. How many threads a BLAS takes is a setting of the
    process: the first block changes it, the last one puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._open == 0:
                self._limit = _blas().limit(limits=1, user_api="blas")
            self._open += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self._limit.restore_original_limits()


@functools.cache
def _blas() -> ThreadpoolController:
    """The BLAS libraries of the process; looking for them takes a few milliseconds."""
    import scipy.linalg.cython_blas  # noqa: F401  (the one of the compiled loops is to be found)

    return ThreadpoolController()


_one_blas_thread = _OneBlasThread()


class CoreThreads:
    """A `with` block in which work is shared among threads; they end with the block.

    torch's own threads would divide every small operation among the cores, at a price each time.
    Here each thread runs its share of a batch from beginning to end, and torch and BLAS are told to
    use one thread for each; that is put back at the end.

    Args:
        count: how many threads, the calling one among them; None takes what torch uses.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = torch.get_num_threads() if count is None else count
        if self.count < 1:
            raise ValueError(f"threads={count} must be at least 1")
        self._before = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        self._before = torch.get_num_threads()
        torch.set_num_threads(1)
        _one_blas_thread.__enter__()
        if self.count > 1:
            self._pool = ThreadPoolExecutor(
                self.count - 1, "seqrec", initializer=torch.set_num_threads, initargs=(1,)
            )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        _one_blas_thread.__exit__()
        torch.set_num_threads(self._before)

    def map(self, work: Callable[[Sequence[Part]], Result], parts: Sequence[Part]) -> list[Result]:
        """work(parts[0::count]) in this thread, work(parts[1::count]) in the next one, …; in order.

        Raises what `work` raised, when all threads have ended.
        """
        shares = [parts[place :: self.count] for place in range(min(self.count, len(parts)))]
        if self._pool is None:
            return [work(share) for share in shares]
        others = [self._pool.submit(work, share) for share in shares[1:]]
        return [work(shares[0]), *(other.result() for other in others)]
