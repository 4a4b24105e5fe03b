"""What only a GPU can: the padded step as one CUDA graph, and products of matrices in TF32.

A small model's step is hundreds of short kernels, and starting each takes the host longer than the
GPU needs to run it. A graph is recorded once and then started by one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self
from warnings import catch_warnings, filterwarnings

import torch
from torch import Tensor

from seqrec_lib.common.randomness import drawing_from
from seqrec_lib.network.model import SequenceModel
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.sampling import SampledBatch

_WARM_UP = 3  # plain steps before the recording, as torch asks for
Recorder = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]


def record(work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Record `work` as a CUDA graph: what runs it again, and where its result then is."""
    here, side = torch.cuda.current_stream(), torch.cuda.Stream()
    side.wait_stream(here)
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            work()
    here.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()
    return graph.replay, result


class CapturedEngine:
    """The step of a `PaddedEngine` from a graph: the same kernels, hence the same mathematics.

    Each batch is copied to where the graph reads it, so data, negatives and SSE's replacements are
    new in every step; Adam and the learning rate stay outside. Dropout is new in every step, too:
    a graph draws from torch's generator of the device, which is lent the run's state for the step,
    so that a run still follows its seed. What differs from the plain step: the masks are others
    for the same seed; Python code of the model runs once, at the recording, and must not look at
    values of the batch; the graph's memory is kept until the engine goes. A batch of another shape
    than the first takes the plain step.

    Args:
        run: draws by its `ambient` alone: its generator is None.
        recorder: `record`, or what gives the same.

    Raises RuntimeError, at the first step, for a model that cannot be recorded.
    """

    def __init__(self, run: PaddedEngine, recorder: Recorder = record) -> None:
        self.run, self._recorder = run, recorder
        self._replay: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self.run.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.run.__exit__(*exc)

    def step(self, batch: SampledBatch, negatives: Tensor) -> Tensor:
        """As `PaddedEngine.step`; each gradient lies where it lay in the step before."""
        given = (*batch, negatives)
        if self._replay is None:
            self._record(batch, negatives)
        assert self._replay is not None
        if [x.shape for x in given] != [x.shape for x in self._read]:
            return self.run.step(batch, negatives)
        for place, new in zip(self._read, given, strict=True):
            place.copy_(new)
        with drawing_from(self.run.ambient):
            self._replay()
        for weight, gradient in self._gradients:
            weight.grad = gradient
        return self._loss.clone()  # the next step writes over it

    def _record(self, batch: SampledBatch, negatives: Tensor) -> None:
        """Record a step; draws and buffers are then as if it had not been made."""
        model, ambient = self.run.model, self.run.ambient
        self._read = [x.clone() for x in (*batch, negatives)]
        read, wrong = type(batch)(*self._read[:-1]), self._read[-1]
        before = None if ambient is None else ambient.get_state()
        buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
        try:
            with drawing_from(ambient):
                self._replay, self._loss = self._recorder(lambda: self.run.gradients(read, wrong))
        except RuntimeError as error:
            if isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            raise RuntimeError(
                f"captured=True: the step of this {type(model).__name__} cannot be recorded as a "
                f"CUDA graph (a model must not look at values of its batch): leave captured out. "
                f"What torch said: {error}"
            ) from error
        if ambient is not None and before is not None:
            ambient.set_state(before)
        for buffer, value in buffers:
            buffer.copy_(value)
        self._gradients = [(weight, weight.grad) for weight in model.parameters()]


class TF32Engine:
    """An engine whose steps multiply float32 matrices in TF32; the global setting is put back."""

    def __init__(self, run: PaddedEngine | CapturedEngine) -> None:
        self.run = run
        self.step = run.step

    def __enter__(self) -> Self:
        self._before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        self.run.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        torch.set_float32_matmul_precision(self._before)
        self.run.__exit__(*exc)


def refuse_what_cannot_be_had(
    options: TrainingOptions, device: torch.device, processes: int, model: SequenceModel
) -> None:
    """A ValueError for precision, compiled or captured where this device or run has no such thing.

    Raises ValueError that names the argument and what to choose instead.
    """
    if options.captured and (device.type != "cuda" or options.tables == "sparse" or processes > 1):
        where = f"device={str(device)!r}" if device.type != "cuda" else f"{processes} processes"
        where = "tables='sparse'" if options.tables == "sparse" else where
        raise ValueError(
            "captured=True records a step as a CUDA graph: it needs an NVIDIA GPU, one process and "
            f"dense tables, and this run of {type(model).__name__} has {where}; leave captured out"
        )
    if options.precision == "tf32" and device.type != "cuda":
        raise ValueError(
            f"precision='tf32' is a format of NVIDIA GPUs, and this run is on "
            f"device={str(device)!r}: use precision='float32'"
        )
    if device.type != "cuda" or options.precision == "float32":
        return
    major, name = torch.cuda.get_device_capability(device)[0], torch.cuda.get_device_name(device)
    if major < 8 and torch.version.hip is None:
        raise ValueError(
            f"precision={options.precision!r} needs an NVIDIA GPU of the year 2020 or later "
            f"(Ampere), and {name} is older: use precision='float32'"
        )


@contextmanager
def says_what_cannot_be_compiled(compiled: bool) -> Iterator[None]:
    """A `with` block in which a failure of torch.compile, if asked for, says what to leave out."""
    if not compiled:
        yield
        return
    try:
        with catch_warnings():
            filterwarnings("ignore", "Dynamo detected a call to a `functools.lru_cache`")
            yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        raise RuntimeError(
            "compiled=True: torch.compile cannot compile the step here; it needs a C++ compiler on "
            "a CPU and Triton on a GPU. Leave compiled out, which gives the same numbers. What "
            f"torch said: {error}"
        ) from error
