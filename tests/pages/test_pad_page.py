from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from ddcore.evaluation.plans import Question, plan
from ddcore.experiments import spec
from ddcore.methods import METHODS
from ddcore.report import stages
from ddcore.runs.store import Store
from pages.components import frame
from tests.pages.conftest import PAD, Backend, Filled, Open, away, finish, put, words

PAGE = "pages/4_PAD.py"
QUICK = METHODS["pad"].preset("quick").for_dataset("digits")


def titles(app: AppTest) -> list[str]:
    """The vertical axes of the charts that are drawn."""
    drawn = [json.loads(chart.proto.spec)["layout"] for chart in app.get("plotly_chart")]
    return [layout["yaxis"].get("title", {}).get("text") for layout in drawn]


def test_the_form_says_of_every_stage_what_it_will_take(open_page: Open) -> None:
    shown = words(open_page(PAGE))
    for card in ("1 · Difficulty scores", "2 · Scheduler", "3 · Expert trajectories", "4 · Matching", "5 · Evaluation"):
        assert card in shown
    assert shown.count("To be computed") == 3
    assert "MB on disk" in shown
    assert "the easiest 75 %" in shown


def test_the_form_finds_the_stages_that_are_computed_already(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, like=filled.pad)
    app.text_input(key=f"pad.{filled.pad}.num_iters").set_value("5").run()
    assert words(app).count("Cached") == 2
    assert words(app).count("To be computed") == 1


def test_without_a_scheduler_there_are_no_scores_to_compute(open_page: Open) -> None:
    app = open_page(PAGE)
    app.selectbox(key="pad-preset").select("datm").run()
    shown = words(app)
    assert "· Difficulty scores" not in shown
    assert "All images in every epoch." in shown


