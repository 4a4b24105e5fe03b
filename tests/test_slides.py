"""Slides: what they take over from the lessons, that exercises are right, that every slide fits."""

import json
import re
from pathlib import Path

import browser
import numpy as np
import pandas as pd
import pytest
import torch
from index_page import index_page
from pages import copy_prints
from slides import code, deck, exercise, first_rows, lesson, one_head, read_slides, write_decks

import seqrec_lib as sl

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
TEXTS = {p.stem: p.read_text("utf-8") for p in sorted((NOTEBOOKS / "slides").glob("session_*.md"))}
MINUTES = 90  # of a session, says for_teachers.md
# Of the slide that is shown: what sticks out, what lies on something else, which figures are blank.
LOOK = """() => {
  const slide = Reveal.getCurrentSlide(), box = n => n.getBoundingClientRect(), wrong = [];
  for (const node of slide.querySelectorAll('.slide *:not(aside, aside *)')) {
    const at = box(node), name = node.tagName + ' ' + node.innerText?.slice(0, 30);
    if (at.right > 1280.5 || at.bottom > 720.5 || at.left < -.5 || at.top < -.5) wrong.push(name);
    if (node.matches('pre') && node.scrollWidth > node.clientWidth + 1) wrong.push('cut ' + name);
  }
  const parts = [...slide.querySelectorAll('.slide > *:not(aside)')];
  parts.forEach((a, at) => parts.slice(at + 1).forEach(b => {
    const [p, q] = [box(a), box(b)];
    const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (across > 1 && down > 1) wrong.push(a.className + ' lies on ' + b.className);
  }));
  const figures = [...slide.querySelectorAll('img')];
  for (const figure of figures) {
    if (!figure.complete || !figure.naturalWidth || box(figure).height < 200) wrong.push('figure');
    if (figure.alt.length < 20) wrong.push('no text alternative');
  }
  return {wrong, figures: figures.length};
}"""


def test_each_session_of_the_plan_has_slides_of_its_name():
    plan = (NOTEBOOKS / "for_teachers.md").read_text("utf-8")
    planned = re.findall(r"(?m)^### (\d .+)$", plan)
    assert [read_slides(text)[0].heading for text in TEXTS.values()] == planned
    assert len(planned) == 6


@pytest.mark.parametrize("session", TEXTS)
def test_minutes_of_the_notes_add_up(session):
    deck = read_slides(TEXTS[session])
    assert sum(slide.minutes for slide in deck) == MINUTES
    assert all(len(slide.notes.split()) >= 3 for slide in deck), "a slide without notes"


@pytest.mark.parametrize("session", TEXTS)
def test_a_session_has_an_exercise_its_answer_and_homework(session):
    tasks = [slide.heading for slide in read_slides(TEXTS[session]) if slide.layout == "exercise"]
    assert [heading.split(":")[0] for heading in tasks] == ["Exercise", "Answer", "At home"]


@pytest.mark.parametrize("session", TEXTS)
def test_numbers_on_slides_are_those_of_the_lessons(session):
    """With three digits or more behind the point; a lesson that runs again may change them."""
    deck = read_slides(TEXTS[session])
    lessons = re.findall(r"\b\d\d\b", " ".join(deck[0].parts))
    known = " ".join(json.dumps(lesson(number).cells, ensure_ascii=False) for number in lessons)
    for slide in deck:
        if slide.layout != "exercise":  # these have numbers of their own, which are computed below
            said = re.findall(r"\b0\.\d{3,}\b", f"{slide.heading} {slide.parts} {slide.notes}")
            assert [number for number in said if number not in known] == [], slide.heading


def test_a_text_becomes_slides():
    text = "# 1 T\nsub\nNotes (2 min): a\nb\n\n## Two\nlayout: question\n```\n## no slide\n```\n"
    first, second = read_slides(text + "figure: 03 cell-42\nfigure: 03 cell-40\nafter\n")
    assert (first.heading, first.layout, first.minutes) == ("1 T", "title", 2)
    assert first.notes.split() == ["a", "b"]
    assert (second.heading, second.layout, second.minutes) == ("Two", "question", 0)
    assert second.parts[0].startswith("```\n## no slide")
    assert second.parts[1:] == ["figure: 03 cell-42", "figure: 03 cell-40", "after"]


