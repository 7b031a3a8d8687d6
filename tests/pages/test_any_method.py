"""A distiller from outside has all that the shipped ones have: tests/pages/toymethod.py, and no other line of code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ddcore import jobs
from ddcore.experiments import spec
from ddcore.home import PROJECT
from ddcore.methods import METHODS, State, Task
from ddcore.runs.store import Store
from pages.components import frame, menu
from tests.pages.conftest import Backend, Open, put, words

HERE = Path(__file__).parent
PAGE = "pages/method.py"
TINY = {"dataset": "digits", "ipc": 2, "num_iters": 3, "fading": 0.25}


@pytest.fixture(autouse=True)
def fade(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy method, known to this process and to those that it starts."""
    monkeypatch.setenv("DDCORE_PLUGINS", "toymethod")
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(str(HERE))
    METHODS.__dict__.pop("_entries", None)
    yield
    METHODS.__dict__.pop("_entries", None)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other method without a file of its own is there: a page is opened by its file, which is the same for all."""
    monkeypatch.setattr(menu, "distillers", lambda: ["datadam", "dm", "pad", "fade"])


def test_the_menu_has_it_below_the_methods_that_ship() -> None:
    assert [(entry.title, entry.address) for entry in menu.entries()] == [
        ("Home", ""), ("Datasets", "Datasets"), ("Baselines", "Baselines"), ("DataDAM", "DataDAM"), ("PAD", "PAD"),
        ("DM", "DM"), ("BPTT", "bptt"), ("FRePo", "frepo"), ("Fade to grey", "fade"), ("NAS", "NAS"),
        ("Sweeps", "Sweeps"), ("Compare", "Compare"), ("Runs", "Runs"), ("Course", "Course"),
    ]


def test_a_copied_method_that_kept_its_title_has_a_page_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toymethod.METHOD", replace(METHODS["dm"], name="my dm/2"))
    METHODS.__dict__.pop("_entries", None)
    mine, shipped = menu.of_method("my dm/2"), menu.of_method("dm")
    assert mine is not None
    assert shipped is not None
    assert (mine.title, mine.address, shipped.address) == ("DM", "my-dm-2", "DM")


@pytest.mark.usefixtures("alone")
def test_its_form_has_its_parameters_and_starts_it(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    assert app.title[0].value == "Fade to grey"
    assert "Makes every image greyer, step by step." in words(app)
    assert "Takes **" in words(app)
    fading = app.text_input(key="fade.digits.quick.fading")
    assert (fading.label, fading.value) == ("φ · Fading", "0.5")
    fading.set_value("0.25").run()
    app.button(key="launch-distill").click().run()
    asked, *_ = backend.submitted
    assert (asked.kind, asked.name, asked.config.fading, asked.config.num_iters) == ("distill", "fade", 0.25, 4)
    assert app.query_params["run"] == asked.key


@pytest.mark.usefixtures("alone")
def test_its_finished_run_is_shown_on_its_page_and_linked_from_the_others(open_page: Open) -> None:
    run = jobs.run_inline(spec("distill", "fade", TINY))
    app = open_page(PAGE, run=run)
    assert not app.error
    assert list(app.select_slider[0].options) == ["0", "1", "2", "3"]
    assert app.get("image")
    (curve,) = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert (curve["name"], len(curve["x"])) == ("What is left of the images", 3)
    assert frame.page_of(Store().record(run)).address == "fade"
    for page in ("", "pages/8_Runs.py"):
        links = [(link.proto.page, link.proto.query_string) for link in open_page(page, run=run).get("page_link")]
        assert ("fade", f"run={run}") in links


def test_a_run_under_way_shows_how_far_it_is(open_page: Open) -> None:
    app = open_page(PAGE, run=put(spec("distill", "fade", TINY), "running"))
    assert "Cancel" in [button.label for button in app.button]


@pytest.mark.slow  # a process that loads torch
def test_its_command_computes_a_run_with_its_parameters() -> None:
    command = "run fade --dataset digits --ipc 2 --num-iters 3 --fading 0.25 --device cpu --wait --json"
    done = subprocess.run([sys.executable, "-m", "ddcore", *command.split()], cwd=PROJECT, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    record = Store().record(json.loads(done.stdout.strip().splitlines()[-1])["run"])
    assert (record.name, record.state, record.config["fading"]) == ("fade", "done", 0.25)


@pytest.mark.parametrize(("curves", "axis", "heading"), [
    ({"loss": "What is left of the images"}, "Loss", "**Matching loss**"),
    ({"norm": "Norm of the images"}, "Norm of the images", "**Norm of the images**"),
    ({"norm": "Norm", "spread": "Spread"}, "Value", "**Norm, Spread**"),
    ({"loss": "Loss", "norm": "Norm"}, "Value", "**Matching loss**"),
])
def test_curves_are_called_losses_only_where_they_are(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, curves: dict[str, str], axis: str, heading: str
) -> None:
    def step(task: Task, state: State) -> dict[str, torch.Tensor]:
        return {name: state.images.norm() for name in curves}

    monkeypatch.setattr("toymethod.METHOD", replace(METHODS["fade"], step=step, curves=curves))
    METHODS.__dict__.pop("_entries", None)
    app = open_page(PAGE, run=jobs.run_inline(spec("distill", "fade", TINY)))
    layout = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
    assert layout["yaxis"]["title"]["text"] == axis
    assert heading in words(app)
