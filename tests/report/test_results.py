from __future__ import annotations

from dataclasses import replace

import pytest

from ddcore.evaluation.plans import evaluation, plan, undertrained
from ddcore.experiments import spec
from ddcore.jobs.job import mark_queued
from ddcore.report import results
from ddcore.runs import RunRecord, Store
from tests.report.conftest import BRIEF, QUESTION, Answer, distilled, imitated
from tests.runs import shelf


def test_a_set_stands_beside_its_controls(store: Store, run: RunRecord, answer: Answer) -> None:
    answer(plan(run, QUESTION).final, 0.6, 0.7)
    rows = results.results(store, run, QUESTION)
    assert [row.role for row in rows] == ["final", "initial", "random_real", "full"]
    table = results.table(rows).set_index("name")
    assert table.loc["Distilled images", "mean"] == pytest.approx(65.0)
    assert table.loc["Random real images", "state"] == "not computed"


def test_random_real_images_are_not_compared_with_themselves(store: Store, run: RunRecord) -> None:
    same = shelf.finished(store, spec("distill", "random", {"dataset": "digits", "ipc": run.config["ipc"]}), steps=0)
    assert [row.role for row in results.distinct(results.results(store, same, QUESTION))] == ["final", "full"]
    rows = results.results(store, run, QUESTION)
    assert results.distinct(rows) == rows


TWO = {"per_class": [0.5, 0.9], "balanced_accuracy": {"mean": 0.7, "std": 0.02, "n": 2},
       "auc": {"mean": 0.8, "std": 0.01, "n": 2}, "majority": 0.6, "notes": ["Other images."]}


def test_two_classes_stand_with_balanced_accuracy_and_auc(store: Store, run: RunRecord, answer: Answer) -> None:
    assert results.beside(results.results(store, run, QUESTION)) == ()
    for asked in (plan(run, QUESTION).final, plan(run, QUESTION).random_real):
        answer(asked, 0.6, 0.7, **TWO)
    rows = results.results(store, run, QUESTION)
    table = results.table(rows).set_index("name")
    for name in ("Distilled images", "Random real images"):
        assert table.loc[name, ["balanced_accuracy", "auc"]].tolist() == ["70.0 ± 2.0 %", "80.0 ± 1.0 %"]
    assert table.loc["Full training data", ["balanced_accuracy", "auc"]].tolist() == ["–", "–"]
    assert results.beside(rows) == ("balanced_accuracy", "auc")
    assert results.majority(rows) == 60.0
    assert results.notes(rows) == ["Other images."]


