"""Weights in another layout, shared or frozen, are trained rightly or stay as they are."""

import pytest
import tiny
import torch
from small_runs import trained
from torch import nn

OPTIONS = {"num_epochs": 2, "learning_rate": 0.01}


def with_vectors(weight):
    model = tiny.sasrec()
    model.item_embedding_layer = nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=0)
    return model


def vectors():
    weight = 0.1 * torch.randn(8, tiny.ITEMS + 1, generator=torch.Generator().manual_seed(0))
    weight[:, 0] = 0
    return weight


@pytest.mark.parametrize("engine", ["auto", "padded"])
@pytest.mark.parametrize("layout", ["transposed", "every other column", "a view of a larger one"])
def test_weights_in_another_layout_are_trained_as_a_copy_is(engine, layout):
    """Item vectors of an SVD, for example, come transposed."""
    plain = vectors().T.contiguous()
    wide = torch.zeros(tiny.ITEMS + 1, 16)
    wide[:, ::2] = plain
    large = torch.zeros(40, 8)
    large[5 : 6 + tiny.ITEMS] = plain
    other = {
        "transposed": vectors().T,
        "every other column": wide[:, ::2],
        "a view of a larger one": large[5 : 6 + tiny.ITEMS],
    }[layout]
    assert torch.equal(other, plain)
    mine, theirs = (trained(with_vectors(w), engine=engine, **OPTIONS) for w in (other, plain))
    assert mine[1]["loss"] == pytest.approx(theirs[1]["loss"], rel=1e-5)
    for name, weight in theirs[0].items():
        if name.endswith("K.bias"):  # it moves all scores alike: its gradient is rounding
            continue
        torch.testing.assert_close(mine[0][name], weight, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("loss", ["bce", "cross-entropy"])
@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_frozen_weights_stay_as_they_are(make, engine, loss):
    model = make(l2_reg=0.1)
    frozen = ["item_embedding_layer.weight", "encoder.enc_layers.0.mha.Q.weight"]
    for name, weight in model.named_parameters():
        weight.requires_grad_(name not in frozen)
    before = {name: w.clone() for name, w in model.state_dict().items()}
    weights, _ = trained(model, engine=engine, loss=loss, **OPTIONS)
    moved = {name for name in before if not torch.equal(before[name], weights[name])}
    assert not moved & set(frozen)
    assert "encoder.enc_layers.0.mha.V.weight" in moved


def test_a_model_without_any_weight_to_train_is_refused(make):
    with pytest.raises(ValueError, match="requires_grad"):
        trained(make().requires_grad_(False))
