"""What one person may use at most: refused before anything is queued, held back in the queue, ended at its time."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path

import pytest
from brought import folders, written
from toyjobs import finish, reached, toy, until

from ddcore import jobs
from ddcore.data import apart
from ddcore.data.adding import AddConfig
from ddcore.errors import ConfigError, DDCoreError, NotAllowed, QuotaReached
from ddcore.experiments import spec
from ddcore.hosting import audit, ledger, owners, quotas
from ddcore.hosting.people import MACHINE, Person, acting_as, remember
from ddcore.jobs import drain, limits
from ddcore.jobs.asking import enqueue
from ddcore.jobs.job import mark_ended, mark_queued, mark_running, read_job, worked
from ddcore.jobs.queue import Queue
from ddcore.jobs.runner import Runner
from ddcore.runs import Store, packing
from ddcore.runs.files import write_json

ANNE, BOB = Person("a" * 16, "student", "Anne"), Person("b" * 16, "student", "Bob")
TEACHER, ADMIN = Person("c" * 16, "teacher", "Tess"), Person("d" * 16, "admin", "Ada")


@pytest.fixture
def hosted(toys: Path) -> Path:
    """A home that is hosted, whose people have been here."""
    for one in (ANNE, BOB, TEACHER, ADMIN):
        remember(one)
    return toys


def limit(home: Path, **values: float) -> None:
    lines = "".join(f"{name} = {value}\n" for name, value in values.items())
    (home / "hosting.toml").write_text(f"[quota]\n{lines}")


def submit(person: Person, *seeds: int, **values: object) -> list[str]:
    with acting_as(person):
        return [jobs.submit(toy(seed=seed, **values)) for seed in seeds]


def held_back(run: str) -> str:
    return limits.holding(Store(), Queue())(Store().record(run))


def spend(person: Person, seconds: float) -> None:
    """This person's runs have held a slot for so long, until now."""
    ledger.path().parent.mkdir(exist_ok=True)
    session = {"id": f"x.{time.time_ns()}", "run": "x", "slot": "cpu", "when": time.time(),
               "seconds": {person.id: seconds}}
    with open(ledger.path(), "a") as file:
        file.write(json.dumps(session) + "\n")


def test_as_many_runs_wait_as_are_allowed_and_no_more(still: Path) -> None:
    limit(still, waiting=2)
    submit(ANNE, 1, 2)
    with pytest.raises(QuotaReached) as refusal:
        submit(ANNE, 3)
    assert str(refusal.value) == "You have 2 runs waiting; 2 are allowed. It can go in when one has started."
    assert len(Queue().waiting()) == 2
    assert not Store().exists(toy(seed=3).key)
    assert [line["outcome"] for line in audit.lines(1)] == [f"refused: {refusal.value}"]
    submit(BOB, 3, 4)  # each has their own
    submit(TEACHER, *range(5, 12))
    submit(MACHINE, *range(12, 20))
    submit(ADMIN, *range(20, 25))


def test_what_is_asked_again_by_whom_it_waits_for_is_not_counted_twice(still: Path) -> None:
    limit(still, waiting=1)
    (run,) = submit(ANNE, 1)
    assert submit(ANNE, 1) == [run]
    submit(BOB, 1)  # the same question: it waits for both
    with pytest.raises(QuotaReached, match=r"You have 1 run waiting; 1 is allowed\."):
        submit(BOB, 2)


def test_who_no_longer_waits_for_a_run_that_others_wait_for_has_room(still: Path) -> None:
    limit(still, waiting=1)
    (run,) = submit(ANNE, 1)
    submit(BOB, 1)
    with acting_as(ANNE):
        jobs.cancel(run)
    assert Store().state(run) == "queued"
    submit(ANNE, 2)
    with pytest.raises(QuotaReached, match="1 run waiting"):
        submit(BOB, 2)


def test_a_run_that_was_cancelled_or_has_begun_makes_room(still: Path) -> None:
    limit(still, waiting=1)
    (run,) = submit(ANNE, 1)
    with acting_as(ANNE):
        jobs.cancel(run)
    (other,) = submit(ANNE, 2)
    (ticket,) = Queue().waiting()
    Queue().claim(ticket, "cpu")
    mark_running(Store().record(other).folder, "cpu")
    submit(ANNE, 3)
    with pytest.raises(QuotaReached, match="1 run waiting"):
        submit(ANNE, 4)


