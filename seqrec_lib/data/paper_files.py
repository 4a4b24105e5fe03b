"""The data sets that the authors of SASRec gave out with their code, as sequences of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from seqrec_lib.common.paths import AnyPath
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.download import fetch_file

AUTHORS = "https://raw.githubusercontent.com/kang205/SASRec/master/data"


@dataclass(frozen=True)
class PaperFile:
    """A file, and what Table II of the paper says is in it (Kang and McAuley 2018).

    Attributes:
        file, folder: its name, and that of the folder which holds it.
        sha256: of Video.txt as it was had; of the other two as public copies of them list it.
        users, items: how many. actions: in millions, with one decimal, as printed.
    """

    file: str
    folder: str
    sha256: str
    users: int
    items: int
    actions: float


PAPER_FILES = {
    "games": PaperFile(
        "Video.txt",
        "amazon-games",
        "b7376fe24430743f411dc7f567285657b2adb3f74361cc7ba0aee94f3024b651",
        31_013,
        23_715,
        0.3,
    ),
    "beauty": PaperFile(
        "Beauty.txt",
        "amazon-beauty",
        "3cd3d56cee682f5118f22d0443d5d27116075c719ec83bfdfa3e45df33a95e12",
        52_024,
        57_289,
        0.4,
    ),
    "steam": PaperFile(
        "Steam.txt",
        "steam",
        "4df1f5feac169a522008956ba5a50fee4e9ce2c0c817cabfd463ac36df05f023",
        334_730,
        13_047,
        3.7,
    ),
}


def load_paper_file(name: str, path: AnyPath | None = None) -> SASRecDataSet:
    """One of `PAPER_FILES`: found as `fetch_file` does, else downloaded, and checked by Table II.

    Raises FileNotFoundError that says what to do, and ValueError for a file that holds something
    else than the paper's data set.
    """
    known = PAPER_FILES[name]
    url = f"{AUTHORS}/{known.file}"
    place = fetch_file(known.file, url, known.sha256, folder=known.folder, path=path)
    dataset = SASRecDataSet(place)
    found = {
        "users": dataset.usernum,
        "items": dataset.itemnum,
        "million actions": round(len(dataset.sequences.items) / 1e6, 1),
    }
    printed = {"users": known.users, "items": known.items, "million actions": known.actions}
    differ = [f"{found[what]:,} {what} instead of {printed[what]:,}" for what in found
              if found[what] != printed[what]]  # fmt: skip
    if differ:
        raise ValueError(
            f"{known.file} is not the paper's: {', '.join(differ)} (Table II). Remove it, so that "
            f"it is downloaded again, or load it as what it is: SASRecDataSet({str(place)!r})"
        )
    return dataset
