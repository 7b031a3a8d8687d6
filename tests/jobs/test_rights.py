"""Who may do what in a hosted workbench, by calling the engine: every deed, role and owner; and who waits for what."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from brought import added, folders, picture, tree
from toyjobs import toy
from toykind import asked

from ddcore import home as places
from ddcore import jobs
from ddcore.data import adding, apart, own
from ddcore.errors import NotAllowed
from ddcore.experiments import Spec
from ddcore.hosting import audit, owners, private
from ddcore.hosting.people import MACHINE, Person, acting_as
from ddcore.jobs import asking
from ddcore.jobs.job import mark_ended, mark_running
from ddcore.jobs.queue import Queue
from ddcore.runs import RunRecord, Store, packing
from ddcore.runs.files import write_json
from ddcore.runs.state import ASKING
from ddcore.runs.state import asking as asking_for
from tests.runs.shelf import finished, question, sealed

pytestmark = pytest.mark.usefixtures("toys")

# Whose runs and data sets each role may do this to: all, own, no. Written out by hand: what the course was promised.
PROMISED = """
deed         none  viewer  student  teacher  admin  machine
submit       no    no      all      all      all    all
resume       no    no      own      all      all    all
extend       no    no      own      all      all    all
cancel       no    no      own      all      all    all
rename       no    no      own      all      all    all
tag          no    no      own      all      all    all
note         no    no      own      all      all    all
trash        no    no      own      all      all    all
restore      no    no      own      all      all    all
purge        no    no      no       all      all    all
share        no    no      own      own      all    all
unpack       no    no      all      all      all    all
add-data     no    no      all      all      all    all
remove-data  no    no      own      all      all    all
"""
ROLES = PROMISED.split("\n")[1].split()[1:]
MADE = ("submit", "extend", "unpack", "add-data")  # deeds that make something, which is theirs then
MAY = {(deed, role): whose for deed, *each in (line.split() for line in PROMISED.strip().split("\n")[1:])
       for role, whose in zip(ROLES, each, strict=True)}
ANNE, BOB, TEACHER = (Person(letter * 16, role) for letter, role in (("a", "student"), ("b", "student"),
                                                                     ("c", "teacher")))
CASES = [(deed, role, whose) for (deed, role) in MAY for whose in ("own", "another's", "nobody's")
         if (role, whose) != ("machine", "own") and (deed, whose) != ("share", "nobody's")]  # there are none of these


@pytest.fixture
def hosted(toys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that is hosted, in which nothing is started."""
    (toys / "hosting.toml").write_text("")
    monkeypatch.setattr("ddcore.jobs.api.tend", lambda *_: None)
    return toys


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with an own data set."""
    root = tmp_path_factory.mktemp("data")
    added(folders(5, 3), root)
    return root


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A packed run."""
    content, store = io.BytesIO(), Store(*map(tmp_path_factory.mktemp, ("runs", "demo")))
    record = finished(store, question())
    (record.folder / "pictures" / "final.png").write_bytes(picture())
    packing.pack(store, sealed(record).id, content)
    return content.getvalue()


def asks(person: Person, one: Spec) -> RunRecord:
    with acting_as(person):
        return Store().record(jobs.submit(one))


def ended(record: RunRecord, state: str) -> None:
    """As if it had been worked on: out of the queue, done or ended otherwise."""
    queue = Queue()
    for ticket in queue.waiting():
        if ticket.run_id == record.id:
            queue.remove(ticket)
    mark_ended(record.folder, state)
    if state == "done":
        summary = {"total": 1, "pid": 1, "torch": False}
        write_json(record.folder / "run.json", {**record.info, "summary": summary}, durable=False)


@dataclass(frozen=True)
class Deed:
    """ready: what somebody owns, whose id comes back; do: the deed; done: what is to be seen of it then."""

    ready: Callable[[Person], str]
    do: Callable[[str], Any]
    done: Callable[[str], Any]


def _ran(state: str, trashed: bool = False) -> Callable[[Person], str]:
    def ready(owner: Person) -> str:
        record = asks(owner, toy())
        if state != "queued":
            ended(record, state)
        if trashed:
            Store().trash(record.id)
        return record.id

    return ready


