"""A number that tells whether tensors and plain values are still those that were written."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import torch
from torch import Tensor


def checksum(state: Any) -> int:
    """A number that tells two states apart, whatever bit of a tensor or a value is different."""
    if isinstance(state, dict):
        return crc32(repr([(key, checksum(value)) for key, value in state.items()]).encode())
    if isinstance(state, Tensor):
        flat = state.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return crc32(flat.numpy().data, crc32(repr((state.dtype, state.shape)).encode()))
    return crc32(repr(state).encode())
