"""What stands below a set's accuracy: protocol, seeds, robust scores, published results, details, other tabs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question, plan
from ddcore.experiments import Spec, spec
from ddcore.methods import quick
from ddcore.report import robust, trajectory, transfer
from ddcore.report.published import Published
from ddcore.runs.store import Store
from ddcore.settings import TrainConfig
from pages.components import evaluation
from tests.pages.conftest import TINY, Backend, Filled, Open, confusion, finish, put, words

PAGE = "pages/3_DataDAM.py"
ASKED = Question("course", nets=2, network={"network": "convnet3"})


def told(mean: float, **more: Any) -> dict[str, Any]:
    """The summary of an evaluation that came out so."""
    accuracy = {"mean": mean, "std": 0.01, "n": 2, "protocol": "course"}
    each = [mean - 0.01 / 2**0.5, mean + 0.01 / 2**0.5]
    return {"accuracy": accuracy, "accuracies": each, "majority": 0.1, "seconds_train": 1.0, "images": 20,
            "steps": 20, "per_class": [mean] * 10, "confusion": confusion(mean), **more}


def answer(asked: Spec, mean: float) -> None:
    if not Store().exists(asked.key):
        finish(asked, told(mean))


def on_tab(app: AppTest, run: str, name: str) -> AppTest:
    app.session_state[f"tabs-{run}"] = name
    return app.run()


def frames(app: AppTest, column: str) -> Any:
    return next(table.value for table in app.dataframe if column in table.value.columns)


def drawn(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def test_the_protocol_shows_every_field_of_the_training(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.distilled)
    titles = {TrainConfig.param(name).title for name in ("lr", "momentum", "weight_decay", "schedule", "batch_size")}
    assert titles <= set(app.table[0].value.index)


@pytest.mark.slow
def test_one_more_seed_is_distilled_and_judged_at_the_press_of_a_button(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    app = open_page(PAGE, run=filled.distilled)
    app.button(key=f"seed-{filled.distilled}").click().run()
    distilled, judged, random, control = backend.submitted
    assert (distilled.name, distilled.config.seed) == ("datadam", 1)
    assert judged.config.run == distilled.key
    assert (random.name, random.config.seed, control.config.run) == ("random", 1, random.key)
    assert not [b for b in app.button if b.key == f"seed-{filled.distilled}"]  # it is on its way


def test_more_networks_are_asked_for_and_those_that_are_trained_already_stay(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.distilled)
    assert "are trained already" not in words(app)
    app.text_input(key=f"evaluation-{filled.distilled}-nets").set_value("5").run()
    known = Store().record(filled.evaluated).summary.accuracy
    assert known
    share = f"2 of the 5 networks on these images are trained already and stay: {100 * known.mean:.1f} ± "
    assert share in words(app)
    app.text_input(key=f"evaluation-{filled.distilled}-nets").set_value("1").run()
    assert "are trained already" not in words(app)


def test_a_number_of_networks_that_is_not_allowed_leaves_no_button_that_asks(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.distilled)
    app.text_input(key=f"evaluation-{filled.distilled}-nets").set_value("0").run()
    assert ":red[n: from 1 to 100; got 0]" in words(app)
    asking = [b.label for b in app.button if "·" in b.label]
    assert all(label.startswith(("Evaluate by course, n = 2 ·", "Train on full data ·")) for label in asking)
    assert not [b for b in app.button if b.key == f"evaluate-{filled.distilled}"]
    app.text_input(key=f"evaluation-{filled.distilled}-nets").set_value("3").run()
    assert [b for b in app.button if b.label.startswith("Evaluate with controls ·")]


def test_what_a_batch_makes_of_this_set_is_told(open_page: Open, filled: Filled) -> None:
    batch = open_page(PAGE, run=filled.distilled).text_input(key=f"evaluation-{filled.distilled}-batch")
    assert "On these 20 images the protocol's 128 makes 20 steps of training, 10 makes 40." in batch.help


def test_seeds_stand_in_a_table_with_the_mean_over_all_of_them(open_page: Open, filled: Filled) -> None:
    other = finish(spec("distill", "datadam", {**TINY, "seed": 4}), {"images": 20, "ipc": 2})
    answer(plan(Store().record(other), ASKED).final, 0.8)
    app = open_page(PAGE, run=filled.distilled)
    table = frames(app, "seed")
    assert table["seed"].tolist() == [0, 4]
    assert table["accuracy"][1] == "80.0 ± 1.0 % (n = 2)"
    assert "(n = 4) over 2 of 2 seeds" in " ".join(e.label for e in app.expander)
    assert any(b.label.startswith("Distil seed 5") for b in app.button)


@pytest.mark.slow
def test_robust_scores_say_what_they_mean_and_what_they_still_need(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    app = open_page(PAGE, run=filled.distilled)
    shown = words(app)
    assert all(title in shown for title in robust.TITLES.values())
    assert all(part in shown for part in robust.HELP["lrs"].split("\n"))
    app.button(key=f"robust-{filled.distilled}").click().run()
    assert {s.config.augment for s in backend.submitted if s.kind == "evaluate"} - {None}
    assert "baseline" not in {s.kind for s in backend.submitted}


def test_robust_scores_are_shown_once_their_parts_are_known(open_page: Open, filled: Filled) -> None:
    scores = robust.scores(Store(), Store().record(filled.distilled), ASKED)
    for part in scores.missing:
        for asked in part.specs:
            if asked.kind == "distill":
                finish(asked, {"images": 20})
            else:
                answer(asked, 0.5 if "andom" in part.title else 0.6)
    shown = {s.name: s.value for s in robust.scores(Store(), Store().record(filled.distilled), ASKED).scores}
    assert shown["ars"] is not None
    metrics = {m.label: m.value for m in open_page(PAGE, run=filled.distilled).metric}
    assert metrics[robust.TITLES["ars"]] == f"{shown['ars']:.1f}"
    assert metrics[robust.TITLES["ior"]].endswith("points")


@pytest.mark.parametrize(("fewest", "times"), [(20, 0), (21, 2)])  # the course's protocol makes 20 passes
def test_full_data_that_is_no_ceiling_is_said_to_be_none_below_the_numbers_and_the_robust_scores(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch, fewest: int, times: int
) -> None:
    monkeypatch.setattr(plans, "CEILING_PASSES", fewest)
    answer(plan(Store().record(filled.distilled), ASKED).full, 0.9)
    shown = words(open_page(PAGE, run=filled.distilled))
    assert shown.count("trained for 20 passes over the training images only and is no ceiling.") == times
    assert ("no ceiling. HLR and LRS compare the set with it." in shown) == bool(times)


def test_published_results_are_rows_and_markers_apart_from_ours(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = [
        Published("DM", "digits", "convnet3", 2, 91.5, 0.5, "as printed", "Table 1 of a paper", verified=True),
        Published("KIP", "digits", "convnet3", 2, 77.5, None, "as recalled", "nobody knows", verified=False),
    ]
    monkeypatch.setattr(evaluation, "published", lambda *_: theirs)
    app = open_page(PAGE, run=filled.distilled)
    table = frames(app, "Source")
    assert table["Source"].tolist() == ["Table 1 of a paper", "nobody knows"]
    assert table["Status"].tolist() == ["source read", "recalled, unverified"]
    bars = next(figure["data"] for figure in drawn(app) if figure["data"][0].get("orientation") == "h")
    assert not {91.5, 77.5} & {x for marks in bars if marks["type"] == "bar" for x in marks["x"]}
    assert {x for marks in bars if marks.get("mode") == "markers" for x in marks["x"]} == {91.5, 77.5}
    assert "DM" not in frames(app, "accuracy")["name"].tolist()


@pytest.mark.slow
def test_an_evaluation_is_taken_apart_when_its_details_are_opened(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.distilled)
    charts = len(drawn(app))
    app.session_state[f"detail-{filled.distilled}"] = True
    app.run()
    summary = Store().record(filled.evaluated).summary
    assert "Which class is taken for which" in words(app)
    assert len(drawn(app)) >= charts + 2
    assert f"{100 * summary.accuracy.values[0]:.1f} %" in words(app)
    bars = next(
        f["data"][0] for f in drawn(app) if f["layout"].get("xaxis", {}).get("title", {}).get("text") == "Class"
    )
    assert bars["y"] == pytest.approx([100 * share for share in summary.per_class])


@pytest.mark.slow
def test_two_classes_are_judged_by_balanced_accuracy_and_auc_too(open_page: Open, filled: Filled) -> None:
    control = plan(Store().record(filled.distilled), ASKED)
    spread = {"mean": 0.75, "std": 0.02, "n": 2}
    finish(control.random, {"images": 20})
    finish(control.random_real, told(0.5, balanced_accuracy=spread, auc={**spread, "mean": 0.8}, stored_floats=1280,
                                      confusion=()))
    app = open_page(PAGE, run=filled.distilled)
    app.session_state[f"detail-{filled.distilled}"] = True
    app.run()
    app.selectbox(key=f"detail-of-{filled.distilled}").select("Random real images").run()
    assert "Balanced accuracy 75.0 ± 2.0 %" in words(app)
    assert "AUC 80.0 ± 2.0 %" in words(app)
    assert "n = 2 networks:" in words(app)
    assert "Stored numbers 1,280" in words(app)


@pytest.mark.slow
def test_unequal_classes_have_a_balanced_column_and_every_chart_of_accuracy_the_majority_line(
    open_page: Open, filled: Filled
) -> None:
    unequal = {"majority": 0.4, "balanced_accuracy": {"mean": 0.25, "std": 0.0, "n": 2}, "confusion": []}
    edit(Store().record(filled.evaluated).folder / "run.json", unequal)
    first = trajectory.points(Store(), Store().record(filled.distilled), ASKED)[0].result.specs[-1]
    finish(first, told(0.5, **unequal))
    app = open_page(PAGE, run=filled.distilled)
    assert "balanced_accuracy" in next(t for t in app.dataframe if "steps" in t.value.columns).proto.column_order
    assert frames(app, "steps")["balanced_accuracy"][0] == "25.0 ± 0.0 %"
    app.session_state[f"detail-{filled.distilled}"] = True
    app.run()
    titles = ("Test accuracy (%)", "Validation accuracy (%)", "Accuracy (%)")
    charts = drawn(app) + drawn(on_tab(app, filled.distilled, "Over iterations"))
    accuracies = [f["layout"] for f in charts if axes(f) & set(titles) and "Class" not in axes(f)]
    assert {title for layout in accuracies for title in axes({"layout": layout})} >= set(titles)
    lines = {shape["name"] for layout in accuracies for shape in layout["shapes"]}
    assert lines == {"majority class 40.0 %", "majority class of validation images 40.0 %"}


def edit(file: Path, changes: dict[str, Any]) -> None:
    info = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**info, "summary": {**info["summary"], **changes}}), "utf-8")


def axes(figure: dict[str, Any]) -> set[str]:
    return {figure["layout"].get(axis, {}).get("title", {}).get("text", "") for axis in ("xaxis", "yaxis")}


@pytest.mark.slow
def test_snapshots_are_judged_on_the_validation_split_with_one_button(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    app = on_tab(open_page(PAGE, run=filled.distilled), filled.distilled, "Over iterations")
    app.button(key=f"snapshots-{filled.distilled}").click().run()
    assert {s.config.split for s in backend.submitted} == {"val"}
    assert [(s.config.step, s.config.images) for s in backend.submitted] == [
        (None, "initial"), (1, "images"), (None, "images"),
    ]


@pytest.mark.slow
def test_accuracy_over_iterations_is_a_curve_with_the_test_figure_apart(open_page: Open, filled: Filled) -> None:
    for i, point in enumerate(trajectory.points(Store(), Store().record(filled.distilled), ASKED)):
        finish(point.result.specs[-1], told(0.3 + i / 10))
    app = on_tab(open_page(PAGE, run=filled.distilled), filled.distilled, "Over iterations")
    line = next(t for f in drawn(app) for t in f["data"] if t.get("name") == "mean")
    assert (line["x"], line["y"]) == ([0, 1, 2], pytest.approx([30, 40, 50]))
    mean = Store().record(filled.evaluated).summary.accuracy.mean
    assert f"**test set**, under the same protocol: **{100 * mean:.1f}" in words(app)


@pytest.mark.slow
def test_other_networks_are_tried_one_by_one_or_all_at_once(open_page: Open, filled: Filled, backend: Backend) -> None:
    app = on_tab(open_page(PAGE, run=filled.distilled), filled.distilled, "Other networks")
    table = frames(app, "macs")
    assert table["drop"][0] == 0
    assert {"MLP", "LeNet", "ResNet18"} <= set(table["network"])
    assert table["parameters"].notna().sum() == (table["state"] != "does not fit").sum()
    one = next(b for b in app.button if b.label.startswith("MLP · about"))
    one.click().run()
    assert [s.config.network for s in backend.submitted] == ["mlp"]
    rest = next(b for b in app.button if b.label.startswith("Evaluate on all"))
    rest.click().run()
    assert {"lenet", "alexnet", "vgg11", "resnet18"} <= {s.config.network for s in backend.submitted}


@pytest.mark.slow
def test_sets_of_several_networks_stand_in_a_matrix(open_page: Open, filled: Filled) -> None:
    narrow = Store().record(filled.distilled)
    wide = finish(spec("distill", "datadam", {**TINY, "width": 16}), {"images": 20, "ipc": 2})
    for record, mean in ((narrow, 0.7), (Store().record(wide), 0.6)):
        mlp = next(c for c in transfer.row(Store(), record, ASKED) if c.variant.network == "mlp")
        assert mlp.result
        finish(mlp.result.specs[-1], told(mean))
    app = on_tab(open_page(PAGE, run=filled.distilled), filled.distilled, "Other networks")
    heat = next(f["data"][0] for f in drawn(app) if f["data"][0]["type"] == "heatmap")
    assert [name.replace("<br>", " ") for name in heat["y"]] == ["ConvNet-3, width 8", "ConvNet-3, width 16"]
    column = heat["x"].index("MLP")
    assert [row[column] for row in heat["z"]] == pytest.approx([70, 60])


@pytest.mark.slow
def test_what_is_under_way_has_one_bar_and_the_rest_waits_in_one_line(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    points = trajectory.points(Store(), Store().record(filled.distilled), ASKED)
    first, *rest = [point.result.specs[-1] for point in points]
    running, waiting = put(first, "running"), [put(asked, "queued") for asked in rest]
    app = on_tab(open_page(PAGE, run=filled.distilled), filled.distilled, "Over iterations")
    assert [b.key for b in app.button if b.label == "Cancel"] == [f"cancel-{running}"]
    assert "2 more wait behind." in words(app)
    app.button(key="cancel-all").click().run()
    assert set(backend.cancelled) == {running, *waiting}


@pytest.mark.slow
def test_an_evaluation_that_failed_says_why_and_can_be_asked_again(open_page: Open, filled: Filled) -> None:
    put(plan(Store().record(filled.distilled), ASKED).initial, "failed")  # type: ignore[arg-type]
    app = open_page(PAGE, run=filled.distilled)
    assert "**Initial images, undistilled**: The loss is not a number." in words(app)
    assert any(b.label.startswith("Evaluate with controls") for b in app.button)


@pytest.mark.slow
def test_an_evaluation_on_another_network_does_not_become_the_main_question(open_page: Open, filled: Filled) -> None:
    transferred = {"dataset": "digits", "network": "mlp", "run": filled.distilled, "nets": 2}
    finish(spec("evaluate", "evaluate", transferred), told(0.9))
    app = open_page(PAGE, run=filled.distilled)
    assert app.selectbox(key=f"evaluation-{filled.distilled}-network").value == "convnet3"
    assert "90.0" not in words(open_page())


@pytest.mark.slow
def test_a_finished_control_is_no_longer_offered(open_page: Open, filled: Filled) -> None:
    asked = plan(Store().record(filled.dm), Question("course", network={"network": "convnet3"}))
    for one in asked.specs():
        finish(one, {"images": 20} if one.kind == "distill" else told(0.5))
    app = open_page("pages/5_DM.py", run=filled.dm)
    assert not [b for b in app.button if b.label.startswith("Evaluate with controls")]
    assert any(b.label.startswith("Train on full data") for b in app.button)


def test_random_images_are_judged_as_they_were_last_or_on_the_network_of_the_quick_presets(home: Path) -> None:
    images = Store().record(finish(spec("distill", "random", {"dataset": "digits", "ipc": 1}), {"images": 10}))
    assert evaluation._own_network(images, None) == {"network": "convnet3", "width": quick.network("digits")["width"]}
    assert evaluation._own_network(images, Question("course", network={"network": "lenet"})) == {"network": "lenet"}
