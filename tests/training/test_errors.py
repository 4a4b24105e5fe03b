"""What is wrong with a training is said early, with the argument, its value and the remedy."""

import pytest
import tiny
import torch
from small_runs import Foreign, broken, sampler_of, trained

from seqrec_lib.training.engine import PaddedEngine


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_a_loss_that_is_not_a_number_says_where(make, engine):
    message = r"nan in epoch 1, step 1 of 3, at learning_rate=0.01: try a tenth"
    with pytest.raises(FloatingPointError, match=message):
        trained(broken(make()), engine=engine)


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_a_number_that_is_none_inside_the_attention_is_not_hidden(make, engine):
    model = make()
    with torch.no_grad():
        model.encoder.enc_layers[0].mha.Q.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 1 of 3"):
        trained(model, engine=engine)


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
    [
        (1, 16, "seq holds ids from 0 to 16"),
        (2, -1, "pos holds ids from -1"),
        (3, 99, r"neg.*to 99, but must be from 0 to dataset.itemnum=15"),
    ],
)
def test_ids_of_a_foreign_sampler_are_checked(which, value, message):
    batch = [x.numpy().copy() for x in tiny.batch_of([3, 6])]
    batch[which][0, -1] = value
    with pytest.raises(ValueError, match=message):
        trained(tiny.sasrec(), sampler=Foreign([batch]))


def test_a_foreign_batch_that_is_no_table_is_refused():
    with pytest.raises(ValueError, match=r"seq has shape \(3,\)"):
        trained(tiny.sasrec(), sampler=Foreign([([1], [1, 2, 3], [[1]], [[1]])]))


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
