"""Splits of one's own, edited dicts and other people's data sets, through all of the library."""

import warnings
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch

import seqrec_lib as sl

PARTS = ("user_train", "user_valid", "user_test")


class Recorder:
    """Scores by a fixed table; remembers what it was shown of each user, and what competed."""

    item_num = tiny.ITEMS
    table = torch.from_numpy(np.random.default_rng(0).random((tiny.USERS + 1, tiny.ITEMS + 1)))

    def __init__(self):
        self.shown, self.candidates = {}, {}

    def score(self, users, histories, candidates=None):
        for row, user in enumerate(users.tolist()):
            self.shown[user] = histories[row][histories[row] > 0].tolist()
            if candidates is not None:
                self.candidates[user] = candidates[row].tolist()
        scores = self.table[users].clone()
        scores[:, 0] = -torch.inf
        return scores if candidates is None else scores.gather(1, candidates)


def foreign(data, **changes):
    """The least that a data set can be."""
    copies = {name: {u: list(items) for u, items in getattr(data, name).items()} for name in PARTS}
    sizes = {"usernum": data.usernum, "itemnum": data.itemnum}
    return SimpleNamespace(**{**sizes, **copies, **changes})


def results(data, make=tiny.ssept, epochs=2, **options):
    """Everything that training and evaluation make of a data set, as plain numbers."""
    model = make()
    sampler = sl.WarpSampler(data.user_train, data.usernum, data.itemnum, 4, tiny.LENGTH, seed=3)
    settings = dict(batch_size=4, val_epoch=1, verbose=False, seed=5, loss=sl.SampledSoftmax(3))
    history = model.train_model(data, sampler, epochs, **{**settings, **options})
    lists = sl.recommend(model, data, users=[1, 5], k=3)
    return [
        history,
        model.evaluate(data, seed=1),
        model.evaluate_valid(data, seed=1),
        sl.full_ranks(model, data).rank.tolist(),
        sl.sampled_ranks(model, data, "valid", 7).rank.tolist(),
        lists[["item", "score"]].to_numpy().tolist(),
        sl.similar_items(model, data, 3, k=4)["item"].tolist(),
        sl.full_ranks(sl.ItemKNN(data), data).rank.tolist(),
        sl.full_ranks(sl.MarkovChain(data), data).rank.tolist(),
        sl.protocol_table({"popular": sl.Popularity(data)}, data, num_negatives=5)[
            "value"
        ].tolist(),
        sl.steps_an_epoch(data, 4),
    ]


# Any object with the five attributes


def test_any_object_with_the_five_attributes_gives_the_same_numbers(make):
    data = tiny.dataset()
    assert results(foreign(data), make) == results(data, make)


def test_a_data_set_as_recommenders_fills_it():
    """defaultdicts, users without a split missing or empty, NumPy's integers."""
    other = foreign(tiny.dataset())
    expected = results(other)
    for name in PARTS:
        lists = defaultdict(list, {np.int64(u): x for u, x in getattr(other, name).items()})
        setattr(other, name, lists)
    other.usernum = np.int64(other.usernum)
    assert results(other) == expected
    assert all(len(getattr(other, name)) == tiny.USERS for name in PARTS)  # nothing was put in


def test_users_may_be_missing_and_the_sizes_count_as_given():
    other = SimpleNamespace(
        usernum=tiny.USERS,
        itemnum=tiny.ITEMS,
        user_train={1: [1, 2, 3], 4: [2, 5], 7: [4]},
        user_valid={1: [4]},
        user_test={1: [5], 4: [6], 9: [1]},
    )
    model = Recorder()
    assert sl.full_ranks(model, other, exclude_seen=False).candidates.tolist() == [tiny.ITEMS] * 2
    assert model.shown == {1: [1, 2, 3, 4], 4: [2, 5]}  # user 9 has nothing to be shown
    assert sl.full_ranks(model, other, "valid").users.tolist() == [1]
    sampler = sl.WarpSampler(other.user_train, tiny.USERS, tiny.ITEMS, 4, tiny.LENGTH, seed=0)
    history = tiny.ssept().train_model(other, sampler, 1, val_epoch=1, verbose=False)
    assert np.isfinite(history["loss"]).all()
    assert sl.recommend(model, other, users=4, k=2)["item"].isin([2, 5, 6]).sum() == 0
    with pytest.raises(ValueError, match="user 2 has no history"):
        sl.recommend(model, other, users=2)


