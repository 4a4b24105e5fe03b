"""Faults in what is read: files, tables, lists of ids, and where they lie."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import seqrec_lib as sl
from faults import forms
from faults.trial import Found, Refused, Trial, fault
from seqrec_lib.data.movielens import read_movielens
from seqrec_lib.data.sequences import Sequences

LARGEST = 2**31 - 1


def histories(trial: Trial, users: int = 6, items: int = 9) -> dict[int, list[int]]:
    """{user: items}, of users 1 to `users`, some with very short histories."""
    lengths = [trial.rng.choice([1, 2, 3, 3, 5, 8]) for _ in range(users)]
    return {
        user + 1: [trial.rng.randint(1, items) for _ in range(length)]
        for user, length in enumerate(lengths)
    }


def lists_of(dataset: Any) -> dict[int, list[int]]:
    return {
        u: dataset.sequences[u].tolist() for u in dataset.sequences if len(dataset.sequences[u])
    }


def placed(trial: Trial, path: Path) -> Any:
    """The same file by another path: text, a link to it or above it, the home folder's sign."""
    form = trial.pick("Path", "str", "a link", "a link to the folder", "~", "..")
    trial.note(f"path as {form}")
    if form == "a link":
        link = path.with_name(f"link-{path.name}")
        link.symlink_to(path)
        return link
    if form == "a link to the folder":
        link = path.parent.with_name(f"link-{path.parent.name}")
        link.symlink_to(path.parent)
        return link / path.name
    if form == "~":  # the command sets HOME to the trial's folder
        return f"~/{path.relative_to(Path.home())}"
    if form == "..":
        return path.parent / ".." / path.parent.name / path.name
    return str(path) if form == "str" else path


