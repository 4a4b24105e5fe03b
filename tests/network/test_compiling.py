"""Compiled code on disk is a convenience: found again when whole, never missed when not."""

import ast
import logging
import os
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from seqrec_lib.network.fast import compiling

# A loop of its own; what it gives, and whether it was found on disk.
PROGRAM = """
import os, resource, sys
import numpy as np
from seqrec_lib.network.fast.compiling import compiled
{before}
@compiled()
def double(x, out):
    for j in range(len(x)):
        out[j] = x[j] + x[j]
x = np.arange(3.0)
double(x, x)
print(x.tolist(), dict(double.stats.cache_hits) != {{}})
"""


def run(folder, before="", environment=()):
    """Standard output and error of PROGRAM in a process of its own."""
    place = {"NUMBA_CACHE_DIR": str(folder)} if folder else {}
    environment = os.environ | place | dict(environment)
    program = PROGRAM.format(before=textwrap.dedent(before))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr.strip()


def fresh():
    """As in a new process: a loop that nothing has been compiled of here."""

    def double(x, out):
        for j in range(len(x)):
            out[j] = x[j] + x[j]

    return compiling.compiled()(double)


def found(loop) -> bool:
    """Whether it was on disk; it gives the right numbers either way."""
    x = np.arange(5.0)
    loop(x, x)
    assert x.tolist() == [0, 2, 4, 6, 8]
    return bool(loop.stats.cache_hits)


@pytest.fixture
def folder(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling, "_said", set())
    caplog.set_level(logging.INFO, "seqrec_lib")
    return tmp_path


def kept(folder):
    (file,) = [path for path in folder.rglob("*") if path.is_file()]
    return file


def test_what_one_process_compiled_the_next_one_finds(folder):
    assert run(folder)[0] == "[0.0, 2.0, 4.0] False"
    assert run(folder) == ("[0.0, 2.0, 4.0] True", "")


def test_a_line_says_that_it_compiles_once_a_process(folder, caplog):
    found(fresh())
    found(fresh())
    x = np.arange(5, dtype=np.float32)
    fresh()(x, x)
    (line,) = caplog.messages
    assert "compiles" in line
    assert "10 to 30 seconds, the first time only" in line
    assert str(kept_folder(folder)) in line


