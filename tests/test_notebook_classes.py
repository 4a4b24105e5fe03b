"""What a notebook builds, line by line, is what the library computes: equal weights, equal outputs.

The notebooks assert it, too, in their own cells and on their own data. Here the classes are taken
out of the files, and both sides get stirred weights, padding, and several sizes.
"""

import pytest
import tiny
import torch
from notebook_code import defined_in, definitions_of
from test_notebook_rules import code

from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.network import layers

LENGTHS = [0, 1, 3, 5, 6, 9]  # of histories: T is 6, so one is all padding and one is cut
T, D = tiny.LENGTH, 8


def assert_equal(mine, theirs):
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def moved(mine, theirs):
    """Both modules with the same stirred weights, strictly by name."""
    mine.load_state_dict(tiny.stir(theirs).state_dict())
    return mine


def vectors():
    """Vectors (B, T, D) with padding in front, and which rows are real (B, T)."""
    generator = torch.Generator().manual_seed(4)
    real = tiny.batch_of(LENGTHS).seq != 0  # (B, T)
    return torch.randn(*real.shape, D, generator=generator) * real.unsqueeze(-1), real


@pytest.fixture(scope="module")
def of_02():
    return defined_in("02")


@pytest.fixture(scope="module")
def of_03():
    return defined_in("03")


@pytest.fixture(scope="module")
def of_05():
    return defined_in("05")


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_from_scratch(of_02, heads):
    theirs = layers.MultiHeadAttention(D, heads, 0.0)
    mine = moved(of_02.MyAttention(D, heads, 0.0), theirs)
    x, real = vectors()
    other = x.flip(-1) * 0.5
    assert not real.all()
    assert_equal(mine(x, x), theirs(x, x))
    assert_equal(mine(other, x), theirs(other, x))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_of_sasrec(of_03, heads):
    theirs = layers.MultiHeadAttention(D, heads, 0.0)
    mine = moved(of_03.MyAttention(D, heads, 0.0), theirs)
    x, real = vectors()
    other = x.flip(-1) * 0.5
    assert_equal(mine(other, x, real), theirs(other, x))


def test_feed_forward_of_sasrec(of_03):
    theirs = layers.PointWiseFeedForward(D, [D, D], 0.0)
    mine = moved(of_03.MyFeedForward(D, 0.0), theirs)
    x, _ = vectors()
    assert_equal(mine(x), theirs(x))


@pytest.mark.parametrize("length", [T, T - 2])
def test_normalisation_of_sasrec(of_03, length):
    theirs = layers.LayerNormalization(T, D, 1e-8)
    mine = moved(of_03.MyNorm(T, D), theirs)
    x, real = vectors()
    x, real = x[:, -length:], real[:, -length:]
    assert_equal(mine(x)[real], theirs(x)[real])


@pytest.mark.parametrize("heads", [1, 2])
def test_block_of_sasrec(of_03, heads):
    theirs = layers.EncoderLayer(T, D, D, heads, [D, D], 0.0)
    mine = moved(of_03.MyBlock(T, D, heads, 0.0), theirs)
    x, real = vectors()
    assert_equal(mine(x, real), theirs(x, False, real.unsqueeze(-1)))


@pytest.mark.parametrize(("blocks", "heads"), [(1, 1), (2, 2), (3, 4)])
def test_the_whole_sasrec(of_03, blocks, heads):
    theirs = tiny.sasrec(num_blocks=blocks, attention_num_heads=heads)
    mine = moved(of_03.MySASRec(tiny.ITEMS, T, blocks, D, heads, 0.0), theirs)
    batch = tiny.batch_of(LENGTHS)
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    their_pos, their_neg, mask = theirs(x, training=False)  # (B·T, 1), (B·T, 1), (B·T,)
    my_pos, my_neg = mine(batch.seq, batch.pos, batch.neg)  # (B, T)
    real = mask > 0
    assert_equal(my_pos.view(-1, 1)[real], their_pos[real])
    assert_equal(my_neg.view(-1, 1)[real], their_neg[real])


def test_the_scores_of_sasrec(of_03):
    theirs = tiny.sasrec(num_blocks=2, dropout_rate=0.5)
    mine = moved(of_03.MyScorer(tiny.ITEMS, T, 2, D, 1, 0.5), theirs)
    seq = tiny.padded(tiny.histories([1, 4, 6, 9]))  # (B, T)
    assert_equal(mine.score(None, seq), theirs.score(None, seq))
    asked = torch.arange(1, 9).view(4, 2)  # (B, K)
    assert_equal(mine.score(None, seq, asked), theirs.score(None, seq, asked))


def test_the_loss_of_sasrec(of_03):
    generator = torch.Generator().manual_seed(5)
    pos, neg = torch.randn(2, 6, T, generator=generator)  # (B, T) each
    real = tiny.batch_of(LENGTHS).pos != 0  # (B, T)
    theirs = SASREC.loss_function(tiny.sasrec(), pos.view(-1, 1), neg.view(-1, 1), real.view(-1))
    assert_equal(of_03.my_loss(pos, neg, real), theirs)


def both_ssept(of_05, heads=1):
    """The notebook's SSE-PT and the library's, d_i = 5 and d_u = 3, with the same weights."""
    theirs = tiny.ssept(num_blocks=2, attention_num_heads=heads, dropout_rate=0.5)
    mine = moved(of_05.MySSEPT(tiny.ITEMS, tiny.USERS, T, 2, 5, 3, heads, 0.5), theirs)
    return mine.eval(), theirs


@pytest.mark.parametrize("heads", [1, 4])
def test_the_whole_ssept(of_05, heads):
    mine, theirs = both_ssept(of_05, heads)
    batch = tiny.batch_of(LENGTHS)
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    x["users"] = batch.users.view(-1, 1)
    their_pos, their_neg, mask = theirs(x, training=False)  # (B·T, 1), (B·T, 1), (B·T,)
    my_pos, my_neg = mine(*batch)  # (B, T)
    real = mask > 0
    assert_equal(my_pos.view(-1, 1)[real], their_pos[real])
    assert_equal(my_neg.view(-1, 1)[real], their_neg[real])


@pytest.mark.parametrize("known", [True, False])
def test_the_scores_of_ssept(of_05, known):
    mine, theirs = both_ssept(of_05)
    seq = tiny.padded(tiny.histories([1, 4, 6, 9]))  # (B, T)
    users = torch.tensor([3, 1, 12, 7]) if known else None
    assert_equal(mine.score(users, seq), theirs.score(users, seq))
    asked = torch.arange(1, 9).view(4, 2)  # (B, K)
    assert_equal(mine.score(users, seq, asked), theirs.score(users, seq, asked))


# How the classes are taken out.


def test_only_imports_and_definitions_are_run():
    cells = ["import math\nx = 1 / 0", "%time\ndef f():\n    return math.pi", "raise ValueError"]
    names = definitions_of({"cells": [code(words) for words in cells]})
    assert names.f() == pytest.approx(3.14159, abs=1e-5)
    assert not hasattr(names, "x")


def test_a_function_that_needs_a_computed_default_is_left_out():
    cells = [code("n = 3\ndef f(n=n):\n    return n"), code("def g():\n    return 2")]
    names = definitions_of({"cells": cells})
    assert (hasattr(names, "f"), names.g()) == (False, 2)


def test_the_last_definition_counts():
    cells = [code("def f():\n    return 1"), code("def f():\n    return 2")]
    assert definitions_of({"cells": cells}).f() == 2
