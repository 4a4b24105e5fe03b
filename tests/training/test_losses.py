"""Each loss against its formula in float64, written with plain numbers, and against torch's."""

import itertools
import math

import pytest
import torch
from torch.nn import functional

from seqrec_lib.training import losses
from seqrec_lib.training.losses import BCE, GBCE, LOSSES, CrossEntropy, SampledSoftmax, as_loss

N, ITEMS, D = 10, 7, 4
EVERY = [
    BCE(),
    BCE(3),
    BCE(12),  # many negatives take another way to their logits
    GBCE(3),
    GBCE(12, t=0.2),
    SampledSoftmax(3),
    SampledSoftmax(12),
    SampledSoftmax(3, log_q=True),
    CrossEntropy(),
]


def problem(k, seed=0, rows=N, dtype=torch.float64):
    """query (N, D), shift (N,), table (I+1, D), target (N,), negatives (N, K)."""
    g = torch.Generator().manual_seed(seed)
    query = 2 * torch.randn(rows, D, generator=g, dtype=dtype)
    shift = torch.randn(rows, generator=g, dtype=dtype)
    table = torch.randn(ITEMS + 1, D, generator=g, dtype=dtype)
    table[0] = 0
    target = torch.randint(1, ITEMS + 1, (rows,), generator=g)
    negatives = torch.randint(1, ITEMS + 1, (rows, k), generator=g)
    return query, shift, table, target, negatives


def by_hand(loss, query, shift, table, target, negatives):
    """The sum over rows, by each docstring's formula, one number at a time."""
    query, table = query.numpy(), table.numpy()
    total = 0.0
    for n in range(len(query)):
        extra = 0.0 if shift is None else float(shift[n])
        s = [float(query[n] @ table[i]) + extra for i in range(len(table))]
        right = s[int(target[n])]
        wrong = [s[int(i)] for i in negatives[n]]
        positive_part = math.log1p(math.exp(-right))  # -log σ(right)
        negative_part = sum(math.log1p(math.exp(w)) for w in wrong)  # -log(1 - σ(wrong))
        if isinstance(loss, BCE):
            total += positive_part + negative_part
        elif isinstance(loss, GBCE):
            k = loss.negatives
            alpha = k / (ITEMS - 1) if k < ITEMS - 1 else 1.0
            beta = alpha * (loss.t * (1 - 1 / alpha) + 1 / alpha)
            total += (beta * positive_part + negative_part) / (k + 1)
        elif isinstance(loss, SampledSoftmax):
            count = loss.negatives / (ITEMS - 1) if loss.log_q else 1.0
            below = math.exp(right) + sum(math.exp(w) / count for w in wrong)
            total += -math.log(math.exp(right) / below)
        else:
            total += -math.log(math.exp(right) / sum(math.exp(x) for x in s[1:]))
    return total


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_the_value_is_the_formulas(loss, shifted):
    query, shift, table, target, negatives = problem(loss.negatives)
    shift = shift if shifted else None
    got = loss.total(query, shift, table, target, negatives)
    assert got.shape == ()
    expected = by_hand(loss, query, shift, table, target, negatives)
    assert float(got) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_gradients_are_the_slopes_of_the_value(loss):
    query, shift, table, target, negatives = problem(loss.negatives)
    table = table[1:].requires_grad_()

    def value(query, shift, table):
        whole = torch.cat([torch.zeros(1, D, dtype=table.dtype), table])
        return loss.total(query, shift, whole, target, negatives)

    assert torch.autograd.gradcheck(
        value, (query.requires_grad_(), shift.requires_grad_(), table), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_padding_adds_nothing_and_costs_nothing(loss):
    """The rows with a next item among others give what they give alone, and the others are not
    multiplied with any item."""
    query, shift, table, target, negatives = problem(loss.negatives)
    for weight in (query, shift, table):
        weight.requires_grad_()
    real = torch.tensor([1, 2, 5, 9])
    padded = torch.zeros_like(target).scatter(0, real, target[real])
    seen = []

    def counted(some, *rest):
        seen.append(len(some))
        return losses.dots(some, *rest)

    among = loss.total(query, shift, table, padded, negatives, counted)
    alone = loss.total(query[real], shift[real], table, target[real], negatives[real])
    assert float(among.detach()) == pytest.approx(float(alone.detach()), rel=1e-12)
    assert set(seen) <= {len(real)}
    inputs = (query, shift, table)
    got, expected = (torch.autograd.grad(x, inputs, allow_unused=True) for x in (among, alone))
    for mine, other in zip(got, expected, strict=True):
        if other is not None:
            torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_numbers_on_paper():
    """Logits ln 3 for the next item, 0 and -ln 3 for two negatives: σ = 3/4, 1/2, 1/4."""
    table = torch.tensor([[0.0], [math.log(3)], [0.0], [-math.log(3)]], dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)
    row = (one, None, table, torch.tensor([1]), torch.tensor([[2, 3]]))
    bce = math.log(4 / 3) + math.log(2) + math.log(4 / 3)
    assert float(BCE(2).total(*row)) == pytest.approx(bce)
    # 3 items, 2 negatives: alpha = 1, so beta = 1 whatever t is
    assert float(GBCE(2, t=0.5).total(*row)) == pytest.approx(bce / 3)
    # e^s = 3, 1, 1/3: the share of the next item is 3 / (13/3) = 9/13
    assert float(SampledSoftmax(2).total(*row)) == pytest.approx(math.log(13 / 9))
    assert float(CrossEntropy().total(*row)) == pytest.approx(math.log(13 / 9))


def test_beta_of_gbce():
    """K = 2 of I - 1 = 10: alpha = 0.2, 1/alpha = 5; beta = 0.2 (t (1 - 5) + 5) = 1 - 0.8 t."""
    assert GBCE(2, t=0.0).beta(11) == pytest.approx(1.0)
    assert GBCE(2, t=0.75).beta(11) == pytest.approx(0.4)
    assert GBCE(2, t=1.0).beta(11) == pytest.approx(0.2)
    assert GBCE(10, t=0.3).beta(11) == pytest.approx(1.0)
    assert GBCE(50, t=0.3).beta(11) == pytest.approx(1.0)  # more draws than items


@pytest.mark.parametrize("k", [1, 4])
def test_gbce_with_t_0_is_the_mean_of_bce(k):
    row = problem(k)
    expected = BCE(k).total(*row) / (k + 1)
    torch.testing.assert_close(GBCE(k, t=0.0).total(*row), expected, rtol=1e-14, atol=0)


def test_sampled_softmax_over_every_other_item_is_cross_entropy():
    """With all other items as negatives, the correction is log 1 = 0, too."""
    query, _, table, target, _ = problem(1)
    others = torch.tensor([[i for i in range(1, ITEMS + 1) if i != t] for t in target.tolist()])
    expected = CrossEntropy().total(query, None, table, target, others)
    for log_q in (False, True):
        got = SampledSoftmax(ITEMS - 1, log_q).total(query, None, table, target, others)
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)