def _private(owner: Person) -> str:
    record = asks(owner, toy().private(private.salt(owner.id)))
    ended(record, "done")
    return record.id


def _nothing(owner: Person) -> str:
    return toy(seed=7).key


def _set_of(owner: Person) -> str:
    owners.take(owner.id, owners.data_set("pets"))
    return "pets"


def _user(run_id: str) -> dict[str, Any]:
    return Store().record(run_id).user


def _longer(run_id: str) -> str:
    return toy(steps=9).key


DEEDS: dict[str, Deed] = {
    "submit": Deed(_nothing, lambda run: jobs.submit(toy(seed=7)), lambda run: Store().state(run) == "queued"),
    "resume": Deed(_ran("cancelled"), jobs.resume, lambda run: Store().state(run) == "queued"),
    "extend": Deed(_ran("done"), lambda run: jobs.extend(run, 9), lambda run: Store().state(_longer(run)) == "queued"),
    "cancel": Deed(_ran("queued"), jobs.cancel, lambda run: Store().state(run) == "cancelled"),
    "rename": Deed(_ran("done"), lambda run: Store().annotate(run, name="x"), lambda run: _user(run)["name"] == "x"),
    "note": Deed(_ran("done"), lambda run: Store().annotate(run, note="x"), lambda run: _user(run)["note"] == "x"),
    "tag": Deed(_ran("done"), lambda run: Store().retag(run, ["x"]), lambda run: _user(run)["tags"] == ["x"]),
    "trash": Deed(_ran("done"), lambda run: Store().trash(run),
                  lambda run: [r.id for r in Store().trashed()] == [run] and not Store().exists(run)),
    "restore": Deed(_ran("done", trashed=True), lambda run: Store().restore(run),
                    lambda run: Store().exists(run) and not Store().trashed()),
    "share": Deed(_private, lambda run: Store().share(run),
                  lambda run: (Store().record(run).private, Store(person=BOB).exists(run)) == ("", True)),
    "purge": Deed(_ran("done", trashed=True), lambda run: Store().purge(run), lambda run: not Store().trashed()),
    "unpack": Deed(lambda owner: "x.ddrun", lambda file: packing.unpack(Store(), io.BytesIO(file), "x.ddrun"),
                   lambda _: [r.imported is not None for r in Store().records()] == [True]),
    "add-data": Deed(lambda owner: "pets", lambda name: apart.add(
        apart.Brought(Path("x"), "x", Path("x")), adding.AddConfig.build({"name": name}), places.data_root()),
        lambda name: own.exists(name, places.data_root())),
    "remove-data": Deed(_set_of, lambda name: own.remove(name, places.data_root(), keep_facts=False),
                        lambda name: not own.exists(name, places.data_root())),
}


def by(role: str) -> Person:
    return MACHINE if role == "machine" else Person(ANNE.id, role)


Stored = Callable[[], Any]


