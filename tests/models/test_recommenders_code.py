"""Code written for recommenders runs: its examples, its loop and its habits."""

import numpy as np
import pytest
import tiny
import torch
from small_runs import trained

import seqrec_lib as sl

# The usage examples of recommenders' pages, as they are but for the import line ---------------


@pytest.fixture
def prepared(sample_dataset):
    data = sample_dataset
    sampler = sl.WarpSampler(
        data.user_train, data.usernum, data.itemnum, batch_size=64, maxlen=50, n_workers=3
    )
    sequences = sl.pad_sequences([data.user_train[user] for user in (1, 2, 3)], 50)
    candidates = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [1, 3, 5, 7]])
    return data, sampler, sequences, candidates


def test_the_example_of_sasrec(prepared, capsys):
    dataset, warp_sampler, input_sequences, candidate_items = prepared
    from seqrec_lib import SASREC

    # Initialize the SASRec model
    model = SASREC(
        item_num=10000,
        seq_max_len=50,
        num_blocks=2,
        embedding_dim=64,
        attention_dim=64,
        attention_num_heads=2,
        conv_dims=[64, 64],
        dropout_rate=0.2,
        l2_reg=1e-6,
        num_neg_test=100,
    )

    # Train the model
    history = model.train_model(
        dataset=dataset,
        sampler=warp_sampler,
        num_epochs=20,
        batch_size=128,
        learning_rate=0.001,
        val_epoch=5,
    )

    # Evaluate on the test set
    ndcg, hr = model.evaluate(dataset, seed=42)
    print(f"Test NDCG@10: {ndcg:.4f}, HR@10: {hr:.4f}")

    # Predict for specific inputs
    predictions = model.predict(
        {
            "input_seq": input_sequences,
            "candidate": candidate_items,
        }
    )
    assert predictions.shape == (3, 4)
    assert len(history["loss"]) == 20
    assert len(history["val_ndcg"]) == len(history["val_hr"]) == 4
    assert history["loss"][-1] < history["loss"][0]
    assert 0 < ndcg < hr < 1
    said = capsys.readouterr().out
    assert said.count("validation NDCG@10") == 4 + 1  # a line each, and the best in the summary


def test_the_example_of_ssept(prepared):
    dataset, warp_sampler, sequences, candidates = prepared
    user_ids = torch.tensor([[1], [2], [3]])
    sequences, candidates = torch.from_numpy(sequences), torch.from_numpy(candidates)
    from seqrec_lib import SSEPT

    # Initialize the SSEPT model with user embeddings
    model = SSEPT(
        item_num=10000,
        user_num=5000,
        seq_max_len=50,
        num_blocks=2,
        embedding_dim=64,
        attention_dim=128,
        attention_num_heads=2,
        conv_dims=[128, 128],
        dropout_rate=0.2,
        l2_reg=1e-6,
        user_embedding_dim=64,
        item_embedding_dim=64,
        num_neg_test=100,
    )

    # Train the model (uses inherited train_model from SASREC)
    history = model.train_model(
        dataset=dataset,
        sampler=warp_sampler,
        num_epochs=20,
        batch_size=128,
        learning_rate=0.001,
        val_epoch=5,
    )

    # Evaluate on the test set
    ndcg, hr = model.evaluate(dataset, seed=42)
    print(f"Test NDCG@10: {ndcg:.4f}, HR@10: {hr:.4f}")

    # Predict for specific users and candidate items
    predictions = model.predict(
        {
            "user": user_ids,  # (batch, 1) tensor of user indices
            "input_seq": sequences,  # (batch, seq_max_len) tensor of item indices
            "candidate": candidates,  # (batch, num_candidates) tensor of candidate items
        }
    )
    assert predictions.shape == (3, 4)
    assert 0 < ndcg < hr < 1
    assert len(history["val_ndcg"]) == 4


