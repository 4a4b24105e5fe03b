"""Faults of a training: its options, its batches, its weights."""

import math
from typing import Any

import numpy as np
import tiny
import torch
from small_runs import Foreign, sampler_of, trained
from torch import nn
from torch.nn.utils import parametrizations

from faults import forms
from faults.trial import Found, Refused, Trial, fault


def close(a: tuple[dict[str, Any], Any], b: tuple[dict[str, Any], Any]) -> bool:
    """Weights and losses of two runs are the same up to rounding; K's bias has no gradient."""
    losses = np.allclose(a[1]["loss"], b[1]["loss"], rtol=1e-4)
    names = [n for n in b[0] if not n.endswith("K.bias")]
    return losses and all(torch.allclose(a[0][n], b[0][n], rtol=2e-3, atol=2e-4) for n in names)


LAYOUTS = [
    "transposed", "strided", "a view", "frozen", "frozen and strided", "float64", "half",
    "scaled by frequency", "with a largest norm", "sparse gradients", "parametrized", "shared",
    "a hook", "expanded", "a view of numpy's", "negative strides in memory",
]  # fmt: skip


LAYOUT_ALONE = LAYOUTS[:3] + LAYOUTS[-3:]


def laid_out(trial: Trial, model: Any) -> str:
    """Changes how one weight of the model lies or behaves; what was changed."""
    layer = trial.pick(*(["item", "item", "positional"] + (["user"] if model.user_num else [])))
    table: nn.Embedding = getattr(model, f"{layer}_embedding_layer")
    data, kind = table.weight.data.clone(), trial.rng.choice(LAYOUTS)
    rows, width = data.shape
    if kind in ("transposed", "negative strides in memory"):
        table.weight = nn.Parameter(data.T.contiguous().T)
    elif kind in ("strided", "frozen and strided"):
        wide = torch.zeros(rows, 2 * width)
        wide[:, ::2] = data
        table.weight = nn.Parameter(wide[:, ::2], requires_grad=kind == "strided")
    elif kind == "a view":
        table.weight = nn.Parameter(torch.cat([data, data, data])[rows : 2 * rows])
    elif kind == "a view of numpy's":
        table.weight = nn.Parameter(torch.from_numpy(np.asfortranarray(data.numpy())))
    elif kind == "expanded":
        row = data[-1:].expand(rows, width)
        table.weight = nn.Parameter(row)
    elif kind == "frozen":
        table.weight.requires_grad_(False)
    elif kind in ("float64", "half"):
        model.to(torch.float64 if kind == "float64" else torch.float16)
    elif kind == "scaled by frequency":
        table.scale_grad_by_freq = True
    elif kind == "with a largest norm":
        table.max_norm = 0.5
    elif kind == "sparse gradients":
        table.sparse = True
    elif kind == "parametrized":
        linear = model.encoder.enc_layers[0].mha.Q
        parametrizations.weight_norm(linear)
    elif kind == "shared":
        model.encoder.enc_layers[1].mha.Q.weight = model.encoder.enc_layers[0].mha.Q.weight
    elif kind == "a hook":
        model.encoder.enc_layers[0].register_forward_hook(lambda *a: a[-1] * 0.9)
    trial.note(f"{layer} embedding: {kind}")
    return kind


@fault(4)
def weights_of_any_kind(trial: Trial) -> None:
    """The fast engine and the plain one end with the same weights, or both refuse."""
    seed = trial.rng.randrange(10_000)
    kind, which = trial.pick("SASREC", "SSEPT"), trial.rng.randrange(10_000)
    loss = trial.pick("bce", "bce", "cross-entropy", "gbce")
    trial.note(f"{kind}, {loss}")
    found, frozen = [], []
    for engine in ("auto", "padded"):
        model = tiny.stir(tiny.MODELS[kind](), seed=seed)
        twin = Trial(trial.name, seed, which, trial.folder)
        what = laid_out(twin, model)
        before = {n: w.detach().clone() for n, w in model.named_parameters() if not w.requires_grad}
        names = ("embedding", "dtype", "float", "weight", "loss became", "half", "double")
        answer = trial.asked(lambda m=model, e=engine: trained(m, engine=e, loss=loss), *names)
        found.append(answer)
        after = dict(model.named_parameters())
        frozen += [n for n, w in before.items() if not torch.equal(after[n].detach(), w)]
    trial.note(what)
    if frozen:
        raise Found(f"a frozen weight has moved: {frozen}")
    if any(isinstance(answer, Refused) for answer in found):
        if not all(isinstance(answer, Refused) for answer in found):
            raise Found("one engine refuses what the other trains")
        return
    if what in ("float64", "half"):
        return
    if not close(found[0], found[1]):
        raise Found("the two engines train differently, and neither says a word")
    if what in LAYOUT_ALONE:
        plain = tiny.stir(tiny.MODELS[kind](), seed=seed)
        laid_out(Trial(trial.name, seed, which, trial.folder), plain)
        for weight in plain.parameters():
            weight.data = weight.data.clone(memory_format=torch.contiguous_format)
        if not close(found[0], trained(plain, loss=loss)):
            raise Found("a weight in another layout is trained otherwise than its copy")


