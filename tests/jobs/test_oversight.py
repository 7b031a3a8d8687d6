"""What a teacher sees and does: who uses what, the empty queue, an end for somebody, the log; refused to others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toyjobs import finish, toy, until
from toykind import ToyConfig, asked

from ddcore import jobs
from ddcore.errors import NotAllowed
from ddcore.hosting import audit, ledger, owners, people, private, quotas
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting_as, remember
from ddcore.jobs import drain, health, launch, oversight
from ddcore.jobs.asking import enqueue
from ddcore.jobs.job import mark_ended, mark_running
from ddcore.jobs.launch import tend
from ddcore.jobs.queue import Queue
from ddcore.jobs.runner import Runner
from ddcore.runs import Store
from ddcore.runs.state import asking

ANNE, BOB = Person("a" * 16, "student", "Anne"), Person("b" * 16, "student", "Bob")
TEACHER, ADMIN = Person("c" * 16, "teacher", "Tess"), Person("d" * 16, "admin", "Ada")
VIEWER = Person("e" * 16, "viewer", "Vic")


@pytest.fixture
def hosted(toys: Path) -> Path:
    (toys / "hosting.toml").write_text("[quota]\nwaiting = 7\n")
    for one in (ANNE, BOB, TEACHER):
        remember(one)
    return toys


def submit(person: Person, **values: object) -> str:
    with acting_as(person):
        return jobs.submit(toy(**values))


def work_on(run: str, slot: str = "cpu") -> None:
    """A slot has taken this run."""
    Queue().claim(next(ticket for ticket in Queue().waiting() if ticket.run_id == run), slot)
    mark_running(Store().record(run).folder, slot)


DEEDS: tuple[Callable[[], object], ...] = (
    oversight.uses, oversight.queue, oversight.slot_uses, oversight.log, drain.drain, drain.go_on,
    lambda: oversight.cancel_all(ANNE.id), lambda: quotas.allow(ANNE.id, "waiting", 9))


@pytest.mark.parametrize("person", [NOBODY, VIEWER, ANNE, TEACHER, ADMIN, MACHINE], ids=lambda one: one.role)
def test_only_teachers_and_admins_see_and_steer(still: Path, person: Person) -> None:
    submit(ANNE, seed=1)
    refused = 0
    for deed in DEEDS:
        with acting_as(person):
            try:
                deed()
            except NotAllowed:
                refused += 1
    assert refused == (0 if person in (TEACHER, ADMIN, MACHINE) else len(DEEDS))
    assert len(Queue().waiting()) == (1 if refused else 0)
    assert not drain.draining()


def test_it_is_told_who_uses_what(still: Path) -> None:
    done = jobs.run_inline(toy(steps=2))
    owners.take(ANNE.id, done)
    (Store().record(done).folder / "more.bin").write_bytes(bytes(1_000_000))
    shared = submit(ANNE, seed=1)
    submit(BOB, seed=1)
    submit(ANNE, seed=2)
    work_on(shared)
    ledger.path().parent.mkdir(exist_ok=True)
    session = {"id": "x", "run": "x", "slot": "cpu", "when": time.time(), "seconds": {ANNE.id: 90.0, BOB.id: 30.0}}
    ledger.path().write_text(json.dumps(session) + "\n")
    quotas.allow(BOB.id, "waiting", 8)
    with acting_as(TEACHER):
        anne, bob, tess = oversight.uses()
    assert (anne.person, anne.waiting, anne.working, anne.done) == (ANNE, 1, 1, 1)
    assert (bob.person, bob.waiting, bob.working, bob.done) == (BOB, 0, 1, 0)
    assert (tess.waiting, tess.working, tess.done, tess.today, tess.disk) == (0, 0, 0, 0.0, 0.0)
    assert (anne.today, bob.today) == (pytest.approx(90), pytest.approx(30))
    assert 0 < bob.lately <= 30
    assert 1_000_000 < anne.disk < 1_050_000
    assert anne.seen == pytest.approx(time.time(), abs=60)
    assert (anne.quota.waiting, bob.quota.waiting, dict(bob.allowed)) == (7, 8, {"waiting": 8})


def test_the_queue_is_told_with_its_people_and_the_slots_with_their_runs(still: Path) -> None:
    first, second = submit(ANNE, seed=1), submit(BOB, seed=2)
    submit(ANNE, seed=2)
    work_on(first)
    with acting_as(TEACHER):
        works, waits = oversight.queue()
        (slot,) = oversight.slot_uses()
    assert (works.id, works.people, works.state, works.slot, works.position) == (first, (ANNE,), "running", "cpu", 0)
    assert (waits.id, waits.people, waits.state, waits.slot, waits.position) == (second, (BOB, ANNE), "queued", "", 1)
    assert slot == oversight.SlotUse("cpu", True, False, first)


def test_nothing_waits_or_works_for_somebody_any_longer_and_what_others_wait_for_goes_on(still: Path) -> None:
    shared, own, sweep = submit(ANNE, seed=1), submit(ANNE, seed=2), submit(ANNE, seed=3, asks=2)
    works = submit(ANNE, seed=4)
    submit(BOB, seed=1)
    others = submit(BOB, seed=5)
    work_on(works)
    with acting_as(TEACHER):
        assert oversight.cancel_all(ANNE.id) == 4
    states = {run: Store().state(run) for run in (shared, own, sweep, works, others)}
    assert states == {shared: "queued", own: "cancelled", sweep: "cancelled", works: "cancelling", others: "queued"}
    assert asking(Store().record(shared).folder) == (BOB.id,)
    line = audit.lines(1)[0]
    assert (line["who"], line["deed"], line["what"], line["outcome"]) == \
        (TEACHER.id, "steer", ANNE.id, "done: cancelled 4 runs")


def test_the_log_is_told_newest_first_by_person_and_deed(still: Path) -> None:
    run, _ = submit(ANNE, seed=1), submit(BOB, seed=2)
    with acting_as(ANNE):
        jobs.cancel(run)
    with acting_as(TEACHER):
        every = [(line["who"], line["deed"]) for line in oversight.log()]
        assert every == [(ANNE.id, "cancel"), (BOB.id, "submit"), (ANNE.id, "submit")]
        assert [line["deed"] for line in oversight.log(person=ANNE.id)] == ["cancel", "submit"]
        assert [line["who"] for line in oversight.log(deed="submit")] == [BOB.id, ANNE.id]
        assert [line["what"] for line in oversight.log(ANNE.id, "cancel")] == [run]
        assert len(oversight.log(most=2)) == 2


def test_the_log_names_no_private_run_to_a_teacher_also_when_it_is_in_the_trash_or_gone(still: Path) -> None:
    with acting_as(ANNE):
        run = jobs.submit(toy().private(private.salt(ANNE.id)))
        mark_ended(Store().record(run).folder, "cancelled")
        Store().trash(run)

    def told(person: Person) -> list[tuple[str, str]]:
        with acting_as(person):
            return [(line["deed"], line["what"]) for line in oversight.log()]

    assert told(TEACHER) == [("trash", ""), ("submit", "")]
    with acting_as(ADMIN):
        Store().purge(run)
    assert told(TEACHER) == [("purge", ""), ("trash", ""), ("submit", "")]


def test_while_the_queue_runs_empty_what_works_is_finished_and_nothing_begins(hosted: Path) -> None:
    first = submit(ANNE, seed=1, manner="gated", steps=2)
    until(lambda: Store().state(first) == "running")
    with acting_as(TEACHER):
        drain.drain()
    second = submit(ANNE, seed=2)
    (hosted / "gate").touch()
    finish(first)
    until(lambda: not Queue().active())
    until(lambda: not launch.lives("cpu"))
    for _ in range(3):
        tend(Store(), Queue())
    assert jobs.status(second).message == drain.TOLD
    time.sleep(1)
    assert Store().state(second) == "queued"
    assert not launch.lives("cpu")
    with acting_as(TEACHER):
        drain.go_on()
    assert finish(second).steps == 3
    assert [line["outcome"] for line in audit.lines() if line["deed"] == "steer"] == \
        ["done: goes on", "done: nothing new begins"]


def test_a_worker_whose_runner_died_is_taken_over_while_the_queue_runs_empty(still: Path) -> None:
    run = submit(ANNE, seed=1)
    work_on(run)
    drain.drain()
    assert [slot.name for share in launch.shares(Queue()) for slot in launch._missing(Queue(), share)] == ["cpu"]


def test_no_runner_is_started_for_what_waits_while_the_queue_runs_empty(still: Path) -> None:
    submit(ANNE, seed=1)
    for wanted in (["cpu"], []):
        assert [slot.name for share in launch.shares(Queue()) for slot in launch._missing(Queue(), share)] == wanted
        drain.drain()


def test_what_asks_for_others_is_cancelled_before_them_or_it_would_ask_again(
    still: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, order = Store(), list[str]()
    sweep = submit(ANNE, seed=3, asks=2)
    wanted = asked(ToyConfig.build(store.record(sweep).config))
    with store.lock():
        cells = [record.id for record in enqueue(store, Queue(), wanted, sweep)]
        ticket = next(ticket for ticket in Queue().waiting() if ticket.run_id == sweep)
        Queue().remove(ticket)
        Queue().add(sweep)  # it waits behind them
    monkeypatch.setattr("ddcore.jobs.api.withdraw", lambda run_id, person: order.append(run_id))
    with acting_as(TEACHER):
        oversight.cancel_all(ANNE.id)
    assert order[0] == sweep
    assert set(order[1:]) == {*cells}


def test_a_runner_that_is_there_takes_nothing_more(still: Path) -> None:
    submit(ANNE, seed=1)
    drain.drain()
    assert Runner("cpu")._take() is None
    drain.go_on()
    assert Runner("cpu")._take() is not None


def test_health_tells_numbers_and_nothing_of_anybody(still: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = submit(ANNE, seed=1), submit(BOB, seed=2)
    work_on(first)
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    told = health.health()
    assert (told["status"], told["problems"]) == ("ok", [])
    assert told["queue"] == {"waiting": 1, "working": 1, "draining": False}
    assert told["slots"] == [{"name": "cpu", "working": True, "runner_alive": False}]
    assert told["disk"]["free_bytes"] > 0
    assert told["version"]
    said = json.dumps(told)
    for secret in (first, second, ANNE.id, BOB.id, "Anne", str(still)):
        assert secret not in said
    drain.drain()
    assert health.health()["queue"]["draining"] is True


def test_health_fails_where_nothing_can_be_written_the_disk_is_full_or_the_settings_are_wrong(
    still: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(health, "LEAST_FREE", 1e18)
    (problem,) = health.health()["problems"]
    assert problem.startswith("The disk is nearly full: ")
    monkeypatch.setattr(health, "LEAST_FREE", 0)
    (still / "hosting.toml").write_text("[quota]\nwaitin = 3")
    told = health.health()
    assert (told["status"], told["problems"]) == ("failing", ["The settings cannot be read, so nobody is let in."])
    (tmp_path / "file").touch()
    monkeypatch.setenv("DDCORE_HOME", str(tmp_path / "file" / "home"))
    assert health.health()["problems"][0] == "The home cannot be written: Not a directory."


def test_health_is_worked_out_once_a_second_for_all(still: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(health, "_health", lambda: {"looks": looks.append(1) or len(looks)})
    health._last[:] = [(time.monotonic(), "of another home", {"looks": 0})]
    assert [health.health()["looks"] for _ in range(50)] == [1] * 50
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    assert health.health()["looks"] == 2
    health._last.clear()


def test_people_without_a_name_are_told_by_what_is_known(still: Path) -> None:
    from ddcore.report import oversight as words

    assert words.called(Person("f" * 16, "student", "", "f@example.org")) == "f@example.org"
    assert words.called(people.person("f" * 16)) == "somebody unknown"
    submit(ANNE, seed=1)
    with acting_as(TEACHER):
        table = words.people(oversight.uses())
    assert list(table["person"]) == ["Anne", "Bob", "Tess"]
    assert list(table["waiting"]) == ["1 of 7", "0 of 7", "0"]
