"""`explore`: a page that holds a trained model and lets you poke at it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from seqrec_lib.common.vocabulary import knows_all
from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.foreign import HasSplit, as_dataset
from seqrec_lib.models.sasrec import SASRecNetwork
from seqrec_lib.models.ssept import SSEPTNetwork
from seqrec_lib.network.fast.fitness import is_the_librarys

_FILES = {name.upper(): f"{name}.js" for name in ("model", "views", "maps", "app")}
_FILES["STYLE"] = "style.css"
_HEIGHT = 900  # pixels of the frame in a notebook


class Explorer:
    """The page of `explore`; as the last line of a cell it is shown there, live, in a frame.

    Attributes:

    html: the whole page.
    alt: what it shows, in words, for readers and pages that cannot run it.
    """

    def __init__(self, html: str, alt: str) -> None:
        self.html, self.alt = html, alt

    def save(self, file: str | Path) -> Path:
        """Writes the page, and returns where."""
        path = Path(file).expanduser()
        path.write_text(self.html, encoding="utf-8")
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        look = f'height="{_HEIGHT}" style="width: 100%; border: 1px solid #8c8c8c"'
        frame = f'<iframe title="the model, live" sandbox="allow-scripts" {look}'
        return {
            "text/html": f'{frame} srcdoc="{html.escape(self.html)}"></iframe>',
            "text/plain": self.alt,
        }


def explore(
    model: SASRecNetwork,
    dataset: HasSplit,
    file: str | Path | None = None,
    history: Sequence[Any] = (),
    users: Iterable[Any] = (),
) -> Explorer:
    """A trained SASREC or SSEPT as one HTML page that runs it in the browser, without a server.

    The page holds the weights of the model, and titles and genres of the items. Of the users it
    holds the vectors of those named here and the mean of all, and of their histories nothing. No
    request leaves it.

    Args:
        model: SASREC or SSEPT, in any layout.
        dataset: the items that the model was trained on.
        file: where to write the page, or None: `Explorer.save` writes it later.
        history: items the page begins with, by id or title, oldest first.
        users: whose vectors go into the page; SSEPT only.

    Returns:
        The page; as the last line of a cell it is shown there.

    Raises:
        TypeError: for a model of your own, whose code the page cannot know.
        ValueError: for users with a model that has none, unknown ones, and unknown items.
    """
    data = as_dataset(dataset)
    if not isinstance(model, SASRecNetwork) or not is_the_librarys(model):
        raise TypeError(
            f"explore shows the library's own SASREC and SSEPT; {type(model).__name__} computes "
            "something that the page does not know"
        )
    knows_all(model, data, with_users=isinstance(model, SSEPTNetwork))
    named = {user: data.user_number(user) for user in users}
    if named and not isinstance(model, SSEPTNetwork):
        raise ValueError(f"users={list(users)}: {type(model).__name__} has no user vectors")
    about, weights = _content(model, data, named)
    begun = [data.item_number(item) for item in history]
    titles = [about["titles"][item] for item in begun]
    about |= {"history": begun, "tasks": _tasks(titles, data.item_name, bool(named))}
    page = Explorer(_page(about, weights), _alt(about["model"], titles))
    if file is not None:
        page.save(file)
    return page


def _content(
    model: SASRecNetwork, data: SASRecDataSet, users: dict[Any, int]
) -> tuple[dict[str, Any], bytes]:
    """What the page has to know, and the float32 numbers that it cuts into arrays."""
    config = {
        **model.settings(),
        "item_width": model.config.item_width,
        "hidden_width": model.config.hidden_width,
    }
    arrays = {
        name: weight.detach().cpu().float().numpy()
        for name, weight in model.state_dict().items()
        if not name.startswith("user_embedding_layer")
    }
    names = []
    if isinstance(model, SSEPTNetwork):
        table = model.user_embedding_layer.weight.detach().cpu().float()
        mean = table[1 : model.known_users + 1].mean(dim=0, keepdim=True)
        arrays["users"] = np.concatenate([mean.numpy(), table[list(users.values())].numpy()])
        names = ["the mean of all users", *(f"user {user}" for user in users)]
    starts = np.cumsum([0, *(array.size for array in arrays.values())])
    placed = [
        {"name": name, "start": int(start), "length": int(array.size)}
        for (name, array), start in zip(arrays.items(), starts[:-1], strict=True)
    ]
    about = {
        "model": "SSE-PT" if isinstance(model, SSEPTNetwork) else "SASRec",
        "item": data.item_name,
        "config": config,
        "arrays": placed,
        "users": names,
        "titles": ["", *(data.title(item, internal=True) for item in range(1, data.itemnum + 1))],
        "genres": ["", *_genres(data)],
        "holds": _holds(names),
    }
    flat = np.concatenate([array.ravel() for array in arrays.values()])
    return about, flat.astype("<f4").tobytes()


def _genres(data: SASRecDataSet) -> list[str]:
    if data.items is None or "genres" not in data.items:
        return [""] * data.itemnum
    return [str(text).replace("|", ", ") for text in data.items["genres"]]


def _tasks(titles: Sequence[str], item: str, users: bool) -> list[str]:
    """Three things to try, with the titles that the page begins with."""
    first, last = (titles[0], titles[-1]) if len(titles) > 1 else (f"the first {item}", "the last")
    return [
        f"Remove {last}. How many of the ten stay? Undo, and remove {first} instead.",
        f"Drag {first} to the end: the same {item}s in another order. What's new in the ten?"
        if not users
        else "Swap the user, or take the mean. Does the list follow the user, or the history?",
        f"In view 4, find a {item} with a long blue bar and a short orange one. Mask it. Does the "
        "first recommendation notice?",
    ]


def _alt(model: str, titles: Sequence[str]) -> str:
    after = f"The history: {', '.join(titles)}. " if titles else ""
    return (
        f"{model} under glass, a page that runs the model live. {after}Beside it the ten "
        "recommendations, what the model expected at each position, neighbours, attention, and "
        "influence."
    )


def _holds(users: list[str]) -> str:
    """What is in the file, for whoever thinks of passing it on."""
    also = ", and the mean vector of all users" if users else ""
    also += f" and those of {', '.join(users[1:])}" if users[1:] else ""
    return (
        "This file holds the model's weights, and titles and genres of its items" + also + ". It "
        "holds nobody's history, and no request leaves this page. Mind the licence of the titles "
        "before you pass it on."
    )


def _page(about: dict[str, Any], weights: bytes) -> str:
    """The template with everything in its place; JSON that cannot end a script element."""
    folder = resources.files("seqrec_lib.explorer") / "page"
    text = (folder / "page.html").read_text(encoding="utf-8")
    parts = {mark: (folder / name).read_text(encoding="utf-8") for mark, name in _FILES.items()}
    parts["ABOUT"] = json.dumps(about, ensure_ascii=False).replace("<", "\\u003c")
    parts["WEIGHTS"] = base64.b64encode(weights).decode()
    for mark, part in parts.items():
        before, _, after = text.partition(f"/*{mark}*/")
        text = before + part + after
    return text
