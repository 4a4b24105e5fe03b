"""The door: models that a reader writes in a cell train through the plain engine and are ranked."""

import copy

import numpy as np
import pytest
import tiny
import torch
from own_models import HSTU, BERT4Rec, GRU4Rec
from small_runs import Foreign
from torch import nn

import seqrec_lib as sl
from seqrec_lib.common.distributed import World
from seqrec_lib.network.fast.fitness import fits_packed
from seqrec_lib.training.choice import Draws, engine_for
from seqrec_lib.training.options import TrainingOptions

ITEMS, LENGTH = 12, 8
OWN = [GRU4Rec, BERT4Rec, HSTU]


def cycles(users=60, seed=0):
    """Users who walk around a circle of items, some slowly: what follows is nearly certain."""
    rng = np.random.default_rng(seed)
    lengths = np.concatenate([[0], rng.integers(4, 11, users)])
    starts = rng.integers(0, ITEMS, users)
    items = np.concatenate(
        [1 + (start + np.arange(n)) % ITEMS for start, n in zip(starts, lengths[1:], strict=True)]
    )
    times = np.concatenate([np.cumsum(rng.integers(1, 50, n)) for n in lengths[1:]])
    return sl.SASRecDataSet.from_sequences(sl.Sequences.from_lengths(items, lengths, times), ITEMS)


def sampler(data, seed=1, length=LENGTH):
    return sl.WarpSampler(data.train, data.usernum, data.itemnum, 32, length, seed=seed)


def fitted(kind, data, epochs=30, **options):
    torch.manual_seed(0)
    model = kind(ITEMS, LENGTH)
    settings = {"learning_rate": 0.02, "loss": "cross-entropy", "seed": 1, "verbose": False}
    settings |= {"batch_size": 8, "num_epochs": epochs, **options}
    return model, sl.fit(model, data, sampler(data), **settings)


@pytest.mark.parametrize("kind", OWN)
def test_it_learns_and_is_ranked_by_both_protocols(kind):
    data = cycles()
    model, history = fitted(kind, data, epochs=40)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    value = sl.summarise(sl.full_ranks(model, data, exclude_seen=False), ks=(1,))["value"]
    assert value["HR@1"] > 0.8  # by chance: 1 of 12
    assert len(sl.sampled_ranks(model, data, num_negatives=2)) == data.usernum
    assert len(sl.recommend(model, data, users=[1, 2], k=3, exclude_seen=False)) == 6
    assert len(sl.similar_items(model, data, 3, k=2)) == 2


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("loss", ["bce", sl.SampledSoftmax(4), "cross-entropy"], ids=str)
def test_every_loss_trains_it(kind, loss):
    _, history = fitted(kind, cycles(), epochs=8, loss=loss)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("kind", OWN)
def test_it_is_validated_resumed_saved_and_loaded(kind, tmp_path):
    data = cycles()
    whole, history = fitted(kind, data, epochs=4, val_epoch=2)
    assert len(history["val_ndcg"]) == 2
    fitted(kind, data, epochs=2, val_epoch=2, checkpoints=tmp_path)
    model, resumed = fitted(kind, data, epochs=4, val_epoch=2, checkpoints=tmp_path)
    assert resumed == history
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    sl.save(model, data, tmp_path / "own.safetensors", {"seed": 1})
    again, _ = sl.load(tmp_path / "own.safetensors", into=kind(ITEMS, LENGTH))
    card = sl.read_card(tmp_path / "own.safetensors")
    assert card == {"seed": 1, "library": sl.__version__}
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    with pytest.raises(ValueError, match="give load a model of it"):
        sl.load(tmp_path / "own.safetensors")
    other = next(other for other in OWN if other is not kind)
    with pytest.raises(ValueError, match=f"holds a {kind.__name__}, not a {other.__name__}"):
        sl.load(tmp_path / "own.safetensors", into=other(ITEMS, LENGTH))