def test_a_definition_is_cut_out_of_a_cell():
    source = (
        "x = 1\n\n\nclass A:\n    def f(self):\n        return 1\n\n    def g(self):\n        pass"
    )
    assert code(source, "A.f", "") == "def f(self):\n    return 1"
    assert code(source, None, "") == source
    with pytest.raises(LookupError, match="nothing is defined as 'B'"):
        code(source, "B", "")


def test_the_name_of_an_index_needs_no_row_of_its_own():
    frame = pd.DataFrame({"title": ["Alien"]}, index=pd.Index([46], name="position"))
    table = frame.to_html()
    assert table.count("<tr") == 3
    assert one_head(table).count("<tr") == 2
    assert re.findall(r"<th>(\w*)</th>", one_head(table)) == ["position", "title", "46"]
    plain = frame.rename_axis(None).to_html()
    assert one_head(plain) == plain


def test_rows_and_exercises_are_taken_over():
    table = "<table><thead><tr></tr></thead><tbody><tr>1</tr><tr>2</tr></tbody></table>"
    assert first_rows(table, 1).count("<tr>") == 2
    task = exercise("02", "1")
    assert task.startswith("*(easy)* Multiply the scores")
    assert "*Hint:* it's a temperature." in task
    assert "2." not in task


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("figure: 02 nowhere", "lesson 02 has no cell 'nowhere'"),
        ("figure: 02 efe03f1a", "the cell has no figure"),
        ("table: 02 07", "no cell '07'"),
        ("code: 02 a0daea99 attend_9", "nothing is defined as 'attend_9'"),
        ("exercise: 02 9", "lesson 02 has no exercise 9"),
        ("figure: 99 x", "there is no lesson 99"),
    ],
)
def test_what_a_lesson_does_not_have_is_named(line, complaint):
    with pytest.raises(LookupError, match=re.escape(complaint)):
        deck(f"# 1 T\n\n## Two\n{line}\n")


def test_a_page_that_would_fetch_something_is_refused():
    with pytest.raises(ValueError, match=r"would fetch <img src=https://host/x\.png>"):
        deck('# 1 T\n\n## Two\n<img src="https://host/x.png">\n')


def answer_of(session: int) -> str:
    """The slide with the answers of a session's exercise."""
    (slide,) = (s for s in read_slides(TEXTS[f"session_{session}"]) if s.heading[:6] == "Answer")
    return f"{slide.heading}\n" + "\n".join(slide.parts)


def test_answer_1_is_what_the_library_does():
    films = ["Toy Story", "Aliens", "Alien", "Star Wars", "Babe"]
    ids, times = [1, 1200, 1214, 260, 34], [5, 12, 12, 31, 31]
    log = pd.DataFrame({"user": "Ada", "item": ids, "time": times})
    names, said = dict(zip(ids, films, strict=True)), answer_of(1)
    for rule in ("file", "item"):
        data = sl.prepare(log, min_item_count=1, ties=rule, verbose=False)
        order = [names[item] for item in data.history_frame("Ada")["item"]]
        row = f"| `{rule}` | {', '.join(order)} | {order[-2]} | **{order[-1]}** |"
        assert row in said
        if rule == "file":
            assert f"$n = 3$: {', '.join(order[1:4])}." in said
            assert f"$n = 6$: 0, 0, {', '.join(order[:4])}." in said


def test_answer_2_is_attention():
    x = torch.tensor([[1.0, 0], [0, 1], [2, 0]])
    weights = (x @ x.T).softmax(dim=-1)
    said = answer_of(2)
    assert "**0.12, 0.02, 0.87**" in said
    assert weights[2].numpy() == pytest.approx([0.12, 0.02, 0.87], abs=0.006)
    assert (weights @ x)[2].numpy() == pytest.approx([1.85, 0.02], abs=0.006)
    assert "**0.21, 0.57, 0.21**" in said
    assert weights[1].numpy() == pytest.approx([0.21, 0.57, 0.21], abs=0.01)
    assert (x @ x.T)[1, :2].softmax(dim=-1).numpy() == pytest.approx([0.27, 0.73], abs=0.005)


