"""What is wrong with a training is said early, with the argument, its value and the remedy."""

import pytest
import tiny
import torch
from small_runs import Foreign, broken, equal, sampler_of, trained

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
    with pytest.raises(ValueError, match=r"knows 15 items, the data set has 20.*item_num=20"):
        trained(make(), data)
    with pytest.raises(ValueError, match=r"knows 12 users, the data set has 14.*user_num=14"):
        trained(tiny.ssept(), tiny.dataset(users=14))


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_sequences_longer_than_the_model_are_cut(make, engine):
    """The latest positions count: as if the sampler had made only those."""
    data = tiny.dataset()
    longer = [sampler_of(data, maxlen=9).next_batch() for _ in range(1)]
    cut = [(users, *(x[:, -6:] for x in rest)) for users, *rest in longer]
    options = {"engine": engine, "num_epochs": 1, "batch_size": 100}
    ours = trained(make(), data, sampler_of(data, maxlen=9), **options)
    theirs = trained(make(), data, Foreign(cut), **options)
    assert equal(ours[0], theirs[0])
    assert ours[1] == theirs[1]


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


@pytest.mark.parametrize("engine", ["packed", "padded"])
def test_padding_behind_and_padding_alone_are_refused_by_every_engine(engine):
    behind = [x.numpy().copy() for x in tiny.batch_of([3, 6])]
    behind[1][1] = [4, 5, 6, 0, 0, 0]
    with pytest.raises(ValueError, match=r"sampler's seq is padded behind in row 1.*pad_sequences"):
        trained(tiny.sasrec(), sampler=Foreign([behind]), engine=engine)
    nothing = [x.numpy() for x in tiny.batch_of([0, 0])]
    with pytest.raises(ValueError, match="nothing but padding"):
        trained(tiny.sasrec(), sampler=Foreign([nothing]), engine=engine)


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
