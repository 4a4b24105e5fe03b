"""Trained models come back by name, and every row is the film and the user that it was."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from safetensors.torch import save_file

import seqrec_lib as sl
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.loading import load_dataset
from seqrec_lib.evaluation.ranking import sampled_ranks
from seqrec_lib.models import trained
from seqrec_lib.models.trained import FOLDER, SAMPLE_MODEL, SERIES
from seqrec_lib.reproduce import publish as publishing
from seqrec_lib.reproduce import sample_model
from seqrec_lib.reproduce.lines import CANDIDATE_SEED
from seqrec_lib.reproduce.recorded import recorded_table
from seqrec_lib.reproduce.run import run_recipe
from seqrec_lib.reproduce.tables import find_recipes

RAW = np.arange(tiny.ITEMS) * 7 + 3  # MovieLens' ids have gaps, too
MODELS = {
    "sasrec": tiny.sasrec,
    "unshared": lambda: tiny.sasrec(shared_embedding=False, positions=False),
    "ssept": tiny.ssept,
}


def titled(order=None, users=None) -> SASRecDataSet:
    """The tiny data set: item i + 1 is film order[i], user u + 1 is person users[u]."""
    plain = tiny.dataset()
    order = np.arange(tiny.ITEMS) if order is None else order
    users = np.arange(tiny.USERS) if users is None else users
    items = pd.DataFrame(
        {"title": [f"Film {RAW[i]}" for i in order], "raw_id": RAW[order]},
        index=pd.RangeIndex(1, tiny.ITEMS + 1),
    )
    new_id = np.argsort(order) + 1  # of film i
    histories = {
        place + 1: new_id[plain.sequences[int(user) + 1] - 1] for place, user in enumerate(users)
    }
    dataset = SASRecDataSet.from_sequences(histories, tiny.ITEMS, items)
    dataset.raw_users = np.append(0, 100 + users)
    return dataset


def by_title(model, dataset) -> pd.DataFrame:
    """The score of every film for every person: rows are people, columns titles, both sorted."""
    users = torch.arange(1, 1 + dataset.usernum)
    histories = torch.from_numpy(dataset.sequences.padded(users.numpy()))
    scores = model.score(users, histories)[:, 1:].numpy()
    table = pd.DataFrame(scores, dataset.raw_users[1:], dataset.items["title"].to_numpy())
    return table.sort_index().sort_index(axis=1)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_scores_of_titles_do_not_depend_on_the_numbering(make, tmp_path):
    trained_on, rng = titled(), np.random.default_rng(0)
    model = tiny.stir(make())
    sl.save(model, trained_on, tmp_path / "it.safetensors", {"seed": 1})
    expected = by_title(model, trained_on)
    assert by_title(sl.load(tmp_path / "it.safetensors", dataset=trained_on)[0], trained_on).equals(
        expected
    )
    other = titled(rng.permutation(tiny.ITEMS), rng.permutation(tiny.USERS))
    assert not np.array_equal(other.items["raw_id"], trained_on.items["raw_id"])
    found = by_title(sl.load(tmp_path / "it.safetensors", dataset=other)[0], other)
    # float32 sums in another order, of logits up to 7
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=5e-6)
    # and strangers: the mean user is the same one, whatever the users' numbers
    seen = [titled().item_number("Film 10"), other.item_number("Film 10")]
    lists = [
        m.score(None, torch.tensor([[item]]))[0, 1:].numpy()[np.argsort(d.items["raw_id"])]
        for item, (m, d) in zip(
            seen,
            [(model, trained_on), (sl.load(tmp_path / "it.safetensors", dataset=other)[0], other)],
            strict=True,
        )
    ]
    np.testing.assert_allclose(*lists, atol=5e-6)


def changed(change) -> SASRecDataSet:
    dataset = titled()
    change(dataset)
    return dataset


def other_films(dataset):
    dataset.items = dataset.items.assign(raw_id=[*RAW[:-2], 1, 2])


def fewer_films(dataset):
    dataset.items, dataset.itemnum = dataset.items.iloc[:-1], tiny.ITEMS - 1


def no_titles(dataset):
    dataset.items = None


def other_users(dataset):
    dataset.raw_users = np.append(dataset.raw_users[:-1], 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_films, ["does not know 2, such as 1", "lacks 2", "such as 94"]),
        (fewer_films, ["trained on 15 items; this data set has 14", "lacks 1", "such as 101"]),
        (no_titles, ["does not know", "such as 1"]),  # whose ids are the numbers then
        (other_users, ["12 users", "does not know 1", "such as 7"]),
    ],
)
def test_other_films_and_users_are_refused(change, said, tmp_path):
    sl.save(tiny.ssept(), titled(), tmp_path / "it.safetensors", {})
    with pytest.raises(LookupError) as error:
        sl.load(tmp_path / "it.safetensors", dataset=changed(change))[0]
    assert all(part in str(error.value) for part in said), str(error.value)


def test_sample_is_refused_by_what_was_trained_on_other_films(sample_dataset, tmp_path):
    sl.save(tiny.sasrec(), titled(), tmp_path / "it.safetensors", {})
    with pytest.raises(LookupError, match="trained on 15 films; this data set has"):
        sl.load(tmp_path / "it.safetensors", dataset=sample_dataset)[0]


def test_unknown_and_missing_names_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"bert.*Trained models have the names 'sasrec-ml-1m'"
    ):
        sl.load("bert")
    monkeypatch.setattr(trained, "FOLDER", tmp_path)
    with pytest.raises(LookupError, match=r'reproduce SSE-PT --rows "sse-pt n=200 50\+100"'):
        sl.load("ssept-ml-1m")


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"PK no model")
    save_file({"x": torch.ones(2)}, tmp_path / "bare.safetensors")
    for name in ("cut", "bare"):
        with pytest.raises(ValueError, match="is not a model that save wrote"):
            sl.load(tmp_path / f"{name}.safetensors", dataset=titled())


def test_a_file_that_changed_on_disk_is_refused(tmp_path):
    """One flipped bit of a weight, another model's file, numbers that are none: all would load."""
    place = sl.save(tiny.stir(tiny.sasrec()), titled(), tmp_path / "it.safetensors")
    whole = bytearray(place.read_bytes())
    sl.load(place)
    for bit in (-7, -len(whole) // 2):
        changed = whole.copy()
        changed[bit] ^= 16
        place.write_bytes(changed)
        with pytest.raises(ValueError, match=r"it\.safetensors .* damaged"):
            sl.load(place)
    other = sl.save(tiny.sasrec(seed=9), titled(), tmp_path / "other.safetensors")
    place.write_bytes(other.read_bytes())
    card = {"sha256": hashlib.sha256(whole).hexdigest()}
    place.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="its SHA-256 is another one"):
        sl.load(place)
    model = tiny.sasrec()
    model.layer_normalization.beta.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"beta holds numbers that are not finite"):
        sl.load(sl.save(model, titled(), tmp_path / "nan.safetensors"))


