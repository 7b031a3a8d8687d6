"""What grows with the number of runs: how often they are gone through, which files are looked at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shelf import finished, looked_at, many, many_like, question

from ddcore.experiments import spec
from ddcore.jobs.job import mark_ended, mark_queued
from ddcore.report import catalogue, names, overview
from ddcore.runs import RunRecord, Store
from ddcore.runs.files import read_json, write_json
from ddcore.runs.store import Moment, moment


def changed_in_place(store: Store, run: RunRecord) -> None:
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace('"steps": 4', '"steps": 5'))


CHANGES: dict[str, Callable[[Store, RunRecord], Any]] = {
    "a name": lambda store, run: store.annotate(run.id, name="mine"),
    "a run put away": lambda store, run: store.trash(run.id),
    "a new run": lambda store, run: finished(store, question(seed=2)),
    "a new question": lambda store, run: store.create(question(seed=2)),
    "an edited file": changed_in_place,
    "another answer": lambda store, run: write_json(run.folder / "run.json", {**run.stored(), "summary": {"steps": 7}}),
    "a folder that cannot be read": lambda store, run: (run.folder / "run.json").write_text("{"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_is_made_of_all_runs_is_made_again_once_one_changes_and_only_then(store: Store, case: str) -> None:
    run, made = finished(store, question()), list[list[RunRecord]]()

    def seen(look: Store) -> list[RunRecord]:
        made.append(look.records())
        return made[-1]

    def look() -> list[RunRecord]:
        return Moment(store.root, store.demo).kept(seen)

    assert look() == look() == look() == store.records()
    assert len(made) == 1
    CHANGES[case](store, run)
    assert look() == look() == store.records() != made[0]
    assert len(made) == 2


def test_what_is_made_of_all_runs_follows_each_state_of_one_that_is_not_finished(store: Store) -> None:
    record = store.create(question())
    for step in (mark_queued, lambda folder: mark_ended(folder, "failed", "It broke."), mark_queued):
        step(record.folder)
        state, = Moment(store.root, store.demo).kept(lambda look: [one.state for one in look.records()])
        assert state == store.record(record.id).state


def test_what_is_made_of_runs_and_something_else_is_made_again_once_that_changes(store: Store) -> None:
    def told(look: Store, word: str) -> str:
        return f"{len(look.records())} {word}"

    finished(store, question())
    assert [Moment(store.root, store.demo).kept(told, word) for word in ("a", "b", "a")] == ["1 a", "1 b", "1 a"]


def test_a_run_has_its_new_name_in_the_next_look(home: Path) -> None:
    run = finished(Store(), question())
    other = finished(Store(), question(ipc=2))
    with moment():
        before = names.title(run)
    Store().annotate(run.id, name="mine")
    with moment() as look:
        assert [names.title(one) for one in look.records()][-1] == "mine" != before
    Store().trash(other.id)
    finished(Store(), question(seed=1))
    with moment() as look:
        assert {names.automatic(one) for one in look.records()} == {f"{before} · seed 0", f"{before} · seed 1"}


def test_trials_cost_a_look_nothing_until_they_are_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    finished(store, question())
    trial = finished(store, spec("trial", "trial", {"dataset": "digits"}))
    Store()  # looks once in the life of a home for what earlier versions imported
    looks = []
    for number in (10, 40):
        many_like(trial, number)
        with looked_at(monkeypatch) as paths, moment() as look:
            assert len(look.records()) == 1 + sum(record.demo for record in look.records())
            catalogue.catalogue(look), look.imports(), look.trouble()
            assert look.has_finished("trial")
        looks.append([path for path in paths if str(trial.folder.parent) in path])
        assert len(store.records("trial")) == number + 1
    assert len(looks[0]) == len(looks[1]) <= 3


def test_a_look_at_runs_that_did_not_change_takes_two_looks_at_files_for_each(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(store, 50)
    Moment(store.root, store.demo).records()
    with looked_at(monkeypatch) as paths:
        assert len(Moment(store.root, store.demo).records()) == 50
    assert len([path for path in paths if str(store.root / "distill") + "/" in path]) == 2 * 50


def calls(work: Callable[[], object]) -> int:
    """How many functions are called."""
    counted = [0]

    def count(frame: object, event: str, argument: object) -> None:
        counted[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted[0]


def test_the_work_grows_no_faster_than_the_seeds_of_one_setting(store: Store) -> None:
    def page() -> None:
        look = Moment(store.root, store.demo)
        named = names.Names(look)
        assert len({named.of(record) for record in look.records()}) == len(look.records())
        assert len(catalogue.seeds_together(catalogue.catalogue(look))) == 1
        overview.table(overview.rows(look.records()), {})

    taken, run = [], finished(store, question())
    told = read_json(run.folder / "run.json")
    for number in (50, 100, 200, 400):  # the first is the first of all: what it makes is there for the others
        many_like(run, number - 1, lambda seed: {"config": {**told["config"], "seed": seed + 1}})
        taken.append(calls(page))
    assert taken[3] - taken[2] < 2.1 * (taken[2] - taken[1])  # twice as many more runs, twice the work


def test_once_a_run_has_changed_only_its_own_name_is_made_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run, made, alone = finished(store, question()), list[str](), names.Names._alone
    told = read_json(run.folder / "run.json")
    many_like(run, 20, lambda seed: {"config": {**told["config"], "seed": seed + 1}})

    def noted(self: names.Names, record: RunRecord, *told: Any) -> str:
        made.append(record.id)
        return alone(self, record, *told)

    def look() -> dict[str, str]:
        now = Moment(store.root, store.demo)
        named = names.Names(now)
        return {record.id: named.of(record) for record in now.records()}

    monkeypatch.setattr(names.Names, "_alone", noted)
    before = look()
    made.clear()
    write_json(run.folder / "run.json", {**told, "config": {**told["config"], "ipc": 2}})
    after = look()
    assert made == [run.id]
    monkeypatch.setattr(names, "_last", {})
    assert after == look()
    assert [run_id for run_id in before if before[run_id] != after[run_id]] == [run.id]
