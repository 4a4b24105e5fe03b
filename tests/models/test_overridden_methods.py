"""Methods that recommenders' users override or replace: training, ranking and lists call them."""

import numpy as np
import pytest
import tiny
import torch
from small_runs import assert_same_step, equal, one_step, own, step_by_hand, trained
from torch import nn

import seqrec_lib as sl
from seqrec_lib.evaluation.metrics import user_values


class OwnLoss(sl.SASREC):
    """Half of the usual loss, and a note of each call."""

    calls = 0

    def loss_function(self, pos_logits, neg_logits, istarget):
        self.calls += 1
        return 0.5 * super().loss_function(pos_logits, neg_logits, istarget)


class OwnForward(sl.SASREC):
    """Logits that are twice as large."""

    def forward(self, x, training=True):
        right, wrong, target = super().forward(x, training)
        return 2 * right, 2 * wrong, target


class OwnBatch(sl.SASREC):
    """Negatives and positives change places."""

    def create_combined_dataset(self, u, seq, pos, neg):
        assert isinstance(seq, np.ndarray)
        return super().create_combined_dataset(u, seq, neg, pos)


class OwnEmbedding(sl.SASREC):
    """No square root, and positions counted from the front."""

    def embedding(self, input_seq):
        positions = self.positional_embedding_layer.weight[: input_seq.shape[1]]
        return self.item_embedding_layer(input_seq), positions.expand(len(input_seq), -1, -1)


class OwnPredict(sl.SASREC):
    """The candidate with the largest id is the best."""

    def predict(self, inputs):
        super().predict(inputs)  # which must not come back here
        return torch.as_tensor(inputs["candidate"]).float()


@pytest.mark.parametrize("kind", [OwnLoss, OwnForward, OwnBatch, OwnEmbedding])
def test_an_overridden_method_trains(kind):
    weights, history = one_step(own(kind))
    expected, loss = step_by_hand(own(kind))
    assert history["loss"] == pytest.approx([loss], rel=1e-6)
    assert_same_step(weights, expected)
    _, plain_loss = step_by_hand(own(sl.SASREC))
    assert loss != pytest.approx(plain_loss, rel=1e-5)


def test_a_method_replaced_in_one_model_trains():
    model = own(sl.SASREC)
    usual = model.loss_function
    model.loss_function = lambda *logits: 3 * usual(*logits)
    assert one_step(model)[1]["loss"][0] == pytest.approx(3 * step_by_hand(own(sl.SASREC))[1])


def test_a_step_of_ones_own_has_no_other_loss_and_says_so():
    for options in ({"loss": "cross-entropy"}, {"engine": "packed"}, {"tables": "sparse"}):
        with pytest.raises(ValueError, match="OwnLoss has a forward, loss_function or"):
            one_step(own(OwnLoss), **options)


def test_an_overridden_embedding_scores():
    model = tiny.stir(own(OwnEmbedding))
    seq = tiny.padded(tiny.histories([2, 6, 4]))
    positive = torch.arange(1, 7).expand(3, -1)
    x = {"input_seq": seq, "positive": positive, "negative": positive}
    logits = model(x, training=False)[0].view(3, 6)[:, -1]
    expected = model.predict({"input_seq": seq, "candidate": positive})[:, -1]
    torch.testing.assert_close(logits, expected)


def test_an_overridden_predict_ranks():
    data, model = tiny.dataset(), own(OwnPredict)
    ranks = sl.full_ranks(model, data, exclude_seen=False)
    targets = np.array([data.user_test[user][0] for user in ranks.users.tolist()])
    assert (ranks.rank == 1 + tiny.ITEMS - targets).all()
    _, hit_rate = model.evaluate(data, seed=1)
    by_hand = sl.sampled_ranks(model, data, num_negatives=100, seed=1)
    assert hit_rate == user_values(by_hand, "HR@10").mean()
    assert sl.recommend(model, data, users=1, k=1, exclude_seen=False)["item"][0] == tiny.ITEMS


class OwnWeights(sl.SASREC):
    def _init_weights(self):
        for weight in self.parameters():
            nn.init.constant_(weight, 0.25)


def test_own_initial_weights():
    assert {w.detach().unique().item() for w in own(OwnWeights).parameters()} == {0.25}
    model = own(sl.SASREC)
    before = model.item_embedding_layer.weight.clone()
    model._init_weights()
    assert not torch.equal(before, model.item_embedding_layer.weight)
    assert model.item_embedding_layer.weight.abs().max().item() <= 0.05


class OwnSampler(sl.WarpSampler):
    """Every negative is item 1."""

    def next_batch(self):
        users, seq, pos, _ = super().next_batch()
        return users, seq, pos, np.where(pos > 0, 1, 0)


def test_an_overridden_next_batch_is_what_is_trained_on():
    data = tiny.dataset()
    sampler = OwnSampler(data.train, data.usernum, data.itemnum, 4, tiny.LENGTH, seed=2)
    model = own(sl.SASREC)
    before = model.item_embedding_layer.weight.clone()
    usual = trained(own(sl.SASREC), data)[0]
    weights, _ = trained(model, data, sampler, num_epochs=1)
    assert not equal(weights, usual)
    moved = (weights["item_embedding_layer.weight"] != before).any(1)
    assert bool(moved[1])


def test_dropout_of_forward_follows_the_global_seed_without_one_of_its_own():
    model = own(sl.SASREC, dropout_rate=0.5, seed=None)
    positive = torch.ones(2, 6, dtype=torch.long)
    x = {"input_seq": positive, "positive": positive, "negative": positive}
    state = torch.get_rng_state()
    try:
        found = []
        for seed in (5, 5, 6):
            torch.manual_seed(seed)
            found.append(model(x)[0])
    finally:
        torch.set_rng_state(state)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_run_with_an_own_step_follows_its_seed_and_is_resumed(tmp_path):
    def run(model_seed=1, epochs=4, **options):
        model = own(OwnForward, dropout_rate=0.3, seed=model_seed)
        model.load_state_dict(own(sl.SASREC).state_dict())
        return trained(model, seed=7, num_epochs=epochs, **options)

    whole = run()
    assert run(model_seed=2)[1] == whole[1]
    run(epochs=2, checkpoints=tmp_path)
    resumed = run(epochs=4, checkpoints=tmp_path)
    assert resumed[1] == whole[1]
    assert equal(resumed[0], whole[0])


class DroppingPredict(sl.SASREC):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.drop, self.modes = nn.Dropout(0.9), []

    def predict(self, inputs):
        self.eval()  # and never back
        return self.drop(super().predict(inputs))

    def encode(self, items, users, rows):
        self.modes.append(self.training)
        return super().encode(items, users, rows)


def test_an_own_predict_runs_in_evaluation_mode_and_training_goes_on_in_its_own():
    model = own(DroppingPredict)
    model.train()
    assert model.evaluate(tiny.dataset(), 1) == model.evaluate(tiny.dataset(), 1)
    assert model.training
    model.modes.clear()
    one_step(model, val_epoch=1, num_epochs=3)
    assert model.modes.count(True) == 3
