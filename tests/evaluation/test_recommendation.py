"""Lists for users and for strangers, by ids and by titles."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.baselines import ItemKNN, Popularity
from seqrec_lib.evaluation.ranking import full_ranks
from seqrec_lib.evaluation.recommendation import Strangers, recommend, similar_items, top_items

TITLES = [
    "Toy Story (1995)",
    "Jumanji (1995)",
    "Matrix, The (1999)",
    "Heat (1995)",
    "Fargo (1996)",
    "Alien (1979)",
    "Psycho (1960)",
    "Psycho (1998)",
]


def dataset(titles=True):
    items = pd.DataFrame({"title": TITLES}, index=pd.RangeIndex(1, 9)) if titles else None
    lists = {1: [1, 2, 3, 4], 2: [5, 6, 1], 4: [3, 3, 5, 8]}  # there is no user 3
    return SASRecDataSet.from_sequences(lists, itemnum=8, items=items)


class Next:
    """Likes the items after the last one seen best: 4 after 3, then 5, ... in a circle of 8.

    Known users have a number added, so that it shows whether the model was told who they are.
    """

    item_num = 8

    def score(self, users, histories, candidates=None):
        steps = (torch.arange(9) - histories[:, -1:] - 1) % 8
        scores = -steps.float()
        if users is not None:
            scores += 100 * users.unsqueeze(1)
        scores[:, 0] = -torch.inf
        return scores if candidates is None else scores.gather(1, candidates)

    def item_vectors(self):
        angle = torch.arange(9) * 0.3
        return torch.stack([angle.cos(), angle.sin()], dim=1) * torch.arange(9).unsqueeze(1)


def test_the_name_means_the_function_however_it_is_imported():
    # a module of the same name would take its place once anything has imported the module
    import seqrec_lib

    assert seqrec_lib.recommend is recommend
    assert not [
        n for n in seqrec_lib.__all__ if f"seqrec_lib.{n}" in seqrec_lib._MODULE_OF.values()
    ]


def test_known_users_get_what_follows_their_whole_history():
    table = recommend(Next(), dataset(), users=[4, 1], k=3)
    assert list(table.columns) == ["user", "place", "item", "title", "score"]
    assert table["user"].tolist() == [4, 4, 4, 1, 1, 1]
    assert table["place"].tolist() == [1, 2, 3, 1, 2, 3]
    assert table["item"].tolist() == [1, 2, 4, 5, 6, 7]  # 8 was last and 3 is seen; 4 was last
    assert table["title"].tolist() == [TITLES[item - 1] for item in [1, 2, 4, 5, 6, 7]]
    assert table["score"].tolist() == [400, 399, 397, 100, 99, 98]
    one = recommend(Next(), dataset(), users=4, k=3)
    pd.testing.assert_frame_equal(one, table.iloc[:3])


def test_seen_items_may_be_kept():
    table = recommend(Next(), dataset(), users=[4], k=3, exclude_seen=False)
    assert table["item"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "histories",
    [
        [1, 6, 3],
        ["toy story", "Alien", "The Matrix"],
        ["Toy Story (1995)", 6, "matrix"],
        [["Toy Story", np.int64(6), 3]],
        np.array([1, 6, 3]),
        torch.tensor([[1, 6, 3]]).numpy(),
        pd.Series([1, 6, 3]),
    ],
)
def test_one_history_by_ids_or_titles(histories):
    table = recommend(Next(), dataset(), histories=histories, k=2)
    assert list(table.columns) == ["history", "place", "item", "title", "score"]
    assert table["history"].tolist() == [0, 0]
    assert table["item"].tolist() == [4, 5]
    assert table["score"].tolist() == [0, -1]  # the model was not told of any user


def test_one_title_is_a_history():
    assert recommend(Next(), dataset(), histories="heat", k=1)["item"].tolist() == [5]


def test_histories_of_any_length_keep_their_order():
    histories = [[1, 2, 3, 4, 5, 6], ["alien"], [7, 8], [4]]
    table = recommend(Next(), dataset(), histories=histories, k=3, batch_size=2)
    items = {row: part["item"].tolist() for row, part in table.groupby("history")}
    assert items == {0: [7, 8], 1: [7, 8, 1], 2: [1, 2, 3], 3: [5, 6, 7]}  # 0: only 2 are left


def test_a_list_ends_where_the_items_end():
    assert recommend(Next(), dataset(), histories=[1, 2])["place"].tolist() == [1, 2, 3, 4, 5, 6]
    assert len(recommend(Next(), dataset(), histories=[1, 2], exclude_seen=False)) == 8
    items, scores = top_items(Next(), dataset().sequences, np.array([1]), k=10)
    assert items.tolist() == [[5, 6, 7, 8, 0, 0, 0, 0, 0, 0]]
    assert (scores[0] == -np.inf).tolist() == [False] * 4 + [True] * 6
    assert len(similar_items(Next(), dataset(), 1)) == 7


def test_all_titles_that_are_not_understood_are_named_at_once():
    with pytest.raises(ValueError, match=r"(?s)2 titles are not clear:.*'no such'.*'nor this'"):
        recommend(Next(), dataset(), histories=["no such", "heat", "nor this"])


def test_a_history_given_as_users_is_told_where_it_belongs():
    with pytest.raises(ValueError, match="for a history of items say histories="):
        recommend(Next(), dataset(), ["heat", "toy story"])


def test_without_titles_there_is_no_title_column():
    table = recommend(Next(), dataset(titles=False), histories=[1, 2])
    assert list(table.columns) == ["history", "place", "item", "score"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either users="),
        ({"users": [1], "histories": [1]}, "either users="),
        ({"users": [1, 9]}, "user 9 is outside 1 to 4"),
        ({"users": [0]}, "user 0 is outside"),
        ({"users": [3]}, "user 3 has no history"),
        ({"users": []}, "users is empty"),
        ({"users": ["anna"]}, "no user has the id 'anna': user ids are numbers here"),
        ({"histories": []}, "histories is empty"),
        ({"histories": [[1], []]}, "history 1: it is empty"),
        ({"histories": [[1], [2, 9]]}, "history 1: item 9 is outside 1 to 8"),
        ({"histories": [0]}, "history 0: item 0 is outside"),
        ({"histories": [[1], 2]}, "mixes items and lists"),
        ({"histories": ["Toy Story", "Shrek"]}, "Shrek"),
        ({"histories": ["Psycho"]}, "1960"),
        ({"histories": [1], "k": 0}, "k=0 must be a whole number"),
    ],
)
def test_wrong_requests_say_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        recommend(Next(), dataset(), **arguments)


def test_an_item_is_an_id_or_a_title():
    with pytest.raises(TypeError, match=r"2\.5"):
        recommend(Next(), dataset(), histories=[[1, 2.5]])
    with pytest.raises(TypeError, match="True"):
        recommend(Next(), dataset(), histories=[[True]])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_an_error(bad):
    model = Next()
    good = model.score
    model.score = lambda users, histories: (
        good(users, histories) + torch.where(histories[:, -1:] == 6, bad, 0.0)
    )
    recommend(model, dataset(), histories=[[5]])
    with pytest.raises(ValueError, match="the scores of history 1 are not finite"):
        recommend(model, dataset(), histories=[[5], [6]])


def test_lists_agree_with_full_ranks():
    """Target in the top k list: exactly where its rank is at most k."""
    rng = np.random.default_rng(0)
    data = SASRecDataSet.from_sequences(
        {
            u: rng.choice(np.arange(1, 31), size=rng.integers(3, 15), replace=False)
            for u in range(1, 60)
        },
        itemnum=30,
    )

    class Fixed:
        item_num = 30
        table = torch.from_numpy(rng.random((60, 31)))

        def score(self, users, histories, candidates=None):
            scores = self.table[users].clone()
            scores[:, 0] = -torch.inf
            return scores

    ranks = full_ranks(Fixed(), data)
    before = data.sequences.without_last(np.ones(60, dtype=int))
    items, _ = top_items(Fixed(), before, ranks.users, k=5, batch_size=7)
    hit = (items == data.test_item[ranks.users, None]).any(axis=1)
    assert (hit == (ranks.rank <= 5)).all()
    assert 5 < hit.sum() < 55


def test_strangers_are_not_introduced():
    told = []

    class Model(Next):
        def score(self, users, histories, candidates=None):
            told.append(users)
            return super().score(users, histories, candidates)

    data = SASRecDataSet.from_sequences({1: [1, 2, 3, 4], 2: [5, 6, 1]}, itemnum=8)
    known, unknown = full_ranks(Model(), data), full_ranks(Strangers(Model()), data)
    assert told[0].tolist() == [1, 2]
    assert told[1] is None
    assert (known.better == unknown.better).all()


def test_similar_items_by_cosine():
    table = similar_items(Next(), dataset(), "alien", k=3)
    assert list(table.columns) == ["place", "item", "title", "similarity"]
    assert set(table["item"][:2]) == {5, 7}  # 0.3 radians either way, however long the vectors are
    assert table["similarity"].tolist() == pytest.approx(np.cos([0.3, 0.3, 0.6]), abs=1e-6)
    assert table["title"].tolist() == [TITLES[item - 1] for item in table["item"]]
    pd.testing.assert_frame_equal(similar_items(Next(), dataset(), 6, k=3), table)


def test_similar_items_of_a_neighbourhood_model():
    lists = {u: [1, 2, 3, 9, 9] for u in range(1, 6)} | {6: [1, 2, 9, 9], 7: [4, 9, 9]}
    data = SASRecDataSet.from_sequences(lists, itemnum=9)
    table = similar_items(ItemKNN(data), data, 1, k=2)
    assert table["item"].tolist() == [2, 3]
    assert table["similarity"].tolist() == pytest.approx([1, 5 / 30**0.5], abs=1e-6)


def test_similar_items_need_a_model_that_knows():
    with pytest.raises(TypeError, match="Popularity has no item_vectors"):
        similar_items(Popularity(dataset()), dataset(), 1)
    with pytest.raises(ValueError, match="k=0 must be a whole number"):
        similar_items(Next(), dataset(), 1, k=0)
    with pytest.raises(ValueError, match="item 9"):
        similar_items(Next(), dataset(), 9, k=1)


def test_a_thousand_new_histories_in_under_a_second():
    """At MovieLens 1M's size with a cheap model: what is left is our own work."""
    rng = np.random.default_rng(0)
    titles = pd.DataFrame({"title": [f"Film {n} (1999)" for n in range(1, 3417)]})
    titles.index += 1
    lists = {u: rng.integers(1, 3417, size=50) for u in range(1, 200)}
    data = SASRecDataSet.from_sequences(lists, itemnum=3416, items=titles)
    data.item_id("Film 1")  # builds the index of titles
    histories = [
        [f"film {n}" if n % 2 else int(n) for n in rng.integers(1, 3417, size=rng.integers(1, 200))]
        for _ in range(1000)
    ]
    model = Popularity(data)
    start = time.process_time()
    table = recommend(model, data, histories=histories)
    assert time.process_time() - start < 2  # seconds of one core; 2 cores are promised 1 second
    assert len(table) == 10_000