def test_dropout_layers_of_torch_act_in_training_alone():
    """BERT4Rec's blocks drop out where the model is in training mode: not while it is scored."""
    model = BERT4Rec(ITEMS, LENGTH).train()
    seq = torch.tensor([[0, 0, 1, 2, 3]])
    assert torch.equal(model.score(None, seq), model.score(None, seq))
    assert model.training
    rows = sl.PaddedRows(seq != 0)
    assert not torch.equal(model.encode(seq, None, rows), model.encode(seq, None, rows))


def test_a_model_that_is_trained_in_evaluation_mode_comes_back_in_it():
    torch.manual_seed(0)
    data, modes = cycles(), []

    class Watched(GRU4Rec):
        def encode(self, items, users, rows):
            modes.append((self.training, rows.training))
            return super().encode(items, users, rows)

    model = Watched(ITEMS, LENGTH).eval()
    sl.fit(model, data, sampler(data), num_epochs=1, val_epoch=1, seed=1, verbose=False)
    assert not model.training
    assert set(modes) == {(True, True), (False, False)}  # a step, a validation


def test_what_is_masked_is_asked_for_and_nothing_else():
    torch.manual_seed(0)
    model, data = BERT4Rec(ITEMS, LENGTH), cycles()
    batch = sampler(data).sample()
    made = model.training_batch(batch, torch.Generator().manual_seed(1))
    hidden = made.seq == ITEMS + 1
    assert bool((hidden == (made.pos != 0)).all())
    assert bool(hidden.any(1).all())
    whole = torch.cat([batch.seq[:, 1:], batch.pos[:, -1:]], 1)
    assert torch.equal(torch.where(hidden, made.pos, made.seq), whole)


def test_times_reach_the_model():
    """Twice the time between two items: other scores, and only for the model that reads them."""
    data = cycles()
    slow = sl.SASRecDataSet.from_sequences(
        sl.Sequences(data.sequences.items, data.sequences.starts, 9 * data.sequences.times), ITEMS
    )
    for kind in (HSTU, GRU4Rec):
        model, _ = fitted(kind, data, epochs=3)
        a, b = (sl.top_items(model, d.sequences, np.array([1, 2]), 3)[1] for d in (data, slow))
        assert (a == b).all() == (kind is GRU4Rec)


def test_times_that_are_missing_are_asked_for():
    data = cycles()
    without = sl.SASRecDataSet.from_sequences(
        sl.Sequences(data.sequences.items, data.sequences.starts), ITEMS
    )
    with pytest.raises(ValueError, match="HSTU reads times, and the sampler gives none"):
        fitted(HSTU, without)
    model = HSTU(ITEMS, LENGTH)
    with pytest.raises(ValueError, match="keep_times=True"):
        sl.full_ranks(model, without)


def test_a_state_of_another_shape_names_the_method():
    class Short(GRU4Rec):
        def encode(self, items, users, rows):
            return super().encode(items, users, rows)[:, -1]

    class Narrow(GRU4Rec):
        def encode(self, items, users, rows):
            return super().encode(items, users, rows)[..., :3]

    for kind in (Short, Narrow):
        with pytest.raises(ValueError, match=f"{kind.__name__}.encode gave"):
            fitted(kind, cycles(), epochs=1)


def test_a_mask_that_could_be_an_answer_is_refused():
    class Leaky(BERT4Rec):
        @property
        def output_embedding(self):
            return self.items.weight

    with pytest.raises(ValueError, match=r"Leaky.output_embedding has 14 rows: .* 13"):
        fitted(Leaky, cycles(), epochs=1)


def test_a_training_batch_of_two_shapes_names_the_method():
    class Longer(GRU4Rec):
        def training_batch(self, batch, generator):
            return batch._replace(seq=nn.functional.pad(batch.seq, (1, 0)))

    with pytest.raises(ValueError, match=r"Longer\.training_batch gave seq, pos and neg of"):
        fitted(Longer, cycles(), epochs=1)


# A loss of one's own ----------------------------------------------------------------------------


