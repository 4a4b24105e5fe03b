"""What a person at a notebook does to a training: stops it, and runs its cell again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from torch import nn

from seqrec_lib.common.messages import PlainError

_stopped = {"here": False}  # whether a training of the notebook's cell that runs was stopped


class StoppedByHandError(PlainError, KeyboardInterrupt):
    """The stop button, where there is nothing to go on with."""


def keep_what_is_trained(epochs: int) -> Literal[True]:
    """After the stop button: True if whole epochs can be kept, and the cell goes on.

    Further trainings of the same cell are refused then: one press ends a loop over trainings.
    Raises StoppedByHandError where no epoch was over.
    """
    if (shell := _shell()) is not None:
        _stopped["here"] = True
        shell.events.register("post_run_cell", _forget)
    if not epochs:
        raise StoppedByHandError(
            "stopped before the first epoch was over: there is no result to go on with. Make the "
            "model anew and run this cell again, with fewer epochs if it takes too long"
        )
    return True


@contextmanager
def told(model: nn.Module, state: Any, verbose: bool) -> Iterator[None]:
    """Around a training: says that it goes on from trained weights, if it does.

    state: of the run, as it is resumed; `epochs` is how many are done.
    Raises StoppedByHandError where a training of this notebook cell was stopped.
    """
    if _stopped["here"]:
        raise StoppedByHandError("a training of this cell was stopped: so no other one is begun")
    epochs, weights = getattr(model, "_trained_until", (0, None))
    goes_on = not state.epochs and weights == _fingerprint(model)
    if goes_on and verbose:
        print(
            f"This model was trained for {epochs} epochs already, and goes on from there. "
            "To start afresh, make the model anew."
        )
    earlier = epochs if goes_on else 0
    try:
        yield
    finally:
        model._trained_until = (earlier + state.epochs, _fingerprint(model))  # type: ignore[assignment]


def _shell() -> Any:
    """IPython's shell; None outside of it."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def _forget(*_: object) -> None:
    """After the cell: the next one trains again."""
    _stopped["here"] = False
    _shell().events.unregister("post_run_cell", _forget)


def _fingerprint(model: nn.Module) -> list[int]:
    """Changes when weights are written to; torch counts that, and no device is asked."""
    return [weight._version for weight in model.parameters()]
