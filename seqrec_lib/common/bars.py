"""Progress bars that a stop button cannot break."""

from __future__ import annotations

import sys
import threading
from typing import Any, ClassVar
from weakref import WeakSet

from tqdm import tqdm


def progress_bar(**settings: Any) -> Any:
    """A bar of tqdm on standard output that is gone at its end, with a lock of its own.

    tqdm has one lock for all bars of a process. A stop button that is pressed while a bar holds it
    leaves it locked, and every later bar, of anybody, waits for ever.
    """

    class Bar(tqdm):
        monitor_interval = 0  # no thread that looks after it, either
        _instances: ClassVar[WeakSet[Any]] = WeakSet()

    Bar.set_lock(threading.RLock())
    return Bar(file=sys.stdout, leave=False, **settings)
