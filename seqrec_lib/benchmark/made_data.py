"""Made data for the curves: histories of any length, and a file of MovieLens 25M's shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.sequences import Sequences

# From MovieLens 25M's README and files
USERS_25M, FILMS_25M, LARGEST_FILM_25M = 162_541, 59_047, 209_171


def made_dataset(users: int, items: int, length: int) -> SASRecDataSet:
    """Random histories of one length, as flat arrays; popular items have low ids."""
    rng = np.random.default_rng(0)
    chosen = (items * rng.random(users * length, dtype=np.float32) ** 2).astype(np.int32) + 1
    lengths = np.full(users + 1, length)
    lengths[0] = 0
    sequences = Sequences.from_lengths(np.minimum(chosen, items), lengths)
    return SASRecDataSet.from_sequences(sequences, items)


def write_ratings(path: Path, rows: int) -> None:
    """A csv file of MovieLens 25M's shape: users in order, at least 20 films each, film by film."""
    rng = np.random.default_rng(0)
    users = max(1, min(USERS_25M, rows // 20))
    shares = rng.lognormal(sigma=1.2, size=users)
    lengths = 20 + np.floor((rows - 20 * users) * shares / shares.sum()).astype(np.int64)
    lengths[np.argsort(-lengths)[: rows - lengths.sum()]] += 1
    raw = np.sort(rng.choice(LARGEST_FILM_25M, FILMS_25M, replace=False)) + 1
    with path.open("wb") as file:
        file.write(b"userId,movieId,rating,timestamp\n")
        for part in np.array_split(np.arange(users), max(1, rows // 1_000_000)):
            user = np.repeat(part + 1, lengths[part])
            film = raw[(FILMS_25M * rng.random(len(user)) ** 3).astype(np.int64)]
            film = film[np.lexsort((film, user))]
            half = rng.integers(1, 11, len(user))
            when = rng.integers(789_652_009, 1_574_327_703, len(user))
            cells = [_digits(user, 6), b",", _digits(film, 6), b",", _digits(half // 2, 1), b"."]
            cells += [_digits(half % 2 * 5, 1), b",", _digits(when, 10), b"\n"]
            lines = np.concatenate(
                [
                    np.full((len(user), 1), cell[0], np.uint8) if isinstance(cell, bytes) else cell
                    for cell in cells
                ],
                axis=1,
            )  # (rows, characters), 0 where there is none
            file.write(lines[lines > 0].tobytes())


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """Whole numbers (N,) as text (N, width) of bytes, 0 in front of the first digit."""
    text = numbers[:, None] // 10 ** np.arange(width - 1, -1, -1)
    return np.where((text > 0) | (np.arange(width) == width - 1), text % 10 + 48, 0).astype(
        np.uint8
    )
