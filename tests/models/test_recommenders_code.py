"""Code written for recommenders runs: its examples, its loop, its hooks and its habits."""

import numpy as np
import pytest
import tiny
import torch
from small_runs import equal, sampler_of, trained
from torch import nn

import seqrec_lib as sl
from seqrec_lib.evaluation.metrics import user_values

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


# A model larger than its data -----------------------------------------------------------------


LOSSES = ["bce", sl.GBCE(4), sl.SampledSoftmax(3), "cross-entropy"]


def larger(kind, **options):
    settings = {"item_num": 40, "seq_max_len": 6, "embedding_dim": 8, "seed": 1, **options}
    return sl.SSEPT(user_num=30, **settings) if kind == "SSEPT" else sl.SASREC(**settings)


@pytest.mark.parametrize("engine", ["packed", "padded"])
@pytest.mark.parametrize("tables", ["dense", "sparse"])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("kind", ["SASREC", "SSEPT"])
def test_the_rows_beyond_the_data_are_nobodys(kind, loss, tables, engine):
    """What is learned is what a model of the data's size learns from the same weights."""
    if tables == "sparse" and loss == "cross-entropy":
        pytest.skip("cross-entropy needs every row")
    data = tiny.dataset()
    wide, narrow = larger(kind), tiny.MODELS[kind](embedding_dim=8, seed=1)
    if kind == "SSEPT":
        narrow = sl.SSEPT(tiny.ITEMS, 6, embedding_dim=8, user_num=tiny.USERS, dropout_rate=0.0)
    for model in (wide, narrow):
        for part in model.modules():
            if hasattr(part, "dropout_rate"):
                part.dropout_rate = 0.0
    sizes = {name: weight.shape for name, weight in narrow.state_dict().items()}
    before = {name: weight.clone() for name, weight in wide.state_dict().items()}
    narrow.load_state_dict({name: before[name][: sizes[name][0]] for name in sizes})
    options = {"loss": loss, "tables": tables, "engine": engine, "num_epochs": 2}
    a, b = (trained(model, data, sampler_of(data), **options) for model in (wide, narrow))
    assert a[1]["loss"] == pytest.approx(b[1]["loss"], rel=1e-5)
    for name, weight in b[0].items():
        torch.testing.assert_close(a[0][name][: len(weight)], weight, rtol=1e-4, atol=1e-5)
        assert torch.equal(a[0][name][len(weight) :], before[name][len(weight) :]), name


@pytest.mark.parametrize("kind", ["SASREC", "SSEPT"])
def test_ranking_and_lists_hold_the_data_sets_items_alone(kind):
    data, model = tiny.dataset(), tiny.stir(larger(kind), scale=2.0)
    with torch.no_grad():
        model.item_embedding_layer.weight[tiny.ITEMS + 1 :] *= 100  # they would be in every list
    ranks = sl.full_ranks(model, data)
    assert bool((ranks.candidates <= tiny.ITEMS).all())
    assert len(sl.sampled_ranks(model, data, num_negatives=3)) == data.usernum
    lists = sl.recommend(model, data, users=list(range(1, 13)), k=10)
    assert lists["item"].max() <= tiny.ITEMS
    assert sl.similar_items(model, data, 3, k=10)["item"].max() <= tiny.ITEMS
    assert 0 <= model.evaluate(data, seed=1)[0] <= 1
    assert 0 <= model.evaluate_valid(data, seed=1)[0] <= 1


def test_a_model_that_is_too_small_is_refused_by_the_same_words_everywhere():
    data = tiny.dataset(users=14, items=20)
    calls = {
        "train_model": lambda m: m.train_model(data, sampler_of(data), 1, verbose=False),
        "evaluate": lambda m: m.evaluate(data, seed=0),
        "evaluate_valid": lambda m: m.evaluate_valid(data, seed=0),
        "full_ranks": lambda m: sl.full_ranks(m, data),
        "sampled_ranks": lambda m: sl.sampled_ranks(m, data, num_negatives=3),
        "recommend": lambda m: sl.recommend(m, data, users=1, k=3),
        "similar_items": lambda m: sl.similar_items(m, data, 18, k=3),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match="SASREC knows 15 items, the data set has 20"):
            call(tiny.sasrec())
        if name != "similar_items":
            with pytest.raises(ValueError, match="SSEPT knows 12 users, the data set has 14"):
                call(tiny.ssept(item_num=20))


