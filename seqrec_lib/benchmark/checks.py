"""The checks of `everything`: the machine, equal numbers, a run that is resumed on the device."""

from __future__ import annotations

import copy
import platform
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor

from seqrec_lib.benchmark.made_data import made_dataset
from seqrec_lib.benchmark.place import PAPERS_SSE, Lines, Place, model_for, named
from seqrec_lib.benchmark.worker import matmul_gflops
from seqrec_lib.common.distributed import World
from seqrec_lib.common.provenance import commit, processor
from seqrec_lib.common.randomness import make_generator
from seqrec_lib.common.version import __version__
from seqrec_lib.models.fit import fit
from seqrec_lib.models.recommenders import SSEPT
from seqrec_lib.training.choice import Draws, engine_for
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.loss_batches import Batches
from seqrec_lib.training.losses import LOSSES, as_loss
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.sampling import WarpSampler

# TF32 keeps 11 bits of a number, bfloat16 8. In bfloat16 a weight's gradient was off by 2% to 5% of
# its length (CPU, made data); the bound is 20 roundings of it, that of TF32 40 of its own.
_EQUAL = {"float32": 1e-4, "tf32": 40 * 2.0**-11, "bfloat16": 40 * 2.0**-9}


def environment(place: Place) -> Lines:
    """The machine, the versions, and what its matrix products reach."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    found["processor"] = f"{processor()}, {torch.get_num_threads()} threads"
    found["seqrec_lib"] = f"{__version__} {commit()}"
    for name in ("torch", "triton", "numpy", "scipy", "pandas", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    precisions = {"float32": "float32"}
    if place.gpu:
        about = torch.cuda.get_device_properties(place.device)
        found["GPU"] = f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
        found["CUDA of torch"] = str(torch.version.cuda)
        precisions["bfloat16"] = "bfloat16"
    for name in precisions:
        found[f"product in {name}"] = f"{matmul_gflops(place.device, name):,.0f} GFLOP/s"
    found["data"] = f"{place.data}: {place.dataset!r}"
    return [{"what": name, "is": value} for name, value in found.items()]


def same_numbers(place: Place) -> Lines:
    """The plain step on the device, and the other ways, against the plain step on the CPU."""
    data, lines = made_dataset(64, 500, 40), []
    ways: list[dict[str, Any]] = [{}, {"attention": "fused"}, {"precision": "bfloat16"}]
    if place.gpu:
        ways += [
            {"captured": True},
            {"precision": "tf32"},
            {"attention": "fused", "captured": True},
        ]
    for users in (False, True):
        for name in LOSSES:
            loss = as_loss(name)
            model = model_for(data, 30, users, dropout_rate=0.0)
            sampler = WarpSampler(data.train, data.usernum, data.itemnum, 32, 30, seed=1)
            generator = make_generator(1, "cpu")
            batches = Batches(data, sampler, loss, None, generator, model)
            given = [batches.next() for _ in range(2)]
            right = [_gradients(PaddedEngine(model, loss, generator), *x) for x in given]
            for way in ways:
                options = TrainingOptions(loss=loss, engine="padded", **way)
                there = copy.deepcopy(model).to(place.device)
                draws = Draws(1, there.device, World())
                engine = engine_for(there, options, World(), draws, data.itemnum)
                found = [_gradients(engine, *_moved(x, there.device)) for x in given]
                measured = largest if options.precision == "float32" else length
                errors = [_error(a, b, measured) for a, b in zip(found, right, strict=True)]
                error, most = max(errors), _EQUAL[options.precision]
                lines.append(
                    {
                        "model": type(model).__name__,
                        "loss": name,
                        "way": named(way),
                        "largest error": error,
                        "allowed": most,
                        "equal": error <= most,
                    }
                )
    return lines


def _moved(given: tuple[Any, Tensor], device: torch.device) -> tuple[Any, Tensor]:
    batch, negatives = given
    return type(batch)(*(x.to(device) for x in batch)), negatives.to(device)


def _gradients(engine: Any, batch: Any, negatives: Tensor) -> list[Tensor]:
    """The loss and all gradients, in float64 on the CPU."""
    with engine:
        loss = engine.step(batch, negatives)
    run = getattr(engine, "run", engine)
    weights = getattr(run, "run", run).model.parameters()
    return [loss.double().cpu(), *(p.grad.double().cpu() for p in weights)]


def largest(x: Tensor) -> float:
    """The largest number: of float32's errors, none may stand out."""
    return float(x.abs().max())


def length(x: Tensor) -> float:
    """The Euclidean one: with fewer bits a single small number says nothing."""
    return float(x.norm())


def _error(found: list[Tensor], right: list[Tensor], measured: Callable[[Tensor], float]) -> float:
    """How far the loss or a gradient is off, as a share of itself; a weight whose gradient is
    rounding alone (K's bias) is compared with a thousandth of the others."""
    loss, *sizes = (measured(x) for x in right)
    least = max(sizes) / 1e3
    scales = [loss, *(max(size, least) for size in sizes)]
    pairs = zip(found, right, scales, strict=True)
    return max(measured(a - b) / scale for a, b, scale in pairs)


def resume(place: Place) -> Lines:
    """Four epochs at once against two, and two more from the checkpoint: SSE-PT with dropout."""
    data = made_dataset(256, 200, 20)
    lines = []
    for captured in (False, True) if place.gpu else (False,):
        with tempfile.TemporaryDirectory() as folder:

            def run(epochs: int, where: str | None = None, captured: bool = captured) -> SSEPT:
                model = model_for(data, 15, True)
                sampler = WarpSampler(data.train, data.usernum, data.itemnum, 64, 15, seed=1)
                fit(
                    model,
                    data,
                    sampler,
                    num_epochs=epochs,
                    batch_size=64,
                    engine="padded",
                    device=place.device,
                    captured=captured,
                    verbose=False,
                    sse=PAPERS_SSE,
                    seed=1,
                    checkpoints=where,
                )
                return model

            run(2, folder)
            pairs = zip(run(4, folder).parameters(), run(4).parameters(), strict=True)
            errors = [float((a - b).detach().abs().max()) for a, b in pairs]
        way = named({"captured": True} if captured else {})
        lines.append(
            {"way": way, "largest difference": max(errors), "equal bits": max(errors) == 0}
        )
    return lines
