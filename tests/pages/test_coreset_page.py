from __future__ import annotations

from pathlib import Path

import pytest

from ddcore.experiments import spec
from ddcore.methods import METHODS
from tests.pages.conftest import Backend, Filled, Open, finish, show_tab, words

PAGE = "pages/2_Baselines.py"
CORESETS = [name for name, method in METHODS.items() if method.step is None]


@pytest.mark.slow
@pytest.mark.parametrize("name", CORESETS)
def test_every_coreset_is_started_from_the_baselines_page(name: str, open_page: Open, backend: Backend) -> None:
    app = show_tab(open_page(PAGE), "baselines-tabs", "Coresets")
    app.segmented_control(key="coreset").set_value(name).run()
    assert METHODS[name].summary in words(app)
    app.button(key="launch-distill").click().run()
    assert (backend.submitted[0].kind, backend.submitted[0].name) == ("distill", name)


def test_a_coreset_is_shown_with_its_images_and_judged_like_a_distilled_set(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.coreset)
    assert not app.error
    assert "20 images · 1,280 stored numbers · chosen in" in words(app)
    assert len(app.get("image")) == 1
    assert [tab.label for tab in app.tabs] == ["Accuracy", "Other networks"]
    assert any(b.label.startswith("Evaluate with controls") for b in app.button)
    assert "How it went" not in words(app)


def test_a_coreset_fills_the_form_for_the_next_one(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.coreset)
    app.button(key="like").click().run()
    assert app.text_input(key=f"herding.{filled.coreset}.ipc").value == "2"
    assert app.button(key="launch-distill").label == "Open result"


def test_earlier_coresets_are_listed(open_page: Open, filled: Filled) -> None:
    app = show_tab(open_page(PAGE), "baselines-tabs", "Coresets")
    links = [link.proto.label for link in app.get("page_link")]
    assert any(label.startswith("Herding") for label in links)


def test_a_training_on_the_full_data_fills_the_form_for_the_next_one(open_page: Open, home: Path) -> None:
    asked = spec("baseline", "baseline", {"dataset": "digits", "epochs": 7, "width": 24})
    run = finish(asked, {"accuracy": {"mean": 0.9, "n": 1, "protocol": "course"}})
    app = open_page(PAGE, like=run)
    assert {"7", "24"} <= {field.value for field in app.text_input}
