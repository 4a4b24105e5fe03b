"""Training without a sampler, samplers that do not fit the run, and users who have every item."""

import warnings
from typing import Any

import pytest
import tiny
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.models.fit import fit
from seqrec_lib.training.sampling import WarpSampler

LONG = SASRecDataSet.from_sequences(
    {u: [1 + (u + k) % tiny.ITEMS for k in range(9)] for u in range(1, tiny.USERS + 1)},
    itemnum=tiny.ITEMS,
)
RUN = dict(num_epochs=2, batch_size=5, seed=3, verbose=False)


def weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in model.parameters()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(map(torch.equal, one, other))


@pytest.mark.parametrize("loss", ["bce", "cross-entropy", "sampled-softmax"])
@pytest.mark.parametrize("kind", tiny.MODELS)
def test_without_a_sampler_the_right_one_is_made(kind: str, loss: str) -> None:
    """As long as the model, with the run's batch, and negatives where the loss has some."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models = [tiny.MODELS[kind]() for _ in range(2)]
        history = models[0].train_model(LONG, loss=loss, **RUN)
        options = {"negatives": loss != "cross-entropy", "seed": RUN["seed"] + 2}
        by_hand = WarpSampler(
            LONG.train, LONG.usernum, LONG.itemnum, RUN["batch_size"], tiny.LENGTH, **options
        )
        assert models[1].train_model(LONG, by_hand, loss=loss, **RUN) == history
    assert equal(weights(models[0]), weights(models[1]))


def test_any_model_and_torchs_own_seed() -> None:
    found = []
    for _ in range(2):
        model = tiny.sasrec()
        torch.manual_seed(5)
        fit(model, LONG, num_epochs=1, batch_size=5, verbose=False)
        found.append(weights(model))
    assert equal(*found)


@pytest.mark.parametrize(
    ("maxlen", "batch", "said"),
    [
        (tiny.LENGTH, 5, ()),
        (tiny.LENGTH + 3, 5, ()),  # is cut
        (2, 5, ("maxlen=2 is below the model's seq_max_len=6", "WarpSampler(..., maxlen=6)")),
        (tiny.LENGTH, 64, ("batch_size=64 is not the run's batch_size=5",)),
        (2, 64, ("maxlen=2", "batch_size=64")),
    ],
)
def test_a_sampler_that_does_not_fit_is_said_once(
    maxlen: int, batch: int, said: tuple[str, ...]
) -> None:
    sampler = WarpSampler(LONG.train, LONG.usernum, LONG.itemnum, batch, maxlen, seed=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tiny.sasrec().train_model(LONG, sampler, **RUN)
    assert len(caught) == bool(said)
    for words in said:
        assert words in str(caught[0].message)


def test_a_short_sampler_is_right_for_short_histories() -> None:
    lists = {u: [u, u + 1, u + 2, u + 3] for u in range(1, 10)}  # two training items: one input
    data = SASRecDataSet.from_sequences(lists, itemnum=tiny.ITEMS)
    sampler = WarpSampler(data.train, data.usernum, data.itemnum, 5, 1, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny.sasrec().train_model(data, sampler, **RUN)


# Users who have every item


def canteen() -> SASRecDataSet:
    lists = {u: [1 + (u + k) % 12 for k in range(6)] for u in range(1, 12)}
    lists[12] = [*range(1, 13), *range(1, 6)]  # the regular of a canteen with 12 dishes
    return SASRecDataSet.from_sequences(lists, itemnum=12)


def users_of(sampler: WarpSampler) -> set[int]:
    return {int(u) for _ in range(20) for u in sampler.next_batch()[0]}


def test_a_user_with_every_item_is_left_out_where_there_are_negatives() -> None:
    data = canteen()
    sizes = data.train, data.usernum, data.itemnum, 8, 6
    with pytest.warns(UserWarning, match=r"user 12 has every one of the 12 .*negatives=False"):
        sampler = WarpSampler(*sizes, seed=1)
    assert users_of(sampler) == set(range(1, 12))
    without = WarpSampler(*sizes, seed=1, negatives=False)
    assert users_of(without) == set(range(1, 13))
    assert not any(without.next_batch()[3].any() for _ in range(5))


def test_nobody_remains() -> None:
    lists = {1: [1, 2, 3, 1, 2], 2: [3, 2, 1, 1, 1]}
    data = SASRecDataSet.from_sequences(lists, itemnum=3)
    with pytest.raises(ValueError, match="user 1 and 1 more have every one of the 3 items"):
        WarpSampler(data.train, 2, 3)


@pytest.mark.parametrize("loss", ["cross-entropy", "bce"])
def test_the_whole_run_ends_and_validates(loss: str) -> None:
    data, model = canteen(), tiny.ssept()
    before = model.user_embedding_layer.weight[12].clone()
    with pytest.warns(UserWarning, match="user 12 has every"):
        found = model.train_model(data, loss=loss, val_epoch=1, **RUN)
    assert len(found["val_ndcg"]) == 2
    trained = not torch.equal(model.user_embedding_layer.weight[12], before)
    assert trained == (loss == "cross-entropy")


def test_what_validation_cannot_do_is_said_before_the_first_epoch() -> None:
    lists = {1: [1, 2, 3, 1, 2], 2: [3, 2, 1, 1, 1]}
    data = SASRecDataSet.from_sequences(lists, itemnum=3)
    model = tiny.sasrec()
    before = weights(model)
    with pytest.raises(ValueError, match="no other is left to compete"):
        model.train_model(data, loss="cross-entropy", val_epoch=2, **RUN)
    assert equal(before, weights(model))


@pytest.mark.parametrize("loss", ["bce", "gbce", "sampled-softmax"])
def test_a_sampler_without_negatives_is_refused_where_they_are_needed(loss: str) -> None:
    sampler = WarpSampler(LONG.train, LONG.usernum, LONG.itemnum, 5, 6, negatives=False)
    with pytest.raises(ValueError, match=f"negatives=False.*loss='{loss}' needs them"):
        tiny.sasrec().train_model(LONG, sampler, loss=loss, **RUN)


def test_a_run_is_resumed_with_a_sampler_of_its_own(tmp_path: Any) -> None:
    def run(epochs: int, **more: Any) -> list[torch.Tensor]:
        model = tiny.sasrec()
        options = {**RUN, "num_epochs": epochs, "loss": "cross-entropy"}
        model.train_model(LONG, **options, **more)
        return weights(model)

    whole = run(3)
    run(2, checkpoints=tmp_path)
    assert equal(run(3, checkpoints=tmp_path), whole)
    draws = dict(seed=RUN["seed"] + 2)  # the same, but for the negatives
    other = WarpSampler(LONG.train, LONG.usernum, LONG.itemnum, 5, tiny.LENGTH, **draws)
    options = {**RUN, "loss": "cross-entropy", "checkpoints": tmp_path}
    with pytest.raises(ValueError, match="negatives"):
        tiny.sasrec().train_model(LONG, other, **options)
