from __future__ import annotations

import json
from pathlib import Path

import pytest
import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.experiments import spec
from ddcore.methods import METHODS
from ddcore.runs.store import Store
from tests.pages.conftest import TINY, Backend, Filled, Open, away, finish, put, words

PAGE = "pages/3_DataDAM.py"
CONFIG = METHODS["datadam"].Config


def test_every_parameter_has_a_widget_with_its_declared_help(open_page: Open) -> None:
    app = open_page(PAGE)
    helps = [w.help for kind in ("text_input", "selectbox", "checkbox") for w in getattr(app, kind)]
    start = CONFIG.build(METHODS["datadam"].preset("quick").for_dataset("digits")).values()
    for p in CONFIG.params():
        sides = DATASETS["digits"].resolutions
        if p.name in ("dataset", "units") or (p.name == "resolution" and len(sides) == 1):  # a ConvNet has no units
            continue
        if not p.is_used(start):
            assert not any(p.flag in shown for shown in helps), p.name
            continue
        assert any(p.help in shown and p.flag in shown for shown in helps), p.name


def test_the_form_starts_at_the_preset_and_follows_another_one(open_page: Open) -> None:
    app = open_page(PAGE)
    quick, course = (METHODS["datadam"].preset(name).for_dataset("digits") for name in ("quick", "course"))
    draws = f"datadam.digits.{METHODS['datadam'].presets[0].name}.num_inits"
    assert app.text_input(key=draws).value == str(quick["num_inits"])
    app.selectbox(key="datadam-preset").select("course").run()
    assert app.text_input(key="datadam.digits.course.num_inits").value == str(course["num_inits"])