def test_a_loop_of_ones_own(make):
    """next_batch, create_combined_dataset, forward, loss_function, predict: as it was written."""
    data = tiny.dataset()
    model = make(dropout_rate=0.0, seed=1)
    sampler = sl.WarpSampler(
        data.user_train, data.usernum, data.itemnum, batch_size=4, maxlen=tiny.LENGTH, n_workers=3
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(40):
        u, seq, pos, neg = sampler.next_batch()
        inputs, target = model.create_combined_dataset(u, seq, pos, neg)
        model.train()
        optimizer.zero_grad()
        pos_logits, neg_logits, istarget = model(inputs, training=True)
        assert torch.equal(istarget, target.view(-1))
        loss = model.loss_function(pos_logits, neg_logits, istarget)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    sampler.close()
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
    model.eval()
    scores = model.predict({"input_seq": seq, "candidate": pos.clip(1), "user": u.reshape(-1, 1)})
    assert scores.shape == pos.shape


# Modes ----------------------------------------------------------------------------------------


def test_dropout_needs_training_asked_for_and_training_mode(make):
    model = make(dropout_rate=0.5)
    batch = tiny.batch_of([3, 6])
    x = {"input_seq": batch.seq, "positive": batch.pos, "negative": batch.neg}
    x["users"] = batch.users.view(-1, 1)
    x2 = torch.randn(2, 6, 8)
    mask = torch.ones(2, 6, 1)
    for part, call in {
        "model": lambda training: model(x, training)[0],
        "encoder": lambda training: model.encoder(x2, training, mask),
        "block": lambda training: model.encoder.enc_layers[0](x2, training, mask),
    }.items():
        for mode in (True, False):
            model.train(mode)
            for training in (True, False):
                same = torch.equal(call(training), call(training))
                assert same == (not (mode and training)), (part, mode, training)
    for block, inputs in ((model.encoder.enc_layers[0].mha, (x2, x2)),):
        assert not torch.equal(block.train()(*inputs), block(*inputs))
        assert torch.equal(block.eval()(*inputs), block(*inputs))


# Zeros ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SASREC", "SSEPT"])
def test_a_zero_between_items_is_a_masked_position_everywhere(kind):
    model = tiny.stir(tiny.MODELS[kind](dropout_rate=0.0))
    wide = tiny.stir(tiny.MODELS[kind](dropout_rate=0.0)).double()
    seq = torch.tensor([[0, 0, 5, 0, 3, 7], [1, 2, 3, 4, 5, 6]])
    closed = torch.tensor([[0, 0, 0, 5, 3, 7], [1, 2, 3, 4, 5, 6]])
    users = torch.tensor([1, 2]) if kind == "SSEPT" else None
    scores, exact = model.score(users, seq), wide.score(users, seq)
    torch.testing.assert_close(scores[:, 1:], exact[:, 1:], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(scores[0, 1:], model.score(users, closed)[0, 1:], atol=1e-3)
    every = torch.arange(1, tiny.ITEMS + 1).expand(2, -1)
    asked = {"input_seq": seq, "candidate": every, "user": torch.tensor([[1], [2]])}
    torch.testing.assert_close(model.predict(asked), scores[:, 1:])
    positive = torch.tensor([[1] * 6, [2] * 6])
    x = {"input_seq": seq, "positive": positive, "negative": positive}
    x["users"] = torch.tensor([[1], [2]])
    logits = model(x, training=False)[0].view(2, 6)[:, -1]
    torch.testing.assert_close(logits, torch.stack([scores[0, 1], scores[1, 2]]))


def test_a_zero_behind_the_last_item_is_refused_in_scoring(make):
    model = make()
    users = torch.tensor([1, 2]) if isinstance(model, sl.SSEPT) else None
    seq = torch.tensor([[1, 2, 3, 0, 0, 0], [1, 2, 3, 4, 5, 6]])
    with pytest.raises(ValueError, match="a history is padded behind in row 0"):
        model.score(users, seq)
    asked = {"input_seq": seq, "candidate": seq.clamp(min=1), "user": torch.tensor([[1], [2]])}
    with pytest.raises(ValueError, match="padded behind"):
        model.predict(asked)


# Small things ---------------------------------------------------------------------------------


def test_create_combined_dataset_pads_what_is_ragged_and_cuts_what_is_long(make):
    model = make()
    seq = [[1, 2], [3, 4, 5, 6, 7, 8, 9, 10]]
    inputs, target = model.create_combined_dataset([1, 2], seq, seq, seq)
    assert inputs["input_seq"].tolist() == [[0, 0, 0, 0, 1, 2], [5, 6, 7, 8, 9, 10]]
    assert target.tolist() == [[0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1]]
    short = np.array([[1, 2, 3]])
    inputs, _ = model.create_combined_dataset(np.array([1]), short, short, short)
    assert inputs["input_seq"].tolist() == [[0, 0, 0, 1, 2, 3]]


def test_the_attributes_that_recommenders_has():
    model = sl.SASREC(30, 20, 3, 16, attention_num_heads=4, dropout_rate=0.1, l2_reg=0.01)
    assert (model.embedding_dim, model.attention_dim, model.num_blocks) == (16, 16, 3)
    assert (model.attention_num_heads, list(model.conv_dims)) == (4, [16, 16])
    assert (model.dropout_rate, model.seq_max_len, model.item_num) == (0.1, 20, 30)
    assert (model.l2_reg, model.num_neg_test, model.encoder.num_layers) == (0.01, 100, 3)
    model = sl.SSEPT(30, 20, user_num=7, user_embedding_dim=4, item_embedding_dim=12)
    assert (model.user_num, model.hidden_units) == (7, 16)
    assert (model.item_embedding_dim, model.user_embedding_dim) == (12, 4)
    assert list(model.conv_dims) == [16, 16]


def test_a_state_dict_for_recommenders_has_exactly_its_keys(make):
    from test_models import recommenders_state

    model = make(num_blocks=2)
    d_i = model.item_embedding_layer.embedding_dim
    d_u = model.user_embedding_layer.embedding_dim if isinstance(model, sl.SSEPT) else 0
    theirs = recommenders_state(d_i, d_u, conv=8, blocks=2)
    state = sl.state_dict_for_recommenders(model)
    assert {name: tuple(w.shape) for name, w in state.items()} == {
        name: tuple(w.shape) for name, w in theirs.items()
    }
    model.load_state_dict(state)
    with pytest.raises(ValueError, match="no model with layout='pre-norm'"):
        sl.state_dict_for_recommenders(make(layout="pre-norm"))


def test_validation_without_validation_items_is_refused_before_the_first_epoch():
    data, model = tiny.dataset(), tiny.sasrec()
    data.split(valid_size=0, min_interactions=3)
    before = model.item_embedding_layer.weight.clone()
    with pytest.raises(ValueError, match="valid"):
        trained(model, data, val_epoch=1)
    assert torch.equal(before, model.item_embedding_layer.weight)


def test_a_data_set_whose_class_makes_its_own_dicts():
    class Ones(sl.SASRecDataSet):
        @property
        def user_test(self):
            return {user: [1] for user in self.user_train}

    data = tiny.dataset()
    lists = {user: data.sequences[user].tolist() for user in data.sequences}
    mine = Ones.from_sequences(lists, itemnum=tiny.ITEMS)
    drawn = sl.sampled_candidates(mine, num_negatives=2)
    assert set(drawn.items[:, 0].tolist()) == {1}


def test_one_user_for_several_rows_is_refused():
    model = tiny.ssept()
    seq = torch.ones(3, 6, dtype=torch.long)
    x = {"input_seq": seq, "positive": seq, "negative": seq, "users": torch.tensor([[1]])}
    with pytest.raises(ValueError, match="has 1 users for 3 rows"):
        model(x)
    with pytest.raises(ValueError, match="has 1 users for 3 rows"):
        model.predict({"input_seq": seq, "candidate": seq, "user": np.array([[1]])})
