"""One step of each engine against a textbook step: the same loss, the same gradients.

The textbook step knows nothing of engines: it asks `forward` of a float64 copy for the logits of
every item, padding and all, and puts the loss together from torch's own functions.
"""

import copy
import itertools

import pytest
import tiny
import torch
from torch.nn import functional

from seqrec_lib.models.recommenders import SSEPT
from seqrec_lib.network.fast import scoring
from seqrec_lib.network.layers import LAYOUTS, NORMS
from seqrec_lib.network.rows import PaddedRows
from seqrec_lib.training import packed_engine
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.losses import BCE, GBCE, CrossEntropy, SampledSoftmax
from seqrec_lib.training.packed_engine import PackedEngine

LOSSES = [
    BCE(),
    BCE(3),
    GBCE(3),
    GBCE(12),
    SampledSoftmax(3),
    SampledSoftmax(12, log_q=True),
    CrossEntropy(),
]
LENGTHS = [*range(tiny.LENGTH + 6), 1, 2, 1]  # nothing at all, then 1 to n + 5 items


def stirred(model):
    """Weights at which float32 still has 1e-5: larger ones lose it in plain torch, too."""
    return tiny.stir(model, scale=0.2)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def negatives_for(batch, k, seed=1):
    drawn = torch.randint(1, tiny.ITEMS + 1, (*batch.pos.shape, k), generator=generator(seed))
    return drawn * (batch.pos != 0).unsqueeze(2)


def textbook_step(model, loss, batch, negatives):
    """The mean loss, and {name: gradient}, in float64."""
    model = copy.deepcopy(model).double()
    B, T = batch.seq.shape
    asked = torch.arange(1, tiny.ITEMS + 1).repeat(B).view(-1, 1).expand(-1, T)  # (B·I, T)
    x = {"input_seq": batch.seq.repeat_interleave(tiny.ITEMS, 0)}
    x |= {"positive": asked, "negative": asked}
    x["users"] = batch.users.repeat_interleave(tiny.ITEMS).view(-1, 1)
    logits = model(x, training=False)[0].view(B, tiny.ITEMS, T).transpose(1, 2)  # (B, T, I)
    real = batch.pos != 0
    logits, target, drawn = logits[real], batch.pos[real] - 1, negatives[real] - 1
    right, wrong = logits.gather(1, target.unsqueeze(1)), logits.gather(1, drawn)
    if isinstance(loss, CrossEntropy):
        mean = functional.cross_entropy(logits, target)
    elif isinstance(loss, SampledSoftmax):
        if loss.log_q:
            wrong = wrong - torch.tensor(loss.negatives / (tiny.ITEMS - 1)).double().log()
        mean = functional.cross_entropy(torch.cat([right, wrong], 1), torch.zeros_like(target))
    else:
        yes, no = (
            functional.binary_cross_entropy_with_logits(
                logit, torch.full_like(logit, label), reduction="none"
            ).sum(dim=1)
            for logit, label in ((right, 1.0), (wrong, 0.0))
        )
        if isinstance(loss, GBCE):
            yes, no = (loss.beta(tiny.ITEMS) * yes, no)
            yes, no = yes / (loss.negatives + 1), no / (loss.negatives + 1)
        mean = (yes + no).mean()
    mean.backward()
    return mean.detach(), {name: p.grad for name, p in model.named_parameters()}


def same_step(model, run, loss, batch, negatives):
    """Whether `run` gives the textbook's loss, and its gradients to 1e-5 of their largest.

    Where a gradient is 0 (K.bias: it moves all scores of a query alike) rounding leaves 1e-8.
    """
    expected, gradients = textbook_step(model, loss, batch, negatives)
    with run:
        value = run.step(batch, negatives)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    for name, p in model.named_parameters():
        allowed = max(1e-5 * float(gradients[name].abs().max()), 2e-7)
        error = float((p.grad.double() - gradients[name]).abs().max())
        assert error <= allowed, f"{name}: off by {error:.1e}, {allowed:.1e} allowed"


