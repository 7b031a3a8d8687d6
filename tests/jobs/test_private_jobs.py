"""Private runs in the job system: they take their turns like all, and tell nobody of themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_rights import ANNE, BOB, TEACHER, asks, cancels, ended, waiting_for
from toyjobs import toy
from toykind import asked

from ddcore import jobs
from ddcore.errors import DDCoreError, NotAllowed, QuotaReached
from ddcore.experiments import Spec
from ddcore.hosting import audit, owners, people, private, quotas
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting_as
from ddcore.jobs import asking, launch, notices, oversight, retention, turns, worker
from ddcore.jobs.queue import Queue
from ddcore.jobs.requirements import specs_of
from ddcore.runs import Store

ADMIN = Person("d" * 16, "admin")
pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture(autouse=True)
def hosted(toys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that is hosted, in which nothing is started."""
    (toys / "hosting.toml").write_text("")
    monkeypatch.setattr("ddcore.jobs.api.tend", lambda *_: None)
    return toys


def secret(**values: Any) -> Spec:
    return toy(**values).private(private.salt(ANNE.id))


def test_a_private_question_is_another_run_than_the_same_asked_by_anybody_else(hosted: Path) -> None:
    mine, bobs = asks(ANNE, secret()), asks(BOB, toy())
    assert mine.id != bobs.id
    assert (mine.private, bobs.private) == (ANNE.id, "")
    assert (owners.owners(mine.id), owners.owners(bobs.id)) == ((ANNE.id,), (BOB.id,))
    assert [ticket.run_id for ticket in Queue().waiting()] == [mine.id, bobs.id]
    ended(mine, "done")
    assert asks(BOB, toy()).state == "queued", "what is known privately answers nobody"
    assert asks(ANNE, secret()).id == mine.id
    assert audit.lines()[0]["outcome"] == "was done already"


def test_others_are_told_that_a_private_run_waits_and_where_and_nothing_else(hosted: Path) -> None:
    mine, bobs, other = asks(ANNE, secret()), asks(BOB, toy()), asks(ANNE, toy(seed=1))
    (mine.folder / "progress.json").write_text('{"done": 3, "total": 9, "phase": "Counting", "elapsed": 5}')
    with acting_as(BOB):
        assert [(run_id, status.position) for run_id, status in jobs.list_jobs()] == [(bobs.id, 2), (other.id, 3)]
        assert jobs.hidden() == [jobs.Status("queued", 1)]
        assert jobs.status(bobs.id).position == 2
    for person in (ANNE, ADMIN, MACHINE):
        with acting_as(person):
            assert [run_id for run_id, _ in jobs.list_jobs()] == [mine.id, bobs.id, other.id]
            assert jobs.hidden() == []


def test_who_waits_for_a_private_run_is_known_to_the_queue_whoever_looks(hosted: Path) -> None:
    mine = asks(ANNE, secret())
    for person in (BOB, MACHINE):
        turns._PLACES.clear()
        assert turns.asked_by(Store(person=person), [mine.id, "0123456789abcdef"]) == [(ANNE.id,), (MACHINE.id,)]
    ended(mine, "done")
    with acting_as(ANNE):
        Store().share(mine.id)
    asked_for = [turns.asked_by(Store(person=BOB), [mine.id]) for _ in range(2)]
    assert asked_for[-1] == [(ANNE.id,)], "also once it lies elsewhere"


def test_what_a_private_run_will_write_is_asked_as_it_asked(hosted: Path) -> None:
    assert [one.key for one in specs_of([asks(ANNE, secret())])] == [secret().key]


def test_nobody_is_told_whose_private_run_goes_first(hosted: Path) -> None:
    asks(ANNE, secret())
    public = asks(ANNE, toy(seed=1))
    told = {}
    for person in (ANNE, BOB, ADMIN):
        with acting_as(person):
            turn = jobs.status(public.id).turn
            assert turn is not None
            told[person] = (turn.own, turn.others, jobs.status(public.id).position)
    assert told == {ANNE: (1, 0, 2), BOB: (0, 0, 2), ADMIN: (1, 0, 2)}


