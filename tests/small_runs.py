"""Trainings of a second or less, that several test files share."""

import random

import tiny
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.recommenders import SSEPT
from seqrec_lib.training.sampling import WarpSampler


def sampler_of(data, seed=2, **options):
    settings = dict(batch_size=4, maxlen=tiny.LENGTH, seed=seed)
    return WarpSampler(data.train, data.usernum, data.itemnum, **{**settings, **options})


def trained(model, data=None, sampler=None, **options):
    """Two epochs of three steps; (weights, history)."""
    data = tiny.dataset() if data is None else data
    sampler = sampler_of(data) if sampler is None else sampler
    settings = dict(num_epochs=2, batch_size=4, learning_rate=0.01, seed=3, verbose=False)
    history = model.train_model(data, sampler, **{**settings, **options})
    return {k: v.clone() for k, v in model.state_dict().items()}, history


def own(kind, **options):
    """A small model of this class, without dropout."""
    settings = dict(item_num=tiny.ITEMS, seq_max_len=6, embedding_dim=8, dropout_rate=0.0, seed=1)
    return kind(**{**settings, **options})


def one_step(model, **options):
    """One step of training; (weights, history)."""
    options = {"num_epochs": 1, "batch_size": 100, "learning_rate": 0.01, **options}
    return trained(model, tiny.dataset(), **options)


def step_by_hand(model):
    """One step of Adam by the methods that a user of recommenders calls."""
    data = tiny.dataset()
    adam = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
    inputs, _ = model.create_combined_dataset(*sampler_of(data).next_batch())
    loss = model.loss_function(*model(inputs, training=True))
    loss.backward()
    adam.step()
    return {name: w.detach() for name, w in model.state_dict().items()}, loss.item()


def assert_same_step(weights, expected):
    """Weights after one step of Adam, up to rounding.

    A bias of the keys moves all scores of a query alike, so its gradient is rounding and Adam
    makes a whole step of it, in a direction that depends on the processor.
    """
    for name, weight in expected.items():
        if name.endswith("K.bias"):
            assert weights[name].abs().max() <= 0.01 * 1.001, "more than one step of Adam"
            continue
        torch.testing.assert_close(weights[name], weight, rtol=1e-4, atol=1e-5, msg=name)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Foreign:
    """A sampler of somebody else: arrays, and nothing but next_batch."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def next_batch(self):
        return next(self.batches)


def broken(model):
    """The model with a weight that is no number."""
    with torch.no_grad():
        model.layer_normalization.gamma.fill_(float("nan"))
    return model


def small_dataset():
    picks = random.Random(5)
    return SASRecDataSet.from_sequences(
        {
            user: [picks.randint(1, 30) for _ in range(picks.randint(3, 14))]
            for user in range(1, 65)
        },
        itemnum=30,
    )


def train_small(folder=None, epochs=40, model_seed=1, dataset=None, maxlen=10, **options):
    """A run whose epochs take milliseconds; returns model and history."""
    dataset = dataset or small_dataset()
    model = SSEPT(30, 10, 1, 4, user_num=64, dropout_rate=0.2, num_neg_test=10, seed=model_seed)
    sampler = WarpSampler(dataset.train, 64, 30, batch_size=16, maxlen=maxlen, seed=2)
    options = {"val_epoch": 5, "seed": 3, "threads": 2, "verbose": False, **options}
    history = model.train_model(dataset, sampler, epochs, 16, checkpoints=folder, **options)
    return model, history