def test_extending_and_resuming_are_counted_and_refused_before_anything_is_queued(still: Path) -> None:
    limit(still, waiting=1)
    with acting_as(ANNE):
        done = jobs.run_inline(toy(steps=2))
    owners.take(ANNE.id, done)
    (stopped,) = submit(ANNE, 1)
    with acting_as(ANNE):
        jobs.cancel(stopped)
    submit(ANNE, 2)
    with acting_as(ANNE):
        for ask in (lambda: jobs.extend(done, 5), lambda: jobs.resume(stopped)):
            with pytest.raises(QuotaReached, match="1 run waiting"):
                ask()
    assert len(Queue().waiting()) == 1
    assert Store().record(stopped).state == "cancelled"


def test_what_a_run_asks_for_counts_for_whom_it_works_and_is_never_refused(still: Path) -> None:
    limit(still, waiting=2)
    (sweep,) = submit(ANNE, 0, asks=5)
    store = Store()
    record = store.record(sweep)
    with store.lock():
        enqueue(store, Queue(), [toy(seed=seed) for seed in range(10, 15)], record.id)
    assert len(limits.waiting_for(ANNE.id, store, Queue())) == 6
    with pytest.raises(QuotaReached, match="You have 6 runs waiting; 2 are allowed"):
        submit(ANNE, 99)


def test_what_is_asked_along_with_a_run_goes_in_with_it(still: Path) -> None:
    limit(still, waiting=1)
    (run,) = submit(ANNE, 1)
    with acting_as(ANNE):
        jobs.submit(toy(seed=2, parent=run), asked_by=run)
    assert len(Queue().waiting()) == 2


def test_gpu_minutes_are_those_of_the_last_day(still: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(still, gpu_minutes=60)
    spend(ANNE, 59 * 60)
    submit(ANNE, 1)
    spend(ANNE, 3 * 60)
    with pytest.raises(QuotaReached, match=r"^You have used 62 GPU minutes in the last 24 hours; 60 are allowed\."):
        submit(ANNE, 2)
    submit(BOB, 2)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 86_500)
    submit(ANNE, 3)


def test_disk_is_what_one_owns_shared_among_its_owners_with_the_trash(still: Path) -> None:
    limit(still, disk_gb=0.003)  # 3 MB
    runs = [jobs.run_inline(toy(seed=seed)) for seed in (1, 2)]
    for run in runs:
        (Store().record(run).folder / "more.bin").write_bytes(bytes(2_000_000))
    owners.take(ANNE.id, *runs)
    owners.take(BOB.id, runs[0])
    used = quotas.disk([ANNE.id, BOB.id, TEACHER.id])
    assert used[BOB.id] == pytest.approx(1_000_000, abs=20_000)
    assert used[ANNE.id] == pytest.approx(3_000_000, abs=40_000)
    assert used[TEACHER.id] == 0
    with pytest.raises(QuotaReached, match=r"^With it your runs and data sets take 0.003 GB; 0.003 are allowed\."):
        submit(ANNE, 3)
    submit(BOB, 3)
    Store().trash(runs[1])
    with pytest.raises(QuotaReached):
        submit(ANNE, 4)
    Store().purge(runs[1])
    submit(ANNE, 4)


def test_what_is_brought_from_elsewhere_takes_of_the_disk_that_one_may_use(still: Path) -> None:
    packed, run = io.BytesIO(), jobs.run_inline(toy(seed=1))
    packing.pack(Store(), run, packed)
    limit(still, disk_gb=0.000001)
    with acting_as(ANNE), pytest.raises(QuotaReached, match="With it your runs and data sets take"):
        packing.unpack(Store(), packed, "toy.ddrun")
    assert [record.id for record in Store().records()] == [run]
    limit(still, disk_gb=1)
    Store().trash(run)
    with acting_as(ANNE):
        assert packing.unpack(Store(), packed, "toy.ddrun").new


