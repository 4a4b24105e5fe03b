"""What a model is given from outside: ids in any form become tensors on its device, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seqrec_lib.common.checks import ids_between, padded_in_front
from seqrec_lib.common.ids import whole_numbers
from seqrec_lib.network.model import SequenceModel

_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def id_tensor(
    inputs: Mapping[str, Any],
    name: str,
    device: torch.device,
    highest: int,
    of: str,
    lowest: int = 0,
    axes: tuple[int, ...] = (2,),
) -> Tensor:
    """inputs[name] as int64 (B, …) on the device.

    Raises ValueError that names the key: it is missing, its values are no whole numbers from
    `lowest` to `highest`, which is the argument `of`, or it has another number of axes.
    """
    if name not in inputs:
        raise ValueError(f"the key {name!r} is missing; there are {', '.join(map(repr, inputs))}")
    ids = inputs[name]
    if not isinstance(ids, Tensor) or ids.dtype not in _WHOLE or ids.dim() not in axes:
        ids = torch.from_numpy(whole_numbers(name, ids, axes))
    ids = ids.to(device, torch.int64)
    ids_between(name, ids, lowest, highest, of)
    return ids


def history_tensor(model: SequenceModel, inputs: Mapping[str, Any]) -> Tensor:
    """inputs["input_seq"] (B, seq_max_len), padded in front. Raises ValueError as `id_tensor`."""
    seq = id_tensor(inputs, "input_seq", model.device, model.item_num, "item_num")
    if seq.shape[1] != model.seq_max_len:
        raise ValueError(
            f"input_seq has shape {tuple(seq.shape)}: it must be (batch, "
            f"seq_max_len={model.seq_max_len}); pad_sequences makes it so"
        )
    padded_in_front("input_seq", seq)
    return seq


def target_tensor(
    model: SequenceModel, name: str, inputs: Mapping[str, Any], seq: Tensor
) -> Tensor:
    """inputs[name], of the shape of input_seq. Raises ValueError as `id_tensor`."""
    ids = id_tensor(inputs, name, model.device, model.item_num, "item_num")
    if ids.shape != seq.shape:
        raise ValueError(
            f"{name} has shape {tuple(ids.shape)}, input_seq {tuple(seq.shape)}: one id for each "
            "position"
        )
    return ids


def user_tensor(
    model: SequenceModel, name: str, inputs: Mapping[str, Any], rows: int
) -> Tensor | None:
    """inputs[name], (B,) or (B, 1), as (B,), for a model that looks at who the users are."""
    if model.user_num is None:
        return None
    if name not in inputs:
        place = "x" if name == "users" else "inputs"  # as `forward` and `predict` call them
        raise ValueError(f"{type(model).__name__} needs {place}[{name!r}], int64 (batch, 1)")
    users = id_tensor(inputs, name, model.device, model.user_num, "user_num", axes=(1, 2))
    if users.numel() != rows or len(users) != rows:
        raise ValueError(
            f"{name!r} has {users.numel()} users for {rows} rows of input_seq: one for each, "
            "(batch, 1)"
        )
    return users.view(-1)