def test_log_q_makes_the_sum_over_negatives_an_estimate_of_the_sum_over_all():
    """exp(loss) is the sum of e^(s_i - s+) over all items, on average over all possible draws."""
    query, _, table, target, _ = problem(1, rows=1)
    others = [i for i in range(1, ITEMS + 1) if i != int(target)]
    loss = SampledSoftmax(3, log_q=True)
    sums = [
        math.exp(float(loss.total(query, None, table, target, torch.tensor([drawn]))))
        for drawn in itertools.product(others, repeat=3)
    ]
    exact = math.exp(float(CrossEntropy().total(query, None, table, target, torch.tensor([[1]]))))
    assert sum(sums) / len(sums) == pytest.approx(exact, rel=1e-12)


# Cross-entropy over all items ---------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 3 * ITEMS, 3 * ITEMS + 1, N * ITEMS, 10**6])
def test_cross_entropy_is_torchs_whatever_the_chunks(monkeypatch, at_once):
    monkeypatch.setattr(losses, "_LOGITS_AT_ONCE", at_once)
    monkeypatch.setattr(losses, "_ROWS_AT_LEAST", 1)
    query, shift, table, target, negatives = problem(0)
    query.requires_grad_()
    table.requires_grad_()
    got = 0.7 * CrossEntropy().total(query, shift, table, target, negatives)
    mine = torch.autograd.grad(got, (query, table))
    expected = 0.7 * functional.cross_entropy(query @ table[1:].T, target - 1, reduction="sum")
    theirs = torch.autograd.grad(expected, (query, table))
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)
    assert bool((mine[1][0] == 0).all())


