"""The settings of a model as one plain object: it prints, compares, and builds the model again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class SASRecConfig:
    """What `SASREC` is built from; see its arguments for what each one means."""

    item_num: int
    seq_max_len: int
    num_blocks: int
    embedding_dim: int
    attention_num_heads: int
    conv_dims: tuple[int, ...]
    dropout_rate: float
    l2_reg: float
    num_neg_test: int
    layout: str
    norm: str
    residuals: bool
    positions: bool
    shared_embedding: bool


@dataclass(frozen=True)
class SSEPTConfig(SASRecConfig):
    """What `SSEPT` is built from."""

    user_num: int
    user_embedding_dim: int
    item_embedding_dim: int


_MODELS = {"SASREC": SASRecConfig, "SSEPT": SSEPTConfig}


def config_to_dict(config: SASRecConfig) -> dict[str, Any]:
    """The settings and the model's name as plain values, ready for JSON."""
    name = next(name for name, kind in _MODELS.items() if type(config) is kind)
    return {"model": name, **asdict(config), "conv_dims": list(config.conv_dims)}


def config_from_dict(values: dict[str, Any]) -> SASRecConfig:
    """The reverse of `config_to_dict`.

    Raises ValueError for an unknown model and for settings that are missing or unknown.
    """
    values = dict(values)
    name = values.pop("model", None)
    if name not in _MODELS:
        raise ValueError(f"model={name!r} must be one of {', '.join(map(repr, _MODELS))}")
    kind = _MODELS[name]
    wanted = {field.name for field in fields(kind)}
    if wanted != set(values):
        raise ValueError(
            f"settings of {name}: missing {sorted(wanted - set(values))}, "
            f"unknown {sorted(set(values) - wanted)}"
        )
    return kind(**{**values, "conv_dims": tuple(values["conv_dims"])})
