"""The list of runs: what judges a run stands inside of it."""

from __future__ import annotations

import pytest

from ddcore.evaluation.plans import Question, evaluation
from ddcore.experiments import KINDS, spec
from ddcore.jobs import Status
from ddcore.report import overview
from ddcore.runs import Store
from tests.report.conftest import Answer, distilled


def test_an_evaluation_stands_inside_the_run_it_judges_which_has_its_accuracy(store: Store, answer: Answer) -> None:
    run, other = distilled(store), distilled(store, lr_img=3.0)
    answer(evaluation(run, Question("course", nets=2)), 0.5, 0.6)
    waiting = store.create(evaluation(run, Question("quick", nets=2))).id
    rows = {row.record.id: row for row in overview.rows(store.records())}
    assert rows.keys() == {run.id, other.id}
    assert waiting in [record.id for record in rows[run.id].inside]
    assert len(rows[run.id].inside) == 2
    shown = overview.table([*rows.values()], {}).set_index("id")
    assert shown.loc[run.id, "accuracy"] == "55.0 ± 7.1 % (n = 2)"
    assert shown.loc[run.id, "judged"].endswith("protocol course")
    assert shown.loc[run.id, "inside"] == f"1, 1 {store.record(waiting).state}"
    assert shown.loc[other.id, ["accuracy", "judged", "inside"]].tolist() == ["–", "–", ""]
    alone = overview.rows(store.records(), alone=["evaluate"])
    assert sorted(row.record.kind for row in alone) == ["distill", "distill", "evaluate", "evaluate"]


def test_an_evaluation_whose_run_is_gone_is_a_row_of_its_own(store: Store, answer: Answer) -> None:
    run = distilled(store)
    answer(evaluation(run, Question("course", nets=1)), 0.5)
    store.trash(run.id)
    (row,) = overview.rows(store.records())
    assert row.record.kind == "evaluate"


def test_which_runs_stand_inside_others_is_what_their_kind_declares(
    store: Store, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = distilled(store)
    answer(evaluation(run, Question("course", nets=1)), 0.5)
    assert len(overview.rows(store.records())) == 1
    monkeypatch.setitem(KINDS["evaluate"].__dict__, "shown_with", "")
    assert len(overview.rows(store.records())) == 2


def test_a_run_that_waits_tells_its_place_and_what_it_waits_for(store: Store) -> None:
    first = store.create(spec("distill", "dm", {"dataset": "digits", "ipc": 1}))
    second = store.create(spec("evaluate", "evaluate", {"dataset": "digits", "run": first.id}))
    third = store.create(spec("distill", "dm", {"dataset": "digits", "ipc": 2}))
    records = {record.id: store.record(record.id) for record in (first, second, third)}
    jobs = [(first.id, Status("running", done=2, total=5)), (second.id, Status("queued", 1)),
            (third.id, Status("queued", 2))]
    told = overview.waits(jobs, records)
    assert told[first.id] == "running, 40 %"
    assert told[second.id].startswith("queued, after DM")
    assert told[third.id] == "queued, number 2"
    aside = Status("queued", 3, done=2, total=5, aside=True)
    assert overview.waits([(third.id, aside)], records) == {third.id: "stepped aside at 40 %, number 3"}
    assert overview.waits([(third.id, Status("queued", 2, awaited=3))], records) == {third.id: "waiting for 3 runs"}
    assert overview.waiting_for(Status("queued", awaited=1)) == "waiting for 1 run"


def test_how_many_runs_wait_before_the_next_is_told_where_no_slot_is_free() -> None:
    running, queued, sweep = Status("running"), Status("queued", position=1), Status("queued", awaited=3)
    assert overview.before([], 1) == ""
    assert overview.before([running, sweep], 2) == ""
    assert overview.before([running, sweep], 1) == "it waits until a run has ended"
    assert overview.before([running, queued, sweep], 1) == "1 run waits before it"
    assert overview.before([running, *[queued] * 1200], 1) == "1,200 runs wait before it"
