"""Other people's data sets: whatever has the ids' sizes and the three dicts of a split."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from seqrec_lib.data.dataset import SASRecDataSet

_NEEDED = ("usernum", "itemnum", "user_train", "user_valid", "user_test")


class HasSplit(Protocol):
    """What training and evaluation need to know of a data set; `SASRecDataSet` has it, too."""

    @property
    def usernum(self) -> int:
        """The largest user id."""

    @property
    def itemnum(self) -> int:
        """The largest item id."""

    @property
    def user_train(self) -> Mapping[int, Any]:
        """{user: training items in order}; a user may be missing, here and in the other two."""

    @property
    def user_valid(self) -> Mapping[int, Any]:
        """{user: validation items, those that follow}."""

    @property
    def user_test(self) -> Mapping[int, Any]:
        """{user: test items, the last ones}."""


def as_dataset(dataset: HasSplit) -> SASRecDataSet:
    """The library's own data set as it is; any other one, and one of a subclass that makes its
    dicts anew, as it is at this moment.

    Raises TypeError that names what the other one lacks, and ValueError for ids that are not whole
    numbers from 1 to its usernum and itemnum.
    """
    if isinstance(dataset, SASRecDataSet) and all(
        getattr(type(dataset), name) is getattr(SASRecDataSet, name) for name in _NEEDED[2:]
    ):
        return dataset
    missing = [name for name in _NEEDED if not hasattr(dataset, name)]
    if missing:
        raise TypeError(
            f"{type(dataset).__name__} is no data set, for it has no {', '.join(missing)}: give a "
            f"SASRecDataSet, or any object with {', '.join(_NEEDED)}"
        )
    usernum, itemnum = (_size(dataset, name) for name in ("usernum", "itemnum"))
    taken = SASRecDataSet.from_split(
        dataset.user_train, dataset.user_valid, dataset.user_test, usernum, itemnum
    )
    if isinstance(dataset, SASRecDataSet):
        taken.name_like(dataset)
    return taken


def _size(dataset: HasSplit, name: str) -> int:
    value = getattr(dataset, name)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}={value!r} of the data set must be a whole number of at least 1")
    return int(value)
