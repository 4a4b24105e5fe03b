"""From the host's memory to a device: what belongs together goes in one copy nobody waits for."""

from __future__ import annotations

import torch
from torch import Tensor


def sent(device: torch.device, *tensors: Tensor) -> list[Tensor]:
    """Tensors of one type, of the host, on `device`; themselves where that is the CPU.

    To a GPU they go as one copy, out of pinned memory: the host goes on while it is under way.
    """
    if device.type == "cpu":
        return list(tensors)
    sizes = [x.numel() for x in tensors]
    pinned = device.type == "cuda"
    together = torch.empty(sum(sizes), dtype=tensors[0].dtype, pin_memory=pinned)
    torch.cat([x.reshape(-1) for x in tensors], out=together)
    parts = together.to(device, non_blocking=True).split(sizes)
    return [part.view(x.shape) for part, x in zip(parts, tensors, strict=True)]
