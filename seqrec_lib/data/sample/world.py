"""The built-in sample: a small MovieLens with known rules, so that the best score is known too."""

from pathlib import Path

import numpy as np
import pandas as pd

from seqrec_lib.common.paths import AnyPath, folder_to_write, whole_file
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.movielens import MovieLens
from seqrec_lib.data.sample.films import GENRES, Films, make_films
from seqrec_lib.data.sample.optimum import TrueModel, best_attainable
from seqrec_lib.data.sample.viewers import Viewers

SHORTEST, LONGEST = 20, 80  # ratings of a user
_FIRST_TIME = 956_703_932  # April 2000, as in MovieLens 1M
_TIED = 0.35  # how often a film gets the same second as the one before
_STARS = np.array([1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 4])
_AGES = np.array([1, 18, 25, 35, 45, 50, 56])  # MovieLens 1M's codes


class SampleWorld:
    """The sample and the rules that made it (see `seqrec_lib.data.sample.viewers.Viewers`).

    movielens: the ratings and films, `is_sample` True. Within a user the rows are shuffled, but
        rows of the same second keep their order: a stable sort by time gives the true order.
    users: what `users.dat` holds: gender, age code, occupation code and zip code, all drawn.
    seed: what it was made from.
    """

    def __init__(self, movielens: MovieLens, users: pd.DataFrame, films: Films, seed: int) -> None:
        self.movielens = movielens
        self.users = users
        self.seed = seed
        self._films = films

    def __repr__(self) -> str:
        return f"SampleWorld(seed={self.seed}, {self.movielens!r})"

    def write(self, folder: AnyPath) -> Path:
        """Write ratings.dat, movies.dat and users.dat in MovieLens 1M's format into a folder.

        The same seed and sizes give the same bytes. Returns the folder.
        """
        folder = folder_to_write(folder)
        ratings = self.movielens.ratings.assign(rating=self.movielens.ratings["rating"].astype(int))
        films = self.movielens.items.reset_index()[["item", "title", "genres"]]
        for name, table in (
            ("ratings.dat", ratings[["user", "item", "rating", "time"]]),
            ("movies.dat", films),
            ("users.dat", self.users.reset_index()),
        ):
            columns = [table[column].astype(str) for column in table]
            lines = ["::".join(row) for row in zip(*columns, strict=True)]
            with whole_file(folder / name) as beside:
                beside.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
        return folder

    def next_item_probabilities(self, histories: np.ndarray) -> np.ndarray:
        """The true probability of each film to be watched next.

        histories: (B, T) raw item ids in the order watched, 0 in front where shorter. A whole
            history is needed: the rules look at everything that was seen.
        Returns (B, largest raw id + 1) float64; column i is the film with raw id i, column 0 and
        the films already seen are 0, and each row adds to 1.

        Raises ValueError for an id that no film has.
        """
        return TrueModel(self._films, np.arange(self._largest + 1)).probabilities(histories)

    def scorer(self, dataset: SASRecDataSet) -> TrueModel:
        """The true model as a scorer over the item ids of a data set prepared from this sample.

        It scores with the logarithm of the true probability. Give it whole histories.
        Raises ValueError where the preparation dropped films that were watched: the histories
        would then be incomplete.
        """
        return TrueModel(self._films, self._raw_ids(dataset))

    def best_attainable(
        self,
        dataset: SASRecDataSet,
        negatives: int | None = None,
        k: int = 10,
        split: str = "test",
        replace: bool = True,
    ) -> dict[str, float]:
        """The HR@k and NDCG@k to be expected of the true model, which no model exceeds on average.

        dataset: prepared from this sample.
        negatives: None ranks every film that the user has not seen, as `full_ranks` does; a number
            ranks the target among so many that the user does not have in training, drawn
            uniformly, as `sampled_ranks` does.
        split: "test" (the history holds the validation item) or "valid".
        replace: negatives may repeat, as in `sampled_ranks`.

        The expectation is over what the user might have watched next, not only over what was: a
        lucky model may lie above it on one test set. Returns {"hr": …, "ndcg": …}.
        """
        return best_attainable(self.scorer(dataset), dataset, negatives, k, split, replace)

    @property
    def _largest(self) -> int:
        return int(self._films.raw_ids.max())

    def _raw_ids(self, dataset: SASRecDataSet) -> np.ndarray:
        if dataset.items is None or "raw_id" not in dataset.items:
            raise ValueError("the data set has no raw item ids: make it with prepare(sample)")
        raw = dataset.items["raw_id"].to_numpy()
        known = self.movielens.items
        if not np.isin(raw, known.index).all() or not np.array_equal(
            dataset.items["title"].to_numpy(str), known["title"].loc[raw].to_numpy(str)
        ):
            raise ValueError("the data set was not prepared from this sample")
        dropped = np.setdiff1d(self.movielens.ratings["item"], raw)
        if len(dropped):
            raise ValueError(
                f"the data set lacks {len(dropped)} watched films, for example raw id "
                f"{dropped[0]}: prepare it with min_item_count=1"
            )
        return np.append(0, raw)


