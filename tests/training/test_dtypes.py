"""Weights and a default of another dtype: the numbers of float32, or words that say what to do."""

import copy

import pytest
import tiny
import torch

from seqrec_lib.evaluation.ranking import full_ranks
from seqrec_lib.evaluation.recommendation import recommend
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sse import SSE

ENGINES = ["auto", "padded"]


@pytest.fixture
def default():
    """Sets torch's default dtype, for this test."""
    yield torch.set_default_dtype
    torch.set_default_dtype(torch.float32)


def trained(model, engine="auto", **options):
    dataset = tiny.dataset()
    sampler = WarpSampler(
        dataset.user_train, dataset.usernum, dataset.itemnum, batch_size=12, maxlen=6, seed=1
    )
    log = model.train_model(
        dataset, sampler, num_epochs=3, seed=1, verbose=False, engine=engine, **options
    )
    return log["loss"]


def judged(model):
    """What evaluation and recommendation make of it."""
    dataset = tiny.dataset()
    ranks = full_ranks(model, dataset).better.tolist()
    items = recommend(model, dataset, [1, 2])["item"].tolist()
    return [*model.evaluate(dataset, seed=1), ranks, items]


@pytest.mark.parametrize("engine", ENGINES)
def test_double_weights_train_and_score_like_float32(make, engine):
    one, other = tiny.stir(make()), tiny.stir(make()).double()
    assert trained(other, engine) == pytest.approx(trained(one, engine), abs=1e-5)
    assert judged(other) == judged(one)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_float32_model_does_not_see_the_default(make, default, engine, dtype):
    sse = SSE(input_item=0.3)
    one, other = make(dropout_rate=0.3), make(dropout_rate=0.3)
    losses, expected = trained(one, engine, sse=sse), judged(one)
    default(dtype)
    assert trained(other, engine, sse=sse) == losses
    assert judged(other) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_that_is_made_under_a_default_of_float64_is_one(make, default, engine):
    default(torch.float64)
    model = make()
    assert model.output_embedding.dtype == torch.float64
    twin = copy.deepcopy(model).float()
    losses, expected = trained(model, engine), judged(model)
    default(torch.float32)
    assert losses == pytest.approx(trained(twin, engine), abs=1e-5)
    assert expected == judged(twin)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("engine", ENGINES)
def test_weights_of_16_bits_are_not_trained(make, engine, dtype):
    with pytest.raises(ValueError, match=r"embedding.* is torch\.b?float16.*after model\.float"):
        trained(make().to(dtype), engine)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits_score_to_their_precision(make, dtype):
    """Short histories, too: padding has a variance of 0, and 1e-8 is 0 in float16."""
    histories = tiny.histories([1, 3, 6])
    expected = tiny.scores(tiny.stir(make()), histories)
    error = (tiny.scores(tiny.stir(make()).to(dtype), histories) - expected).abs().max()
    assert error < 20 * torch.finfo(dtype).eps * expected.abs().max()
