"""Training and evaluation mode of a model, put back part by part."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn

_Modes = list[tuple[nn.Module, bool]]
_lock = threading.Lock()
_evaluated: WeakKeyDictionary[nn.Module, tuple[int, _Modes]] = WeakKeyDictionary()


@contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """A `with` block in which all of a model is in one mode; each part then has its own again.

    Several threads may ask one model: it stays in evaluation mode until the last of them is done,
    and then has the modes that the first one found.
    """
    if training:
        before = _modes(model)
        model.train()
        try:
            yield
        finally:
            _put_back(before)
        return
    with _lock:
        count, before = _evaluated.get(model) or (0, _modes(model))
        _evaluated[model] = (count + 1, before)
        model.eval()
    try:
        yield
    finally:
        with _lock:
            count, before = _evaluated.pop(model)
            if count > 1:
                _evaluated[model] = (count - 1, before)
            else:
                _put_back(before)


def _modes(model: nn.Module) -> _Modes:
    return [(part, part.training) for part in model.modules()]


def _put_back(before: _Modes) -> None:
    for part, mode in before:
        part.training = mode
