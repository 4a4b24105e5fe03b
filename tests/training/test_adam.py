"""Adam: torch's own, bit for bit, without what making one of torch's optimizers loads."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqrec_lib.training.adam import Adam

SETTINGS = dict(lr=0.01, betas=(0.9, 0.98), eps=1e-7, weight_decay=0.1)


def weights():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n, 3, generator=generator).requires_grad_() for n in (2, 5, 4)]


def walk(optimizer, steps, first=0):
    """Steps by gradients that depend on the weights; the last weight gets none at even steps."""
    mine = optimizer.param_groups[0]["params"]
    for step in range(first, first + steps):
        optimizer.param_groups[0]["lr"] = 0.01 / (1 + step)
        for number, weight in enumerate(mine):
            with_gradient = number < 2 or step % 2
            weight.grad = torch.sin(weight.detach() + step) if with_gradient else None
        optimizer.step()
    return mine


def same(mine, others):
    return all(torch.equal(a, b) for a, b in zip(mine, others, strict=True))


def test_it_walks_as_torchs_does():
    mine, theirs = weights(), weights()
    walk(Adam(mine, **SETTINGS), 5)
    walk(torch.optim.Adam(theirs, **SETTINGS, fused=True), 5)
    assert same(mine, theirs)
    assert not same(mine, weights())


@pytest.mark.parametrize("kind", [Adam, torch.optim.Adam])
def test_it_goes_on_from_a_state_of_its_own_and_of_torchs(kind):
    fused = {"fused": True} if kind is torch.optim.Adam else {}
    whole = walk(Adam(weights(), **SETTINGS), 5)
    first = kind(weights(), **SETTINGS, **fused)
    walk(first, 3)
    state = copy.deepcopy(first.state_dict())
    second = Adam([w.detach().clone() for w in first.param_groups[0]["params"]], 9.0, (0, 0), 9, 9)
    second.load_state_dict(state)
    walk(first, 1, 3)  # a state that was loaded is not that of the one it came from
    assert same(walk(second, 2, 3), whole)


def test_training_loads_neither_a_compiler_nor_what_else_it_does_not_need():
    """From a new process to its first step; the seconds are noted by `make test --durations`."""
    program = """
import sys
import tiny
from seqrec_lib.training.sampling import WarpSampler
d = tiny.dataset()
sampler = WarpSampler(d.user_train, d.usernum, d.itemnum, batch_size=12, maxlen=6, seed=1)
tiny.sasrec().train_model(d, sampler, num_epochs=1, verbose=False)
heavy = ["torch._dynamo", "torch._inductor", "scipy.stats", "matplotlib"]
print([name for name in heavy if name in sys.modules])
"""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=240,
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr
