"""Weights out of other people's files, without running anything that is in them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The state dict of a file that `torch.save` or safetensors wrote, on the CPU.

    For checkpoints of recommenders' SASREC and SSEPT: `model.load_state_dict(read_weights(path))`.
    Such files are pickles, which can hold code; here nothing but tensors is accepted.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that holds anything but named tensors, or that is damaged. A whole
            pickled model is such a file: save its `state_dict()` where it came from.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling damaged bytes can raise nearly anything
        raise ValueError(
            f"{path.name} is damaged, or holds more than tensors and could run code: it is not "
            "loaded. If it is a whole pickled model, save its state_dict() where it came from"
        ) from error
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise ValueError(
            f"{path.name} holds a {type(content).__name__} that is not a state dict (names and "
            "tensors, nothing else): take the state dict out of it and save that alone"
        )
    return dict(content)
