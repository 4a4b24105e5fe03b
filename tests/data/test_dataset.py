"""The data set: leave-one-out from lists, tables and files; titles; times; fingerprints."""

from pathlib import Path

import pandas as pd
import pytest

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sample.world import SampleWorld
from seqrec_lib.data.sequences import Sequences

LISTS = {1: [3, 1, 2, 5], 2: [4, 4, 1], 3: [2, 3], 5: [1]}


def _check_split(dataset: SASRecDataSet) -> None:
    assert dataset.user_train == {1: [3, 1], 2: [4], 3: [2, 3], 5: [1]}
    assert dataset.user_valid == {1: [2], 2: [4], 3: [], 5: []}
    assert dataset.user_test == {1: [5], 2: [1], 3: [], 5: []}
    assert (dataset.usernum, dataset.itemnum) == (5, 5)
    assert dataset.valid_item.tolist() == [0, 2, 4, 0, 0, 0]
    assert dataset.test_item.tolist() == [0, 5, 1, 0, 0, 0]
    assert dataset.train.items.tolist() == [3, 1, 4, 2, 3, 1]
    assert dataset.train.lengths.tolist() == [0, 2, 1, 2, 0, 1]
    assert {u: dataset.sequences[u].tolist() for u in LISTS} == LISTS
    assert dataset.sequences[4].tolist() == []  # a gap in the ids


def test_leave_one_out_from_lists_tables_and_files(tmp_path: Path) -> None:
    _check_split(SASRecDataSet.from_sequences(LISTS))
    _check_split(SASRecDataSet.from_sequences(dict(reversed(LISTS.items()))))
    _check_split(SASRecDataSet.from_sequences(Sequences.from_lists(LISTS)))
    rows = [(user, item) for user, items in LISTS.items() for item in items]
    _check_split(SASRecDataSet.from_interactions(pd.DataFrame(rows, columns=["user", "item"])))
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"{user}\t{item}\n" for user, item in rows))
    dataset = SASRecDataSet(filename=str(path), col_sep="\t")
    dataset.split()
    _check_split(dataset)


def test_a_file_with_times_is_sorted_and_ties_stay(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("2 9 50\n1 7 30\n1 8 20\n1 6 30\n1 5 20\n")
    dataset = SASRecDataSet(filename=path)
    assert {u: dataset.sequences[u].tolist() for u in (1, 2)} == {1: [8, 5, 7, 6], 2: [9]}


def test_times_of_a_file_and_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("2 9 50\n1 7 30\n1 8 20\n1 6 30\n1 5 20\n")
    dataset = SASRecDataSet(path, " ", keep_times=True)
    assert dataset.sequences.padded_times([1, 2]).tolist() == [[20, 20, 30, 30], [0, 0, 0, 50]]
    assert dataset.train.padded_times([1, 2]).tolist() == [[20, 20], [0, 50]]
    table = pd.DataFrame({"user": [1, 1], "item": [3, 4], "time": [0.5, 0.25]})
    found = SASRecDataSet.from_interactions(table, keep_times=True).sequences
    assert found == Sequences.from_lists({1: [4, 3]}, times={1: [0.25, 0.5]})
    assert SASRecDataSet(path).sequences.times is None
    assert SASRecDataSet.from_interactions(table).sequences.times is None
    path.write_text("1 7\n")
    with pytest.raises(ValueError, match="keep_times=True needs a time column"):
        SASRecDataSet(path, keep_times=True)


def test_equal_data_sets_have_the_same_fingerprint(tmp_path: Path) -> None:
    first = SASRecDataSet.from_sequences(LISTS)
    assert len(first.fingerprint) == 16
    int(first.fingerprint, 16)
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"{user} {item}\n" for user in LISTS for item in LISTS[user]))
    titles = pd.DataFrame({"title": list("abcde")}, index=range(1, 6))
    for same in (
        SASRecDataSet.from_sequences(dict(reversed(LISTS.items()))),
        SASRecDataSet.from_sequences(LISTS, items=titles),
        SASRecDataSet(path),
    ):
        assert same.fingerprint == first.fingerprint