@pytest.mark.slow
def test_the_form_draws_the_scheduler_before_anything_is_computed(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    assert not titles(app)
    app.session_state["plan-pad"] = True
    app.run()
    assert [title.replace("<br>", " ") for title in titles(app)] == ["Images in use, easy to hard (%)"]
    assert "α = 0 drops nothing" in words(app)
    app.selectbox(key="pad-preset").select("mnist").run()
    assert "α = 0.25 drops block 1" in words(app)
    app.selectbox(key="pad-preset").select("quick").run()
    app.button(key="launch-distill").click().run()
    assert backend.submitted[0] == spec("distill", "pad", QUICK)


def test_a_form_whose_data_set_is_away_still_tells_the_stages(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddcore.experiments.base.dataset_identity", away)
    assert words(open_page(PAGE)).count("To be computed") == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tab", "axes", "said"),
    [
        ("Matching", {"Loss", "Learning rate", "Start epoch", "Image of class"}, "0 of 4 updates were skipped"),
        ("Scores", set(), "In epoch 0 the experts see **the easiest 75 %** of each class"),
        ("Scheduler", {"Images in use, easy to hard (%)"}, "Students imitate the epochs 0 to 2"),
        ("Experts", {"Accuracy (%)"}, "α = 0.25 drops block 1 and"),
    ],
)
def test_a_finished_run_shows_what_each_stage_found(
    tab: str, axes: set[str], said: str, open_page: Open, filled: Filled
) -> None:
    app = open_page(PAGE, run=filled.pad)
    app.session_state[f"stages-{filled.pad}"] = tab
    app.run()
    assert not app.error
    assert said in words(app) + " ".join(one.proto.help for one in app.markdown)
    assert axes <= {title.replace("<br>", " ") for title in titles(app)}


@pytest.mark.slow
def test_the_run_of_each_stage_has_its_own_view(open_page: Open, filled: Filled) -> None:
    run = Store().record(filled.pad)
    scores, experts, _ = stages.of_run(Store(), run)
    assert scores.record
    assert experts.record
    app = open_page(PAGE, run=scores.record.id)
    assert not app.error
    assert "Easiest images" in words(app)
    assert len(app.get("image")) == 2
    assert [c.label for c in app.segmented_control] == ["Score"]
    app = open_page(PAGE, run=experts.record.id)
    assert not app.error
    assert "Experts 2" in words(app)
    assert {frame.page_of(stage.record).file for stage in (scores, experts) if stage.record} == {PAGE}


def test_experts_lend_their_parameters_to_the_form_and_scores_which_it_has_not_do_not(
    open_page: Open, filled: Filled
) -> None:
    scores, experts, _ = (one.spec.key for one in stages.of_run(Store(), Store().record(filled.pad)))
    assert "like" not in [button.key for button in open_page(PAGE, run=scores).button]
    app = open_page(PAGE, run=experts)
    app.button(key="like").click().run()
    assert app.query_params["like"] == experts
    values = {name: app.text_input(key=f"pad.{experts}.{name}").value for name in ("train_epochs", "num_iters")}
    assert values == {"train_epochs": "4", "num_iters": str(QUICK["num_iters"])}


@pytest.mark.slow
def test_another_score_than_the_schedulers_has_no_cuts(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.pad)
    app.session_state[f"stages-{filled.pad}"] = "Scores"
    app.run()
    assert _lines(app)
    app.segmented_control[0].set_value("forgetting").run()
    assert not _lines(app)
    assert "orders images by **EL2N**" in words(app)


def _lines(app: AppTest) -> list[str]:
    """The lines across the histograms."""
    drawn = [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]
    found = [trace["name"] for data in drawn for trace in data if trace["type"] == "scatter" and trace.get("name")]
    return [name for name in found if name.startswith("epoch ")]


@pytest.mark.slow
def test_a_deleted_stage_is_said_plainly(open_page: Open, filled: Filled) -> None:
    scores = stages.of_run(Store(), Store().record(filled.pad))[0]
    experts = Store().record(filled.pad).info["parents"][0]
    assert scores.record
    Store().trash(experts)
    app = open_page(PAGE, run=filled.pad)
    app.session_state[f"stages-{filled.pad}"] = "Experts"
    app.run()
    assert not app.error
    assert "No longer here" in words(app)
    assert "what it found is gone" in words(app)


def test_a_running_run_shows_every_stage_and_a_bar_for_what_it_waits_for(open_page: Open) -> None:
    asked = spec("distill", "pad", PAD)
    scores, experts, _ = stages.stages(Store(), asked)
    first = put(scores.spec, "running")
    second = put(experts.spec, "queued")
    run = put(asked, "queued")
    app = open_page(PAGE, run=run)
    assert [b.key for b in app.button if b.key and b.key.startswith("cancel-")] == [
        f"cancel-{one}" for one in (first, second, run)
    ]
    assert "4 · Matching" in words(app)
    assert "accuracy appears here" in words(app)


def test_a_live_part_tells_how_the_run_stands_by_now(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "link", lambda *_: None)  # there is no menu that it could lead into
    asked = spec("distill", "pad", PAD)
    for stage in stages.stages(Store(), asked)[:-1]:
        finish(stage.spec, {"seconds": 1.0})
    app = AppTest.from_function(_begun, kwargs={"run": put(asked, "queued")}).run()
    assert not app.exception
    assert "Running" in words(app)
    assert "Waiting" not in words(app)


def _begun(run: str) -> None:
    """The stages of a run that has begun since its record was read."""
    from ddcore.jobs.job import mark_running
    from ddcore.runs.store import Store
    from pages.components import stages

    record = Store().record(run)
    mark_running(record.folder, "cpu")
    stages.standing(record)


def test_a_stage_that_failed_tells_why_on_the_page_of_the_run(open_page: Open) -> None:
    asked = spec("distill", "pad", PAD)
    put(stages.stages(Store(), asked)[0].spec, "failed")
    put(stages.stages(Store(), asked)[1].spec, "failed")
    run = put(asked, "failed")
    assert words(open_page(PAGE, run=run)).count("The loss is not a number.") == 3 + 1


def test_earlier_experts_and_scores_are_listed(open_page: Open, filled: Filled) -> None:
    folded = [one.label for one in open_page(PAGE).expander]
    assert {"Earlier expert trajectories", "Earlier difficulty scores"} <= set(folded)


def controls(app: AppTest) -> Button:
    return next(b for b in app.button if b.label.startswith("Evaluate with controls · about"))


@pytest.mark.slow
def test_one_button_asks_for_every_control_and_says_what_to_compare(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    app = open_page(PAGE, run=filled.pad)
    shown = words(app)
    assert "*Initial images, soft labels* against *Initial images, class labels*: what soft labels alone" in shown
    assert "what this method adds to that one" in shown
    controls(app).click().run()
    asked = [one.config for one in backend.submitted if one.kind == "evaluate"]
    assert {(one.images, one.labels) for one in asked} == {
        ("images", "learnt"), ("initial", "learnt"), ("initial", "hard"),
    }
    (datm,) = [one.config for one in backend.submitted if one.name == "pad"]
    assert (datm.scheduled, datm.shallow_ratio) == (False, 0.0)


def test_what_the_labels_alone_are_worth_is_a_number_once_it_is_known(open_page: Open, filled: Filled) -> None:
    asked = plan(Store().record(filled.pad), Question("course", nets=2, network={"network": "convnet3"}))
    for one, mean in ((asked.final, 0.9), (asked.initial, 0.85), (asked.initial_hard, 0.8)):
        assert one
        told = {"mean": mean, "std": 0.01, "n": 2, "protocol": "course"}
        each = [mean - 0.01 / 2**0.5, mean + 0.01 / 2**0.5]
        finish(one, {"accuracy": told, "accuracies": each, "majority": 0.1, "images": 20})
    shown = words(open_page(PAGE, run=filled.pad))
    assert "what soft labels alone are worth, **+5.0 ± 1.0 points**" in shown
    assert "what distilling is worth, **+5.0 ± 1.0 points**" in shown
    assert "what labels and distilling are worth together, **+10.0 ± 1.0 points**" in shown


@pytest.mark.slow
def test_a_disk_too_small_for_the_controls_is_said_before_any_of_them_is_asked_for(
    open_page: Open, filled: Filled, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(PAGE, run=filled.pad)
    monkeypatch.setattr("ddcore.jobs.requirements._free", lambda *_: 10)
    controls(app).click().run()
    assert "the disk is too small" in app.error[0].value
    assert not backend.submitted
