"""Logs with named columns: every kind of file that people have gives the same histories."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.logs import read_log
from seqrec_lib.data.preparation import prepare

ROWS = [("anna", "007", 40), ("anna", "x, y", 20), ("bob", "007", 30), ("bob", '"q"', 10)]
EXPECTED = {"anna": ["x, y", "007"], "bob": ['"q"', "007"]}


def text(
    sep: str, names: tuple[str, ...] = ("userId", "movieId", "timestamp"), rows: Any = None
) -> str:
    def quoted(value: object) -> str:
        return (
            '"' + str(value).replace('"', '""') + '"'
            if set(str(value)) & set('," ')
            else str(value)
        )

    lines = [names, *(ROWS if rows is None else rows)]
    return "".join(sep.join(map(quoted, line)) + "\n" for line in lines)


def histories(table: pd.DataFrame) -> dict[Any, list[Any]]:
    data = prepare(table, min_item_count=1, verbose=False)
    assert data.items is not None
    raw = data.items["raw_id"].tolist()
    return {data.raw_users[u]: [raw[i - 1] for i in data.sequences[u]] for u in data.sequences}


CSV = text(",")
INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(
    f"{u}\t{i}\t5.0\t{t}.0\n" for u, i, t in ROWS
)
FILES = {
    "csv": CSV.encode(),
    "tsv": text("\t").encode(),
    "semicolons": text(";").encode(),
    "byte-order mark": b"\xef\xbb\xbf" + CSV.encode(),
    "UTF-16": CSV.encode("utf-16"),
    "UTF-16, big-endian": b"\xfe\xff" + CSV.encode("utf-16-be"),
    "gz": gzip.compress(CSV.encode(), mtime=0),
    "gz of UTF-16": gzip.compress(CSV.encode("utf-16"), mtime=0),
    "Windows line ends": CSV.replace("\n", "\r\n").encode(),
    "no end of the last line": CSV.rstrip("\n").encode(),
    "blanks": CSV.replace("anna", " anna ").replace("userId,", "userId , ").encode(),
    ".inter": INTER.encode(),
    "JSON lines": "".join(
        json.dumps({"visitor_id": u, "asin": i, "ts": t, "event": "view"}) + "\n"
        for u, i, t in ROWS
    ).encode(),
    "JSON": json.dumps([{"user": u, "item": i, "time": t} for u, i, t in ROWS]).encode(),
    "JSON lines with dates": "".join(
        json.dumps({"user": u, "item": i, "time": f"2001-01-{t // 10:02}"}) + "\n"
        for u, i, t in ROWS
    ).encode(),
    "dates": text(
        ",", rows=[(u, i, f"2001-01-{t // 10:02} 10:00:00") for u, i, t in ROWS]
    ).encode(),
    "dates with zones": text(
        ",", rows=[(u, i, f"2001-01-{t // 10:02}T10:00:00+09:00") for u, i, t in ROWS]
    ).encode(),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log.txt"  # the name tells nothing
    path.write_bytes(FILES[kind])
    table = read_log(path)
    assert histories(table) == EXPECTED
    said = capsys.readouterr().out
    for role in ("user", "item", "time"):
        assert f"{role} is '" in said


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"PAR1 and so on")

    def without_pyarrow(*_: object) -> None:
        raise ImportError

    with monkeypatch.context() as patch:
        patch.setattr(pd, "read_parquet", without_pyarrow)
        with pytest.raises(ValueError, match="pip install pyarrow"):
            read_log(path)
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")
    table = pd.DataFrame(ROWS, columns=["user_id", "item_id", "timestamp"])
    for times in (table["timestamp"], pd.to_datetime(table["timestamp"], unit="s")):
        table.assign(timestamp=times).to_parquet(path)
        assert histories(read_log(path)) == EXPECTED


def test_columns_of_any_name_and_what_is_beside_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("who,what,when,stars\n" + "".join(f"{u},{i},{t},4\n" for u, i, t in ROWS[::2]))
    table = read_log(path, user="who", item="what", time="when")
    assert list(table.columns) == ["user", "item", "time", "stars"]
    assert capsys.readouterr().out == ""  # nothing had to be found
    assert histories(read_log(path, "who", "what", time=False)) == {"anna": ["007"], "bob": ["007"]}
    with pytest.raises(ValueError, match=r"log\.csv has no column 'Who': user= is one of \['who'"):
        read_log(path, user="Who", item="what")


def test_ids_are_numbers_only_where_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for ids, expected in (
        (["7", "10"], [7, 10]),
        (["07", "7"], ["07", "7"]),
        (["7", "a"], ["7", "a"]),
        (["-1", "0"], [-1, 0]),
        (["1234567890123456789012", "1"], ["1234567890123456789012", "1"]),
        (["1.0", "2"], ["1.0", "2"]),
        (["NA", "null"], ["NA", "null"]),  # which pandas takes for no value
    ):
        path.write_text("user,item,time\n" + "".join(f"u,{i},{t}\n" for t, i in enumerate(ids)))
        assert read_log(path)["item"].tolist() == expected


def test_a_log_without_times_keeps_its_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,rating\nu,b,1\nu,a,5\n")
    assert histories(read_log(path)) == {"u": ["b", "a"]}
    assert "no times, the rows' order counts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("user,item,time\n", "holds no rows"),
        ("user,item,time\nu,i,1,2\n", "cannot be read|more columns in its rows"),
        ("user,item,time\nu,i,1\nu,i,1,2\n", "Expected 3 fields in line 3, saw 4"),
        ("user,item,time\nu,,1\n", "row 1: column 'item' has no value"),
        ("user,item,time\nu,i,1\nu,j,\n", "row 2: column 'time' has no value"),
        ("1,2,3\n4,5,6\n", r"line 1: '1,2,3' holds no names.*SASRecDataSet\(.*pandas\.read_csv"),
        ("name,item,time\nu,i,1\n", "which column is the user.*give user= one of"),
        ("user,item,date,ts\nu,i,1,1\n", "it could be 'date' or 'ts'; give time= one of .*False"),
        ("user,item,when\nu,i,2001-01-02\nu,j,2001-01-01\n", None),  # known by its look
        ("user,item,time\nu,1.23457E+12,1\n", r"holds '1\.23457E\+12': a spreadsheet"),
        ("user,item,time\nu,i,9.78301E+08\nu,j,9.78302E+08\n", "a spreadsheet has rounded it"),
        ("user,item,time\nu,i,03/04/2001\nu,j,13/04/2001\n", r"day and month.*pandas\.to_datetime"),
        ("user,item,time\nu,i,soon\n", "'soon', whose order of day and"),
    ],
)
def test_what_cannot_be_told_is_asked(tmp_path: Path, content: str, message: str | None) -> None:
    path = tmp_path / "log.csv"
    path.write_text(content)
    if message is None:
        assert histories(read_log(path)) == {"u": ["j", "i"]}
        return
    with pytest.raises(ValueError, match=message) as caught:
        read_log(path)
    assert "log.csv" in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with pytest.raises(FileNotFoundError, match=r"log\.csv"):
        read_log(path)
    for content, message in (
        (b"PK\x03\x04 and so on", "zip archive"),
        (b"\x1f\x8b and so on", "damaged"),
        (b"user,item\nJos\xe9,1\n", r"not in UTF-8; pandas\.read_csv\(.*latin-1"),
        (b"\xff\xfeu\x00s", "damaged utf-16"),
        (b'{"user": 1}\n{"user"', "cannot be read as JSON"),
    ):
        path.write_bytes(content)
        for read in (read_log, SASRecDataSet):
            with pytest.raises(ValueError, match=r"log\.csv"):
                read(path)
        with pytest.raises(ValueError, match=message):
            read_log(path)


NUMBERS = "1 10 500\n1 11 600\n1 12 700\n2 10 100\n2 12 200\n2 11 300\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + NUMBERS.encode(),
        NUMBERS.encode("utf-16"),
        gzip.compress(NUMBERS.encode(), mtime=0),
        gzip.compress(NUMBERS.replace("\n", " \n").encode("utf-16"), mtime=0),
        NUMBERS.replace("\n", "\r\n").encode(),
    ],
)
def test_files_of_numbers_in_other_clothes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes(content)
    data = SASRecDataSet(path)
    assert data.User == {1: [10, 11, 12], 2: [10, 12, 11]}


@pytest.mark.parametrize("kind", ["csv", "tsv", "byte-order mark", ".inter", "gz of UTF-16"])
@pytest.mark.parametrize("sep", [" ", ",", "\t"])
def test_a_header_is_called_a_header_and_the_way_on_works(
    tmp_path: Path, kind: str, sep: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(FILES[kind])
    with pytest.raises(ValueError, match=r"rows\.csv, line 1: .* names of columns") as caught:
        SASRecDataSet(path, sep)
    said = str(caught.value)
    advised = said[said.index("read_log(") : said.index(")) reads") + 1]
    assert histories(eval(advised, {"read_log": read_log})) == EXPECTED
