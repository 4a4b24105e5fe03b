"""The curves of the benchmark: small points, measured; the made file, read back; the command."""

import json

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.benchmark import __main__ as benchmark
from seqrec_lib.benchmark import curves, made_data, points
from seqrec_lib.benchmark.curves import CURVES, Curve
from seqrec_lib.data.readers import RATINGS_CSV, read_ratings


@pytest.mark.parametrize("tables", ["sparse", "dense"])
def test_a_point_of_the_catalogue(tables):
    (line,) = points.step_by_items(items=300, tables=tables)
    assert line["items"] == 300
    assert line["tables"] == tables
    assert line["table MB"] == pytest.approx(2 * 301 * 50 * 4 * 3 / 2**20)
    assert 100 < line["rows in a batch"] <= 301  # the padding is one
    assert line["step ms"] > 0
    assert line["top 10 ms"] > 0


@pytest.mark.parametrize("way", ["packed", "padded", "fused"])
def test_a_point_of_the_length(way):
    (line,) = points.step_by_length(length=12, way=way, batch=2)
    assert (line["length"], line["way"]) == (12, way)
    assert line["ms a history"] > 0


@pytest.mark.parametrize("negatives", [0, 3])
def test_a_point_of_the_losses(negatives):
    (line,) = points.step_by_negatives(items=200, negatives=negatives)
    assert line["step ms"] > 0


def test_a_file_is_made_read_prepared_and_trained_on(tmp_path):
    (line,) = points.prepare_file(2_003, steps=2, folder=str(tmp_path))
    assert 50 < line["users"] <= 100  # some have only films that are too rare
    assert line["peak MB"] > 0
    assert line["sequences MB"] < 0.02
    assert not list(tmp_path.iterdir())


def test_the_made_file_has_the_shape_of_the_release(tmp_path):
    path = tmp_path / "ratings.csv"
    made_data.write_ratings(path, 4_001)
    first, second = path.read_text(encoding="ascii").splitlines()[:2]
    assert first == "userId,movieId,rating,timestamp"
    assert second.startswith("1,")
    ratings = read_ratings(path, RATINGS_CSV)
    assert len(ratings) == 4_001
    assert ratings["user"].is_monotonic_increasing
    assert ratings.groupby("user").size().min() >= 20
    assert ratings["user"].nunique() == 200
    assert (ratings.groupby("user")["item"].diff().dropna() >= 0).all()  # film by film
    assert set(ratings["rating"]) <= {x / 2 for x in range(1, 11)}
    assert ratings["item"].max() <= made_data.LARGEST_FILM_25M
    assert ratings["time"].between(789_652_009, 1_574_327_703).all()


@pytest.mark.parametrize("numbers", [[0, 7, 10, 99, 100, 123456]])
def test_digits_are_the_numbers(numbers):
    text = made_data._digits(np.array(numbers), 6)
    read = [bytes(row[row > 0]).decode() for row in text]
    assert read == [str(number) for number in numbers]


def test_made_histories_have_their_length_and_ids():
    data = made_data.made_dataset(50, 30, 9)
    assert data.sequences.lengths[1:].tolist() == [9] * 50
    assert 1 <= data.sequences.items.min() <= data.sequences.items.max() <= 30
    counts = np.bincount(data.sequences.items, minlength=31)[1:]
    assert counts[:10].sum() > counts[-10:].sum()  # popular items have low ids


def test_a_curve_is_printed_and_recorded(tmp_path, monkeypatch, capsys):
    point = {"length": 5, "way": "packed"}
    small = Curve("scaling-length", "a title", (point,), print, "- a note")
    monkeypatch.setattr(curves, "CURVES", (small,))
    status = benchmark.main(["--rows", "scaling-length", "--record", str(tmp_path)])
    out = capsys.readouterr().out
    assert status == 0
    assert "a title" in out
    assert "- a note" in out
    found = pd.read_csv(tmp_path / "scaling_length.csv")
    assert found["length"].tolist() == [5]
    assert found["machine"].str.contains("cores").all()


def test_a_point_that_fails_is_told(monkeypatch, capsys):
    wrong = Curve("scaling-length", "a title", ({"length": 5, "way": "packed", "x": 1},), print, "")
    monkeypatch.setattr(curves, "CURVES", (wrong,))
    assert benchmark.main(["--rows", "scaling-length"]) == 1
    assert "unexpected keyword argument 'x'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rows", "scaling-items", "train-50"], "ask for curves alone"),
        (["--rows", "scaling-items", "--record", __file__], "there is a file of this name"),
    ],
)
def test_what_curves_cannot_do_is_refused(options, message, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(options)
    assert message in capsys.readouterr().err


def test_names_are_those_of_the_notebook():
    assert {curve.file for curve in CURVES} == {
        "scaling_items.csv",
        "scaling_length.csv",
        "scaling_losses.csv",
        "scaling_prepare_25m.csv",
        "scaling_processes_2.csv",
    }
    assert all(json.dumps(point) for curve in CURVES for point in curve.points)
