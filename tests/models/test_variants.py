"""The variants that the papers compare, settings that travel, and what models refuse."""

import re

import numpy as np
import pytest
import reference
import tiny
import torch

from seqrec_lib.models.files import build_model, config_from_dict
from seqrec_lib.models.recommenders import SSEPT
from seqrec_lib.network.rows import PaddedRows

HISTORIES = tiny.histories([0, 1, 2, 5, 6, 11])


# Variants -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", range(4))
def test_any_number_of_blocks(make, blocks):
    model = tiny.stir(make(num_blocks=blocks))
    assert len(model.encoder.enc_layers) == blocks
    state = {k: v.double().numpy() for k, v in model.state_dict().items()}
    users = np.array([1, 2]) if isinstance(model, SSEPT) else None
    seq = tiny.padded(tiny.histories([2, 6]))
    candidates = np.broadcast_to(np.arange(1, 16), (2, 6, 15))
    expected = reference.logits(state, seq.numpy(), candidates, 1, users)
    got = tiny.logits(model, seq).detach().numpy()
    real = seq.numpy() != 0
    np.testing.assert_allclose(got[real], expected[real], rtol=1e-4, atol=1e-5)


def test_without_positions_is_the_same_as_positions_of_zero(make):
    bare = make(positions=False)
    full = make()
    assert set(full.state_dict()) - set(bare.state_dict()) == {"positional_embedding_layer.weight"}
    tiny.stir(bare)
    zero = torch.zeros_like(full.positional_embedding_layer.weight)
    full.load_state_dict({**bare.state_dict(), "positional_embedding_layer.weight": zero})
    assert torch.equal(tiny.scores(bare, HISTORIES), tiny.scores(full, HISTORIES))
    seq = tiny.padded(HISTORIES)
    torch.testing.assert_close(tiny.logits(bare, seq), tiny.logits(full, seq), rtol=0, atol=0)
    items, places = bare.embedding(seq)
    assert places.shape == (6, 6, 8)
    assert bool((places == 0).all())
    assert torch.equal(items, full.embedding(seq)[0])


