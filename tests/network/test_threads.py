"""One thread a core: what is set for it is put back, whoever ends first."""

import pytest
import torch
from threadpoolctl import threadpool_limits

from seqrec_lib.network.fast import threads
from seqrec_lib.network.fast.threads import CoreThreads


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threads._blas().info() if is_blas(library)}


def is_blas(library: dict) -> bool:
    return library["user_api"] == "blas"


@pytest.fixture
def two():
    """BLAS at two threads, on however small a machine; the number is read back where it is set."""
    threads._blas()
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("the BLAS here takes no other number of threads")
        yield


def test_products_inside_have_one_thread_and_all_is_put_back(two):
    before = torch.get_num_threads()
    with CoreThreads(2) as cores:
        assert blas_threads() == {1}
        assert cores.map(lambda _: torch.get_num_threads(), [0, 1]) == [1, 1]
    assert (blas_threads(), torch.get_num_threads()) == ({2}, before)


def test_it_is_put_back_after_an_error(two):
    with pytest.raises(ZeroDivisionError), CoreThreads(1):
        raise ZeroDivisionError
    assert blas_threads() == {2}


def test_the_last_of_two_blocks_puts_it_back(two):
    first, second = CoreThreads(1), CoreThreads(1)
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert blas_threads() == {1}
    second.__exit__()
    assert blas_threads() == {2}
