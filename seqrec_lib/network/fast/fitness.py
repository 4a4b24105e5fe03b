"""Whether the compiled loops compute a model: only what they were written for, never a lookalike.

They replace the blocks of `layers` by other code that gives the same numbers. So every part of a
model has to be exactly the part that is written in the library: a subclass that overrides `encode`,
a block of somebody else's, a hook, a parametrization, another dtype or layout of a weight, and the
plain way runs instead.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_modules

from seqrec_lib.network import layers
from seqrec_lib.network.fast import threads  # noqa: F401 (forked children need it, whoever scores)

# Of a group of sequences: measured, fewer cost more in calls than they save in cache misses.
ROWS_AT_ONCE = 8192
_KNOWN = {
    nn.Embedding,
    nn.Linear,
    nn.Conv1d,
    nn.ModuleList,
    layers.MultiHeadAttention,
    layers.PointWiseFeedForward,
    layers.LayerNormalization,
    layers.EncoderLayer,
    layers.Encoder,
}
# What only uses a network, and may be any other code.
_OUTSIDE = {"train_model", "evaluate", "evaluate_valid", "predict", "score"}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def fits_packed(model: Any, ids: torch.Tensor | None = None) -> bool:
    """True where packed rows give this model's numbers: float32 on a CPU, and the library's own.

    ids (B, T): a row with a masked position, a 0 between its items, has a gap that packing would
    close. A class says so by `runs_packed = True`, for itself alone: whatever it defines must still
    be its own, or that of another class that says so, in the model at hand.
    """
    return (
        is_the_librarys(model)
        and all(_plain(weight) for weight in model.parameters())
        # last, so that the host never waits for ids on a GPU
        and (ids is None or not bool(((ids[:, 1:] == 0) & (ids[:, :-1] != 0)).any()))
    )


def is_the_librarys(model: Any) -> bool:
    """Whether all code of a model, and of its parts, is that of the library, without a hook."""
    return (
        _own_code(type(model))  # type: ignore[arg-type]
        and not any(callable(value) for value in vars(model).values())
        and all(_known(part) for part in model.modules() if part is not model)
        and not any(getattr(torch_modules, f"_global{name}", None) for name in _HOOKS)
        and not any(getattr(part, name) for part in model.modules() for name in _HOOKS)
    )


@cache
def _own_code(kind: type) -> bool:
    order = kind.__mro__
    own = [c for c in order if vars(c).get("runs_packed")]
    names = {name for c in own for name, value in vars(c).items() if _is_code(name, value)}
    definers = [next(c for c in order if name in vars(c)) for name in names]
    return bool(own) and all(c in own for c in definers)


def _is_code(name: str, value: object) -> bool:
    outside = name.startswith("__") or name in _OUTSIDE
    return not outside and (callable(value) or isinstance(value, property))


def _known(part: nn.Module) -> bool:
    replaced = any(callable(value) for value in vars(part).values())  # block.forward = …
    if isinstance(part, nn.Embedding) and (part.scale_grad_by_freq or part.max_norm or part.sparse):
        return False  # they look at a whole batch, which is cut into groups here
    return type(part) in _KNOWN and not replaced and getattr(part, "bias", 0) is not None


def _plain(weight: nn.Parameter) -> bool:
    hooks = getattr(weight, "_post_accumulate_grad_hooks", None)
    plain = weight.dtype == torch.float32 and weight.is_contiguous() and not hooks
    return plain and weight.device.type == "cpu"
