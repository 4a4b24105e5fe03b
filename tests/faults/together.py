"""Two at once, a stop at any moment, and downloads in a class of thirty."""

import contextlib
import hashlib
import io
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tiny
import torch
from loopback import Host, serving
from small_runs import small_dataset, train_small

import seqrec_lib as sl
from faults.asking import a_batch, a_model
from faults.disk import fault_of_the_disk
from faults.reading import another_user
from faults.trial import Found, Refused, Trial, fault
from faults.writing import equal
from seqrec_lib.data import download


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of some calls answers, all begun at the same moment; an exception is an answer."""
    start = threading.Barrier(len(works))
    answers: list[Any] = [None] * len(works)

    def one(place: int, work: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers[place] = work()
        except BaseException as error:
            answers[place] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class WithDropout(sl.SequenceModel):
    """A model of somebody's own, whose dropout is torch's: it looks at the mode alone."""

    def __init__(self) -> None:
        super().__init__()
        self.item_num, self.seq_max_len = tiny.ITEMS, tiny.LENGTH
        self.items = torch.nn.Embedding(tiny.ITEMS + 1, 8, padding_idx=0)
        self.drop = torch.nn.Dropout(0.5)

    @property
    def output_embedding(self) -> torch.Tensor:
        return self.items.weight

    def encode(self, items: Any, users: Any, rows: Any) -> torch.Tensor:
        hidden = self.items(items)
        time.sleep(0)  # another thread may come now
        return self.drop(hidden.cumsum(1))


@fault(2)
def two_threads_ask_one_model(trial: Trial) -> None:
    model = trial.pick(a_model(trial), WithDropout().train(trial.pick(True, False)))
    data = tiny.dataset()
    seqs = [torch.tensor(a_batch(trial)) for _ in range(4)]
    users = torch.arange(1, 5) if model.user_num else None
    asks = [lambda seq=seq: model.score(users, seq) for seq in seqs]
    asks.append(lambda: sl.recommend(model, data, users=[1, 2], k=3)["score"].to_numpy())
    asks.append(lambda: sl.full_ranks(model, data).better)
    alone = [ask() for ask in asks]
    modes = [part.training for part in model.modules()]
    together = at_once(*(lambda ask=ask: [ask() for _ in range(5)] for ask in asks))
    for right, answers in zip(alone, together, strict=True):
        if isinstance(answers, BaseException):
            raise Found(f"one of several threads failed: {answers!r}") from answers
        for answer in answers:
            if not np.array_equal(np.asarray(right), np.asarray(answer)):
                raise Found("several threads get other answers than one")
    if [part.training for part in model.modules()] != modes:
        raise Found("the mode of the model is another one than before")


@fault()
def two_trainings_at_once(trial: Trial) -> None:
    engine = trial.pick("packed", "padded")
    trial.note(engine)
    own = {"epochs": 2, "val_epoch": 1, "engine": engine, "threads": trial.pick(1, 2)}
    alone = [train_small(model_seed=seed, **own) for seed in (1, 2)]
    both = at_once(*(lambda seed=seed: train_small(model_seed=seed, **own) for seed in (1, 2)))
    for (model, history), answer in zip(alone, both, strict=True):
        if isinstance(answer, BaseException):
            raise Found(f"one of two trainings failed: {answer!r}") from answer
        if answer[1] != history or not equal(answer[0].state_dict(), model.state_dict()):
            raise Found("two trainings at once end otherwise than one after the other")


class Stop(KeyboardInterrupt):
    pass


def stopped(work: Callable[[], Any], after: float, again: float = 0.0) -> Any:
    """Work under the stop button, pressed after some seconds, and again where asked for."""

    presses = [again] if again else []

    def press(*_: object) -> None:
        if presses:
            signal.setitimer(signal.ITIMER_REAL, presses.pop())
        raise Stop

    before = signal.signal(signal.SIGALRM, press)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, after)
            return work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Stop as stop:
        return stop
    except KeyboardInterrupt as stop:  # in words, where no epoch was over
        return Stop(str(stop))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@fault(3)
def the_stop_button(trial: Trial) -> None:
    """At any moment, once or twice: what was reached is whole, and the next run is a new one."""
    data = small_dataset()
    folder = trial.pick(None, trial.folder / "run")
    own = {"epochs": 6, "val_epoch": 1, "engine": trial.pick("packed", "padded"), "dataset": data}
    _, whole = train_small(**own)
    after = trial.rng.uniform(0.001, 0.4)
    twice = trial.pick(0.0, 0.0, 0.002)
    trial.note(f"{own['engine']}, stopped after {after:.3f} s, again after {twice} s")
    answer = stopped(lambda: train_small(folder, **own), after, twice)
    if not isinstance(answer, Stop):
        model, history = answer
        done = len(history["val_ndcg"])
        if done and any(history[name][:done] != whole[name][:done] for name in history):
            raise Found("the history of the stopped run is another one")
        if done and len(history["loss"]) - done in (0, 1):
            reached, _ = train_small(**{**own, "epochs": done})
            if not equal(reached.state_dict(), model.state_dict()):
                raise Found("the weights are not the best of the epochs that ended")
    _, history = train_small(folder, **own)
    if history != whole:
        raise Found("the run after the stop ends otherwise")
    if folder is not None and list(folder.glob("*.tmp")):
        raise Found("left a file of the stopped run")


@fault()
def the_stop_button_while_asking(trial: Trial) -> None:
    model, data = a_model(trial), tiny.dataset()
    modes = [part.training for part in model.modules()]
    work = trial.pick(
        lambda: [model.evaluate(data, seed=1) for _ in range(20)],
        lambda: [sl.recommend(model, data, users=[1, 2, 3]) for _ in range(20)],
        lambda: [sl.ItemKNN(data) for _ in range(50)],
        lambda: [model.train(True), model.score(None, torch.tensor([[1, 2]]))],
    )
    stopped(work, trial.rng.uniform(0.0005, 0.03))
    if [part.training for part in model.modules()] != modes and not model.training:
        raise Found("the mode of the model is another one than before")


# --- downloads, from a server of our own

NAME = "ml-1m"


def archive(films: bytes = b"1::A (1990)::Drama\n") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr(f"{NAME}/ratings.dat", b"1::1::5::978300760\n" * 50)
        file.writestr(f"{NAME}/movies.dat", films)
    return held.getvalue()


@fault(4)
def a_download(trial: Trial) -> None:
    """Cut, wrong, on a full disk, killed, into a folder of somebody else's: whole or by name."""
    body = archive()
    known, download.MD5[NAME] = download.MD5[NAME], hashlib.md5(body).hexdigest()
    proxies = {name: os.environ.pop(name, None) for name in ("http_proxy", "HTTP_PROXY")}
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # bars
            _download(trial, body)
    finally:
        download.MD5[NAME] = known
        os.environ.update({name: value for name, value in proxies.items() if value is not None})