def roads(model, loss):
    """Both engines, the fast one with 1 and 2 threads."""
    yield PaddedEngine(model, loss, generator())
    for threads in (1, 2):
        yield PackedEngine(model, loss, generator(), threads)


# The same mathematics -----------------------------------------------------------------------------


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_step_of_each_engine_is_the_textbooks(make, loss, layout, heads):
    model = stirred(make(layout=layout, attention_num_heads=heads, norm=NORMS[heads - 1]))
    batch = tiny.batch_of(LENGTHS)
    negatives = negatives_for(batch, loss.negatives)
    for run in roads(model, loss):
        same_step(model, run, loss, batch, negatives)


@pytest.mark.parametrize(
    "options",
    [
        {"num_blocks": 0},
        {"num_blocks": 3, "attention_num_heads": 4, "conv_dims": [13, 8]},
        {"residuals": False},
        {"residuals": False, "layout": "pre-norm"},
        {"positions": False, "norm": "feature"},
        {"shared_embedding": False},
    ],
    ids=str,
)
def test_a_step_of_each_variant_is_the_textbooks(make, options):
    model = stirred(make(**options))
    batch = tiny.batch_of(LENGTHS)
    for loss in (BCE(), CrossEntropy()):
        for run in roads(model, loss):
            same_step(model, run, loss, batch, negatives_for(batch, loss.negatives))


def test_many_groups_a_thread_are_the_same_step(make, monkeypatch):
    monkeypatch.setattr(packed_engine, "ROWS_AT_ONCE", 4)
    model = stirred(make())
    batch = tiny.batch_of([*LENGTHS, *LENGTHS])
    for loss in (BCE(), GBCE(12), CrossEntropy()):
        negatives = negatives_for(batch, loss.negatives)
        for threads in (1, 2, 3):
            run = PackedEngine(model, loss, generator(), threads)
            same_step(model, run, loss, batch, negatives)


def test_more_threads_than_sequences_are_the_same_step(make):
    model = stirred(make())
    batch = tiny.batch_of([3])
    run = PackedEngine(model, BCE(), generator(), threads=3)
    same_step(model, run, BCE(), batch, negatives_for(batch, 1))


def test_sequences_longer_than_a_block_of_queries_are_the_same_step(make):
    """Attention walks over 32 queries at a time: 31, 32, 33, 64 and 65 stand at its edges."""
    model = stirred(make(seq_max_len=70, attention_num_heads=2))
    batch = tiny.batch_of([31, 32, 33, 64, 65, 70, 1], length=70)
    for run in roads(model, BCE()):
        same_step(model, run, BCE(), batch, negatives_for(batch, 1))


def test_at_huge_scores_both_engines_have_the_textbooks_loss_and_finite_gradients(make):
    """What a learning rate of 1 leaves behind: scores of 1e10, where one key takes it all, and
    gradients are rounding, times a key."""
    model = stirred(make(seq_max_len=40, attention_num_heads=2))
    with torch.no_grad():
        for block in model.encoder.enc_layers:
            block.mha.Q.weight.mul_(3e5)
            block.mha.K.weight.mul_(3e5)
    batch = tiny.batch_of([40, 33, 5, 1], length=40)
    negatives = negatives_for(batch, 1)
    expected, _ = textbook_step(model, BCE(), batch, negatives)
    for run in roads(model, BCE()):
        with run:
            assert float(run.step(batch, negatives)) == pytest.approx(float(expected), rel=1e-5)
        assert all(bool(p.grad.isfinite().all()) for p in model.parameters())


