"""Tables of which a step touches only the rows of its batch."""

import copy

import numpy as np
import pytest
import tiny
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.losses import BCE, GBCE, SampledSoftmax
from seqrec_lib.training.packed_engine import PackedEngine
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sparse import (
    PagedEngine,
    RowwiseAdam,
    _distinct,
    paged_loss,
    tables_of,
)

LOSSES = [BCE(), BCE(3), GBCE(3), SampledSoftmax(3), SampledSoftmax(3, log_q=True)]
RATE, BETAS, EPSILON = 0.01, (0.9, 0.999), 1e-7


def engine_of(kind, model, loss):
    generator = torch.Generator().manual_seed(0)
    if kind == "packed":
        return PackedEngine(model, loss, generator, threads=2)
    return PaddedEngine(model, loss, generator)


def few(kind, k):
    """A batch of few different items: most rows of the tables have nothing to do with it."""
    batch = tiny.batch_of([3, 1, 2, 0])
    seq, pos = (x.remainder(5) + (x > 0) * 2 for x in (batch.seq, batch.pos))  # items 2 to 6
    seq, pos = seq * (batch.seq != 0), pos * (batch.pos != 0)
    drawn = torch.randint(7, 10, (*pos.shape, k), generator=torch.Generator().manual_seed(kind))
    return tiny.Batch(batch.users, seq, pos, batch.neg), drawn * (pos != 0).unsqueeze(2)


@pytest.mark.parametrize("engine", ["packed", "padded"])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("shared", [True, False])
def test_a_step_on_a_page_has_the_gradients_of_a_step_on_the_table(make, loss, engine, shared):
    model = tiny.stir(make(shared_embedding=shared), scale=0.2)
    batch, negatives = few(1, loss.negatives)
    plain = copy.deepcopy(model)
    with engine_of(engine, plain, loss) as run:
        expected = run.step(batch, negatives)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    run = PagedEngine(engine_of(engine, model, paged_loss(loss, model.item_num)), model)
    with run:
        value = run.step(batch, negatives)
    torch.testing.assert_close(value, expected)
    dense = dict(plain.named_parameters())
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]), "the page was not taken away again"
        torch.testing.assert_close(weight.grad.to_dense(), dense[name].grad, rtol=1e-4, atol=1e-7)
    for name, layer in tables_of(model).items():
        rows = layer.weight.grad.coalesce().indices()[0].tolist()
        ids = [batch.users] if name.startswith("user") else [batch.seq, batch.pos, negatives]
        assert rows == sorted({0}.union(*(x.flatten().tolist() for x in ids)))


def test_the_rows_of_a_batch_move_as_adam_says_and_the_others_stay(make):
    """Against Adam's formula, written out, on gradients of the plain step, for three steps."""
    model = tiny.stir(make(), scale=0.2)
    mine, plain = copy.deepcopy(model), model
    optimizer = RowwiseAdam(mine, RATE, BETAS, EPSILON, 0.0)
    run = PagedEngine(engine_of("packed", mine, BCE()), mine)
    tables = {f"{name}.weight" for name in tables_of(mine)}
    moments = {name: torch.zeros(2, *w.shape) for name, w in plain.named_parameters()}
    for step in range(1, 4):
        batch, negatives = few(step, 1)
        if step == 3:  # fewer items than before: the moments of the others must wait
            batch = tiny.Batch(*(x[1:] for x in batch))
            negatives = negatives[1:]
        with run:
            run.step(batch, negatives)
        optimizer.step()
        with engine_of("padded", plain, BCE()) as textbook:
            textbook.step(batch, negatives)
        ids = torch.cat([x.flatten() for x in (batch.seq, batch.pos, negatives)]).unique()
        for name, weight in plain.named_parameters():
            rows = slice(None)
            if name in tables:
                rows = batch.users.unique() if name.startswith("user") else ids
                rows = rows[rows > 0]
            g, (m, v) = weight.grad[rows], moments[name]
            m[rows] = BETAS[0] * m[rows] + (1 - BETAS[0]) * g
            v[rows] = BETAS[1] * v[rows] + (1 - BETAS[1]) * g**2
            first, second = m[rows] / (1 - BETAS[0] ** step), v[rows] / (1 - BETAS[1] ** step)
            with torch.no_grad():
                weight[rows] -= RATE * first / (second.sqrt() + EPSILON)
    for name, weight in mine.named_parameters():
        if not name.endswith("K.bias"):  # its gradient is 0 up to rounding
            torch.testing.assert_close(
                weight, dict(plain.named_parameters())[name], rtol=1e-4, atol=2e-5, msg=name
            )
    untouched = [i for i in range(1, tiny.ITEMS + 1) if i not in range(2, 10)]
    start = make()
    tiny.stir(start, scale=0.2)
    assert torch.equal(
        mine.item_embedding_layer.weight[untouched], start.item_embedding_layer.weight[untouched]
    )
    assert not mine.item_embedding_layer.weight[0].any()


