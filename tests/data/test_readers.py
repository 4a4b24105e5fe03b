"""Text files of interactions: any separator, times, and every error with its file and line."""

import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqrec_lib.data import readers
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.movielens import load_movielens
from seqrec_lib.data.readers import (
    RATINGS_1M,
    RATINGS_100K,
    RATINGS_CSV,
    read_interactions,
    read_ratings,
)
from seqrec_lib.data.sample.world import SampleWorld


@pytest.mark.parametrize("sep", [" ", "\t", ",", "::", ";", "|"])
def test_interactions_with_any_separator(tmp_path: Path, sep: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"{u}{sep}{i}{sep}{t}\n" for u, i, t in [(2, 7, 30), (1, 7, 20)]))
    table = read_interactions(path, sep=sep)
    assert table.to_dict("list") == {"user": [2, 1], "item": [7, 7], "time": [30, 20]}
    assert [str(kind) for kind in table.dtypes] == ["int32", "int32", "int64"]


def test_interactions_without_time_blank_lines_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes(b"\r\n1 2\r\n\r\n1 2\r\n3 4")
    assert read_interactions(path).to_numpy().tolist() == [[1, 2], [1, 2], [3, 4]]


def test_times_keep_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    nanoseconds = 1_700_000_000_000_000_001  # a float64 would round it
    path.write_text(f"1 1 {nanoseconds}\n1 2 {nanoseconds + 1}\n")
    assert read_interactions(path)["time"].tolist() == [nanoseconds, nanoseconds + 1]
    path.write_text("1 1 5\n1 2 4.25\n")
    assert read_interactions(path)["time"].tolist() == [5.0, 4.25]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"1\n", "line 1: 1 columns"),
        (b"\n1 2 3 4\n", "line 2: 4 columns"),
        (b"1 2\n1 2 3\n", "line 2: 3 columns"),
        (b"1 2 3\n1 2\n", "line 2: 2 columns"),
        (b"1 2\n1\t3\n", "line 2: 1 columns"),
        (b"1 2\n1, 3\n", "line 2: user '1,'"),
        (b"1 2\n1 2 3 \n", "line 2: 3 columns"),
        (b"1 2\n0 3\n", "line 2: user '0' is outside 1 to"),
        (b"1 2\n1 0\n", "line 2: item '0' is outside 1 to"),
        (b"1 2\n\n-1 3\n", "line 3: user '-1'"),
        (b"1 2\n1 2147483648\n", "line 2: item '2147483648'"),
        (b"1 2\n1 99999999999999999999999\n", "line 2: item '99999999999999999999999'"),
        (b"1 2\n1 nan\n", "line 2: item 'nan' is not a finite number"),
        (b"1 2\n1 2.5\n", "line 2: item '2.5' is not a whole number"),
        (b"1 2\n1 \n", "line 2: item '' is not a number"),
        (b"user item\n1 2\n", r"line 1: 'user item' looks like names.*read_log\("),
        (b"1 2 3\n1 2 nan\n", "line 2: time 'nan' is not a finite number"),
        (b"1 2 3\n1 2 inf\n", "line 2: time 'inf'"),
        (b"1 2 3\n1 2 \n", "line 2: time ''"),
        (b"1 2 3\n1 2 soon\n", "line 2: time 'soon'"),
        (b'1 2\n"1" 2\n', "line 2: user '\"1\"'"),
        (b"1 2\n\x00 2\n", "line 2: user"),
    ],
)
def test_bad_interactions_name_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"rows\.txt.*{message}"):
        read_interactions(path)


def test_chunks_are_joined_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "CHUNK_ROWS", 3)
    path = tmp_path / "rows.txt"
    rows = [(u, 10 * u, 100 - u) for u in range(1, 12)]
    path.write_text("".join(f"{u} {i} {t}\n" for u, i, t in rows))
    assert read_interactions(path).to_numpy().tolist() == [list(row) for row in rows]
    path.write_text(path.read_text() + "12 -1 5\n")
    with pytest.raises(ValueError, match="line 12: item '-1'"):
        read_interactions(path)