def test_the_form_submits_what_it_shows_and_opens_the_run(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    app.text_input(key="datadam.digits.quick.num_inits").set_value("7").run()
    assert "K · Network draws 7" in words(app)
    app.button(key="launch-distill").click().run()
    asked, *_ = backend.submitted
    assert (asked.kind, asked.name, asked.config.num_inits) == ("distill", "datadam", 7)
    expected = {**METHODS["datadam"].preset("quick").for_dataset("digits"), "num_inits": 7}
    assert asked.config == CONFIG.build(expected)
    assert f"run `{asked.key}`" in words(app)


def test_another_network_brings_its_own_options(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    app.selectbox(key="datadam.digits.quick.network").select("lenet").run()
    assert not app.error
    app.button(key="launch-distill").click().run()
    assert backend.submitted[0].config.network == "lenet"
    assert backend.submitted[0].config.width is None


def test_values_that_cannot_run_are_named_and_cannot_be_submitted(open_page: Open) -> None:
    app = open_page(PAGE)
    next(n for n in app.text_input if n.label.startswith("Depth")).set_value("8").run()
    assert "Depth must be at most" in app.error[0].value
    assert (button := app.button(key="launch-distill")).label == "Start run"
    assert button.disabled


@pytest.mark.parametrize(("name", "typed", "told"), [
    ("ipc", "5000", "IPC: from 1 to 1,000; got 5000"), ("lambda_task", "-3", "λ: from 0 to 100; got -3"),
    ("ipc", "2.5", "IPC: a whole number from 1 to 1,000; got 2.5"),
    ("ipc", "", "IPC: a whole number from 1 to 1,000; got nothing"),
    ("lr_img", "0,1", r"η\_S: a number above 0, up to 10,000; got 0,1"),
])
def test_a_number_that_is_not_allowed_is_told_at_its_field_and_starts_nothing(
    open_page: Open, backend: Backend, name: str, typed: str, told: str
) -> None:
    app = open_page(PAGE)
    app.text_input(key=f"datadam.digits.quick.{name}").set_value(typed).run()
    assert f":red[{told}]" in words(app)
    assert app.text_input(key=f"datadam.digits.quick.{name}").value == typed
    assert app.button(key="launch-distill").disabled
    app.text_input(key=f"datadam.digits.quick.{name}").set_value("1e-0").run()
    app.button(key="launch-distill").click().run()
    assert backend.submitted[0].config.values()[name] == 1


def test_a_time_estimate_stands_beside_the_start_button(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Takes **about" in words(open_page(PAGE))
    assert "before it" not in words(open_page(PAGE))
    states = ["running"] * len(jobs.slots()) + ["queued"] * 2
    monkeypatch.setattr(jobs, "ahead", lambda: [jobs.Status(one) for one in states])
    assert "; 2 runs wait before it" in words(open_page(PAGE))


def test_a_question_answered_before_is_opened_not_computed(open_page: Open) -> None:
    done = finish(spec("distill", "datadam", METHODS["datadam"].preset("quick").for_dataset("digits")), {"images": 100})
    app = open_page(PAGE)
    button = app.button(key="launch-distill")
    assert button.label == "Open result"
    assert f"run `{done}`" not in words(app)
    button.click().run()
    assert Store().record(done).state == "done"
    assert f"run `{done}`" in words(app)


def test_a_missing_data_set_says_what_to_do(open_page: Open) -> None:
    app = open_page(PAGE)
    app.selectbox(key="datadam-dataset").select("mhist").run()
    assert any("annotations.csv" in w.value for w in app.warning)


def test_a_finished_run_shows_images_curves_and_numbers(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.distilled)
    assert "20 images · 1,280 stored numbers · 2 steps in" in words(app)
    assert len(app.get("image")) == 2
    steps = app.get("select_slider") or app.select_slider
    assert list(steps[0].options) == ["0", "1", "2"]
    drawn = [json.loads(chart.proto.spec)["layout"] for chart in app.get("plotly_chart")]
    titles = [layout["yaxis"].get("title", {}).get("text") for layout in drawn]
    assert "Loss" in titles
    assert "Gradient norm" in titles


def test_the_evaluation_shows_mean_spread_n_and_the_controls_that_lack(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.distilled)
    table = next(t.value for t in app.dataframe if "accuracy" in t.value.columns)
    assert table["name"].tolist()[0] == "Distilled images"
    assert "(n = 2)" in table["accuracy"][0]
    assert table["state"].tolist()[1:] == ["not computed"] * 3
    assert "ConvNet-3, width 8 · protocol course" in words(app)


def test_a_finished_run_stands_though_its_data_set_is_away(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ddcore.experiments.base.dataset_identity", away)
    app = open_page(PAGE, run=filled.distilled)
    assert [e.value for e in app.error] == ["the folder of the data set is not there"]
    assert len(app.get("image")) == 2
    assert len(app.get("plotly_chart")) == 2  # losses and gradient norms
    assert {"Log", "Parameters of this run"} <= {e.label for e in app.expander}


def test_another_batch_size_is_part_of_the_protocols_label(open_page: Open, filled: Filled, backend: Backend) -> None:
    ten = {"dataset": "digits", "width": 8, "run": filled.distilled, "nets": 2, "batch_size": 10}
    finish(spec("evaluate", "evaluate", ten), {"accuracy": {"mean": 0.5, "std": 0.1, "n": 2}, "seconds_train": 1.0})
    app = open_page(PAGE, run=filled.distilled)
    app.text_input(key=f"evaluation-{filled.distilled}-batch").set_value("10").run()
    assert "ConvNet-3, width 8 · protocol course, batch 10" in words(app)
    assert "50 ± 10 % (n = 2)" in [
        shown for t in app.dataframe if "accuracy" in t.value.columns for shown in t.value["accuracy"]
    ]


def test_a_finished_run_fills_the_form_for_the_next_one(open_page: Open, filled: Filled, backend: Backend) -> None:
    app = open_page(PAGE, run=filled.distilled)
    app.button(key="like").click().run()
    made = Store().record(filled.distilled).config
    assert app.button(key="launch-distill").label == "Open result"
    app.text_input(key=f"datadam.{filled.distilled}.num_inits").set_value("3").run()
    assert "K · Network draws 3 instead of 2" in words(app)
    app.button(key="launch-distill").click().run()
    assert backend.submitted[0].config.values() == {**made, "num_inits": 3}
    assert f"run `{backend.submitted[0].key}`" in words(app)


def test_missing_controls_are_submitted_with_one_button_and_full_data_with_another(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    app = open_page(PAGE, run=filled.distilled)
    button = next(b for b in app.button if b.label.startswith("Evaluate with controls · about"))
    button.click().run()
    assert [s.kind for s in backend.submitted] == ["evaluate", "distill", "evaluate"]
    assert {s.config.protocol for s in backend.submitted if s.kind == "evaluate"} == {"course"}
    full = next(b for b in app.button if b.label.startswith("Train on full data · about"))
    full.click().run()
    assert backend.submitted[-1].kind == "baseline"


def test_a_running_run_can_be_cancelled(open_page: Open, backend: Backend) -> None:
    run = put(spec("distill", "datadam", TINY), "running")
    app = open_page(PAGE, run=run)
    app.button(key=f"cancel-{run}").click().run()
    assert backend.cancelled == [run]


@pytest.mark.parametrize("state", ["failed", "interrupted"])
def test_an_ended_run_can_be_resumed(state: str, open_page: Open, backend: Backend) -> None:
    run = put(spec("distill", "datadam", TINY), state)
    open_page(PAGE, run=run).button(key=f"resume-{run}").click().run()
    assert backend.resumed == [run]


def test_a_finished_run_whose_images_are_gone_is_a_sentence(open_page: Open, filled: Filled) -> None:
    folder: Path = Store().record(filled.distilled).folder
    (folder / "images.safetensors").write_bytes(b"not a tensor")
    st.cache_data.clear()
    app = open_page(PAGE, run=filled.distilled)
    assert any("cannot be read" in e.value for e in app.error)
