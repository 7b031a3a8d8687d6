"""Sweeps: which runs they ask for, how they choose, what is said of what failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sweeping import SMALL, World, config, question

from ddcore import jobs
from ddcore.errors import ConfigError
from ddcore.evaluation import plans
from ddcore.experiments import spec, sweep
from ddcore.experiments.sweep import Cell, SweepConfig, config_of, replay
from ddcore.methods import METHODS
from ddcore.report import effect_figures, sweeps
from ddcore.report.nas import figures as nas_figures
from ddcore.runs.store import Store
from ddcore.summary import Accuracy


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def by_lambda(values: dict[str, Any]) -> float | None:
    return {0.0: 0.6, 0.01: 0.8, 1.0: None}.get(values.get("lambda_task", 0.0), 0.7)


def test_a_cell_is_the_run_that_one_would_ask_for_by_hand() -> None:
    cell = config(vary="lambda_task=0,0.01; init=noise").cell({"lambda_task": 0.01, "init": "noise"}, seed=3)
    own = {name: v for name, v in SMALL.items() if name not in ("protocol", "nets", "vary")}
    assert cell.distil == spec("distill", "datadam", {**own, "lambda_task": 0.01, "init": "noise", "seed": 3})
    assert cell.judged() == spec("evaluate", "evaluate", {"run": cell.distil.key, "dataset": "digits", "width": 16,
                                                          "protocol": "quick", "nets": 2})


def test_controls_are_shared_one_for_each_size_and_seed() -> None:
    outcome = replay(config(vary="lambda_task=0,0.01; ipc=1,2", seeds=2), lambda one: None)
    assert len(outcome.cells) == 8
    assert sorted((one.ipc, one.seed) for one in outcome.controls) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert len(outcome.missing) == 8 * 2 + 4 * 2
    first = outcome.cells[0]
    beside = next(one for one in outcome.controls if (one.ipc, one.seed) == (first.values["ipc"], first.seed))
    assert [one.key for one in outcome.missing[:4]][1::2] == [first.evaluation, beside.evaluation]
    full = replay(config(vary="lambda_task=0,0.01; ipc=1,2", with_full=True), lambda one: None)
    assert [one.role for one in full.controls] == ["random_real", "random_real", "full"]


@pytest.mark.parametrize(("nets", "trainings"), [(1, 2), (2, 2), (5, 5)])
def test_the_full_data_is_trained_on_as_often_as_each_set_and_at_least_twice(nets: int, trainings: int) -> None:
    world, asked = World(by_lambda), config(vary="lambda_task=0,0.01", with_full=True, nets=nets)
    trained = [one for one in replay(asked, world.look).missing if one.kind == "baseline"]
    assert [one.config.values()["seed"] for one in trained] == list(range(trainings))
    cell = asked.cell({"lambda_task": 0.01}, seed=0)
    assert trained[0].key == plans.plan(cell.distil, plans.Question("quick", nets=nets)).full.key
    world.compute(trained[:1])
    (full,) = [one for one in replay(asked, world.look).controls if one.role == "full"]
    assert (full.state, full.accuracy and full.accuracy.n) == ("waiting", 2), "one is known, of two networks here"
    outcome, _ = world.play(asked)
    (full,) = [one for one in outcome.controls if one.role == "full"]
    assert (full.state, full.accuracy and full.accuracy.n) == ("done", 2 * trainings)
    assert {one.full for one in outcome.cells} == {trained[0].key} == {full.evaluation}


def test_a_sweep_of_a_version_that_trained_once_on_the_full_data_says_what_that_reached() -> None:
    world, asked = World(by_lambda), config(vary="lambda_task=0,0.01", with_full=True)
    _, *others = [one for one in replay(asked, world.look).missing if one.kind == "baseline"]
    world.compute(one for one in replay(asked, world.look).missing if one.key not in {each.key for each in others})
    answer = sweeps.Answer(asked, replay(asked, world.look))
    assert [one.key for one in answer.outcome.missing] == [one.key for one in others]
    assert answer.best
    assert answer.best.values == {"lambda_task": 0.01}
    full = answer.control("full", answer.points[0])
    assert full
    assert full.mean == pytest.approx(0.505)
    assert answer.controls_told()["Full data"].startswith("50.5")


def test_how_a_set_is_judged_can_be_varied_too() -> None:
    outcome = replay(config(vary="evaluate.protocol=quick,course; lambda_task=0"), lambda one: None)
    assert len({cell.run for cell in outcome.cells}) == 1, "one set"
    assert len({cell.evaluation for cell in outcome.cells}) == 2


def test_what_follows_from_an_axis_is_the_methods_own_and_what_was_set_stays() -> None:
    def rates(**changes: Any) -> list[float]:
        asked = config("dm", num_iters=2, num_inits=None, net_steps=None, vary="ipc=10,100", **changes)
        return [asked.cell({"ipc": ipc}, 0).distil.config.values()["lr_img"] for ipc in (10, 100)]

    assert rates() == [1.0, 10.0]
    assert rates(lr_img=3.0) == [3.0, 3.0]


def test_the_ends_and_the_middle_of_the_first_seed_are_asked_first() -> None:
    outcome = replay(config(vary="lambda_task=0,0.1,0.2,0.3,0.4", seeds=2), lambda one: None)
    assert [(cell.values["lambda_task"], cell.seed) for cell in outcome.cells] == [
        (value, seed) for seed in (0, 1) for value in (0.0, 0.2, 0.4, 0.1, 0.3)]
    assert [one.key for one in outcome.missing[:2]] == [outcome.cells[0].run, outcome.cells[0].evaluation]


def test_a_grid_tests_every_cell_and_chooses_by_validation() -> None:
    world = World(by_lambda)
    outcome, batches = world.play(config())
    assert len(batches) == 1
    assert outcome.chosen == {"lambda_task": 0.01}
    states = {cell.values["lambda_task"]: (cell.state, cell.accuracy and cell.accuracy.mean) for cell in outcome.cells}
    assert states == {0.0: ("done", pytest.approx(0.605)), 0.01: ("done", pytest.approx(0.805)), 1.0: ("failed", None)}
    assert [cell.problem for cell in outcome.cells if cell.state == "failed"] == ["it diverged"]


@pytest.mark.parametrize(("strategy", "cells"), [("random", 3), ("tpe", 3), ("halving", 4)])
def test_other_strategies_test_only_what_they_chose_beside_its_control(strategy: str, cells: int) -> None:
    world = World(by_lambda)
    outcome, _ = world.play(config(strategy=strategy, vary="lambda_task=0,0.01,0.5"))
    assert len(outcome.cells) == cells
    (best,) = [cell for cell in outcome.cells if cell.accuracy]
    assert best.values == outcome.chosen == {"lambda_task": 0.01}
    (control,) = outcome.controls
    control_run = next(key for key, values in world.made.items() if "lambda_task" not in values)
    assert world.tested == {best.run, control_run}
    assert control.accuracy


def test_halving_goes_on_with_the_best_third_at_its_own_length() -> None:
    outcome, batches = World(lambda values: 0.1 + values.get("lambda_task", 0) / 20).play(
        config(strategy="halving", vary="lambda_task=0..8:9"))
    assert len(batches) == 4, "three rungs and the test"
    lengths = {n: [cell.values["lambda_task"] for cell in outcome.cells if cell.length == n] for n in (1, 3, 9)}
    assert sorted(lengths[1]) == [float(i) for i in range(9)]
    assert (sorted(lengths[3]), lengths[9]) == ([6.0, 7.0, 8.0], [8.0])


def test_one_value_more_asks_for_its_own_runs_only() -> None:
    world = World(by_lambda)
    world.play(config(vary="lambda_task=0,0.01"))
    more = replay(config(vary="lambda_task=0,0.01,0.5"), world.look)
    assert [(one.kind, one.config.values().get("lambda_task")) for one in more.missing] == [
        ("distill", 0.5), ("evaluate", None)]


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"vary": "ipc=1,900"}, "ipc=900 cannot run: ipc must be at most"),
    ({"vary": "ipc=900"}, "none of the cells can run"),
    ({"vary": ""}, "varies at least one"),
    ({"vary": "lambda_task=0..1:100; momentum_img=0..0.9:50"}, "at most 2,000"),
    ({"strategy": "halving", "vary": "num_inits=1,2"}, "num_inits is varied"),
    ({"budget": 3}, "a grid tries every place"),
    ({"vary": "evaluate.protocol=corse,quick"}, "did you mean 'course'"),
])
def test_what_cannot_be_is_refused_before_anything_starts(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        question(**changes)
    assert sentence in str(error.value)


def test_what_cannot_run_is_left_out_on_request_and_named() -> None:
    asked = config(vary="ipc=900,1", leave_out=True)
    assert [cell.values for cell in replay(asked, lambda one: None).cells] == [{"ipc": 1}]
    assert [*asked.grid.impossible] == ["ipc=900"]


def test_the_methods_own_value_of_what_is_varied_does_not_matter() -> None:
    assert question(lambda_task=5.0).key == question(lambda_task=7.0).key == question().key
    assert question(vary="lambda_task = 0, 1e-2, 1.0").key == question().key
    assert question(vary="lambda_task=0,0.01").key != question().key


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_can_be_swept_and_no_parameter_has_two_meanings(name: str) -> None:
    own, all_ = set(METHODS[name].Config.model_fields), set(config_of(name).model_fields)
    assert own < all_
    assert not own & set(SweepConfig.model_fields)
    ipc = spec("sweep", name, {"dataset": "digits", "vary": "ipc=1,2"}).config
    assert isinstance(ipc.cell({"ipc": 2}, 0), Cell)  # type: ignore[attr-defined]


def test_what_can_be_said_is_said_with_intervals_that_hold_for_all_values() -> None:
    qualities = {0.0: 0.6, 0.01: 0.8, 1.0: 0.795}
    world = World(lambda values: qualities.get(values.get("lambda_task", 0.0)))
    asked = config(seeds=1)
    outcome, _ = world.play(asked)
    answer = sweeps.Answer(asked, outcome)
    assert answer.best is not None
    assert answer.best.values == {"lambda_task": 0.01}
    worst, near = answer.points[0], answer.points[2]
    # Two networks each, 0.01 apart: s² = 5e-5, the difference's standard error 7.07e-3 with 2 degrees of freedom;
    # of two comparisons t(2) at 1 - 0.05/4 is 6.2053.
    interval = answer.behind(worst)
    assert interval is not None
    assert interval.mean == pytest.approx(0.2)
    assert interval.high - interval.mean == pytest.approx(6.2053 * 0.0070711, rel=1e-4)
    assert answer.behind(near) is not None
    assert "λ 0.01 is chosen by validation" in answer.sentence
    assert "λ 0 is worse by 20.0 points (15.6 to 24.4)." in answer.sentence
    assert "The other cannot be told from it." in answer.sentence
    assert "One seed: the intervals are over its networks" in answer.sentence


def test_the_axis_that_matters_explains_the_variance() -> None:
    asked = config(vary="lambda_task=0,0.5,1; init=real,noise; ipc=1,2")
    outcome, _ = World(lambda values: 0.5 + values.get("lambda_task", 0.0) / 10).play(asked)
    answer = sweeps.Answer(asked, outcome)
    shares = dict(answer.importance.to_numpy())
    assert shares["λ"] == pytest.approx(100)
    assert (answer.frame["place"] == 1).sum() == 4, "the four with λ 1"
    charted = nas_figures.parallel(answer.frame, answer.titles)
    assert list(charted.layout.xaxis.ticktext[:3]) == ["λ", "Initialisation", "IPC"]


def played(quality: Any, held_out: float = 0.0, **changes: Any) -> sweeps.Answer:
    asked = config(**changes)
    return sweeps.Answer(asked, World(quality, held_out).play(asked)[0])


@pytest.mark.parametrize(("vary", "names"), [
    ("evaluate.protocol=quick,course", ["IPC 1, protocol quick", "IPC 1, protocol course"]),
    ("width=16,32", ["IPC 1, width 16", "IPC 1, width 32"]),
    ("ipc+num_inits=1+9,2+9", ["IPC 1", "IPC 2"]),
])
def test_a_control_stands_beside_the_sets_of_its_own_size_and_setting_only(vary: str, names: list[str]) -> None:
    answer = played(lambda values: 0.5, vary=vary, seeds=2)
    assert sorted(answer.controls_told()) == sorted(f"Random real images, {name}" for name in names)
    for point in answer.points:
        control = answer.control("random_real", point)
        assert control is not None
        assert (control.n, control.seeds) == (4, 2)
    assert all(told.endswith("(n = 4)") for told in answer.controls_told().values())
    assert len({cell.random_real for cell in answer.outcome.cells}) == 4
    assert sweeps.table(answer)["random real"].tolist() == ["50.5 ± 0.6 % (n = 4)"] * 2


def test_what_was_chosen_on_the_validation_split_is_drawn_on_it_and_told_on_the_test_images() -> None:
    answer = played(lambda values: 0.5 + values.get("lambda_task", 0.0) / 10, held_out=0.2, strategy="random")
    assert answer.frame["accuracy"].tolist() == pytest.approx([70.5, 70.6, 80.5])
    figure = effect_figures.effect(answer)
    names = [trace.name for trace in figure.data]
    assert names == ["DataDAM sets", "Chosen by validation"], "controls are tested, these accuracies are not"
    assert "λ 1 is chosen by validation (60.5 ± 0.7 % on the test images, n = 2, protocol quick)" in answer.sentence
    assert "The others were not tested" in answer.sentence
    assert sweeps.table(answer)["accuracy"].tolist() == ["–", "–", "60.5 ± 0.7 % (n = 2)"]


def test_points_are_in_the_order_of_each_axis() -> None:
    answer = played(lambda values: 0.5, vary="ipc=1,10,50; num_inits=50,1")
    assert [tuple(point.values.values()) for point in answer.points] == [
        (1, 50), (1, 1), (10, 50), (10, 1), (50, 50), (50, 1)]


def test_one_seed_that_is_left_of_several_is_not_compared_by_the_spread_of_its_networks() -> None:
    answer = played(lambda values: None if (values["seed"], values.get("lambda_task")) == (1, 1.0)
                    else 0.5 + values["seed"] / 100 - values.get("lambda_task", 0.0) / 10, seeds=2)
    assert answer.best is not None
    assert answer.best.values == {"lambda_task": 0.0}
    assert [answer.behind(point) is None for point in answer.points] == [True, False, True]


def test_shorter_runs_of_a_halving_stand_apart_from_whole_ones() -> None:
    answer = played(lambda values: 0.1 + values.get("lambda_task", 0.0) / 20, strategy="halving",
                    vary="lambda_task=0..8:9")
    assert [point.values for point in answer.whole] == [{"lambda_task": 8.0}]
    assert sweeps.table(answer)["state"].tolist() == ["done, stopped at 1"] * 6 + ["done, stopped at 3"] * 2 + ["done"]
    assert list(effect_figures.effect(answer).data[0].x) == [8.0]
    assert answer.frame["pruned"].sum() == 8
    assert sweep._seconds(answer.outcome.cells) == 9, "one second each; the longer ones go on from the shorter"


def test_the_time_of_a_set_that_is_judged_twice_counts_once() -> None:
    outcome = played(lambda values: 0.5, vary="evaluate.protocol=quick,course").outcome
    assert sweep._seconds(outcome.cells) == 1


def test_a_cell_whose_old_evaluation_measured_no_validation_is_judged_on_it() -> None:
    world, asked = World(by_lambda, old=True), config(vary="lambda_task=0,0.01")
    outcome, batches = world.play(asked)
    assert batches == [6, 2], "two cells and their control, then both on the validation split"
    assert outcome.chosen == {"lambda_task": 0.01}
    assert [cell.validation and cell.validation.mean for cell in outcome.cells] == pytest.approx([0.605, 0.805])


def test_without_images_held_out_nothing_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SweepConfig, "held_out", False)
    with pytest.raises(ConfigError, match="take the grid"):
        question(strategy="tpe")
    outcome, batches = World(by_lambda, old=True).play(config(vary="lambda_task=0,0.01"))
    assert (batches, outcome.chosen) == ([6], {})


def test_a_sweep_that_is_looked_at_again_checks_no_parameters_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, world = config(seeds=2), World(by_lambda)
    world.play(asked)
    monkeypatch.delattr(sweep, "spec")
    monkeypatch.delattr(sweep.evaluate, "question")
    assert replay(asked, world.look).chosen == {"lambda_task": 0.01}


@pytest.mark.slow
def test_a_sweep_is_computed_to_its_end_and_what_diverges_is_marked() -> None:
    run = Store().record(jobs.run_inline(question(vary="lr_img=1,10000", num_inits=5, lambda_task=100)))
    states = {cell.values["lr_img"]: cell.state for cell in run.summary.cells}  # type: ignore[attr-defined]
    assert states == {1.0: "done", 10000.0: "failed"}
    assert run.summary.accuracy is not None
    before = len(Store().records())
    jobs.run_inline(question(vary="lr_img=1,3,10000", num_inits=5, lambda_task=100))
    assert len(Store().records()) == before + 1 + 2, "the sweep, and one cell's two runs"


def test_a_cell_without_a_number_says_on_the_map_how_it_stands() -> None:
    asked = config(vary="lambda_task=0,1; ipc=1,2,900", leave_out=True)
    world = World(lambda values: None if values.get("lambda_task") == 1.0 else 0.5)
    world.compute(replay(asked, world.look).missing)
    figure = effect_figures.heat(sweeps.Answer(asked, replay(asked, world.look)))
    texts = {(note.x, note.y): note.text for note in figure.layout.annotations}
    number = "50.5<br>n 2<br>(50.5)"
    assert texts == {(0, 0): f"{number}<br>★", (1, 0): number, (2, 0): "left out",
                     (0, 1): "failed", (1, 1): "failed", (2, 1): "left out"}
    axis, *cells = figure.layout.xaxis.title.text.split("<br>")
    assert (axis, " ".join(cells)) == (
        "IPC · Images per class", "In the cells: test accuracy (%), n, (random real images), ★ chosen by validation")
    assert figure.data[0].customdata[0][0] == ("λ 0, IPC 1: 50.5 ± 0.7 % (n = 2)<br>"
                                               "Random real images: 50.5 ± 0.7 % (n = 2)<br>Chosen by validation")


def test_along_one_axis_what_has_no_accuracy_says_at_its_place_how_it_stands() -> None:
    asked = config(vary="lr_img=1,10,100", seeds=2)
    world = World(lambda values: None if values.get("lr_img") == 100.0 else 0.5)
    for value, seed in ((1.0, 0), (1.0, 1), (100.0, 0), (100.0, 1)):
        cell = asked.cell({"lr_img": value}, seed)
        world.compute([cell.distil, cell.judged()])
    figure = effect_figures.effect(sweeps.Answer(asked, replay(asked, world.look)))
    assert {note.x: note.text for note in figure.layout.annotations} == {1.0: "waiting", 2.0: "failed"}
    assert set(figure.data[-1].x) == {1.0, 10.0, 100.0}, "the axis has room for all"


def test_how_far_behind_a_value_is_is_not_known_where_its_networks_tell_nothing() -> None:
    answer = played(lambda values: 0.5, vary="lambda_task=0,1")
    cells = tuple(cell.model_copy(update={"accuracy": Accuracy.of(values)})
                  for cell, values in zip(answer.outcome.cells, ((0.2, 0.6), (0.1, 0.7)), strict=True))
    wide = replace(answer, outcome=replace(answer.outcome, cells=cells, chosen=cells[0].values))
    assert sweeps.table(wide)["behind the best"].tolist() == ["chosen by validation", "not known (n = 2)"]
