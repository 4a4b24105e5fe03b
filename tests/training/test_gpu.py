"""A captured step, TF32 and torch.compile, as far as a CPU goes; and what is refused, in words.

The recorder of the tests keeps what a CUDA graph promises: it runs the same work on the same
memory, into the same memory.
"""

from functools import partial

import pytest
import tiny
import torch
from small_runs import equal, small_dataset, train_small, trained

from seqrec_lib.models.recommenders import SASREC
from seqrec_lib.training import choice, gpu
from seqrec_lib.training.engine import PaddedEngine
from seqrec_lib.training.gpu import CapturedEngine, TF32Engine
from seqrec_lib.training.losses import BCE, LOSSES, CrossEntropy, SampledSoftmax, as_loss
from seqrec_lib.training.options import TrainingOptions
from seqrec_lib.training.sse import SSE


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Recorder:
    """As `gpu.record`, on a CPU; counts what is run."""

    def __init__(self, model):
        self.model, self.replays = model, 0

    def __call__(self, work):
        for _ in range(3):
            work()
        kept, loss = work(), None
        loss = kept
        gradients = [(p, p.grad) for p in self.model.parameters()]

        def replay():
            self.replays += 1
            loss.copy_(work())
            for weight, place in gradients:
                if place is not None:
                    place.copy_(weight.grad)

        return replay, loss


def captured(model, loss, seed=0, **options):
    recorder = Recorder(model)
    run = PaddedEngine(model, loss, None, ambient=generator(seed), **options)
    return CapturedEngine(run, recorder), recorder


@pytest.fixture
def _graphs(monkeypatch):
    """A CPU on which captured=True can be had."""

    def engine(run):
        return CapturedEngine(run, Recorder(run.model))

    monkeypatch.setattr(choice, "CapturedEngine", engine)
    monkeypatch.setattr(choice, "refuse_what_cannot_be_had", lambda *a: None)


# A captured step ----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [BCE(), SampledSoftmax(3), CrossEntropy()], ids=str)
def test_a_captured_step_is_the_plain_step_on_new_data_each_time(make, loss):
    model = tiny.stir(make(), scale=0.2)
    engine, recorder = captured(model, loss)
    plain = PaddedEngine(model, loss, generator())
    steps = []
    for seed in range(3):
        batch = tiny.batch_of([3, 5, 6, 1], seed=seed)
        wrong = batch.neg.unsqueeze(2).expand(-1, -1, max(1, loss.negatives)).contiguous()
        expected = plain.step(batch, wrong), [p.grad.clone() for p in model.parameters()]
        with engine:
            found = engine.step(batch, wrong), [p.grad for p in model.parameters()]
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
        steps.append((found[0], [g.data_ptr() for g in found[1]]))
    assert recorder.replays == 3
    assert len({float(loss) for loss, _ in steps}) == 3  # the first is not written over
    assert steps[0][1] == steps[1][1] == steps[2][1]


def test_dropout_is_drawn_anew_in_every_step_and_by_the_seed():
    model, batch = tiny.sasrec(dropout_rate=0.5), tiny.batch_of([6, 6, 6, 6])
    before = torch.get_rng_state()
    runs = []
    for seed in (1, 1, 2):
        engine, _ = captured(model, BCE(), seed)
        runs.append([float(engine.step(batch, batch.neg.unsqueeze(2))) for _ in range(4)])
    assert len(set(runs[0])) == 4
    assert runs[0] == runs[1] != runs[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_the_recording_draws_nothing_and_moves_no_buffer():
    """A captured run draws as the plain one does that is told the same generator."""
    model, batch = tiny.sasrec(dropout_rate=0.5), tiny.batch_of([6, 6, 6, 6])
    model.register_buffer("calls", torch.zeros(()))
    model.register_forward_pre_hook(lambda *a: None)
    original = model.encode

    def encode(*given):
        model.calls += 1
        return original(*given)

    model.encode = encode
    engine, _ = captured(model, BCE())
    plain = PaddedEngine(model, BCE(), None, ambient=generator())
    wrong = batch.neg.unsqueeze(2)
    found = [float(engine.step(batch, wrong)) for _ in range(2)]
    assert float(model.calls) == 2
    assert found == [float(plain.step(batch, wrong)) for _ in range(2)]


def test_a_batch_of_another_shape_takes_the_plain_step():
    model = tiny.sasrec()
    engine, recorder = captured(model, BCE())
    for lengths in ([3, 5], [3, 5, 6], [4, 2]):
        batch = tiny.batch_of(lengths)
        found = engine.step(batch, batch.neg.unsqueeze(2))
        gradient = model.item_embedding_layer.weight.grad.clone()
        expected = PaddedEngine(model, BCE(), generator()).step(batch, batch.neg.unsqueeze(2))
        assert torch.equal(found, expected)
        assert torch.equal(model.item_embedding_layer.weight.grad, gradient)
    assert recorder.replays == 2


@pytest.mark.usefixtures("_graphs")
@pytest.mark.parametrize("attention", ["plain", "fused"])
def test_a_captured_run_trains_with_sse_a_schedule_and_adam(make, attention):
    options = dict(
        sse=SSE(0.0, 0.3, 0.3), schedule={1: 0.001}, attention=attention, loss=SampledSoftmax(3)
    )
    weights, history = trained(make(), captured=True, **options)
    expected, curve = trained(make(), engine="padded", **options)
    assert equal(weights, expected)  # without dropout both draw the same
    assert history == curve


@pytest.mark.usefixtures("_graphs")
def test_a_captured_run_is_resumed_with_the_same_bits(tmp_path):
    data = small_dataset()
    options = dict(dataset=data, captured=True, val_epoch=0)
    train_small(tmp_path, epochs=3, **options)
    model, history = train_small(tmp_path, epochs=6, **options)
    at_once, expected = train_small(epochs=6, **options)
    assert history == expected
    assert equal(model.state_dict(), at_once.state_dict())


def test_a_model_that_cannot_be_recorded_is_named():
    def fails(work):
        raise RuntimeError("operation not permitted when stream is capturing")

    run = PaddedEngine(tiny.sasrec(), BCE(), None, ambient=generator())
    batch = tiny.batch_of([2, 3])
    with pytest.raises(RuntimeError, match=r"captured=True.*SASREC.*leave captured out.*not p"):
        CapturedEngine(run, fails).step(batch, batch.neg.unsqueeze(2))


# bfloat16 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_bfloat16_is_close_to_float32_for_every_loss(make, name):
    model, loss, batch = tiny.stir(make(), scale=0.2), as_loss(name), tiny.batch_of([3, 5, 6, 1])
    wrong = batch.neg.unsqueeze(2).expand(-1, -1, max(1, loss.negatives)).contiguous()
    right = PaddedEngine(model, loss, generator()).step(batch, wrong)
    expected = model.item_embedding_layer.weight.grad.clone()
    found = PaddedEngine(model, loss, generator(), torch.bfloat16).step(batch, wrong)
    error = (model.item_embedding_layer.weight.grad - expected).abs().max()
    assert float(found) == pytest.approx(float(right), rel=0.02)
    assert 0 < float(error) < 0.1 * float(expected.abs().max())


# TF32 ---------------------------------------------------------------------------------------------


def test_tf32_is_set_for_the_steps_alone():
    seen = []

    class Run:
        step = staticmethod(lambda: seen.append(torch.get_float32_matmul_precision()))

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

    assert torch.get_float32_matmul_precision() == "highest"
    engine = TF32Engine(Run())
    with engine:
        engine.step()
    with pytest.raises(ZeroDivisionError), engine:
        raise ZeroDivisionError
    assert seen == ["high"]
    assert torch.get_float32_matmul_precision() == "highest"


# torch.compile ------------------------------------------------------------------------------------


@pytest.fixture
def backend(monkeypatch):
    """torch.compile without a compiler: what it traces, run as it is; the graphs are counted."""
    graphs = []

    def counting(module, inputs):
        graphs.append(module)
        return module

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counting))
    yield graphs
    torch.compiler.reset()


