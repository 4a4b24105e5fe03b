"""Everything that a notebook or a user needs has one public path: `seqrec_lib`, or its `plots`."""

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

import seqrec_lib
from seqrec_lib import plots

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "seqrec_lib"
PUBLIC = {
    # data
    "Complement", "SASRecDataSet", "Sequences", "example_items", "filter_ratings", "load_dataset",
    "load_for_notebook", "load_movielens", "make_sample", "pad_sequences", "prepare",
    "prepare_split",
    "read_interactions", "read_log",
    # network
    "Encoder", "EncoderLayer", "FusedRows", "LayerNormalization", "MultiHeadAttention",
    "PaddedRows", "PointWiseFeedForward", "SequenceModel",
    # models
    "SASREC", "SSEPT", "SASRecConfig", "SSEPTConfig", "Scores", "build_model", "example_model",
    "fit", "grow",
    "load", "read_card", "read_weights", "save", "state_dict_for_recommenders", "trained_models",
    # explorer, exercises
    "Explorer", "explore", "check",
    # training
    "BCE", "GBCE", "SSE", "Batch", "CrossEntropy", "PaddedEngine", "SampledSoftmax",
    "TrainingOptions", "WarpSampler", "steps_an_epoch",
    # evaluation
    "Choices", "FilmPicker", "ItemKNN", "MarkovChain", "PersonalPopularity", "Popularity", "Ranks",
    "Scorer", "Strangers", "both_protocols", "candidate_ranks", "compare",
    "expected_sampled_hit_rate", "film_table", "full_ranks", "pairs_table", "protocol_table",
    "rank_of_target", "recommend",
    "sampled_candidates", "sampled_ranks", "similar_items", "summarise", "top_items", "user_values",
    # reproduce
    "CANDIDATE_SEED", "REPRODUCED_TABLES", "REPRODUCTION_TOLERANCE", "baselines_beside_runs",
    "compare_with_paper", "deviations_from_papers", "experiments", "find_recipes", "plan_runs",
    "published_results", "published_value", "recorded_curve", "recorded_ranks", "recorded_runs",
    "recorded_table", "run_cost", "run_label", "run_recipe", "verdict",
    # benchmark, common
    "World", "processes", "sequence_flops",
}  # fmt: skip


# The list --------------------------------------------------------------------------------------


def test_the_list_is_the_one_that_is_agreed_on():
    assert seqrec_lib.__all__ == sorted(PUBLIC)
    assert [name for name in dir(seqrec_lib) if name[0] != "_"] == sorted(PUBLIC)
    assert "__version__" in dir(seqrec_lib)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_name_is_what_its_module_defines(name):
    module = seqrec_lib._MODULE_OF[name]
    value = getattr(seqrec_lib, name)
    assert value is getattr(import_module(module), name)
    assert name in DEFINED[module]
    assert getattr(value, "__module__", module) in (module, "builtins")  # a constant has none
    if callable(value):
        assert inspect.getdoc(value), "it does not say what it is"


def test_all_can_be_imported_at_once():
    names: dict[str, object] = {}
    exec("from seqrec_lib import *", names)
    assert set(names) - {"__builtins__"} == PUBLIC


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'seqrec_lib' has no attribute 'SASRec'"):
        _ = seqrec_lib.SASRec


