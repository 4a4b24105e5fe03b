"""The training losses: what a row's hidden state is asked to get right.

Every loss takes the *query* of each real position, (N, D): what an item's vector is multiplied with
to give its logit; `shift` (N,), a number that all of a row's logits share (SSE-PT's user part), or
None; the item table (I+1, D), row 0 the padding; the next items (N,); and negatives (N, K). It
returns the SUM over the rows; training divides by the number of real positions in the batch. A row
whose next item is 0 is padding and counts nothing: a CPU leaves it out, and on a GPU, where picking
rows would make the host wait for the device, it is a zero in the sum. `dots` multiplies queries
with rows of the table: `dots` here, which is the definition, or `packed.dots`, the fast way to the
same numbers on a CPU.

A loss of your own is any object with `negatives`, how many are drawn for each position, and `total`
as `BCE` has it, which may add up each row alone; it runs in the plain engine.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from seqrec_lib.common.checks import positive, probability, whole_number

_LOGITS_AT_ONCE = 2**18  # 1 MiB of float32: a chunk of logits stays in a core's cache
_ROWS_AT_LEAST = (
    32  # each chunk goes over the whole table twice: fewer rows cost more than they save
)

Dots = Callable[[Tensor, Tensor, Tensor], Tensor]


def dots(query: Tensor, table: Tensor, ids: Tensor) -> Tensor:
    """query[n] · table[ids[n, m]]: (N, D), (I+1, D), (N, M) → (N, M). Row 0 gets no gradient."""
    if len(table) <= ids.shape[1] * table.shape[1]:
        # all logits are no more numbers than the vectors would be, and one product of matrices
        # gives them sooner than that many rows can be fetched
        table = torch.cat([table[:1].detach(), table[1:]])
        return (query @ table.T).gather(1, ids)
    vectors = functional.embedding(ids, table, padding_idx=0)  # (N, M, D)
    if ids.shape[1] > 8:
        return torch.bmm(vectors, query.unsqueeze(2)).squeeze(2)
    # a product and a sum are quicker than many tiny matrix products
    return (vectors * query.unsqueeze(1)).sum(dim=-1)


def _real(
    query: Tensor, shift: Tensor | None, target: Tensor, negative: Tensor
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """The rows that have a next item, on a CPU; on a GPU, or compiled to one shape, all of them.

    Of short histories most positions are padding: on Games six of seven, each with its 256 logits.
    """
    if target.device.type != "cpu" or torch.compiler.is_compiling() or bool(target.all()):
        return query, shift, target, negative  # the packed engine's rows are real already
    rows = target.nonzero().squeeze(1)
    shift = None if shift is None else shift[rows]
    return query.index_select(0, rows), shift, target[rows], negative[rows]


class _Sampled(ABC):
    """A loss that looks at the next item and at K drawn ones."""

    @abstractmethod
    def each(self, right: Tensor, wrong: Tensor, item_num: int) -> Tensor:
        """The loss of each row (N,) from its logits, (N,) and (N, K), among `item_num` items."""

    def total(
        self,
        query: Tensor,
        shift: Tensor | None,
        table: Tensor,
        target: Tensor,
        negative: Tensor,
        dots: Dots = dots,
    ) -> Tensor:
        """See the module: → a scalar."""
        query, shift, target, negative = _real(query, shift, target, negative)
        logits = dots(query, table, torch.cat([target.unsqueeze(1), negative], dim=1))  # (N, 1+K)
        if shift is not None:
            logits = logits + shift.unsqueeze(1)
        return _sum_of_real(self.each(logits[:, 0], logits[:, 1:], len(table) - 1), target)


@dataclass(frozen=True)
class BCE(_Sampled):
    """Binary cross-entropy: the next item against `negatives` drawn ones.

    -log σ(s⁺) - Σₖ log(1 - σ(sₖ⁻)); SASRec Sec. III-E for one negative.
    """

    negatives: int = 1
    name: ClassVar[str] = "bce"

    def __post_init__(self) -> None:
        positive("negatives", self.negatives)

    def each(self, right: Tensor, wrong: Tensor, item_num: int) -> Tensor:
        """See `_Sampled`."""
        return functional.softplus(-right) + functional.softplus(wrong).sum(1)


@dataclass(frozen=True)
class GBCE(_Sampled):
    """Generalised BCE: the positive probability to the power β makes up for sampling negatives.

    -1/(K+1) [β log σ(s⁺) + Σₖ log(1 - σ(sₖ⁻))] with β = α (t (1 - 1/α) + 1/α), α = K / (I - 1).
    t = 0 is BCE (its mean), t = 1 calibrates fully. Petrov and Macdonald 2023, "gSASRec", eq. (12)
    and (17).
    """

    negatives: int = 256
    t: float = 0.75
    name: ClassVar[str] = "gbce"

    def __post_init__(self) -> None:
        positive("negatives", self.negatives)
        probability("t", self.t)

    def beta(self, item_num: int) -> float:
        """β for a catalogue of `item_num` items."""
        alpha = min(1.0, self.negatives / max(1, item_num - 1))
        return alpha * (self.t * (1 - 1 / alpha) + 1 / alpha)

    def each(self, right: Tensor, wrong: Tensor, item_num: int) -> Tensor:
        """See `_Sampled`."""
        likely = self.beta(item_num) * functional.softplus(-right)
        return (likely + functional.softplus(wrong).sum(1)) / (self.negatives + 1)


@dataclass(frozen=True)
class SampledSoftmax(_Sampled):
    """Cross-entropy over the next item and K drawn ones: -s⁺ + log(e^{s⁺} + Σₖ e^{sₖ⁻}).

    log_q: subtract the log of the expected number of times that a negative is drawn, log(K / (I-1))
    for uniform draws, from its logit, so that the sum estimates the one over all items (Bengio and
    Senécal 2008; Yi et al. 2019). Without it every negative counts once (Klenitskiy and Vasilev
    2023).
    """

    negatives: int = 256
    log_q: bool = False
    name: ClassVar[str] = "sampled-softmax"

    def __post_init__(self) -> None:
        positive("negatives", self.negatives)

    def log_expected(self, item_num: int) -> float:
        """The log of how often a negative is drawn on average, from `item_num` items."""
        return math.log(self.negatives / max(1, item_num - 1))

    def each(self, right: Tensor, wrong: Tensor, item_num: int) -> Tensor:
        """See `_Sampled`."""
        if self.log_q:
            wrong = wrong - self.log_expected(item_num)
        everything = torch.cat([right.unsqueeze(1), wrong], dim=1)  # (N, 1+K)
        return everything.logsumexp(dim=1) - right


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy over all items: -s⁺ + log Σᵢ e^{sᵢ}, i = 1..I.

    The logits are made in chunks, and each chunk gives its part of the gradients before the next
    one is made, so that memory does not grow with N × I.
    """

    negatives: int = 0
    name: ClassVar[str] = "cross-entropy"

    def __post_init__(self) -> None:
        if self.negatives != 0:
            raise ValueError(
                f"negatives={self.negatives}: cross-entropy over all items has none to draw; "
                "SampledSoftmax has"
            )

    def total(
        self,
        query: Tensor,
        shift: Tensor | None,
        table: Tensor,
        target: Tensor,
        negative: Tensor,
        dots: Dots = dots,
    ) -> Tensor:
        """See the module: → a scalar. `shift` cancels; `negative` and `dots` are not looked at."""
        query, _, target, _ = _real(query, None, target, negative)
        return _FullCrossEntropy.apply(query, table, target)