def test_a_compiled_run_is_one_graph_and_trains_alike(make, backend):
    weights, history = trained(make(), compiled=True)
    expected, curve = trained(make(), engine="padded")
    assert history["loss"] == pytest.approx(curve["loss"], rel=1e-5)
    assert all(torch.allclose(weights[k], expected[k], atol=1e-5) for k in weights)
    assert len(backend) == 1


def test_a_compiled_run_draws_new_dropout_by_its_seed(backend):
    one, two, other = (
        trained(tiny.sasrec(dropout_rate=0.5), compiled=True, seed=seed)[1]["loss"]
        for seed in (3, 3, 4)
    )
    assert one == two != other
    assert one[0] != one[1]


def test_a_failing_compiler_is_explained(monkeypatch):
    def fails(module, inputs):
        raise OSError("no C++ compiler")

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=fails))
    with pytest.raises(RuntimeError, match=r"compiled=True: torch.compile cannot.*Leave compiled"):
        trained(tiny.sasrec(), compiled=True)
    torch.compiler.reset()


def test_other_errors_of_a_compiled_run_stay_what_they_are():
    with pytest.raises(ZeroDivisionError), gpu.says_what_cannot_be_compiled(True):
        raise ZeroDivisionError


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"captured": True}, "captured=True .*NVIDIA GPU.*device='cpu'; leave captured out"),
        ({"precision": "tf32"}, "precision='tf32' .*NVIDIA.*device='cpu': use precision='float32'"),
        ({"engine": "packed", "captured": True}, "engine='packed' .* captured=True"),
        ({"device": "mps"}, "device='mps': training runs on 'cpu' and 'cuda'.*use device='cpu'"),
        ({"device": "graphics"}, "device='graphics' must be 'cpu' or 'cuda'"),
        ({"device": "cuda:99"}, "device='cuda:99': torch .* sees . GPUs here; leave device out"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        trained(tiny.sasrec(), **options)


@pytest.mark.parametrize(
    ("options", "processes", "message"),
    [
        ({"captured": True, "tables": "sparse"}, 1, "dense tables, and .*tables='sparse'"),
        ({"captured": True}, 2, "one process .*2 processes"),
    ],
)
def test_what_a_gpu_cannot_have_either(options, processes, message):
    chosen, device = TrainingOptions(**options), torch.device("cuda")
    with pytest.raises(ValueError, match=message):
        gpu.refuse_what_cannot_be_had(chosen, device, processes, tiny.sasrec())


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_an_old_gpu_is_named(precision, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    chosen = TrainingOptions(precision=precision)
    with pytest.raises(ValueError, match=f"precision='{precision}' .*Tesla T4 is older"):
        gpu.refuse_what_cannot_be_had(chosen, torch.device("cuda"), 1, tiny.sasrec())


def test_a_step_of_ones_own_has_no_graph():
    class Own(SASREC):
        def loss_function(self, *given):
            return super().loss_function(*given)

    with pytest.raises(ValueError, match="captured=True cannot be had"):
        trained(Own(tiny.ITEMS, 6, embedding_dim=8), captured=True)
