"""Attention by torch's fused kernels against the plain form."""

import pytest
import tiny
import torch

from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.network.sdpa import FusedRows
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.losses import BCE

LENGTHS = [1, 3, 6, 2, 0, 5, 6]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_attention_is_the_plain_one_also_with_padding_in_front(heads, dtype):
    """Results and gradients; a row of nothing but padding gives 0 and takes nothing."""
    real = tiny.batch_of(LENGTHS).seq != 0
    shape = (*real.shape, 12)
    numbers = [3 * torch.randn(shape, generator=generator(i), dtype=dtype) for i in range(4)]
    found = []
    for kind in (PaddedRows, FusedRows):
        q, k, v = (x.clone().requires_grad_() for x in numbers[:3])
        out = kind(real).attention(q, k, v, heads, 0.0)
        (out * numbers[3]).sum().backward()
        found.append([out.detach(), q.grad, k.grad, v.grad])
        assert not out[~real].any()
        assert not k.grad[~real].any()
    for plain, fused in zip(*found, strict=True):
        near = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {}
        torch.testing.assert_close(fused, plain, **near)


@pytest.mark.parametrize("make", [tiny.sasrec, tiny.ssept])
def test_a_step_is_the_plain_engines(make):
    model = tiny.stir(make(attention_num_heads=2), scale=0.2)
    batch = tiny.batch_of(LENGTHS)
    found = []
    for kind in (PaddedRows, FusedRows):
        loss = PaddedEngine(model, BCE(), generator(), rows=kind).step(batch, batch.neg[..., None])
        found.append([loss, *(p.grad.clone() for p in model.parameters())])
    for plain, fused in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-6)


def test_dropout_has_its_rate_repeats_and_leaves_the_global_generator_alone():
    real = torch.ones(64, 8, dtype=torch.bool)
    ones = torch.ones(64, 8, 4)
    before = torch.get_rng_state()
    draws = generator(3)
    first, second = (
        FusedRows(real, True, draws).attention(ones, ones, ones, 1, 0.3) for _ in range(2)
    )
    again = FusedRows(real, True, generator(3)).attention(ones, ones, ones, 1, 0.3)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert first[:, 0].unique().tolist() == pytest.approx([0, 1 / 0.7])  # one key: all or nothing
    assert float(first.mean()) == pytest.approx(1, abs=0.05)


def test_training_by_name_and_what_does_not_go_together():
    data = tiny.dataset()

    def train(**options):
        from seqrec_lib.training.sampling import WarpSampler

        model = tiny.sasrec()
        sampler = WarpSampler(data.train, data.usernum, data.itemnum, 4, tiny.LENGTH, seed=2)
        return model.train_model(data, sampler, 2, 4, seed=1, verbose=False, **options)["loss"]

    assert train(attention="fused") == pytest.approx(train(engine="padded"), abs=1e-5)
    with pytest.raises(ValueError, match="attention='fused' of the padded engine"):
        train(attention="fused", engine="packed")
    with pytest.raises(ValueError, match="attention='flash'"):
        train(attention="flash")
