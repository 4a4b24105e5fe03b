"""The repository agrees with itself: versions, lists of packages, links, and what lies where."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import seqrec_lib

ROOT = Path(__file__).resolve().parents[1]
MAX_BYTES = 5_000_000
TOP_LEVEL = {
    # what a reader looks for
    "README.md", "notebooks", "seqrec_lib", "environment.yml", "tests", "data",
    # what tools need
    ".ci", ".github", ".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE",
    "LICENSE-TEXTS", "Makefile", "pyproject.toml", "requirements.txt",
}  # fmt: skip
# Installed to be run, not imported.
TOOLS = {
    "ipykernel", "jupyterlab",
    "mypy", "nbval", "pandas-stubs", "pytest-xdist", "ruff",
    "onnx", "onnxruntime", "onnxscript", "pyarrow",  # looked for when they are needed
}  # fmt: skip
# Of this or that author's machine. Files in which such a path is meant, with the reason:
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:home|root|work|tmp|Users)/\w+|\b[A-Z]:\\+Users\\")
MACHINE_PATH_MEANT: dict[str, str] = {}


def git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git clone: the list of tracked files is not known")
    return done.stdout


def tracked() -> list[Path]:
    """Paths relative to ROOT. A file deleted, and not committed yet, is not among them."""
    names = (Path(name) for name in git("ls-files", "-z").split("\0") if name)
    return [name for name in names if (ROOT / name).is_file()]


def pins() -> dict[str, tuple[Requirement, str]]:
    """Name → (requirement, reason), of requirements.txt."""
    found = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        requirement, _, reason = line.partition("#")
        if requirement.strip():
            parsed = Requirement(requirement)
            found[canonicalize_name(parsed.name)] = (parsed, reason.strip())
    return found


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def imported_by(sources: Iterator[str]) -> set[str]:
    """Names of the distributions that are imported, less Python's own and this repository's."""
    modules = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules.add(node.module.split(".")[0])
    files = [path for path in tracked() if path.suffix == ".py"]
    packages = {path.parent.name for path in files if path.name == "__init__.py"}
    own = {"seqrec_lib", *packages, *(path.stem for path in files)}
    owners = packages_distributions()
    return {
        canonicalize_name(owners.get(module, [module])[0])
        for module in modules - own - set(sys.stdlib_module_names)
    }


def python_sources(*folders: str) -> Iterator[str]:
    for path in tracked():
        if path.suffix == ".py" and path.parts[0] in folders:
            yield (ROOT / path).read_text(encoding="utf-8")


def notebook_sources() -> Iterator[str]:
    for path in tracked():
        if path.suffix == ".ipynb":
            for cell in json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    yield re.sub(r"(?m)^\s*[%!].*$", "", "".join(cell["source"]))


def test_requirements_are_pinned_exactly_and_give_their_reason():
    assert next(iter(pins())) == "torch", "pip should see the pin of torch first"
    for name, (requirement, reason) in pins().items():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), f"{name} is not pinned"
        assert len(reason.split()) > 1, f"{name} has no reason in requirements.txt"


def test_pins_lie_in_the_ranges_of_the_library():
    optional = project()["optional-dependencies"]["notebooks"]
    for dependency in map(Requirement, [*project()["dependencies"], *optional]):
        pin, _ = pins()[canonicalize_name(dependency.name)]
        (version,) = (specifier.version for specifier in pin.specifier)
        assert dependency.specifier.contains(version), f"{pin} is outside of {dependency}"


def test_library_declares_exactly_what_it_imports():
    optional = project()["optional-dependencies"]["notebooks"]
    named = [*project()["dependencies"], *optional]
    declared = {canonicalize_name(Requirement(text).name) for text in named}
    assert declared == imported_by(python_sources("seqrec_lib"))


def test_requirements_list_exactly_what_is_used():
    sources = [*python_sources("seqrec_lib", "tests", "notebooks"), *notebook_sources()]
    imported = imported_by(iter(sources))
    # What another one always brings along needs no line of its own.
    needed = (Requirement(text) for name in pins() for text in requires(name) or ())
    brought = {canonicalize_name(r.name) for r in needed if "extra" not in str(r.marker)}
    assert imported - set(pins()) - brought == set()
    assert set(pins()) - imported - TOOLS == set()


def test_environment_yml_has_no_list_of_its_own():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    entries = [line.strip().removeprefix("- ") for line in lines if line.strip().startswith("- ")]
    python = f"python{project()['requires-python']}"
    assert entries == ["conda-forge", python, "pip", "pip:", "-r requirements.txt", "-e ."]


def test_every_python_of_the_workflow_is_supported():
    workflow = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    versions = re.findall(r'"(3\.\d+)"', workflow)
    assert len(versions) >= 3
    assert all(SpecifierSet(project()["requires-python"]).contains(v) for v in versions)
    assert "bash .ci/run" in workflow
    assert "make tutorial" in workflow


def test_one_version_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^version: (.+)$", citation, re.MULTILINE)
    assert seqrec_lib.__version__ == cited[1]
    assert project()["dynamic"] == ["version"]
    assert "version" not in project()


def test_top_level_holds_only_what_belongs_there():
    assert {path.parts[0] for path in tracked()} - TOP_LEVEL == set()


def test_ci_script_can_be_executed():
    assert git("ls-files", "--stage", ".ci/run").startswith("100755 ")


def test_no_file_is_large():
    large = {str(p): (ROOT / p).stat().st_size for p in tracked()}
    assert {name: size for name, size in large.items() if size > MAX_BYTES} == {}


def test_no_path_of_a_machine():
    found = [
        f"{path}: {match[0]}"
        for path in tracked()
        if str(path) not in MACHINE_PATH_MEANT
        for match in MACHINE_PATH.finditer((ROOT / path).read_text("utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize("text", ["at /ho" + "me/jo/x.py", "'/tm" + "p/x'", "C:\\" + "Users\\jo"])
def test_paths_of_machines_are_recognised(text):
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["~/tmp/x", "https://host/work/x", "a/tmp/x", "../home/x", "/tmp"])
def test_other_paths_are_left_alone(text):
    assert not MACHINE_PATH.search(text)


def prose(path: Path) -> str:
    """The Markdown of a file or of a notebook's cells, without its code."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", text)


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as GitHub writes them and as JupyterLab does."""
    headings = [
        re.sub(r"[*`]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip()
        for heading in re.findall(r"(?m)^#+ +(.+)$", (ROOT / path).read_text(encoding="utf-8"))
    ]
    if path.suffix == ".ipynb":
        headings = re.findall(r"(?m)^#+ +(.+)$", prose(path))
    github = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
    return github | {h.replace(" ", "-") for h in headings}


def broken_links(path: Path, known: set[Path]) -> list[str]:
    """Links to files that a fresh clone does not have, and to headings that are not there."""
    broken = []
    for link in re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / path.parent / name).resolve() if name else ROOT / path
        if target != ROOT and target.relative_to(ROOT) not in known:
            broken.append(f"{path}: {link}: no such file")
        elif anchor and anchor not in anchors(target.relative_to(ROOT)):
            broken.append(f"{path}: {link}: no such heading")
    return broken


def test_local_links_lead_somewhere():
    files = tracked()
    known = {parent for path in files for parent in (path, *path.parents)}
    pages = [path for path in files if path.suffix in (".md", ".ipynb")]
    assert len(pages) >= 4
    assert [broken for page in pages for broken in broken_links(page, known)] == []


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("there.md", ""),
        ("there.md#some-heading", ""),
        ("#own-heading", ""),
        ("https://example.org/no", ""),
        ("gone.md", "no such file"),
        ("there.md#another", "no such heading"),
        ("#elsewhere", "no such heading"),
    ],
)
def test_broken_links_are_seen(link, complaint, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "there.md").write_text("# Some `heading`\n", encoding="utf-8")
    cells = [{"cell_type": "markdown", "source": ["# Own heading\n", f"a [link]({link})"]}]
    (tmp_path / "here.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    broken = broken_links(Path("here.ipynb"), {Path("here.ipynb"), Path("there.md")})
    assert [text.rsplit(": ", 1)[1] for text in broken] == ([complaint] if complaint else [])