def test_strangers_get_the_mean_of_the_users_there_are(tmp_path):
    data, model = tiny.dataset(), larger("SSEPT")
    trained(model, data)
    histories = tiny.padded(tiny.histories([3, 5]))
    people = model.user_embedding_layer.weight[1 : tiny.USERS + 1].detach().mean(0, keepdim=True)
    alike = sl.SSEPT(40, 6, embedding_dim=8, user_num=1, seed=1)
    state = model.state_dict()
    state["user_embedding_layer.weight"] = torch.cat([torch.zeros_like(people), people])
    alike.load_state_dict(state)
    expected = alike.score(torch.tensor([1, 1]), histories)
    torch.testing.assert_close(model.score(None, histories), expected)
    sl.save(model, data, tmp_path / "m.safetensors")
    again, _ = sl.load(tmp_path / "m.safetensors")
    torch.testing.assert_close(again.score(None, histories), expected)


# Hooks ----------------------------------------------------------------------------------------


class OwnLoss(sl.SASREC):
    """Half of the usual loss, and a note of each call."""

    calls = 0

    def loss_function(self, pos_logits, neg_logits, istarget):
        self.calls += 1
        return 0.5 * super().loss_function(pos_logits, neg_logits, istarget)


class OwnForward(sl.SASREC):
    """Logits that are twice as large."""

    def forward(self, x, training=True):
        right, wrong, target = super().forward(x, training)
        return 2 * right, 2 * wrong, target


class OwnBatch(sl.SASREC):
    """Negatives and positives change places."""

    def create_combined_dataset(self, u, seq, pos, neg):
        assert isinstance(seq, np.ndarray)
        return super().create_combined_dataset(u, seq, neg, pos)


class OwnEmbedding(sl.SASREC):
    """No square root, and positions counted from the front."""

    def embedding(self, input_seq):
        positions = self.positional_embedding_layer.weight[: input_seq.shape[1]]
        return self.item_embedding_layer(input_seq), positions.expand(len(input_seq), -1, -1)


class OwnPredict(sl.SASREC):
    """The candidate with the largest id is the best."""

    def predict(self, inputs):
        super().predict(inputs)  # which must not come back here
        return torch.as_tensor(inputs["candidate"]).float()


def own(kind, **options):
    settings = dict(item_num=tiny.ITEMS, seq_max_len=6, embedding_dim=8, dropout_rate=0.0, seed=1)
    return kind(**{**settings, **options})


def one_step(model, **options):
    options = {"num_epochs": 1, "batch_size": 100, "learning_rate": 0.01, **options}
    return trained(model, tiny.dataset(), **options)


def step_by_hand(model):
    """One step of Adam by the methods that a user of recommenders calls."""
    data = tiny.dataset()
    adam = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
    inputs, _ = model.create_combined_dataset(*sampler_of(data).next_batch())
    loss = model.loss_function(*model(inputs, training=True))
    loss.backward()
    adam.step()
    return {name: w.detach() for name, w in model.state_dict().items()}, loss.item()


@pytest.mark.parametrize("kind", [OwnLoss, OwnForward, OwnBatch, OwnEmbedding])
def test_an_overridden_method_trains(kind):
    weights, history = one_step(own(kind))
    expected, loss = step_by_hand(own(kind))
    assert history["loss"] == pytest.approx([loss], rel=1e-6)
    for name, weight in expected.items():
        if name.endswith("K.bias"):  # it moves all scores alike: its gradient is rounding
            assert weights[name].abs().max() <= 0.01 * 1.001, "more than one step of Adam"
            continue
        torch.testing.assert_close(weights[name], weight, rtol=1e-4, atol=1e-5, msg=name)
    _, plain_loss = step_by_hand(own(sl.SASREC))
    assert loss != pytest.approx(plain_loss, rel=1e-5)


def test_a_method_replaced_in_one_model_trains():
    model = own(sl.SASREC)
    usual = model.loss_function
    model.loss_function = lambda *logits: 3 * usual(*logits)
    assert one_step(model)[1]["loss"][0] == pytest.approx(3 * step_by_hand(own(sl.SASREC))[1])


def test_a_step_of_ones_own_has_no_other_loss_and_says_so():
    for options in ({"loss": "cross-entropy"}, {"engine": "packed"}, {"tables": "sparse"}):
        with pytest.raises(ValueError, match="OwnLoss has a forward, loss_function or"):
            one_step(own(OwnLoss), **options)


def test_an_overridden_embedding_scores():
    model = tiny.stir(own(OwnEmbedding))
    seq = tiny.padded(tiny.histories([2, 6, 4]))
    positive = torch.arange(1, 7).expand(3, -1)
    x = {"input_seq": seq, "positive": positive, "negative": positive}
    logits = model(x, training=False)[0].view(3, 6)[:, -1]
    expected = model.predict({"input_seq": seq, "candidate": positive})[:, -1]
    torch.testing.assert_close(logits, expected)


