"""What the benchmark's cases do and count, and the profile of their steps."""

import numpy as np
import pytest
import torch
from padded_last import PaddedLast
from torch.utils.flop_counter import FlopCounterMode

from seqrec_lib.benchmark.cases import (
    BATCH,
    CASES,
    Bench,
    evaluate_all,
    logit_flops,
    recommend_all,
    sequence_flops,
    train_epoch,
)
from seqrec_lib.benchmark.profile import named_kernels, profile, some_users
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.network.fast import attention_kernels, kernels
from seqrec_lib.network.fast.last import last_state
from seqrec_lib.network.rows import PaddedRows


@pytest.fixture(scope="module")
def tiny() -> SASRecDataSet:
    """30 users with 3 to 11 of 40 items."""
    numbers = np.random.default_rng(0)
    return SASRecDataSet.from_sequences(
        {u: numbers.permutation(40)[: 3 + u % 9] + 1 for u in range(1, 31)}, itemnum=40
    )


# What is counted -----------------------------------------------------------------------------


def test_arithmetic_of_one_block_by_hand():
    model = SASREC(
        item_num=5, seq_max_len=8, num_blocks=1, embedding_dim=4, conv_dims=[6, 4], dropout_rate=0
    )
    # Each of 3 rows: Q, K, V 3·(2·4·4) = 96, feed-forward 2·4·6 + 2·6·4 = 96. Pairs 1 + 2 + 3 = 6,
    # each 2·4 for its score and 2·4 for its part of the sum.
    assert sequence_flops(model, np.array([3, 0])).tolist() == [3 * (96 + 96) + 6 * 16, 0]
    # The last position only: one Q, K and V on its side, one feed-forward, 3 pairs.
    assert sequence_flops(model, np.array([3]), last=True).tolist() == [96 + 96 + 3 * 16]
    assert logit_flops(model) == 8


@pytest.mark.parametrize("blocks", [0, 1, 3])
@pytest.mark.parametrize("with_users", [False, True])
def test_arithmetic_is_what_torch_counts_less_the_future(blocks, with_users):
    B, T, items = 2, 7, 11
    settings = {"item_num": items, "seq_max_len": T, "num_blocks": blocks, "embedding_dim": 6}
    settings |= {"dropout_rate": 0.0, "seed": 0}
    model = SSEPT(user_num=3, **settings) if with_users else SASREC(**settings)
    model.double()  # the plain padded way: torch sees every product
    D = 12 if with_users else 6
    history, users = torch.randint(1, items + 1, (B, T)), torch.tensor([1, 2])
    lengths = np.full(B, T)
    future = B * T * (T - 1) / 2 * 4 * D * blocks  # the padded way multiplies by zeros there
    rows = PaddedRows(history != 0)

    with FlopCounterMode(display=False) as counter:
        hidden = model.encode(history, users.view(-1, 1).expand(B, T), rows)
    forward = counter.get_total_flops()
    assert sequence_flops(model, lengths).sum() == forward - future
    if blocks:
        with FlopCounterMode(display=False) as counter:
            hidden.sum().backward()
        assert counter.get_total_flops() == 2 * forward

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        by_row = users.view(-1, 1).expand(B, T)
        last = last_state(model, history, by_row, PaddedLast(history != 0)).squeeze(1)
        model.query(last, users)[0] @ model.output_embedding.T
    torch.testing.assert_close(last, model.last_state(users, history))
    scoring = sequence_flops(model, lengths, last=True).sum()
    logits = B * (items + 1) * logit_flops(model)  # with the padding's column
    assert scoring + logits == counter.get_total_flops() - future * (blocks - 1) / max(1, blocks)


@pytest.mark.parametrize(("loss", "logits"), [("bce", 2), ("cross-entropy", 40)])
def test_epoch_counts_what_its_users_are_expected_to_cost(tiny, loss, logits):
    work = train_epoch(Bench(tiny), maxlen=5, loss=loss)
    model = SASREC(item_num=40, seq_max_len=5, embedding_dim=50)
    costs = []
    for user in tiny.train:
        length = min(len(tiny.train[user]) - 1, 5)
        if length >= 1:
            forward = sequence_flops(model, np.array([length]))[0] + length * logits * 2 * 50
            costs.append(3 * forward)
    assert work.sequences == BATCH  # one step: fewer users than a batch
    assert work.flops == pytest.approx(BATCH * sum(costs) / len(costs), rel=1e-12)
    assert work.parts == 1
    work.run()


def test_scoring_counts_each_user_once(tiny):
    model = SASREC(item_num=40, seq_max_len=5, embedding_dim=50)
    whole = np.array([len(tiny.sequences[user]) for user in tiny.sequences])
    evaluation = evaluate_all(Bench(tiny), maxlen=5)
    forward = sequence_flops(model, np.minimum(whole - 1, 5), last=True).sum()
    assert (evaluation.sequences, evaluation.flops) == (30, forward + 30 * 101 * 100)
    ranking = recommend_all(Bench(tiny), maxlen=5, users=True)
    assert (ranking.sequences, len(ranking.run())) == (30, 300)  # ten films each


# The profile ---------------------------------------------------------------------------------


def test_profile_names_the_compiled_loops(tiny):
    case = next(case for case in CASES if case.name == "train-50")
    before = attention_kernels.attention_forward
    found = profile(case, Bench(tiny))
    assert attention_kernels.attention_forward is before
    assert found["steps"] == 1
    assert 0 < found["compiled_share"] < 1
    shares = [line["share"] for line in found["lines"]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 15
    assert 0 < sum(shares) <= 1  # how much the dearest 15 are depends on what else the machine does
    parts = [line["self_ms"] / found["total_ms"] for line in found["lines"]]
    assert shares == pytest.approx(parts)
    assert any(line["name"] == "compiled: attention_forward" for line in found["lines"])


def test_kernels_are_put_back_after_an_error():
    before = dict(vars(kernels))
    with pytest.raises(TypeError), named_kernels():
        kernels.drop()  # without its arguments
    assert dict(vars(kernels)) == before


def test_some_users_keep_their_ids_and_items(tiny):
    fewer = some_users(tiny, 10)
    kept = np.flatnonzero(fewer.sequences.lengths)
    assert len(kept) == 10
    assert (kept.min(), kept.max()) == (1, 30)
    for user in kept:
        assert fewer.sequences[user].tolist() == tiny.sequences[user].tolist()
    assert (fewer.usernum, fewer.itemnum) == (tiny.usernum, tiny.itemnum)
    assert some_users(tiny, 30) is tiny
