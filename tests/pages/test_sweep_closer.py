"""The images and curves of a sweep: one strip for each value, a matrix over two axes, what has none says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

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


def matrix(app: AppTest) -> tuple[list[str], list[list[str]]]:
    """Of the table of images: what its columns are called; each row with its name and what its cells show."""
    (body,) = [one.proto.body for one in app.get("html") if "matrix" in one.proto.body]
    head, *rows = body.split("<tr>")[1:]
    shown = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return (re.findall(r"<th[^>]*>(.*?)</th>", head),
            [[re.sub(r'<img src="data:image/png[^>]*alt="(.*?)">', r"\1", cell) for cell in row] for row in shown])


def test_over_two_axes_the_matrix_comes_on_demand_and_what_was_left_out_keeps_its_place(
    open_page: Open, home: Path
) -> None:
    run = World(by_lambda).stored(question(vary="lambda_task=0,1; ipc=1,900,2", leave_out=True), Store())
    assert not [one for one in open_page(PAGE, run=run).get("html") if "matrix" in one.proto.body]
    columns, rows = matrix(open_page(PAGE, run=run, look="Images"))
    assert columns == ["IPC 1", "IPC 900", "IPC 2"]
    assert rows == [["λ 0", "λ 0, IPC 1, step 4: images of each class", "left out",
                     "λ 0, IPC 2, step 4: images of each class"],
                    ["λ 1", "<p>failed: it diverged</p>", "left out", "<p>failed: it diverged</p>"]]


def test_of_three_axes_a_slice_is_seen_through_the_best_of_the_third(open_page: Open, home: Path) -> None:
    vary = "lambda_task=0,1; init=real,noise; ipc=1,2"
    run = World(lambda values: 0.4 + 0.1 * values.get("ipc", 1)).stored(question(vary=vary), Store())
    app = open_page(PAGE, run=run, look="Images")
    assert [cell.partition(", step")[0] for row in matrix(app)[1] for cell in row[1:]] == [
        "λ 0, real, IPC 2", "λ 0, noise, IPC 2", "λ 1, real, IPC 2", "λ 1, noise, IPC 2"]
    assert "**Through the best**" in words(app)
    (cut,) = [box for box in app.selectbox if box.label == "IPC"]
    assert cut.value == 1, "the second place, IPC 2"