@pytest.fixture
def stored(toys: Path, pets: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    """Puts the data set "pets" into the home; so does adding one from now on, without a process of its own."""
    root = places.data_root()

    def put(*_: object) -> Any:
        shutil.copytree(own.place(pets), own.place(root), dirs_exist_ok=True)
        return own.read_facts(own.place(root) / "pets")

    monkeypatch.setattr(apart, "_asked", put)
    return put


@pytest.mark.parametrize(("deed", "role", "whose"), CASES, ids=lambda word: word)
def test_a_deed_is_done_and_told_once_or_refused_changed_nothing_and_told_once(
    hosted: Path, stored: Stored, file: bytes, deed: str, role: str, whose: str
) -> None:
    one, person = DEEDS[deed], by(role)
    if deed == "remove-data":
        stored()
    target = one.ready({"own": Person(ANNE.id, "student"), "another's": BOB, "nobody's": MACHINE}[whose])
    audit.path().unlink(missing_ok=True)
    Store()  # looks once in the life of a home for what earlier versions imported
    before, promised = tree(hosted), MAY[deed, role]
    allowed = promised == "all" or (promised, whose) == ("own", "own")
    with acting_as(person):
        if allowed:
            one.do(file if deed == "unpack" else target)
        else:
            with pytest.raises(NotAllowed, match="may not"):
                one.do(file if deed == "unpack" else target)
    if allowed:
        assert one.done(target)
    else:
        assert tree(hosted) == {**before, "audit.jsonl": audit.path().read_bytes()}
    told = {name: value for name, value in audit.lines()[0].items() if name != "when"}
    assert len(audit.lines()) == 1
    assert told == {"who": person.id, "role": "admin" if role == "machine" else role, "deed": deed, "what": target,
                    "outcome": "done" if allowed else "refused",
                    **({"private": "yes"} if allowed and deed == "share" else {})}
    if allowed and deed in MADE:
        made = {"unpack": Store().records()[0].id if deed == "unpack" else "", "add-data": owners.data_set(target),
                "extend": _longer(target), "submit": target}[deed]
        assert owners.owners(made) == ((ANNE.id,) if role != "machine" else ())


def test_every_deed_of_the_table_is_tried_but_for_what_only_looks_or_steers() -> None:
    from ddcore.hosting.rights import RIGHTS

    assert set(RIGHTS) - set(DEEDS) == {"look", "oversee", "steer"}
    assert {deed for deed, _ in MAY} == set(DEEDS)


def waiting_for(record: RunRecord) -> set[str]:
    return set(asking_for(record.folder))


def cancels(person: Person, run_id: str) -> bool:
    with acting_as(person):
        return jobs.cancel(run_id)


def test_what_two_ask_is_one_run_of_both_and_a_cancel_of_one_takes_back_only_their_asking(hosted: Path) -> None:
    run, again = asks(ANNE, toy()), asks(BOB, toy())
    assert (again.id, owners.owners(run.id), waiting_for(run)) == (run.id, (ANNE.id, BOB.id), {ANNE.id, BOB.id})
    assert [ticket.run_id for ticket in Queue().waiting()] == [run.id]
    assert cancels(ANNE, run.id) is False
    assert (Store().state(run.id), waiting_for(run)) == ("queued", {BOB.id})
    assert audit.lines()[0]["outcome"] == "no longer waits for it"
    assert cancels(ANNE, run.id) is False, "who no longer waits for it cannot stop it either"
    assert cancels(BOB, run.id) is True
    assert Store().state(run.id) == "cancelled"
    assert owners.owners(run.id) == (ANNE.id, BOB.id)


def test_who_asks_again_for_what_was_cancelled_is_the_only_one_to_wait_for_it(hosted: Path) -> None:
    run = asks(ANNE, toy())
    cancels(ANNE, run.id)
    assert waiting_for(asks(BOB, toy())) == {BOB.id}


def test_a_cancel_of_a_teacher_ends_what_students_wait_for(hosted: Path) -> None:
    run = asks(ANNE, toy())
    asks(BOB, toy())
    assert cancels(TEACHER, run.id) is True
    assert Store().state(run.id) == "cancelled"


def test_a_teacher_who_waits_too_only_takes_back_their_own_asking_at_first(hosted: Path) -> None:
    run = asks(ANNE, toy())
    asks(TEACHER, toy())
    assert [cancels(TEACHER, run.id), Store().state(run.id)] == [False, "queued"]
    assert [cancels(TEACHER, run.id), Store().state(run.id)] == [True, "cancelled"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_somebody_elses_run_builds_on_goes_on_when_who_asked_first_cancels_it(hosted: Path, state: str) -> None:
    first = asks(ANNE, toy())
    second = asks(ANNE, toy(seed=1, parent=first.id))
    third = asks(BOB, toy(seed=2, parent=second.id))
    if state == "running":
        mark_running(first.folder, "cpu")
    assert {one.id: waiting_for(one) for one in (first, second, third)} == {
        first.id: {ANNE.id, BOB.id}, second.id: {ANNE.id, BOB.id}, third.id: {BOB.id}}
    assert owners.owners(first.id) == (ANNE.id, BOB.id)
    assert cancels(ANNE, first.id) is False
    assert cancels(ANNE, second.id) is False
    assert [Store().state(one.id) for one in (first, second, third)] == [state, "queued", "queued"]


def test_what_a_run_asks_for_belongs_to_those_who_wait_for_that_run_also_to_who_joins_later(hosted: Path) -> None:
    run, store = asks(ANNE, toy(asks=2)), Store()
    cells = [spec.key for spec in asked(toy(asks=2).config)]
    with acting_as(MACHINE):  # as its worker does
        asking.await_runs(store, run, asked(toy(asks=2).config))
    assert [owners.owners(one) for one in cells] == [(ANNE.id,)] * 2
    asks(BOB, toy(asks=2))
    assert [waiting_for(store.record(one)) for one in cells] == [{ANNE.id, BOB.id}] * 2
    assert [cancels(ANNE, cells[0]), store.state(cells[0])] == [False, "queued"]
    asks(BOB, toy(asks=2))
    assert [cancels(ANNE, run.id), [store.state(one) for one in cells]] == [False, ["queued", "queued"]]
    assert [waiting_for(store.record(one)) for one in cells] == [{BOB.id}] * 2
    assert [cancels(BOB, run.id), [store.state(one) for one in cells]] == [True, ["cancelled", "cancelled"]]


def test_what_another_run_of_theirs_needs_goes_on_for_who_cancels_one_that_needs_it_too(hosted: Path) -> None:
    store, runs = Store(), [asks(ANNE, toy(asks=2, seed=seed)) for seed in (1, 2)]
    (cell, *_) = asked(toy(asks=2).config)
    with acting_as(MACHINE):
        for run in runs:
            asking.await_runs(store, run, [cell])
    asks(BOB, toy(asks=2, seed=1))
    assert cancels(ANNE, runs[0].id) is False
    assert waiting_for(store.record(cell.key)) == {ANNE.id, BOB.id}


def test_a_data_set_belongs_to_whoever_brought_it_last_and_not_to_those_who_had_its_name(hosted: Path) -> None:
    pets = owners.data_set("pets")
    owners.take(ANNE.id, pets, "1" * 16)
    owners.take_over(BOB.id, pets)
    assert (owners.owners(pets), owners.owned(ANNE.id)) == ((BOB.id,), {"1" * 16})
    owners.take_over(MACHINE.id, pets)
    assert owners.owners(pets) == ()
    owners.take_over(ANNE.id, pets)
    assert owners.owners(pets) == (ANNE.id,)


def test_who_asks_for_what_is_finished_owns_it_and_waits_for_nothing(hosted: Path) -> None:
    run = asks(ANNE, toy())
    ended(run, "done")
    asks(BOB, toy())
    assert owners.owners(run.id) == (ANNE.id, BOB.id)
    assert audit.lines()[0] | {"when": 0} == {"when": 0, "who": BOB.id, "role": "student", "deed": "submit",
                                              "what": run.id, "outcome": "was done already"}


def test_runs_of_a_home_of_before_are_nobodys_until_somebody_asks_for_them(hosted: Path) -> None:
    (hosted / "hosting.toml").unlink()
    run, waits = asks(MACHINE, toy()), asks(MACHINE, toy(seed=1))
    ended(run, "done")
    (hosted / "hosting.toml").write_text("")
    assert (owners.owners(run.id), waiting_for(waits)) == ((), set())
    with acting_as(BOB):
        assert Store().record(run.id).state == "done"
        for refused in (lambda: Store().trash(run.id), lambda: jobs.cancel(waits.id)):
            with pytest.raises(NotAllowed, match=r"A student may not .* of somebody else"):
                refused()
        jobs.submit(toy())
        Store().annotate(run.id, name="mine")
    assert cancels(TEACHER, waits.id) is True


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed != "share"])
def test_where_nobody_hosts_it_nothing_is_written_of_people(
    hosted: Path, stored: Stored, file: bytes, deed: str
) -> None:
    (hosted / "hosting.toml").unlink()
    if deed == "remove-data":
        stored()
    target = DEEDS[deed].ready(MACHINE)
    DEEDS[deed].do(file if deed == "unpack" else target)
    assert DEEDS[deed].done(target)
    assert not [name for name in tree(hosted) if name.split("/")[-1] in ("people", "private", "audit.jsonl", ASKING)]
