"""What is not judged in the shown setting: one button asks for exactly that, and its progress stands in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.evaluation.plans import Question, evaluation
from ddcore.experiments import spec
from ddcore.jobs.job import mark_running
from ddcore.report import compare_runs
from ddcore.runs.store import Store
from pages.components.compare import numbers
from tests.pages.conftest import DM, Backend, Filled, Open, finish, put, words

PAGE = "pages/7_Compare.py"
TEST = {"mean": 0.5, "std": 0.02**0.5, "n": 2, "protocol": "course", "values": [0.4, 0.6]}


def judged(run_id: str, **network: object) -> str:
    """A finished evaluation of this set with two networks under `course`."""
    asked = evaluation(Store().record(run_id), Question("course", nets=2, network=network))
    return finish(asked, {"accuracy": TEST, "source": {"run": run_id}})


@pytest.fixture
def narrow() -> str:
    """Another set, made on a narrower network."""
    return finish(spec("distill", "dm", {**DM, "width": 4}), {"images": 20})


def ask(app: AppTest, *what: str) -> AppTest:
    pills = next(group for group in app.get("button_group") if str(group.key).startswith("missing-"))
    pills.set_value(list(what)).run()
    return app.button(key="evaluate-missing").click().run()


def test_one_button_asks_for_exactly_the_missing_evaluation_on_the_network_of_the_others(
    open_page: Open, backend: Backend, filled: Filled, narrow: str
) -> None:
    judged(filled.dm)
    app = open_page(PAGE, runs=f"{filled.dm},{narrow}", on="ConvNet-3, width 8 · protocol course")
    assert "1 set is not judged in this setting. Any set can be judged on any network." in words(app)
    button = app.button(key="evaluate-missing")
    assert "2 trainings · about" in button.label
    button.click().run()
    [asked] = backend.submitted
    assert (asked.kind, asked.config.run, asked.config.protocol) == ("evaluate", narrow, "course")  # type: ignore[attr-defined]
    assert (asked.config.width, asked.config.nets) == (8, 2)  # type: ignore[attr-defined]


def test_what_is_under_way_shows_its_progress_in_place_of_the_button(
    open_page: Open, backend: Backend, filled: Filled, narrow: str
) -> None:
    judged(filled.dm)
    app = open_page(PAGE, runs=f"{filled.dm},{narrow}", on="ConvNet-3, width 8 · protocol course")
    app.button(key="evaluate-missing").click().run()
    mark_running(Store().record(backend.submitted[0].key).folder, "cpu")
    app.run()
    assert "Distilled images" in words(app)
    assert "not judged in this setting" not in words(app)


def test_controls_and_the_full_data_are_asked_for_only_when_they_are_picked(
    open_page: Open, backend: Backend, filled: Filled, narrow: str
) -> None:
    app = open_page(PAGE, runs=narrow)
    ask(app, "Sets")
    assert {asked.kind for asked in backend.submitted} == {"evaluate"}
    assert {getattr(asked.config, "images", None) for asked in backend.submitted} == {"images"}
    backend.submitted.clear()
    ask(open_page(PAGE, runs=narrow), "Controls", "Full data")
    assert [asked.kind for asked in backend.submitted].count("baseline") == 1
    assert "initial" in {getattr(asked.config, "images", None) for asked in backend.submitted}


def test_sets_that_nobody_judged_are_judged_in_a_setting_put_together_here(
    open_page: Open, backend: Backend, filled: Filled, narrow: str
) -> None:
    app = open_page(PAGE, runs=narrow, **{"ask-protocol": "quick", "ask-nets": "5"})
    app.button(key="evaluate-missing").click().run()
    [asked] = backend.submitted
    assert (asked.config.protocol, asked.config.nets, asked.config.width) == ("quick", 5, 4)  # type: ignore[attr-defined]


def test_what_cannot_be_judged_is_told_with_the_reason(open_page: Open, filled: Filled) -> None:
    judged(filled.dm)
    failed = put(spec("distill", "dm", {**DM, "seed": 9}), "failed")
    app = open_page(PAGE, runs=f"{filled.dm},{failed},{filled.baseline},{filled.described}",
                    on="ConvNet-3, width 8 · protocol course")
    for reason in (": failed", ": its accuracy is of ConvNet-3", ": no set of images"):
        assert reason in words(app).partition("Not judged: ")[2]


def test_sets_of_different_data_are_said_to_compare_no_accuracies(filled: Filled) -> None:
    judged(filled.dm)
    [one] = compare_runs.compared(Store(), [Store().record(filled.dm)])
    config = {**one.record.config, "dataset": "mnist", "resolution": 28}
    other = replace(one, record=replace(one.record, config=config))
    assert not numbers._cautions([one, one], compare_runs.numbers([one]))
    [sentence] = numbers._cautions([one, other], compare_runs.numbers([one, other]))
    assert sentence.startswith("These are of different data (digits at 8 px, mnist at 28 px)")
