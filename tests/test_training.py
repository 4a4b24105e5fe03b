"""The training loop: repeatable, clean behind itself, and blind to the test items."""

import random
import threading

import numpy as np
import pytest
import tiny
import torch

from seqrec_lib.engine import PaddedEngine
from seqrec_lib.losses import BCE, LOSSES
from seqrec_lib.sampling import WarpSampler
from seqrec_lib.sasrec import SASREC
from seqrec_lib.sequences import SASRecDataSet

MODELS = {"SASREC": tiny.sasrec, "SSEPT": tiny.ssept}


@pytest.fixture(params=MODELS)
def make(request):
    return MODELS[request.param]


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


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# Same seed, same bits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"engine": "padded"},
        {"threads": 2, "loss": "cross-entropy"},
        {"threads": 1, "loss": "sampled-softmax", "val_epoch": 1},
        {"loss": BCE(3), "val_epoch": 2},
    ],
    ids=str,
)
def test_the_same_seeds_give_the_same_bits(make, options):
    first, again = (trained(make(dropout_rate=0.3), **options) for _ in range(2))
    assert equal(first[0], again[0])
    assert first[1] == again[1]
    assert all(np.isfinite(first[1]["loss"]))


def test_each_seed_matters(make):
    def run(model_seed=1, sampler_seed=2, seed=3):
        data = tiny.dataset()
        model = make(dropout_rate=0.3, seed=model_seed)
        return trained(model, data, sampler_of(data, sampler_seed), seed=seed)[0]

    base = run()
    for other in (run(model_seed=9), run(sampler_seed=9), run(seed=9)):
        assert not equal(base, other)


def test_no_seed_is_another_one_each_time(make):
    first, again = (trained(make(dropout_rate=0.3), seed=None)[0] for _ in range(2))
    assert not equal(first, again)


def global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002 - that it is left alone is what is tested
    return torch.get_rng_state(), numpy_state, random.getstate()


def test_the_global_generators_are_left_alone(make):
    before = global_states()
    data = tiny.dataset()
    model = make(dropout_rate=0.3, seed=None)
    sampler = sampler_of(data, None)
    trained(model, data, sampler, val_epoch=1, seed=None, loss=BCE(2))
    trained(model, data, sampler, engine="padded", seed=None)
    sampler.next_batch()
    model.evaluate(data)
    model.evaluate_valid(data, seed=1)
    model(model.create_combined_dataset(*sampler.next_batch())[0])
    after = global_states()
    assert torch.equal(before[0], after[0])
    for mine, theirs in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert before[2] == after[2]


def test_the_global_seed_changes_nothing(make):
    state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        first = trained(make(dropout_rate=0.3))[0]
        torch.manual_seed(1)
        assert equal(first, trained(make(dropout_rate=0.3))[0])
    finally:
        torch.set_rng_state(state)


# What a step does ---------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_training_is_adam_on_the_contracts_loss(make, engine):
    """Against torch's own Adam, forward and loss_function, step by step."""
    data, model, plain = tiny.dataset(), make(l2_reg=0.01), make(l2_reg=0.01)
    weights, history = trained(
        model, data, engine=engine, betas=(0.9, 0.98), epsilon=1e-5, num_epochs=2
    )
    sampler = sampler_of(data)
    adam = torch.optim.Adam(
        plain.parameters(), lr=0.01, betas=(0.9, 0.98), eps=1e-5, weight_decay=0.01
    )
    losses = []
    for _ in range(2 * 3):
        inputs, _ = plain.create_combined_dataset(*sampler.next_batch())
        loss = plain.loss_function(*plain(inputs, training=False))
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert history["loss"] == pytest.approx([np.mean(losses[:3]), np.mean(losses[3:])], rel=1e-4)
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-4, atol=2e-5, msg=name)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_every_loss_goes_down(make, loss, engine):
    model = make()
    history = trained(model, loss=loss, num_epochs=15, engine=engine)[1]["loss"]
    assert history[-1] < 0.95 * history[0]
    assert bool((model.item_embedding_layer.weight[0] == 0).all())  # padding stays 0


