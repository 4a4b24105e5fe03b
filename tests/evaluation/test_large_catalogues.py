"""However many items there are, scores are made a bounded block at a time."""

import numpy as np
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences
from seqrec_lib.evaluation import ranking, recommendation

BLOCK = 2**25  # what the documentation promises: 128 MiB of float32
ITEMS = 3_000_000


class Spy:
    """Scores each item by its number, and notes the most scores that it was asked for at once."""

    def __init__(self, items):
        self.item_num, self.largest = items, 0

    def score(self, users, histories, candidates=None):
        self.largest = max(self.largest, len(histories) * (self.item_num + 1))
        scores = torch.arange(self.item_num + 1.0).expand(len(histories), -1).clone()
        scores[:, 0] = -torch.inf
        return scores


def test_the_best_of_three_million_items_in_bounded_blocks():
    spy = Spy(ITEMS)
    histories = Sequences.from_lists({user: [user, ITEMS] for user in range(1, 24)})
    items, scores = recommendation.top_items(spy, histories, np.arange(1, 24), k=2)
    assert items.tolist() == [[ITEMS - 1, ITEMS - 2]] * 23
    assert scores.tolist() == items.tolist()
    assert BLOCK / 2 < spy.largest <= BLOCK


def test_ranks_among_three_million_items_in_bounded_blocks():
    spy = Spy(ITEMS)
    lists = {user: [user, ITEMS, ITEMS - 10 - user] for user in range(1, 24)}
    ranks = ranking.full_ranks(spy, SASRecDataSet.from_sequences(lists, itemnum=ITEMS))
    assert ranks.rank.tolist() == [10 + user for user in range(1, 24)]  # the one above is known
    assert BLOCK / 2 < spy.largest <= BLOCK


@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_the_size_of_the_block_changes_nothing(batch_size, monkeypatch):
    histories = Sequences.from_lists({user: [user] for user in range(1, 24)})
    whole = recommendation.top_items(Spy(50), histories, np.arange(1, 24), k=5)
    monkeypatch.setattr(recommendation, "_SCORES_AT_ONCE", 51 * 3)
    spy = Spy(50)
    cut = recommendation.top_items(spy, histories, np.arange(1, 24), 5, batch_size=batch_size)
    assert spy.largest <= 51 * 3
    for a, b in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(a, b)