def test_an_overridden_predict_ranks():
    data, model = tiny.dataset(), own(OwnPredict)
    ranks = sl.full_ranks(model, data, exclude_seen=False)
    targets = np.array([data.user_test[user][0] for user in ranks.users.tolist()])
    assert (ranks.rank == 1 + tiny.ITEMS - targets).all()
    _, hit_rate = model.evaluate(data, seed=1)
    by_hand = sl.sampled_ranks(model, data, num_negatives=100, seed=1)
    assert hit_rate == user_values(by_hand, "HR@10").mean()
    assert sl.recommend(model, data, users=1, k=1, exclude_seen=False)["item"][0] == tiny.ITEMS


class Swish(nn.Module):
    """Somebody's feed-forward network: it takes x alone, as recommenders' does."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(8, 8)

    def forward(self, x):
        return x + nn.functional.silu(self.map(x))


class TheirBlock(nn.Module):
    """A block with recommenders' signature."""

    def __init__(self):
        super().__init__()
        self.map, self.seen = nn.Linear(8, 8), []

    def forward(self, x, training, mask):
        self.seen.append((training, tuple(mask.shape)))
        return self.map(x) * mask


def with_swish():
    torch.manual_seed(0)
    model = own(sl.SASREC)
    model.encoder.enc_layers[0].ffn = Swish()
    return model


def with_layer_norm():
    model = own(sl.SASREC)
    model.layer_normalization = nn.LayerNorm(8)
    return model


def with_their_block():
    torch.manual_seed(0)
    model = own(sl.SASREC)
    model.encoder.enc_layers[1] = TheirBlock()
    return model


@pytest.mark.parametrize("built", [with_swish, with_layer_norm, with_their_block])
def test_a_replaced_part_is_called_as_recommenders_calls_it(built):
    weights, history = one_step(built())
    expected, loss = step_by_hand(built())
    assert history["loss"] == pytest.approx([loss], rel=1e-5)
    for name, weight in expected.items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-4, atol=1e-5, msg=name)
    assert 0 <= built().evaluate(tiny.dataset(), seed=1)[0] <= 1


def test_a_replaced_block_gets_training_and_mask():
    model = with_their_block()
    one_step(model, val_epoch=1)
    seen = model.encoder.enc_layers[1].seen
    assert seen[0] == (True, (4, 6, 1))
    assert {training for training, _ in seen[1:]} == {False}


def test_hooks_of_torch_are_called(make):
    """On a part, and on the model as a whole."""
    for place in (lambda m: m.encoder.enc_layers[0].mha, lambda m: m.encoder, lambda m: m):
        model, calls = make(), []
        place(model).register_forward_hook(lambda *_, calls=calls: calls.append(1))
        one_step(model)
        assert len(calls) == 1


class OwnWeights(sl.SASREC):
    def _init_weights(self):
        for weight in self.parameters():
            nn.init.constant_(weight, 0.25)


def test_own_initial_weights():
    assert {w.detach().unique().item() for w in own(OwnWeights).parameters()} == {0.25}
    model = own(sl.SASREC)
    before = model.item_embedding_layer.weight.clone()
    model._init_weights()
    assert not torch.equal(before, model.item_embedding_layer.weight)
    assert model.item_embedding_layer.weight.abs().max().item() <= 0.05


class OwnSampler(sl.WarpSampler):
    """Every negative is item 1."""

    def next_batch(self):
        users, seq, pos, _ = super().next_batch()
        return users, seq, pos, np.where(pos > 0, 1, 0)


def test_an_overridden_next_batch_is_what_is_trained_on():
    data = tiny.dataset()
    sampler = OwnSampler(data.train, data.usernum, data.itemnum, 4, tiny.LENGTH, seed=2)
    model = own(sl.SASREC)
    before = model.item_embedding_layer.weight.clone()
    usual = trained(own(sl.SASREC), data)[0]
    weights, _ = trained(model, data, sampler, num_epochs=1)
    assert not equal(weights, usual)
    moved = (weights["item_embedding_layer.weight"] != before).any(1)
    assert bool(moved[1])


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


# What a fresh pair of eyes found --------------------------------------------------------------


