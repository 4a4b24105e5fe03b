"""The script that another interpreter runs, with a stand-in for RecTools, which is not here."""

import ast
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from seqrec_lib.benchmark import peer as benchmark_peer
from seqrec_lib.benchmark.worker import save_dataset
from seqrec_lib.data.dataset import SASRecDataSet


def test_peer_script_imports_nothing_that_its_interpreter_may_lack():
    source = Path(benchmark_peer.__file__).read_text()
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            found.add(ast.literal_eval(node.args[0]).split(".")[0])
    known = {"numpy", "pandas", "torch", "rectools", "pytorch_lightning"}
    assert found - sys.stdlib_module_names == known


FAKES = {
    "torch/__init__.py": """
        def set_num_threads(n): pass
        def get_num_threads(): return 7
    """,
    "pytorch_lightning/__init__.py": """
        class Trainer:
            def __init__(self, **settings): self.settings = settings
    """,
    "pytorch_lightning/callbacks.py": """
        class LambdaCallback:
            def __init__(self, **hooks): self.__dict__.update(hooks)
    """,
    "rectools/dataset.py": """
        class Dataset:
            @classmethod
            def construct(cls, table):
                made = cls()
                made.table, made.user_id_map = table, made
                made.external_ids = sorted(set(table.user_id))
                return made
    """,
    "rectools/models/nn/transformers/sasrec.py": """
        import copy, json, sys
        class SASRecModel:
            def __init__(self, *, get_trainer_func, **settings):
                self.trainer, self.settings = get_trainer_func(), settings
                print("a library that talks")
            def fit(self, dataset):
                trainer = copy.deepcopy(self.trainer).settings  # as RecTools does
                table = dataset.table
                assert table.datetime.is_monotonic_increasing
                rows = table.groupby("user_id").item_id.apply(list).to_dict()
                callbacks = trainer.pop("callbacks", [])
                print(json.dumps([self.settings, trainer, rows], default=int), file=sys.stderr)
                for _ in range(trainer["max_epochs"]):
                    for callback in callbacks:
                        callback.on_train_epoch_start(self, 1)
                        callback.on_train_epoch_end(self, 1)
            def recommend(self, **asked):
                print(len(asked["users"]), asked["k"], asked["filter_viewed"], file=sys.stderr)
    """,
}


@pytest.fixture(scope="module")
def fake_rectools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fakes")
    for name, source in FAKES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
    for name in ("rectools", "torch", "pytorch_lightning"):
        (folder / f"{name}-0.19.0.dist-info").mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.19.0\n"
        (folder / f"{name}-0.19.0.dist-info" / "METADATA").write_text(text)
    return folder


def ask_peer(fakes: Path, data: Path, told: str, **settings) -> tuple[list[dict], list[str]]:
    """The script's answers, and what it said on standard error."""
    settings = {
        "data": str(data),
        "rounds": 2,
        "batch_size": 128,
        "width": 50,
        "blocks": 2,
        "dropout": 0.2,
        "top": 10,
        "threads": 1,
        "device": "cpu",
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "-P", benchmark_peer.__file__, json.dumps(settings)],
        input=told,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(fakes)},
        timeout=300,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.splitlines()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """User 1 has items 5, 6, 7, 8, 9, user 2 has 5, 6: in training 5, 6, 7 and 5, 6."""
    path = tmp_path_factory.mktemp("saved") / "data.npz"
    save_dataset(SASRecDataSet.from_sequences({1: [5, 6, 7, 8, 9], 2: [5, 6]}), path)
    return path


def test_peer_trains_on_the_same_data_with_the_same_settings(fake_rectools, saved):
    settings = {"work": "train", "maxlen": 50, "loss": "softmax"}
    (ready, *rounds, summary), said = ask_peer(fake_rectools, saved, "go\n" * 3, **settings)
    assert (ready["sequences"], ready["threads"]) == (2, 7)
    assert ready["versions"]["rectools"] == "0.19.0"
    assert [set(one) for one in rounds] == [{"seconds"}] * 2
    assert summary["memory_mb"] > 5
    model, trainer, rows = json.loads(said[-1])
    assert rows == {"1": [5, 6, 7], "2": [5, 6]}
    wanted = {"session_max_len": 50, "n_factors": 50, "n_blocks": 2, "n_heads": 1}
    wanted |= {"dropout_rate": 0.2, "loss": "softmax", "batch_size": 128, "lr": 0.001}
    wanted |= {"n_negatives": 1, "train_min_user_interactions": 2, "epochs": 2}
    assert model == {**wanted, "recommend_torch_device": "cpu"}
    assert (trainer["max_epochs"], trainer["accelerator"]) == (2, "cpu")


def test_peer_recommends_from_whole_histories_after_one_batch(fake_rectools, saved):
    settings = {"work": "recommend", "maxlen": 200, "loss": "BCE"}
    (ready, *rounds, _), said = ask_peer(fake_rectools, saved, "go\n" * 3, **settings)
    assert (ready["sequences"], len(rounds)) == (2, 2)
    _, trainer, rows = json.loads(said[-3])
    assert rows == {"1": [5, 6, 7, 8, 9], "2": [5, 6]}
    assert trainer["limit_train_batches"] == 1
    assert said[-2:] == ["2 10 True"] * 2


def test_peer_ends_when_nobody_listens(fake_rectools, saved):
    settings = {"work": "train", "maxlen": 50, "loss": "BCE"}
    answers, said = ask_peer(fake_rectools, saved, "go\n", **settings)
    assert len(answers) == 2  # ready, one epoch, and then the talk is over
    assert said[-1] == "the benchmark has ended"


def test_peak_memory_is_the_process_s_own():
    script = (
        "from seqrec_lib.benchmark.peer import peak_memory; before = peak_memory();"
        "x = b'x' * (200 << 20); del x; print(before, peak_memory())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    if "None" in done.stdout:
        pytest.skip("this system does not say how much memory a process held")
    before, after = map(float, done.stdout.split())
    assert before < 200  # not what the process that started it holds
    assert 195 < after - before < 215