def test_cross_entropy_in_float32_is_torchs():
    query, shift, table, target, negatives = problem(0, rows=200, dtype=torch.float32)
    query.requires_grad_()
    table.requires_grad_()
    got = CrossEntropy().total(query, shift, table, target, negatives)
    mine = torch.autograd.grad(got, (query, table))
    exact = functional.cross_entropy(query.double() @ table[1:].T.double(), target - 1)
    theirs = torch.autograd.grad(200 * exact, (query, table))
    torch.testing.assert_close(got.double(), 200 * exact, rtol=1e-6, atol=0)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * float(b.abs().max()))


def test_cross_entropy_keeps_no_logits_for_the_backward_pass(monkeypatch):
    monkeypatch.setattr(losses, "_LOGITS_AT_ONCE", 2 * ITEMS)
    monkeypatch.setattr(losses, "_ROWS_AT_LEAST", 1)
    query, shift, table, target, negatives = problem(0, rows=50)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, id):
        CrossEntropy().total(query.requires_grad_(), shift, table, target, negatives)
    assert sizes
    assert max(sizes) <= max(query.numel(), table.numel())


def test_cross_entropy_without_gradient():
    row = problem(0)
    with torch.no_grad():
        value = CrossEntropy().total(*row)
    assert float(value) == pytest.approx(by_hand(CrossEntropy(), *row), rel=1e-12)


# Far out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("right", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("wrong", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("loss", EVERY, ids=str)
def test_value_and_gradients_are_finite_and_right_at_huge_logits(loss, right, wrong, dtype):
    """One dimension, so that a table's number is a logit; all but the next item have the same."""
    table = torch.full((ITEMS + 1, 1), wrong, dtype=dtype)
    table[1] = right
    table[0] = 0
    table.requires_grad_()
    query = torch.ones(1, 1, dtype=dtype, requires_grad=True)
    negatives = torch.full((1, loss.negatives), 2)
    value = loss.total(query, None, table, torch.tensor([1]), negatives)
    gradients = torch.autograd.grad(value, (query, table))
    assert all(bool(g.isfinite().all()) for g in gradients)

    def softplus(x):  # log(1 + e^x), without overflow
        return max(x, 0.0) + math.log1p(math.exp(-abs(x)))

    k = loss.negatives
    if isinstance(loss, BCE):
        expected = softplus(-right) + k * softplus(wrong)
    elif isinstance(loss, GBCE):
        expected = (loss.beta(ITEMS) * softplus(-right) + k * softplus(wrong)) / (k + 1)
    else:
        count = float(ITEMS - 1) if isinstance(loss, CrossEntropy) else float(k)
        if isinstance(loss, SampledSoftmax) and loss.log_q:
            count = float(ITEMS - 1)
        expected = softplus(wrong - right + math.log(count))
    spacing = 1e4 * torch.finfo(dtype).eps  # of floating-point numbers at 1e4
    assert float(value.detach()) == pytest.approx(expected, rel=1e-6, abs=spacing)


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bce", "gbce", "sampled-softmax", "cross-entropy"])
def test_a_loss_by_name(name):
    assert as_loss(name) == LOSSES[name]()
    assert as_loss(name).name == name
    assert as_loss(as_loss(name)) is not None


def test_defaults():
    assert as_loss("bce") == BCE(negatives=1)
    assert as_loss("gbce") == GBCE(negatives=256, t=0.75)
    assert as_loss("sampled-softmax") == SampledSoftmax(negatives=256, log_q=False)


def test_an_unknown_loss_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"loss='bpr' must be one of 'bce', 'gbce'"):
        as_loss("bpr")
    for wrong in (3, None, BCE):
        with pytest.raises(TypeError, match="must be a name, an object of the classes"):
            as_loss(wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BCE(0), "negatives=0"),
        (lambda: BCE(1.5), "negatives=1.5"),
        (lambda: GBCE(0), "negatives=0"),
        (lambda: GBCE(3, t=1.5), "t=1.5"),
        (lambda: SampledSoftmax(-1), "negatives=-1"),
        (lambda: CrossEntropy(5), "negatives=5.*SampledSoftmax"),
    ],
)
def test_a_loss_names_a_setting_out_of_its_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
