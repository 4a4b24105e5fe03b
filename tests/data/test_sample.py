"""The built-in sample: the same bytes each time, rules that hold, and a best score that is best."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.movielens import read_movielens
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sample.viewers import DRIFT, FIRST_TASTE, MEMORY, SERIES_WEIGHT, SURPRISE
from seqrec_lib.data.sample.world import SampleWorld, make_sample

FILES = ("ratings.dat", "movies.dat", "users.dat")
SHA_256 = "2ca482d8d09e09f506a0c82f16955ff816709e9a4d879123e99bb6a09ab67e83"
GENRES = 10


def _digest(folder: Path) -> str:
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in FILES)).hexdigest()


def test_same_seed_same_bytes_in_another_process(tmp_path: Path, sample_world: SampleWorld) -> None:
    code = "import sys, seqrec_lib; seqrec_lib.make_sample().write(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there")], check=True)
    assert _digest(tmp_path / "there") == SHA_256
    sample_world.write(tmp_path / "here")
    assert _digest(tmp_path / "here") == SHA_256
    make_sample(seed=1).write(tmp_path / "other")
    assert _digest(tmp_path / "other") != SHA_256


def test_no_global_generator_is_touched() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    make_sample(num_users=5)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before)


def test_files_are_movielens_1m_files(tmp_path: Path, sample_world: SampleWorld) -> None:
    sample_world.write(tmp_path)
    read = read_movielens("ml-1m", tmp_path)
    made = sample_world.movielens
    assert made.is_sample
    assert read.ratings.equals(made.ratings)
    assert read.ratings.dtypes.equals(made.ratings.dtypes)
    assert read.items.equals(made.items)
    users = [line.split("::") for line in (tmp_path / "users.dat").read_text().splitlines()]
    assert [int(row[0]) for row in users] == list(range(1, 1001))
    assert all(re.fullmatch(r"[FM]::\d+::\d+::\d{5}", "::".join(row[1:])) for row in users)


def test_sizes(sample_world: SampleWorld) -> None:
    ratings, items = sample_world.movielens.ratings, sample_world.movielens.items
    assert (ratings["user"].nunique(), len(items), ratings["item"].nunique()) == (1000, 300, 300)
    assert ratings["user"].value_counts().between(20, 80).all()
    assert ratings["item"].value_counts().min() >= 10  # no film is lost to the papers' filter
    assert not ratings.duplicated(["user", "item"]).any()
    assert set(ratings["rating"]) == {1, 2, 3, 4, 5}
    assert items["title"].is_unique
    assert items["title"].str.fullmatch(r".+ \((19|20)\d\d\)").all()


def test_rows_need_sorting_and_ties_keep_their_order(sample_world: SampleWorld) -> None:
    """Sorting unstably, or not at all, must show: both give other sequences."""
    data = sample_world.movielens
    in_order = prepare(data).sequences
    unsorted = prepare(data.ratings[["user", "item"]]).sequences
    by_item = prepare(data, ties="item").sequences
    assert sum(np.array_equal(in_order[u], unsorted[u]) for u in in_order) < 10
    assert sum(np.array_equal(in_order[u], by_item[u]) for u in in_order) < 50
    tied = data.ratings.duplicated(["user", "time"], keep=False).mean()
    assert 0.4 < tied < 0.8


def _series(dataset: SASRecDataSet) -> dict[str, list[int]]:
    """Item ids of each series in order, found by the titles alone."""
    assert dataset.items is not None
    parts: dict[str, dict[int, int]] = {}
    for item, title in dataset.items["title"].items():
        name = re.sub(r" \(\d{4}\)$", "", title)
        match = re.fullmatch(r"(.+?) (II|III|IV)(, The)?", name)
        stem, numeral = (match[1] + (match[3] or ""), match[2]) if match else (name, "I")
        parts.setdefault(stem, {})[["I", "II", "III", "IV"].index(numeral)] = item
    return {stem: [p[k] for k in sorted(p)] for stem, p in parts.items() if len(p) > 1}


def test_series_are_watched_in_order(sample_dataset: SASRecDataSet) -> None:
    series = _series(sample_dataset)
    assert Counter(len(parts) for parts in series.values()) == {4: 30, 3: 10}
    interrupted = together = 0
    for user in sample_dataset.sequences:
        place = {item: k for k, item in enumerate(sample_dataset.sequences[user].tolist())}
        for parts in series.values():
            seen = [place[item] for item in parts if item in place]
            assert seen == sorted(seen)
            assert all(item in place for item in parts[: len(seen)])  # no part is skipped
            interrupted += sum(b - a > 1 for a, b in pairwise(seen))
            together += sum(b - a == 1 for a, b in pairwise(seen))
    assert interrupted > together > 1000  # so the last film alone does not tell


def _by_the_rules(world: SampleWorld, history: list[int]) -> np.ndarray:
    """The probabilities of `Viewers`' docstring for one history of film numbers, step by step."""
    films = world._films
    count = len(films.raw_ids)
    own = [f * GENRES // count for f in range(count)]
    taste = list(FIRST_TASTE)
    for film in history:
        taste = [t * MEMORY + (1 - MEMORY) * (g == own[film]) for g, t in enumerate(taste)]
    genre = [0.0] * GENRES
    for g, t in enumerate(taste):
        genre[g] += t * t * (1 - DRIFT[g])
        genre[(g + 1) % GENRES] += t * t * DRIFT[g]
    pick = np.zeros(count)
    for g in range(GENRES):
        unseen = [f for f in range(count) if own[f] == g and f not in history]
        total = sum(films.popularity[f] for f in unseen)
        for f in unseen:
            pick[f] = genre[g] * films.popularity[f] / total if total else 0.0
    pick /= pick.sum()
    can = np.zeros(count)
    for f in range(count):
        before = films.follows[f]
        if f not in history and (before < 0 or before in history):
            can[f] = 1.0
            if before >= 0:
                ago = len(history) - history.index(before)
                pick[f] += SERIES_WEIGHT[min(ago, len(SERIES_WEIGHT)) - 1]
    return (1 - SURPRISE) * pick / pick.sum() + SURPRISE * can / can.sum()


def test_probabilities_are_those_of_the_rules(sample_world: SampleWorld) -> None:
    films = sample_world._films
    dataset = prepare(sample_world.movielens)
    assert dataset.items is not None
    raw = np.append(0, dataset.items["raw_id"].to_numpy())
    number = {int(raw_id): f for f, raw_id in enumerate(films.raw_ids)}
    for user, length in ((1, 0), (2, 1), (3, 7), (4, 18), (500, 20), (999, 25)):
        ids = raw[dataset.sequences[user][:length]]
        padded = np.zeros((1, 30), dtype=np.int64)
        padded[0, 30 - len(ids) :] = ids
        chance = sample_world.next_item_probabilities(padded)[0]
        expected = _by_the_rules(sample_world, [number[int(i)] for i in ids])
        np.testing.assert_allclose(chance[films.raw_ids], expected, rtol=1e-12, atol=1e-15)
        assert chance.sum() == pytest.approx(1, abs=1e-12)
        assert chance[0] == 0
        assert (chance[ids] == 0).all()


def test_one_taste_left_and_everything_seen() -> None:
    """With every film of a genre seen the rest shares its part; with all seen nothing is left."""
    world = make_sample(num_users=3, num_items=100)
    films = world._films
    chance = world.next_item_probabilities(films.raw_ids[None, :10])[0]
    expected = _by_the_rules(world, list(range(10)))
    np.testing.assert_allclose(chance[films.raw_ids], expected, rtol=1e-12, atol=1e-15)
    assert (world.next_item_probabilities(films.raw_ids[None]) == 0).all()


def test_viewers_do_what_the_probabilities_say(
    sample_world: SampleWorld, sample_dataset: SASRecDataSet
) -> None:
    """The films that came next were as likely as claimed, at every place of the histories.

    Each film in turn has some probability p to come next, so the sum over users of (came - p) is
    near 0, within 4 standard deviations, for every group of films.
    """
    model = sample_world.scorer(sample_dataset)
    users = np.arange(1, 1001)
    for drop in (1, 2, 10, 19):
        histories = sample_dataset.sequences.padded(users, drop_last=drop)
        came = sample_dataset.sequences.padded(users, drop_last=drop - 1)[:, -1]
        chance = model.probabilities(histories)
        assert (chance[np.arange(1000), came] > 0).all()
        order = np.argsort(-chance, axis=1)
        for group in (order[:, :1], order[:, 1:3], order[:, 3:10], order[:, 10:]):
            p = np.take_along_axis(chance, group, axis=1).sum(axis=1)
            hits = (group == came[:, None]).any(axis=1)
            assert abs((hits - p).sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_scorer(sample_world: SampleWorld, sample_dataset: SASRecDataSet) -> None:
    model = sample_world.scorer(sample_dataset)
    assert model.item_num == 300
    histories = torch.from_numpy(sample_dataset.sequences.padded(np.arange(1, 9), drop_last=1))
    scores = model.score(None, histories)
    assert (scores.shape, scores.dtype) == ((8, 301), torch.float32)
    assert (scores[:, 0] == -torch.inf).all()
    assert torch.isfinite(scores[:, 1:]).all()
    wider = torch.cat([torch.zeros(8, 5, dtype=torch.int64), histories], dim=1)
    assert torch.equal(model.score(torch.arange(8), wider), scores)  # padding changes nothing
    candidates = torch.tensor([[5, 7, 300]]).expand(8, 3)
    assert torch.equal(model.score(None, histories, candidates), scores[:, [5, 7, 300]])
    assert sample_dataset.items is not None
    raw = sample_dataset.items["raw_id"].to_numpy()
    by_raw_id = sample_world.next_item_probabilities(np.append(0, raw)[histories.numpy()])
    np.testing.assert_allclose(
        scores[:, 1:].exp().numpy(), by_raw_id[:, raw], rtol=1e-5, atol=1e-30
    )


def test_smaller_worlds_and_films_that_nobody_watched() -> None:
    world = make_sample(seed=3, num_users=4, num_items=100)
    with pytest.raises(ValueError, match=r"lacks .* watched films.*min_item_count=1"):
        world.scorer(prepare(world.movielens, min_item_count=2))
    dataset = prepare(world.movielens, min_item_count=1)
    assert dataset.itemnum < 100  # some were never watched, and the scorer leaves them out
    assert 0.5 < world.best_attainable(dataset)["hr"] <= 1


def test_bad_arguments(sample_world: SampleWorld, sample_dataset: SASRecDataSet) -> None:
    for size in (0, 95, 90, 310):
        with pytest.raises(ValueError, match=f"num_items={size}"):
            make_sample(num_items=size)
    with pytest.raises(ValueError, match="num_users=0"):
        make_sample(num_users=0)
    with pytest.raises(ValueError, match="no film has the item id 9999"):
        sample_world.next_item_probabilities(np.array([[0, 9999]]))
    with pytest.raises(ValueError, match="no film has the item id -1"):
        sample_world.next_item_probabilities(np.array([[-1]]))
    with pytest.raises(ValueError, match=r"\(B, T\)"):
        sample_world.next_item_probabilities(np.array([1]))
    with pytest.raises(ValueError, match="not prepared from this sample"):
        make_sample(seed=1).scorer(sample_dataset)
    with pytest.raises(ValueError, match="no raw item ids"):
        sample_world.scorer(SASRecDataSet.from_sequences({1: [1, 2, 3]}))
    with pytest.raises(ValueError, match="split must be 'test' or 'valid', got 'train'"):
        sample_world.best_attainable(sample_dataset, split="train")
    with pytest.raises(ValueError, match="k=0"):
        sample_world.best_attainable(sample_dataset, k=0)
    with pytest.raises(ValueError, match="negatives=290, but a user has only"):
        sample_world.best_attainable(sample_dataset, negatives=290, replace=False)