DEEDS: dict[str, Callable[[str], object]] = {
    "status": jobs.status, "cancel": jobs.cancel, "resume": jobs.resume, "wait": jobs.wait,
    "extend": lambda run_id: jobs.extend(run_id, 9),
    "build on it": lambda run_id: jobs.submit(toy(seed=5, parent=run_id)),
    "ask along with it": lambda run_id: jobs.submit(toy(seed=6), asked_by=run_id),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("person", [BOB, TEACHER, Person(NOBODY.id, "viewer")], ids=lambda person: person.role)
def test_whatever_others_try_with_a_private_run_ends_as_with_a_run_that_is_not_there(
    hosted: Path, person: Person, deed: str
) -> None:
    mine = asks(ANNE, secret())
    if deed in ("extend", "resume"):
        ended(mine, "done" if deed == "extend" else "cancelled")
    audit.path().unlink()
    told = []
    for run_id in (mine.id, "0123456789abcdef"):
        with acting_as(person):
            try:
                result = DEEDS[deed](run_id)
                told.append(("done", str(result)))
            except DDCoreError as error:
                told.append((type(error).__name__, str(error).replace(run_id, "ID")))
        lines = [{**line, "when": 0} for line in audit.lines()]
        told.append(str(lines).replace(run_id, "ID"))
        audit.path().unlink(missing_ok=True)
    if deed == "build on it":  # another parent is another question, whose key stands in the log
        told[1] = told[1].replace(toy(seed=5, parent=mine.id).key, "KEY")
        told[3] = told[3].replace(toy(seed=5, parent="0123456789abcdef").key, "KEY")
    assert told[:2] == told[2:]
    assert not waiting_for(mine) & {person.id}
    assert person.id not in owners.owners(mine.id)
    assert Store().record(mine.id).state == {"extend": "done", "resume": "cancelled"}.get(deed, "queued")


def test_the_audit_log_tells_of_a_private_run_its_id_and_what_was_done(hosted: Path) -> None:
    mine = asks(ANNE, secret())
    ended(mine, "done")
    with acting_as(ANNE):
        Store().annotate(mine.id, name="λ of my thesis")
        with pytest.raises(DDCoreError, match="a note may have"):
            Store().annotate(mine.id, note="x" * 20_000)
        with pytest.raises(DDCoreError):
            jobs.submit(secret(seed=4, parent="0123456789abcdef"))
        jobs.extend(mine.id, 9)
        Store().share(mine.id)
    told = [{name: value for name, value in line.items() if name != "when"} for line in reversed(audit.lines())]
    failed = secret(seed=4, parent="0123456789abcdef").key
    assert told == [
        {"who": ANNE.id, "role": "student", "deed": deed, "what": what, "outcome": outcome, "private": "yes"}
        for deed, what, outcome in (
            ("submit", mine.id, "done"), ("rename", mine.id, "done"), ("note", mine.id, "failed"),
            ("submit", failed, "failed"), ("extend", mine.id, "done"), ("share", mine.id, "done"))]


def test_a_private_run_that_waits_for_somebody_elses_does_not_own_it_and_keeps_it_going(hosted: Path) -> None:
    first = asks(BOB, toy())
    mine = asks(ANNE, secret(seed=1, parent=first.id))
    assert (owners.owners(first.id), waiting_for(first)) == ((BOB.id,), {ANNE.id, BOB.id})
    assert cancels(BOB, first.id) is False
    assert [Store().state(one.id) for one in (first, mine)] == ["queued", "queued"]


def test_what_a_private_run_waits_for_does_not_end_with_somebody_elses_run(hosted: Path) -> None:
    run = asks(BOB, toy(asks=1))
    (cell,) = asked(toy(asks=1).config)
    with acting_as(MACHINE):
        asking.await_runs(Store(), run, [cell])
    mine = asks(ANNE, secret(seed=7, parent=cell.key))
    assert cancels(BOB, run.id) is True
    assert [Store().state(one) for one in (run.id, cell.key, mine.id)] == ["cancelled", "queued", "queued"]


def test_who_looks_at_the_queue_loses_no_private_run_from_it(hosted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_start", lambda slot: None)
    monkeypatch.setattr("ddcore.jobs.api.tend", launch.tend)
    mine = asks(ANNE, secret())
    (ticket,) = Queue().waiting()
    Queue().claim(ticket, "gpu7")  # a slot that is no longer there
    with acting_as(BOB):
        assert jobs.list_jobs() == []
    assert [one.run_id for one in Queue().waiting()] == [mine.id]
    assert Queue().active() == {}


@pytest.mark.parametrize("person", [ANNE, ADMIN, MACHINE], ids=lambda person: person.role)
def test_what_is_resumed_and_extended_stays_private_and_its_owners(hosted: Path, person: Person) -> None:
    mine = asks(ANNE, secret(steps=3))
    ended(mine, "cancelled")
    with acting_as(person):
        assert jobs.resume(mine.id) == mine.id
    again = Store().record(mine.id)
    assert (again.state, again.private) == ("queued", ANNE.id)
    ended(mine, "done")
    with acting_as(person):
        longer = Store().record(jobs.extend(mine.id, 9))
    assert (longer.id, longer.private) == (secret(steps=9).key, ANNE.id)
    assert ANNE.id in owners.owners(longer.id)
    assert not Store(person=BOB).exists(longer.id)
    built = asks(person, toy(seed=3, parent=mine.id))
    assert (built.private, ANNE.id in owners.owners(built.id)) == (ANNE.id, True)


def test_what_is_extended_once_it_is_shared_is_everybodys(hosted: Path) -> None:
    mine = asks(ANNE, secret(steps=3))
    ended(mine, "done")
    with acting_as(ANNE):
        Store().share(mine.id)
    with acting_as(TEACHER):
        longer = Store().record(jobs.extend(mine.id, 9))
    assert (longer.id, longer.private) == (toy(steps=9).key, "")


def test_nobody_asks_with_somebody_elses_salt(hosted: Path) -> None:
    one = secret()
    with acting_as(BOB), pytest.raises(DDCoreError, match="not of whoever asks"):
        jobs.submit(one)
    with acting_as(Person(ANNE.id, "viewer")), pytest.raises(NotAllowed):
        jobs.submit(one)
    assert not Store().records()
    assert Queue().idle()


def test_a_worker_computes_a_private_run_and_all_that_it_asks_for_among_its_owners(hosted: Path) -> None:
    run_id = jobs.run_inline(secret(asks=2))
    runs = {record.id: record for record in Store().records()}
    assert set(runs) == {run_id, *(one.private(private.salt(ANNE.id)).key for one in asked(toy(asks=2).config))}
    assert {record.state for record in runs.values()} == {"done"}
    assert {record.private for record in runs.values()} == {ANNE.id}
    assert not Store(person=BOB).records()
    public = Store().record(jobs.run_inline(toy(asks=2)))
    assert public.summary.to_json()["total"] == runs[run_id].summary.to_json()["total"], "the salt changes no result"
    assert worker.execute(Store(), public) == "done"


def test_what_everybody_knows_is_not_computed_once_more_for_a_private_run(hosted: Path) -> None:
    first, second = asked(toy(asks=2).config)
    jobs.run_inline(first)
    jobs.run_inline(secret(asks=2))
    salt = private.salt(ANNE.id)
    assert [Store().exists(one.key) for one in (first, first.private(salt), second, second.private(salt))] == [
        True, False, False, True]


def test_private_runs_count_for_what_their_owner_uses_and_are_named_to_no_teacher(hosted: Path) -> None:
    for person in (ANNE, BOB, TEACHER):
        people.remember(person)
    done, waits = asks(ANNE, secret()), asks(ANNE, secret(seed=1))
    ended(done, "done")
    trashed = asks(ANNE, secret(seed=2))
    ended(trashed, "done")
    (trashed.folder / "more.bin").write_bytes(bytes(1_000_000))
    (done.folder / "more.bin").write_bytes(bytes(2_000_000))
    Store().trash(trashed.id)
    assert quotas.disk([ANNE.id, BOB.id]) == {ANNE.id: pytest.approx(3_000_000, abs=20_000), BOB.id: 0}
    with acting_as(TEACHER):
        anne, *_ = oversight.uses()
        assert (anne.person.id, anne.waiting, anne.done) == (ANNE.id, 1, 1)
        (place,) = oversight.queue()
        assert (place.id, place.state, place.position) == (None, "queued", 1)
        told = str(oversight.log())
    assert not [run.id for run in (done, waits) if run.id in told]
    with acting_as(ADMIN):
        assert [one.id for one in oversight.queue()] == [waits.id]


def test_the_end_of_a_private_run_is_told_to_no_chat(hosted: Path) -> None:
    (hosted / "hosting.toml").write_text('[notices]\nwebhook = "https://chat.example/x"\n')
    for run in (asks(ANNE, secret()), asks(ANNE, toy())):
        notices.note(run.folder, "done")
    assert os.listdir(hosted / "jobs" / "notices") == [toy().key]


def test_what_is_announced_to_be_deleted_counts_what_one_sees(hosted: Path) -> None:
    (hosted / "hosting.toml").write_text("[retention]\ntrash = 1\nannounced = 3\n")
    for run in (asks(ANNE, secret()), asks(ANNE, toy())):
        ended(run, "done")
        Store().trash(run.id)
    seen = {ADMIN: "2 runs", ANNE: "2 runs", BOB: "1 run", TEACHER: "1 run", MACHINE: "2 runs"}
    for person, number in seen.items():
        assert [number in sentence for sentence in retention.announced(Store(person=person))] == [True]


def test_a_private_run_is_refused_by_a_quota_without_a_word_in_the_log(hosted: Path) -> None:
    (hosted / "hosting.toml").write_text("[quota]\nwaiting = 1\n")
    people.remember(ANNE)
    asks(ANNE, secret())
    with pytest.raises(QuotaReached):
        asks(ANNE, secret(seed=1))
    assert audit.lines()[0]["outcome"] == "refused"
