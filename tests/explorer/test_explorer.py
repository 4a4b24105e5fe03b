"""The page computes what torch computes, in a real browser, and does what it says."""

import json

import browser
import numpy as np
import pandas as pd
import pytest
import tiny
import torch

from seqrec_lib.data.dataset import SASRecDataSet
from seqrec_lib.explorer.page import explore
from seqrec_lib.network.layers import LAYOUTS

VARIANTS = {
    **{layout: {"layout": layout} for layout in LAYOUTS},
    "two heads": {"attention_num_heads": 2},
    "norm of features": {"norm": "feature", "layout": "authors"},
    "no residuals": {"residuals": False},
    "no positions": {"positions": False},
    "untied": {"shared_embedding": False},
    "one block": {"num_blocks": 1},
    "no block": {"num_blocks": 0},
}
SCORES = """(asked) => asked.map(([films, user]) => {
  state.user = user;
  const {states, maps, T} = model.encode(films, users.length ? users[user] : null);
  const scores = model.scores(states, T, T - 1, users.length ? users[user] : null);
  const plain = maps.map((heads) => heads.map((map) => map.map((row) => Array.from(row))));
  return [Array.from(scores).slice(1), plain];
})"""


def titled(title: str = "Film {} (1990)") -> SASRecDataSet:
    data = tiny.dataset()
    data.items = pd.DataFrame(
        {"title": [title.format(i) for i in range(1, tiny.ITEMS + 1)], "genres": "Drama|War"},
        index=pd.RangeIndex(1, tiny.ITEMS + 1),
    )
    return data


@pytest.fixture(scope="module")
def page():
    with browser.window() as page:
        yield page


def opened(page, model, folder, **options):
    file = folder / "explorer.html"
    explore(model, titled(), file, **options)
    said, asked = [], []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("#recommended li")
    assert said == []
    assert asked == [file.as_uri()], "the page asked for something"
    return page


