"""Compiled linear maps and logits: against torch in float64, with the masks of dropout read off."""

import pytest
import torch
from test_packed import LENGTHS, RATES, N, maps_of, near, noise, rows
from torch import nn
from torch.nn import functional

from seqrec_lib.network.fast.packed import dots


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("rate", [0.0, *RATES])
@pytest.mark.parametrize("lengths", [LENGTHS, [70] * 10, [3]])  # 304, 700 and 3 rows: slices of 64
def test_feed_forward_and_its_gradients_are_torchs(lengths, rate, residual):
    """With the masks of `dropout` for the same two seeds, multiplied in by hand."""
    count, width, hidden = sum(lengths), 12, 20
    x, grad = noise(count, width), noise(count, width, seed=1)
    weights = [noise(hidden, width, seed=2), noise(hidden, seed=3)]
    weights += [noise(width, hidden, seed=4), noise(width, seed=5)]
    packed = rows(lengths, seed=6)
    masks = [packed.dropout(torch.ones(count, size), rate) for size in (hidden, width)]
    maps = maps_of(*weights)
    inputs = [x.requires_grad_(), *maps[0].parameters(), *maps[1].parameters()]
    out = rows(lengths, seed=6).feed_forward(x, *maps, rate, residual)
    mine = torch.autograd.grad(out, inputs, grad)

    wide = [t.detach().double().requires_grad_() for t in (x, *weights)]
    between = (wide[0] @ wide[1].T + wide[2]).relu() * masks[0]
    expected = (between @ wide[3].T + wide[4]) * masks[1] + residual * wide[0]
    theirs = torch.autograd.grad(expected, wide, grad.double())
    near(out.detach(), expected.detach())
    for a, b in zip(mine, theirs, strict=True):
        near(a.reshape(b.shape), b)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("lengths", [LENGTHS, [70] * 10, [3]])
def test_linear_maps_and_their_gradients_are_torchs(lengths, count):
    x = noise(sum(lengths), 12)
    maps = [nn.Linear(12, 12) for _ in range(count)]
    for seed, parameter in enumerate(p for m in maps for p in m.parameters()):
        parameter.data.copy_(noise(*parameter.shape, seed=seed + 1))
    grads = [noise(len(x), 12, seed=50 + place) for place in range(count)]
    inputs = [x.requires_grad_(), *[p for m in maps for p in m.parameters()]]
    outs = rows(lengths).linear(x, maps)
    mine = torch.autograd.grad(outs, inputs, grads)

    wide = [t.detach().double().requires_grad_() for t in inputs]
    expected = [
        functional.linear(wide[0], *pair) for pair in zip(wide[1::2], wide[2::2], strict=True)
    ]
    theirs = torch.autograd.grad(expected, wide, [g.double() for g in grads])
    for a, b in zip([*outs, *mine], [*expected, *theirs], strict=True):
        near(a.detach(), b.detach())


def test_a_weight_that_is_not_contiguous_gets_its_gradient():
    x, grad = noise(9, 6), noise(9, 6, seed=1)
    gradients = []
    for weight in (noise(6, 6, seed=2).T, noise(6, 6, seed=2).T.contiguous()):
        layer = nn.Linear(6, 6)
        layer.weight = nn.Parameter(weight)
        (out,) = rows([9]).linear(x, [layer])
        gradients.append(torch.autograd.grad(out, layer.weight, grad)[0])
    assert torch.equal(*gradients)
    near(gradients[0], grad.T @ x)


@pytest.mark.parametrize("ids_a_row", [1, 2, 9, 257])
def test_dots_with_rows_of_a_table_and_their_gradients_are_torchs(ids_a_row):
    query, table = noise(N, 12), noise(31, 12, seed=1)
    grad = noise(N, ids_a_row, seed=2)
    ids = torch.randint(0, 31, (N, ids_a_row), generator=torch.Generator().manual_seed(3))
    inputs = [query.requires_grad_(), table.requires_grad_()]
    out = dots(query, table, ids)
    mine = torch.autograd.grad(out, inputs, grad)

    wide = [t.detach().double().requires_grad_() for t in inputs]
    expected = (wide[0].unsqueeze(1) * wide[1][ids]).sum(-1)  # (N, M)
    theirs = torch.autograd.grad(expected, wide, grad.double())
    near(out.detach(), expected.detach())
    real = (ids != 0).double()
    by_real = torch.einsum("nm,nmd->nd", grad.double() * real, wide[1].detach()[ids])
    near(mine[0], by_real)  # the padding's row is no teacher,
    near(mine[1][1:], theirs[1][1:])
    assert not bool(mine[1][0].any())  # and no pupil
