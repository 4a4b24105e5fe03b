"""Where a recorded number comes from: the right commit, and the processor's own name."""

import shutil
import subprocess

import pytest

from seqrec_lib.common.provenance import commit, processor


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_run_notes_the_commit_of_its_code_and_whether_it_was_changed(tmp_path):
    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        words = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    code, beside = tmp_path / "library" / "runs.py", tmp_path / "data.csv"
    code.parent.mkdir()
    code.write_text("one = 1")
    beside.write_text("a\n")
    git("init")
    assert commit(code) == "", "nothing of it is committed"
    git("add", "data.csv")
    git("commit", "-m", "somebody else's")
    assert commit(code) == "", "the commit of another project"
    git("add", "library")
    git("commit", "-m", "the library")
    made = git("rev-parse", "--short", "HEAD")
    beside.write_text("a\n1\n")  # what was recorded just before is no change of the code
    assert commit(code) == made
    code.write_text("one = 2")
    assert commit(code) == made + "+"


@pytest.mark.skipif(shutil.which("lscpu") is None, reason="lscpu is not installed")
def test_the_processor_is_named_as_lscpu_names_it():
    asked, english = [str(shutil.which("lscpu"))], {"LC_ALL": "C"}
    said = subprocess.run(asked, capture_output=True, text=True, check=True, env=english)
    fields = dict(line.split(":", 1) for line in said.stdout.splitlines() if ":" in line)
    names = {fields.get("Model name", "").strip(), fields["Architecture"].strip()}
    assert processor() in names
