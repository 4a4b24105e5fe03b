"""The README does what it says: its code runs, its figures follow from the records."""

import re
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from readme_figures import FIGURES, FIGURES_BY_NAME, PANELS, THEMES, drawn, films_of_lesson

import seqrec_lib as sl

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"(?ms)^```python\n(.*?)^```", TEXT)
SHOWN = re.findall(r"(?ms)^```text\n(.*?)^```", TEXT)
RANKS = ROOT / "data" / "results" / "ranks"


def test_it_is_read_in_a_few_minutes():
    assert len(TEXT.splitlines()) <= 130


def test_its_pictures_are_there_for_light_and_dark_pages():
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', TEXT)
    assert len(pictures) >= 4
    assert [path for path in pictures if not (ROOT / path).is_file()] == []
    for alt in re.findall(r'<img [^>]*alt="([^"]*)"', TEXT):
        assert len(alt.split()) > 8


@pytest.mark.parametrize("name", FIGURES_BY_NAME)
def test_a_figure_follows_from_the_records(name):
    for theme in THEMES:
        picture = Image.open(FIGURES / f"{name}-{theme.name}.png")
        said = picture.text["Description"]
        assert said == drawn(name, theme).alt, "run notebooks/tools/readme_figures.py"


def ndcg(run: str, protocol: str) -> np.ndarray:
    """By user, from the file of ranks alone; ties, which are rare, count against the model."""
    ranks = pd.read_csv(RANKS / f"{run}.csv.gz")
    rank = ranks[f"{protocol}_better"] + ranks[f"{protocol}_tied"] + 1
    return np.where(rank <= 10, 1 / np.log2(rank + 1), 0)


@pytest.mark.parametrize(
    ("sasrec", "counting"),
    [("V__n=50__1", "ml-1m"), *((f"III__games__{seed}", "games") for seed in (1, 2, 3))],
)
def test_what_the_figure_is_called_is_so(sasrec, counting):
    for protocol, sign in (("sampled", 1), ("full", -1)):
        chain = ndcg(f"baselines__{counting}-markov-chain__0", protocol)
        ahead = sign * (ndcg(sasrec, protocol) - chain)
        assert ahead.mean() > 3 * ahead.std() / len(ahead) ** 0.5


def test_the_films_are_those_of_lesson_00():
    chosen, ten = films_of_lesson()
    assert len(chosen) == 4
    assert len(set(ten)) == 10
    alt = re.search(r'films-light\.png" alt="([^"]*)"', TEXT)[1]
    assert all(film in alt for film in chosen)
    assert set(PANELS) == {"MovieLens 1M", "Amazon Games"}


def test_ten_lines_print_what_is_shown(capsys):
    assert len(CODE[0].strip().splitlines()) <= 10
    space = {}
    exec(CODE[0], space)
    words, numbers = re.compile(r"(?m)[A-Za-z].*?(?=  |$|\d)"), re.compile(r"\d+\.\d+")
    printed = capsys.readouterr().out
    printed = printed[printed.index("         value") :]  # behind the progress bar
    measured, stated = (text[: text.index("rank")] for text in (printed, SHOWN[0]))
    assert words.findall(measured) == words.findall(stated)
    close = sl.recommend(space["model"], space["dataset"], histories=space["films"], k=5)
    shown = re.findall(r"(?m)^\d +(.*? \(\d{4}\))", SHOWN[0])
    assert len(shown) == 3
    there = str(sl.film_table(space["dataset"], title=close))
    assert all(film in there for film in shown), "close films may swap places, not more"
    here, there = (list(map(float, numbers.findall(text))) for text in (printed, SHOWN[0]))
    assert here == pytest.approx(there, abs=0.021), "other processors round otherwise, not more"


def test_a_log_of_ones_own_is_trained_saved_and_asked(tmp_path, capsys):
    rng = np.random.default_rng(0)
    names = ["Ada", "Bo", *(f"customer {n}" for n in range(60))]
    rows = [
        f"{name},B{item:02},{1000 + at}"
        for name in names
        for at, item in enumerate((rng.integers(40) + np.arange(8)) % 40)
    ]
    (tmp_path / "shop.csv").write_text("\n".join(["user,item,time", *rows]))
    space = {"sl": sl}
    with chdir(tmp_path):
        exec(CODE[1].replace("num_epochs=200", "num_epochs=20"), space)
        assert (
            sl.recommend(space["model"], space["dataset"], users="Ada")["item"].str.match("B").all()
        )
    visitor = re.search(r'histories=(\{"a visitor".*?\})', CODE[1])[1]
    asked = sl.recommend(space["model"], space["dataset"], histories=eval(visitor))
    assert len(asked) == 10
    assert "user is 'user'" in capsys.readouterr().out


TEXTS = [
    "README.md", "CONTRIBUTING.md", "data/README.md", "data/results/README.md",
    *(f"notebooks/{path.name}" for path in sorted((ROOT / "notebooks").glob("*.md"))),
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_commands_have_the_options_that_are_given(text):
    words = (ROOT / text).read_text(encoding="utf-8").replace("\\\n", " ")
    for module, rest in re.findall(r"-m ((?:seqrec_lib|tests)[\w.]*)([^\n`|]*)", words):
        place = ROOT / module.replace(".", "/")
        sources = list(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        known = "".join(source.read_text(encoding="utf-8") for source in sources)
        assert known, module
        for option in re.findall(r"(?<=\s)--[a-z][\w-]*", rest):
            assert f'"{option}"' in known, (module, option)


def test_every_command_stands_below_what_installs_it():
    commands = re.findall(r"(?m)^    (\S.*?)(?: {2,}#.*)?$", TEXT)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", "\n".join(commands)):
        assert re.search(rf"(?m)^{target}:", makefile), target
    assert commands[0].startswith("git clone ")
    assert commands[1].startswith("make ")
    activated = TEXT.index("source .venv/bin/activate")
    python = [found.start() for found in re.finditer(r"`?python -m |python notebooks/", TEXT)]
    assert python
    assert min(python) > activated
    for path in re.findall(r"python (notebooks/\S+\.py)", TEXT):
        assert (ROOT / path).is_file()
