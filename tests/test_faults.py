"""Random faults end in a right answer or in words; planted bugs do not."""

import collections
import os
import re
import sys
import threading
from pathlib import Path

import pytest
from faults import command, disk, planted
from faults.trial import SCENARIOS, Found, Surroundings, Trial, in_words

PAGE = Path(__file__).resolve().parents[1] / "notebooks" / "reliability.md"
SHORT = 150  # of 1,000, that the weekly run tries with other seeds
# Where each bug is looked for, so that the search takes a second; `--plant` looks everywhere.
NEAR = {
    "fractions are cut": ["a_prediction", "a_forward_pass"],
    "fractions are cut while padding": ["sequences_to_pad", "a_batch_of_lists"],
    "strided weights are walked as flat memory": ["weights_of_any_kind"],
    "a special embedding is packed": ["weights_of_any_kind"],
    "a column too many shifts the others": ["one_damaged_file_of_a_release"],
    "padding behind is trained on": ["somebody_elses_batches"],
    "a changed checkpoint is taken": ["a_checkpoint_that_changed"],
    "a changed model file is loaded": ["a_model_that_changed_on_disk"],
    "a model file is written in place": ["a_model_that_is_written"],
}
pytestmark = pytest.mark.filterwarnings("default")  # faults set their own


def test_faults_in_a_row_end_in_a_right_answer_or_in_words():
    kinds, refused, findings = command.run(seed=2, count=SHORT)
    assert findings == []
    assert len(kinds) > 25
    assert refused > SHORT // 5


@pytest.mark.parametrize("bug", NEAR)
def test_a_planted_bug_is_found(bug):
    with planted.planted(bug):
        _, _, findings = command.run(seed=3, count=150, only=NEAR[bug], until_found=True)
    assert len(findings) == 1
    assert isinstance(findings[0][2], Found)


def test_every_bug_is_looked_for():
    assert set(NEAR) == set(planted.BUGS)
    assert {kind for kinds in NEAR.values() for kind in kinds} <= set(SCENARIOS)


def raised(call):
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_raw_error_is_told_from_words():
    from seqrec_lib.common.checks import positive

    in_words(raised(lambda: positive("k", 0)), ["k"])
    with pytest.raises(Found, match="names none of"):
        in_words(raised(lambda: positive("k", 0)), ["batch_size"])
    with pytest.raises(Found, match="raw KeyError"):
        in_words(raised(lambda: {}["missing"]), [])
    with pytest.raises(Found, match="raw TypeError"):
        in_words(raised(lambda: 1 + "a"), [])


def test_what_is_left_behind_is_seen(tmp_path, monkeypatch):
    around, released = Surroundings(), threading.Event()
    around.check()
    with (tmp_path / "open").open("w"), pytest.raises(Found, match="left files open"):
        around.check()
    with monkeypatch.context() as change:
        change.setenv("SOMETHING", "else")
        with pytest.raises(Found, match="environment"):
            around.check()
    thread = threading.Thread(target=released.wait, name="seqrec_0")
    thread.start()
    with pytest.raises(Found, match="left threads"):
        around.check()
    released.set()
    thread.join()


def test_a_disk_fails_at_the_call_that_was_asked_for(tmp_path):
    place = tmp_path / "a"
    with disk.failing(str(tmp_path), 2, "full") as failing:
        place.write_text("1")
        with pytest.raises(OSError, match="No space"):
            os.replace(place, tmp_path / "b")
        os.replace(place, tmp_path / "b")  # only that call
    assert failing.calls == 3
    with disk.failing(str(tmp_path), 1, "killed"):
        for _ in range(2):  # and with a kill all that come after
            with pytest.raises(disk.Killed):
                os.unlink(tmp_path / "b")
    assert (tmp_path / "b").read_text() == "1"
    if sys.platform == "linux":
        with disk.limited(5), pytest.raises(OSError, match="too large"):
            (tmp_path / "c").write_bytes(b"123456")


def test_equal_seeds_draw_equal_faults(tmp_path):
    first, again = (Trial("x", 1, 7, tmp_path) for _ in range(2))
    assert [first.rng.random() for _ in range(3)] == [again.rng.random() for _ in range(3)]
    assert command.drawn(1, 7, ()) == command.drawn(1, 7, ())


def test_the_page_says_how_often_each_kind_is_tried():
    """The counts of the two commands that the page names, drawn again here."""
    text = PAGE.read_text(encoding="utf-8")
    short, long = (
        collections.Counter(command.drawn(seed, n, ()) for n in range(1, count + 1))
        for seed, count in ((2, SHORT), (1, 1000))
    )
    rows = re.findall(r"(?m)^\| .* \| (\d+) \| (\d+) \| ((?:`\w+`(?:, )?)+) \|$", text)
    said = {kind for *_, kinds in rows for kind in re.findall(r"\w+", kinds)}
    assert said == set(SCENARIOS)
    for in_short, in_long, kinds in rows:
        names = re.findall(r"\w+", kinds)
        assert int(in_short) == sum(short[name] for name in names), names
        assert int(in_long) == sum(long[name] for name in names), names
