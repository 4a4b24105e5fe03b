"""The numbers that the papers print, and where they print them.

Sources: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, Tables III to V;
Wu, Li, Hsieh and Sharpnack, "SSE-PT: Sequential Recommendation Via Personalized Transformer",
RecSys 2020, Tables 1 and 2; and, for ranking among all items, what later work reports on ML-1M,
under its own name. They are in published.csv beside this file.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pandas as pd

Cell = tuple[str, str, str, str, str]  # paper, table, data set, model and setting

_FILE = Path(__file__).with_name("published.csv")
_KEYS = ["paper", "table", "dataset", "model", "setting"]


@cache
def _wide() -> pd.DataFrame:
    long = pd.read_csv(_FILE, dtype={"table": str}, keep_default_na=False)
    order = long[_KEYS].drop_duplicates()
    wide = long.pivot(index=_KEYS, columns="metric", values="value")
    return wide.loc[list(order.itertuples(index=False, name=None))].rename_axis(columns=None)


def published_results(paper: str | None = None, table: str | None = None) -> pd.DataFrame:
    """What the papers print, one line a cell of a table, in the papers' order.

    Args:
        paper: "SASRec", "SSE-PT" or the name of later work; None is all.
        table: as the paper numbers it: "III", "IV", "V", "1", "2"; "all items" for later work.

    Returns:
        A table indexed by paper, table, dataset, model and setting, with columns HR@10, NDCG@10
        (among 100 sampled negatives, but for "all items") and train_seconds_gtx1080ti. NaN where
        nothing is printed. Raises LookupError where nothing is left.
    """
    found = _wide()
    for level, wanted in (("paper", paper), ("table", table)):
        if wanted is not None:
            found = found[found.index.get_level_values(level) == wanted]
    if len(found) == 0:
        raise LookupError(f"nothing printed is known of paper={paper!r}, table={table!r}")
    return found.copy()


def published_value(cell: Cell, metric: str = "NDCG@10") -> float | None:
    """One printed number, by (paper, table, data set, model, setting); None where none is printed.

    Raises KeyError for a cell that does not exist.
    """
    value = float(_wide()[metric].to_dict()[cell])
    return None if math.isnan(value) else value
