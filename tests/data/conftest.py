"""What several tests of the data share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Host, serving

from seqrec_lib.data import download


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data and without network. Returns its empty cache."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(download, "default_cache", lambda given=None: Path(given or cache))
    monkeypatch.delenv("SEQREC_DATA", raising=False)
    monkeypatch.delenv("SEQREC_PROFILE", raising=False)
    monkeypatch.delenv("SEQREC_DATASET", raising=False)

    def down(*_: object) -> Path:
        raise OSError("the network is unreachable")

    monkeypatch.setattr(download, "_download", down)
    return cache


@pytest.fixture
def host() -> Iterator[Host]:
    """A server of the test's own."""
    with serving() as state:
        yield state
