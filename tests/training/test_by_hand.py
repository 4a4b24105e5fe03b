"""The stop button and the second run of a cell: one stop is enough, and nothing is unsaid."""

from types import SimpleNamespace

import pytest
import tiny
from small_runs import equal, trained

from seqrec_lib.training import by_hand
from seqrec_lib.training.by_hand import StoppedByHandError
from seqrec_lib.training.sampling import WarpSampler


class Stopping(WarpSampler):
    """Presses the stop button before the batch of this number."""

    at = 1

    def sample(self):
        self.at -= 1
        if self.at == 0:
            raise KeyboardInterrupt
        return super().sample()


def stopping(at):
    data = tiny.dataset()
    sampler = Stopping(
        data.train, data.usernum, data.itemnum, batch_size=4, maxlen=tiny.LENGTH, seed=2
    )
    sampler.at = at
    return sampler


@pytest.fixture
def notebook(monkeypatch):
    """A notebook in which a cell runs; `ends()` ends it, as IPython does."""
    waiting = []
    events = SimpleNamespace(
        register=lambda name, call: waiting.append(call),
        unregister=lambda name, call: waiting.remove(call),
    )
    shell = SimpleNamespace(events=events, ends=lambda: [call() for call in list(waiting)])
    monkeypatch.setitem(by_hand.sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    yield shell
    shell.ends()


def test_one_stop_ends_a_loop_over_trainings(notebook, make):
    assert len(trained(make(), sampler=stopping(5), num_epochs=3)[1]["loss"]) == 1
    with pytest.raises(StoppedByHandError, match="a training of this cell was stopped"):
        trained(make(), num_epochs=3)
    notebook.ends()
    trained(make())


def test_outside_of_a_notebook_a_script_decides(make, monkeypatch):
    monkeypatch.delitem(by_hand.sys.modules, "IPython", raising=False)
    for _ in range(2):
        trained(make(), sampler=stopping(5), num_epochs=3)


@pytest.mark.usefixtures("notebook")
def test_a_stop_in_the_first_epoch_ends_the_cell_in_a_line(make):
    with pytest.raises(KeyboardInterrupt, match="before the first epoch was over") as stop:
        trained(make(), sampler=stopping(2))
    assert len(stop.value._render_traceback_()) == 1


def test_a_second_training_says_that_it_goes_on(make, capsys):
    model = make()
    trained(model, num_epochs=2, verbose=True)
    assert "already" not in capsys.readouterr().out
    trained(model, num_epochs=1, verbose=True)
    assert "trained for 2 epochs already, and goes on from there" in capsys.readouterr().out
    trained(model, num_epochs=1, verbose=True)
    assert "trained for 3 epochs already" in capsys.readouterr().out
    trained(model, num_epochs=1)
    assert capsys.readouterr().out == ""


def test_new_weights_are_a_new_beginning(make, capsys):
    model, fresh = make(), make()
    trained(model)
    assert not equal(model.state_dict(), fresh.state_dict())
    model.load_state_dict(fresh.state_dict())
    trained(model, verbose=True)
    assert "already" not in capsys.readouterr().out


def test_a_resumed_run_says_so_in_its_own_words(make, tmp_path, capsys):
    options = {"checkpoints": tmp_path, "seed": 3, "verbose": True}
    model = make()
    trained(model, num_epochs=1, **options)
    trained(model, num_epochs=2, **options)
    said = capsys.readouterr().out
    assert "resumed from the checkpoint of epoch 1" in said
    assert "already" not in said
