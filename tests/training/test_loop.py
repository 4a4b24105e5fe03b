"""The training loop: repeatable, clean behind itself, and blind to the test items."""

import random
import threading

import numpy as np
import pytest
import tiny
import torch
from small_runs import Foreign, broken, equal, sampler_of, trained

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.training.adam import Adam
from seqrec_lib.training.losses import BCE, LOSSES

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


def test_with_seeds_the_global_generators_are_left_alone(make):
    before = global_states()
    data = tiny.dataset()
    model = make(dropout_rate=0.3, seed=1)
    sampler = sampler_of(data, 2)
    trained(model, data, sampler, val_epoch=1, seed=3, loss=BCE(2))
    trained(model, data, sampler, engine="padded", seed=3)
    sampler.next_batch()
    model.evaluate(data, seed=4)
    model.evaluate_valid(data, seed=1)
    model(model.create_combined_dataset(*sampler.next_batch())[0])
    after = global_states()
    assert torch.equal(before[0], after[0])
    for mine, theirs in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert before[2] == after[2]


def test_the_global_seed_changes_nothing_where_seeds_are_given(make):
    state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        first = trained(make(dropout_rate=0.3))[0]
        torch.manual_seed(1)
        assert equal(first, trained(make(dropout_rate=0.3))[0])
    finally:
        torch.set_rng_state(state)


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_without_seeds_everything_follows_torchs_global_generator(make, engine):
    """Weights, batches, dropout, the draws of evaluation: torch.manual_seed repeats a run."""
    data, state = tiny.dataset(), torch.get_rng_state()

    def run(seed):
        torch.manual_seed(seed)
        model = make(dropout_rate=0.3, seed=None, num_neg_test=3)
        weights, history = trained(
            model, data, sampler_of(data, None), seed=None, val_epoch=1, engine=engine
        )
        inputs = model.create_combined_dataset(*sampler_of(data, None).next_batch())[0]
        return weights, history, model(inputs)[0].tolist(), model.evaluate(data)

    numpy_before, python_before = global_states()[1:]
    try:
        first, again, other = run(5), run(5), run(6)
    finally:
        torch.set_rng_state(state)
    assert equal(first[0], again[0])
    assert first[1:] == again[1:]
    assert not equal(first[0], other[0])
    assert first[2] != other[2]
    numpy_after, python_after = global_states()[1:]
    np.testing.assert_array_equal(numpy_before[1], numpy_after[1])
    assert python_before == python_after


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


# Blind to the test items --------------------------------------------------------------------------


class Blinded(SASRecDataSet):
    """A data set without a test set: to look at it is an error."""

    def __getattribute__(self, name):
        assert name not in ("user_test", "test_item"), f"training looked at {name}"
        return super().__getattribute__(name)

    def history(self, split):
        assert split != "test", "training looked at the history of test"
        return super().history(split)

    def held_out(self, split):
        assert split != "test", "training looked at what is held out for the test"
        return super().held_out(split)

    def targets(self, split):
        assert split != "test", "training looked at the targets of test"
        return super().targets(split)


def test_training_never_looks_at_the_test_items(make):
    data = tiny.dataset()
    expected = trained(make(dropout_rate=0.3), data, val_epoch=1)
    blinded = Blinded(sequences=data.sequences, itemnum=data.itemnum)
    blind = trained(make(dropout_rate=0.3), blinded, sampler_of(data), val_epoch=1)
    assert equal(expected[0], blind[0])
    assert expected[1] == blind[1]
    with pytest.raises(AssertionError, match="looked at the targets of test"):
        make().evaluate(blinded)


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


# Clean behind itself ------------------------------------------------------------------------------


def test_threads_and_their_number_are_as_before(make):
    alive, count = set(threading.enumerate()), torch.get_num_threads()
    trained(make(), threads=2, val_epoch=1)
    with pytest.raises(FloatingPointError):
        trained(broken(make()), threads=2)
    assert torch.get_num_threads() == count
    assert set(threading.enumerate()) == alive


@pytest.mark.parametrize("tables", ["dense", "sparse"])
def test_a_schedule_sets_the_rate_of_every_later_step(make, tables, monkeypatch):
    seen = {}
    for kind in (Adam, torch.optim.SparseAdam):

        def step(self, *arguments, step=kind.step, name=kind.__name__):
            seen.setdefault(name, []).append({group["lr"] for group in self.param_groups})
            return step(self, *arguments)

        monkeypatch.setattr(kind, "step", step)
    trained(make(), num_epochs=4, schedule={3: 0.0005, 1: 0.002}, tables=tables)
    expected = [{0.01}] * 3 + [{0.002}] * 6 + [{0.0005}] * 3  # three steps an epoch
    assert seen["Adam"] == expected
    assert seen.get("SparseAdam") == (expected if tables == "sparse" else None)


def test_the_padded_engine_trains_in_bfloat16(make):
    history = trained(make(), engine="padded", precision="bfloat16", num_epochs=15)[1]["loss"]
    assert history[-1] < 0.95 * history[0]
    assert make().item_embedding_layer.weight.dtype == torch.float32
