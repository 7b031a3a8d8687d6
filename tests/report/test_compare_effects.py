"""What differs between chosen runs as axes: seeds are repeats, followers are none, methods are one, what is unknown is
said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddcore.experiments import spec
from ddcore.report import compare_effects, compare_runs, effect_figures, sweeps
from ddcore.report.compare_effects import Comparison
from ddcore.runs.files import write_json
from ddcore.runs.record import IMPORTED
from ddcore.runs.store import RunRecord, Store
from tests.report.conftest import TINY, distilled, imitated
from tests.runs import shelf
from tests.sweeping import World, question


def comparison(store: Store, records: list[RunRecord], setting: str | None = None) -> Comparison:
    return compare_effects.of(compare_runs.compared(store, records, setting))[0]


def swept(store: Store, quality: Any = lambda values: 0.5, **changes: Any) -> list[RunRecord]:
    """The sets that a sweep made, without the sweep."""
    World(quality).stored(question(**changes), store)
    return [run for run in store.records("distill") if run.name == "datadam"]


def test_a_parameter_that_differs_is_an_axis_and_seeds_are_repeats(store: Store) -> None:
    qualities = {0.0: 0.6, 0.01: 0.8, 1.0: 0.7}
    runs = swept(store, lambda values: qualities[values.get("lambda_task", 0.0)], seeds=2)
    compared = comparison(store, runs)
    assert [str(axis) for axis in compared.axes] == ["lambda_task=0,0.01,1"]
    assert [(len(group.runs), group.accuracy and round(group.accuracy.mean, 3)) for group in compared.points] == [
        (2, 0.605), (2, 0.805), (2, 0.705)]
    assert {group.accuracy.n for group in compared.points if group.accuracy} == {4}, "two networks on each of two sets"
    assert not compared.problem
    assert compared.told == []


def test_an_imported_run_is_no_second_seed_of_the_one_from_here(store: Store) -> None:
    runs = swept(store)
    there = runs[0].folder.with_name(f"{runs[0].id}-{'0' * 16}")
    shutil.copytree(runs[0].folder, there)
    write_json(there / IMPORTED, {"when": 1.0, "file": "x.ddrun"})
    chosen = compare_runs.compared(store, [*runs, store.record(there.name)])
    compared, left_out = compare_effects.of(chosen)
    assert {group.accuracy.n for group in compared.points if group.accuracy} == {2}
    assert left_out == {chosen[-1].label: "the run from here that answers the same is chosen too"}


def test_runs_of_one_seed_that_differ_in_no_axis_are_told(store: Store) -> None:
    *others, run = compare_runs.compared(store, swept(store))
    older = replace(run, record=replace(run.record, id="0" * 16, info={**run.record.info, "version": 0}))
    compared, left_out = compare_effects.of([*others, run, older])
    assert left_out == {}
    assert compared.told == ["Pooled although of one seed: runs at λ 0, which differ in nothing that is an axis, as in "
                             "the version that made them."]


def test_chosen_runs_of_a_sweep_are_drawn_as_the_sweep_draws_them(store: Store) -> None:
    asked = question(vary="lambda_task=0,0.01,1")
    drawn = effect_figures.effect(comparison(store, swept(store, lambda v: 0.5 + v.get("lambda_task", 0) / 10)))
    answer = effect_figures.effect(sweeps.answer(asked.config, store))  # type: ignore[arg-type]
    assert [(trace.name, trace.x, trace.y) for trace in drawn.data] == [
        (trace.name, trace.x, trace.y) for trace in answer.data if trace.name != effect_figures.CHOSEN]
    assert drawn.data[-1].y == pytest.approx((50.5, 50.6, 60.5))
    assert drawn.layout.xaxis.title.text == "λ · Task balance"


def test_what_looks_wrong_about_a_run_or_its_evaluation_is_marked_and_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = swept(store, seeds=2)
    odd = next(run for run in runs if run.config["lambda_task"] == 0.01)
    wrong = {odd.id: ("The images moved.",)}
    monkeypatch.setattr("ddcore.report.sanity.warnings", lambda record: wrong.get(record.id, ()))
    compared = comparison(store, runs)
    assert compared.warned == [f"λ 0.01, seed {odd.config['seed']}: The images moved."]
    assert [(row[compared.titles[0]], row["suspect"]) for _, row in compared.frame.iterrows()] == [
        (0.0, False), (0.01, True), (1.0, False)]
    assert effect_figures.SUSPECT in [trace.name for trace in effect_figures.effect(compared).data]
    judged = next(run.evaluation for run in compare_runs.compared(store, runs) if run.evaluation)
    wrong[judged.id] = ("The networks learnt nothing.",)
    assert any("learnt nothing" in told for told in comparison(store, runs).warned)


def test_two_axes_are_a_map_on_which_what_is_not_judged_and_what_was_not_run_say_so(store: Store, answer: Any) -> None:
    first = distilled(store, lambda_task=0.0, init="real")
    second = distilled(store, lambda_task=1.0, init="noise")
    answer(spec("evaluate", "evaluate", {"dataset": "digits", "width": 8, "run": first.id, "nets": 2}), 0.5, 0.7)
    third = distilled(store, lambda_task=1.0, init="real")
    compared = comparison(store, [second, third, first])
    assert [str(axis) for axis in compared.axes] == ["init=real,noise", "lambda_task=0,1"]
    notes = effect_figures.heat(compared).layout.annotations
    texts = {(note.x, note.y): note.text.partition("<br>")[0] for note in notes}
    assert texts == {(0, 0): "60.0", (1, 0): "not judged", (0, 1): "no run", (1, 1): "not judged"}


def test_what_follows_from_an_axis_is_none_and_what_moves_together_is_one(store: Store) -> None:
    networks = [shelf.finished(store, spec("distill", "datadam", {**SMALL_RUN, "network": name}))
                for name in ("convnet3", "lenet")]
    assert [axis.names for axis in comparison(store, networks).axes] == [("network",)]
    both = [distilled(store, lambda_task=0.0, lr_img=1.0), distilled(store, lambda_task=1.0, lr_img=2.0)]
    compared = comparison(store, both)
    assert [axis.names for axis in compared.axes] == [("lr_img", "lambda_task")]
    assert "η_S + λ: never differ apart from each other" in compared.told[0]
    apart = [*both, distilled(store, lambda_task=1.0, lr_img=1.0)]
    assert [axis.names for axis in comparison(store, apart).axes] == [("lr_img",), ("lambda_task",)]


SMALL_RUN = {name: value for name, value in TINY.items() if name != "width"}


def test_methods_are_an_axis_named_as_their_parameters_make_them(store: Store) -> None:
    datm = imitated(store, initial_ratio=1.0, remove_ratio=0.0, second_remove_ratio=0.0, shallow_ratio=0.0)
    compared = comparison(store, [distilled(store), imitated(store), datm])
    assert [axis.names for axis in compared.axes] == [("method",)]
    assert [group.values["method"] for group in compared.points] == ["DataDAM", "PAD", "DATM"]
    assert "The methods differ in" in compared.told[0]
    assert "IPC" not in compared.told[0]
    other = comparison(store, [distilled(store, ipc=2), imitated(store)])
    assert "The methods differ in IPC" in other.told[0]


def test_what_one_method_alone_has_stands_with_its_name(store: Store) -> None:
    runs = [distilled(store, lambda_task=0.0), distilled(store, lambda_task=1.0), imitated(store)]
    compared = comparison(store, runs)
    assert [axis.names for axis in compared.axes] == [("method",)]
    assert [compared.name(group) for group in compared.points] == ["DataDAM, λ 0", "DataDAM, λ 1", "PAD"]
    sizes = comparison(store, [*runs, distilled(store, lambda_task=0.0, ipc=2)])
    assert [axis.names for axis in sizes.axes] == [("method",), ("ipc",)]
    assert sizes.axes[1].points == ((1,), (2,))


def test_what_cannot_be_said_is_said(store: Store, home: Path) -> None:
    one = distilled(store)
    assert "One run alone" in comparison(store, [one]).problem
    assert comparison(store, [one, distilled(store, seed=1)]).problem == (
        "No parameter differs between these runs but the seed.")
    other = shelf.finished(store, spec("distill", "datadam", {**TINY, "dataset": "mnist", "ipc": 2}))
    assert "several data sets (digits, mnist)" in comparison(store, [one, other]).problem


def test_accuracies_of_two_settings_are_not_put_on_one_axis(store: Store, answer: Any) -> None:
    sets = [distilled(store, lambda_task=0.0), distilled(store, lambda_task=1.0)]
    for run, width in zip(sets, (8, 16), strict=True):
        answer(spec("evaluate", "evaluate", {"dataset": "digits", "width": width, "run": run.id, "nets": 2}), 0.5, 0.7)
    assert "judged in several settings" in comparison(store, sets).problem
    chosen = comparison(store, sets, "ConvNet-3, width 16 · protocol course")
    assert not chosen.problem
    assert [group.state for group in chosen.points] == ["not judged", "done"]
    assert chosen.told == ["Without an accuracy of every run: λ 0 (not judged)."]


def test_runs_of_other_kinds_are_left_out_of_sets(store: Store) -> None:
    sets = [distilled(store, lambda_task=0.0), distilled(store, lambda_task=1.0)]
    baseline = shelf.finished(store, spec("baseline", "baseline", {"dataset": "digits", "width": 8, "epochs": 2}))
    compared, left_out = compare_effects.of(compare_runs.compared(store, [baseline, *sets]))
    assert [run.record for run in compared.runs] == sets
    assert list(left_out.values()) == ["it is no set of images"]


def test_importance_of_three_axes_is_that_of_the_one_that_matters(store: Store) -> None:
    runs = swept(store, lambda values: 0.5 + values.get("lambda_task", 0.0) / 10,
                 vary="lambda_task=0,0.5,1; init=real,noise; ipc=1,2")
    compared = comparison(store, runs)
    assert sorted(compared.titles) == ["IPC", "Initialisation", "λ"]
    assert dict(compared.importance.to_numpy())["λ"] == pytest.approx(100)


def test_the_seed_of_most_runs_is_looked_at_and_what_lacks_it_says_so(store: Store) -> None:
    runs = [distilled(store, lambda_task=0.0, seed=5), distilled(store, lambda_task=1.0, seed=5),
            distilled(store, lambda_task=1.0, seed=1), distilled(store, lambda_task=2.0, seed=1),
            distilled(store, lambda_task=3.0, seed=5)]
    compared = comparison(store, runs)
    assert compared.seeds == [5, 1]
    each = compared.seen(compared.points, 5, store)
    assert [(one.name, one.run is not None, one.missing) for one in each] == [
        ("λ 0", True, ""), ("λ 1", True, ""), ("λ 2", False, "no such run is chosen"), ("λ 3", True, "")]
