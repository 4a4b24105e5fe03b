"""What several test files share: real data where it is at hand, and the built-in sample."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.data.preparation import prepare
from seqrec_lib.data.sample.world import SampleWorld, make_sample
from seqrec_lib.models.recommenders import SASREC


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real data sets, or a skip that says why."""
    folder = os.environ.get("SEQREC_DATA")
    if not folder:
        pytest.skip("SEQREC_DATA is not set: no real data to test with")
    if not Path(folder).is_dir():
        pytest.skip("SEQREC_DATA names no folder: no real data to test with")
    return Path(folder)


@pytest.fixture(scope="session")
def sample_world() -> SampleWorld:
    """The built-in sample with the rules that made it. Not to be changed by a test."""
    return make_sample()


@pytest.fixture(scope="session")
def sample_dataset(sample_world: SampleWorld) -> SASRecDataSet:
    """The built-in sample, prepared. Not to be changed by a test."""
    return prepare(sample_world.movielens)


@pytest.fixture(params=tiny.MODELS)
def make(request: pytest.FixtureRequest) -> Callable[..., SASREC]:
    """Makes a small model of either kind, with the options that it is given."""
    return tiny.MODELS[request.param]