def test_missing_file_and_useless_separator(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        read_interactions(tmp_path / "nothing.txt")
    for sep in ("", "1", ".", "\n", "-"):
        with pytest.raises(ValueError, match="sep="):
            read_interactions(tmp_path / "nothing.txt", sep=sep)


@pytest.mark.parametrize("sep", [" ", "\t", ",", "::"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("where", [{0}, {1}, {0, 1, 2, 3}, {3}])
@pytest.mark.parametrize("blank", [" ", "\t", "  \t "])
def test_blanks_at_the_end_of_a_line(
    tmp_path: Path, sep: str, end: str, where: set[int], blank: str
) -> None:
    path = tmp_path / "rows.txt"
    for rows in ([(1, 10), (1, 11), (2, 12), (2, 13)], [(1, 10, 978), (2, 11, 977)] * 2):
        lines = [sep.join(map(str, row)) + blank * (n in where) for n, row in enumerate(rows)]
        for text in (lines, ["", blank, *lines, blank]):
            path.write_bytes(end.join(text).encode())
            assert read_interactions(path, sep).to_numpy().tolist() == [list(row) for row in rows]
    path.write_text(f"1{sep}2{blank}\n1{sep}0{blank}\n")
    with pytest.raises(ValueError, match=r"rows\.txt, line 2: item '0"):
        read_interactions(path, sep)


@pytest.mark.parametrize(
    ("third", "warned"),
    [
        ([5, 1, 3, 4, 2], True),
        ([1, 1, 1, 1, 1], True),
        ([0.5, 5.0, 3.5, 4.0, 1.0], True),
        ([10, 0, 7, -1, 9], True),
        ([978300760, 978302109, 978301968, 978300275, 978824291], False),
        ([1, 2, 3, 4, 11], False),
        ([0.1, 0.25, 2.0, 3.0, 4.0], False),
        ([2001, 2002, 2003, 2003, 2004], False),
    ],
)
def test_ratings_are_not_taken_for_times_in_silence(
    tmp_path: Path, third: list[float], warned: bool
) -> None:
    path = tmp_path / "ratings.txt"
    path.write_text("".join(f"1 {10 + n} {value}\n" for n, value in enumerate(third)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = SASRecDataSet(path)
    assert len(caught) == warned
    assert data.with_time
    if warned:
        said = str(caught[0].message)
        assert caught[0].category is UserWarning
        assert f"ratings.txt: the third column holds {len(set(third))} different values" in said
        assert "taken for times" in said
        # what the warning advises keeps the order of the file
        advised = said[said.index("SASRecDataSet.") :].replace("'ratings.txt'", repr(str(path)))
        found = eval(advised, {"SASRecDataSet": SASRecDataSet, "pandas": pd})
        assert found.sequences[1].tolist() == [10, 11, 12, 13, 14]


def test_times_of_real_data_are_times(real_data: Path, tmp_path: Path) -> None:
    """Warnings are errors here."""
    assert not SASRecDataSet(real_data / "ml-1m" / "ml-1m.txt").with_time
    table = load_movielens("ml-100k", real_data / "ml-100k").ratings
    path = tmp_path / "rows.txt"
    table[["user", "item", "time"]].to_csv(path, sep=" ", header=False, index=False)
    assert SASRecDataSet(path).with_time


def test_times_of_the_sample_are_times(sample_world: SampleWorld, tmp_path: Path) -> None:
    table, path = sample_world.movielens.ratings, tmp_path / "rows.txt"
    table[["user", "item", "time"]].to_csv(path, sep=" ", header=False, index=False)
    assert SASRecDataSet(path).with_time


@pytest.mark.parametrize("each", [1, 4])  # with a row each, the users count like an index
@pytest.mark.parametrize("more", [1, 2])
@pytest.mark.parametrize("layout", [RATINGS_100K, RATINGS_1M, RATINGS_CSV], ids=lambda x: x.sep)
def test_a_column_more_in_every_row_is_refused(
    tmp_path: Path, layout: Any, more: int, each: int
) -> None:
    """pandas takes the first columns for an index then: user would be the second one."""
    path = tmp_path / "ratings"
    rows = [[u, 10 + i, 5, 1000 + i, *[9] * more] for u in (1, 2, 3) for i in range(each)]
    lines = [layout.sep.join(map(str, row)) for row in rows]
    head = [layout.sep.join(layout.header)] if layout.header else []
    path.write_text("\n".join([*head, *lines]))
    line = 2 if layout.header else 1
    with pytest.raises(ValueError, match=f"ratings, line {line}: {4 + more} columns .* expected 4"):
        read_ratings(path, layout)
    kept = [layout.sep.join(map(str, row[:4])) for row in rows]
    path.write_text("\n".join([*head, *kept]))
    assert read_ratings(path, layout)["user"].tolist() == [row[0] for row in rows]
