"""The images and curves of a sweep: one strip for each value, a matrix over two axes, what has none says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ddcore.runs.store import Store
from tests.pages.conftest import Open, words
from tests.sweeping import World, question

PAGE = "pages/6_Sweeps.py"


def by_lambda(values: dict[str, Any]) -> float | None:
    return {0.0: 0.6, 0.01: 0.8, 1.0: None}[values.get("lambda_task", 0.0)]


@pytest.fixture
def along(home: Path) -> str:
    return World(by_lambda).stored(question(vary="lambda_task=0,0.01,1", seeds=2), Store())


def test_a_strip_for_each_value_and_the_failed_one_says_so_in_its_place(open_page: Open, along: str) -> None:
    app = open_page(PAGE, run=along)
    names = [one.value for one in app.markdown if one.value.startswith("**λ ") and " is " not in one.value]
    assert [name.partition("  \n")[0] for name in names] == ["**λ 0**", "**λ 0.01**", "**λ 1**"]
    assert "failed" in names[2]
    assert "it diverged" in names[2]
    assert len(app.get("image")) == 2
    assert [slider.label for slider in app.select_slider] == ["Step"]


def test_one_slider_moves_every_strip(open_page: Open, along: str) -> None:
    app = open_page(PAGE, run=along)
    before = [image.value for image in app.get("image")]
    app.select_slider[0].set_value(0).run()
    assert all(one != other for one, other in zip(before, (image.value for image in app.get("image")), strict=True))


def test_the_address_holds_what_is_looked_at_and_of_which_seed(open_page: Open, along: str) -> None:
    app = open_page(PAGE, run=along, look="Curves", **{"of-seed": "1"})
    shown = {group.label: group.value for group in app.get("button_group")}
    assert (shown["A closer look"], shown["Seed"]) == ("Curves", 1)
    assert "**Loss**" in words(app)
    assert not app.get("image")


def test_over_two_axes_the_matrix_comes_on_demand(open_page: Open, home: Path) -> None:
    vary = "lambda_task=0,0.01; init=real,noise"
    run = World(lambda values: 0.5).stored(question(vary=vary), Store())
    assert not open_page(PAGE, run=run).get("image")
    assert len(open_page(PAGE, run=run, look="Images").get("image")) == 4


def test_of_three_axes_a_slice_is_seen_through_the_best_of_the_third(open_page: Open, home: Path) -> None:
    vary = "lambda_task=0,1; init=real,noise; ipc=1,2"
    run = World(lambda values: 0.4 + 0.1 * values.get("ipc", 1)).stored(question(vary=vary), Store())
    app = open_page(PAGE, run=run, look="Images")
    assert len(app.get("image")) == 4
    (cut,) = [box for box in app.selectbox if box.label == "IPC"]
    assert cut.value == 1, "the second place, IPC 2"
