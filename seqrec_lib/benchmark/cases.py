"""What the benchmark times: the cases, one piece of work each, a row of its table.

To add one: write a function that takes a `Bench` and gives a `Work`, and list it in `CASES`. It
then has a name for `--rows`, memory of its own, repeats, a line in the table and one in the JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.recommendation import recommend
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.network.layers import EncoderLayer
from seqrec_lib.training.assembly import steps_an_epoch
from seqrec_lib.training.losses import as_loss
from seqrec_lib.training.sampling import WarpSampler
from seqrec_lib.training.sse import SSE

# The setting in which the papers and the peers report their times.
BATCH, WIDTH, BLOCKS, DROPOUT, TOP = 128, 50, 2, 0.2, 10
_GPU_EPOCHS = 5  # one epoch there is so short that starting the call would be a part of it


@dataclass(frozen=True)
class Bench:
    """Where a case runs: the data, the device ("cpu" or "cuda"), threads (None: torch's number)."""

    dataset: SASRecDataSet
    device: str = "cpu"
    threads: int | None = None


@dataclass(frozen=True)
class Work:
    """What one round does.

    run: does it, `parts` times over.
    sequences: in one part; what the rate is counted in.
    flops: the arithmetic of one part, None where it is not what costs.
    """

    run: Callable[[], object]
    sequences: int
    flops: float | None = None
    parts: int = 1


@dataclass(frozen=True)
class Case:
    """A row of the table.

    name: for `--rows`. title: in the table. prepare: builds model and data, before any clock runs.
    peer: settings for `peer`, None where RecTools has no counterpart.
    trains: can be asked for by `--profile`.
    precision: of its arithmetic, hence of the matrix product that it is compared with.
    """

    name: str
    title: str
    prepare: Callable[[Bench], Work]
    peer: Mapping[str, Any] | None = None
    trains: bool = False
    precision: str = "float32"

    @property
    def gpu_only(self) -> bool:
        """Whether it needs `--device cuda`."""
        return self.precision != "float32"


def sequence_flops(model: SASREC, lengths: np.ndarray, last: bool = False) -> np.ndarray:
    """The arithmetic of a forward pass for each of some sequences, without logits.

    lengths: (G,) real positions of each → (G,) multiplications and additions: a matrix product of
    (a, b) and (b, c) is 2abc. In every block each real position costs 3 · 2D² for Q, K, V and
    2 · 2DC for the feed-forward network (D → C → D); each of the L(L+1)/2 pairs of a query and a
    key that it may look at costs 4D: 2D for the score, 2D for its share of the values.

    last: for scoring, which asks the last position only: the last block has one query, which meets
    L positions, with K and V moved to its side, and one position in the feed-forward network.

    Not counted: padding, the future, softmax, normalisation, dropout, look-ups and Adam.
    """
    L = lengths.astype(np.float64)
    D = model.layer_normalization.gamma.shape[1]
    total = np.zeros_like(L)
    layers = list(model.encoder.enc_layers)
    for layer in layers:
        C = cast(EncoderLayer, layer).ffn.conv_layer1.out_channels
        one = last and layer is layers[-1]
        heads = cast(EncoderLayer, layer).mha.num_heads  # each meets whole positions then
        asking, pairs = (1, L * heads) if one else (L, L * (L + 1) / 2)
        total += asking * (6 * D**2 + 4 * D * C) + pairs * 4 * D
    return total


def logit_flops(model: SASREC) -> int:
    """The arithmetic of one logit: 2 d_i, a product with the vector of an item."""
    return 2 * model.output_embedding.shape[1]


def train_epoch(
    bench: Bench,
    *,
    maxlen: int,
    loss: str = "bce",
    users: bool = False,
    sse: SSE | None = None,
    precision: str = "float32",
) -> Work:
    """One epoch by `train_model`. The backward pass counts twice the forward pass's arithmetic."""
    data = bench.dataset
    model = _model(bench, maxlen, users)
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, BATCH, maxlen, seed=0)
    epochs = _GPU_EPOCHS if bench.device == "cuda" else 1
    run = partial(
        model.train_model,
        data,
        sampler,
        num_epochs=epochs,
        batch_size=BATCH,
        verbose=False,
        loss=loss,
        sse=sse,
        seed=0,
        device=bench.device,
        precision=precision,
        threads=bench.threads,
    )
    sequences = steps_an_epoch(data, BATCH) * BATCH
    lengths = data.train.lengths
    lengths = np.minimum(lengths[lengths >= 2] - 1, maxlen)  # of the users that may be drawn
    negatives = as_loss(loss).negatives
    logits = 1 + negatives if negatives else data.itemnum
    each = sequence_flops(model, lengths) + lengths * logits * logit_flops(model)
    return Work(run, sequences, 3 * sequences * float(each.mean()), epochs)


