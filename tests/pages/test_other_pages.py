from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddcore import jobs
from ddcore.data import agreement, mhist
from ddcore.experiments import spec
from ddcore.home import PROJECT
from ddcore.report import catalogue
from ddcore.runs.state import ASKER
from ddcore.runs.store import Store
from pages.components import home as home_page
from tests import sweeping
from tests.pages.conftest import TINY, Backend, Filled, Open, away, finish, put, show_tab, words

DATASETS, BASELINES = "pages/1_Datasets.py", "pages/2_Baselines.py"


def test_home_lists_running_jobs_and_latest_results(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_page, "LATEST", 9)
    run = put(spec("distill", "datadam", {**TINY, "seed": 5}), "running")
    monkeypatch.setattr(jobs, "list_jobs", lambda: [(run, jobs.status(run))])
    app = open_page()
    assert "cancel-" + run in [b.key for b in app.button]
    assert "(n = 2)" in words(app)


def test_home_folds_a_long_queue(open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [put(spec("distill", "datadam", {**TINY, "seed": seed}), "queued") for seed in range(6)]
    monkeypatch.setattr(jobs, "list_jobs", lambda: [(run, jobs.status(run)) for run in runs])
    app = open_page()
    assert len([b for b in app.button if b.label == "Cancel"]) == 4
    assert "2 more in the queue, on the Runs page" in [link.proto.label for link in app.get("page_link")]


def test_home_tells_what_was_measured_though_the_data_set_is_away(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_page, "LATEST", 9)
    monkeypatch.setattr("ddcore.experiments.base.dataset_identity", away)
    app = open_page()
    assert not app.error
    assert "(n = 2)** · ConvNet-3, width 8 · protocol course" in words(app)


def test_home_shows_one_of_the_results_that_differ_by_their_seed_alone(home: Path) -> None:
    asked = [spec("baseline", "baseline", {"dataset": "digits", "epochs": 1, "seed": seed}) for seed in (0, 1, 2)]
    made = {finish(one, {"accuracy": {"mean": 0.5, "n": 1, "protocol": "course"}}) for one in asked}
    other = finish(spec("baseline", "baseline", {"dataset": "digits", "epochs": 2}), {})
    shown = home_page._newest(Store().records(), {})
    first, second = sorted((one.id for one in shown), key=lambda run: run == other)
    assert first in made
    assert second == other


def test_home_shows_ones_own_results_before_the_best_sets_that_ship(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ddcore.home.demo_root", lambda: PROJECT / "ddcore" / "demo")
    shipped = home_page._newest(Store().records(), catalogue.judges(Store().records()))
    assert [one.name for one in shipped] == ["dm", "datadam", "herding"], "by accuracy, not by the hour"
    own = finish(spec("baseline", "baseline", {"dataset": "digits", "epochs": 1}), {})
    assert home_page._newest(Store().records(), catalogue.judges(Store().records()))[0].id == own


def test_home_tells_a_sweep_once_with_its_sentence_and_not_each_of_its_cells(open_page: Open, home: Path) -> None:
    asked = sweeping.question(vary="lambda_task=0,1")
    run = sweeping.World(lambda values: 0.5 + values.get("lambda_task", 0) / 10).stored(asked, Store())
    cells = [record for record in Store().records("distill") if record.name == "datadam"]
    for record in cells[1:]:
        (record.folder / ASKER).write_text(run)  # a person asked for the first as well
    shown = home_page._newest(Store().records(), {})
    assert [one.id for one in shown] == [run, cells[0].id]
    assert "λ 1 is chosen by validation (60.5 ± 0.7 % on the test images" in words(open_page())


def test_home_says_in_plain_words_that_there_is_no_gpu(open_page: Open) -> None:
    assert any("No GPU here" in i.value for i in open_page().caption)


def test_the_description_shows_sizes_balance_and_examples(open_page: Open, filled: Filled) -> None:
    app = open_page(DATASETS)
    assert "Training 1,294" in words(app)
    assert "Always answering" in words(app)
    bars = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert {b["name"] for b in bars} == {"training", "validation", "test"}


def test_votes_and_the_frames_of_the_examples_are_coloured_by_agreement(
    open_page: Open, filled: Filled, home: Path
) -> None:
    summary = Store().record(filled.described).summary.to_json()
    summary["voters"] = 7
    for part in summary["splits"].values():
        part["votes"] = [4, 3, 2, 1, 1, 2, 3, 4]
    kept = home / "runs" / "describe" / filled.described / "run.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "summary": summary}))
    app = open_page(DATASETS)
    votes = next(c for c in app.get("plotly_chart") if "who said 9" in c.proto.spec)
    assert [bar["name"] for bar in json.loads(votes.proto.spec)["data"]] == agreement.words(7)
    assert "They were unanimous on 40.0 % of the images." in words(app)
    legend = app.get("html")[-1].proto.body
    assert all(f"rgb{colour}" in legend for colour in agreement.colours(7))


def test_the_majority_class_of_the_test_images_and_of_all_is_said(open_page: Open, filled: Filled) -> None:
    shown = words(open_page(DATASETS))
    assert "Always answering “3” is right on 10.31 % of the 359 test images." in shown
    assert "of all 1,797 images." in shown
    assert "1,797 images in all, as there should be" in shown


def test_a_data_set_that_must_be_asked_for_is_explained_step_by_step(open_page: Open) -> None:
    shown = words(open_page(DATASETS, set="mhist"))
    assert "How to get it" in shown
    assert all(step in shown for step in mhist.STEPS)


def test_a_baseline_form_submits_the_courses_setting(open_page: Open, backend: Backend) -> None:
    app = open_page(BASELINES)
    app.button(key="launch-baseline").click().run()
    asked = backend.submitted[0].config
    assert (asked.dataset, asked.epochs, asked.lr, asked.schedule, asked.batch_size) == (
        "digits",
        20,
        0.01,
        "cosine",
        128,
    )


def test_a_finished_baseline_shows_accuracy_time_and_flops(open_page: Open, filled: Filled) -> None:
    app = open_page(BASELINES, run=filled.baseline)
    labels = [m.label for m in app.metric]
    assert {"Test accuracy", "Training time", "MACs per image", "FLOPs per image", "FLOPs, test set"} <= set(labels)
    accuracy = next(c for c in app.get("plotly_chart") if "Accuracy (%)" in c.proto.spec)
    assert {t["name"] for t in json.loads(accuracy.proto.spec)["data"]} == {"training", "validation"}


def test_the_flops_table_names_its_convention_and_what_it_leaves_out(open_page: Open, filled: Filled) -> None:
    app = show_tab(open_page(BASELINES), "baselines-tabs", "Cost of the networks")
    table = next(t.value for t in app.dataframe if "MACs" in t.value.columns)
    assert table["Not counted"][0] == "max pooling ×2"
    assert "FLOPs = 2 × MACs" in words(app)
    convention = Store().record(filled.counted).summary.convention
    assert any(convention in (caption.help or "") for caption in app.caption)


def test_the_flops_table_is_made_at_the_press_of_a_button(open_page: Open, backend: Backend) -> None:
    app = show_tab(open_page(BASELINES), "baselines-tabs", "Cost of the networks")
    app.button(key="launch-flops").click().run()
    assert backend.submitted[0].kind == "flops"
