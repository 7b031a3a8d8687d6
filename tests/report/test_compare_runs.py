"""Runs side by side: their names, what speaks for each, its controls and what it cost."""

from __future__ import annotations

import json

import pytest

from ddcore.evaluation.plans import Question, evaluation, plan
from ddcore.experiments import spec
from ddcore.report import compare_runs
from ddcore.runs import RunRecord, Store
from ddcore.summary import Accuracy
from tests.report.conftest import Answer, distilled, imitated
from tests.runs import shelf


def judged_as(answer: Answer, run: RunRecord, protocol: str, *accuracies: float) -> RunRecord:
    """A finished evaluation of this run under this protocol."""
    asked = evaluation(run, Question(protocol, nets=max(2, len(accuracies))))
    return answer(asked, *accuracies, accuracy=Accuracy.of(accuracies, protocol))


def test_labels_leave_out_what_all_share_and_tell_what_differs(store: Store) -> None:
    runs = [distilled(store), distilled(store, lr_img=5.0), distilled(store, ipc=2, lr_img=5.0)]
    labels = compare_runs.labels(runs)
    assert len(set(labels)) == 3
    assert labels == ["IPC 1 · η_S 0.1", "IPC 1 · η_S 5", "IPC 2 · η_S 5"]


def test_seeds_are_called_by_their_seed_beside_runs_of_other_methods(store: Store) -> None:
    labels = compare_runs.labels([distilled(store, seed=0), distilled(store, seed=1), imitated(store)])
    assert labels == ["DataDAM · seed 0", "DataDAM · seed 1", "PAD"]


def test_runs_that_nothing_tells_apart_are_told_apart_by_their_ids(store: Store) -> None:
    runs = [distilled(store, seed=seed) for seed in (0, 1)]
    for run in runs:
        store.annotate(run.id, name="mine")
    labels = compare_runs.labels([store.record(run.id) for run in runs])
    assert labels == ["mine · seed 0", "mine · seed 1"]
    assert compare_runs.labels([runs[0], runs[0]])[0].endswith(runs[0].id[:6])


def test_the_chosen_setting_says_which_evaluation_speaks(store: Store, answer: Answer) -> None:
    run = distilled(store)
    judged_as(answer, run, "course", 0.5, 0.6)
    judged_as(answer, run, "quick", 0.3, 0.4)
    settings = compare_runs.settings(store, [run, distilled(store, lr_img=9.0)])
    assert [one.rpartition(" ")[2] for one in settings] == ["quick", "course"], "of two, the one last asked for"
    course = next(one for one in settings if one.endswith("course"))
    (found,) = compare_runs.compared(store, [run], course)
    assert found.accuracies == (0.5, 0.6)
    (nothing,) = compare_runs.compared(store, [run], "ConvNet-9 · protocol none")
    assert nothing.accuracy is None


def test_numbers_hold_the_controls_of_the_same_setting(store: Store, answer: Answer) -> None:
    run = distilled(store)
    asked = plan(run, Question("course", nets=2))
    judged_as(answer, run, "course", 0.5, 0.6)
    shelf.finished(store, asked.random)
    answer(asked.random_real, 0.3, 0.4)
    answer(asked.full, 0.9, seconds_train=20.0)
    row = compare_runs.numbers(compare_runs.compared(store, [run])).iloc[0]
    assert row["mean"] == pytest.approx(55)
    assert row["random_real"] == pytest.approx(35)
    assert row["full"] == pytest.approx(90)
    assert row["seconds_train_full"] == 20.0
    assert row["stored_bytes"] == 4 * 640
    assert row["majority"] == pytest.approx(10)


