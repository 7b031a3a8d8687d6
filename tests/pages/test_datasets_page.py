"""The Datasets page: described by itself, browsed, and the way to distil it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ddcore.data.load import load
from ddcore.report import browse
from ddcore.runs.store import Store
from tests.pages.conftest import Backend, Filled, Open, words

DATASETS = "pages/1_Datasets.py"


def shown(app: AppTest) -> list[str]:
    """What the pictures of the gallery are called."""
    (html,) = (one.proto.body for one in app.get("html") if 'class="gallery"' in one.proto.body)
    return re.findall(r'alt="([^"]+)"', html)


def test_a_data_set_on_disk_is_described_by_itself_once(open_page: Open, backend: Backend) -> None:
    app = open_page(DATASETS)
    assert [(one.kind, one.config.dataset) for one in backend.submitted] == [("describe", "digits")]
    assert "Looking into this data set" in words(app)
    app.run()
    open_page(DATASETS)
    assert len(backend.submitted) == 1


def test_a_data_set_that_is_not_on_disk_is_not_fetched_unasked(open_page: Open, backend: Backend) -> None:
    app = open_page(DATASETS, set="mnist")
    assert not backend.submitted
    app.button(key="launch-describe").click().run()
    assert backend.submitted[0].config.dataset == "mnist"


def test_what_would_take_long_to_describe_waits_for_its_button(
    open_page: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "values", lambda facts: 10**12)
    app = open_page(DATASETS)
    assert not backend.submitted
    app.button(key="launch-describe").click().run()
    assert len(backend.submitted) == 1


def test_the_images_of_each_part_are_browsed_by_class_and_page(open_page: Open, filled: Filled) -> None:
    data = load("digits")
    app = open_page(DATASETS)
    first = shown(app)
    assert len(first) == 48
    assert first[0] == f"{data.train.labels[0]}, training image 1"
    app.selectbox(key="gallery-digits-class").set_value(3).run()
    assert all(one.startswith("3, training image") for one in shown(app))
    app.segmented_control[0].set_value("test").run()
    threes = np.flatnonzero(data.test.labels == 3) + 1
    assert shown(app) == [f"3, test image {number}" for number in threes[:48]]
    assert f"{len(threes)} test images of class 3" in words(app)


def test_images_are_ordered_by_the_scores_of_a_run_that_is_named(open_page: Open, filled: Filled) -> None:
    scores = browse.scored(Store(), "digits")
    assert scores is not None
    app = open_page(DATASETS)
    order = app.button_group(key="gallery-digits-order")
    assert order.options == ["As they lie", "Easiest first", "Hardest first"]
    order.set_value("hardest first").run()
    hardest = scores.indices[np.argsort(-scores.values, kind="stable")][0]
    assert shown(app)[0].endswith(f"training image {hardest + 1:,}")
    assert "hardest first by EL2N from *Difficulty scores" in words(app)
    app.segmented_control[0].set_value("val").run()
    assert "gallery-digits-order" not in [group.key for group in app.button_group]


def test_scores_are_asked_for_where_none_are_known(
    open_page: Open, filled: Filled, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = browse.scored
    monkeypatch.setattr(browse, "scored", lambda store, dataset: None)
    app = open_page(DATASETS)
    app.button(key="gallery-scores").click().run()
    assert [one.kind for one in backend.submitted] == ["scores"]
    monkeypatch.setattr(browse, "scored", known)
    app.run()
    assert app.button_group(key="gallery-digits-order").value == "hardest first"


@pytest.mark.parametrize("method", ["datadam", "dm", "pad"])
def test_one_click_leads_to_the_form_of_a_method_with_this_data_set(
    open_page: Open, backend: Backend, method: str
) -> None:
    app = open_page(DATASETS, set="mnist")
    app.button(key=f"distil-{method}").click().run()
    assert app.selectbox(key=f"{method}-dataset").value == "mnist"


def test_the_data_set_of_the_address_is_opened_under_either_name_and_one_that_is_not_here_is_told(
    open_page: Open, backend: Backend
) -> None:
    app = open_page(DATASETS, dataset="mnist")
    assert app.selectbox[0].value == "mnist"
    assert app.query_params["set"] in ("mnist", ["mnist"])
    for page in (DATASETS, "pages/5_DM.py"):
        for name in ("set", "dataset"):
            told = [warning.value for warning in open_page(page, **{name: "nowhere"}).warning]
            assert any("“nowhere”" in words for words in told), (page, name)


def test_another_data_set_than_that_of_the_address_can_be_chosen(open_page: Open, backend: Backend) -> None:
    app = open_page("pages/5_DM.py", set="mnist")
    app.selectbox(key="dm-dataset").set_value("digits").run()
    assert app.selectbox(key="dm-dataset").value == "digits"