class FromTheFront(sl.SASREC):
    """Positions by arange over the columns: right where there are always seq_max_len of them."""

    def embedding(self, input_seq):
        place = torch.arange(input_seq.shape[1]).expand(input_seq.shape)
        items = self.item_embedding_layer(input_seq) * self.embedding_dim**0.5
        return items, self.positional_embedding_layer(place)


class ByColumn(nn.Module):
    """A block with a weight for each column."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 6).view(6, 1))

    def forward(self, x, training, mask):
        return x * self.weight * mask


def test_somebodys_own_parts_always_see_seq_max_len_positions():
    """However long the longest history of a batch is: else positions would be others."""
    plain, theirs = tiny.stir(own(sl.SASREC)), tiny.stir(own(FromTheFront))
    short = torch.tensor([[3, 4], [0, 5]])
    torch.testing.assert_close(theirs.score(None, short)[:, 1:], plain.score(None, short)[:, 1:])
    model = tiny.stir(own(sl.SASREC))
    model.encoder.enc_layers[0] = ByColumn()
    padded = nn.functional.pad(short, (4, 0))
    assert torch.equal(model.score(None, short), model.score(None, padded))
    assert model.evaluate(tiny.dataset(), 1, 1) == model.evaluate(tiny.dataset(), 1, 50)
    data = tiny.dataset()
    sampler = sl.WarpSampler(data.train, data.usernum, data.itemnum, 4, 3, seed=1)
    trained(model, data, sampler)  # three positions a row: the block gets six


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.encoder.enc_layers[0].ffn.conv_layer1.register_forward_hook(lambda *_: None),
        lambda m: m.positional_embedding_layer.register_forward_hook(lambda *_: None),
        lambda m: nn.utils.weight_norm(m.encoder.enc_layers[0].ffn.conv_layer2),
        lambda m: setattr(m, "item_embedding_layer", Louder(tiny.ITEMS + 1, 8)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_what_would_be_ignored_is_refused(change):
    model = own(sl.SASREC)
    change(model)
    with pytest.raises(ValueError, match="is read by its weight alone"):
        model.score(None, torch.tensor([[1, 2]]))
    with pytest.raises(ValueError, match="is read by its weight alone"):
        one_step(model)


class Louder(nn.Embedding):
    def forward(self, x):
        return 3 * super().forward(x)


def test_dropout_of_forward_follows_the_global_seed_without_one_of_its_own():
    model = own(sl.SASREC, dropout_rate=0.5, seed=None)
    positive = torch.ones(2, 6, dtype=torch.long)
    x = {"input_seq": positive, "positive": positive, "negative": positive}
    state = torch.get_rng_state()
    try:
        found = []
        for seed in (5, 5, 6):
            torch.manual_seed(seed)
            found.append(model(x)[0])
    finally:
        torch.set_rng_state(state)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_run_with_an_own_step_follows_its_seed_and_is_resumed(tmp_path):
    def run(model_seed=1, epochs=4, **options):
        model = own(OwnForward, dropout_rate=0.3, seed=model_seed)
        model.load_state_dict(own(sl.SASREC).state_dict())
        return trained(model, seed=7, num_epochs=epochs, **options)

    whole = run()
    assert run(model_seed=2)[1] == whole[1]
    run(epochs=2, checkpoints=tmp_path)
    resumed = run(epochs=4, checkpoints=tmp_path)
    assert resumed[1] == whole[1]
    assert equal(resumed[0], whole[0])


class DroppingPredict(sl.SASREC):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.drop, self.modes = nn.Dropout(0.9), []

    def predict(self, inputs):
        self.eval()  # and never back
        return self.drop(super().predict(inputs))

    def encode(self, items, users, rows):
        self.modes.append(self.training)
        return super().encode(items, users, rows)


def test_an_own_predict_runs_in_evaluation_mode_and_training_goes_on_in_its_own():
    model = own(DroppingPredict)
    model.train()
    assert model.evaluate(tiny.dataset(), 1) == model.evaluate(tiny.dataset(), 1)
    assert model.training
    model.modes.clear()
    one_step(model, val_epoch=1, num_epochs=3)
    assert model.modes.count(True) == 3


def test_the_modes_of_parts_are_put_back():
    model = own(FromTheFront).train()
    model.encoder.eval()
    model.predict({"input_seq": np.ones((1, 6), int), "candidate": np.array([[1, 2]])})
    assert model.training
    assert not model.encoder.training


@pytest.mark.filterwarnings("ignore:Full backward hook")
def test_a_backward_hook_on_the_model_is_called():
    model, calls = own(sl.SASREC), []
    model.register_full_backward_hook(lambda *_: calls.append(1))
    one_step(model)
    assert calls


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
