"""One thread a core: what is set for it is put back, whoever ends first."""

import concurrent.futures
import random
import time

import pytest
import torch

from seqrec_lib.network.fast.threads import CoreThreads


@pytest.fixture
def three():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_products_inside_have_one_thread_and_all_is_put_back(three):
    with CoreThreads(2) as cores:
        assert cores.map(lambda _: torch.get_num_threads(), [0, 1]) == [1, 1]
    assert torch.get_num_threads() == 3


def test_it_is_put_back_after_an_error(three):
    with pytest.raises(ZeroDivisionError), CoreThreads(1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 3


def test_the_last_of_two_blocks_puts_it_back(three):
    first, second = CoreThreads(1), CoreThreads(1)
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert torch.get_num_threads() == 1
    second.__exit__()
    assert torch.get_num_threads() == 3


def in_a_new_thread() -> int:
    """What torch uses in a thread that starts now."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def test_many_threads_at_once_leave_torchs_number_as_it_was(three):
    """Here, in new threads, and in those that opened and closed blocks in any order."""

    def work(seed):
        luck = random.Random(seed)
        for _ in range(5):
            with CoreThreads(luck.choice([None, 1, 2])) as cores:
                assert cores.map(lambda _: torch.get_num_threads(), [0, 1])[0] == 1
                time.sleep(luck.uniform(0, 0.01))
        return torch.get_num_threads()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(24))) == {3}
    assert torch.get_num_threads() == 3
    assert in_a_new_thread() == 3


def test_a_block_inside_a_block(three):
    with CoreThreads(1):
        with CoreThreads() as inner:
            assert inner.count == 3
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == in_a_new_thread() == 3


def test_the_stop_button_twice_puts_all_back(three, monkeypatch):
    """The second one comes while the threads are waited for."""

    def stopped(self, wait=True, cancel_futures=False):
        shutdown(self, wait=True, cancel_futures=True)
        raise KeyboardInterrupt

    shutdown = concurrent.futures.ThreadPoolExecutor.shutdown
    with monkeypatch.context() as patched:
        patched.setattr(concurrent.futures.ThreadPoolExecutor, "shutdown", stopped)
        with pytest.raises(KeyboardInterrupt), CoreThreads(2):
            raise KeyboardInterrupt
    assert torch.get_num_threads() == in_a_new_thread() == 3