def test_full_data_is_called_the_ceiling_only_where_it_is_trained_long_enough(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    for question in (QUESTION, BRIEF):
        assert results.no_ceiling(results.results(store, run, question)) == ""  # nothing is shown yet
        answer(plan(run, question).full, 0.9)
    usual, brief = (results.results(store, run, question) for question in (QUESTION, BRIEF))
    assert usual[-1].help.endswith("on all training images: the ceiling.")
    assert results.no_ceiling(usual) == ""
    assert brief[-1].help.endswith(f"on all training images. {undertrained(600 / 162)}")
    assert results.no_ceiling(brief) == undertrained(600 / 162) != ""


def test_the_full_data_stands_with_balanced_accuracy_over_all_its_seeds(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    full = plan(run, QUESTION).full
    for seed, balanced in enumerate((0.6, 0.8)):
        asked = replace(full, config=full.config.replace(seed=seed))
        answer(asked, 0.9, **{**TWO, "balanced_accuracy": {"mean": balanced, "std": None, "n": 1}})
    last = results.results(store, run, QUESTION)[-1]
    assert last.scores is not None
    balanced = last.scores.balanced_accuracy
    assert balanced is not None
    assert (balanced.mean, balanced.std, balanced.n) == (pytest.approx(0.7), pytest.approx(0.1414214), 2)


def test_learnt_labels_and_variations_have_rows_of_their_own(store: Store, answer: Answer) -> None:
    run = imitated(store)
    asked = plan(run, QUESTION)
    answer(asked.variations[0].evaluation, 0.7)
    rows = {row.role: row for row in results.results(store, run, QUESTION)}
    assert list(rows) == ["final", "initial", "initial_hard", "datm", "random_real", "full"]
    assert (rows["initial"].title, rows["initial_hard"].title) == (
        "Initial images, soft labels", "Initial images, class labels",
    )
    assert rows["datm"].scores is not None
    assert rows["datm"].scores.accuracy.mean == 0.7
    assert [one.kind for one in rows["datm"].specs] == ["distill", "evaluate"]
    assert rows["datm"].title == asked.variations[0].title


def test_what_is_known_is_not_missing_and_what_is_queued_is_active(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    asked = plan(run, QUESTION)
    answer(asked.final, 0.6)
    mark_queued(store.create(asked.random_real).folder)
    rows = {row.role: row for row in results.results(store, run, QUESTION)}
    assert [(row.missing, row.active) for row in rows.values()] == [
        (False, False), (True, False), (False, True), (True, False),
    ]


def test_runs_that_differ_in_the_seed_alone_are_siblings(store: Store, run: RunRecord) -> None:
    second = distilled(store, seed=1)
    distilled(store, seed=1, ipc=2)
    distilled(store, width=4)
    unfinished = store.create(spec("distill", "datadam", {**run.config, "seed": 2}))
    assert [r.id for r in results.siblings(store, second)] == [run.id, second.id]
    assert unfinished.id in [r.id for r in results.siblings(store, unfinished)]


def test_one_seed_has_no_spread_over_seeds(store: Store, run: RunRecord) -> None:
    assert results.over_seeds(store, run, QUESTION) is None


def test_the_spread_over_seeds_is_over_all_networks_of_all_seeds(store: Store, run: RunRecord, answer: Answer) -> None:
    second = distilled(store, seed=1)
    answer(plan(run, QUESTION).final, 0.5, 0.6)
    seeds = results.over_seeds(store, run, QUESTION)
    assert seeds
    assert seeds.scores
    assert (seeds.scores.accuracy.n, seeds.scores.accuracy.seeds) == (2, 1)
    assert [row.final.missing for row in seeds.rows] == [False, True]
    answer(plan(second, QUESTION).final, 0.7, 0.8)
    answer(plan(second, QUESTION).random_real, 0.3, 0.3)
    seeds = results.over_seeds(store, run, QUESTION)
    assert seeds
    assert seeds.scores
    accuracy = seeds.scores.accuracy
    assert accuracy.mean == pytest.approx(0.65)
    assert accuracy.std == pytest.approx(0.1290994)  # of 0.5, 0.6, 0.7, 0.8
    assert (accuracy.n, accuracy.seeds, accuracy.protocol) == (4, 2, "course")
    assert seeds.random_real
    assert seeds.random_real.accuracy.mean == pytest.approx(0.3)
    table = results.seeds_table(seeds)
    assert {"balanced_accuracy", "auc"} < set(table.columns)
    assert table["seed"].tolist() == [0, 1]
    assert table["mean"].tolist() == pytest.approx([55.0, 75.0])
    assert table["run"].tolist() == [run.id, second.id]


def test_the_question_of_the_last_usual_evaluation_is_asked_again(store: Store, run: RunRecord, answer: Answer) -> None:
    usual = answer(evaluation(run, replace(QUESTION, batch_size=10)), 0.6)
    for changes in ({"step": 1}, {"split": "val"}, {"images": "initial"}, {"augment": "siamese"}):
        answer(evaluation(run, QUESTION, **changes), 0.9)
    last = results.last_evaluation(store, run)
    assert last
    assert last.id == usual.id
    assert evaluation(run, results.question_of(last)) == evaluation(run, replace(QUESTION, batch_size=10))


def test_an_evaluation_from_before_some_parameters_existed_can_still_be_asked_again(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    record = answer(plan(run, QUESTION).final, 0.6)
    older = {n: v for n, v in record.config.items() if n not in ("augment", "split", "labels", "step")}
    assert results.question_of(replace(record, config=older)).split == "test"
