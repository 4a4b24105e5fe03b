"""A GPU without a GPU: torch's meta device, which computes shapes and nothing else.

Under `Watch` every operation is looked at. What would make the host of a GPU wait, and what is made
in the host's memory instead of on the device, is written down with the line of the library that
did it, and answered with zeros so that the program goes on.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seqrec_lib.common import randomness
from seqrec_lib.training import choice

META = torch.device("meta")
# The size of what they give, or what they give, is known to the device alone.
WAITS = {
    *("_local_scalar_dense", "nonzero", "nonzero_static", "is_nonzero", "equal", "item"),
    *("masked_select", "unique_dim", "_unique2", "unique_consecutive", "bincount"),
}


class _Generator(torch.Generator):
    """torch has no generator for the meta device; its operations accept any and draw nothing."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, "cpu")
        made.place = torch.device(device)
        return made

    def __init__(self, device="cpu"):
        pass

    @property
    def device(self):
        return self.place


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the meta device pass for a GPU."""
    monkeypatch.setattr(torch, "Generator", _Generator)
    monkeypatch.setattr(randomness, "_global_generator", lambda device: torch.default_generator)
    monkeypatch.setattr(choice, "DEVICES", ("cpu", "cuda", "meta"))
    autocast = torch.autocast  # which knows no meta device
    monkeypatch.setattr(
        torch, "autocast", lambda kind, *a, **k: autocast(kind.replace("meta", "cpu"), *a, **k)
    )
    name = "_get_fused_kernels_supported_devices"
    monkeypatch.setattr(sys.modules["torch.optim.optimizer"], name, lambda: ["cuda", "meta"])


class Watch(TorchDispatchMode):
    """Writes down, in `seen`, (what, operation, line of the library).

    what: "wait" for the device, "upload" (from the host, asynchronous), "slow upload" (not so),
    "download" (to the host, which waits), "host" for a tensor made in the host's memory (out of
    nothing; what is computed of a downloaded one is not noted).
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, str]] = []

    def kinds(self) -> list[str]:
        """What was seen, without where."""
        return [what for what, *_ in self.seen]

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.name().removeprefix("aten::").partition(".")[0]
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        far = any(x.device == META for x in given)
        if far and (name in WAITS or _picks(name, args)):
            self._note("wait", name)
            return _answer(name, given[0])
        if far and name == "repeat_interleave" and kwargs.get("output_size") is None:
            self._note("wait", name)
        if name == "_to_copy" and far and kwargs.get("device", META).type == "cpu":
            self._note("download", name)
            return torch.zeros_like(args[0], device="cpu")
        if name in ("_to_copy", "copy_") and given[-1].device.type == "cpu":
            target = kwargs.get("device") or given[0].device
            if target == META:
                now = kwargs.get("non_blocking", False)
                self._note("upload" if now else "slow upload", name)
        made = func(*args, **kwargs)
        made_here = [x for x in tree_leaves(made) if isinstance(x, torch.Tensor)]
        if not given and any(x.device.type == "cpu" for x in made_here):
            self._note("host", name)
        if far and name != "copy_" and any(x.device.type == "cpu" for x in given):
            self._note("slow upload", name)  # a number or places that lie in the host's memory
        return made

    def _note(self, what: str, name: str) -> None:
        stack = [f for f in traceback.extract_stack() if "seqrec_lib/" in f.filename]
        lines = [f"{f.filename.rpartition('seqrec_lib/')[2]}: {f.line}" for f in stack]
        self.seen.append((what, name, lines[-1] if lines else "outside the library"))


def _picks(name: str, args: tuple) -> bool:
    """Indexing by a mask: the host has to know how many it picks."""
    if name not in ("index", "index_put", "index_put_", "_index_put_impl_"):
        return False
    return any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])


def _answer(name: str, like: torch.Tensor) -> bool | int | float | torch.Tensor:
    """Something to go on with: a number for what gives one, else nothing picked."""
    if name in ("_local_scalar_dense", "is_nonzero", "equal", "item"):
        return {torch.bool: False, torch.float32: 0.0}.get(like.dtype, 0)
    return like.new_empty((0, *like.shape[1:]) if name == "index" else (0,))


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, owner: type, method: str) -> Iterator[list[Watch]]:
    """A `with` block that watches every call of a method: a Watch each."""
    original, found = getattr(owner, method), list[Watch]()

    def run(self, *args):
        with Watch() as watch:
            found.append(watch)
            return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, run)
        yield found
