"""Parts of a model that its user replaced or hooked into: called as recommenders calls them."""

import numpy as np
import pytest
import tiny
import torch
from small_runs import assert_same_step, one_step, own, step_by_hand, trained
from torch import nn

import seqrec_lib as sl


class Swish(nn.Module):
    """Somebody's feed-forward network: it takes x alone, as recommenders' does."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(8, 8)

    def forward(self, x):
        return x + nn.functional.silu(self.map(x))


class TheirBlock(nn.Module):
    """A block with recommenders' signature."""

    def __init__(self):
        super().__init__()
        self.map, self.seen = nn.Linear(8, 8), []

    def forward(self, x, training, mask):
        self.seen.append((training, tuple(mask.shape)))
        return self.map(x) * mask


def with_swish():
    torch.manual_seed(0)
    model = own(sl.SASREC)
    model.encoder.enc_layers[0].ffn = Swish()
    return model


def with_layer_norm():
    model = own(sl.SASREC)
    model.layer_normalization = nn.LayerNorm(8)
    return model


def with_their_block():
    torch.manual_seed(0)
    model = own(sl.SASREC)
    model.encoder.enc_layers[1] = TheirBlock()
    return model


@pytest.mark.parametrize("built", [with_swish, with_layer_norm, with_their_block])
def test_a_replaced_part_is_called_as_recommenders_calls_it(built):
    weights, history = one_step(built())
    expected, loss = step_by_hand(built())
    assert history["loss"] == pytest.approx([loss], rel=1e-5)
    assert_same_step(weights, expected)
    assert 0 <= built().evaluate(tiny.dataset(), seed=1)[0] <= 1


def test_a_replaced_block_gets_training_and_mask():
    model = with_their_block()
    one_step(model, val_epoch=1)
    seen = model.encoder.enc_layers[1].seen
    assert seen[0] == (True, (4, 6, 1))
    assert {training for training, _ in seen[1:]} == {False}


def test_hooks_of_torch_are_called(make):
    """On a part, and on the model as a whole."""
    for place in (lambda m: m.encoder.enc_layers[0].mha, lambda m: m.encoder, lambda m: m):
        model, calls = make(), []
        place(model).register_forward_hook(lambda *_, calls=calls: calls.append(1))
        one_step(model)
        assert len(calls) == 1


class FromTheFront(sl.SASREC):
    """Positions by arange over the columns: right where there are always seq_max_len of them."""

    def embedding(self, input_seq):
        place = torch.arange(input_seq.shape[1]).expand(input_seq.shape)
        items = self.item_embedding_layer(input_seq) * self.embedding_dim**0.5
        return items, self.positional_embedding_layer(place)


class ByColumn(nn.Module):
    """A block with a weight for each column."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 6).view(6, 1))

    def forward(self, x, training, mask):
        return x * self.weight * mask


def test_somebodys_own_parts_always_see_seq_max_len_positions():
    """However long the longest history of a batch is: else positions would be others."""
    plain, theirs = tiny.stir(own(sl.SASREC)), tiny.stir(own(FromTheFront))
    short = torch.tensor([[3, 4], [0, 5]])
    torch.testing.assert_close(theirs.score(None, short)[:, 1:], plain.score(None, short)[:, 1:])
    model = tiny.stir(own(sl.SASREC))
    model.encoder.enc_layers[0] = ByColumn()
    padded = nn.functional.pad(short, (4, 0))
    assert torch.equal(model.score(None, short), model.score(None, padded))
    assert model.evaluate(tiny.dataset(), 1, 1) == model.evaluate(tiny.dataset(), 1, 50)
    data = tiny.dataset()
    sampler = sl.WarpSampler(data.train, data.usernum, data.itemnum, 4, 3, seed=1)
    trained(model, data, sampler)  # three positions a row: the block gets six


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.encoder.enc_layers[0].ffn.conv_layer1.register_forward_hook(lambda *_: None),
        lambda m: m.positional_embedding_layer.register_forward_hook(lambda *_: None),
        lambda m: nn.utils.weight_norm(m.encoder.enc_layers[0].ffn.conv_layer2),
        lambda m: setattr(m, "item_embedding_layer", Louder(tiny.ITEMS + 1, 8)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_what_would_be_ignored_is_refused(change):
    model = own(sl.SASREC)
    change(model)
    with pytest.raises(ValueError, match="is read by its weight alone"):
        model.score(None, torch.tensor([[1, 2]]))
    with pytest.raises(ValueError, match="is read by its weight alone"):
        one_step(model)


class Louder(nn.Embedding):
    def forward(self, x):
        return 3 * super().forward(x)


def test_the_modes_of_parts_are_put_back():
    model = own(FromTheFront).train()
    model.encoder.eval()
    model.predict({"input_seq": np.ones((1, 6), int), "candidate": np.array([[1, 2]])})
    assert model.training
    assert not model.encoder.training


@pytest.mark.filterwarnings("ignore:Full backward hook")
def test_a_backward_hook_on_the_model_is_called():
    model, calls = own(sl.SASREC), []
    model.register_full_backward_hook(lambda *_: calls.append(1))
    one_step(model)
    assert calls
