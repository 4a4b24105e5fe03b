"""Faults of what is written, and of what was written and has changed since."""

import contextlib
import io
import json
import shutil
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tiny
import torch
from small_runs import small_dataset, train_small

import seqrec_lib as sl
from faults.disk import fault_of_the_disk
from faults.reading import another_user, placed
from faults.trial import Found, Refused, Trial, fault
from seqrec_lib import __main__ as command
from seqrec_lib.reproduce.publish import write_published
from seqrec_lib.training.loop import Run


def equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def nothing_else(folder: Path, *names: str) -> None:
    """Nothing lies in a folder but what was meant to be there."""
    left = {path.name for path in folder.iterdir()} - {*names, ".lock"}
    if left:
        raise Found(f"left {sorted(left)}")


def models(trial: Trial) -> tuple[Any, Any]:
    """Two models of one kind and other weights."""
    kind = trial.pick("SASREC", "SSEPT")
    first, second = (tiny.stir(tiny.MODELS[kind](), seed=seed) for seed in (1, 2))
    return first, second


def titled() -> sl.SASRecDataSet:
    """The tiny data set with raw ids, as a published model needs them."""
    data = tiny.dataset()
    ids = np.arange(1, tiny.ITEMS + 1)
    items = pd.DataFrame({"title": [f"film {i}" for i in ids], "raw_id": 10 * ids}, index=ids)
    return sl.SASRecDataSet.from_sequences(data.sequences, tiny.ITEMS, items)


def saved(trial: Trial) -> tuple[Callable[[Any, Path], Any], Callable[[Path], Any], list[str]]:
    """How a model is written, how it is read, and which files it is, of one kind or another."""
    if trial.pick(True, True, False):
        return (
            lambda model, place: sl.save(
                model, tiny.dataset(), place / "it.safetensors", {"seed": 1}
            ),
            lambda place: sl.load(place / "it.safetensors")[0].state_dict(),
            ["it.safetensors"],
        )
    data = titled()
    return (
        lambda model, place: write_published(model, data, "it", {}, place),
        lambda place: sl.load(place / "it.safetensors", dataset=data)[0].state_dict(),
        ["it.safetensors", "it.json"],
    )


@fault(3)
def a_model_that_is_written(trial: Trial) -> None:
    """A full or broken disk, a kill: the file before stays, or the new one is there, whole."""
    first, second = models(trial)
    write, read, files = saved(trial)
    trial.note(files)
    place = trial.folder / "models"
    place.mkdir()
    before = trial.pick(True, False)
    if before:
        write(first, place)
    answer, killed = fault_of_the_disk(trial, lambda: write(second, place), 6000)
    states = [first.state_dict()] if before else []
    failed = isinstance(answer, Refused)
    if not failed or killed:
        states.append(second.state_dict())
    if not failed and not killed:
        states = states[-1:]
    if not killed:
        nothing_else(place, *files)
    loaded = trial.asked(lambda: read(place), *files, "it")
    if isinstance(loaded, Refused):
        if (before or not (failed or killed)) and len(files) == 1:
            raise Found(f"the file before is lost: {loaded.error}")
        if before and not killed:
            raise Found(f"the model before is lost: {loaded.error}")
    elif not any(equal(loaded, state) for state in states):
        raise Found("what is read is neither the model before nor the one after")
    write(first, place)  # and the next one is written as if nothing had been
    if not equal(read(place), first.state_dict()):
        raise Found("the next model is not read as it was written")


@fault(2)
def two_writers(trial: Trial) -> None:
    first, second = models(trial)
    place = trial.folder / "it.safetensors"
    errors: list[BaseException] = []

    def work(model: Any) -> None:
        try:
            for _ in range(5):
                sl.save(model, tiny.dataset(), place)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(model,)) for model in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise Found(f"one of two writers failed: {errors[0]!r}")
    state = sl.load(place)[0].state_dict()
    if not any(equal(state, model.state_dict()) for model in (first, second)):
        raise Found("the file is of neither")
    nothing_else(trial.folder, place.name)


def damaged(trial: Trial, path: Path, other: bytes) -> None:
    """A file that is another one than was written."""
    content = bytearray(path.read_bytes())
    how = trial.pick("a bit", "a bit", "a bit", "cut", "empty", "zeros", "another file", "longer")
    trial.note(f"{path.name}: {how}")
    if how == "a bit":
        bit = trial.rng.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(
        {
            "a bit": bytes(content),
            "cut": bytes(content[: trial.rng.randrange(len(content))]),
            "empty": b"",
            "zeros": bytes(len(content)),
            "another file": other,
            "longer": bytes(content) + b"more",
        }[how]
    )