def test_an_output_table_of_its_own_is_what_states_are_compared_with(make):
    apart, shared = make(shared_embedding=False), make()
    extra = {"output_embedding_layer.weight"}
    assert set(apart.state_dict()) - set(shared.state_dict()) == extra
    tiny.stir(apart)
    state = dict(apart.state_dict())
    out = state.pop("output_embedding_layer.weight")
    assert not torch.equal(out, state["item_embedding_layer.weight"])
    shared.load_state_dict(state)
    seq = tiny.padded(HISTORIES)
    users = torch.arange(1, 7) if isinstance(shared, SSEPT) else None
    state_of = shared.query(_hidden(shared, users, seq), users)
    expected = state_of[0] @ out[1:].T
    if state_of[1] is not None:
        expected += state_of[1].unsqueeze(1)
    torch.testing.assert_close(tiny.scores(apart, HISTORIES), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(tiny.logits(apart, seq)[:, -1], expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(apart.item_vectors(), out)


def _hidden(model, users, seq):
    by_row = None if users is None else users.view(-1, 1).expand_as(seq)
    with torch.no_grad():
        return model.encode(seq, by_row, PaddedRows(seq != 0))[:, -1]


def test_a_seed_gives_the_same_weights_and_another_seed_others(make):
    first, same, other = (make(seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(
        first["encoder.enc_layers.0.mha.Q.weight"], other["encoder.enc_layers.0.mha.Q.weight"]
    )
    fresh, again = (make(seed=None).item_embedding_layer.weight for _ in range(2))
    assert not torch.equal(fresh, again)


# Settings that travel -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layout": "post-norm", "norm": "feature", "residuals": False},
        {"positions": False, "shared_embedding": False, "num_blocks": 1, "conv_dims": [9, 8]},
        {"attention_num_heads": 2, "dropout_rate": 0.3, "l2_reg": 0.01, "num_neg_test": 7},
    ],
)
def test_settings_print_compare_and_build_the_model_again(make, options):
    model = make(**options)
    again = build_model(config_from_dict(model.settings()))
    assert type(again) is type(model)
    assert again.config == model.config
    assert again.config != make(num_blocks=5).config
    again.load_state_dict(model.state_dict())
    assert torch.equal(tiny.scores(again, HISTORIES), tiny.scores(model, HISTORIES))
    for name, value in options.items():
        assert f"{name}={tuple(value) if isinstance(value, list) else value!r}" in str(model.config)


def test_settings_that_are_missing_or_unknown_are_named():
    good = tiny.sasrec().settings()
    with pytest.raises(ValueError, match=r"missing \['layout'\].*unknown \['lay_out'\]"):
        config_from_dict({("lay_out" if k == "layout" else k): v for k, v in good.items()})
    with pytest.raises(ValueError, match="GPT"):
        config_from_dict({**good, "model": "GPT"})


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention_num_heads": 3}, r"attention_dim=8 is not divisible by num_heads=3"),
        ({"attention_num_heads": 0}, "num_heads=0"),
        ({"num_blocks": -1}, "num_blocks=-1"),
        ({"item_num": 0}, "item_num=0"),
        ({"seq_max_len": 2.5}, "seq_max_len=2.5"),
        ({"dropout_rate": 1.0}, "dropout_rate=1.0"),
        ({"dropout_rate": -0.1}, "dropout_rate=-0.1"),
        ({"l2_reg": -1.0}, "l2_reg=-1.0"),
        ({"num_neg_test": 0}, "num_neg_test=0"),
        ({"layout": "prenorm"}, "layout='prenorm' must be one of 'contract'"),
        ({"norm": "batch"}, "norm='batch'"),
        ({"conv_dims": [8]}, r"conv_dims=\[8\]"),
        ({"conv_dims": [8, 9]}, r"conv_dims=\[8, 9\]"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_a_setting_out_of_its_range_is_named_with_its_value(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_an_attention_dim_other_than_embedding_dim_is_an_error_for_sasrec():
    with pytest.raises(ValueError, match=r"attention_dim=4 must equal embedding_dim=8"):
        tiny.sasrec(attention_dim=4)
    assert tiny.sasrec(attention_dim=8).config == tiny.sasrec().config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidate": [[1, 0]]}, r"candidate holds ids from 0 to 1.*1 to item_num=15"),
        ({"candidate": [[1, 16]]}, r"candidate holds ids from 1 to 16.*item_num=15"),
        ({"candidate": [[1], [2]]}, r"candidate has shape \(2, 1\).*\(1, candidates\)"),
        ({"candidate": [1]}, r"candidate has shape \(1,\)"),
        ({"input_seq": [[0, 0, 0, 0, 1, 16]]}, r"input_seq holds ids from 0 to 16"),
        ({"input_seq": [[0, 0, 0, 0, 1, -1]]}, r"input_seq holds ids from -1 to 1"),
        ({"input_seq": [[0, 0, 0, 1, 2]]}, r"input_seq has shape \(1, 5\).*seq_max_len=6"),
        ({"input_seq": [0, 0, 0, 0, 1, 2]}, r"input_seq has shape \(6,\)"),
    ],
)
def test_predict_refuses_wrong_shapes_and_ids(make, change, message):
    asked = {"input_seq": [[0, 0, 0, 0, 1, 2]], "candidate": [[1, 2]], "user": [[1]]}
    make().predict(asked)
    with pytest.raises(ValueError, match=message):
        make().predict({**asked, **change})


def test_predict_of_ssept_refuses_users_that_it_does_not_know():
    asked = {"input_seq": [[0, 0, 0, 0, 1, 2]], "candidate": [[1, 2]]}
    with pytest.raises(ValueError, match=re.escape("inputs['user']")):
        tiny.ssept().predict(asked)
    with pytest.raises(ValueError, match=r"13.*0 to user_num=12"):
        tiny.ssept().predict({**asked, "user": [[13]]})


def test_forward_refuses_sequences_of_the_wrong_length(make):
    short = torch.tensor([[1, 2, 3]])
    x = {"input_seq": short, "positive": short, "negative": short, "users": torch.tensor([[1]])}
    with pytest.raises(ValueError, match=r"input_seq has shape \(1, 3\).*seq_max_len=6"):
        make()(x)


def test_forward_of_ssept_needs_users():
    seq = tiny.padded([[1, 2]])
    with pytest.raises(ValueError, match=re.escape("x['users']")):
        tiny.ssept()({"input_seq": seq, "positive": seq, "negative": seq})


def test_files_of_version_0_1_load():
    """Their settings have no attention_dim: it follows from the widths."""
    for model in (tiny.sasrec(layout="authors"), tiny.ssept(num_blocks=1)):
        settings = model.settings()
        del settings["attention_dim"]
        assert config_from_dict(settings) == model.config