class BPR:
    """Bayesian personalised ranking (Rendle et al. 2009): -log σ(s⁺ - s⁻)."""

    negatives = 1

    def total(self, query, shift, table, target, negative, dots):
        right = (query * table[target]).sum(1)  # (N,)
        wrong = (query * table[negative[:, 0]]).sum(1)
        return nn.functional.softplus(wrong - right)[target != 0].sum()


@pytest.mark.parametrize("kind", [*OWN, sl.SASREC])
def test_a_loss_of_ones_own_trains_and_is_resumed(kind, tmp_path):
    data = cycles()
    _, history = fitted(kind, data, epochs=6, loss=BPR())
    assert history["loss"][-1] < history["loss"][0]
    fitted(kind, data, epochs=3, loss=BPR(), checkpoints=tmp_path)
    _, resumed = fitted(kind, data, epochs=6, loss=BPR(), checkpoints=tmp_path)
    assert resumed == history


def test_its_first_step_is_that_of_a_computation_by_hand():
    model, batch = tiny.sasrec(), tiny.batch_of([3, 5, 6])
    seq, pos, neg = batch.seq, batch.pos, batch.neg
    states = model.encode(seq, None, sl.PaddedRows(seq != 0))
    scores = states @ model.output_embedding.T  # (B, T, I+1)
    right, wrong = (scores.gather(2, x.unsqueeze(2)).squeeze(2)[pos != 0] for x in (pos, neg))
    expected = -torch.log(torch.sigmoid(right - wrong)).mean().item()
    batches = Foreign([[x.numpy() for x in batch]])
    settings = {"seed": 1, "verbose": False, "loss": BPR()}
    history = model.train_model(tiny.dataset(), batches, 1, 100, **settings)
    assert history["loss"] == pytest.approx([expected], rel=1e-5)


def test_what_is_no_loss_is_named():
    class Vector(BPR):
        def total(self, query, shift, table, target, negative, dots):
            return (query * table[target]).sum(1)

    class Weighted(nn.Linear):
        negatives = 1

        def total(self, *args):
            return self.weight.sum()

    class Half:
        negatives = 1

    data = cycles()
    with pytest.raises(ValueError, match=r"Vector.total gave \(\d+,\) for \d+ rows"):
        fitted(GRU4Rec, data, epochs=1, loss=Vector())
    for loss in (Half(), BPR):
        with pytest.raises(TypeError, match=r"`negatives`, how many .* the method `total`"):
            fitted(GRU4Rec, data, epochs=1, loss=loss)
    with pytest.raises(TypeError, match="Weighted has weights"):
        fitted(GRU4Rec, data, epochs=1, loss=Weighted(1, 1))
    for options in ({"engine": "packed"}, {"tables": "sparse"}):
        with pytest.raises(ValueError, match="runs the library's losses only, and BPR is your own"):
            fitted(sl.SASREC, data, epochs=1, loss=BPR(), **options)


def test_what_is_not_written_is_named():
    class Half(sl.SequenceModel):
        def encode(self, items, users, rows):
            return items

    with pytest.raises(TypeError, match="output_embedding"):
        Half()


# What is never run by the packed engine ---------------------------------------------------------


class Backwards(sl.SASREC):
    """A subclass that changes the network: sequences are read from behind."""

    def encode(self, items, users, rows):
        return super().encode(items, users, rows).flip(-1)


class Louder(sl.SASREC):
    """A subclass that only uses the network."""

    def train_model(self, *args, **options):
        return super().train_model(*args, **options)


def with_block(block):
    model = tiny.sasrec()
    model.encoder.enc_layers[0] = block
    return model


class Block(nn.Module):
    """Somebody's block, which mixes all positions of a sequence."""

    def forward(self, x, training=False, mask=None, rows=None):
        return x + x.mean(dim=1, keepdim=True)


def hooked(model):
    model.encoder.enc_layers[0].mha.register_forward_hook(lambda module, inputs, output: output)
    return model


def parametrized(model):
    nn.utils.parametrizations.weight_norm(model.encoder.enc_layers[0].mha.Q)
    return model


def patched(model):
    model.query = lambda hidden, users: (2 * hidden, None)
    return model