Loss = BCE | GBCE | SampledSoftmax | CrossEntropy
LOSSES: dict[str, type[Loss]] = {
    kind.name: kind for kind in (BCE, GBCE, SampledSoftmax, CrossEntropy)
}


def is_own(loss: Any) -> bool:
    """Whether a loss is not the library's: then nothing but the plain engine may run it."""
    return not isinstance(loss, Loss)


def as_loss(loss: str | Loss) -> Loss:
    """A loss from its name ("bce", "gbce", "sampled-softmax", "cross-entropy") or from itself.

    Raises ValueError for another name or a number of negatives that is none, TypeError for what is
    neither a name nor a loss.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"loss={loss!r} must be one of {', '.join(map(repr, LOSSES))}")
        return LOSSES[loss]()
    if isinstance(loss, type) or not all(hasattr(loss, name) for name in ("negatives", "total")):
        raise TypeError(
            f"loss={loss!r} must be a name, an object of the classes in seqrec_lib.training.losses "
            "such as BCE(), or one of your own: with `negatives`, how many are drawn for each "
            "position (0 for none), and the method `total` as BCE has it"
        )
    whole_number("the loss's negatives", loss.negatives, least=0)
    if isinstance(loss, nn.Module) and any(True for _ in loss.parameters()):
        raise TypeError(
            f"the loss {type(loss).__name__} has weights, which the optimizer of the model would "
            "not train: make them part of the model"
        )
    return loss


def _sum_of_real(each: Tensor, target: Tensor) -> Tensor:
    """The sum of `each` (N,) over the rows that have a next item."""
    return torch.where(target != 0, each, 0.0).sum()


class _FullCrossEntropy(Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, table: Tensor, target: Tensor) -> Tensor:
        items = table[1:]  # (I, D)
        total = query.new_zeros((), dtype=torch.float64 if query.device.type == "cpu" else None)
        wanted = any(ctx.needs_input_grad)
        to_query = torch.empty_like(query) if wanted else query
        to_table = torch.zeros_like(table) if wanted else table
        step = 2**14
        if query.device.type == "cpu":
            step = max(_ROWS_AT_LEAST, _LOGITS_AT_ONCE // len(items))
        for first in range(0, len(query), step):
            part = slice(first, first + step)
            q, right = query[part], target[part]
            logits = q @ items.T  # (step, I)
            mine = logits.gather(1, (right - 1).clamp(min=0).unsqueeze(1))  # (step, 1)
            highest = logits.amax(dim=1, keepdim=True)
            # of logits only e^{logit - highest} is needed from here on: one exponential for both
            # the sum and the softmax, which is divided by its sum where that is narrow
            powers = logits.sub_(highest).exp_()  # (step, I)
            powers_sum = powers.sum(dim=1, keepdim=True)
            total += _sum_of_real((highest + powers_sum.log() - mine).squeeze(1), right)
            if wanted:
                weight = (right != 0).unsqueeze(1) / powers_sum  # (step, 1)
                to_query[part] = (powers @ items).mul_(weight)
                to_table[1:].addmm_(powers.T, q * weight)
        if wanted:
            to_query -= table[target] * (target != 0).unsqueeze(1)
            to_table.index_add_(0, target, query, alpha=-1)
            to_table[0] = 0  # of the rows that count nothing
            ctx.save_for_backward(to_query, to_table)
        return total.to(query.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        to_query, to_table = ctx.saved_tensors
        return to_query * grads[0], to_table * grads[0], None