def test_a_batch_shorter_than_the_model_is_the_same_step(make):
    """The columns that are left out would be padding."""
    model = stirred(make())
    short = tiny.batch_of([4, 1, 3, 2], length=4)
    whole = [functional.pad(x, (2, 0)) for x in short[1:]]
    expected, gradients = textbook_step(
        model, BCE(), type(short)(short.users, *whole), whole[2].unsqueeze(2)
    )
    for run in roads(model, BCE()):
        with run:
            value = run.step(short, short.neg.unsqueeze(2))
        torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=0)
        for name, p in model.named_parameters():
            torch.testing.assert_close(p.grad.double(), gradients[name], rtol=1e-4, atol=1e-6)


def test_the_textbook_step_is_the_contracts_loss_function(make):
    """For BCE with one negative, forward and loss_function alone make the step."""
    model = stirred(make())
    batch = tiny.batch_of(LENGTHS)
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    x["users"] = batch.users.view(-1, 1)
    loss = model.loss_function(*model(x, training=False))
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    expected, theirs = textbook_step(model, BCE(), batch, batch.neg.unsqueeze(2))
    torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=0)
    for mine, (name, gradient) in zip(gradients, theirs.items(), strict=True):
        torch.testing.assert_close(mine.double(), gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_a_model_in_evaluation_mode_has_no_dropout(make):
    model = stirred(make(dropout_rate=0.5)).eval()
    batch = tiny.batch_of(LENGTHS)
    for run in roads(model, BCE()):
        same_step(model, run, BCE(), batch, batch.neg.unsqueeze(2))


# Dropout in a whole step --------------------------------------------------------------------------


def test_both_engines_drop_out_alike(make):
    """Losses and gradients over many draws: equal mean and spread, within 5 standard errors."""
    model = stirred(make(dropout_rate=0.25))  # 64/256: the same rate in both engines
    batch = tiny.batch_of([6, 5, 4, 3, 2, 1])
    draws, seen = 400, []
    for run in (PaddedEngine(model, BCE(), generator(1)), PackedEngine(model, BCE(), generator(2))):
        values = []
        with run:
            for _ in range(draws):
                loss = run.step(batch, batch.neg.unsqueeze(2))
                norms = [p.grad.norm() for p in model.parameters()]
                values.append(torch.stack([loss, *norms]))
        seen.append(torch.stack(values).double())  # (draws, 1 + parameters)
    plain, fast = seen
    error = ((plain.var(0) + fast.var(0)) / draws).sqrt()
    assert bool(((plain.mean(0) - fast.mean(0)).abs() <= 5 * error + 1e-6).all())
    ratio = plain[:, 0].std() / fast[:, 0].std()
    assert 0.75 < float(ratio) < 1.33
    assert float(plain[:, 0].std()) > 0.01


def test_equal_seeds_give_equal_bits_for_any_number_of_threads(make, monkeypatch):
    """In one group and in several, which are added up in one order whoever is done first."""
    model = stirred(make(dropout_rate=0.3))
    batch = tiny.batch_of([*LENGTHS, *LENGTHS])
    for rows in (4096, 13):
        monkeypatch.setattr(packed_engine, "ROWS_AT_ONCE", rows)
        bits = []
        for threads, seed in ((1, 3), (1, 3), (2, 3), (3, 3), (8, 3), (1, 4)):
            with PackedEngine(model, BCE(), generator(seed), threads) as run:
                steps = [run.step(batch, batch.neg.unsqueeze(2)) for _ in range(2)]
            bits.append([*steps, *(p.grad.clone() for p in model.parameters())])
            assert not torch.equal(*steps)
        for other in bits[1:-1]:
            assert all(torch.equal(a, b) for a, b in zip(bits[0], other, strict=True))
        assert not torch.equal(bits[0][0], bits[-1][0])


def test_what_comes_early_waits_for_its_turn():
    """1e8 + 1 - 1e8 is 0 or 1 in float32, by the order of adding up: here always the same one."""
    values = [torch.tensor([x]) for x in (1e8, 1.0, -1e8)]
    for order in itertools.permutations(range(3)):
        total = packed_engine._SumInOrder()
        for number in order:
            total.add(number, [values[number].clone(), None])
        assert [x if x is None else x.tolist() for x in total.parts] == [[0.0], None]
    assert float(values[0] + values[2] + values[1]) == 1.0


# Scores -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", range(4))
@pytest.mark.parametrize("residuals", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_last_state_is_the_padded_forward_passs(make, layout, residuals, blocks, monkeypatch):
    model = make(
        layout=layout,
        residuals=residuals,
        num_blocks=blocks,
        attention_num_heads=1 + blocks % 2,
        norm=NORMS[blocks % 2],
        dropout_rate=0.5,
    )
    tiny.stir(model, scale=0.3)
    seq = tiny.padded(tiny.histories([0, 1, 2, 5, 6, 11, 0, 3]))
    users = torch.arange(1, 9) if isinstance(model, SSEPT) else None
    wide = copy.deepcopy(model).double()
    by_row = None if users is None else users.view(-1, 1).expand_as(seq)
    with torch.no_grad():
        expected = wide.encode(seq, by_row, PaddedRows(seq != 0))[:, -1]
        fast = model.last_state(users, seq)
        plain = wide.last_state(users, seq)  # float64 takes the padded road
        monkeypatch.setattr(scoring, "ROWS_AT_ONCE", 3)
        cut = model.last_state(users, seq)
    torch.testing.assert_close(plain, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(fast.double(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(cut.double(), expected, rtol=1e-4, atol=1e-5)


def test_nobody_has_no_scores(make):
    model = make()
    users = torch.zeros(0, dtype=torch.int64) if isinstance(model, SSEPT) else None
    assert model.score(users, torch.zeros(0, 6, dtype=torch.int64)).shape == (0, tiny.ITEMS + 1)


# Threads and errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_torchs_number_of_threads_is_put_back(threads):
    before = torch.get_num_threads()
    model, batch = tiny.sasrec(), tiny.batch_of([3, 4])
    with PackedEngine(model, BCE(), generator(), threads) as run:
        run.step(batch, batch.neg.unsqueeze(2))
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), PackedEngine(model, BCE(), generator(), threads):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_a_number_of_threads_below_1_is_refused():
    with pytest.raises(ValueError, match="threads=0"):
        PackedEngine(tiny.sasrec(), BCE(), generator(), threads=0)


@pytest.mark.parametrize(
    ("seq", "pos"),
    [
        ([[0, 1, 2], [4, 5, 6]], [[0, 0, 3], [5, 6, 7]]),  # a position without a target
        ([[0, 1, 2], [4, 5, 6]], [[1, 2, 3], [5, 6, 7]]),  # a target without an item
        ([[5, 0, 2], [4, 5, 6]], [[2, 0, 3], [5, 6, 7]]),  # a masked position
    ],
)
def test_what_cannot_be_packed_is_the_plain_step(make, seq, pos):
    """A 0 between items is a masked position for every engine: the gap is not closed."""
    seq, pos = torch.tensor(seq), torch.tensor(pos)
    model = stirred(make(seq_max_len=3))
    batch = tiny.Batch(torch.tensor([1, 2]), seq, pos, pos.flip(0) * (pos != 0))
    found = []
    for run in roads(model, BCE()):
        with run:
            loss = run.step(batch, batch.neg.unsqueeze(2))
        found.append([loss, *(p.grad.clone() for p in model.parameters())])
    for other in found[1:]:
        for mine, theirs in zip(other, found[0], strict=True):
            torch.testing.assert_close(mine, theirs)


def test_a_batch_of_padding_alone_is_refused():
    batch = tiny.batch_of([0, 0])
    with (
        PackedEngine(tiny.sasrec(), BCE(), generator()) as run,
        pytest.raises(ValueError, match="nothing but padding"),
    ):
        run.step(batch, batch.neg.unsqueeze(2))