def test_other_data_has_another_fingerprint() -> None:
    times = {user: list(range(len(items))) for user, items in LISTS.items()}
    later = {**times, 1: [0, 1, 2, 9]}
    others = [
        SASRecDataSet.from_sequences(lists, itemnum)
        for lists, itemnum in [
            (LISTS, None),
            (LISTS, 6),  # one more item that nobody has
            ({**LISTS, 1: [1, 3, 2, 5]}, None),  # a tie in the other order
            ({**LISTS, 3: [2, 4]}, None),  # another item
            ({1: LISTS[1], 2: LISTS[2], 3: [2, 3], 4: [1]}, None),  # another user
            ({**LISTS, 2: [4, 4], 3: [1, 2, 3]}, None),  # the same items, cut elsewhere
            (Sequences.from_lists(LISTS, times=times), None),
            (Sequences.from_lists(LISTS, times=later), None),
        ]
    ]
    assert len({dataset.fingerprint for dataset in others}) == len(others)


def test_ties_in_another_order_are_another_data_set(sample_world: SampleWorld) -> None:
    by_file, by_item = (prepare(sample_world.movielens, ties=t) for t in ("file", "item"))  # type: ignore[arg-type]
    assert by_file.fingerprint == prepare(sample_world.movielens).fingerprint
    assert by_file.fingerprint != by_item.fingerprint