def make_sample(seed: int = 0, num_users: int = 1000, num_items: int = 300) -> SampleWorld:
    """Make the built-in sample: invented films, and viewers with a plan.

    The planted structure, which a sequence model can learn and a popularity count cannot: series
    are watched in order, often with another film in between, and tastes drift from genre to genre.
    Each user has 20 to 80 ratings.

    num_items: a multiple of 10 from 100 to 300 (ten genres, 30 titles each).
    The same arguments give the same sample, byte for byte.

    Raises ValueError for other sizes.
    """
    if num_items % len(GENRES) or not 100 <= num_items <= 300:
        raise ValueError(f"num_items={num_items} must be a multiple of 10 from 100 to 300")
    if num_users < 1:
        raise ValueError(f"num_users={num_users} must be at least 1")
    rng = np.random.Generator(np.random.PCG64(seed))
    films = make_films(rng, num_items)
    extra = rng.integers(0, LONGEST - SHORTEST + 1, (2, num_users)).min(axis=0)  # short ones abound
    lengths = SHORTEST + extra
    watched = _watch(rng, films, lengths)  # (U, T) film numbers
    ratings = _ratings(rng, films, watched, lengths)
    items = films.table.sort_index()
    name = f"sample-{seed}"
    return SampleWorld(
        MovieLens(name, ratings, items, is_sample=True), _user_table(rng, num_users), films, seed
    )


def _watch(rng: np.random.Generator, films: Films, lengths: np.ndarray) -> np.ndarray:
    """Let every viewer watch: (U, T) film numbers in order, -1 after the end."""
    by_length = np.argsort(-lengths, kind="stable")  # the active ones are then always in front
    sorted_lengths = lengths[by_length]
    watched = np.full((len(lengths), int(lengths.max())), -1)
    viewers = Viewers(films, len(lengths))
    for step in range(watched.shape[1]):
        active = int((sorted_lengths > step).sum())
        upto = viewers.probabilities(active).cumsum(axis=1)  # (active, F)
        draw = rng.random(len(lengths))[:active, None] * upto[:, -1:]
        watched[:active, step] = (upto > draw).argmax(axis=1)
        viewers.watch(watched[:, step])
    result = np.empty_like(watched)
    result[by_length] = watched
    return result


def _ratings(
    rng: np.random.Generator, films: Films, watched: np.ndarray, lengths: np.ndarray
) -> pd.DataFrame:
    """Ratings with times; a user's rows are shuffled but for those of the same second."""
    user, step = np.nonzero(watched >= 0)  # by user, in order
    gap = rng.integers(20, 200_000, len(user))  # seconds
    gap[rng.random(len(user)) < _TIED] = 0
    begin = rng.integers(0, 20_000_000, len(lengths))
    starts = np.cumsum(lengths) - lengths
    gap[starts] = 0
    upto = np.cumsum(gap)
    time = _FIRST_TIME + begin[user] + upto - upto[starts][user]
    moment = np.cumsum((gap > 0) | (step == 0))  # rows of one user and second share a number
    shuffled = rng.permutation(int(moment.max()) + 1)[moment]
    order = np.lexsort((shuffled, user))  # stable: rows of one second stay in order
    return (
        pd.DataFrame(
            {
                "user": (user + 1).astype(np.int32),
                "item": films.raw_ids[watched[user, step]].astype(np.int32),
                "rating": _STARS[rng.integers(0, len(_STARS), len(user))].astype(np.float32),
                "time": time,
            }
        )
        .iloc[order]
        .reset_index(drop=True)
    )


def _user_table(rng: np.random.Generator, num_users: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gender": np.where(rng.random(num_users) < 0.5, "F", "M"),
            "age": _AGES[rng.integers(0, len(_AGES), num_users)],
            "occupation": rng.integers(0, 21, num_users),
            "zip": [f"{code:05d}" for code in rng.integers(0, 100_000, num_users)],
        },
        index=pd.RangeIndex(1, num_users + 1, name="user"),
    )