DOORS = {
    "train_model": lambda data: tiny.sasrec().train_model(data, None, verbose=False),
    "evaluate": lambda data: tiny.sasrec().evaluate(data),
    "sampled_candidates": sl.sampled_candidates,
    "candidate_ranks": lambda data: sl.candidate_ranks(
        Recorder(), data, sl.sampled_candidates(tiny.dataset())
    ),
    "sampled_ranks": lambda data: sl.sampled_ranks(Recorder(), data),
    "full_ranks": lambda data: sl.full_ranks(Recorder(), data),
    "recommend": lambda data: sl.recommend(Recorder(), data, users=1),
    "similar_items": lambda data: sl.similar_items(tiny.sasrec(), data, 1),
    "both_protocols": lambda data: sl.both_protocols({"r": Recorder()}, data),
    "protocol_table": lambda data: sl.protocol_table({"r": Recorder()}, data),
    "steps_an_epoch": lambda data: sl.steps_an_epoch(data, 1),
    "Popularity": sl.Popularity,
    "MarkovChain": sl.MarkovChain,
    "ItemKNN": sl.ItemKNN,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_names_what_a_data_set_lacks(door):
    other = foreign(tiny.dataset())
    del other.user_valid, other.itemnum
    with pytest.raises(TypeError, match=r"SimpleNamespace is no data set.* no itemnum, user_valid"):
        DOORS[door](other)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"usernum": 12.0}, ValueError, r"usernum=12\.0 of the data set must be a whole number"),
        ({"itemnum": 0}, ValueError, "itemnum=0 of the data set must be"),
        ({"usernum": 5}, ValueError, "user_train has user 6, beyond usernum=5"),
        ({"itemnum": 14}, ValueError, r"user_\w+\[\d+\] holds 15: .* 1 to itemnum=14"),
        ({"user_valid": [[1], [2]]}, TypeError, "user_valid must be a dict"),
        ({"user_test": {2: ["x"]}}, ValueError, r"user_test\[2\] holds 'x'"),
    ],
)
def test_wrong_attributes_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        sl.full_ranks(Recorder(), foreign(tiny.dataset(), **changes))


# Edited dicts


def test_edited_dicts_are_trained_on_and_evaluated(make):
    edited = tiny.dataset()
    before = results(edited, make)
    edited.user_train[1] = [9, 8, 7, 6]
    edited.user_train[2].append(1)
    del edited.user_train[3]
    edited.user_test[4] = [2]
    edited.user_valid[5] = []
    after = results(edited, make)
    assert before != after
    assert after == results(foreign(edited), make)  # which has the dicts alone
    parts = [getattr(edited, name) for name in PARTS]
    fresh = sl.SASRecDataSet.from_split(*parts, edited.usernum, edited.itemnum)
    assert after == results(fresh, make)
    assert edited.fingerprint == fresh.fingerprint


def test_an_edit_between_two_evaluations_counts():
    data = tiny.dataset()
    model = Recorder()
    sl.full_ranks(model, data)
    assert model.shown[2] == data.sequences[2][:-1].tolist()
    data.user_train[2] = [1, 3]
    data.user_valid[2] = [5]
    data.user_test[2] = [7]
    sl.sampled_ranks(model, data)
    assert model.shown[2] == [1, 3, 5]
    assert model.candidates[2][0] == 7
    assert not {1, 3} & set(model.candidates[2])
    assert set(sl.recommend(model, data, users=2, k=11)["item"]) == set(range(1, 16)) - {1, 3, 5, 7}


def test_a_checkpoint_is_not_resumed_with_edited_dicts(tmp_path):
    data = tiny.dataset()
    results(data, epochs=1, checkpoints=tmp_path / "run")
    data.user_train[1].append(1)
    with pytest.raises(ValueError, match="data"):
        results(data, checkpoints=tmp_path / "run")


# Several items held out


