"""Stochastic shared embeddings: each probability does what its name says, and nothing else."""

import numpy as np
import pytest
import torch
from scipy import stats

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.recommenders import SSEPT
from seqrec_lib.training.sampling import Batch, WarpSampler
from seqrec_lib.training.sse import SSE

ITEMS, USERS, B, T = 12, 7, 3000, 10


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, T + 1, (B, 1))
    real = torch.from_numpy(np.arange(T) >= T - lengths)
    history = torch.from_numpy(rng.integers(1, ITEMS + 1, (B, T + 1)))
    users = torch.from_numpy(rng.integers(1, USERS + 1, B))
    neg = torch.from_numpy(rng.integers(1, ITEMS + 1, (B, T)))
    return Batch(users, history[:, :-1] * real, history[:, 1:] * real, neg * real)


def replaced(batch, sse, seed=5):
    return sse.replace(batch, USERS, ITEMS, torch.Generator().manual_seed(seed))


def share_is(changed, p):
    """The share of True is p, by an exact two-sided test."""
    result = stats.binomtest(int(changed.sum()), changed.numel(), p)
    assert result.pvalue > 1e-4, (result.statistic, p)


@pytest.mark.parametrize(
    ("sse", "changed_part"),
    [
        (SSE(user=0.92), "users"),
        (SSE(input_item=0.1), "seq"),
        (SSE(output_item=0.3), "pos"),
    ],
)
def test_each_probability_replaces_its_own_part_and_only_that(batch, sse, changed_part):
    p = max(sse.user, sse.input_item, sse.output_item)
    new = replaced(batch, sse)
    for name in Batch._fields:
        before, after = getattr(batch, name), getattr(new, name)
        if name != changed_part:
            assert torch.equal(before, after)
            continue
        real = before != 0
        assert torch.equal(after[~real], before[~real])
        share_is((after != before)[real], p)


def test_the_replacement_is_uniform_over_the_others(batch):
    new = replaced(batch, SSE(input_item=1.0)).seq
    for item in (1, 5, ITEMS):
        others = torch.bincount(new[batch.seq == item], minlength=ITEMS + 1)[1:]
        assert others[item - 1] == 0
        counts = np.delete(others.numpy(), item - 1)
        assert stats.chisquare(counts).pvalue > 1e-4


def test_the_three_are_independent(batch):
    new = replaced(batch, SSE(user=0.5, input_item=0.5, output_item=0.5))
    real = batch.seq != 0
    into, out = (new.seq != batch.seq)[real], (new.pos != batch.pos)[real]
    table = torch.stack([(into == a) & (out == b) for a in (0, 1) for b in (0, 1)]).sum(dim=1)
    assert stats.chi2_contingency(table.view(2, 2).numpy()).pvalue > 1e-4


def test_nothing_is_drawn_where_all_is_zero(batch):
    generator = torch.Generator().manual_seed(5)
    before = generator.get_state()
    for rule in ("paper", "as-released"):
        new = SSE(rule=rule).replace(batch, USERS, ITEMS, generator)
        assert all(torch.equal(a, b) for a, b in zip(new, batch, strict=True))
    assert torch.equal(generator.get_state(), before)


def test_a_seed_repeats_and_another_does_not(batch):
    sse = SSE(0.5, 0.5, 0.5)
    first, again, other = (replaced(batch, sse, seed) for seed in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.seq, other.seq)


def test_as_released_ties_input_and_target_to_one_event(batch):
    """The rule of the authors' sampler, retyped as the loop that it is there.

    Walking back from the latest position: with probability p both the input and the target of a
    position become random; then the input, as it now is, becomes the target of the one before.
    """
    p = 0.3
    sse = SSE(input_item=p, output_item=p, rule="as-released")
    new = replaced(batch, sse)
    real = batch.seq != 0
    hit = new.seq != batch.seq  # an event that drew the same id again cannot be seen
    share_is(hit[real], p * (1 - 1 / ITEMS))
    # Where no event is seen and the target is not the input that follows, the target must have been
    # replaced by an unseen event: that has probability p / ITEMS, and a random target.
    follows = torch.cat([new.seq[:, 1:], batch.pos[:, -1:]], dim=1)
    quiet = real & ~hit
    share_is((new.pos != follows)[quiet], p / ITEMS / (1 - p + p / ITEMS) * (1 - 1 / ITEMS))
    # Where an event is seen the target is uniform over all items.
    counts = torch.bincount(new.pos[hit], minlength=ITEMS + 1)[1:]
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4
    assert torch.equal(new.pos == 0, ~real)
    assert torch.equal(new.seq == 0, ~real)


def test_as_released_users(batch):
    new = replaced(batch, SSE(user=0.92, rule="as-released"))
    share_is(new.users != batch.users, 0.92 * (1 - 1 / USERS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user": 1.2}, r"user=1\.2 must be between 0 and 1"),
        ({"input_item": -0.1}, "input_item=-0.1"),
        ({"rule": "mine"}, "rule='mine'"),
        ({"input_item": 0.1, "rule": "as-released"}, "must be equal"),
    ],
)
def test_wrong_settings_say_so(arguments, message):
    with pytest.raises(ValueError, match=message):
        SSE(**arguments)


def test_training_takes_it_and_zero_changes_no_bit():
    rng = np.random.default_rng(3)
    histories = {user: rng.integers(1, 21, 8).tolist() for user in range(1, 41)}
    dataset = SASRecDataSet.from_sequences(histories, itemnum=20)

    def weights(sse):
        model = SSEPT(20, 6, 1, 4, user_num=40, seed=1)
        sampler = WarpSampler(dataset.train, 40, 20, batch_size=16, maxlen=6, seed=2)
        model.train_model(dataset, sampler, 3, 16, sse=sse, seed=3, verbose=False)
        return torch.cat([value.view(-1) for value in model.state_dict().values()])

    none, zero, some = weights(None), weights(SSE()), weights(SSE(0.5, 0.1, 0.1))
    assert torch.equal(none, zero)
    assert not torch.equal(none, some)
