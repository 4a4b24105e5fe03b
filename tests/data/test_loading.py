"""Data sets by name: releases, the papers' file, the sample, files, and what is said if none."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import Host

from seqrec_lib.data import paper_files
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.download import DataMissingError
from seqrec_lib.data.loading import load_dataset, load_for_notebook
from seqrec_lib.data.movielens import load_movielens
from seqrec_lib.data.paper_files import PAPER_FILES

RATINGS = b"".join(b"%d::%d::5::%d\n" % (u, i, 10 * i) for u in (1, 2, 3, 4, 5) for i in (7, 8, 9))
RELEASE = {"ratings.dat": RATINGS, "movies.dat": b"7::A (1990)::Drama\n8::B::Drama\n9::C::Drama\n"}


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_release_the_games_the_sample_and_a_file(
    nowhere: Path,
    tmp_path: Path,
    sample_dataset: SASRecDataSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _write(nowhere / "ml-1m", RELEASE)
    _write(nowhere / "amazon-games", {"Video.txt": b"1 3\n1 2\n1 1\n"})
    _small(monkeypatch, "games", users=1, items=3)
    file = _write(tmp_path, {"own.txt": b"1 5 900\n1 6 800\n"}) / "own.txt"
    assert load_dataset("ml-1m").sequences.padded([1, 5]).tolist() == [[1, 2, 3]] * 2
    assert load_dataset("ml-1m").title(1, internal=True) == "A (1990)"
    assert load_dataset("games").sequences[1].tolist() == [3, 2, 1]
    assert load_dataset("sample").sequences == sample_dataset.sequences
    assert load_dataset(str(file)).sequences[1].tolist() == [6, 5]


def _small(monkeypatch: pytest.MonkeyPatch, name: str, users: int, items: int, **more: str) -> None:
    """From now on a paper's file is this small."""
    small = replace(PAPER_FILES[name], users=users, items=items, actions=0.0, **more)
    monkeypatch.setitem(PAPER_FILES, name, small)


