"""Models of a reader's own: what is new about each, and nothing else."""

import torch
from torch import nn

from seqrec_lib import SequenceModel


class GRU4Rec(SequenceModel):
    """A recurrent network (Hidasi et al. 2016)."""

    def __init__(self, item_num, seq_max_len, width=16):
        super().__init__()
        self.item_num, self.seq_max_len = item_num, seq_max_len
        self.items = nn.Embedding(item_num + 1, width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True)

    @property
    def output_embedding(self):
        return self.items.weight

    def encode(self, items, users, rows):
        return self.gru(rows.dropout(self.items(items), 0.1))[0]  # (B, T, D)


class BERT4Rec(SequenceModel):
    """A transformer that sees both sides of hidden items (Sun et al. 2019); the mask is an id."""

    def __init__(self, item_num, seq_max_len, width=16, hidden=0.3):
        super().__init__()
        self.item_num, self.seq_max_len = item_num, seq_max_len
        self.mask, self.hidden = item_num + 1, hidden
        self.items = nn.Embedding(item_num + 2, width, padding_idx=0)
        self.positions = nn.Embedding(seq_max_len, width)
        block = nn.TransformerEncoderLayer(width, 2, 2 * width, 0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 1, enable_nested_tensor=False)

    @property
    def output_embedding(self):
        return self.items.weight[: self.item_num + 1]  # the mask is never an answer

    def encode(self, items, users, rows):
        x = self.items(items) + rows.by_position(self.positions.weight)
        return self.encoder(x, src_key_padding_mask=~rows.real)

    def training_batch(self, batch, generator):
        whole = torch.cat([batch.seq[:, 1:], batch.pos[:, -1:]], 1)  # (B, T), the next item last
        chance = torch.rand(whole.shape, generator=generator, device=whole.device)
        hide = (chance < self.hidden) & (whole != 0)
        hide[:, -1] |= ~hide.any(1)  # at least one a history
        return batch._replace(
            seq=whole.masked_fill(hide, self.mask), pos=whole * hide, neg=batch.neg * hide
        )

    def scoring_input(self, histories):
        return nn.functional.pad(histories, (0, 1), value=self.mask)


class HSTU(SequenceModel):
    """One block with gates and without a softmax, biased by the time between items (Zhai et al.
    2024)."""

    reads_times = True

    def __init__(self, item_num, seq_max_len, width=16, buckets=8):
        super().__init__()
        self.item_num, self.seq_max_len = item_num, seq_max_len
        self.items = nn.Embedding(item_num + 1, width, padding_idx=0)
        self.gate_and_qkv, self.out = nn.Linear(width, 4 * width), nn.Linear(width, width)
        self.by_time = nn.Parameter(torch.zeros(buckets))

    @property
    def output_embedding(self):
        return self.items.weight

    def encode(self, items, users, rows):
        x = self.items(items)
        u, v, q, k = nn.functional.silu(self.gate_and_qkv(x)).chunk(4, -1)  # (B, T, D) each
        apart = (rows.times.unsqueeze(2) - rows.times.unsqueeze(1)).clamp(min=0)  # (B, T, T)
        bucket = torch.log2(apart + 1.0).long().clamp(max=len(self.by_time) - 1)
        weights = nn.functional.silu(q @ k.transpose(1, 2) + self.by_time[bucket])
        past = torch.ones_like(weights).tril() * rows.real.unsqueeze(1)
        mixed = weights * past @ v / past.sum(-1, keepdim=True).clamp(min=1)
        return x + self.out(nn.functional.layer_norm(mixed, x.shape[-1:]) * u)