def slowly(content: bytes, sep: str) -> list[tuple[float, ...]] | None:
    """The rows of a file of interactions in plain Python; None where it breaks a rule."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    lines = content.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rows = [line.split(sep) for line in (text.rstrip(" \t") for text in lines) if line]
    if not rows or len(rows[0]) not in (2, 3) or any(len(row) != len(rows[0]) for row in rows):
        return None
    try:
        table = [tuple(map(float, row)) for row in rows]
    except ValueError:
        return None
    whole = all(1 <= v <= LARGEST and v == math.floor(v) for row in table for v in row[:2])
    return table if whole and all(map(math.isfinite, sum(table, ()))) else None


def spoiled(trial: Trial, content: bytes, sep: bytes = b" ") -> bytes:
    """A text file with something done to it."""
    lines = content.split(b"\n")
    place = trial.rng.randrange(max(1, len(lines) - 1))
    change = trial.pick(
        "nothing", "a column more in every row", "a column more", "a column less", "a long line",
        "cut", "a bit", "blank lines", "carriage returns", "a mark at the start", "a zero byte",
        "a header", "quotes", "nothing at all", "a fraction", "another separator", "twice",
    )  # fmt: skip
    trial.note(f"a file with {change} (line {place + 1})")
    if change == "a column more in every row":
        return b"\n".join(line + sep + b"7" if line else line for line in lines)
    if change == "cut":
        return content[: trial.rng.randrange(len(content))]
    if change == "a bit":
        found = bytearray(content)
        found[trial.rng.randrange(len(found))] ^= 1 << trial.rng.randrange(8)
        return bytes(found)
    if change in ("carriage returns", "another separator"):
        old, new = (b"\n", b"\r\n") if change == "carriage returns" else (sep, b";")
        return content.replace(old, new)
    whole = {
        "a mark at the start": b"\xef\xbb\xbf" + content,
        "a header": b"user" + sep + b"item\n" + content,
        "nothing at all": b"",
        "twice": content + content,
        "blank lines": content.replace(b"\n", b"\n\n"),
    }
    if change in whole:
        return whole[change]
    line = lines[place]
    lines[place] = {
        "a column more": line + sep + b"4",
        "a column less": line.rpartition(sep)[0],
        "a long line": line + sep + b"1" * 100_000,
        "a zero byte": line + b"\0",
        "quotes": b'"' + line + b'"',
        "a fraction": line.replace(sep, b".5" + sep, 1),
    }.get(change, line)
    return b"\n".join(lines)


@fault(3)
def a_file_of_interactions(trial: Trial) -> None:
    timed, sep = trial.pick(True, False), trial.pick(" ", "\t", ",", "::")
    rows = [
        (user, item, *([1000 + trial.rng.randrange(50)] if timed else []))
        for user, items in histories(trial).items()
        for item in items
    ]
    trial.rng.shuffle(rows)
    content = "".join(sep.join(map(str, row)) + "\n" for row in rows).encode()
    content = spoiled(trial, content, sep.encode())
    path = trial.folder / "in" / "rows.txt"
    path.parent.mkdir()
    path.write_bytes(content)
    expected = slowly(content, sep)
    place = placed(trial, path)
    read = trial.asked(lambda: sl.read_interactions(place, sep), "rows.txt")
    whole = trial.asked(lambda: sl.SASRecDataSet(place, sep), "rows.txt", "id ", "ids")
    if isinstance(read, Refused):
        if expected is not None:
            raise Found(f"refused what is right: {read.error}")
        return
    if expected is None:
        raise Found("read a file that breaks the rules without a word")
    if read.to_numpy().tolist() != [list(row) for row in expected]:
        raise Found("read other rows than those of the file")
    if isinstance(whole, Refused):
        if "large gaps" not in str(whole.error):
            raise Found(f"the table is read and the data set is not: {whole.error}")
        return
    by_user: dict[int, list[int]] = {}
    for row in sorted(expected, key=lambda row: (row[0], *row[2:])):
        by_user.setdefault(int(row[0]), []).append(int(row[1]))
    if lists_of(whole) != by_user:
        raise Found("the histories are not those of the file")


@fault(2)
def one_damaged_file_of_a_release(trial: Trial) -> None:
    name = trial.pick("ml-100k", "ml-1m", "ml-latest-small")
    ratings, films, sep, good = {
        "ml-100k": ("u.data", "u.item", b"\t", b"1|A (1990)|||" + b"|0" * 19 + b"\n"),
        "ml-1m": ("ratings.dat", "movies.dat", b"::", b"1::A (1990)::Drama\n"),
        "ml-latest-small": (
            *("ratings.csv", "movies.csv", b","),
            b"movieId,title,genres\n1,A (1990),Drama\n",
        ),
    }[name]
    rows = [(user, trial.rng.randint(1, 9), 4, 100 + user) for user in range(1, 8)]
    table = b"".join(sep.join(str(x).encode() for x in row) + b"\n" for row in rows)
    header = b"userId,movieId,rating,timestamp\n" if name == "ml-latest-small" else b""
    content = {ratings: header + table, films: good}
    damaged = trial.pick(ratings, films)
    separator = {"u.item": b"|", "movies.dat": b"::", "movies.csv": b","}.get(damaged, sep)
    content[damaged] = spoiled(trial, content[damaged], separator)
    folder = trial.folder / "release"
    folder.mkdir()
    for file, text in content.items():
        (folder / file).write_bytes(text)
    missing = trial.rng.random() < 0.1
    if missing:
        (folder / damaged).unlink()
    place = placed(trial, folder)
    data = trial.asked(lambda: read_movielens(name, place), damaged)
    if isinstance(data, Refused):
        return
    if missing:
        raise Found("read a release without one of its files")
    clean = data.items["title"].notna().all() and data.items.index.is_unique
    if not clean or not np.isfinite(data.ratings["rating"]).all():
        raise Found("read a table that is no table of ratings and films")
    found = data.ratings[["user", "item"]].to_numpy().tolist()
    if found != rated_slowly(content[ratings], sep.decode(), bool(header)):
        raise Found("read other ratings than those of the file")


def rated_slowly(content: bytes, sep: str, header: bool) -> list[list[int]] | None:
    """Users and items of a file of ratings in plain Python; None where it breaks a rule."""
    text = (
        content.removeprefix(b"\xef\xbb\xbf")
        .decode("latin-1")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
    )
    rows = [line.split(sep) for line in text.split("\n")[header:] if line]
    try:
        table = [[float(x) for x in row] for row in rows]
    except ValueError:
        return None
    if any(len(row) != 4 or row[0] % 1 or row[1] % 1 for row in table):
        return None
    return [[int(user), int(item)] for user, item, *_ in table]


def column(trial: Trial, values: list[int], name: str) -> tuple[Any, bool]:
    """A column of a table: the values in some type, or one of them wrong."""
    if trial.rng.random() < 0.15:
        bad = trial.pick(np.nan, pd.NA, None, np.inf, pd.NaT)
        place = trial.rng.randrange(len(values))
        trial.note(f"{bad!r} in column {name}")
        return pd.Series([*values[:place], bad, *values[place + 1 :]], dtype=object), False
    kind = trial.pick(
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
        "float64", "Int64", "UInt8", "Float64", "object", "category", ">i4",
    )  # fmt: skip
    trial.note(f"column {name} of {kind}")
    if kind == ">i4":
        return pd.Series(np.array(values, dtype=kind)), True
    return pd.Series(values).astype(kind), True


@fault(3)
def a_table_to_prepare(trial: Trial) -> None:
    rows = [(u, i, trial.rng.randrange(5)) for u, items in histories(trial).items() for i in items]
    trial.rng.shuffle(rows)
    names = ("user", "item", "time")[: trial.pick(2, 3)]
    columns = {n: column(trial, [row[i] for row in rows], n) for i, n in enumerate(names)}
    whole = all(good for _, good in columns.values())
    index = trial.pick(range(len(rows)), [0] * len(rows), [f"r{i}" for i in range(len(rows))])
    table = pd.DataFrame({name: values.array for name, (values, _) in columns.items()})
    table.index = pd.Index(index)
    if trial.pick(True, False):
        table["rating"] = "a column more"
    if trial.rng.random() < 0.1:
        table, whole = table.iloc[:0], False
        trial.note("no rows")
    least, ties = trial.pick(0, 1, 2), trial.pick("file", "item")
    before = table.copy(deep=True)
    prepared = trial.asked(
        lambda: sl.prepare(table, min_item_count=least, ties=ties), *names, "rows", "row is left"
    )
    if not table.equals(before):
        raise Found("the table of the user was changed")
    often = [row[1] for row in rows]
    kept = [row for row in rows if often.count(row[1]) >= least]
    if isinstance(prepared, Refused):
        if whole and kept and "not object" not in str(prepared.error):
            raise Found(f"refused what is right: {prepared.error}")
        return
    if not whole:
        raise Found("took a table with a missing value or none at all without a word")
    if ties == "item":
        kept.sort(key=lambda row: row[1])
    if "time" in names:
        kept.sort(key=lambda row: row[2])
    expected: dict[int, list[int]] = {}
    for user, item, _ in kept:
        expected.setdefault(user, []).append(item)
    raw = prepared.items["raw_id"].tolist()
    found = {
        int(prepared.raw_users[u]): [int(raw[i - 1]) for i in prepared.sequences[u]]
        for u in prepared.sequences
    }
    if found != expected:
        raise Found(f"prepared {found}, not {expected}")


def by_dicts(lists: dict[int, Any]) -> dict[int, list[int]]:
    dataset = sl.SASRecDataSet()
    dataset.usernum, dataset.itemnum = len(lists), 9
    dataset.user_train = lists
    return lists_of(dataset)


DATA_SETS = {
    "from_sequences": lambda lists: lists_of(sl.SASRecDataSet.from_sequences(lists)),
    "from_split": lambda lists: sl.SASRecDataSet.from_split(lists, {}, {}).user_train,
    "dicts": by_dicts,
    "Sequences": lambda lists: {
        u: x.tolist() for u, x in dict(Sequences.from_lists(lists)).items()
    },
}


@fault(3)
def lists_to_a_data_set(trial: Trial) -> None:
    true = histories(trial)
    odd = trial.rng.choice(list(true))
    form, good = forms.ids(trial, true[odd])
    given = {**true, odd: form}
    make = trial.rng.choice(list(DATA_SETS))
    trial.note(make)
    found = trial.asked(lambda: DATA_SETS[make](given), f"user {odd}", f"[{odd}]", "user")
    if isinstance(found, Refused):
        return
    if not good:
        raise Found("took what is no history without a word")
    if {u: list(map(int, v)) for u, v in found.items()} != true:
        raise Found(f"a data set of {found}, not of {true}")


@fault(2)
def a_sampler(trial: Trial) -> None:
    true = {user: (items if len(items) > 1 else [1, 2]) for user, items in histories(trial).items()}
    odd = trial.rng.choice(list(true))
    form, good = forms.ids(trial, true[odd])
    size, right = forms.number(trial, 8, wrong=0.2)
    trial.expect(
        lambda: sl.WarpSampler({**true, odd: form}, 6, 20, size, 4, seed=1).next_batch(),
        sl.WarpSampler(true, 6, 20, 8, 4, seed=1).next_batch(),
        "user", "batch_size", "item", whole=None if good and right else False,
    )  # fmt: skip


@fault()
def flat_sequences(trial: Trial) -> None:
    true = histories(trial)
    flat = [item for items in true.values() for item in items]
    lengths = [0, *map(len, true.values())]
    form, good = forms.ids(trial, flat)
    trial.expect(
        lambda: {u: sequence.tolist() for u, sequence in dict(
            Sequences.from_lengths(form, np.array(lengths))).items()},
        true, "items", "id", whole=None if good else False,
    )  # fmt: skip


@fault()
def sequences_to_pad(trial: Trial) -> None:
    rows = list(histories(trial).values())
    maxlen = trial.rng.randint(1, 6)
    padding, cut = trial.pick("pre", "post"), trial.pick("pre", "post")
    expected = []
    for row in rows:
        kept = row[-maxlen:] if cut == "pre" else row[:maxlen]
        zeros = [0] * (maxlen - len(kept))
        expected.append(zeros + kept if padding == "pre" else kept + zeros)
    place = trial.rng.randrange(len(rows))
    form, good = forms.ids(trial, rows[place])
    if forms.is_whole(trial.changed):
        return  # whole numbers of any size are padded
    length, right = forms.number(trial, maxlen, wrong=0.2)
    given = [*rows[:place], form, *rows[place + 1 :]]
    trial.expect(
        lambda: sl.pad_sequences(given, length, padding, cut),
        np.array(expected),
        "sequences", "maxlen", whole=None if good and right else False,
    )  # fmt: skip


@fault()
def a_folder_in_the_way(trial: Trial) -> None:
    """A path that cannot be read: nothing there, a folder, no right, a broken link, a loop."""
    path = trial.folder / "thing.txt"
    kind = trial.pick("nothing", "a folder", "no right", "a broken link", "a loop", "below a file")
    trial.note(kind)
    path.write_text("1 2\n1 3\n1 4\n")
    if kind in ("nothing", "a folder", "a broken link", "a loop"):
        path.unlink()
    if kind == "a folder":
        path.mkdir()
    elif kind == "a broken link":
        path.symlink_to(trial.folder / "gone")
    elif kind == "a loop":
        path.symlink_to(path)
    elif kind == "no right":
        path.chmod(0)
    elif kind == "below a file":
        path = path / "thing.txt"
    reader, name = trial.pick(
        (sl.read_interactions, "read_interactions"),
        (sl.SASRecDataSet, "SASRecDataSet"),
        (sl.load_dataset, "load_dataset"),
        (sl.read_weights, "read_weights"),
        (sl.load, "load"),
    )
    trial.note(name)
    with another_user(trial):
        answer = trial.asked(lambda: reader(trial.pick(path, str(path))), "thing.txt")
    if not isinstance(answer, Refused) and not (kind == "no right" and os.geteuid() != 0):
        if kind == "no right" and not can_change_user():
            return
        raise Found(f"answered {answer!r:.100} for {kind}")
    path.chmod(0o600) if kind == "no right" else None


def can_change_user() -> bool:
    return hasattr(os, "seteuid") and os.getuid() == 0


class another_user:
    """A `with` block as nobody, where this process may become it: root may read everything."""

    def __init__(self, trial: Trial) -> None:
        self.folder = trial.folder

    def __enter__(self) -> None:
        if can_change_user():
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, 65534, 65534, follow_symlinks=False)
            os.setegid(65534)
            os.seteuid(65534)

    def __exit__(self, *exc: object) -> None:
        if can_change_user():
            os.seteuid(0)
            os.setegid(0)
