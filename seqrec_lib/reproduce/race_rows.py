"""The race of lesson 11: what came after SASRec, with equal width, equal search, equal patience."""

from dataclasses import replace

from seqrec_lib.reproduce.recipe import Recipe
from seqrec_lib.reproduce.sasrec_rows import sasrec_model
from seqrec_lib.training.losses import BCE, GBCE, CrossEntropy, Loss, SampledSoftmax

# Each model's class in the lesson ("": SASRec itself), and its loss
_MODELS: dict[str, tuple[str, Loss]] = {
    "sasrec": ("", BCE()),
    "gru4rec": ("GRU4Rec", CrossEntropy()),
    "bert4rec": ("BERT4Rec", CrossEntropy()),
    "gsasrec": ("", GBCE()),
    "esasrec": ("ESASRec", SampledSoftmax()),
    "hstu": ("HSTU", SampledSoftmax()),
}
_DATA = {"n=50": "ml-1m", "n=200": "ml-1m", "games": "games", "in time": "ml-1m-in-time"}


def _row(place: str, name: str, width: int = 50) -> Recipe:
    own, loss = _MODELS[name]
    model = sasrec_model("games" if place == "games" else "ml-1m", embedding_dim=width)
    if own:
        del model["layout"], model["norm"]
    if (place, name) == ("games", "hstu"):
        model["reads_times"] = False  # the papers' file has none
    row = f"{place} {name}" if width == 50 else f"{place} d={width} {name}"
    patience = 5 if place == "in time" else 3  # only 523 users have a validation item in time
    found = Recipe("race", row, _DATA[place], model, loss, epochs=400, patience=patience, own=own)
    if place != "n=50":
        return replace(found, rate_of=f"n=50 {name}")
    return replace(found, model=model | {"seq_max_len": 50}, rates=(0.001, 0.002))


RACE_ROWS = [_row(place, name) for place in _DATA for name in _MODELS]
# How far they come with the width of gSASRec's paper
RACE_ROWS += [_row("n=200", name, width=128) for name in ("esasrec", "hstu")]