def patched_block(model):
    block = model.encoder.enc_layers[0]
    block.forward = lambda x, rows=None: x
    return model


def transposed(model):
    weight = torch.randn(8, tiny.ITEMS + 1).T
    model.item_embedding_layer.weight = nn.Parameter(weight)
    assert not model.item_embedding_layer.weight.is_contiguous()
    return model


def backwards(**options):
    return Backwards(tiny.ITEMS, tiny.LENGTH, embedding_dim=8, dropout_rate=0.0, seed=1)


UNFIT = {
    "a subclass that overrides encode": backwards,
    "a block of another class": lambda: with_block(Block()),
    "a hook": lambda: hooked(tiny.sasrec()),
    "a parametrization": lambda: parametrized(tiny.sasrec()),
    "a method replaced in one model": lambda: patched(tiny.sasrec()),
    "a block's forward replaced": lambda: patched_block(tiny.sasrec()),
    "another dtype": lambda: tiny.sasrec().double(),
    "weights in another layout": lambda: transposed(tiny.sasrec()),
}


def engine_of(model, **options):
    draws = Draws(0, model.device, World())
    return type(engine_for(model, TrainingOptions(**options), World(), draws, tiny.ITEMS)).__name__


@pytest.mark.parametrize("name", UNFIT)
def test_what_is_not_the_librarys_own_takes_the_plain_way(name):
    model = UNFIT[name]()
    assert not fits_packed(model)
    assert engine_of(model) == "PaddedEngine"
    with pytest.raises(ValueError, match="engine='packed' is for float32"):
        engine_of(model, engine="packed")


@pytest.mark.parametrize("name", [n for n in UNFIT if "dtype" not in n and "forward" not in n])
def test_its_scores_and_its_training_are_its_own(name):
    """The last state of its own encode, and a loss of its own logits."""
    model = UNFIT[name]().eval()
    seq = tiny.padded(tiny.histories([2, 6, 4]))
    with torch.no_grad():
        expected = model.query(model.encode(seq, None, sl.PaddedRows(seq != 0))[:, -1], None)[0]
        expected = expected @ model.output_embedding.T
    torch.testing.assert_close(model.score(None, seq)[:, 1:], expected[:, 1:])
    batch = tiny.batch_of([3, 5, 6])
    data = tiny.dataset()
    before = copy.deepcopy(model)
    history = model.train_model(
        data, Foreign([[x.numpy() for x in batch]]), 1, 100, seed=1, verbose=False
    )
    seq, pos, neg = batch.seq, batch.pos, batch.neg
    before.train()
    hidden = before.encode(seq, None, sl.PaddedRows(seq != 0))
    states, weight = before.query(hidden, None)[0], before.output_embedding
    logits = ((states * weight[x]).sum(-1)[pos != 0] for x in (pos, neg))
    right, wrong = logits
    loss = (nn.functional.softplus(-right) + nn.functional.softplus(wrong)).mean()
    assert history["loss"] == pytest.approx([loss.item()], rel=1e-5)


def test_the_librarys_own_is_packed():
    for model in (tiny.sasrec(), tiny.ssept(), Louder(tiny.ITEMS, tiny.LENGTH, embedding_dim=8)):
        assert fits_packed(model)
        assert engine_of(model) == "PackedEngine"
        assert engine_of(model, engine="padded") == "PaddedEngine"
        assert engine_of(model, precision="bfloat16") == "PaddedEngine"


def test_layers_of_torch_draw_by_the_seed_and_leave_the_global_generator_alone():
    data = cycles()
    before = torch.get_rng_state()
    runs = []
    for seed, noise in ((1, 0), (1, 1), (2, 0)):
        torch.manual_seed(0)
        model = BERT4Rec(ITEMS, LENGTH)
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        settings = {"num_epochs": 2, "batch_size": 8, "seed": seed, "verbose": False}
        runs.append(sl.fit(model, data, sampler(data), **settings)["loss"])
        assert torch.equal(torch.get_rng_state(), state)
    torch.set_rng_state(before)
    assert runs[0] == runs[1] != runs[2]
