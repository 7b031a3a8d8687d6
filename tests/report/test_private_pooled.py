"""What was asked privately and by everybody is measured once more and counts once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question
from ddcore.experiments import spec
from ddcore.hosting import private
from ddcore.hosting.people import Person, acting_as
from ddcore.report import catalogue, compare_effects, compare_runs, results, transfer
from ddcore.report.estimate import estimate
from ddcore.report.export.pivot import Choice, pivot
from ddcore.report.uses import uses
from ddcore.runs import RunRecord, Store
from ddcore.runs.files import write_json
from ddcore.runs.recorder import FolderRecorder
from ddcore.summary import Accuracy
from tests.runs import shelf

ANNE, BOB = (Person(letter * 16, "student") for letter in "ab")
HOW = Question("quick", nets=2)
BASELINE = {"dataset": "digits", "network": "convnet", "epochs": 1}


@pytest.fixture
def runs(home: Path) -> dict[str, RunRecord]:
    """One set as everybody asked for it, the same as Anne did privately, and another seed of hers; all judged."""
    (home / "hosting.toml").write_text("")
    salt = private.salt(ANNE.id)
    asked = {"everybody's": ({"seed": 0}, ""), "Anne's": ({"seed": 0}, salt), "her other seed": ({"seed": 1}, salt)}
    made = {}
    for mean, (name, (values, own)) in enumerate(asked.items()):
        question = spec("distill", "dm", {"dataset": "digits", "ipc": 2, "num_iters": 2, **values}, own)
        made[name] = shelf.finished(Store(), question, images=20, stored_floats=9)
        judge(made[name], 0.5 + 0.1 * mean)
    return made


def judge(run: RunRecord, mean: float) -> None:
    record = Store().create(plans.evaluation(run, HOW))
    summary = shelf.summary("evaluate", accuracy=Accuracy.of([mean - 0.01, mean + 0.01], "quick"), majority=0.1)
    FolderRecorder(Store(), record.id).finish(summary, {"started": 1.0})


@pytest.fixture(params=["Anne looks", "it is shared"])
def store(runs: dict[str, RunRecord], request: pytest.FixtureRequest) -> Store:
    """The runs as Anne sees them, or as all do once she has shared hers."""
    if request.param == "Anne looks":
        return Store(person=ANNE)
    for name in ("Anne's", "her other seed"):
        Store().share(runs[name].id)
    return Store(person=BOB)


def test_the_same_question_twice_is_one_seed_in_the_table_of_compare(store: Store, runs: dict[str, RunRecord]) -> None:
    rows = catalogue.catalogue(store)
    sets = rows[rows["kind"] == "distill"]
    (row,) = catalogue.seeds_together(sets).to_dict("records")
    assert (row["n"], row["seeds"], row["judged"], len(row["members"])) == (4, 2, 2, 3)
    assert row["accuracy"] == pytest.approx(100 * (0.5 + 0.7) / 2)
    (row,) = catalogue.grouped(sets, "method", "Method").to_dict("records")
    assert (row["n"], row["seeds"]) == (4, 2)
    (row,) = catalogue.seeds_together(rows[rows["kind"] == "evaluate"]).to_dict("records")
    assert (row["n"], row["seeds"], len(row["members"])) == (4, 2, 3)
    alone = sets[sets["id"] != runs["everybody's"].id]
    (row,) = catalogue.seeds_together(alone).to_dict("records")
    assert (row["n"], row["seeds"], row["accuracy"]) == (4, 2, pytest.approx(65.0)), "without the other one it counts"


@pytest.mark.parametrize("name", ["everybody's", "Anne's", "her other seed"])
def test_the_same_question_twice_is_one_seed_of_a_set(store: Store, runs: dict[str, RunRecord], name: str) -> None:
    run = store.record(runs[name].id)
    siblings = results.siblings(store, run)
    assert run.id in [one.id for one in siblings]
    assert [one.config["seed"] for one in siblings] == [0, 1]
    seeds = results.over_seeds(store, run, HOW)
    assert seeds is not None
    assert seeds.scores is not None
    assert seeds.scores.accuracy.n == 4
    assert run.id in [one.id for one in results.alike(store, run, "width")]
    assert transfer.rows(store, run, HOW).keys() == {"ConvNet-3"}


def test_the_same_question_twice_counts_once_among_compared_runs(store: Store, runs: dict[str, RunRecord]) -> None:
    chosen = compare_runs.compared(store, [store.record(run.id) for run in runs.values()])
    assert [run.repeats for run in chosen] == [False, True, False]
    (together,) = compare_runs.seeds_together(store, chosen)
    assert together.accuracy is not None
    assert (together.accuracy.n, len(together.seeds), together.accuracy.mean) == (4, 2, pytest.approx(0.6))
    group = compare_effects.Group({}, tuple(chosen))
    assert group.accuracy is not None
    assert group.accuracy.n == 4
    table = pivot(chosen, Choice())
    (cell,) = table.cells.values()
    assert cell.n == 4
    assert [line for line in table.left_out if runs["Anne's"].id in line and "the very same" in line]
    alone = compare_runs.compared(store, [store.record(runs["Anne's"].id)])
    assert [run.repeats for run in alone] == [False]


def test_who_removes_a_data_set_is_told_of_private_runs_on_it_too(runs: dict[str, RunRecord]) -> None:
    Store().trash(runs["everybody's"].id)
    Store().purge(runs["everybody's"].id)
    assert uses(Store(person=BOB), "digits").finished == 5, "two sets and three evaluations"


def test_the_time_of_a_search_is_measured_by_no_private_trial(runs: dict[str, RunRecord]) -> None:
    config = spec("search", "search", {"dataset": "digits"}).config

    def told(person: Person) -> str:
        with acting_as(person):
            return str(estimate("search", "search", config, Store().records()))

    before = {person: told(person) for person in (ANNE, BOB)}
    trial = Store().create(spec("trial", "trial", {"dataset": "digits", "run": runs["Anne's"].id, "nets": 1}))
    assert trial.private == ANNE.id
    FolderRecorder(Store(), trial.id).finish(shelf.summary("trial", images=10, seconds=999.0), {"started": 1.0})
    stored = Store().record(trial.id).stored()
    slow = {"device": {"type": "cpu"}, "times": {**stored["times"], "seconds": 9e3}}
    write_json(trial.folder / "run.json", {**stored, **slow})
    assert told(BOB) == before[BOB]
    assert told(ANNE) != before[ANNE]


def test_training_on_all_data_that_was_asked_twice_counts_once(store: Store, runs: dict[str, RunRecord]) -> None:
    plan = plans.plan(store.record(runs["everybody's"].id), HOW)

    def trained(salt: str, seed: int) -> None:
        question = spec("baseline", "baseline", {**plan.full.config.values(), "seed": seed}, salt)
        record = Store().create(question)
        answer: dict[str, Any] = {"accuracy": {"mean": 0.9, "std": None, "n": 1}}
        FolderRecorder(Store(), record.id).finish(shelf.summary("baseline", **answer), {"started": 1.0})

    trained("", 0)
    trained(private.salt(ANNE.id), 0)
    with acting_as(ANNE):
        full = plans.full_data(plan, Store())
    assert full is not None
    assert full.accuracy.n == 1
    trained(private.salt(ANNE.id), 1)
    with acting_as(ANNE):
        full = plans.full_data(plan, Store())
    assert full is not None
    assert full.accuracy.n == 2
    with acting_as(BOB):
        full = plans.full_data(plan, Store())
    assert full is not None
    assert full.accuracy.n == 1