@pytest.mark.parametrize("kind", tiny.MODELS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_and_attention_are_those_of_torch(page, tmp_path, kind, variant):
    options = {"num_blocks": 2, **VARIANTS[variant]}
    if kind == "SSEPT" and options.get("attention_num_heads") == 2:
        options["attention_num_heads"] = 4
    model = tiny.stir(tiny.MODELS[kind](**options))
    users = [1, 5, 9] if kind == "SSEPT" else []
    opened(page, model, tmp_path, users=users)
    lengths = [0, 1, 2, 5, 6, 9] * 34  # one longer than the model, and the empty history
    histories = tiny.histories(lengths)
    who = [n % 4 if users else 0 for n in range(len(histories))]  # 0 is the mean of all users
    answers = page.evaluate(SCORES, [list(pair) for pair in zip(histories, who, strict=True)])
    known = torch.tensor([0, *users]) if users else torch.tensor([0])
    for films, user, (scores, maps) in zip(histories, who, answers, strict=True):
        ids = known[[user]] if user else None
        expected = model.score(ids, tiny.padded([films]))[0, 1:]
        torch.testing.assert_close(torch.tensor(scores), expected, atol=1e-4, rtol=1e-4)
        for rows in np.array(maps).reshape(
            -1, max(min(len(films), 6), 1), max(min(len(films), 6), 1)
        ):
            assert np.triu(rows, 1).max(initial=0) == 0, "somebody looks ahead"
            if films:
                np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    mine = answers[3][1]
    if mine:
        theirs = model.attention_maps(
            known[[who[3]]] if who[3] else None, tiny.padded([histories[3]], 5)
        )
        for block, map in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(np.array(block), map[0].numpy(), atol=1e-5)


def test_a_masked_film_keeps_its_place_and_is_not_seen(page, tmp_path):
    model = tiny.stir(tiny.sasrec(num_blocks=2))
    opened(page, model, tmp_path)
    ((scores, maps),) = page.evaluate(SCORES, [[[3, 0, 7, 2], 0]])
    expected = model.score(None, torch.tensor([[0, 0, 3, 0, 7, 2]]))[0, 1:]
    torch.testing.assert_close(torch.tensor(scores), expected, atol=1e-4, rtol=1e-4)
    assert np.array(maps)[:, :, :, 1].max() == 0


def chosen(page) -> list[str]:
    return page.locator("#history .title").all_inner_texts()


def test_playing(page, tmp_path):
    """What the page proposes to try, and the rest of what it can do, by mouse and by keyboard."""
    model = tiny.stir(tiny.ssept(num_blocks=2))
    opened(page, model, tmp_path, history=[3, 8, 5], users=[4])
    first = page.locator("#recommended li").first.inner_text()
    assert chosen(page) == ["Film 3 (1990)", "Film 8 (1990)", "Film 5 (1990)"]
    page.fill("#search", "11")
    page.keyboard.press("Enter")
    assert chosen(page)[-1] == "Film 11 (1990)"
    assert page.locator("#recommended li").count() == 10
    shown = [
        int(i)
        for i in page.eval_on_selector_all("#recommended li", "l => l.map(x => x.dataset.itemId)")
    ]
    expected = model.score(None, torch.tensor([[3, 8, 5, 11]]))[0]
    expected[[3, 8, 5, 11]] = -torch.inf
    assert shown == expected.topk(10).indices.tolist()
    page.click("text=✕ >> nth=3")
    assert page.locator("#recommended li").first.inner_text().split("\n")[1] == first.split("\n")[1]
    page.click('[aria-label="Move earlier: Film 5 (1990)"]')
    assert chosen(page) == ["Film 3 (1990)", "Film 5 (1990)", "Film 8 (1990)"]
    page.locator("#history li").nth(2).drag_to(page.locator("#history li").nth(0))
    assert chosen(page)[0] == "Film 8 (1990)"
    page.click('[aria-label="Mask Film 3 (1990)"]')
    assert page.locator("#history li.masked").count() == 1
    page.select_option("#who", label="user 4")
    assert "user 4" in page.get_attribute("#vector", "aria-label")
    page.check("#arcs")
    assert "looks at" in page.get_attribute("#attention svg", "aria-label")
    page.wait_for_function("() => !document.querySelector('#influence').innerText.includes('…')")
    assert page.locator("#influence tbody tr").count() == 3


def test_influence_is_what_removal_changes(page, tmp_path):
    model = tiny.stir(tiny.sasrec(num_blocks=2))
    history = [3, 8, 5]
    opened(page, model, tmp_path, history=history)
    page.wait_for_function("() => !document.querySelector('#influence').innerText.includes('…')")
    shown = [
        -float(text.split()[-1].replace("−", "-").replace("+", "+"))
        for text in page.locator("#influence td:nth-child(3)").all_inner_texts()
    ]

    def log_probability(films, target=None):
        scores = model.score(None, torch.tensor([films]))[0]
        scores[films] = -torch.inf
        logs = scores.log_softmax(dim=0)
        target = int(logs.argmax()) if target is None else target
        return target, float(logs[target])

    target, whole = log_probability(history)
    for t, value in enumerate(shown):
        rest = history[:t] + history[t + 1 :]
        _, without = log_probability(rest, target)
        assert value == pytest.approx(whole - without, abs=0.011)


def test_titles_are_text_and_never_code(page, tmp_path):
    evil = '</script><img src=x onerror="window.hacked=1"> {}'
    data = titled(evil)
    file = tmp_path / "evil.html"
    explore(tiny.sasrec(), data, file, history=[1])
    page.goto(file.as_uri())
    page.wait_for_selector("#recommended li")
    assert page.evaluate("window.hacked") is None
    assert chosen(page) == [evil.format(1)]


def test_what_the_page_cannot_show_is_refused(tmp_path):
    class Mine(type(tiny.sasrec())):
        def encode(self, items, users, rows):
            return super().encode(items, users, rows) * 2

    with pytest.raises(TypeError, match="the library's own"):
        explore(Mine(tiny.ITEMS, tiny.LENGTH), titled())
    with pytest.raises(ValueError, match="has no user vectors"):
        explore(tiny.sasrec(), titled(), users=[1])


def test_the_file_holds_no_history_and_only_named_users():
    model = tiny.stir(tiny.ssept())
    text = explore(model, titled(), users=[4]).html
    about = json.loads(text.split('id="about">')[1].split("</script>")[0])
    assert about["users"] == ["the mean of all users", "user 4"]
    length = next(array for array in about["arrays"] if array["name"] == "users")["length"]
    assert length == 2 * 3
    assert "histories" not in text.split('id="about">')[0]
