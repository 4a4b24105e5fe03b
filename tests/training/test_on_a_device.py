"""The way of a GPU without a GPU: nothing is made on the host, and nothing waits, in an epoch.

`far_device` says how. One wait is left: for the losses, when an epoch ends; for the counts, when an
evaluation ends; for the lists, when all users have theirs.
"""

from contextlib import suppress

import numpy as np
import pytest
import tiny
import torch
from far_device import META, Watch, pretend, watched
from small_runs import Foreign, sampler_of, trained

from seqrec_lib.evaluation.ranking import full_ranks, sampled_ranks
from seqrec_lib.evaluation.recommendation import recommend
from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.training.loop import Run
from seqrec_lib.training.losses import BCE, GBCE, CrossEntropy, SampledSoftmax
from seqrec_lib.training.sse import SSE

LOSSES = [BCE(), BCE(3), GBCE(12), SampledSoftmax(3), SampledSoftmax(12, True), CrossEntropy()]
END = ("download", "_to_copy", "training/loop.py: values = torch.stack(losses).cpu()")


@pytest.fixture(autouse=True)
def _pretend(monkeypatch):
    pretend(monkeypatch)


def epochs(monkeypatch, model, **options):
    """What was seen in each of two epochs of three steps."""
    with watched(monkeypatch, Run, "epoch") as found:
        trained(model, device="meta", **options)
    assert len(found) == 2
    return [watch.seen for watch in found]


# Training -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_an_epoch_waits_once_at_its_end(make, loss, monkeypatch):
    sse = SSE(0.5, 0.3, 0.3)
    assert epochs(monkeypatch, make(dropout_rate=0.2), loss=loss, sse=sse) == [[END]] * 2


@pytest.mark.parametrize(
    "options",
    [
        {"sse": SSE(0.5, 0.3, 0.3, "as-released")},
        {"attention": "fused"},
        {"precision": "bfloat16"},
        {"schedule": {1: 0.1}},
    ],
    ids=str,
)
def test_so_it_does_with_every_option(options, monkeypatch):
    assert epochs(monkeypatch, tiny.ssept(dropout_rate=0.2), **options) == [[END]] * 2


def test_so_it_does_with_windows_and_every_variant(monkeypatch):
    sampler = sampler_of(tiny.dataset(), window_probability=0.5)
    model = tiny.sasrec(layout="pre-norm", norm="feature", shared_embedding=False, positions=False)
    assert epochs(monkeypatch, model, sampler=sampler) == [[END]] * 2


def test_a_foreign_samplers_batch_goes_in_one_copy_and_is_checked_before(make, monkeypatch):
    batches = [[x.tolist() for x in tiny.batch_of([2, 5, 6, 1])]] * 6
    seen = epochs(monkeypatch, make(), sampler=Foreign(batches))
    copies = [x for x in seen[0] if x[0] == "upload"]
    assert [len(copies)] * 2 == [3, 3]
    assert [[x for x in epoch if x[0] not in ("upload", "host")] for epoch in seen] == [[END]] * 2


# Evaluation ---------------------------------------------------------------------------------------


def seen_of(work):
    with Watch() as watch:
        work()
    return [what for what in watch.kinds() if what != "host"]  # histories are padded on the host


@pytest.mark.parametrize(
    "ranked", [sampled_ranks, full_ranks], ids=["among sampled items", "among all items"]
)
def test_an_evaluation_sends_each_batch_once_and_waits_at_its_end(make, ranked):
    data, model = tiny.dataset(), make().to(META)
    seen = seen_of(lambda: ranked(model, data, split="valid", batch_size=5))
    assert seen == [*["upload"] * 3, "download"]  # 12 users


def test_a_recommendation_sends_each_batch_once_and_waits_at_its_end(make):
    data, model = tiny.dataset(), make().to(META)
    users = np.arange(1, 13)
    seen = seen_of(lambda: recommend(model, data, users=users, k=3, batch_size=5))
    assert seen == [*["upload"] * 3, *["download"] * 2]  # items, and scores


def test_scoring_checks_ids_on_the_device_when_it_is_asked_directly():
    """Only evaluation has looked at them before."""
    ids, model = torch.ones(2, tiny.LENGTH, dtype=torch.int64, device=META), tiny.sasrec().to(META)
    assert seen_of(lambda: model.score(None, ids)) == ["wait"]


# What the watch sees ------------------------------------------------------------------------------

X = torch.zeros(4, device=META)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda: X.sum().item(), ["wait"]),
        (lambda: bool((X > 0).any()), ["wait"]),
        (lambda: X.nonzero(), ["wait"]),
        (lambda: X[X > 0], ["wait"]),
        (lambda: X.clone().index_put_((X > 0,), torch.zeros((), device=META)), ["wait"]),
        (lambda: X.masked_select(X > 0), ["wait"]),
        (lambda: torch.equal(X, X), ["wait"]),
        (lambda: X.long().repeat_interleave(X.long()), ["wait"]),
        (lambda: X.cpu(), ["download"]),
        (lambda: X.to("cpu", non_blocking=True), ["download"]),
        (lambda: torch.ones(4).to(META), ["host", "slow upload"]),
        (lambda: torch.ones(4).to(META, non_blocking=True), ["host", "upload"]),
        (lambda: X.clone().copy_(torch.ones(4)), ["host", "slow upload"]),
        (lambda: X * torch.ones(()), ["host", "slow upload"]),
        (lambda: X[torch.arange(2)], ["host", "slow upload"]),
        (lambda: torch.arange(4), ["host"]),
        (lambda: X * 2 + torch.arange(4, device=META), []),
        (lambda: X[torch.arange(2, device=META)], []),
    ],
)
def test_the_watch_sees(work, expected):
    with Watch() as watch, suppress(RuntimeError):  # what meta cannot do was seen before
        work()
    assert watch.kinds() == expected


@pytest.mark.parametrize("wrong", ["item", "mask", "host"])
def test_a_wait_in_a_step_is_found_with_its_line(wrong, monkeypatch):
    original = SASREC.embedded

    def embedded(self, items, users, rows):
        x = original(self, items, users, rows)
        if wrong == "item":
            x.sum().item()
        elif wrong == "mask":
            x[rows.real]
        else:
            x = x + torch.ones(x.shape[-1]).to(x.device)
        return x

    monkeypatch.setattr(SASREC, "embedded", embedded)
    seen = epochs(monkeypatch, tiny.sasrec())[0]
    assert len(seen) > 3
    assert seen[0][0] == {"item": "wait", "mask": "wait", "host": "host"}[wrong]
    assert "models/sasrec.py: x = on(self.encoder" in seen[0][2]
