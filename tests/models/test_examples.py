"""The trained model that a lesson looks at, on any data."""

import pandas as pd
import pytest
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.own_log import Log
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sample.world import SampleWorld
from seqrec_lib.evaluation.ranking import full_ranks
from seqrec_lib.models.examples import example_model
from seqrec_lib.models.saved import load


def test_the_sample_has_the_shipped_one(
    sample_world: SampleWorld, sample_dataset: SASRecDataSet
) -> None:
    found = example_model(sample_world.movielens, sample_dataset)
    shipped, _ = load("sasrec-sample", dataset=sample_dataset)
    assert torch.equal(found.item_vectors(), shipped.item_vectors())


def test_another_log_has_one_trained_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Everybody goes round in a circle of twenty items: the next one is the next one."""
    rows = [(u, f"i{(u + t) % 20:02d}", t) for u in range(300) for t in range(8)]
    ratings = pd.DataFrame(rows, columns=["user", "item", "time"])
    items = pd.DataFrame({"title": ratings["item"].unique()}, index=ratings["item"].unique())
    data = Log("circle.csv", ratings, items)
    dataset = prepare(data, verbose=False)
    model = example_model(data, dataset)
    assert "No trained model of circle.csv is shipped: training one" in capsys.readouterr().out
    assert (full_ranks(model, dataset).better == 0).mean() > 0.9
    with pytest.raises(LookupError):
        example_model(Log("ml-1m", ratings, items, is_sample=True), dataset)
