"""The same seed gives the same bits for any number of threads: weights, history and scores."""

import numpy as np
import pytest
import torch

import seqrec_lib as sl
from seqrec_lib.network.fast import scoring
from seqrec_lib.training import packed_engine

THREADS = (1, 2, 3, 8)


@pytest.fixture
def small_groups(monkeypatch):
    """Many groups a batch and many slices a score, as large data have."""
    monkeypatch.setattr(packed_engine, "ROWS_AT_ONCE", 60)
    monkeypatch.setattr(scoring, "ROWS_AT_ONCE", 2000)


@pytest.fixture
def torch_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("loss", ["bce", sl.SampledSoftmax(8), "cross-entropy"], ids=str)
@pytest.mark.parametrize("kind", [sl.SASREC, sl.SSEPT])
def test_a_run_has_the_same_bits(kind, loss, sample_dataset, small_groups, torch_threads):
    data = sample_dataset
    users = np.arange(1, 65)
    found = []
    for threads in THREADS:
        torch_threads(threads)
        settings = {"item_num": data.itemnum, "seq_max_len": 20, "embedding_dim": 8, "seed": 1}
        if kind is sl.SSEPT:
            settings["user_num"] = data.usernum
        model = kind(**settings, attention_num_heads=2, dropout_rate=0.3)
        sampler = sl.WarpSampler(data.train, data.usernum, data.itemnum, 32, 20, seed=2)
        options = {"loss": loss, "seed": 3, "val_epoch": 1, "verbose": False}
        history = model.train_model(data, sampler, 2, 250, 0.01, **options)
        scores = sl.top_items(model, data.sequences, users, k=data.itemnum)[1]
        found.append((model.state_dict(), history, scores, model.evaluate(data, seed=1)))
    weights, history, scores, evaluated = found[0]
    assert len(set(scores.ravel().tolist())) > 1000
    for other in found[1:]:
        assert {name: w.tolist() for name, w in other[0].items()} == {
            name: w.tolist() for name, w in weights.items()
        }
        assert other[1] == history
        assert np.array_equal(other[2], scores)
        assert other[3] == evaluated


def test_how_a_batch_is_divided_does_not_ask_for_the_threads(sample_dataset, torch_threads):
    data = sample_dataset
    sampler = sl.WarpSampler(data.train, data.usernum, data.itemnum, 64, 20, seed=2)
    batch = sampler.sample()
    divided = []
    for threads in THREADS:
        torch_threads(threads)
        groups = packed_engine.divide(batch, batch.neg.unsqueeze(2))
        divided.append([[x.tolist() for x in group] for group in groups])
    assert all(other == divided[0] for other in divided[1:])
    assert len(divided[0]) == 2  # an even number, for two cores
    rows = [len(group.items) for group in groups]
    assert sum(rows) == int((batch.seq != 0).sum())
    assert max(rows) < 1.1 * min(rows)
