"""The page of a run: the answer on top beside the images, what one can do with it, what an ended run had."""

from __future__ import annotations

import json
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks import make_demo
from ddcore.evaluation.plans import Question, plan
from ddcore.experiments import spec
from ddcore.home import PROJECT
from ddcore.report.text import spread
from ddcore.runs.store import Store
from pages.components import images, progress
from tests.pages.conftest import DM, TINY, Backend, Filled, Open, confusion, finish, put, words

PAGE = "pages/5_DM.py"
ASKED = Question("quick", nets=3, network={"network": "convnet3"})


def judged(run: str, role: str, mean: float, seconds: float) -> None:
    """The run's set, or one of its controls, came out so."""
    accuracy = {"mean": mean, "std": 0.01, "n": 3, "protocol": "quick"}
    told: dict[str, Any] = {"accuracy": accuracy, "majority": 0.1, "seconds_train": seconds, "images": 20, "steps": 600,
                            "per_class": [mean] * 10, "confusion": confusion(mean)}
    finish(getattr(plan(Store().record(run), ASKED), role), told)


def test_while_more_networks_are_trained_the_accuracy_of_those_that_are_stands_on_top(
    open_page: Open, filled: Filled
) -> None:
    known = Store().record(filled.evaluated)
    put(spec("evaluate", "evaluate", {**known.config, "nets": 5}), "queued")
    app = open_page("pages/3_DataDAM.py", run=filled.distilled)
    assert known.summary.accuracy
    assert metrics(app)["Test accuracy"][0] == spread(known.summary.accuracy)
    assert "Being evaluated, see below." in words(app)


def metrics(app: AppTest) -> dict[str, tuple[str, str]]:
    return {m.label: (m.value, m.delta) for m in app.metric}


def test_the_answer_stands_on_top_accuracy_points_over_random_and_time(open_page: Open, filled: Filled) -> None:
    judged(filled.dm, "final", 0.8, 2.0)
    judged(filled.dm, "random_real", 0.7, 2.0)
    judged(filled.dm, "full", 0.95, 24.0)
    app = open_page(PAGE, run=filled.dm)
    top = dict(list(metrics(app).items())[:3])
    assert top == {
        "Test accuracy": ("80.0 ± 1.0 %", "quick · n = 3"),
        "Over random real images": ("+10.0 points", "+7.7 to +12.3"),
        "Trains faster than full data": ("12 times", "2.0 s, not 24 s"),
    }
    assert app.metric[1].proto.color == app.metric[1].proto.GREEN
    assert not [b for b in app.button if b.key == f"answer-{filled.dm}"]


