"""A trained model as one function of tensors, for `torch.export`, ONNX and what runs them."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from seqrec_lib.network.model import SequenceModel
from seqrec_lib.network.rows import PaddedRows


class Scores(nn.Module):
    """The scores of all items that could follow some histories, in a form that can be exported.

    model: any `SequenceModel`. It is copied as it is now, without dropout and without gradients;
        training it further changes nothing here.

    Call it with histories (B, n) of item numbers, int64, n = `seq_max_len` of the model, 0s in
    front, and for a model with user embeddings with users (B,) too, int64: it gives (B, I+1)
    float32, -inf in column 0, the same as `model.score` to rounding. The batch may have any size:

        from torch.export import Dim, export

        scores = Scores(model)
        histories = torch.zeros(2, model.seq_max_len, dtype=torch.int64)
        program = export(scores, (histories,), dynamic_shapes=({0: Dim("batch")},))
        torch.onnx.export(program, f="model.onnx", input_names=["histories"], optimize=False)

    The last line needs the packages onnx and onnxscript; whatever runs ONNX, such as onnxruntime,
    then needs neither torch nor this library. optimize=False is needed: the optimiser of onnxscript
    0.7.2 makes NaN of padded histories, and onnxruntime optimises by itself. With users the
    arguments are (histories, users), and both have the dimension "batch".

    Raises TypeError for what is no SequenceModel and for one that reads times; a call raises
    ValueError for another length of histories.
    """

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        if not isinstance(model, SequenceModel) or model.reads_times:
            raise TypeError(
                f"model must be a SequenceModel that reads no times, got {type(model).__name__}"
            )
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    def forward(self, histories: Tensor, users: Tensor | None = None) -> Tensor:
        """(B, n) ids, 0s in front, and (B,) users where the model knows them → (B, I+1)."""
        model, n = self.model, self.model.seq_max_len
        if histories.shape[1] != n:
            raise ValueError(
                f"histories have shape {tuple(histories.shape)}: must be (batch, seq_max_len={n}); "
                "pad_sequences makes them so"
            )
        seq = model.scoring_input(histories)[:, -n:]  # (B, n)
        rows = PaddedRows(seq != 0)
        by_row = None if users is None else users.unsqueeze(1).expand_as(seq)
        hidden = rows.last(model.encode(seq, by_row, rows)).squeeze(1)  # (B, D)
        query, shift = model.query(hidden, users)
        logits = query @ model.output_embedding.T  # (B, I+1)
        if shift is not None:
            logits = logits + shift.unsqueeze(1)
        padding = torch.full_like(logits[:, :1], -math.inf)  # (B, 1)
        return torch.cat([padding, logits[:, 1:]], dim=1).float()
