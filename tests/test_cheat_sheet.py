"""The cheat sheet: one page, from its source, and what it says is so."""

import re
from contextlib import chdir

import browser
import cheat_sheet
import numpy as np
import pytest

import seqrec_lib as sl
from seqrec_lib.models.sasrec import SASRecConfig
from seqrec_lib.training.options import TrainingOptions

SOURCE = cheat_sheet.source()


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_what_is_committed_is_one_page_of_this_source():
    pdf = cheat_sheet.PDF.read_bytes()
    assert pages(pdf) == 1
    assert pdf.endswith(cheat_sheet.mark()), "run notebooks/tools/cheat_sheet.py, and look at it"


@pytest.mark.parametrize("size", ["A4", "Letter"])
def test_it_fits_the_papers_of_both_worlds(size):
    with browser.window():
        pass  # or a skip
    assert pages(cheat_sheet.printed(size)) == 1


def test_nothing_sticks_out_or_lies_on_anything():
    with browser.window(794, 1123) as page:  # A4 in CSS pixels
        page.emulate_media(media="print")
        page.set_content(cheat_sheet.page())
        wrong = page.evaluate(
            """() => {
              const main = document.querySelector('main').getBoundingClientRect();
              const boxes = [...document.querySelectorAll('main section, main header')];
              const wrong = [...document.querySelectorAll('main *')].filter(node => {
                const at = node.getBoundingClientRect();
                return at.right > main.right + 1 || at.bottom > main.bottom + 1
                  || (node.matches('pre') && node.scrollWidth > node.clientWidth + 1);
              }).map(node => node.innerText);
              boxes.forEach((a, at) => boxes.slice(at + 1).forEach(b => {
                const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
                if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1
                  && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1)
                  wrong.push(a.innerText.slice(0, 20) + ' lies on ' + b.innerText.slice(0, 20));
              }));
              return wrong;
            }"""
        )
    assert wrong == []


def test_its_ten_lines_run(tmp_path, capsys):
    code = cheat_sheet.code_lines()
    assert len([line for line in code.splitlines() if line]) <= 10
    rng = np.random.default_rng(0)
    rows = [
        f"{user},B{item:02},{1000 + at}"
        for user in range(60)
        for at, item in enumerate((rng.integers(40) + np.arange(8)) % 40)
    ]
    (tmp_path / "shop.csv").write_text("\n".join(["user,item,time", *rows]))
    with chdir(tmp_path):
        exec(code.replace('"num_epochs": 200', '"num_epochs": 10'), {})
    said = capsys.readouterr().out
    assert "NDCG@10" in said
    assert "a visitor" in said


def test_it_counts_parameters_as_a_model_does():
    formula = re.search(r"<b>Parameters:</b> (.*?), most", SOURCE)[1]
    python = re.sub(r" ([DT])\b", r" * \1", formula.replace("D²", "D**2").replace("·", "*"))
    python = re.sub(r"([*+(]) \* ", r"\1 ", python)
    for items, length, width in ((100, 20, 16), (37, 50, 8)):
        model = sl.SASREC(items, length, embedding_dim=width)
        count = sum(weights.numel() for weights in model.parameters())
        assert eval(python, {"I": items, "T": length, "D": width}) == count


def test_its_defaults_are_the_librarys():
    rows = re.findall(r"<tr><td><code>(\w+)</code>[^<]*</td><td>([^<,]+)", SOURCE)
    assert len(rows) >= 8
    known = {**SASRecConfig.__dict__, **TrainingOptions.__dict__}
    assert {name: str(known[name]) for name, _ in rows} == dict(rows)