def train(folder=None, epochs=4, **options):
    data = tiny.dataset()
    model = tiny.ssept(dropout_rate=0.2, num_neg_test=5)
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, 4, tiny.LENGTH, seed=2)
    settings = {"seed": 3, "val_epoch": 2, "verbose": False, "tables": "sparse", **options}
    return model, model.train_model(data, sampler, epochs, 4, 0.01, checkpoints=folder, **settings)


def test_training_with_sparse_tables_learns_and_goes_on_where_it_stopped(tmp_path):
    whole, history = train(tmp_path / "whole")
    assert history["loss"][-1] < history["loss"][0]
    train(tmp_path / "halves", epochs=2)
    halves, again = train(tmp_path / "halves")
    assert again == history
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, halves.state_dict()[name]), name
    with pytest.raises(ValueError, match="tables: 'sparse' there, 'dense' here"):
        train(tmp_path / "halves", tables="dense")


@pytest.mark.parametrize("options", [{"loss": "cross-entropy"}, {"tables": "paged"}])
def test_what_sparse_tables_cannot_do_is_refused(options):
    with pytest.raises(ValueError, match="sparse"):
        train(**options)


def test_weight_decay_with_sparse_tables_is_refused():
    with pytest.raises(ValueError, match=r"l2_reg=0\.1"):
        RowwiseAdam(tiny.sasrec(), RATE, BETAS, EPSILON, 0.1)


def test_distinct_ids_and_their_places():
    ids = torch.tensor([7, 3, 3, 9, 7, 0, 3])
    slots = torch.full((12,), 99)
    found = _distinct(slots, ids)
    assert found.tolist() == [0, 3, 7, 9]
    assert found[slots[ids]].tolist() == ids.tolist()
    assert _distinct(slots, torch.tensor([5])).tolist() == [0, 5]  # what was written before is gone


def test_a_step_does_not_grow_with_the_catalogue():
    """Counted, not timed: of everything that a step makes, nothing is as long as the table."""
    items = 50_000
    rng = np.random.default_rng(0)
    data = SASRecDataSet.from_sequences(
        {user: rng.integers(1, items + 1, 6).tolist() for user in range(1, 9)}, itemnum=items
    )
    model = tiny.sasrec(item_num=items)
    sampler = WarpSampler(data.train, data.usernum, items, 4, tiny.LENGTH, seed=0)
    batch = sampler.sample()
    run = PagedEngine(PackedEngine(model, BCE(), torch.Generator(), 1), model)
    optimizer = RowwiseAdam(model, RATE, BETAS, EPSILON, 0.0)
    sizes = []
    for _ in range(2):  # the first makes the moments
        with run, LargestResult() as seen:
            run.step(batch, batch.neg.unsqueeze(2))
            optimizer.step()
        sizes.append(seen.largest)
    assert sizes[0] >= items * 8
    assert sizes[1] < items


class LargestResult(torch.utils._python_dispatch.TorchDispatchMode):
    """Notes the most numbers in one dense tensor that an operation of torch makes anew."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        known = {x.untyped_storage()._cdata for x in args if _is_dense(x)}
        for x in out if isinstance(out, tuple | list) else (out,):
            if _is_dense(x) and x.untyped_storage()._cdata not in known:
                self.largest = max(self.largest, x.numel())
        return out


def _is_dense(x):
    return isinstance(x, torch.Tensor) and x.layout == torch.strided
