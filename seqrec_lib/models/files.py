"""Weights to files and from files, and models from settings; nothing that is in a file is run."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from seqrec_lib.common.checksums import checksum
from seqrec_lib.common.paths import AnyPath, file_to_read, whole_file
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.models.sasrec import SASRecConfig
from seqrec_lib.network.model import SequenceModel

OURS = "seqrec_lib."  # begins the names of what `save` puts beside the weights
_MODELS: dict[str, type[SASREC]] = {"SASREC": SASREC, "SSEPT": SSEPT}


def read_weights(path: AnyPath) -> dict[str, Tensor]:
    """The state dict of a file that `torch.save` or safetensors wrote, on the CPU.

    For checkpoints of recommenders' SASREC and SSEPT: `model.load_state_dict(read_weights(path))`.
    Such files are pickles, which can hold code; here nothing but tensors is accepted.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that holds anything but named tensors, or that is damaged. A whole
            pickled model is such a file: save its `state_dict()` where it came from.
    """
    path = file_to_read(path)
    try:
        if path.suffix == ".safetensors":
            return {n: x for n, x in load_file(path).items() if not n.startswith(OURS)}
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


def state_dict_for_recommenders(model: SASREC) -> dict[str, Tensor]:
    """The state dict that recommenders' SASREC or SSEPT loads with its default strictness.

    It has, beside the weights, the two layer normalisations a block that nothing there uses.

    Raises ValueError for a network that recommenders cannot build.
    """
    config = model.config
    usual: dict[str, Any] = {"layout": "contract", "norm": "position"}
    usual |= dict.fromkeys(("residuals", "positions", "shared_embedding"), True)
    built = {name: getattr(config, name) for name in usual}
    other = [f"{name}={value!r}" for name, value in built.items() if value != usual[name]]
    if other:
        raise ValueError(f"recommenders has no model with {', '.join(other)}: it is built without")
    state, width = dict(model.state_dict()), config.hidden_width
    expected = build_model(config, seed=0).state_dict()
    if strange := sorted(set(state) ^ set(expected)):
        raise ValueError(f"recommenders' model has other weights: {strange[0]} differs")
    for block in range(config.num_blocks):
        for name in ("layernorm1", "layernorm2"):
            place = f"encoder.enc_layers.{block}.{name}"
            state |= {f"{place}.weight": torch.ones(width), f"{place}.bias": torch.zeros(width)}
    return state


def write_weights(weights: Mapping[str, Tensor], path: AnyPath, metadata: dict[str, str]) -> None:
    """A safetensors file with a checksum of all that is in it, there whole or not at all."""
    plain = {
        name: value.detach().cpu().contiguous().clone() for name, value in sorted(weights.items())
    }
    metadata = {**metadata, "checksum": str(_sum(plain, metadata))}
    with whole_file(path) as beside:
        try:
            save_file(plain, beside, metadata=metadata)
        except SafetensorError as error:  # of its own type also where the disk is full
            full = "os error 28" in str(error)
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


def read_tensors(path: AnyPath) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `write_weights` wrote: weights and metadata. Raises ValueError where it has changed."""
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = dict(file.metadata() or {})
        weights = {name: file.get_tensor(name) for name in sorted(file.keys())}
    written = metadata.pop("checksum", None)  # files of version 0.2.0 and earlier have none
    if written not in (None, str(_sum(weights, metadata))):
        raise ValueError("it is damaged: its content has changed since it was written")
    return weights, metadata


def _sum(weights: dict[str, Tensor], metadata: dict[str, str]) -> int:
    return checksum({**weights, **dict(sorted(metadata.items()))})


def refuse_misfits(weights: dict[str, Tensor], model: SequenceModel) -> None:
    """Looked at before the first weight is copied, so that a model is never filled by half."""
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    if other := sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name)):
        name = other[0]
        raise ValueError(
            f"{name} has shape {found.get(name)} there and {wanted.get(name)} in this "
            f"{type(model).__name__} (None: it has no such weight)"
        )
    for name, _ in model.named_parameters():
        if not bool(weights.get(name, torch.zeros(1)).isfinite().all()):
            raise ValueError(f"{name} holds numbers that are not finite")


def build_model(config: SASRecConfig, seed: int | None = None) -> SASREC:
    """A model with these settings and fresh weights."""
    kind = next(kind for kind in _MODELS.values() if kind.Config is type(config))
    return kind(**asdict(config), seed=seed)


def config_from_dict(values: dict[str, Any]) -> SASRecConfig:
    """The config whose `settings` these are: of SASREC or SSEPT.

    Raises ValueError for another model, and for settings that are missing or unknown.
    """
    values = dict(values)
    name = values.pop("model", None)
    if name not in _MODELS:
        raise ValueError(
            f"model={name!r} must be one of {', '.join(map(repr, _MODELS))}; for a class of your "
            "own give load a model of it as into="
        )
    kind = _MODELS[name].Config
    known = {field.name for field in fields(kind)}
    wanted = known - {"attention_dim"}  # files of version 0.1 have none: it follows
    if not wanted <= set(values) <= known:
        raise ValueError(
            f"settings of {name}: missing {sorted(wanted - set(values))}, "
            f"unknown {sorted(set(values) - known)}"
        )
    return kind(**{**values, "conv_dims": tuple(values["conv_dims"])})