def test_time_of_parents_is_that_of_all_runs_behind_it_once_each(store: Store) -> None:
    run, seconds = imitated(store), {"a": 5.0, "b": 7.0}
    ids = {name: name * 16 for name in seconds}
    for name, parents in (("a", []), ("b", [ids["a"]])):
        folder = store.root / "scores" / ids[name]
        folder.mkdir(parents=True)
        info = {"id": ids[name], "kind": "scores", "name": "scores", "config": {}, "parents": parents,
                "times": {"seconds": seconds[name]}, "summary": {"agents": 1, "epochs": 1}}
        (folder / "run.json").write_text(json.dumps(info))
    path = run.folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "parents": [ids["b"], ids["a"]]}))
    (found,) = compare_runs.compared(store, [store.record(run.id)])
    assert found.seconds_parents == 12.0


def test_runs_of_every_kind_and_state_can_be_chosen(store: Store) -> None:
    waiting = store.create(spec("describe", "describe", {"dataset": "digits"}))
    (store.root / "distill" / ("e" * 16)).mkdir(parents=True)
    broken = store.record("e" * 16)
    numbers = compare_runs.numbers(compare_runs.compared(store, [distilled(store), waiting, broken]))
    assert numbers["mean"].isna().all()
    assert numbers["label"].is_unique


def test_seeds_together_are_one_over_all_their_networks(store: Store, answer: Answer) -> None:
    runs = [distilled(store, seed=seed) for seed in (0, 1)]
    judged_as(answer, runs[0], "course", 0.5, 0.7)
    judged_as(answer, runs[1], "course", 0.3)
    other = distilled(store, lr_img=5.0)
    found = compare_runs.seeds_together(store, compare_runs.compared(store, [runs[0], other, runs[1]]))
    assert len(found) == 2
    assert found[0].label.endswith("2 seeds")
    assert found[0].accuracies == (0.5, 0.7, 0.3)
    assert found[0].accuracy is not None
    assert (found[0].accuracy.n, found[0].accuracy.mean) == (3, pytest.approx(0.5))
    assert found[1].record.id == other.id


def test_seeds_do_not_count_their_random_controls_as_more_than_they_are(store: Store, answer: Answer) -> None:
    runs = [distilled(store, seed=seed) for seed in (0, 1)]
    for run, value in zip(runs, (0.2, 0.4), strict=True):
        asked = plan(run, Question("course", nets=2))
        judged_as(answer, run, "course", 0.5, 0.6)
        shelf.finished(store, asked.random)
        answer(asked.random_real, value, value)
    (one,) = compare_runs.seeds_together(store, compare_runs.compared(store, runs))
    random = one.controls["random_real"].accuracy
    assert (random.mean, random.n) == (pytest.approx(0.3), 4)


def test_seeds_judged_under_another_protocol_are_not_pooled(store: Store, answer: Answer) -> None:
    runs = [distilled(store, seed=seed) for seed in (0, 1, 2)]
    judged_as(answer, runs[0], "course", 0.5, 0.6)
    judged_as(answer, runs[1], "quick", 0.9, 0.9)
    (one,) = compare_runs.seeds_together(store, compare_runs.compared(store, runs))
    assert one.accuracies == (0.5, 0.6)
    assert one.label.endswith("1 of 3 seeds judged")


def test_times_of_seeds_taken_together_are_means(store: Store) -> None:
    runs = [distilled(store, seed=seed) for seed in (0, 1)]
    for run, seconds in zip(runs, (10.0, 1000.0), strict=True):
        path = run.folder / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "times": {"seconds": seconds}}))
    found = compare_runs.compared(store, [store.record(run.id) for run in runs])
    assert compare_runs.numbers(compare_runs.seeds_together(store, found))["seconds_distill"].tolist() == [505.0]


def test_the_validation_split_is_another_setting(store: Store, answer: Answer) -> None:
    run = distilled(store)
    judged_as(answer, run, "course", 0.5, 0.6)
    answer(evaluation(run, Question("course", nets=2, split="val")), 0.7, 0.8)
    chosen = [run, *(r for r in store.records("evaluate") if r.config["split"] == "val")]
    one, other = compare_runs.compared(store, chosen)
    assert compare_runs.measured_on(other) == f"{compare_runs.measured_on(one)} · validation split"
