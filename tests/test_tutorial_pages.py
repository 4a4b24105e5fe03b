"""`make tutorial`: what it runs, what it writes, and that its pages need no network."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import browser
import nbformat
import pytest
from html_page import fetched_by, mathml, notebook_page, title_and_summary
from index_page import MAP
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pages import navigation
from run_notebooks import find_notebooks

from seqrec_lib.plots import drawing

RUNNER = Path(__file__).resolve().parents[1] / "notebooks" / "tools" / "run_notebooks.py"


def page_of(*cells: nbformat.NotebookNode) -> str:
    return notebook_page(new_notebook(cells=list(cells)), Path(), "")


def body_of(markdown: str) -> str:
    page = page_of(new_markdown_cell(markdown))
    return page[page.index("<main>") :]


def test_formula_is_the_mathml_that_a_person_would_write():
    assert mathml(r"\frac{a}{2}", display=True) == (
        '<math display="block"><mrow><mfrac><mrow><mi>a</mi></mrow><mrow><mn>2</mn></mrow></mfrac>'
        "</mrow></math>"
    )


def test_aligned_lines_are_rows_of_a_table():
    text = mathml(r"\begin{aligned} a &= 1 \\ b &= 2 \end{aligned}", display=True)
    assert text.count("<mtr>") == 2
    assert "&amp;" not in text


@pytest.mark.parametrize(
    ("formula", "letter"),
    [(r"\mathbb{1}", "𝟙"), (r"\mathbb{R}", "ℝ"), (r"\mathbf{ab}", "𝐚"), (r"\boldsymbol{α}", "𝜶")],
)
def test_styles_of_letters_do_not_depend_on_mathvariant(formula, letter):
    text = mathml(formula, display=False)
    assert letter in text
    assert "mathvariant" not in text


def test_function_names_keep_their_distance_from_letters_and_not_from_brackets():
    assert "mspace" in mathml(r"\log x", display=False)
    assert "mspace" in mathml(r"\log_2 x", display=False)
    assert "mspace" not in mathml(r"\log(x)", display=False)
    assert "mspace" not in mathml("a x", display=False)
    assert mathml(r"p \log x", display=False).count("mspace") == 2
    assert mathml(r"- \log x", display=False).count("mspace") == 1


@pytest.mark.parametrize("formula", [r"\nosuch x", r"\frac{1}{", "a & b", r"\begin{tikzcd}x"])
def test_formula_that_cannot_be_drawn_is_an_error_that_quotes_it(formula):
    with pytest.raises(ValueError, match=re.escape(repr(formula))):
        mathml(formula, display=True)


def test_formulas_of_every_spelling_leave_no_latex_behind():
    body = body_of("In $x^2$ and\n\n$$y_2$$\n\n\\begin{align}\nz &= 1\n\\end{align}\n\nfor \\$5.")
    assert body.count("<math") == 3
    assert "\\" not in body
    assert body.count("$") == 1  # the price


def test_links_to_notebooks_lead_to_their_pages():
    body = body_of("[a](03_sasrec.ipynb#x) [b](../README.md) [c](https://host/x.ipynb)")
    body += body_of("[d](errata.md#x) [e](../for_teachers.md) [f](https://host/x.md)")
    assert re.findall('href="([^"]*)"', body) == [
        "03_sasrec.html#x",
        "../README.md",
        "https://host/x.ipynb",
        "errata.html#x",
        "../for_teachers.html",
        "https://host/x.md",
    ]


def test_hidden_hints_stay_hidden():
    body = body_of("<details><summary>Hint</summary>\n\nlook *here*\n\n</details>\n\nafter")
    assert body.index("<details>") < body.index("look") < body.index("</details>")
    assert body.index("</details>") < body.index("after")


def test_images_of_the_folder_are_embedded(tmp_path):
    (tmp_path / "dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    notebook = new_notebook(cells=[new_markdown_cell("![a dot](dot.svg)")])
    page = notebook_page(notebook, tmp_path, "")
    assert 'src="data:image/svg+xml;base64,' in page
    assert 'alt="a dot"' in page


def test_progress_bars_that_only_a_kernel_can_draw_are_left_out():
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "0%| |"}
    bar = new_output("display_data", data=data)
    said = new_output("stream", text="done\n")
    page = page_of(new_code_cell("train()", outputs=[bar, said]))
    assert "0%|" not in page
    assert "<script" not in page
    assert "done" in page


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<script>import("https://cdn.example/x.mjs")</script>',
        '<img src="http://host/x.png">',
        '<img src="figure.png">',
        '<link rel="stylesheet" href="https://host/x.css">',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url(https://host/x.png) }</style>",
        '<p style="background: url(//host/x.png)">',
        '<iframe src="https://host"></iframe>',
    ],
)
def test_whatever_a_page_would_fetch_is_found(html):
    assert len(fetched_by(f"<p>{html}</p>")) == 1
    with pytest.raises(ValueError, match="would fetch"):
        page_of(new_code_cell("show()", outputs=[new_output("display_data", {"text/html": html})]))


def test_links_and_embedded_data_are_not_fetched():
    html = '<a href="https://host">x</a><img src="data:image/png;base64,A"><svg><use href="#a"/>'
    assert fetched_by(html + "<style>p { background: url(data:x) }</style>") == []


def test_title_and_summary_are_plain_text():
    first = "# Start *here*\n\n| a |\n|---|\n\nBuild `SASRec` from\n[scratch](x.md), in user_train."
    notebook = new_notebook(cells=[new_markdown_cell(first)])
    assert title_and_summary(notebook) == (
        "Start here",
        "Build SASRec from scratch, in user_train.",
    )


def write(path: Path, *cells: nbformat.NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)


LOOK_AROUND = """
import json, os, sys, time
import matplotlib.font_manager  # looks for fonts, and keeps what it found in a file
names = ("SEQREC_PROFILE", "SEQREC_DATA")
print("FOUND" + json.dumps([sys.executable, os.getcwd(), *map(os.environ.get, names)]))
"""


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """A folder of notebooks, run as `make tutorial` does; a rogue kernel is registered."""
    top = tmp_path_factory.mktemp("tutorial")
    rogue = top / "share" / "kernels" / "python3"
    rogue.mkdir(parents=True)
    spec = {"argv": ["no-such-python"], "display_name": "Rogue", "language": "python"}
    (rogue / "kernel.json").write_text(json.dumps(spec))
    folder = top / "notebooks"
    committed = [new_output("stream", text="Data: MovieLens(…), the real data set.\n")]
    write(
        folder / "00_look.ipynb",
        new_markdown_cell("# Look"),
        new_code_cell(f"{LOOK_AROUND}time.sleep(3)", outputs=committed),
    )
    write(
        folder / "01_fail.ipynb",
        new_markdown_cell("# Fail\n\nOn purpose."),
        new_code_cell("x = 0"),
        new_code_cell("print('before')\n1 / x"),
        new_code_cell("y = 1", outputs=[new_output("stream", text="of an earlier run")]),
    )
    raising = new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]})
    write(folder / "solutions" / "00_look.ipynb", new_markdown_cell("# Solved"), raising)
    write(folder / "scratch.ipynb", new_code_cell("raise SystemExit"))
    (folder / "words.md").write_text("# Words\n\nOf $x^2$, and [look](00_look.ipynb).\n")
    before = {path: path.read_bytes() for path in folder.rglob("*.ipynb")}
    (top / "home").mkdir()
    environment = os.environ | {
        "HOME": str(top / "home"),
        "JUPYTER_PATH": str(top / "share"),
        "SEQREC_DATA": str(top),
        "SEQREC_PROFILE": "full",
    }
    options = ["--folder", str(folder), "--out", str(top / "build"), "--silence", "0.5"]
    done = subprocess.run(
        [sys.executable, str(RUNNER), *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert {path: path.read_bytes() for path in folder.rglob("*.ipynb")} == before
    return top, done


def test_kernel_is_this_interpreter_on_the_built_in_sample(tutorial):
    top, _ = tutorial
    page = (top / "build" / "00_look.html").read_text(encoding="utf-8")
    found = json.loads(re.search(r"FOUND(\[.*\])", page)[1])
    assert found == [sys.executable, str(top / "notebooks"), "smoke", None]


def test_a_failure_names_notebook_cell_and_error(tutorial):
    _, done = tutorial
    assert done.returncode == 1
    failures = done.stdout[done.stdout.index("FAILED  notebooks/") :]
    assert failures.startswith("FAILED  notebooks/01_fail.ipynb, code cell 2 (cell 3 of 4):")
    assert "    1 / x" in failures
    assert "ZeroDivisionError: division by zero" in failures
    assert "\x1b" not in failures


def test_a_failed_notebook_has_its_page_up_to_there_and_the_others_run(tutorial):
    top, _ = tutorial
    failed = (top / "build" / "01_fail.html").read_text(encoding="utf-8")
    assert "before" in failed
    assert "of an earlier run" not in failed
    solved = (top / "build" / "solutions" / "00_look.html").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in solved
    assert 'href="../index.html"' in solved
    assert not (top / "build" / "scratch.html").exists()


def test_index_has_a_map_and_each_lesson_with_its_solutions(tutorial):
    top, done = tutorial
    index = (top / "build" / "index.html").read_text(encoding="utf-8")
    links = re.findall('href="([^"]*)"', index)
    assert links[0] == "explorer.html", "the live model comes first"
    assert links[1:3] == ["00_look.html", "01_fail.html"], "the boxes of the map"
    assert links[3:] == [
        *("00_look.html", "00_look.movielens.html", "solutions/00_look.html"),
        *("01_fail.html", "words.html"),
    ]
    assert "On purpose." in index
    assert "run here: failed" in index
    listed = done.stdout[done.stdout.index("ready:") : done.stdout.index("FAILED  notebooks/")]
    pages = ["00_look.html", "01_fail.html", "solutions/00_look.html"]
    assert [page in listed for page in pages] == [True] * 3


def test_the_first_page_is_announced_and_silence_is_broken(tutorial):
    top, done = tutorial
    assert "Running 3 notebooks on the built-in sample" in done.stdout
    assert "] ran 01_fail: FAILED" in done.stdout
    assert f"Look is ready: {top / 'build' / '00_look.html'}" in done.stdout
    assert re.search(r"(?m)^  \d+ s: .*00_look \(\d+ s\)", done.stdout), "nothing was said for long"


def test_a_page_says_where_its_outputs_come_from(tutorial):
    top, _ = tutorial
    here = (top / "build" / "00_look.html").read_text(encoding="utf-8")
    note = here[here.index("<main>") : here.index("<h1")]
    assert "run on this machine" in note
    assert 'href="00_look.movielens.html"' in note
    real = (top / "build" / "00_look.movielens.html").read_text(encoding="utf-8")
    assert "MovieLens 1M, as they are committed" in real[: real.index("<h1")]
    assert 'href="00_look.html"' in real
    assert "FOUND[" not in real, "not the outputs of this run"
    solved = (top / "build" / "solutions" / "00_look.html").read_text(encoding="utf-8")
    assert "movielens" not in solved


def test_pages_lead_to_their_neighbours_lessons_and_solutions():
    names = ["00_a", "01_b", "02_c", "solutions/00_a", "solutions/01_b"]
    titles = {name: f"{name[-1].upper()} & more" for name in names}
    links = {name: re.findall('href="([^"]*)"', navigation(names, name, titles)) for name in names}
    assert ">← 00 A &amp; more</a>" in navigation(names, "01_b", titles)
    assert links["01_b"] == ["index.html", "00_a.html", "solutions/01_b.html", "02_c.html"]
    assert links["02_c"] == ["index.html", "01_b.html"]
    solved = ["../index.html", "../solutions/00_a.html", "../01_b.html"]
    assert links["solutions/01_b"] == solved


def test_a_page_fits_a_phone_and_formulas_have_their_subscripts_below(tmp_path):
    wide = "".join(f"<td>column {number}</td>" for number in range(30))
    picture = drawing.Drawing(9, 3, "A wide figure.").png()
    outputs = [
        new_output("stream", text="a long line of output " * 20),
        new_output("display_data", {"text/html": f"<table><tr>{wide}</tr></table>"}),
        new_output("display_data", {"image/png": base64.b64encode(picture).decode()}),
    ]
    code = new_code_cell(f"x = [{'1, ' * 100}]", outputs=outputs)
    file = tmp_path / "page.html"
    file.write_text(page_of(new_markdown_cell("Of $x_t$:\n\n$$x_t = y$$"), code), encoding="utf-8")
    with browser.window(width=390, dark=True) as page:
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        said = page.locator(".output_area pre").first
        assert said.evaluate("e => e.scrollWidth <= e.clientWidth"), "printed lines do not wrap"
        assert page.locator(".output_png img").evaluate("e => e.clientWidth") > 500, "a blur"
        base, below = (
            page.locator(f"msub > :nth-child({child})").first.bounding_box() for child in (1, 2)
        )
        assert below["y"] + below["height"] > base["y"] + base["height"] + 1
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"


def test_a_page_leaves_out_what_only_a_notebook_needs():
    links = new_markdown_cell("# T\n\nText.\n\n<!-- navigation -->\n[next](01_x.ipynb)")
    body = page_of(links, new_code_cell("# NBVAL_CHECK_OUTPUT\nprint(1)"))
    assert "Text." in body
    assert "01_x" not in body
    assert "NBVAL" not in body
    assert "print" in body


def test_the_map_has_a_place_for_every_lesson_and_its_arrows_go_down():
    lessons = {name[:2] for name in find_notebooks(RUNNER.parents[1]) if "/" not in name}
    assert lessons <= set(MAP)
    for column, row, leads_to in MAP.values():
        assert 0 <= column <= 2
        assert all(MAP[other][1] > row for other in leads_to)
    places = [place[:2] for place in MAP.values()]
    assert len(set(places)) == len(places)


def test_lab_opens_on_the_first_lesson():
    done = subprocess.run(
        ["make", "-n", "lab"], cwd=RUNNER.parents[2], capture_output=True, text=True, check=True
    )
    assert "/lab/tree/notebooks/00_start_here.ipynb" in done.stdout
    assert ("--allow-root" in done.stdout) == (os.getuid() == 0)


def test_texts_beside_the_notebooks_are_pages_too(tutorial):
    top, _ = tutorial
    page = (top / "build" / "words.html").read_text(encoding="utf-8")
    assert "<msup>" in page
    assert re.findall('href="([^"]*)"', page) == ["index.html", "#Words", "00_look.html"]


def test_the_live_model_is_a_page_that_fetches_nothing(tutorial):
    top, done = tutorial
    page = (top / "build" / "explorer.html").read_text(encoding="utf-8")
    assert "Last Robot in Leeds" in page
    namespace = "<script> with http://www.w3.org/2000/svg"  # a name that nothing is fetched by
    assert fetched_by(page) == [namespace]
    assert str(top / "build" / "explorer.html") in done.stdout


def test_nothing_is_written_outside_the_folder_of_pages(tutorial):
    top, _ = tutorial
    assert list((top / "home").iterdir()) == []
    assert {path.name for path in top.iterdir()} == {"home", "share", "notebooks", "build"}
    folder = top / "notebooks"
    assert {p.suffix for p in folder.rglob("*") if p.is_file()} == {".ipynb", ".md"}


def test_notebooks_are_found_in_order_and_solutions_last(tutorial):
    top, _ = tutorial
    assert find_notebooks(top / "notebooks") == ["00_look", "01_fail", "solutions/00_look"]
