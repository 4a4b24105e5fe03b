"""How the sample's viewers choose: the true probabilities of the next film, given the history."""

import numpy as np

from seqrec_lib.data.sample.films import GENRES, Films

# The weight of continuing an unfinished series, by how many films ago its last part was watched
# (1, 2, …; the last value holds from there on). The weight of picking by taste is 1. The pause
# makes the next part depend on more than the last film.
SERIES_WEIGHT = np.array([0.5, 2.5, 2.0, 1.0, 0.6, 0.4, 0.3, 0.2])
MEMORY = 0.75  # how much of the taste survives each film
DRIFT = np.array([0.10, 0.30, 0.15, 0.30, 0.20, 0.30, 0.10, 0.25, 0.20, 0.30])  # by genre
FIRST_TASTE = np.array([0.26, 0.05, 0.17, 0.05, 0.08, 0.05, 0.16, 0.06, 0.08, 0.04])  # by genre
SURPRISE = 0.02  # how often it is any film that may be watched at all


class Viewers:
    """B viewers' histories, watched film by film; what each watches next is known as a probability.

    The rules, all functions of the history: no film is watched twice, and no part of a series
    before the part before it. With the weights of SERIES_WEIGHT a viewer continues an unfinished
    series, otherwise picks by taste: a genre in proportion to the square of a recency-weighted
    count of the genres seen (weights MEMORY^k), of which a part (DRIFT) moves on to the next genre
    on the ring; in the genre a film in proportion to its popularity. With probability SURPRISE it
    is any film that may be watched.
    """

    def __init__(self, films: Films, count: int) -> None:
        self.films = films
        self.seen = np.zeros((count, len(films.raw_ids)), dtype=bool)  # (B, F)
        self.taste = np.repeat(FIRST_TASTE[None], count, axis=0)  # (B, G)
        series = int(films.series.max(initial=-1)) + 1
        self.next_part = np.full((count, series), -1)  # (B, S) film, -1 = not open
        self.since = np.zeros((count, series), dtype=np.int64)  # (B, S) films since the last part

    def watch(self, film: np.ndarray) -> None:
        """Append one film to each history: (B,) film numbers, -1 leaves that history alone."""
        rows = np.flatnonzero(film >= 0)
        film = film[rows]
        self.seen[rows, film] = True
        self.taste[rows] *= MEMORY
        self.taste[rows, film // self.films.per_genre] += 1 - MEMORY
        self.since[rows] += 1
        in_series = self.films.series[film] >= 0
        rows, film = rows[in_series], film[in_series]
        self.since[rows, self.films.series[film]] = 1
        self.next_part[rows, self.films.series[film]] = self.films.followed_by[film]

    def probabilities(self, count: int | None = None) -> np.ndarray:
        """(B, F) float64, the probability that each film is watched next, each row adding to 1.

        count: only for the first so many viewers. All zero for a viewer who has seen every film.
        """
        films, seen = self.films, self.seen[:count]  # (B, F)
        open_to = ~seen
        later = films.follows >= 0
        open_to[:, later] &= seen[:, films.follows[later]]

        squared = self.taste[:count] ** 2  # (B, G)
        moving = squared * DRIFT
        genre = squared - moving + np.roll(moving, 1, axis=1)  # (B, G)
        pick = np.where(seen, 0.0, films.popularity)
        pick = pick.reshape(len(pick), len(GENRES), -1)  # (B, F) → (B, G, films of a genre)
        share = pick.sum(axis=2)
        genre = np.divide(genre, share, out=np.zeros_like(genre), where=share > 0)
        pick *= genre[:, :, None]
        chosen = pick.reshape(len(pick), -1)  # (B, F)
        total = chosen.sum(axis=1, keepdims=True)
        np.divide(chosen, total, out=chosen, where=total > 0)

        next_part = self.next_part[:count]
        viewer, series = np.nonzero(next_part >= 0)
        lag = np.minimum(self.since[viewer, series], len(SERIES_WEIGHT)) - 1
        chosen[viewer, next_part[viewer, series]] += SERIES_WEIGHT[lag]

        chosen /= np.maximum(chosen.sum(axis=1, keepdims=True), 1e-300)
        surprise = open_to / np.maximum(open_to.sum(axis=1, keepdims=True), 1)
        return chosen * (1 - SURPRISE) + surprise * SURPRISE