def test_own_data_sets_are_counted_and_measured(still: Path, tmp_path: Path) -> None:
    limit(still, datasets=1)
    root = still / "data"
    brought = apart.Brought(written(folders(6, 3), tmp_path / "pets"), "pets", tmp_path / "notes")
    apart.look(brought)
    config = AddConfig.build({"name": "pets", "side": 16})
    with acting_as(ANNE):
        apart.add(brought, config, root)
        with pytest.raises(QuotaReached) as refusal:
            apart.add(brought, AddConfig.build({"name": "more", "side": 16}), root)
    assert str(refusal.value) == \
        "You have 1 data set of your own; 1 is allowed. It can be added when you have removed one."
    assert not (root / "own" / "more").exists()
    size = sum(file.stat().st_size for file in (root / "own" / "pets").rglob("*"))
    assert quotas.disk([ANNE.id]) == {ANNE.id: size}
    limit(still, datasets=0, disk_gb=0.00003)
    with acting_as(BOB), pytest.raises(QuotaReached, match="With it your runs and data sets take"):
        apart.add(brought, AddConfig.build({"name": "more", "side": 64}), root)


def test_a_teacher_allows_one_person_more_and_nobody_else_does(still: Path) -> None:
    limit(still, waiting=1)
    submit(ANNE, 1)
    with acting_as(ANNE), pytest.raises(NotAllowed):
        quotas.allow(ANNE.id, "waiting", 100)
    with acting_as(TEACHER):
        quotas.allow(ANNE.id, "waiting", 2)
    assert audit.lines(1)[0] | {"when": 0} == {
        "when": 0, "who": TEACHER.id, "role": "teacher", "deed": "steer", "what": ANNE.id, "outcome": "done: waiting 2"}
    submit(ANNE, 2)
    with pytest.raises(QuotaReached, match="2 are allowed"):
        submit(ANNE, 3)
    assert (quotas.of(ANNE.id).waiting, quotas.of(BOB.id).waiting) == (2, 1)
    quotas.allow(ANNE.id, "waiting", 0)
    submit(ANNE, *range(3, 9))
    quotas.allow(ANNE.id, "waiting", None)
    assert quotas.of(ANNE.id).waiting == 1


@pytest.mark.parametrize(("person", "name", "number"), [
    (ANNE.id, "wating", 1), (ANNE.id, "waiting", -1), (ANNE.id, "waiting", float("nan")), ("../x", "waiting", 1),
    (ANNE.id, "waiting", 0.5)])
def test_what_is_no_limit_is_refused(still: Path, person: str, name: str, number: float) -> None:
    limit(still)
    with pytest.raises(ConfigError):
        quotas.allow(person, name, number)
    assert not list(still.rglob("*.quota.json"))


@pytest.mark.parametrize("text", ["", "[1]", '{"waiting": "many"}', '{"waiting": -5}', '{"waiting": true}', "{"])
def test_a_file_of_what_was_allowed_that_holds_something_else_allows_nothing(still: Path, text: str) -> None:
    limit(still, waiting=1)
    (still / "people" / f"{ANNE.id}.quota.json").write_text(text)
    assert quotas.of(ANNE.id).waiting == 1


def test_without_settings_there_are_no_quotas(still: Path) -> None:
    submit(ANNE, *range(60))
    assert len(Queue().waiting()) == 60


def test_runs_beyond_those_that_may_work_are_held_back_and_told_why(still: Path) -> None:
    limit(still, working=1)
    store, queue = Store(), Queue()
    first, second = submit(ANNE, 1, 2)
    (shared,) = submit(BOB, 3)
    submit(ANNE, 3)
    queue.claim(queue.waiting()[0], "gpu0")
    mark_running(store.record(first).folder, "gpu0")
    why = "Held back: whoever asked for it has 1 run working, as many as are allowed at once."
    assert held_back(second) == why
    assert jobs.status(second).message == why
    assert held_back(shared) == ""  # Bob may have it
    spend(BOB, 9000)  # so that it is the turn of those of Anne
    assert jobs.status(shared).message == ""
    assert Runner("gpu1")._take() == shared
    for slot, run, told in (("gpu0", first, why.replace("1 run", "2 runs")), ("gpu1", shared, why)):
        assert held_back(second) == told
        mark_ended(store.record(run).folder, "cancelled")
        queue.release(slot, run)
    assert Runner("gpu0")._take() == second


def test_nothing_steps_aside_for_what_is_held_back_or_while_the_queue_runs_empty(still: Path) -> None:
    limit(still, working=1)
    (works,), (other, waits) = submit(ANNE, 1), submit(BOB, 2, 3)

    def take(run: str, slot: str) -> None:
        Queue().claim(next(ticket for ticket in Queue().waiting() if ticket.run_id == run), slot)
        mark_running(Store().record(run).folder, slot)

    take(works, "cpu")
    spend(ANNE, 9000)  # so that it is Bob's turn
    assert Runner("cpu")._gives_way(works)
    drain.drain()
    assert not Runner("cpu")._gives_way(works)
    drain.go_on()
    take(other, "gpu1")  # as many of Bob's as may
    assert held_back(waits)
    assert not Runner("cpu")._gives_way(works)