class Foreign:
    """A sampler of somebody else: arrays, and nothing but next_batch."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def next_batch(self):
        return next(self.batches)


@pytest.mark.parametrize("kind", [np.int64, np.int32, list])
def test_any_sampler_with_next_batch_gives_the_same_result(make, kind):
    data = tiny.dataset()
    sampler = sampler_of(data)
    batches = [sampler.next_batch() for _ in range(6)]
    if kind is list:
        batches = [tuple(x.tolist() for x in batch) for batch in batches]
    else:
        batches = [tuple(x.astype(kind) for x in batch) for batch in batches]
    ours = trained(make(dropout_rate=0.3), data)
    theirs = trained(make(dropout_rate=0.3), data, Foreign(batches))
    assert equal(ours[0], theirs[0])
    assert ours[1] == theirs[1]


# The best epoch -----------------------------------------------------------------------------------


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


# Blind to the test items --------------------------------------------------------------------------


class Blinded:
    """A data set without a test set: to look at it is an error."""

    def __init__(self, data):
        self._data = data

    def __getattr__(self, name):
        if "test" in name:
            raise AssertionError(f"training looked at {name}")
        return getattr(self._data, name)


def test_training_never_looks_at_the_test_items(make):
    data = tiny.dataset()
    expected = trained(make(dropout_rate=0.3), data, val_epoch=1)
    blind = trained(make(dropout_rate=0.3), Blinded(data), sampler_of(data), val_epoch=1)
    assert equal(expected[0], blind[0])
    assert expected[1] == blind[1]
    with pytest.raises(AssertionError, match="looked at test_item"):
        make().evaluate(Blinded(data))


@pytest.mark.parametrize("loss", ["bce", BCE(4), "cross-entropy"], ids=str)
def test_other_test_items_give_the_same_bits(make, loss):
    data = tiny.dataset()
    changed = {
        user: [*data.sequences[user][:-1].tolist(), 1 + int(data.sequences[user][-1]) % tiny.ITEMS]
        for user in range(1, tiny.USERS + 1)
    }
    other = SASRecDataSet.from_sequences(changed, itemnum=tiny.ITEMS)
    assert not bool((other.test_item[1:] == data.test_item[1:]).any())
    results = [
        trained(make(dropout_rate=0.3), d, loss=loss, val_epoch=1, num_epochs=3)
        for d in (data, other)
    ]
    assert equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


# Clean behind itself, and clear about what is wrong -----------------------------------------------


def test_threads_and_their_number_are_as_before(make):
    alive, count = set(threading.enumerate()), torch.get_num_threads()
    trained(make(), threads=2, val_epoch=1)
    with pytest.raises(FloatingPointError):
        trained(_broken(make()), threads=2)
    assert torch.get_num_threads() == count
    assert set(threading.enumerate()) == alive


def _broken(model):
    with torch.no_grad():
        model.layer_normalization.gamma.fill_(float("nan"))
    return model


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_a_loss_that_is_not_a_number_says_where(make, engine):
    message = r"nan in epoch 1, step 1 of 3, at learning_rate=0.01: try a tenth"
    with pytest.raises(FloatingPointError, match=message):
        trained(_broken(make()), engine=engine)


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_a_number_that_is_none_inside_the_attention_is_not_hidden(make, engine):
    model = make()
    with torch.no_grad():
        model.encoder.enc_layers[0].mha.Q.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 1 of 3"):
        trained(model, engine=engine)


@pytest.mark.parametrize("tables", ["dense", "sparse"])
def test_a_schedule_sets_the_rate_of_every_later_step(make, tables, monkeypatch):
    seen = {}
    for kind in (torch.optim.Adam, torch.optim.SparseAdam):

        def step(self, *arguments, step=kind.step, name=kind.__name__):
            seen.setdefault(name, []).append({group["lr"] for group in self.param_groups})
            return step(self, *arguments)

        monkeypatch.setattr(kind, "step", step)
    trained(make(), num_epochs=4, schedule={3: 0.0005, 1: 0.002}, tables=tables)
    expected = [{0.01}] * 3 + [{0.002}] * 6 + [{0.0005}] * 3  # three steps an epoch
    assert seen["Adam"] == expected
    assert seen.get("SparseAdam") == (expected if tables == "sparse" else None)


def test_a_learning_rate_that_is_far_too_large_is_named(make):
    with pytest.raises(
        FloatingPointError, match=r"epoch \d, step \d of 3, at learning_rate=1e\+38"
    ):
        trained(make(), learning_rate=1e38, num_epochs=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_epochs": 0}, "num_epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"schedule": {0: 0.1}}, r"schedule=\{0: 0.1\} must map"),
        ({"schedule": {-1: 0.1}}, r"schedule=\{-1: 0.1\} must map"),
        ({"schedule": {2: 0.0}}, r"schedule=\{2: 0.0\} must map"),
        ({"val_epoch": -1}, "val_epoch=-1"),
        ({"patience": 3}, "patience=3.*val_epoch"),
        ({"patience": 0, "val_epoch": 1}, "patience=0"),
        ({"engine": "turbo"}, "engine='turbo'"),
        ({"precision": "float8"}, "precision='float8'"),
        ({"engine": "packed", "precision": "bfloat16"}, "engine='packed' is for float32"),
        ({"loss": "bpr"}, "loss='bpr'"),
        ({"seed": -5}, "seed=-5"),
        ({"threads": 0}, "threads=0"),
    ],
    ids=str,
)
def test_an_option_out_of_its_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        trained(tiny.sasrec(), **options)


def test_data_beyond_the_model_is_refused(make):
    data = tiny.dataset(users=14, items=20)
    with pytest.raises(ValueError, match=r"items up to 20.*item_num=15.*dataset.itemnum"):
        trained(make(), data)
    with pytest.raises(ValueError, match=r"users up to 14.*user_num=12.*dataset.usernum"):
        trained(tiny.ssept(), tiny.dataset(users=14))


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_sequences_longer_than_the_model_are_refused(make, engine):
    data = tiny.dataset()
    with pytest.raises(ValueError, match=r"7 positions.*seq_max_len=6.*maxlen=6"):
        trained(make(), data, sampler_of(data, maxlen=7), engine=engine)


@pytest.mark.parametrize(
    ("which", "value", "message"),
    [(1, 16, "seq.*ids from"), (2, -1, "pos.*ids from -1"), (3, 99, "neg.*99.*0 to 15")],
)
def test_ids_of_a_foreign_sampler_are_checked(which, value, message):
    batch = [x.numpy().copy() for x in tiny.batch_of([3, 6])]
    batch[which][0, -1] = value
    with pytest.raises(ValueError, match=message):
        trained(tiny.sasrec(), sampler=Foreign([batch]))


def test_a_foreign_batch_that_is_no_table_is_refused():
    with pytest.raises(ValueError, match=r"seq has shape \(3,\)"):
        trained(tiny.sasrec(), sampler=Foreign([([1], [1, 2, 3], [[1]], [[1]])]))


def test_the_padded_engine_trains_in_bfloat16(make):
    history = trained(make(), engine="padded", precision="bfloat16", num_epochs=15)[1]["loss"]
    assert history[-1] < 0.95 * history[0]
    assert make().item_embedding_layer.weight.dtype == torch.float32


def test_a_full_gpu_says_what_to_lower(monkeypatch):
    def full(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(PaddedEngine, "step", full)
    remedy = r"batch_size=4, seq_max_len=6, loss=BCE.*halve batch_size.*Tried to allocate 2"
    with pytest.raises(torch.cuda.OutOfMemoryError, match=remedy):
        trained(tiny.sasrec(), engine="padded")
    model = tiny.sasrec()
    monkeypatch.setattr(model, "score", full)
    with pytest.raises(torch.cuda.OutOfMemoryError, match=r"batch_size=7: halve it.*eval_batch"):
        model.evaluate(tiny.dataset(), eval_batch_size=7)
