"""The checks of lesson 12, on a log small enough to be counted by hand."""

import numpy as np
import pandas as pd
import torch
from asked import is_right, is_wrong

import seqrec_lib as sl

DAY = 86_400
MOMENT = 100 * DAY
# user, item, day: a and b come back, c came once, d twice, e only after the moment
ROWS = [
    ("a", "x", 1),
    ("a", "y", 50),
    ("a", "z", 97),
    ("a", "x", 110),
    ("b", "x", 2),
    ("b", "z", 95),
]
ROWS += [("b", "z", 96), ("b", "y", 120), ("c", "y", 60), ("d", "x", 3), ("d", "x", 4)]
ROWS += [("e", "y", 130), ("e", "y", 131), ("e", "y", 132)]
LOG = pd.DataFrame(ROWS, columns=["user", "item", "day"])
LOG["time"] = LOG.pop("day") * DAY
SHOP = sl.prepare(LOG, min_item_count=1, keep_times=True, verbose=False)
SHOP.split_at(80 * DAY, MOMENT)


class Counts:
    """Scores that are given, for everybody."""

    def __init__(self, x, y, z):
        self.given = torch.tensor([-torch.inf, x, y, z])

    def score(self, users, histories, candidates=None):
        return self.given.expand(len(histories), -1)


def test_12_2_users_asked():
    is_right("12.2", (2, 3), SHOP)  # a and b; and e, who has three rows
    is_right("12.2", np.array([2, 3]), SHOP)
    is_wrong("12.2", (3, 2), "in the other order", SHOP)
    is_wrong("12.2", (2, 5), "nothing left to train on", SHOP)
    is_wrong("12.2", (2, 4), "three are needed", SHOP)
    is_wrong("12.2", (5, 3), "before the moment", SHOP)
    is_wrong("12.2", 2, "2 numbers", SHOP)


def test_12_3_latest_favourites():
    is_right("12.3", Counts(0.0, 2.0, 3.0), SHOP, LOG, MOMENT)
    is_right("12.3", Counts(-1.0, 5.0, 7.0), SHOP, LOG, MOMENT)  # the order counts
    is_wrong("12.3", Counts(4.0, 2.0, 3.0), "popularity as always", SHOP, LOG, MOMENT)
    is_wrong("12.3", Counts(1.0, 6.0, 3.0), "after the moment, too", SHOP, LOG, MOMENT)
    is_wrong("12.3", Counts(1.0, 4.0, 0.0), "60 days after", SHOP, LOG, MOMENT)
    is_wrong("12.3", Counts(3.0, 2.0, 1.0), "isn't that of the counts", SHOP, LOG, MOMENT)
    is_wrong("12.3", 7, "the scorer itself", SHOP, LOG, MOMENT)
