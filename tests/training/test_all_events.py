"""Before delivery a model is trained on everything: one argument."""

import pytest
import tiny
import torch

import seqrec_lib as sl


def fitted(data, **options):
    model = tiny.sasrec()
    settings = dict(num_epochs=2, batch_size=4, seed=1, verbose=False, learning_rate=0.01)
    model.train_model(data, **{**settings, **options})
    return model


def test_validation_and_test_items_are_trained_on():
    data = tiny.dataset()
    whole = sl.SASRecDataSet.from_split(data.sequences, {}, {}, data.usernum, data.itemnum)
    expected = fitted(whole).state_dict()
    for name, weight in fitted(data, all_events=True).state_dict().items():
        assert torch.equal(weight, expected[name])
    held_back = fitted(data).state_dict()
    assert not torch.equal(
        held_back["item_embedding_layer.weight"], expected["item_embedding_layer.weight"]
    )
    assert data.test_item[1:].all()  # the data set keeps its split


def test_what_contradicts_it_is_refused():
    data = tiny.dataset()
    with pytest.raises(ValueError, match="nothing to validate on: give val_epoch=0 instead of 2"):
        fitted(data, all_events=True, val_epoch=2)
    with pytest.raises(ValueError, match="leave out sampler"):
        fitted(data, all_events=True, sampler=sl.WarpSampler(data.train, 12, 15, 4, 6, seed=1))
