"""Where random numbers come from: one seed a run, one generator each for model, sampler, training.

torch's and numpy's global generators are never drawn from and never seeded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seqrec_lib.common.checks import whole_number


def fresh_seed() -> int:
    """A seed where none was given, drawn from torch's global generator as torch's layers do."""
    return int(torch.randint(2**62, ()))


def make_generator(seed: int | None, device: torch.device | str) -> torch.Generator:
    """A generator of its own on `device`; one seeded by torch's global one for None.

    Raises ValueError for a seed outside 0 to 2**63 - 1.
    """
    if seed is None:
        seed = fresh_seed()
    if (number := whole_number("seed", seed, least=0)) >= 2**63:
        raise ValueError(f"seed={seed} must be a whole number from 0 to 2**63 - 1")
    return torch.Generator(device).manual_seed(number)


def moved(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator on another device, seeded by a draw of this one."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return make_generator(int(seed), device)


# The global generators are of the whole process: of two threads that borrow one, one waits.
_one_at_a_time = threading.RLock()


@contextmanager
def draws_put_back() -> Iterator[None]:
    """A `with` block after which torch's global generator on the CPU is as it was."""
    with _one_at_a_time, torch.random.fork_rng(devices=[]):
        yield


@contextmanager
def drawing_from(generator: torch.Generator | None) -> Iterator[None]:
    """A `with` block in which what draws from torch's global generator draws from this one.

    Afterwards the global one is as it was. None changes nothing.
    """
    if generator is None:
        yield
        return
    with _one_at_a_time:
        yield from _drawing_from(generator)


def _drawing_from(generator: torch.Generator) -> Iterator[None]:
    common = _global_generator(generator.device)
    before = common.get_state()
    common.set_state(generator.get_state())
    try:
        yield
        generator.set_state(common.get_state())
    finally:
        common.set_state(before)


def _global_generator(device: torch.device) -> torch.Generator:
    """What torch's layers draw from on this device, a CPU or an NVIDIA GPU."""
    if device.type == "cpu":
        return torch.default_generator
    return torch.cuda.default_generators[device.index or 0]
