"""Dropout acts in training alone: in evaluation mode nothing is drawn, by whichever road."""

import pytest
import tiny
import torch

from seqrec_lib.network.layers import (
    Encoder,
    EncoderLayer,
    MultiHeadAttention,
    PointWiseFeedForward,
)

SIZES = dict(seq_max_len=6, embedding_dim=8, attention_dim=8, num_heads=1, conv_dims=[8, 8])
PARTS = {
    "attention": lambda: MultiHeadAttention(attention_dim=8, num_heads=1, dropout_rate=0.5),
    "feed forward": lambda: PointWiseFeedForward(8, [8, 8], 0.5),
    "layer": lambda: EncoderLayer(**SIZES, dropout_rate=0.5),
    "encoder": lambda: Encoder(num_layers=2, **SIZES, dropout_rate=0.5),
}


@pytest.mark.parametrize("kind", tiny.MODELS)
def test_a_model_in_evaluation_mode_gives_the_same_twice(kind: str) -> None:
    model = tiny.stir(tiny.MODELS[kind](dropout_rate=0.5))
    seq = tiny.padded(tiny.histories([3, 6, 1]))
    users = torch.tensor([[1], [2], [3]])
    x = {"input_seq": seq, "positive": seq.clamp(min=1), "negative": seq.clamp(min=1)}
    roads = {
        "forward": lambda: model({**x, "users": users})[0],
        "training=False": lambda: model({**x, "users": users}, training=False)[0],
        "predict": lambda: model.predict(
            {"input_seq": seq, "candidate": x["positive"], "user": users}
        ),
        "score": lambda: model.score(users.view(-1), seq),
    }
    with torch.no_grad():
        assert not torch.equal(roads["forward"](), roads["forward"]())  # a fresh one trains
        for name in ("training=False", "predict", "score"):
            assert torch.equal(roads[name](), roads[name]()), name
        assert model.training
        model.eval()
        for name, road in roads.items():
            assert torch.equal(road(), road()), name
        assert torch.equal(roads["forward"](), roads["training=False"]())


@pytest.mark.parametrize("name", PARTS)
def test_a_part_in_evaluation_mode_gives_the_same_twice(name: str) -> None:
    part = tiny.stir(PARTS[name]())
    x, mask = torch.randn(2, 6, 8), torch.ones(2, 6, 1)
    calls = {
        "attention": lambda: part(x, x),
        "feed forward": lambda: part(x),
        "layer": lambda: part(x, True, mask),
        "encoder": lambda: part(x, True, mask),
    }
    with torch.no_grad():
        assert not torch.equal(calls[name](), calls[name]())
        part.eval()
        assert torch.equal(calls[name](), calls[name]())