def test_what_only_reads_and_counts_is_free(still: Path) -> None:
    limit(still, waiting=1, gpu_minutes=1)
    spend(ANNE, 3600)
    with acting_as(ANNE):
        described = jobs.submit(spec("describe", "describe", {"dataset": "digits"}))
    assert [(ticket.run_id, ticket.aside) for ticket in Queue().waiting()] == [(described, True)]
    with pytest.raises(QuotaReached, match="60 GPU minutes"):
        submit(ANNE, 1)
    limit(still, waiting=1, working=1)
    (run,) = submit(ANNE, 1)
    Queue().claim(next(ticket for ticket in Queue().waiting() if ticket.aside), "aside")
    assert held_back(run) == ""


def test_what_has_used_up_its_gpu_minutes_waits_for_another_day(still: Path) -> None:
    limit(still, gpu_minutes=1)
    (run,) = submit(ANNE, 1)
    spend(ANNE, 60)
    why = "Held back: whoever asked for it has used what is allowed in 24 hours, 1 GPU minute."
    assert held_back(run) == why
    submit(BOB, 1)
    assert held_back(run) == ""


@pytest.mark.slow  # computes for ten seconds, as runners look every two
def test_a_run_is_ended_at_its_time_and_a_teacher_can_resume_it(hosted: Path) -> None:
    limit(hosted, run_hours=2 / 3600)
    (run,) = submit(ANNE, 1, steps=300, pause=0.02)
    until(lambda: reached(run, 3))
    with pytest.raises(DDCoreError):
        jobs.wait(run)
    record = Store().record(run)
    assert record.state == "cancelled"
    assert record.problem is not None
    assert record.problem.endswith("A teacher can resume it.")
    assert record.problem.startswith("It has computed for 0.00")
    before = worked(record.folder)
    assert 2 <= before < 8
    with acting_as(ANNE):
        for ask in (lambda: jobs.resume(run), lambda: jobs.submit(toy(seed=1, steps=300, pause=0.02))):
            with pytest.raises(QuotaReached, match="It has computed for"):
                ask()
    with acting_as(TEACHER):
        jobs.resume(run)
    assert finish(run).steps == 300
    assert worked(Store().record(run).folder) > before + 1


def test_a_run_for_which_somebody_without_limits_waits_has_none(still: Path) -> None:
    limit(still, run_hours=1)
    assert limits.time_up([ANNE.id], 3600) == "It has computed for 1 hour; 1 is allowed. A teacher can resume it."
    assert limits.time_up([ANNE.id], 3599) == ""
    assert limits.time_up([ANNE.id, TEACHER.id], 1e9) == ""
    assert limits.time_up([MACHINE.id], 1e9) == ""
    assert limits.time_up([], 1e9) == ""
    quotas.allow(BOB.id, "run_hours", 2)
    assert limits.time_up([ANNE.id, BOB.id], 3601) == ""


def test_settings_that_cannot_be_read_refuse_what_is_asked_and_stop_nothing(still: Path) -> None:
    limit(still, working=1, run_hours=1)
    (run,) = submit(ANNE, 1)
    (still / "hosting.toml").write_text("[quota]\nwaitin = 1")
    with pytest.raises(ConfigError):
        submit(ANNE, 2)
    assert held_back(run) == ""
    assert limits.time_up([ANNE.id], 1e9) == ""


def test_a_worker_that_is_gone_worked_until_its_last_sign(still: Path) -> None:
    limit(still)
    (run,) = submit(ANNE, 1)
    folder = Store().record(run).folder
    write_json(folder / "job.json", {"state": "running", "pid": 1, "mark": "no", "session_started": time.time() - 5000,
                                     "worked": 7.0})
    write_json(folder / "progress.json", {"done": 1})
    os.utime(folder / "progress.json", (time.time() - 4900,) * 2)
    assert worked(folder) == pytest.approx(107, abs=1)
    mark_queued(folder)
    assert read_job(folder)["worked"] == pytest.approx(107, abs=1)
