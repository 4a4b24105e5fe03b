"""What a reader chooses in a notebook is drawn; without widgets there is one figure that stays."""

import sys
import types

import pandas as pd
import pytest

from seqrec_lib import plots
from seqrec_lib.evaluation.choices import Choices

LINE = pd.DataFrame({"share": [0.1, 0.4]}, index=pd.Index([1, 2], name="epoch"))


@pytest.fixture
def kernel(monkeypatch):
    """A notebook's kernel, as far as `Choices` can see it."""
    pytest.importorskip("ipywidgets")
    shell = types.SimpleNamespace(kernel=object())
    module = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.delenv("SEQREC_WIDGETS", raising=False)


def told(model, share, seeds=()):
    return f"{model} at {share:.2f}, seeds {seeds}"


def choices(**more):
    options = {"model": {"user vectors": "PT", "none": "SASRec"}, "share": [0.0, 0.5, 0.92]}
    return Choices(told, {**options, "seeds": {3, 1, 2}}, **more)


def test_the_first_of_each_is_chosen_and_all_of_a_set():
    assert choices().shown() == ("PT at 0.00, seeds (1, 2, 3)",)
    begun = choices(start={"share": 0.92, "seeds": (2,), "model": "SASRec"})
    assert begun.shown() == ("SASRec at 0.92, seeds (2,)",)


def test_numbers_get_a_slider_names_a_menu_and_what_is_shown_follows():
    pytest.importorskip("ipywidgets")
    made = choices()
    model, share, seeds, canvas = made.widget().children
    kinds = [type(control).__name__ for control in (model, share, seeds)]
    assert kinds == ["Dropdown", "SelectionSlider", "SelectMultiple"]
    model.value, share.value, seeds.value = "SASRec", 0.92, (1, 3)
    assert canvas.value == "<pre>SASRec at 0.92, seeds (1, 3)</pre>"
    assert made.chosen == {"model": "SASRec", "share": 0.92, "seeds": (1, 3)}


def test_figures_and_tables_are_shown_one_below_the_other_with_their_text_alternative():
    pytest.importorskip("ipywidgets")
    both = Choices(lambda cut: (plots.lines(LINE.iloc[:cut], "share"), LINE), {"cut": [2, 1]})
    shown = both.widget().children[-1].value
    assert "share as epoch goes from 1 to 2" in shown
    assert shown.index("data:image/png") < shown.index("<table")


@pytest.mark.usefixtures("kernel")
def test_a_kernel_gets_the_widget_and_what_stays_where_none_can_be_drawn():
    data, _ = choices(still="all at once")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    data, metadata = Choices(lambda x: plots.lines(LINE, x), {"x": ["a"]})._repr_mimebundle_()
    assert {"image/png", "text/plain"} < set(data)
    assert metadata["image/png"]["alt"] == data["text/plain"]


def test_without_widgets_it_is_what_stays_or_else_the_first(monkeypatch):
    monkeypatch.setenv("SEQREC_WIDGETS", "off")
    assert choices(still=1.5)._repr_mimebundle_() == ({"text/plain": "1.5"}, {})
    data, _ = Choices(lambda x: LINE, {"x": ["a", "b"]})._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}


def test_what_cannot_be_chosen_is_refused():
    with pytest.raises(ValueError, match="'x' has no values"):
        Choices(told, {"x": []})
    with pytest.raises(ValueError, match=r"start='share': 0\.7 must be among \[0\.0, 0\.5"):
        choices(start={"share": 0.7})
    with pytest.raises(ValueError, match="must be among"):
        choices(start={"seeds": (1, 9)})
