"""What makes a commit a release, and what the workflow of releases may do."""

import re
from pathlib import Path

import pytest
import release

import seqrec_lib

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = (ROOT / ".github/workflows/release.yml").read_text("utf-8")
LOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2031-02-03\n\n### Added\n\n- x\n"
CITATION = "cff-version: 1.2.0\nversion: 1.2.3\ndate-released: 2031-02-03\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository that is ready."""
    (tmp_path / "seqrec_lib/common").mkdir(parents=True)
    (tmp_path / "seqrec_lib/common/version.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(LOG)
    (tmp_path / "CITATION.cff").write_text(CITATION)
    return tmp_path


def test_a_release_that_is_ready(tree):
    assert release.what_is_missing("v1.2.3", tree) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("seqrec_lib/common/version.py", "1.2.3", "1.3.0", "the tag is v1.2.3"),
        ("CHANGELOG.md", "[1.2.3] - 2031-02-03", "[1.2.3]", "no section '## [1.2.3]"),
        ("CHANGELOG.md", "ed]\n", "ed]\n\n### Fixed\n\n- y\n", "under [Unreleased]"),
        ("CITATION.cff", "version: 1.2.3", "version: 1.2.2", "no line 'version: 1.2.3'"),
        ("CITATION.cff", "02-03", "02-04", "no line 'date-released: 2031-02-03'"),
    ],
)
def test_what_is_missing_is_named(tree, name, old, new, complaint):
    text = (tree / name).read_text()
    assert old in text
    (tree / name).write_text(text.replace(old, new))
    assert any(complaint in line for line in release.what_is_missing("v1.2.3", tree))


def test_the_version_is_the_librarys():
    assert release.version() == seqrec_lib.__version__


def test_a_folder_without_a_wheel_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="one wheel and one sdist, and holds \\[\\]"):
        release.use(tmp_path)


def test_what_is_tried_is_what_the_readme_shows():
    code = release.readme_code()
    assert "num_epochs=20" in code
    compile(release.SHOP + release.SAMPLE + code, "script", "exec")


def test_only_a_tag_publishes():
    """Every job that may write, or gets an identity, asks for a tag first."""
    jobs = re.split(r"(?m)^  (?=[\w-]+:$)", WORKFLOW.partition("\njobs:\n")[2])[1:]
    assert len(jobs) >= 4
    publishing = [job for job in jobs if re.search(r"(?m)^      [\w-]+: write$", job)]
    assert [job.partition(":")[0] for job in publishing] == ["publish-pages", "publish-package"]
    for job in publishing:
        assert "if: startsWith(github.ref, 'refs/tags/v')" in job
        assert "needs: [package, pages]" in job
    assert "permissions:\n  contents: read\n" in WORKFLOW.partition("\njobs:\n")[0]


def test_no_secret_is_needed():
    assert "secrets." not in WORKFLOW
    assert "password:" not in WORKFLOW
    assert "pypa/gh-action-pypi-publish@release/v1" in WORKFLOW