@fault(4)
def a_model_that_changed_on_disk(trial: Trial) -> None:
    first, second = models(trial)
    write, read, files = saved(trial)
    (other := trial.folder / "other").mkdir()
    (place := trial.folder / "models").mkdir()
    write(second, other)
    if trial.rng.random() < 0.2:
        trial.note("a weight that is no number")
        with torch.no_grad():
            next(iter(first.parameters()))[1, 1] = trial.pick(np.nan, np.inf)
        answer = trial.asked(lambda: (write(first, place), read(place)), "finite", "it")
        if not isinstance(answer, Refused):
            raise Found("a model with weights that are no numbers is loaded without a word")
        return
    write(first, place)
    file = trial.rng.choice(files)
    damaged(trial, place / file, (other / file).read_bytes())
    state = trial.asked(lambda: read(place), *files, "it")
    # Another whole file is another model: nobody can know, where no card says which it was.
    whole = file == "it.safetensors" and len(files) == 1 and "another file" in trial.said[-1]
    if not isinstance(state, Refused) and not equal(state, first.state_dict()):
        if whole and equal(state, second.state_dict()):
            return
        raise Found("loaded other weights than were written, without a word")
    if file == "it.json":  # the table of all models must name the card, or show what is known
        trial.asked(lambda: sl.trained_models(place), "it.json", "it")


@fault()
def weights_that_changed_on_disk(trial: Trial) -> None:
    """Files of torch and safetensors, which have no checksum of their own: read or named."""
    first, second = models(trial)
    suffix = trial.pick(".pt", ".safetensors")
    path, other = trial.folder / f"w{suffix}", trial.folder / f"o{suffix}"
    for model, place in ((first, path), (second, other)):
        if suffix == ".pt":
            torch.save(model.state_dict(), place)
        else:
            sl.save(model, tiny.dataset(), place)
    damaged(trial, path, other.read_bytes())
    trial.asked(lambda: first.load_state_dict(sl.read_weights(path)), path.name)


RUN = {"epochs": 4, "val_epoch": 1}
_whole: dict[str, Any] = {}


def undisturbed() -> tuple[dict[str, Any], Any]:
    if not _whole:
        model, history = train_small(**RUN)
        _whole.update(state=model.state_dict(), history=history)
    return _whole["state"], _whole["history"]


def resumed_as_if_nothing_had_been(trial: Trial, folder: Path) -> None:
    state, history = undisturbed()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, found = train_small(folder, **RUN)
    if found != history or not equal(model.state_dict(), state):
        raise Found("the resumed run ends otherwise than one that was not disturbed")
    nothing_else(folder, "epoch-000003.pt", "epoch-000004.pt")


@fault(3)
def a_run_whose_disk_fails(trial: Trial) -> None:
    """Killed, or its disk is full, at a random call: it is resumed to the same bits."""
    undisturbed()
    folder = trial.folder / "run"
    done = trial.pick(0, 1, 2)
    if done:
        train_small(folder, epochs=done, val_epoch=1)
    before = {path.name: path.read_bytes() for path in folder.glob("epoch-*.pt")}
    answer, killed = fault_of_the_disk(trial, lambda: train_small(folder, **RUN), 60_000)
    if isinstance(answer, Refused) and folder.exists() and not killed:
        left = {path.name for path in folder.iterdir()} - {".lock"}
        if any(not name.endswith(".pt") for name in left):
            raise Found(f"left {sorted(left)}")
    if (
        isinstance(answer, Refused)
        and before
        and not set(before) & {path.name for path in folder.glob("*.pt")}
        and len(list(folder.glob("*.pt"))) == 0
    ):
        raise Found("the checkpoints before are lost")
    resumed_as_if_nothing_had_been(trial, folder)


@fault(3)
def a_checkpoint_that_changed(trial: Trial) -> None:
    undisturbed()
    folder = trial.folder / "run"
    train_small(folder, epochs=3, val_epoch=1)
    last, earlier = folder / "epoch-000003.pt", folder / "epoch-000002.pt"
    damaged(trial, last, earlier.read_bytes())
    both = trial.rng.random() < 0.2
    if both:
        damaged(trial, earlier, b"no")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = trial.asked(lambda: train_small(folder, **RUN), "run", "epoch-00000")
    if isinstance(answer, Refused):
        if not both:
            raise Found(f"a whole checkpoint was not taken: {answer.error}")
        return
    state, history = undisturbed()
    if answer[1] != history or not equal(answer[0].state_dict(), state):
        raise Found("a changed checkpoint was taken without a word")


@fault()
def two_runs_in_one_folder(trial: Trial) -> None:
    undisturbed()
    folder = trial.folder / "run"
    answers: list[Any] = []

    def work() -> None:
        try:
            answers.append(train_small(folder, **RUN))
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    if any("another run trains" not in str(error) for error in errors):
        raise Found(f"the second run ended in {errors[0]!r}")
    resumed_as_if_nothing_had_been(trial, folder)