def longer():
    rng = np.random.default_rng(1)
    return sl.SASRecDataSet.from_sequences(
        {u: rng.permutation(tiny.ITEMS)[:8] + 1 for u in range(1, tiny.USERS + 1)}, tiny.ITEMS
    )


@pytest.mark.parametrize(
    ("rank", "more"), [(sl.full_ranks, {}), (sl.sampled_ranks, {"num_negatives": 3})]
)
def test_the_first_of_several_held_out_items_is_ranked_and_it_is_said(rank, more):
    data, model = longer(), Recorder()
    usual = rank(model, data, **more).protocol
    assert "ranked" not in usual
    data.split(valid_size=2, test_size=3, min_interactions=6)
    with pytest.warns(UserWarning, match=r"^3 test items are held out for each user; the first"):
        ranks = rank(model, data, **more)
    assert ranks.protocol == {**usual, "ranked": "the first of 3 held-out items"}
    for user in data.sequences:
        assert model.shown[user] == data.sequences[user][:5].tolist()
    with pytest.warns(UserWarning, match="^2 validation items are held out for each user"):
        rank(model, data, "valid", **more)
    for user in data.sequences:
        assert model.shown[user] == data.sequences[user][:3].tolist()
        if model.candidates:
            assert model.candidates[user][0] == data.user_valid[user][0] == data.sequences[user][3]
    data.user_test[2] = data.user_test[2][:1]
    with pytest.warns(UserWarning, match="^up to 3 test items are held out"):
        assert rank(model, data, **more).protocol["ranked"] == "the first of up to 3 held-out items"


def test_one_warning_for_one_evaluation():
    data = longer()
    data.split(1, 2, 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", message=".*are held out")
        tiny.sasrec().evaluate(data, seed=0)
        assert len(caught) == 1
        tiny.sasrec().evaluate_valid(data, seed=0)  # there is but one validation item
        assert len(caught) == 1


def test_validation_items_can_be_left_out_however_many_they_are():
    data = longer()
    data.split(valid_size=3, test_size=1, min_interactions=5)
    drawn = sl.sampled_candidates(data, num_negatives=300, exclude_valid=True)
    for user, items in zip(drawn.users.tolist(), drawn.items.tolist(), strict=True):
        assert set(items[1:]) == set(range(1, 16)) - set(data.sequences[user].tolist())
    drawn = sl.sampled_candidates(data, num_negatives=300)
    for user, items in zip(drawn.users.tolist(), drawn.items.tolist(), strict=True):
        assert set(data.user_valid[user]) < set(items[1:])


def test_recommendations_use_the_whole_history():
    data, model = longer(), Recorder()
    data.split(2, 2, 5)
    sl.recommend(model, data, users=[1, 2])
    assert model.shown == {u: data.sequences[u].tolist() for u in (1, 2)}


def test_without_a_test_item_evaluation_says_how_to_split(make):
    data = longer()
    data.split(valid_size=1, test_size=0, min_interactions=2)
    model = make()
    with pytest.raises(ValueError, match=r"no test item.*dataset\.split\(test_size=1\)"):
        model.evaluate(data)
    assert len(model.evaluate_valid(data, seed=0)) == 2
    data.split(valid_size=0, test_size=1, min_interactions=2)
    with pytest.raises(ValueError, match=r"no validation item.*dataset\.split\(valid_size=1\)"):
        model.evaluate_valid(data)
    shown = Recorder()
    sl.full_ranks(shown, data)
    assert shown.shown == {u: data.user_train[u] for u in data.user_train}


def test_train_and_test_that_exist_already_are_evaluated_by_hand():
    train = {u: [1 + (u + k) % tiny.ITEMS for k in range(5)] for u in range(1, tiny.USERS + 1)}
    test = {u: [1 + (u * 7) % tiny.ITEMS] for u in train}
    data = sl.SASRecDataSet.from_split(train, {}, test, itemnum=tiny.ITEMS)
    ranks = sl.full_ranks(Recorder(), data)
    for user, better in zip(ranks.users.tolist(), ranks.better.tolist(), strict=True):
        scores = Recorder.table[user]
        rivals = set(range(1, tiny.ITEMS + 1)) - set(train[user]) - set(test[user])
        assert better == sum(bool(scores[i] > scores[test[user][0]]) for i in rivals)
