"""Scores as torch.export and ONNX have them, against the model's own, for other batches."""

from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from own_models import BERT4Rec, GRU4Rec
from torch.export import Dim, export

from seqrec_lib.models.export import Scores
from seqrec_lib.network.model import SequenceModel


def model(kind: str) -> SequenceModel:
    made = {
        "SASREC": tiny.sasrec,
        "SSEPT": tiny.ssept,
        "two heads": lambda: tiny.sasrec(attention_num_heads=2),
        "GRU4Rec": lambda: GRU4Rec(tiny.ITEMS, tiny.LENGTH, 8),
        "BERT4Rec": lambda: BERT4Rec(tiny.ITEMS, tiny.LENGTH, 8),
    }[kind]()
    return tiny.stir(made)


KINDS = ["SASREC", "SSEPT", "two heads", "GRU4Rec", "BERT4Rec"]


def arguments(kind: str, lengths: list[int], seed: int) -> tuple[torch.Tensor, ...]:
    histories = tiny.padded(tiny.histories(lengths, seed=seed))
    users = torch.arange(1, len(lengths) + 1)
    return (histories, users) if kind == "SSEPT" else (histories,)


def exported(kind: str, made: SequenceModel) -> torch.export.ExportedProgram:
    example = arguments(kind, [2, 6], seed=0)
    shapes = tuple({0: Dim("batch")} for _ in example)
    return export(Scores(made), example, dynamic_shapes=shapes)


def expected(kind: str, made: SequenceModel, given: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return made.score(given[1] if kind == "SSEPT" else None, given[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_scores_are_the_models(kind: str) -> None:
    made = model(kind)
    for lengths in ([0, 1, 9], [6], [3, 0, 2, 5, 6]):
        given = arguments(kind, lengths, seed=len(lengths))
        torch.testing.assert_close(Scores(made)(*given), expected(kind, made, given))


@pytest.mark.parametrize("kind", KINDS)
def test_torch_export_for_any_batch(kind: str) -> None:
    made = model(kind)
    program = exported(kind, made).module()
    for lengths in ([1, 9, 4], [6], [3, 0, 2, 5, 6]):
        given = arguments(kind, lengths, seed=1)
        torch.testing.assert_close(program(*given), expected(kind, made, given))


@pytest.mark.parametrize("kind", ["SASREC", "SSEPT"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_onnx_for_any_batch(kind: str, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(
            package, reason="not installed: pip install onnx onnxscript onnxruntime"
        )
    runtime = pytest.importorskip(
        "onnxruntime", reason="not installed: pip install onnx onnxscript onnxruntime"
    )
    made, path = model(kind), tmp_path / "model.onnx"
    names = ["histories", "users"][: 1 + (kind == "SSEPT")]
    torch.onnx.export(
        exported(kind, made), f=path, input_names=names, verbose=False, optimize=False
    )
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [put.name for put in session.get_inputs()] == names
    for lengths in ([1, 9, 4], [6], [3, 0, 2, 5, 6]):
        given = arguments(kind, lengths, seed=1)
        (scores,) = session.run(None, dict(zip(names, (x.numpy() for x in given), strict=True)))
        np.testing.assert_allclose(scores, expected(kind, made, given).numpy(), 1e-4, 1e-5)


def test_it_is_a_copy_without_dropout() -> None:
    made = tiny.stir(tiny.sasrec(dropout_rate=0.5)).train()
    scores = Scores(made)
    given = arguments("SASREC", [4, 6], seed=2)
    before = scores(*given)
    assert torch.equal(scores(*given), before)
    assert made.training
    tiny.stir(made, seed=3)
    assert torch.equal(scores(*given), before)
    assert not any(weight.requires_grad for weight in scores.parameters())
    assert all(weight.requires_grad for weight in made.parameters())


def test_what_cannot_be_exported() -> None:
    with pytest.raises(TypeError, match="must be a SequenceModel that reads no times, got Linear"):
        Scores(torch.nn.Linear(2, 2))  # type: ignore[arg-type]
    scores = Scores(tiny.sasrec())
    with pytest.raises(ValueError, match=r"\(2, 5\): must be \(batch, seq_max_len=6\)"):
        scores(torch.zeros(2, 5, dtype=torch.int64))
