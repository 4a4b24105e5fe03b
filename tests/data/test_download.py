"""Downloading, against a server of the test's own: whole, truncated, wrong, hostile, absent."""

import hashlib
import io
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from loopback import Host

from seqrec_lib.data import download

NAME = "ml-1m"
GOOD = {
    f"{NAME}/ratings.dat": b"1::1::5::978300760\n",
    f"{NAME}/movies.dat": b"1::A (1990)::Drama\n",
}


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEQREC_DATA", raising=False)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _offer(host: Host, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    host.body = body
    monkeypatch.setitem(download.MD5, NAME, hashlib.md5(body, usedforsecurity=False).hexdigest())


def _locate(host: Host, cache: Path) -> Path:
    return download.locate(NAME, cache=cache, host=host.address)


def test_good_archive_is_unpacked_once(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _offer(host, monkeypatch, _zip(GOOD))
    cache = tmp_path / "new" / "cache"
    folder = _locate(host, cache)
    assert folder == cache / NAME
    assert (folder / "ratings.dat").read_bytes() == GOOD[f"{NAME}/ratings.dat"]
    assert [path.name for path in cache.iterdir()] == [NAME]  # nothing else is left lying
    assert _locate(host, cache) == folder
    assert host.requests == 1


def test_progress_is_shown_and_nothing_else(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _offer(host, monkeypatch, _zip(GOOD))
    _locate(host, tmp_path)
    shown = capsys.readouterr()
    assert f"downloading {NAME}" in shown.err
    assert "100%" in shown.err
    assert shown.out == ""
    assert str(tmp_path) not in shown.err  # no paths of this machine


def test_checksums_are_those_of_grouplens() -> None:
    """The sums beside the archives on files.grouplens.org; latest-small has none that lasts."""
    assert download.MD5 == {
        "ml-100k": "0e33842e24a9c977be4e0107933c0723",
        "ml-1m": "c4d9eecfca2ab87c1945afe126590906",
        "ml-latest-small": None,
        "ml-25m": "6b51fb2759a8657d3bfcbfc42b592ada",
        "ml-32m": "d472be332d4daa821edc399621853b57",
    }


def _fails(host: Host, cache: Path, *words: str) -> None:
    with pytest.raises(FileNotFoundError) as error:
        _locate(host, cache)
    for word in (*words, "By hand", str(cache / NAME), f"{host.address}/{NAME}.zip"):
        assert word in str(error.value)
    assert not cache.exists() or list(cache.iterdir()) == []


@pytest.mark.parametrize("known_sum", [True, False])
def test_truncated_download_leaves_nothing(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_sum: bool
) -> None:
    _offer(host, monkeypatch, _zip(GOOD))
    if not known_sum:
        monkeypatch.setitem(download.MD5, NAME, None)
    host.sent = len(host.body) // 2
    _fails(host, tmp_path / "cache", "failed")
    host.sent = None  # the network is back
    assert (_locate(host, tmp_path / "cache") / "movies.dat").is_file()


def test_wrong_checksum(host: Host, tmp_path: Path) -> None:
    host.body = _zip(GOOD)
    _fails(host, tmp_path / "cache", "hash", download.MD5[NAME] or "")


def test_not_an_archive(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(host, monkeypatch, b"<html>Certificate expired</html>")
    _fails(host, tmp_path / "cache", "not a zip file")


def test_damaged_member(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = bytearray(_zip({**GOOD, f"{NAME}/README": bytes(range(256)) * 20}))
    at = body.index(b"README") + 20
    body[at : at + 4] = b"\x00\xff\x00\xff"
    _offer(host, monkeypatch, bytes(body))
    _fails(host, tmp_path / "cache", "failed")


def test_server_error_and_missing_files(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.status = 503
    _fails(host, tmp_path / "cache", "503")
    host.status = 200
    _offer(host, monkeypatch, _zip({f"{NAME}/ratings.dat": b"1::1::5::1\n"}))
    _fails(host, tmp_path / "cache", f"no {NAME}/movies.dat")


def test_host_down(tmp_path: Path) -> None:
    down = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    state = Host()
    state.address = f"http://127.0.0.1:{down.server_port}"
    down.server_close()
    _fails(state, tmp_path / "cache", "refused")


@pytest.mark.parametrize(
    "member", ["../evil.txt", f"{NAME}/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:\\evil.txt"]
)
def test_no_member_leaves_its_folder(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    _offer(host, monkeypatch, _zip({**GOOD, member: b"evil"}))
    _fails(host, tmp_path / "a" / "cache", "no plain file inside its folder")
    assert list(tmp_path.rglob("*evil*")) == []
    assert not Path("/evil.txt").exists()


def test_links_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "links.zip"
    with zipfile.ZipFile(archive, "w") as target:
        link = zipfile.ZipInfo("ml-1m/ratings.dat")
        link.external_attr = 0o120777 << 16
        target.writestr(link, "/etc/hostname")
    with pytest.raises(ValueError, match="no plain file"):
        download.unpack(archive, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_several_at_once_agree(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class opens the same notebook: each download is whole, one becomes the cache."""
    _offer(host, monkeypatch, _zip(GOOD))
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(6) as pool:
        folders = list(pool.map(lambda _: _locate(host, cache), range(6)))
    assert set(folders) == {cache / NAME}
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert (cache / NAME / "movies.dat").read_bytes() == GOOD[f"{NAME}/movies.dat"]


def test_one_file_from_each_place(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """path, then $SEQREC_DATA, then the cache, then the host: each holds other bytes."""
    host.body = b"from the host"
    sum_of_it = hashlib.sha256(host.body).hexdigest()

    def fetched(path: Path | None = None) -> bytes:
        return download.fetch_file(
            file="Video.txt",
            url=host.address,
            sha256=sum_of_it,
            folder="games",
            path=path,
            cache=tmp_path / "cache",
        ).read_bytes()

    assert fetched() == b"from the host"
    assert (tmp_path / "cache" / "games" / "Video.txt").read_bytes() == b"from the host"
    fetched()
    assert host.requests == 1
    (tmp_path / "env" / "games").mkdir(parents=True)
    (tmp_path / "env" / "games" / "Video.txt").write_bytes(b"from the variable")
    monkeypatch.setenv("SEQREC_DATA", str(tmp_path / "env"))
    assert fetched() == b"from the variable"
    (tmp_path / "Video.txt").write_bytes(b"from the path")
    assert fetched(tmp_path) == fetched(tmp_path / "Video.txt") == b"from the path"


def test_what_one_user_downloads_another_may_read(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class shares one cache: each file has the rights that a plain new file has there."""
    plain = tmp_path / "plain"
    plain.touch()
    (tmp_path / "folder").mkdir()
    _offer(host, monkeypatch, _zip(GOOD))
    _locate(host, tmp_path / "cache")
    host.body = b"1 2\n"
    sum_of_it = hashlib.sha256(host.body).hexdigest()
    download.fetch_file("V.txt", host.address, sum_of_it, "games", cache=tmp_path / "cache")
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").rglob("*")}
    assert len(found) == 5
    for path, rights in found.items():
        like = tmp_path / "folder" if path.is_dir() else plain
        assert rights == stat.S_IMODE(like.stat().st_mode), path


def test_one_file_truncated_wrong_or_absent(host: Host, tmp_path: Path) -> None:
    host.body = b"1 2\n" * 1000
    good = hashlib.sha256(host.body).hexdigest()
    for sent, status, sum_of_it in ((2000, 200, good), (None, 404, good), (None, 200, "0" * 64)):
        host.sent, host.status = sent, status
        with pytest.raises(FileNotFoundError, match=r"(?s)failed.*Places tried.*By hand"):
            download.fetch_file("V.txt", host.address, sum_of_it, "games", cache=tmp_path)
        assert list(tmp_path.rglob("*.txt*")) == []


def test_no_network_is_said_in_a_line(tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9/x.zip"  # the port of "discard", where nothing listens
    with pytest.raises(
        FileNotFoundError, match=r"failed: the server could not be reached \(.*refused\)\n"
    ):
        download.fetch_file("V.txt", closed, "0" * 64, "games", cache=tmp_path)
