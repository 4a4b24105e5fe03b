"""From scores to ranks: the one thing that evaluation needs to know about a model.

Every metric in `metrics` is computed from ranks, for models and baselines alike. What happens to
equal scores and to scores that are no numbers is decided here, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.common.checks import finite_scores, ids_between, score_table

_COUNTED_AT_ONCE = 2**18  # 1 MiB: counting is faster while scores are in the processor's cache


class Scorer(Protocol):
    """Whatever can be evaluated: models and baselines."""

    @property
    def item_num(self) -> int:
        """The number of items I; ids are 1..I."""

    def score(
        self, users: Tensor | None, histories: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Scores of what could come next; higher is likelier.

        users (B,) int64 or None for users without an id; histories (B, T) int64, oldest first,
        0s in front; candidates (B, K) int64 → (B, K), or without candidates all items →
        (B, I + 1), where column i is item i and column 0 is -inf.
        """


@dataclass(frozen=True)
class Ranks:
    """Where the target of each user came out. Arrays are int64 (U,), sorted by user.

    Ranks may be compared where their protocol, the settings that they were made with, is the same.
    """

    users: np.ndarray  # their ids
    better: np.ndarray  # candidates with a higher score than the target's
    tied: np.ndarray  # other candidates with exactly the target's score
    candidates: np.ndarray  # how many competed, the target among them
    protocol: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("better", "tied", "candidates"):
            if getattr(self, name).shape != self.users.shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, users {self.users.shape}; "
                    "there must be one entry per user in each"
                )
        if (self.better < 0).any() or (self.tied < 0).any():
            raise ValueError("better and tied count candidates: they cannot be negative")
        if (self.better + self.tied >= self.candidates).any():
            user = self.users[self.better + self.tied >= self.candidates][0]
            raise ValueError(f"user {user} has more competitors than candidates")

    def __len__(self) -> int:
        return len(self.users)

    @property
    def rank(self) -> np.ndarray:
        """float64 (U,), 1 is best: the middle of the ranks that the target shares."""
        return 1 + self.better + self.tied / 2

    def break_ties(self, seed: int) -> Ranks:
        """The same ranks with every tie put in a random order."""
        better = self.better + np.random.default_rng(seed).integers(0, self.tied + 1)
        protocol = {**self.protocol, "ties": f"random, seed {seed}"}
        return Ranks(self.users, better, np.zeros_like(self.tied), self.candidates, protocol)


def rank_of_target(
    scores: Tensor | np.ndarray,
    target_column: int | Tensor = 0,
    users: Tensor | np.ndarray | None = None,
    excluded: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Count, in each row, the candidates that score higher than the target and those that tie.

    scores: (B, K), any real type.
    target_column: where the target's score is: one column, or int64 (B,).
    users: (B,) ids for the error message.
    excluded: int64 (B, E) columns that do not compete. Repeats are harmless, and so is the target's
        own column: the target always competes.

    Returns (better, tied), int64 (B,) each. The target's rank is between better + 1 and better +
    tied + 1; if ties are in random order, each of these is equally likely.

    Raises ValueError for a score that is NaN or infinite: such a model has no ranking, and
    comparisons with NaN, which are all false, would make it a perfect one.
    """
    scores = score_table("scores", scores)
    column = torch.as_tensor(target_column, dtype=torch.int64)
    ids_between("target_column", column, 0, scores.shape[1] - 1, "the last column")
    better, tied, fault = counted(scores, column, excluded)
    finite_scores(fault, users)
    return better, tied


def counted(
    scores: Tensor, target_column: int | Tensor, excluded: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Its counts, and each row's fault: 0, 1 infinite, 2 NaN. Nothing waits for the device."""
    rows, device = len(scores), scores.device
    if not isinstance(target_column, Tensor):
        target_column = torch.full((), target_column, device=device)
    column = target_column.to(device).expand(rows).unsqueeze(1)  # (B, 1)
    low, high = scores.amin(dim=1), scores.amax(dim=1)  # NaN goes through both
    fault = torch.where(low.isnan(), 2, (low.isinf() | high.isinf()).long())
    better = torch.empty(rows, dtype=torch.int64, device=device)
    tied = torch.empty_like(better)
    step = max(1, _COUNTED_AT_ONCE // scores.shape[1]) if device.type == "cpu" else max(1, rows)
    for part in (slice(i, i + step) for i in range(0, rows, step)):
        block = scores[part]
        target = block.gather(1, column[part])
        # comparing into a tensor of the scores' own type is several times faster than into bool
        beats = torch.gt(block, target, out=torch.empty_like(block))
        ties = torch.eq(block, target, out=torch.empty_like(block))
        ties.scatter_(1, column[part], 0)
        if excluded is not None:
            beats.scatter_(1, excluded[part], 0)
            ties.scatter_(1, excluded[part], 0)
        better[part] = beats.sum(dim=1)
        tied[part] = ties.sum(dim=1)
    return better, tied, fault