@fault(3)
def somebody_elses_batches(trial: Trial) -> None:
    """A sampler of another library, whose arrays come in any form."""
    data = tiny.dataset()
    engine = trial.pick("auto", "padded")
    plain = [x.tolist() for x in sampler_of(data, batch_size=6).next_batch()]
    right = trained(tiny.sasrec(), data, Foreign([plain] * 9), engine=engine)
    place = trial.rng.randrange(4)
    batch: list[Any] = list(plain)
    how = trial.pick("form", "form", "form", "too few", "no tuple", "other rows", "other length",
                     "behind", "exhausted", "unknown user")  # fmt: skip
    trial.note(how)
    good: bool | None = False
    if how == "form":
        if place == 0:
            batch[0], good = forms.ids(trial, plain[0])
            if isinstance(batch[0], type(iter([]))) or "generator" in trial.said[-1]:
                batch[0] = plain[0]  # a batch that is used nine times
                good = True
        else:
            batch[place], good = forms.table(trial, plain[place])
    elif how == "too few":
        batch = batch[:3]
    elif how == "no tuple":
        batch = trial.pick(None, 7, {"users": 1})
    elif how == "other rows":
        batch[place] = batch[place][1:]
    elif how == "other length":
        place = trial.pick(2, 3)
        batch[place] = [row[1:] for row in batch[place]]
    elif how == "behind":
        batch[1] = [[*row[1:], 0] for row in batch[1]]
        if not any(row[-2] for row in batch[1]):
            return
    elif how == "unknown user":
        batch[0] = [tiny.USERS + 5, *batch[0][1:]]
    sampler = Foreign([batch] * (9 if how != "exhausted" else 2))
    model = tiny.ssept() if how == "unknown user" else tiny.sasrec()
    answer = trial.asked(
        lambda: trained(model, data, sampler, engine=engine),
        "sampler", "seq", "pos", "neg", "users", "batch",
    )  # fmt: skip
    if isinstance(answer, Refused):
        return
    if not good:
        raise Found("trained on what is no batch without a word")
    if not close(answer, right):
        raise Found("trained on other batches than were given")


@fault(2)
def an_option_in_another_form(trial: Trial) -> None:
    data = tiny.dataset()
    name, value = trial.pick(
        ("num_epochs", 2), ("batch_size", 4), ("threads", 1), ("val_epoch", 1),
        ("eval_batch_size", 5), ("keep_checkpoints", 2), ("seed", 3), ("patience", 2),
    )  # fmt: skip
    own: dict[str, Any] = {"val_epoch": 1}
    form, good = forms.number(trial, value)
    trial.note(name)
    if name in ("seed", "val_epoch") and isinstance(form, int) and form == 0 and form is not True:
        return  # 0 is a seed, and never to validate
    right = trained(tiny.sasrec(num_neg_test=3), data, **{**own, name: value})
    folder = trial.folder / "run" if name == "keep_checkpoints" else None
    answer = trial.asked(
        lambda: trained(
            tiny.sasrec(num_neg_test=3), data, **{**own, name: form, "checkpoints": folder}
        ),
        name, "batch_size",
    )  # fmt: skip
    if isinstance(answer, Refused):
        return
    if not good:
        raise Found(f"took {form!r} for {name} without a word")
    if not close(answer, right):
        raise Found(f"{name}={form!r} trains otherwise than {value}")


@fault()
def a_rate_in_another_form(trial: Trial) -> None:
    name = trial.pick("learning_rate", "epsilon", "betas", "schedule", "dropout_rate", "l2_reg")
    bad = trial.pick(math.nan, math.inf, -1.0, "0.1", None, [0.1], True, 10**400, 1j)
    good = trial.pick(np.float32(0.125), np.float64(0.125), torch.tensor(0.125), np.array(0.125))
    wrong = trial.pick(True, False)
    value = bad if wrong else good
    trial.note(f"{name}={value!r}")
    given = {"betas": (value, 0.999), "schedule": {1: value}}.get(name, value)
    plain = {"betas": (0.125, 0.999), "schedule": {1: 0.125}}.get(name, 0.125)

    def run(setting: Any) -> Any:
        if name in ("dropout_rate", "l2_reg"):
            return trained(tiny.sasrec(**{name: setting}))
        return trained(tiny.sasrec(), **{name: setting})

    if name == "schedule" and bad is None and wrong:
        return
    right = run(plain)
    answer = trial.asked(lambda: run(given), name, "loss became")
    if isinstance(answer, Refused):
        return
    if wrong:
        raise Found(f"took {name}={bad!r} without a word")
    if not close(answer, right):
        raise Found(f"{name}={value!r} trains otherwise than {plain!r}")


@fault()
def a_size_in_another_form(trial: Trial) -> None:
    name, value = trial.pick(
        ("item_num", tiny.ITEMS), ("seq_max_len", tiny.LENGTH), ("num_blocks", 2),
        ("embedding_dim", 8), ("attention_num_heads", 1), ("num_neg_test", 5),
    )  # fmt: skip
    form, good = forms.number(trial, value)
    trial.note(name)
    if name == "num_blocks" and isinstance(form, int) and form == 0 and form is not True:
        return
    right = tiny.sasrec(**{name: value}).state_dict()
    trial.expect(
        lambda: tiny.sasrec(**{name: form}).state_dict(), right, name, "num_heads", "embedding_dim",
        whole=None if good else False,
    )  # fmt: skip