def test_table_of_models(tmp_path):
    table = sl.trained_models(tmp_path)
    assert list(table.index) == [*SERIES, SAMPLE_MODEL]
    assert table.loc[SAMPLE_MODEL, "made_by"].endswith("seqrec_lib.reproduce.sample_model")
    assert not table["there"].any()
    card = {"scores": {"sampled_ndcg": 0.5}, "seed": 3, "dataset": "ml-1m", "command": "make it"}
    place = sl.save(tiny.sasrec(), titled(), tmp_path / "it.safetensors")
    card["settings"] = {"model": "SASREC"}
    place.with_suffix(".json").write_text(json.dumps(card))
    mine = sl.trained_models(tmp_path).loc["it"]
    assert (mine["there"], mine["seed"], mine["sampled_ndcg"]) == (True, 3, 0.5)
    assert (mine["model"], mine["made_by"]) == ("SASREC", "make it")
    assert 0 < mine["megabytes"] < 0.1


# The command


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, sample_dataset):
    """A run of one epoch of Table V's first row, on the sample, as reproduce leaves it."""
    folder = tmp_path_factory.mktemp("run")
    results, work = folder / "results", folder / "work"
    (recipe,) = find_recipes("V", ["n=10"])
    run_recipe(recipe, sample_dataset, 4, results, work, epochs=1)
    return results, work


def test_published_run_scores_as_recorded(recorded, sample_dataset, tmp_path, monkeypatch, capsys):
    results, work = recorded
    monkeypatch.setattr(publishing, "load_dataset", lambda name: sample_dataset)
    places = ["--results", str(results), "--work", str(work), "--folder", str(tmp_path)]
    publishing.main(["V__n=10__4", "short", *places])
    assert "short.safetensors" in capsys.readouterr().out
    card = json.loads((tmp_path / "short.json").read_text())
    line = recorded_table("V", results).iloc[0]
    assert card["scores"]["full_ndcg"] == line["full_ndcg"]
    assert (card["seed"], card["epochs"], card["commit"]) == (4, 1, line["commit"])
    assert card["command"].endswith('reproduce V --rows "n=10" --seeds 4 --epochs 1')
    model, _ = sl.load(tmp_path / "short.safetensors", dataset=sample_dataset)
    _, bare = sl.load(tmp_path / "short.safetensors")  # neither titles nor histories are handed on
    assert bare.items["title"].tolist() == [f"item {raw}" for raw in sample_dataset.raw_items[1:]]
    assert bare.sequences.lengths.sum() == 0
    ranks = sampled_ranks(model, sample_dataset, seed=CANDIDATE_SEED)
    value = sl.summarise(ranks, ks=(10,))["value"]["NDCG@10"]
    assert value == pytest.approx(line["sampled_ndcg"], abs=1e-5)