def kept_folder(folder):
    (inside,) = folder.iterdir()
    return inside


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The name and the content of a file as it should be."""
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("whole")
        patched.setenv("NUMBA_CACHE_DIR", str(folder))
        assert not found(fresh())
        return kept(folder).relative_to(folder), kept(folder).read_bytes()


def damaged(folder, whole, content):
    """A wrong file gives right numbers, and a right one is there afterwards."""
    file = folder / whole[0]
    file.parent.mkdir()
    file.write_bytes(content)
    assert not found(fresh())
    assert found(fresh())


@pytest.mark.parametrize("size", [0, 31, 32, 5000, -1])
def test_a_file_that_was_cut_is_compiled_anew(folder, whole, size):
    damaged(folder, whole, whole[1][:size])


@pytest.mark.parametrize("seed", range(4))
def test_a_file_with_a_wrong_bit_is_compiled_anew(folder, whole, seed):
    luck, content = np.random.default_rng(seed), bytearray(whole[1])
    content[luck.integers(len(content))] ^= 1 << luck.integers(8)
    damaged(folder, whole, content)


def test_code_of_another_source_is_compiled_anew(folder, monkeypatch):
    assert not found(fresh())
    with monkeypatch.context() as patched:
        patched.setattr(compiling, "_stamp", lambda: b"of a loop that was changed")
        assert not found(fresh())
        assert found(fresh())
    assert not found(fresh())
    kept(folder)  # one file: what is out of date does not pile up


def test_the_stamp_is_that_of_all_sources(tmp_path, monkeypatch):
    """numba alone looks at the file of a loop, and not at those of the loops inside it."""
    stamp = compiling._stamp()
    for source in compiling._HERE.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(compiling, "_HERE", tmp_path)
    monkeypatch.setattr(compiling, "_stamp", compiling._stamp.__wrapped__)
    assert compiling._stamp() == stamp
    with (tmp_path / "kernels.py").open("a") as file:
        file.write("# changed\n")
    assert compiling._stamp() != stamp


def test_no_loop_gives_another_a_constant_of_python():
    """numba would compile that other one once more for it; NumPy's constants are like variables."""
    trees = [ast.parse(path.read_text("utf-8")) for path in compiling._HERE.glob("*kernels.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    loops = {function.name for function in functions if function.decorator_list}
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    calls = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in loops]
    assert len(calls) > 50
    constant = [c for c in calls if any(isinstance(value, ast.Constant) for value in c.args)]
    assert [ast.unparse(call) for call in constant] == []


def test_with_no_folder_at_all_it_works_and_one_line_says_so(folder, monkeypatch, caplog):
    (folder / "a file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "a file"))
    assert not found(fresh())
    assert not found(fresh())
    (line,) = caplog.messages
    assert "in every process" in line
    assert f"none can be written of {folder / 'a file'}" in line
    assert "NUMBA_CACHE_DIR=FOLDER" in line


@pytest.fixture
def open_folder():
    """One that everybody can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        folder.chmod(0o755)
        yield folder
        for part in (folder, *folder.iterdir()):
            part.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="other systems have other rights")
def test_a_folder_that_may_be_read_only_serves_and_is_not_needed(open_folder):
    """As another user than root, who may write everything."""
    before = """
    if os.geteuid() == 0:
        from numba.core.registry import cpu_target  # what root may import, and nobody else
        cpu_target.typing_context.refresh(), cpu_target.target_context.refresh()
        compiled()(lambda x: x)(1)
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        from seqrec_lib.network.fast import compiling
        compiling._said.clear()
    """
    run(open_folder)
    inside = kept_folder(open_folder)
    inside.chmod(0o555)
    open_folder.chmod(0o555)
    assert run(open_folder, before)[0] == "[0.0, 2.0, 4.0] True"
    (file,) = inside.glob("*double*")
    file.unlink()
    said, lines = run(open_folder, before)
    assert said == "[0.0, 2.0, 4.0] False"
    assert "in every process" in lines.splitlines()[-1]
    assert not file.exists()


@pytest.mark.skipif(os.name != "posix", reason="a limit of POSIX")
def test_a_disk_that_is_full_halfway_through_a_file(folder):
    before = "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    said, lines = run(folder, before)
    assert said == "[0.0, 2.0, 4.0] False"
    assert "cannot be kept" in lines
    assert "File too large" in lines
    assert len(lines.splitlines()) == 2
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_it_looks_beside_the_sources_and_then_among_the_users_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    places = {"HOME": tmp_path, "XDG_CACHE_HOME": tmp_path, "LOCALAPPDATA": tmp_path}
    for name, place in places.items():
        monkeypatch.setenv(name, str(place))
    beside, users = compiling._folders()
    assert beside == compiling._HERE / "__pycache__"
    assert tmp_path in users.parents


def test_a_user_without_a_home_gets_no_folder_called_tilde(monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a number without a name
    assert all(folder.is_absolute() for folder in compiling._folders())


def test_several_processes_at_once_share_a_folder(folder):
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: run(folder)[0][:15], range(3)))
    assert results == ["[0.0, 2.0, 4.0]"] * 3
    kept(folder)  # one file


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_child_that_was_forked_while_another_thread_compiled_can_compile(folder):
    before = """
    import threading, time
    from numba.core.compiler_lock import global_compiler_lock
    held = threading.Event()
    def compiles():
        with global_compiler_lock:
            held.set()
            time.sleep(0.2)
    threading.Thread(target=compiles).start()
    held.wait()
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run(folder, before)[0] == "[0.0, 2.0, 4.0] False"