def test_the_path_is_looked_at_first(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(nowhere / "ml-1m", RELEASE)
    _write(tmp_path / "ml-1m", {**RELEASE, "ratings.dat": RATINGS[: len(RATINGS) // 5] * 5})
    _write(tmp_path, {"Video.txt": b"1 4\n"})
    assert load_dataset("ml-1m").usernum == 5
    assert load_dataset("ml-1m", tmp_path).usernum == 1
    _small(monkeypatch, "games", users=1, items=4)
    assert load_dataset("games", tmp_path).itemnum == 4


@pytest.mark.parametrize("name", ["games", "beauty", "steam"])
def test_a_paper_s_file_is_downloaded_and_checked(
    nowhere: Path, host: Host, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its sum on the way, and by Table II wherever it comes from."""
    host.body = b"1 3\n1 2\n2 1\n"
    file = PAPER_FILES[name].file
    monkeypatch.setattr(paper_files, "AUTHORS", host.address)
    _small(monkeypatch, name, users=2, items=3, sha256="0" * 64)
    with pytest.raises(FileNotFoundError, match=rf"(?s){file} is not on this machine.*By hand"):
        load_dataset(name)
    _small(monkeypatch, name, 2, 3, sha256=hashlib.sha256(host.body).hexdigest())
    assert load_dataset(name).sequences[1].tolist() == [3, 2]
    assert host.paths[-1] == f"/{file}"
    _small(monkeypatch, name, users=52_024, items=3)
    with pytest.raises(ValueError, match=f"{file} is not the paper's: 2 users instead of 52,024"):
        load_dataset(name)


def test_the_counts_are_those_of_table_ii() -> None:
    """Kang and McAuley 2018, typed from the paper."""
    printed = {
        "beauty": (52_024, 57_289, 0.4),
        "games": (31_013, 23_715, 0.3),
        "steam": (334_730, 13_047, 3.7),
    }
    assert {n: (f.users, f.items, f.actions) for n, f in PAPER_FILES.items()} == printed


@pytest.mark.usefixtures("nowhere")
def test_what_is_missing_comes_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)By hand:.*'sample' \(--data sample"):
        load_dataset("ml-1m")
    with pytest.raises(
        FileNotFoundError, match=r"there is no such file.*your own log.* or one of ml-100k.* sample"
    ):
        load_dataset("no-such-file.txt")

    def down(*_: object) -> Path:
        raise OSError("the network is unreachable")

    monkeypatch.setattr("seqrec_lib.data.download._retrieve", down)
    with pytest.raises(FileNotFoundError, match=r"(?s)Video.txt is not on this machine.*By hand:"):
        load_dataset("games")


def test_the_papers_data_by_name(real_data: Path) -> None:
    """Counts of SASRec's Table II."""
    games = load_dataset("games", real_data / "amazon-games")
    assert (games.usernum, games.itemnum) == (31_013, 23_715)
    assert load_dataset("ml-1m", real_data).itemnum == 3416


@pytest.mark.usefixtures("nowhere")
def test_notebook_loader_falls_back_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    data = load_for_notebook("ml-1m")
    said = capsys.readouterr().out
    assert data.is_sample
    assert "BUILT-IN SAMPLE, not ml-1m" in said
    assert "neither on this machine nor could it be downloaded" in said


@pytest.mark.usefixtures("nowhere")
def test_only_smoke_and_no_profile_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        load_for_notebook("ml-1m", profile="quick")
    monkeypatch.setenv("SEQREC_PROFILE", "full")
    with pytest.raises(FileNotFoundError):
        load_for_notebook("ml-1m")
    with pytest.raises(ValueError, match="slow"):
        load_for_notebook("ml-1m", profile="slow")


def test_smoke_ignores_real_data(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(nowhere / "ml-1m", RELEASE)
    assert not load_for_notebook("ml-1m").is_sample
    said = capsys.readouterr().out
    assert "real data" in said
    assert str(nowhere) not in said
    monkeypatch.setenv("SEQREC_PROFILE", "smoke")
    assert load_for_notebook("ml-1m").is_sample
    assert "profile is 'smoke'" in capsys.readouterr().out


def test_the_profile_may_be_written_in_any_case_and_comes_with_the_data(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_for_notebook("ml-1m").profile == "smoke"
    _write(nowhere / "ml-1m", RELEASE)
    assert load_for_notebook("ml-1m").profile == "quick"
    assert load_for_notebook("ml-1m", "Full").profile == "full"
    monkeypatch.setenv("SEQREC_PROFILE", " Smoke ")
    assert load_for_notebook("ml-1m").profile == "smoke"
    monkeypatch.setenv("SEQREC_PROFILE", "fast")
    with pytest.raises(ValueError, match="SEQREC_PROFILE='fast' must be one of 'smoke'"):
        load_for_notebook("ml-1m")


# What SEQREC_DATA names


@pytest.mark.usefixtures("nowhere")
def test_the_variable_may_name_the_releases_own_folder_and_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "data" / "ml-1m", RELEASE)
    csv = {"ratings.csv": b"userId,movieId,rating,timestamp\n1,1,4.0,9\n"}
    csv["movies.csv"] = b"movieId,title,genres\n1,A (1990),Drama\n"
    _write(tmp_path / "data" / "ml-latest-small", csv)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    for named in ("~/data", "~/data/ml-1m", str(tmp_path / "data")):
        monkeypatch.setenv("SEQREC_DATA", named)
        assert load_movielens("ml-1m", download=False).folder == tmp_path / "data" / "ml-1m"
    monkeypatch.setenv("SEQREC_DATA", "~/data/ml-latest-small")
    assert len(load_movielens("ml-latest-small", download=False).ratings) == 1
    with pytest.raises(FileNotFoundError):  # its files have the same names
        load_movielens("ml-25m", download=False)


def test_a_variable_without_the_data_is_named_with_what_was_looked_for(
    nowhere: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEQREC_DATA", str(tmp_path))
    assert load_for_notebook("ml-1m").is_sample
    looked = f"SEQREC_DATA={tmp_path} holds no ml-1m/ratings.dat and ml-1m/movies.dat."
    assert looked in capsys.readouterr().out
    monkeypatch.setenv("SEQREC_DATA", str(tmp_path / "none"))
    load_for_notebook("ml-1m")
    assert "none names a folder that is not there" in capsys.readouterr().out
    _write(nowhere / "ml-1m", RELEASE)
    load_for_notebook("ml-1m")
    assert "is not there: no ml-1m/ratings.dat" in capsys.readouterr().out
    monkeypatch.delenv("SEQREC_DATA")
    load_for_notebook("ml-1m")
    assert "SEQREC_DATA" not in capsys.readouterr().out


@pytest.mark.usefixtures("nowhere")
def test_a_notebook_shows_what_is_missing_without_a_traceback() -> None:
    with pytest.raises(DataMissingError, match=r"(?s)By hand:.*'sample'") as error:
        load_for_notebook("ml-1m", "quick")
    assert error.value._render_traceback_()[0].startswith("DataMissingError: ml-1m is not on this")
