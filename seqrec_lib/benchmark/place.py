"""What the steps of `everything` share: where they run, and how their models and ways are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from seqrec_lib.benchmark.cases import BLOCKS, DROPOUT, WIDTH
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.training.sse import SSE

Lines = list[dict[str, Any]]
PAPERS_SSE = SSE(user=0.92, input_item=0.1, output_item=0.1)


class LeftOut(Exception):
    """A step that this device or these data cannot have; says why."""


@dataclass(frozen=True)
class Place:
    """Where a step runs. data: a name for `load_dataset`. folder: for training runs. captured:
    whether they take the captured step, which the steps before have found right."""

    data: str
    device: str
    folder: Path
    captured: bool = False

    @property
    def gpu(self) -> bool:
        """Whether this is the real thing, and not its trial on a CPU."""
        return self.device != "cpu"

    @property
    def dataset(self) -> SASRecDataSet:
        """The data, read once a process."""
        return _read(self.data)


@dataclass(frozen=True)
class Step:
    """name: in the record. seconds: when it is ended at the latest. run: → lines of its table."""

    name: str
    title: str
    seconds: float
    run: Callable[[Place], Lines]


@cache
def _read(data: str) -> SASRecDataSet:
    return load_dataset(data)


def model_for(data: SASRecDataSet, length: int, users: bool, **changes: Any) -> Any:
    """SASRec, or with users SSE-PT, in the benchmark's setting."""
    settings = dict(num_blocks=BLOCKS, embedding_dim=WIDTH, dropout_rate=DROPOUT, seed=0) | changes
    if users:
        return SSEPT(data.itemnum, length, user_num=data.usernum, **settings)
    return SASREC(data.itemnum, length, **settings)


def named(way: dict[str, Any]) -> str:
    """A way of training in words."""
    words = [name if value is True else str(value) for name, value in way.items()]
    return " ".join(words) or "plain float32"


def gpu_only(way: dict[str, Any]) -> bool:
    """Whether training in this way is for a GPU; a CPU can compile, but takes minutes to."""
    return bool({"captured", "compiled"} & way.keys()) or way.get("precision") == "tf32"
