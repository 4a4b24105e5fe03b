"""Silent bugs to be planted in the library, so that the search can be seen to find them.

Each was there once, or is of the kind: nothing is said, and the answer is wrong or a file is lost.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from seqrec_lib.data import padding, readers
from seqrec_lib.models import files, inputs
from seqrec_lib.network.fast import fitness
from seqrec_lib.training import assembly, checkpoints, loss_batches


def _cut(name: str, values: Any, axes: Any = 1) -> np.ndarray:
    """2.7 becomes 2."""
    return np.asarray(values).astype(np.int64)


def _in_place(weights: Any, path: Any, metadata: dict[str, str]) -> None:
    """The file before is gone before the new one is whole."""
    plain = {name: weight.detach().contiguous() for name, weight in sorted(weights.items())}
    Path(os.path.realpath(path)).write_bytes(b"")
    save_file(plain, Path(path).expanduser(), metadata=metadata)


def _as_it_lies(model: Any) -> None:
    """The memory of strided weights is walked as if it lay row by row."""
    for weight in model.parameters():
        if not weight.is_contiguous():
            weight.data = weight.data.T.reshape(weight.shape).contiguous()


# name → (where, what is replaced, by what)
BUGS: dict[str, tuple[Any, str, Any]] = {
    "fractions are cut": (inputs, "whole_numbers", _cut),
    "strided weights are walked as flat memory": (assembly, "_make_trainable", _as_it_lies),
    "a column too many shifts the others": (readers, "_counts_from", lambda first, index: True),
    "padding behind is trained on": (loss_batches, "_check", lambda batch: None),
    "a changed checkpoint is taken": (checkpoints, "checksum", lambda state: 0),
    "a changed model file is loaded": (files, "_sum", lambda weights, metadata: 0),
    "a model file is written in place": (files, "write_weights", _in_place),
    "a special embedding is packed": (fitness, "_known", lambda part: True),
    "fractions are cut while padding": (padding, "whole_numbers", _cut),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The library with one of `BUGS` in it, for the time of a block."""
    place, attribute, bug = BUGS[name]
    before = getattr(place, attribute)
    setattr(place, attribute, bug)
    try:
        yield
    finally:
        setattr(place, attribute, before)