def test_a_set_that_nobody_judged_has_one_button_to_press_with_its_time(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    app = open_page(PAGE, run=filled.dm)
    assert metrics(app)["Test accuracy"][0] == "not evaluated"
    primary = [b for b in app.button if b.proto.type == "primary" and not b.key.startswith("extend")]
    assert [b.key for b in primary] == [f"answer-{filled.dm}"]
    assert primary[0].label.startswith("Evaluate by course, n = 3 · about ")
    primary[0].click().run()
    assert [s.kind for s in backend.submitted] == ["evaluate", "evaluate", "distill", "evaluate"]
    assert "Being evaluated, see below." in words(app)


def test_full_data_that_nobody_trained_is_asked_for_once_beside_the_answer(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    judged(filled.dm, "final", 0.8, 2.0)
    app = open_page(PAGE, run=filled.dm)
    assert len([b for b in app.button if b.label.startswith("Train on full data")]) == 1
    app.button(key=f"answer-full-{filled.dm}").click().run()
    assert [s.kind for s in backend.submitted] == ["baseline"]


def test_a_run_is_the_title_of_its_page_and_headings_have_no_gap(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.dm)
    assert [t.value.startswith("DM · digits · IPC 2") for t in app.title] == [True]
    assert [h.value for h in app.header] == ["How good is it?", "How it went"]
    assert "mean features" not in words(app), "the method's lead is for its own page"


@pytest.mark.parametrize("state", ["cancelled", "failed", "interrupted"])
def test_a_run_that_ended_early_shows_the_curve_and_the_images_that_it_had(
    open_page: Open, filled: Filled, state: str
) -> None:
    had, run = Store().record(filled.dm).folder, put(spec("distill", "dm", {**DM, "num_iters": 9}), state)
    folder = Store().record(run).folder
    (folder / "snapshots").mkdir()
    for name in ("events.jsonl", "initial.safetensors", "snapshots/1.safetensors"):
        (folder / name).write_bytes((had / name).read_bytes())
    app = open_page(PAGE, run=run)
    assert f"resume-{run}" in {b.key for b in app.button}
    assert "Images so far (step 1)" in words(app)
    curve = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]
    assert curve["x"] == [1, 2]


@pytest.mark.parametrize("state", ["queued", "running", "cancelled", "done"])
def test_a_run_in_any_state_lends_its_parameters(open_page: Open, filled: Filled, state: str) -> None:
    run = filled.dm if state == "done" else put(spec("distill", "dm", {**DM, "num_iters": 9}), state)
    app = open_page(PAGE, run=run)
    app.button(key="like").click().run()
    assert app.query_params["like"] == run


def test_a_run_is_extended_from_its_own_page_with_a_time(open_page: Open, filled: Filled, backend: Backend) -> None:
    app = open_page(PAGE, run=filled.dm)
    assert "Takes **about" in words(app)
    app.text_input(key=f"to-{filled.dm}").set_value("1").run()
    assert app.button(key=f"extend-{filled.dm}").disabled
    app.text_input(key=f"to-{filled.dm}").set_value("7").run()
    app.button(key=f"extend-{filled.dm}").click().run()
    assert backend.extended == [(filled.dm, 7)]


def test_a_finished_set_is_taken_away_in_every_form(open_page: Open, filled: Filled) -> None:
    labels = [b.proto.label for b in open_page(PAGE, run=filled.dm).get("download_button")]
    assert labels == ["Arrays (.npz)", "One picture (.png)", "A picture of each (.zip)", "The whole run (.ddrun)"]
    baseline = open_page("pages/2_Baselines.py", run=filled.baseline)
    assert [b.proto.label for b in baseline.get("download_button")] == ["The whole run (.ddrun)"]


def test_many_images_are_folded_until_somebody_asks_for_all(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    st.cache_data.clear()
    assert not [t for t in open_page(PAGE, run=filled.dm).toggle if t.key == f"all-{filled.dm}"]
    monkeypatch.setattr(images, "FEW", 1)
    st.cache_data.clear()
    app = open_page(PAGE, run=filled.dm)
    few = app.get("image")[0].proto
    assert app.toggle(key=f"all-{filled.dm}").label == "Show all 20 images"
    app.toggle(key=f"all-{filled.dm}").set_value(True).run()
    assert app.get("image")[0].proto != few
    st.cache_data.clear()


def test_a_running_run_says_that_the_time_left_is_being_estimated(open_page: Open) -> None:
    run = put(spec("distill", "datadam", TINY), "running")
    path = Store().record(run).folder / "progress.json"
    path.write_text(json.dumps({"done": 1, "total": 4, "phase": "Distilling", "elapsed": 10, "eta": None}), "utf-8")
    app = open_page("pages/3_DataDAM.py", run=run)
    assert "estimating the time left" in "".join(bar.proto.text for bar in app.get("progress"))


def test_home_and_the_notice_of_an_ended_run_have_the_same_word_for_its_state(open_page: Open, filled: Filled) -> None:
    record = Store().record(filled.dm)
    info = json.loads((record.folder / "run.json").read_text("utf-8"))
    info["summary"]["pixel_change"] = 7285.0
    (record.folder / "run.json").write_text(json.dumps(info), "utf-8")
    assert progress.state(Store().record(filled.dm))[0] == "Done, with a warning"
    assert words(open_page()).count("Done, with a warning") == 1


@pytest.mark.parametrize("ipc", [5, 50])
def test_a_shipped_set_whose_images_do_not_all_ship_is_shown_with_those_that_do(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, ipc: int
) -> None:
    monkeypatch.setattr("ddcore.home.demo_root", lambda: PROJECT / "ddcore" / "demo")
    cell = make_demo.sizes().config.cell({"ipc": ipc}, make_demo.SEED)
    app = open_page("pages/5_DM.py", run=cell.distil.key)
    assert not app.error
    assert ("Its images do not ship with the app" in " ".join(each.value for each in app.caption)) == (ipc == 50)
    assert not open_page("pages/2_Baselines.py", run=cell.control[0].key).error