def bad_place(trial: Trial, folder: Path) -> Path:
    """A path to which nothing can be written."""
    kind = trial.pick(
        "no folder", "below a file", "a folder", "no right", "a broken link", "a loop"
    )
    trial.note(f"written to {kind}")
    place = folder / "there" / "it.out"
    if kind != "no folder":
        place.parent.mkdir()
    if kind == "below a file":
        place.write_text("a file")
        return place / "it.out"
    if kind == "a folder":
        place.mkdir()
    elif kind == "no right":
        place.parent.chmod(0o500)
    elif kind == "a broken link":
        place.symlink_to(folder / "gone" / "it.out")
    elif kind == "a loop":
        place.symlink_to(place)
    return place


@fault(3)
def a_place_that_cannot_be_written(trial: Trial) -> None:
    """Refused before the first epoch, by name; as another user than root, who may do all."""
    epochs: list[int] = []
    before = Run.epoch

    def counted(run: Run, number: int) -> float:
        epochs.append(number)
        return before(run, number)

    data = trial.folder / "rows.txt"
    data.write_text("".join(f"{u} {i}\n" for u in range(1, 5) for i in range(1, 5 + u % 2)))
    place = bad_place(trial, trial.folder)
    option = trial.pick("--save", "--json", "--checkpoints")
    if option == "--checkpoints" and place.is_dir():
        return  # a folder is right there
    if option == "--checkpoints" and not place.parent.exists():
        return  # it is made
    words = ["--data", str(data), "--epochs", "1", "--width", "4", "--maxlen", "4"]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        command.main(words)  # modules that are loaded late may lie where nobody else can read
        Run.epoch = counted  # type: ignore[method-assign]
        try:
            with another_user(trial):
                command.main([*words, option, str(place)])
            raise Found(f"{option} was taken")
        except SystemExit:
            pass
        except OSError as error:
            raise Found(f"{option}: bare {error!r}") from error
        finally:
            Run.epoch = before  # type: ignore[method-assign]
            if place.parent.is_dir():
                place.parent.chmod(0o700)
    if epochs:
        raise Found(f"refused after {len(epochs)} epochs")
    if option.strip("-") not in said.getvalue() or "it.out" not in said.getvalue():
        raise Found(f"the words name neither option nor path: {said.getvalue()[-200:]}")


@fault()
def a_place_by_another_path(trial: Trial) -> None:
    """A link, the home folder's sign, text or Path: written where it leads, and read from there."""
    model, second = models(trial)
    (trial.folder / "models").mkdir()
    file = trial.folder / "models" / "it.safetensors"
    sl.save(second, tiny.dataset(), file)
    place = placed(trial, file)
    sl.save(model, tiny.dataset(), place)
    if not all(equal(sl.load(x)[0].state_dict(), model.state_dict()) for x in (file, place)):
        raise Found("the file that the path leads to is another one")
    if isinstance(place, Path) and place.name.startswith("link-") and not place.is_symlink():
        raise Found("the link is gone")
    nothing_else(trial.folder / "models", file.name, f"link-{file.name}")
    data = small_dataset()
    (runs := trial.folder / "runs").mkdir()
    (runs / "a").mkdir()
    folder = placed(trial, runs / "a")
    train_small(folder, epochs=1, val_epoch=0, dataset=data)
    if not list((runs / "a").glob("epoch-*.pt")):
        raise Found("the checkpoints are not where the path leads")


@fault()
def a_written_table(trial: Trial) -> None:
    """The library's plain files: text and tables, with another file there before."""
    from seqrec_lib.common import paths

    place = trial.folder / trial.pick("t.csv", "t.csv.gz", "t.json")
    table = pd.DataFrame({"a": range(200)})
    old, new = (json.dumps({"value": x}) for x in (1, 2))
    if place.suffix == ".json":
        write: Any = lambda: paths.write_text(place, new)  # noqa: E731
        read: Any = lambda: place.read_text()  # noqa: E731
        paths.write_text(place, old)
    else:
        write = lambda: paths.write_csv(place, table)  # noqa: E731
        read = lambda: pd.read_csv(place)["a"].tolist()  # noqa: E731
        paths.write_csv(place, table.iloc[:3])
    before = read()
    answer, killed = fault_of_the_disk(trial, write, 400)
    after = new if place.suffix == ".json" else list(range(200))
    if read() not in ([before] if isinstance(answer, Refused) else [before, after]):
        raise Found("what was there before is lost")
    if not killed:
        nothing_else(trial.folder, place.name)
        if not isinstance(answer, Refused) and read() != after:
            raise Found("what was written is not there")
    shutil.rmtree(trial.folder / "cache", ignore_errors=True)