# One path for a name ---------------------------------------------------------------------------


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def defined(path: Path) -> set[str]:
    """Names that a file defines at its top level; imports and type variables are not among them."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign) and "TypeVar" in ast.unparse(node.value):
            continue
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found = (part for target in targets for part in ast.walk(target))
            names |= {part.id for part in found if isinstance(part, ast.Name)}
    return names


DEFINED = {module_of(path): defined(path) for path in sorted(LIBRARY.rglob("*.py"))}


def imports(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of each name of the library that is imported; name is "" for a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "seqrec_lib":
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            ours = [a.name for a in node.names if a.name.split(".")[0] == "seqrec_lib"]
            yield from ((name, "") for name in ours)


def second_paths(source: str) -> list[str]:
    """What is imported from elsewhere than where it is defined, the two public paths apart."""
    public = {"seqrec_lib": {*PUBLIC, "__version__"}, "seqrec_lib.plots": set(plots.__all__)}
    return [
        f"{module}.{name}"
        for module, name in imports(source)
        if name and name not in DEFINED[module] | public.get(module, set())
        if f"{module}.{name}" not in DEFINED
    ]


FILES = [
    path
    for folder in ("seqrec_lib", "tests", "notebooks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_imported_from_where_they_are_defined(path):
    assert second_paths(path.read_text(encoding="utf-8")) == []


def test_a_second_path_would_be_seen():
    source = "from seqrec_lib.evaluation.ranking import Ranks, full_ranks\n"
    assert second_paths(source) == ["seqrec_lib.evaluation.ranking.Ranks"]
    assert second_paths("from seqrec_lib.evaluation import ranking\n") == []
    assert second_paths("from seqrec_lib import Ranks, plots, short\n") == ["seqrec_lib.short"]


def test_a_public_name_is_defined_once():
    places = defaultdict(list)
    for module, names in DEFINED.items():
        for name in names & PUBLIC:
            places[name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_only_the_two_public_modules_hand_names_on():
    assert {module for module, names in DEFINED.items() if "__all__" in names} == {
        "seqrec_lib", "seqrec_lib.plots",
    }  # fmt: skip


# Notebooks and texts ---------------------------------------------------------------------------


def code_of_a_text(text: str) -> str:
    """The Python of a Markdown text: blocks that are fenced as Python."""
    return "\n".join(re.findall(r"(?ms)^```python\n(.*?)^```", text))


def code_of(path: Path) -> str:
    if path.suffix == ".md":
        return code_of_a_text(path.read_text(encoding="utf-8"))
    cells = nbformat.read(path, as_version=4)["cells"]
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    texts = [code_of_a_text(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return re.sub(r"(?m)^\s*[%!].*$", "", "\n".join([*code, *texts]))


TEXTS = [
    *sorted(ROOT.glob("notebooks/*.ipynb")),
    *sorted(ROOT.glob("notebooks/solutions/*.ipynb")),
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("notebooks/*.md")),
    *sorted(ROOT.glob("data/*.md")),
]


def private_paths(source: str) -> list[str]:
    """What is imported by another path than the two public ones, and `sl.name` that is not public.

    Inside strings, too: a program that a notebook starts imports like the notebook.
    """
    wrong = [
        f"{module} {name}".strip()
        for module, name in imports(source)
        if module not in ("seqrec_lib", "seqrec_lib.plots")
        or (module == "seqrec_lib" and name not in {"", "plots", "__version__"} | PUBLIC)
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            deep = r"(?m)^\s*(?:from|import) (seqrec_lib\.(?!plots\b)[\w.]+)"
            wrong += re.findall(deep, node.value)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            there = {"sl": {"__file__", "__version__"} | PUBLIC, "plots": set(plots.__all__)}
            if node.attr not in there.get(node.value.id, {node.attr}):
                wrong.append(f"{node.value.id}.{node.attr}")
    return wrong


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_notebooks_and_texts_use_public_paths_only(path):
    assert private_paths(code_of(path)) == []


def test_a_private_path_would_be_seen():
    source = """
import seqrec_lib as sl
import seqrec_lib.plots
from seqrec_lib import Ranks, plots
from seqrec_lib.evaluation.ranks import Ranks
from seqrec_lib import reproduce
program = "import sys\\nfrom seqrec_lib.data import loading"
sl.Ranks, sl.nothing, plots.lines, plots.drawing
"""
    assert sorted(private_paths(source)) == [
        "plots.drawing",
        "seqrec_lib reproduce",
        "seqrec_lib.data",
        "seqrec_lib.evaluation.ranks Ranks",
        "sl.nothing",
    ]
    assert code_of_a_text("Text\n```python\nimport math\n```\n    make test\n") == "import math\n"
