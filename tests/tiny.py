"""Small models, batches and data sets that several test files share."""

import numpy as np
import torch
from torch import Tensor

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.recommenders import SASREC, SSEPT
from seqrec_lib.training.sampling import Batch

ITEMS, USERS, LENGTH = 15, 12, 6


def sasrec(**options) -> SASREC:
    """D = 8, T = 6, no dropout unless asked for."""
    settings = dict(item_num=ITEMS, seq_max_len=LENGTH, embedding_dim=8, dropout_rate=0.0, seed=1)
    return SASREC(**{**settings, **options})


def ssept(**options) -> SSEPT:
    """d_i = 5 and d_u = 3, so D = 8."""
    settings = dict(item_num=ITEMS, user_num=USERS, seq_max_len=LENGTH, dropout_rate=0.0, seed=1)
    widths = dict(user_embedding_dim=3, item_embedding_dim=5)
    return SSEPT(**{**settings, **widths, **options})


MODELS = {"SASREC": sasrec, "SSEPT": ssept}


@torch.no_grad()
def stir(model: torch.nn.Module, seed: int = 0, scale: float = 0.4) -> torch.nn.Module:
    """Give every weight a value of some size: fresh ones are near 0, or exactly 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        weight += scale * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
        if "embedding_layer" in name and "positional" not in name:
            weight[0] = 0
    return model


def histories(lengths, items: int = ITEMS, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(1, items + 1, length).tolist() for length in lengths]


def padded(sequences, length: int = LENGTH) -> Tensor:
    """(B, length), the last items of each sequence, with 0 in front."""
    rows = [[0] * (length - len(s[-length:])) + list(s[-length:]) for s in sequences]
    return torch.tensor(rows)


def batch_of(lengths, length: int = LENGTH, seed: int = 0) -> Batch:
    """A training batch in which row i has lengths[i] inputs, cut to the last `length`."""
    rng = np.random.default_rng(seed)
    whole = histories([n + 1 if n else 0 for n in lengths], seed=seed)
    seq = padded([h[:-1] for h in whole], length)
    pos = padded([h[1:] for h in whole], length)
    neg = torch.from_numpy(rng.integers(1, ITEMS + 1, seq.shape)) * (pos != 0)
    users = torch.from_numpy(rng.integers(1, USERS + 1, len(lengths)))
    return Batch(users, seq, pos, neg)


def dataset(users: int = USERS, items: int = ITEMS, longest: int = 11, seed: int = 0):
    """Users of 3 to `longest` items, each without repeats so that all have unseen items left."""
    rng = np.random.default_rng(seed)
    sequences = {
        user: (rng.permutation(items)[: rng.integers(3, longest + 1)] + 1).tolist()
        for user in range(1, users + 1)
    }
    return SASRecDataSet.from_sequences(sequences, itemnum=items)


def scores(model: SASREC, histories, length: int = LENGTH) -> Tensor:
    """(B, I): the logits of every item, by the road that evaluation takes; row b is user b + 1."""
    users = torch.arange(1, 1 + len(histories)) if isinstance(model, SSEPT) else None
    return model.score(users, padded(histories, length))[:, 1:]


def logits(model: SASREC, seq: Tensor) -> Tensor:
    """(B, T, I): what `forward` gives, asked for every item; row b is user b + 1."""
    B, T = seq.shape
    users = torch.arange(1, 1 + B).repeat_interleave(ITEMS).view(-1, 1)
    asked = torch.arange(1, 1 + ITEMS).repeat(B).view(-1, 1).expand(-1, T)  # (B·I, T)
    x = {"input_seq": seq.repeat_interleave(ITEMS, 0), "positive": asked, "negative": asked}
    return model({**x, "users": users}, training=False)[0].view(B, ITEMS, T).transpose(1, 2)
