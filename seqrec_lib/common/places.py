"""Where the repository's own data lie: recorded results and trained weights."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def recorded_folder(name: str, package: Path = _PACKAGE) -> Path:
    """data/NAME of the clone, or what an installed wheel brings of it (see pyproject.toml)."""
    installed = package / "recorded" / name
    return installed if installed.is_dir() else package.parent / "data" / name