def _download(trial: Trial, body: bytes) -> None:
    cache = trial.folder / "shared" / "cache"
    host = Host(body)
    how = trial.pick(
        "cut", "another file", "an error", "the disk", "the disk", "mine in the way",
        "a file in the way", "no right", "six at once", "nothing",
    )  # fmt: skip
    trial.note(f"download: {how}")
    mine: dict[Path, str] = {}
    if how == "cut":
        host.sent = trial.rng.randrange(len(body))
    elif how == "another file":
        host.body = trial.pick(archive(b"other"), b"<html>", b"")
    elif how == "an error":
        host.status = trial.pick(403, 404, 500, 503)
    elif how == "mine in the way":
        mine = {cache / NAME / "my notes.txt": "mine", cache / ".ml-1m-mine": "mine"}
        if trial.pick(True, False):
            mine[cache / NAME / "ratings.dat"] = "1::1::5::1\n"
    elif how == "a file in the way":
        mine = {trial.pick(cache, cache / NAME): "a file"}
    for path, text in mine.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    names = (NAME, "cache")

    def locate(address: str) -> Any:
        return download.locate(NAME, cache=cache, host=address)

    def work(address: str) -> Any:
        if how == "the disk":
            return fault_of_the_disk(trial, lambda: locate(address), 900)[0]
        if how == "six at once":
            return at_once(*(lambda: locate(address) for _ in range(6)))
        if how == "no right":
            cache.parent.mkdir()
            cache.parent.chmod(0o555)
            with another_user(trial):
                return trial.asked(lambda: locate(address), *names)
        return trial.asked(lambda: locate(address), *names)

    with serving(host):
        answer = work(host.address)
    if how == "no right":
        cache.parent.chmod(0o755)
    for path, text in mine.items():
        if not path.is_file() or path.read_text() != text:
            raise Found(f"a file of the user's is gone or another one: {path.name}")
    if how == "six at once" and set(map(str, answer)) != {str(cache / NAME)}:
        raise Found(f"several at once ended in {answer!r:.300}")
    if how == "nothing" and isinstance(answer, Refused):
        raise Found(f"a good download failed: {answer.error}")
    killed = answer is None
    left = {p.name for p in cache.iterdir()} if cache.is_dir() else set()
    if left - {NAME, ".ml-1m-mine"} and not killed:
        raise Found(f"left {sorted(left)}")
    if (cache / NAME / "movies.dat").is_file() and not mine:
        check_release(cache)
    if how in ("mine in the way", "a file in the way"):
        return
    for path in cache.glob(".ml-1m-*"):  # of the killed one; a day later it is gone
        os.utime(path, (0, 0))
    with serving(Host(body)) as host:
        locate(host.address)
    check_release(cache)
    left = {p.name for p in cache.iterdir()}
    if left != {NAME}:
        raise Found(f"a killed download is never cleaned up: {sorted(left)}")


def check_release(cache: Path) -> None:
    if (cache / NAME / "movies.dat").read_bytes() != b"1::A (1990)::Drama\n":
        raise Found("the cache holds another file than the archive")
    if (cache / NAME / "ratings.dat").read_bytes() != b"1::1::5::978300760\n" * 50:
        raise Found("the cache holds half a file")
