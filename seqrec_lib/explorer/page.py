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

_FILES = {"STYLE": "style.css", "MODEL": "model.js", "VIEWS": "views.js", "APP": "app.js"}
_HEIGHT = 900  # pixels of the frame in a notebook
TASKS = (
    "Remove the most recent item. How far does the list move? Now remove the oldest one instead.",
    "Mask one item and watch its row in the attention. Whose weight grows?",
    "Find an item with much attention and little influence. What could the model be using it for?",
)


class Explorer:
    """The page of `explore`: `html`, and in a notebook the page itself, in a frame."""

    def __init__(self, page: str) -> None:
        self.html = page

    def save(self, file: str | Path) -> Path:
        """Writes the page, and returns where."""
        path = Path(file).expanduser()
        path.write_text(self.html, encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        frame = 'style="width: 100%; border: 1px solid #8c8c8c" title="the model, live"'
        return f'<iframe {frame} height="{_HEIGHT}" srcdoc="{html.escape(self.html)}"></iframe>'


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
    about["history"] = [data.item_number(item) for item in history]
    page = Explorer(_page(about, weights))
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
        "tasks": list(TASKS),
        "holds": _holds(names),
    }
    flat = np.concatenate([array.ravel() for array in arrays.values()])
    return about, flat.astype("<f4").tobytes()


def _genres(data: SASRecDataSet) -> list[str]:
    if data.items is None or "genres" not in data.items:
        return [""] * data.itemnum
    return [str(text).replace("|", ", ") for text in data.items["genres"]]


def _holds(users: list[str]) -> str:
    """What is in the file, for whoever thinks of passing it on."""
    also = f", and the vectors of {', '.join(users)}" if users else ""
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
