"""MovieLens releases: what is read from their files, and where they are looked for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrec_lib.data.movielens import load_movielens, read_movielens

UNKNOWN, COMEDY, CRIME = 0, 5, 6  # positions of the genre flags in u.item


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def _film_100k(raw: int, title: str, *flags: int) -> str:
    genres = ["1" if flag in flags else "0" for flag in range(19)]
    return "|".join([str(raw), title, "01-Jan-1995", "", "http://example.org", *genres]) + "\n"


ONE_M = {
    "ratings.dat": b"1::1193::5::978300760\n2::661::3::978302109\n1::914::3::978301968\n",
    "movies.dat": "914::Été, The (1964)::Drama|Musical\n661::Peach (1996)::Drama\n"
    "1193::Nest (1975)::Drama\n".encode("latin-1"),
}
CSV = {
    "ratings.csv": b"userId,movieId,rating,timestamp\r\n"
    b"7,10,4.5,964982703\r\n7,2,0.5,964982703\r\n",
    "movies.csv": 'movieId,title,genres\r\n2,"Été, ""The"" (1964)",Drama\r\n'
    "10,Babylon,(no genres listed)\r\n11,Notes (2006–2007) ,Crime|Drama\r\n".encode(),
}
HUNDRED_K = {
    "u.data": b"196\t242\t3\t881250949\n186\t1\t4\t891717742\n",
    "u.item": (
        _film_100k(1, "Été (1995)", COMEDY, CRIME)
        + _film_100k(242, "Third (1995) (V)", CRIME)
        + _film_100k(267, "unknown", UNKNOWN)
    ).encode("latin-1"),
}


def test_movielens_1m_keeps_rows_types_and_titles(tmp_path: Path) -> None:
    data = read_movielens("ml-1m", _write(tmp_path, ONE_M))
    expected = pd.DataFrame(
        {
            "user": np.array([1, 2, 1], dtype=np.int32),
            "item": np.array([1193, 661, 914], dtype=np.int32),
            "rating": np.array([5, 3, 3], dtype=np.float32),
            "time": np.array([978300760, 978302109, 978301968]),
        }
    )
    pd.testing.assert_frame_equal(data.ratings, expected)
    assert data.items.loc[914].tolist() == ["Été, The (1964)", "Drama|Musical", 1964]
    assert (data.name, data.folder, data.is_sample) == ("ml-1m", tmp_path, False)


def test_movielens_100k_turns_genre_flags_into_names(tmp_path: Path) -> None:
    data = read_movielens("ml-100k", _write(tmp_path, HUNDRED_K))
    assert data.ratings["item"].tolist() == [242, 1]
    assert data.items["genres"].tolist() == ["Comedy|Crime", "Crime", "unknown"]
    assert data.items["title"].tolist() == ["Été (1995)", "Third (1995) (V)", "unknown"]
    assert data.items["year"].tolist() == [1995, 1995, pd.NA]


def test_csv_release_reads_quotes_half_stars_and_missing_years(tmp_path: Path) -> None:
    data = read_movielens("ml-latest-small", _write(tmp_path, CSV))
    assert data.ratings["rating"].tolist() == [4.5, 0.5]
    assert data.items["title"].tolist() == ['Été, "The" (1964)', "Babylon", "Notes (2006–2007)"]
    assert data.items["year"].tolist() == [1964, pd.NA, 2006]


@pytest.mark.parametrize(
    ("name", "files", "file", "content", "message"),
    [
        (
            "ml-1m",
            ONE_M,
            "ratings.dat",
            b"1::2::3::4\n1::2::3\n",
            r"ratings.dat, line 2: 3 columns",
        ),
        ("ml-1m", ONE_M, "ratings.dat", b"1::2::3::4\n1::x::3::4\n", "line 2: item 'x'"),
        ("ml-1m", ONE_M, "ratings.dat", b"1:2:3:4\n", "line 1: 1 columns"),
        ("ml-1m", ONE_M, "ratings.dat", b"1::2::3::4\n1\x1f2::3::4\n", "line 2: 3 columns"),
        ("ml-1m", ONE_M, "ratings.dat", b"1::2::nan::4\n", "line 1: rating 'nan'"),
        ("ml-1m", ONE_M, "ratings.dat", b"", "ratings.dat holds no rows"),
        (
            "ml-1m",
            ONE_M,
            "movies.dat",
            b"1::A (1990)::Drama\n2::B\n",
            "movies.dat, line 2: 2 columns",
        ),
        ("ml-1m", ONE_M, "movies.dat", b"1::A::Drama\n1::B::Drama\n", "movie id 1 stands on more"),
        ("ml-1m", ONE_M, "movies.dat", b"1::A::Drama\n\n0::B::Drama\n", "movies.dat, line 3"),
        (
            "ml-100k",
            HUNDRED_K,
            "u.data",
            b"1\t2\t3\t4\n1\t2\t3\t4\t5\n",
            "u.data, line 2: 5 columns",
        ),
        ("ml-100k", HUNDRED_K, "u.item", b"1|A||\n", "u.item, line 1: 4 columns"),
        ("ml-25m", CSV, "ratings.csv", b"user,movie\n1,2\n", "ratings.csv, line 1: columns"),
        (
            *("ml-32m", CSV, "ratings.csv"),
            b"userId,movieId,rating,timestamp\n1,2,3,4\n1,2,,4\n",
            "ratings.csv, line 3: rating ''",
        ),
        ("ml-25m", CSV, "movies.csv", b"id,name\n1,A\n", "movies.csv, line 1: columns"),
        ("ml-25m", CSV, "movies.csv", b"movieId,title,genres\n1,A,Drama\nx,B,Drama\n", "line 3"),
        ("ml-25m", CSV, "movies.csv", b"\xff\xfe\x00", "movies.csv is not a MovieLens film table"),
    ],
)
def test_a_wrong_line_is_named(
    tmp_path: Path, name: str, files: dict[str, bytes], file: str, content: bytes, message: str
) -> None:
    _write(tmp_path, {**files, file: content})
    with pytest.raises(ValueError, match=message):
        read_movielens(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "rows", "users", "items", "first"),
    [
        ("ml-1m", 1_000_209, 6040, 3706, [1, 1193, 5.0, 978300760]),
        ("ml-100k", 100_000, 943, 1682, [196, 242, 3.0, 881250949]),
        ("ml-latest-small", 100_836, 610, 9724, [1, 1, 4.0, 964982703]),
    ],
)
def test_real_releases(
    real_data: Path, name: str, rows: int, users: int, items: int, first: list[float]
) -> None:
    """Counts as in the READMEs of the releases."""
    data = load_movielens(name, path=real_data, download=False)
    assert len(data.ratings) == rows
    assert data.ratings["user"].nunique() == users
    assert data.ratings["item"].nunique() == items
    assert data.ratings.iloc[0].tolist() == first
    assert data.ratings["rating"].between(0.5, 5).all()
    assert data.ratings["item"].isin(data.items.index).all()
    assert data.items.loc[1, "title"] == "Toy Story (1995)"
    assert data.items.loc[1, "year"] == 1995
    assert data.items["year"].isna().mean() < 0.002
    assert data.items["genres"].str.contains("Comedy").sum() > 400


def test_places_in_order(nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nearer place wins; each file set differs in its first rating's item."""

    def put(folder: Path, item: int) -> None:
        _write(folder, {**ONE_M, "ratings.dat": f"1::{item}::5::978300760\n".encode()})

    def found(path: Path | None = None) -> int:
        return int(load_movielens("ml-1m", path=path).ratings["item"].iloc[0])

    put(nowhere / "ml-1m", 661)
    assert found() == 661
    put(tmp_path / "env" / "ml-1m", 914)
    monkeypatch.setenv("SEQREC_DATA", str(tmp_path / "env"))
    assert found() == 914
    put(tmp_path / "above" / "ml-1m", 1193)
    assert found(tmp_path / "above") == found(tmp_path / "above" / "ml-1m") == 1193
    assert found(tmp_path / "elsewhere") == 914  # not there: the next place is looked at


def test_nowhere_names_the_places_and_the_steps(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQREC_DATA", str(tmp_path / "env"))
    with pytest.raises(FileNotFoundError) as error:
        load_movielens("ml-25m", path=tmp_path / "here")
    text = str(error.value)
    for place in (tmp_path / "here", tmp_path / "env" / "ml-25m", nowhere / "ml-25m"):
        assert str(place) in text
    assert "the network is unreachable" in text
    assert "https://files.grouplens.org/datasets/movielens/ml-25m.zip" in text
    assert all(f"  {step}. " in text for step in (1, 2, 3))
    with pytest.raises(FileNotFoundError, match="download=False"):
        load_movielens("ml-25m", download=False)


def test_half_a_data_set_does_not_count(nowhere: Path) -> None:
    _write(nowhere / "ml-1m", {"ratings.dat": ONE_M["ratings.dat"]})
    with pytest.raises(FileNotFoundError):
        load_movielens("ml-1m")


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"ml-10m.*choose from ml-100k, ml-1m"):
        load_movielens("ml-10m")
