"""Effects of what differs between compared runs: the sweep's pictures of any runs, or why there are none."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.experiments import spec
from ddcore.runs.store import Store
from tests.pages.conftest import DM, TINY, Filled, Open, put, words
from tests.runs import shelf
from tests.sweeping import World, question

PAGE = "pages/7_Compare.py"
NEWEST = "each run's newest evaluation"


def sets(quality: Any = lambda values: 0.5, **changes: Any) -> str:
    """The ids of the sets that a sweep made."""
    store = Store()
    World(quality).stored(question(**changes), store)
    return ",".join(run.id for run in store.records("distill") if run.name == "datadam")


def by_lambda(values: dict[str, Any]) -> float | None:
    return {0.0: 0.6, 0.01: 0.8, 1.0: None}[values.get("lambda_task", 0.0)]


@pytest.mark.usefixtures("home")
def test_one_parameter_is_a_line_with_a_strip_for_each_value_in_their_order(open_page: Open) -> None:
    app = open_page(PAGE, runs=sets(by_lambda, seeds=2), view="Effects")
    assert "**λ** (3 values) · 6 runs, 2 seeds" in words(app)
    assert "Without an accuracy of every run: λ 1 (failed)." in words(app)
    names = [one.value.partition("  \n")[0] for one in app.markdown if one.value.startswith("**λ ")]
    assert names == ["**λ 0**", "**λ 0.01**", "**λ 1**"]
    assert len(app.get("image")) == 2
    assert [slider.label for slider in app.select_slider] == ["Step"]
    before = [image.value for image in app.get("image")]
    app.select_slider[0].set_value(0).run()
    assert all(one != other for one, other in zip(before, (image.value for image in app.get("image")), strict=True))


def matrices(app: AppTest) -> list[str]:
    return [one.proto.body for one in app.get("html") if "matrix" in one.proto.body]


@pytest.mark.usefixtures("home")
def test_two_parameters_are_a_map_and_three_are_coordinates_with_what_matters(open_page: Open) -> None:
    two = sets(vary="lambda_task=0,0.01; init=real,noise")
    app = open_page(PAGE, runs=two, view="Effects")
    assert "**Initialisation** (2 values) and **λ** (2 values) · 4 runs" in words(app)
    assert not matrices(app)
    assert [html.count("<img") for html in matrices(open_page(PAGE, runs=two, view="Effects", look="Images"))] == [4]


@pytest.mark.usefixtures("home")
def test_three_parameters_tell_what_matters(open_page: Open) -> None:
    app = open_page(PAGE, view="Effects", runs=sets(lambda values: 0.5 + values.get("lambda_task", 0.0) / 10,
                                                    vary="lambda_task=0,0.5,1; init=real,noise; ipc=1,2"))
    assert "**What matters**" in words(app)
    assert not app.error


@pytest.mark.parametrize(("others", "told"), [
    ([], "One run alone shows no effect"),
    ([spec("distill", "datadam", {**TINY, "seed": 7})], "No parameter differs between these runs but the seed"),
    ([spec("distill", "dm", {**DM, "dataset": "mnist", "resolution": 28})], "several data sets"),
])
def test_where_nothing_can_be_said_that_is_said(
    others: list[Any], told: str, open_page: Open, filled: Filled
) -> None:
    ids = [filled.distilled, *(shelf.finished(Store(), one).id for one in others)]
    app = open_page(PAGE, runs=",".join(ids), view="Effects", on=NEWEST)
    assert told in words(app)
    assert not app.error


def test_methods_are_compared_as_values_of_an_axis(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, runs=f"{filled.distilled},{filled.dm},{filled.pad},{filled.baseline}", view="Effects")
    assert "**Method** (3 values) · 3 runs" in words(app)
    assert "it is no set of images" in words(app)
    assert "The methods differ in" in words(app)
    assert "DM (not judged)" in words(app)
    assert len(app.get("image")) == 3


def test_a_run_under_way_stands_in_its_place(open_page: Open, filled: Filled) -> None:
    waiting = put(spec("distill", "datadam", {**TINY, "lambda_task": 0.9}), "running")
    app = open_page(PAGE, runs=f"{filled.distilled},{waiting}", view="Effects")
    assert "λ 0.9 (running)" in words(app)


@pytest.mark.usefixtures("home")
def test_all_runs_that_the_filter_leaves_are_ticked_at_once_and_all_stand_in_the_effects(open_page: Open) -> None:
    sets(vary=f"lambda_task={','.join(str(n / 100) for n in range(15))}; init=real,noise")
    app = open_page(PAGE, method="DataDAM", view="Effects")
    button = app.button(key="all")
    assert button.label == "Tick all 30"
    button.click().run()
    app.button(key="compare").click().run()
    assert "15 values) · 30 runs" in words(app)
    assert "and 6 more, which only Effects shows" in words(app)
    app.segmented_control[0].set_value("What differs").run()
    assert len(app.dataframe[0].value.columns) == 24 + 2
