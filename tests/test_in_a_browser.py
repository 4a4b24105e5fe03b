"""Notebooks in the real thing: JupyterLab, a browser, Run All Cells, and a look at what is drawn.

JupyterLab runs on this machine only, with a token, with settings and copies of the notebooks in a
temporary folder. The browser is the system's Chromium or Chrome; playwright brings none along.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import browser
import pytest

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.evaluation.recommendation import recommend
from seqrec_lib.models.recommenders import SASREC

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
NUMBERS = ["00", "02"]
TRAINS = {"00"}  # with a bar of seqrec_lib
SECONDS = 300  # for one notebook on a busy machine; alone it takes less than half a minute
SETTINGS = {
    # Cells outside of the window are drawn, too, and nothing is asked of the network.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}
STATE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  if (!panel?.content?.model || !panel.context?.isReady) return null;
  const cells = [...panel.content.model.sharedModel.cells]
    .filter(cell => cell.cell_type === 'code' && cell.source.trim());
  const outputs = cells.flatMap(cell => cell.getOutputs());
  const meant = cell => (cell.getMetadata('tags') ?? []).includes('raises-exception');
  const unmeant = cells.filter(cell => !meant(cell)).flatMap(cell => cell.getOutputs());
  return {
    kernel: panel.sessionContext.session?.kernel?.status ?? 'none',
    waiting: cells.filter(cell => cell.execution_count === null).length,
    cells: cells.length,
    errors: unmeant.filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`),
    stderr: outputs.filter(o => o.name === 'stderr').map(o => [o.text].flat().join('')),
    figures: outputs.filter(o => o.data && 'image/png' in o.data).length,
  };
}"""
# What the reader sees: the text of the outputs, and the images that are really painted.
SEEN = """() => {
  const panel = window.jupyterapp.shell.currentWidget.node;
  const outputs = [...panel.querySelectorAll('.jp-OutputArea-output')];
  const images = outputs.flatMap(node => [...node.querySelectorAll('img')]);
  return {
    text: outputs.map(node => node.innerText).join('\\n'),
    drawn: images.filter(i => i.complete && i.naturalWidth > 0 && i.clientWidth > 0).length,
  };
}"""
WATCH_FOR_BARS = """() => {
  window.bars = 0;
  const look = () => {
    const nodes = document.querySelectorAll('.jp-OutputArea-output');
    if ([...nodes].some(node => /\\d+%\\|/.test(node.innerText))) window.bars += 1;
  };
  const options = {subtree: true, childList: true, characterData: true};
  new MutationObserver(look).observe(document.body, options);
}"""


def path_of(number: str) -> Path:
    """The notebook, or a skip where it is not there yet."""
    paths = list(NOTEBOOKS.glob(f"{number}_*.ipynb"))
    if not paths:
        pytest.skip(f"notebook {number} is not there yet")
    return paths[0]


@pytest.fixture(scope="module")
def page() -> Iterator:
    """A window of a headless browser, or a skip that says what is missing."""
    with browser.window() as page:
        yield page


@pytest.fixture(scope="module")
def compiled(sample_dataset: SASRecDataSet) -> None:
    """The loops, so that no line about their compilation stands between the bars of a notebook."""
    model = SASREC(sample_dataset.itemnum, seq_max_len=20, embedding_dim=32, seed=1)
    model.train_model(sample_dataset, num_epochs=1, loss="cross-entropy", seed=1, verbose=False)
    recommend(model, sample_dataset, users=sample_dataset.raw_users[1:2])


@pytest.fixture(scope="module")
def lab(tmp_path_factory, compiled: None) -> Iterator[dict[str, str]]:
    """A running JupyterLab on copies of the notebooks: its address and its token."""
    folder = tmp_path_factory.mktemp("lab")
    work, runtime = folder / "notebooks", folder / "runtime"
    _copy_without_outputs(work)
    for name, values in SETTINGS.items():
        file = folder / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    environment = os.environ | {
        "SEQREC_PROFILE": "smoke",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        "--port=0", "--LabApp.expose_app_in_browser=True", "--ServerApp.root_dir=.",
    ]  # fmt: skip
    log = (folder / "log").open("w+", encoding="utf-8")
    server = subprocess.Popen(command, cwd=work, env=environment, stdout=log, stderr=log)
    try:
        yield _when_it_answers(server, runtime)
    except TimeoutError:
        log.seek(0)
        pytest.fail(f"JupyterLab did not start:\n{log.read()}")
    finally:
        server.terminate()
        server.wait(60)
        log.close()


def _copy_without_outputs(folder: Path) -> None:
    folder.mkdir()
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell.update(outputs=[], execution_count=None)
        (folder / path.name).write_text(json.dumps(notebook), encoding="utf-8")


def _when_it_answers(server: subprocess.Popen, runtime: Path) -> dict[str, str]:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        time.sleep(0.2)
        for file in runtime.glob("jpserver-*.json"):
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
                urlopen(f"{found['url']}api?token={found['token']}").close()
            except (OSError, ValueError):  # half written, or not listening yet
                continue
            return found
    raise TimeoutError


def _when_all_have_run(page) -> dict:
    """The state when every cell has run, or one has failed; the last one seen when time is up."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        page.wait_for_timeout(200)
        state = page.evaluate(STATE)
        if state["errors"] or (state["waiting"] == 0 and state["kernel"] == "idle"):
            break
    return state


@pytest.mark.parametrize("number", NUMBERS)
def test_run_all_cells(number, page, lab):
    path = path_of(number)
    page.goto(f"{lab['url']}lab/tree/{path.name}?token={lab['token']}&reset")
    page.wait_for_function(f"() => ({STATE})()?.kernel === 'idle'")
    page.evaluate(WATCH_FOR_BARS)
    page.get_by_text("Run", exact=True).first.click()
    page.locator(".lm-Menu").get_by_text("Run All Cells", exact=True).click()
    state = _when_all_have_run(page)
    assert state["errors"] == []
    assert [text for text in state["stderr"] if "compiles its fast loops" not in text] == []
    assert state["waiting"] == 0
    assert state["cells"] > 10

    seen = page.evaluate(SEEN)
    assert seen["drawn"] == state["figures"] > 0
    assert "%|" not in seen["text"], "a bar is left open"
    if number in TRAINS:
        assert page.evaluate("window.bars") > 1, "no bar was seen while it trained"
        assert " epochs of " in seen["text"], "the bar left no line of result"
    if number == "00":
        pick_a_film(page)
    page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")


def pick_a_film(page) -> None:
    """Types part of a title, takes what is offered, and takes another film out."""
    picker = page.locator(".film-picker").first
    before = picker.locator("table").inner_text()
    assert "Last Robot in Leeds" in before
    picker.locator("input").press_sequentially("pumpern")
    picker.get_by_role("button", name="+ Professor Pumpernickel (1970)").click()
    picker.get_by_role("button", name="Professor Pumpernickel (1970) ✕").wait_for()
    page.wait_for_function(
        "before => document.querySelector('.film-picker table').innerText !== before", arg=before
    )
    assert picker.locator("input").input_value() == ""
    for button in picker.get_by_role("button", name="Gravity Tax, The").all():
        button.click()
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.film-picker button')]"
        ".some(b => b.innerText.includes('Gravity Tax'))"
    )