def test_arguments_are_explicit(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("1 2\n")
    with pytest.raises(TypeError, match="colsep"):
        SASRecDataSet(filename=path, colsep=" ")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="not both"):
        SASRecDataSet(path, sequences=Sequences.from_lists(LISTS))
    with pytest.raises(ValueError, match=r"rows\.txt, line 1: 1 columns"):
        SASRecDataSet(filename=path, col_sep="\t")
    with pytest.raises(FileNotFoundError, match="none"):
        SASRecDataSet(filename=tmp_path / "none")


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({}, "no interactions"),
        ({1: [1], 7: []}, "user 7 has no items"),
        ({0: [1]}, "user id 0 is outside 1"),
        ({-3: [1]}, "user id -3 is outside 1"),
        ({"a": [1]}, "user id 'a' is not a whole number"),
        ({True: [1]}, "user id True is not a whole number"),
        ({3_000_000_000: [1]}, "user id 3000000000 is outside 1"),
        ({2_000_000_000: [1]}, "user id 2000000000 with only 1 interactions"),
        ({1: [2_000_000_000]}, "item id 2000000000 with only 1 interactions"),
        ({1: [1, 0]}, "user 1: item id 0 is outside 1"),
        ({1: [1, -2]}, "user 1: item id -2 is outside 1"),
        ({1: [2**31]}, "user 1: item id 2147483648 is outside 1"),
        ({1: [1.5]}, "user 1: the list of items"),
        ({1: [float("nan")]}, "user 1: the list of items"),
        ({1: ["a"]}, "user 1: the list of items"),
        ({1: [[1, 2]]}, "user 1: the list of items"),
        ({1: [[1, 2], [3]]}, "user 1: the list of items"),
        ({1: [True, False]}, "user 1: the list of items"),
    ],
)
def test_bad_lists(lists: dict[int, list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SASRecDataSet.from_sequences(lists)


def test_itemnum_and_items_must_fit() -> None:
    assert SASRecDataSet.from_sequences(LISTS, itemnum=9).itemnum == 9
    with pytest.raises(ValueError, match="item id 5 is beyond itemnum=4"):
        SASRecDataSet.from_sequences(LISTS, itemnum=4)
    films = pd.DataFrame({"title": list("abcde")}, index=range(1, 6))
    assert SASRecDataSet.from_sequences(LISTS, items=films).title(5) == "e"
    for wrong in (films.iloc[:4], films.set_index(pd.RangeIndex(5)), films.iloc[::-1]):
        with pytest.raises(ValueError, match="indexed by the item ids 1 to 5"):
            SASRecDataSet.from_sequences(LISTS, items=wrong)
    with pytest.raises(ValueError, match="title column"):
        SASRecDataSet.from_sequences(LISTS, items=films.rename(columns={"title": "name"}))


@pytest.mark.parametrize("ids", [[0, 1], [-1, 1], ["a", "b"], [1, 2**31]])
@pytest.mark.parametrize("column", ["user", "item"])
def test_interactions_need_ids_from_1(column: str, ids: list[int]) -> None:
    table = pd.DataFrame({"user": [1, 1], "item": [1, 2]}).assign(**{column: ids})
    with pytest.raises(ValueError, match=f"column '{column}' must hold whole numbers from 1"):
        SASRecDataSet.from_interactions(table)


def test_history_frame(sample_dataset: SASRecDataSet) -> None:
    frame = sample_dataset.history_frame(7)  # a raw id: the sample's users are 1 to 1000
    ids = sample_dataset.sequences[7]
    assert sample_dataset.items is not None
    raw = sample_dataset.items["raw_id"]
    assert frame["item"].tolist() == raw[ids].tolist() != ids.tolist()
    assert frame["title"].tolist() == sample_dataset.items["title"][ids].tolist()
    numbers = sample_dataset.history_frame(7, internal=True)["item"].tolist()
    assert numbers == ids.tolist()
    assert frame["split"].tolist() == ["train"] * (len(ids) - 2) + ["valid", "test"]
    assert frame.index.tolist() == list(range(1, len(ids) + 1))
    with pytest.raises(ValueError, match="user 0 is outside 1 to 1000"):
        sample_dataset.history_frame(0)
    plain = SASRecDataSet.from_sequences(LISTS)
    assert list(plain.history_frame(3)["split"]) == ["train", "train"]
    assert plain.title(3) == "item 3"
    with pytest.raises(ValueError, match="no titles"):
        plain.item_id("matrix")
    with pytest.raises(ValueError, match="item 6 is outside 1 to 5"):
        plain.title(6)


def test_papers_files_are_read_as_they_are(real_data: Path) -> None:
    """Counts of SASRec's Table II (papers/datasets.csv)."""
    games = SASRecDataSet(filename=real_data / "amazon-games" / "Video.txt")
    counts = games.describe().iloc[0]
    assert (counts["users"], counts["items"], counts["interactions"]) == (31_013, 23_715, 287_107)
    assert counts["interactions per user"] == pytest.approx(287_107 / 31_013)
    movies = SASRecDataSet(filename=real_data / "ml-1m" / "ml-1m.txt")
    assert repr(movies) == "SASRecDataSet(6,040 users, 3,416 items, 999,611 interactions)"


def test_films_are_searched_and_found_by_title(sample_dataset):
    found = sample_dataset.search("robot leeds", k=3)
    assert list(found) == ["title", "genres", "year"]
    assert found["title"].str.startswith("Last Robot in Leeds").tolist() == [True] * 3
    assert [sample_dataset.title(item) for item in found.index] == found["title"].tolist()
    assert len(sample_dataset.search(k=1000)) == sample_dataset.itemnum
    titles = ["orbit of glass", "gravity tax"]
    ids = [sample_dataset.item_id(title) for title in titles]
    assert sample_dataset.item_ids(titles) == dict(zip(titles, ids, strict=True))
    untitled = SASRecDataSet.from_sequences(LISTS)
    with pytest.raises(ValueError, match="no titles"):
        untitled.search("x")


def test_a_title_without_its_year_is_otherwise_as_it_was() -> None:
    titles = ["Heat (1995)", "Tea (250 g)", "Rice 5 kg", "(1995)x", "Lost (La) (1995)", "1984"]
    named = pd.DataFrame({"title": titles}, index=range(1, 7))
    dataset = SASRecDataSet.from_sequences({1: range(1, 7)}, items=named)
    short = [dataset.title(item, year=False) for item in range(1, 7)]
    assert short == ["Heat", *titles[1:4], "Lost (La)", "1984"]
    assert [dataset.title(item) for item in range(1, 7)] == titles