def test_answer_3_is_a_batch_and_two_losses():
    said = answer_of(3)
    assert round(-np.log(0.8) - np.log(1 - 0.3), 2) == 0.58
    assert round(-np.log(0.13), 2) == 2.04
    assert "= **0.58**" in said
    assert "**2.04.**" in said
    model = sl.SASREC(3416, 50, embedding_dim=50)
    assert sum(weights.numel() for weights in model.parameters()) == 213_850
    assert "**170,850**" in said
    assert (3416 + 1) * 50 == 170_850
    assert "**80%**" in said
    assert round(170_850 / 213_850, 2) == 0.8


def test_answer_4_is_what_metrics_say():
    said = {"specialist": ([1, 1, 900, 2000], [1, 1, 28, 61])}
    said["generalist"] = ([40, 60, 80, 120], [2, 2, 3, 4])
    text = answer_of(4).replace("*", "")
    for name, protocols in said.items():
        cells = []
        for found in protocols:
            better = np.array(found) - 1
            ranks = sl.Ranks(np.arange(1, 5), better, np.zeros(4, int), np.full(4, 3000))
            values = sl.summarise(ranks, ks=(10,))["value"]
            cells += [f"{values[metric]:.2f}" for metric in ("HR@10", "NDCG@10")]
        row = f"| {name} | {' | '.join(cells)} |".replace("0.00", "0")
        assert row in text


def test_answers_5_and_6_are_arithmetic():
    said = answer_of(5) + answer_of(6)
    assert [draw > 0.08 for draw in (0.03, 0.95, 0.50, 0.07)] == [False, True, True, False]
    assert "**0.92**" in said
    seeds = np.mean([0.5901, 0.5846, 0.5876])
    assert f"**{seeds:.4f}**" in said
    assert abs(seeds - 0.590) < 0.004
    assert abs(seeds - 0.587) < 0.004
    assert 10_000_000 * 50 * 16 == 8e9
    assert "**8 GB**" in said


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert len(write_decks(out)) == 6
    return out / "slides"


def test_the_index_leads_to_the_slides_and_to_what_is_printed(written):
    decks = [(f"slides/{path.name}", path.stem) for path in sorted(written.glob("*.html"))]
    decks += copy_prints(NOTEBOOKS, written.parent)
    assert ("cheat_sheet.pdf", "Cheat sheet") in decks
    links = re.findall(r'href="([^"]+)"', index_page([], [], decks).partition("For a class")[2])
    assert links == [path for path, _ in decks]
    assert all((written.parent / link).is_file() for link in links)
    assert "For a class" not in index_page([], [])


@pytest.fixture(scope="module")
def page():
    with browser.window(1280, 720) as page:
        yield page


@pytest.mark.parametrize("session", TEXTS)
def test_every_slide_fits_and_nothing_is_fetched(session, written, page):
    address, asked = (written / f"{session}.html").as_uri(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_function("() => window.Reveal?.isReady()")
    total, figures = page.evaluate("Reveal.getTotalSlides()"), 0
    assert total == len(read_slides(TEXTS[session]))
    for number in range(total):
        page.evaluate(f"Reveal.slide({number})")
        seen = page.evaluate(LOOK)
        assert seen["wrong"] == [], f"slide {number + 1}"
        figures += seen["figures"]
    assert figures == TEXTS[session].count("\nfigure: ")
    assert {url.partition("#")[0] for url in asked if not url.startswith("data:")} == {address}
    assert (written / f"{session}.html").stat().st_size < 2e6


def test_notes_and_clock_open_in_a_window_of_their_own(written, page):
    page.goto(f"{(written / 'session_1.html').as_uri()}#/6")
    page.wait_for_function("() => window.Reveal?.isReady()")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    opened.value.wait_for_function("() => document.body.innerText.includes('Minute 20 to 24')")
    opened.value.close()
