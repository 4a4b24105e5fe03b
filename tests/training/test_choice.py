"""The weights that are kept are those of the best epoch by validation."""

import pytest
import tiny
from small_runs import equal, trained

from seqrec_lib.models.recommenders import SASREC

SETTINGS = dict(item_num=tiny.ITEMS, seq_max_len=6, embedding_dim=8, dropout_rate=0.2, seed=1)


class Scripted(SASREC):
    """Validation results from a list; keeps the weights of each validation."""

    def evaluate_valid(self, dataset, seed=None, eval_batch_size=256):
        self.seen.append({k: v.clone() for k, v in self.state_dict().items()})
        self.seeds.append(seed)
        return self.script[len(self.seen) - 1], 0.5


def scripted(script, **options):
    model = Scripted(**SETTINGS)
    model.script, model.seen, model.seeds = script, [], []
    weights, history = trained(model, **{"num_epochs": len(script), "val_epoch": 1, **options})
    return model, weights, history


def test_the_best_epoch_by_validation_is_put_back():
    script = [0.1, 0.4, 0.3, 0.4, 0.2]
    model, weights, history = scripted(script)
    assert equal(weights, model.seen[1])  # the first of equals
    assert not equal(weights, model.seen[3])
    assert history["val_ndcg"] == script
    assert history["val_hr"] == [0.5] * 5


def test_the_last_epoch_stays_where_it_is_the_best_or_nothing_is_validated():
    model, weights, _ = scripted([0.1, 0.2, 0.3])
    assert equal(weights, model.seen[-1])
    model, weights, history = scripted([0.9] * 3, val_epoch=0)
    assert model.seen == []
    assert history["val_ndcg"] == []
    assert equal(weights, trained(SASREC(**SETTINGS), num_epochs=3)[0])


def test_validations_share_their_negatives():
    model, _, _ = scripted([0.1, 0.2, 0.3])
    assert model.seeds == [3, 3, 3]


@pytest.mark.parametrize(
    ("patience", "epochs", "best"), [(None, 8, 6), (1, 3, 1), (2, 4, 1), (3, 8, 6)]
)
def test_patience_stops_after_so_many_validations_without_a_better_one(patience, epochs, best):
    model, weights, history = scripted([0.1, 0.4, 0.3, 0.2, 0.5, 0.2, 0.6, 0.1], patience=patience)
    assert len(history["loss"]) == len(history["val_ndcg"]) == epochs
    assert equal(weights, model.seen[best])


def test_validation_does_not_change_the_training(make):
    """Same losses whether or not somebody looks on."""
    quiet = trained(make(dropout_rate=0.3), num_epochs=4)[1]
    watched = trained(make(dropout_rate=0.3), num_epochs=4, val_epoch=1)[1]
    assert quiet["loss"] == watched["loss"]
