"""Four logs of other worlds than MovieLens', as csv files: what a lesson may be given instead.

orders: dishes by name, bought again and again, two products of one title, dates, semicolons.
visits: sessions, half of them of one or two events, all of a session at one moment; raw item ids.
many: 15,000 users of few items, whole numbers, no titles.
few: what a class has typed in: 30 students, 40 songs, less than a batch.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20


def orders(rng: np.random.Generator) -> tuple[pd.DataFrame, str]:
    """500 customers with favourites, who order the same dish several times in a row."""
    kinds = ["soup", "salad", "curry", "pie", "stew", "noodles", "bread", "tart", "dumplings"]
    tastes = ["Lentil", "Leek", "Mango", "Apple", "Rye", "Pear", "Miso", "Bean", "Corn", "Plum"]
    titles = [f"{taste} {kind}, hot" for kind in kinds for taste in tastes]  # 90
    titles[17] = titles[3]  # two products of one title
    skus = np.array([f"{t[:2].upper()}-{n:03d}/{'x' * (n % 3)}" for n, t in enumerate(titles)])
    popular = 1 / np.arange(1, len(titles) + 1)
    rows = []
    for customer in range(500):
        liked = rng.choice(len(titles), 12, replace=False, p=popular / popular.sum())
        length = int(rng.integers(1, 45))
        bought, now = liked[0], 0.0
        for _ in range(length):
            bought = bought if rng.random() < 0.25 else liked[min(int(rng.exponential(3)), 11)]
            now += rng.exponential(3)
            rows.append((f"cust {customer:04d}", skus[bought], titles[bought], now))
    table = pd.DataFrame(rows, columns=["Customer ID", "SKU", "Title", "day"])
    dates = pd.Timestamp("2023-01-01") + pd.to_timedelta(table.pop("day"), unit="D")
    table["OrderDate"] = dates.dt.strftime("%Y-%m-%d %H:%M:%S")
    table["price"] = [
        f"{price / 100:.2f}".replace(".", ",") for price in rng.integers(99, 999, len(table))
    ]
    return table.sample(frac=1, random_state=SEED), ";"


def visits(rng: np.random.Generator) -> tuple[pd.DataFrame, str]:
    """3,000 sessions on a website of 400 articles; the next article is often the next number."""
    rows = []
    for session in range(3000):
        length = int(rng.integers(1, 3)) if rng.random() < 0.5 else 3 + int(rng.geometric(0.2))
        article = int(rng.exponential(80)) % 400
        moment = 1_600_000_000 + 977 * session
        for _ in range(length):
            rows.append((f"{session * 2654435761 % 2**32:08x}", 10_000 + 7 * article, moment))
            article = (
                article + int(rng.integers(1, 4))
                if rng.random() < 0.7
                else int(rng.exponential(80))
            ) % 400
    return pd.DataFrame(rows, columns=["session_id", "article_id", "timestamp"]), ","


def many(rng: np.random.Generator) -> tuple[pd.DataFrame, str]:
    """15,000 users of 60 items, who like neighbours of what they had; a column of no use."""
    lengths = rng.integers(1, 16, 15_000)
    user = np.repeat(np.arange(1, 15_001), lengths)
    start = rng.integers(0, 60, 15_000)[user - 1]
    item = (start + rng.integers(-6, 7, len(user))) % 60 + 1
    time = np.sort(rng.integers(10**9, 10**9 + 10**7, len(user)))
    table = pd.DataFrame({"user": user, "item": item, "time": time, "rating": 1})
    return table.sample(frac=1, random_state=SEED), ","


def few(rng: np.random.Generator) -> tuple[pd.DataFrame, str]:
    """30 students, who each typed in 8 to 19 of 40 songs, one after the other."""
    rows = []
    for student in range(30):
        songs = rng.choice(40, int(rng.integers(8, 20)), replace=False)
        rows += [(f"student {student}", f"song {song:02d}") for song in songs]
    table = pd.DataFrame(rows, columns=["user", "item"])
    table["timestamp"] = 1_700_000_000 + rng.integers(10, 500, len(table)).cumsum()
    return table, ","


LOGS: dict[str, Callable[[np.random.Generator], tuple[pd.DataFrame, str]]] = {
    made.__name__: made for made in (orders, visits, many, few)
}


def write(name: str, folder: Path) -> Path:
    """The log of this name as a csv file in the folder; the same bytes every time."""
    table, sep = LOGS[name](np.random.default_rng(SEED))
    path = folder / f"{name}.csv"
    table.to_csv(path, sep=sep, index=False, lineterminator="\n")
    return path
