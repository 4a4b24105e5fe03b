"""Paths in every form, places that cannot be written, and files that are whole or not there."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from seqrec_lib.common import paths


@contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """As another user than root, who may do everything; as ourselves, where we are not root."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        for path in folder.parents:
            if not path.stat().st_mode & stat.S_IXOTH:
                path.chmod(path.stat().st_mode | stat.S_IXOTH)
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_every_form_of_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert paths.as_path("~/a") == paths.as_path(tmp_path / "a") == tmp_path / "a"
    for wrong in (None, 5, b"a", ["a"]):
        with pytest.raises(TypeError, match="folder="):
            paths.as_path(wrong, "folder")
    for wrong in ("", "a\0b", "~nobody-of-this-name/a"):
        with pytest.raises(ValueError, match="folder="):
            paths.as_path(wrong, "folder")


def test_what_cannot_be_read_is_named_with_its_type(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place, kind, word in (
        ("gone", FileNotFoundError, "there is no file"),
        ("", IsADirectoryError, "is a folder"),
        ("file/below", NotADirectoryError, "is a file, not a folder"),
        ("loop", OSError, "in a circle"),
    ):
        with pytest.raises(kind, match=word) as error:
            paths.file_to_read(tmp_path / place, "filename")
        assert str(error.value).startswith(f"filename={str(tmp_path / place)!r} cannot be read")
        assert error.value.errno


def test_places_are_tried_and_nothing_is_changed(tmp_path):
    (tmp_path / "there").write_text("mine")
    for place in ("there", "new"):
        assert paths.file_to_write(tmp_path / place) == tmp_path / place
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    with pytest.raises(FileNotFoundError, match=r"--save=.*there is no file or folder"):
        paths.file_to_write(tmp_path / "no" / "file", "--save")
    with pytest.raises(FileExistsError, match="there is a file of this name"):
        paths.folder_to_write(tmp_path / "there")
    with pytest.raises(OSError, match="the disk is full"):
        paths.folder_to_write(tmp_path, "checkpoints", needs=2**60)
    assert paths.folder_to_write(tmp_path / "a" / "b").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="rights are another thing there")
def test_no_right_is_said_to_another_user_than_root(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0)
    tmp_path.chmod(0o555)
    with nobody(tmp_path):
        for call in (paths.file_to_read, paths.file_to_write):
            with pytest.raises(PermissionError, match="you have no right to"):
                call(tmp_path / "secret")
        for call in (paths.file_to_write, paths.folder_to_write):
            with pytest.raises(PermissionError, match=r"new.*you have no right to"):
                call(tmp_path / "new")
    tmp_path.chmod(0o755)


def half(place, error):
    with paths.whole_file(place) as beside:
        beside.write_text("half")
        raise error


def test_a_file_is_whole_or_as_before(tmp_path):
    place = tmp_path / "a.csv"
    paths.write_csv(place, pd.DataFrame({"x": [1]}))
    place.chmod(0o640)
    with pytest.raises(ZeroDivisionError):
        half(place, ZeroDivisionError())
    with pytest.raises(OSError, match=r"path=.*a\.csv.*the disk is full"):
        half(place, OSError(errno.ENOSPC, ""))
    assert pd.read_csv(place)["x"].tolist() == [1]
    paths.write_text(place, "new")
    assert (place.read_text(), stat.S_IMODE(place.stat().st_mode)) == ("new", 0o640)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "file")
    paths.write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "file").read_text() == "x"


def test_what_a_killed_writer_left_goes_a_day_later_and_nothing_else(tmp_path):
    left, young, mine = (
        tmp_path / name for name in (".a.0123456789ab.tmp", ".a.ba9876543210.tmp", ".a.notes.tmp")
    )
    for path in (left, young, mine):
        path.write_text("x")
    for path in (left, mine):
        os.utime(path, (0, 0))
    paths.write_text(tmp_path / "a", "x")
    assert {p.name for p in tmp_path.iterdir()} == {"a", young.name, mine.name}