def evaluate_all(bench: Bench, *, maxlen: int, users: bool = False) -> Work:
    """`evaluate`: the test item of every user among 100 drawn ones."""
    data = bench.dataset
    model = _model(bench, maxlen, users).to(bench.device)
    lengths = np.minimum(data.history("test").lengths[data.test_item > 0], maxlen)
    logits = (1 + model.num_neg_test) * logit_flops(model)
    flops = float((sequence_flops(model, lengths, last=True) + logits).sum())
    return Work(partial(model.evaluate, data, seed=0), len(lengths), flops)


def recommend_all(bench: Bench, *, maxlen: int, users: bool = False) -> Work:
    """`recommend`: the best of all items for every user, without those of the history."""
    data = bench.dataset
    model = _model(bench, maxlen, users).to(bench.device)
    everyone = np.flatnonzero(data.sequences.lengths)
    lengths = np.minimum(data.sequences.lengths[everyone], maxlen)
    logits = data.itemnum * logit_flops(model)
    flops = float((sequence_flops(model, lengths, last=True) + logits).sum())
    return Work(partial(recommend, model, data, users=everyone, k=TOP), len(everyone), flops)


def _model(bench: Bench, maxlen: int, users: bool) -> SASREC:
    settings: dict[str, Any] = {
        "item_num": bench.dataset.itemnum,
        "seq_max_len": maxlen,
        "num_blocks": BLOCKS,
        "embedding_dim": WIDTH,  # SSEPT: of the items and of the users
        "dropout_rate": DROPOUT,
        "seed": 0,
    }
    return SSEPT(user_num=bench.dataset.usernum, **settings) if users else SASREC(**settings)


def _training(
    name: str,
    title: str,
    maxlen: int,
    loss: str = "bce",
    users: bool = False,
    sse: SSE | None = None,
    peer: Mapping[str, Any] | None = None,
) -> tuple[Case, Case]:
    """A case in float32, and one in bfloat16 for a GPU."""
    work = partial(train_epoch, maxlen=maxlen, loss=loss, users=users, sse=sse)
    case = Case(name, title, work, peer, trains=True)
    half = replace(
        case,
        name=f"{name}-bf16",
        title=f"{title}, bfloat16",
        prepare=partial(work, precision="bfloat16"),
        precision="bfloat16",
    )
    return case, half


def _peer(work: str, maxlen: int, loss: str = "BCE") -> dict[str, Any]:
    return {"work": work, "maxlen": maxlen, "loss": loss}


CASES: tuple[Case, ...] = (
    *_training("train-200", "epoch, n=200, BCE", 200, peer=_peer("train", 200)),
    *_training("train-50", "epoch, n=50, BCE", 50, peer=_peer("train", 50)),
    *_training(
        "train-200-all",
        "epoch, n=200, cross-entropy over all items",
        200,
        "cross-entropy",
        peer=_peer("train", 200, "softmax"),
    ),
    Case("evaluate-200", "evaluate, n=200, 100 negatives", partial(evaluate_all, maxlen=200)),
    Case(
        "recommend-200",
        "recommend, n=200, top 10 of all items",
        partial(recommend_all, maxlen=200),
        _peer("recommend", 200),
    ),
    *_training("ssept-train-50", "SSE-PT epoch, n=50, BCE", 50, users=True),
    *_training(
        "ssept-train-50-sse",
        "SSE-PT epoch, n=50, BCE, with SSE",
        50,
        users=True,
        sse=SSE(user=0.92, input_item=0.1, output_item=0.1),
    ),
    *_training(
        "ssept-train-50-all",
        "SSE-PT epoch, n=50, cross-entropy over all items",
        50,
        "cross-entropy",
        users=True,
    ),
    Case(
        "ssept-evaluate-50",
        "SSE-PT evaluate, n=50, 100 negatives",
        partial(evaluate_all, maxlen=50, users=True),
    ),
    Case(
        "ssept-recommend-50",
        "SSE-PT recommend, n=50, top 10 of all items",
        partial(recommend_all, maxlen=50, users=True),
    ),
)