def test_weights_of_another_run_are_not_published(recorded, sample_dataset, tmp_path):
    results, work = recorded
    lines = pd.read_csv(results / "V.csv")
    for digest, message in (("ab" * 32, "no file"), (None, "names no weights")):
        lines.assign(weights=digest).to_csv(tmp_path / "V.csv", index=False)
        with pytest.raises((LookupError, FileNotFoundError), match=message):
            publishing.publish("V__n=10__4", "x", sample_dataset, tmp_path, work, tmp_path / "out")
    (weights,) = work.glob("*.safetensors")
    (tmp_path / weights.name).write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="damaged"):
        publishing.publish("V__n=10__4", "x", sample_dataset, results, tmp_path, tmp_path / "out")
    with pytest.raises(LookupError, match="no run 'V__n=10__5' is recorded"):
        publishing.publish("V__n=10__5", "x", sample_dataset, results, work, tmp_path / "out")


def test_what_scores_otherwise_is_not_kept(recorded, sample_dataset, tmp_path):
    results, work = recorded
    short = {u: sample_dataset.sequences[u][:-3] for u in sample_dataset.sequences}
    other = SASRecDataSet.from_sequences(short, sample_dataset.itemnum, sample_dataset.items)
    with pytest.raises(ValueError, match="scores NDCG@10"):
        publishing.publish("V__n=10__4", "x", other, results, work, tmp_path)
    assert list(tmp_path.iterdir()) == []


# What is committed

CARDS = sorted(FOLDER.glob("*.json"))
PAPERS = [path for path in CARDS if path.stem in SERIES]


def test_every_weight_file_has_a_card():
    assert {p.stem for p in FOLDER.glob("*.safetensors")} == {p.stem for p in CARDS}


def test_the_samples_model_is_small_comes_back_and_scores_what_its_card_says(sample_dataset):
    said = json.loads((FOLDER / f"{SAMPLE_MODEL}.json").read_text("utf-8"))
    model, _ = sl.load(SAMPLE_MODEL, dataset=sample_dataset)
    assert (FOLDER / f"{SAMPLE_MODEL}.safetensors").stat().st_size < 300_000
    ranks = sampled_ranks(model, sample_dataset, seed=CANDIDATE_SEED)
    value = sl.summarise(ranks, ks=(10,), resamples=1)["value"]["NDCG@10"]
    assert value == pytest.approx(said["scores"]["sampled_ndcg"], abs=5e-4)
    popularity = sampled_ranks(sl.Popularity(sample_dataset), sample_dataset, seed=CANDIDATE_SEED)
    assert value > 1.5 * sl.summarise(popularity, ks=(10,), resamples=1)["value"]["NDCG@10"]
    series = ["orbit of glass", "last robot in leeds"]
    following = sl.recommend(model, sample_dataset, histories=series, k=1)["title"][0]
    begun = ("Orbit of Glass I", "Last Robot in Leeds I")
    assert following.startswith(begun), "the next part of a series that was begun"


def test_the_samples_model_is_made_by_its_command(tmp_path, capsys):
    sample_model.main(["--folder", str(tmp_path), "--epochs", "5"])
    assert "sasrec-sample.safetensors, 0.1 MB" in capsys.readouterr().out
    card = json.loads((tmp_path / f"{SAMPLE_MODEL}.json").read_text())
    assert (card["best_epoch"], card["seed"]) == (5, sample_model.SEED)
    assert card["scores"]["sampled_ndcg"] > 0.2


@pytest.mark.parametrize("card", PAPERS, ids=lambda path: path.stem)
def test_committed_model_is_what_its_card_says(card, real_data):
    said, place = json.loads(card.read_text("utf-8")), card.with_suffix(".safetensors")
    assert place.stat().st_size < 5_000_000
    assert said["sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()
    table, row, seed = SERIES[card.stem]
    assert (said["table"], said["row"], said["seed"]) == (table, row, seed)
    dataset = load_dataset(said["dataset"], real_data)
    ranks = sampled_ranks(sl.load(card.stem, dataset=dataset)[0], dataset, seed=CANDIDATE_SEED)
    value = sl.summarise(ranks, ks=(10,), resamples=1)["value"]["NDCG@10"]
    assert value == pytest.approx(said["scores"]["sampled_ndcg"], abs=5e-4)
