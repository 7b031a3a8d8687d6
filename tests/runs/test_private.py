"""Private runs: keys of their own, seen by few, and everybody's once they are shared."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from shelf import finished, imported, question

from ddcore import home as places
from ddcore.errors import ConfigError, DDCoreError, RunNotFound
from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question
from ddcore.experiments import KINDS, Spec, spec
from ddcore.hosting import owners, private
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting_as
from ddcore.jobs.job import mark_ended, mark_queued
from ddcore.runs import RunRecord, Store, key, listing
from ddcore.runs import store as stores
from ddcore.runs.files import read_json
from ddcore.runs.recorder import FolderRecorder
from ddcore.runs.sharing import distinct, repeats
from ddcore.runs.store import Moment, begun, moment

ANNE, BOB, TEACHER, ADMIN = (Person(letter * 16, role) for letter, role in (
    ("a", "student"), ("b", "student"), ("c", "teacher"), ("d", "admin")))
VIEWER = Person(NOBODY.id, "viewer")
BLIND = (BOB, TEACHER, VIEWER)  # those who see nothing of what is Anne's
SEEING = (ANNE, ADMIN, MACHINE)
HOW = Question("quick", nets=2)


@pytest.fixture
def hosted(home: Path) -> Path:
    (home / "hosting.toml").write_text("")
    return home


def anne(**values: Any) -> Spec:
    """A question of Anne's that nobody else is to see."""
    return question(**values).private(private.salt(ANNE.id))


def seen_by(person: Person) -> Store:
    return Store(person=person)


def ids(store: Store) -> set[str]:
    return {record.id for record in store.records() if not record.demo}


# Keys

KEYS = {  # of questions as they were before there were private ones
    ("distill", "random"): {"dataset": "digits", "ipc": 1}, ("distill", "dm"): {"dataset": "digits", "ipc": 2},
    ("distill", "pad"): {"dataset": "digits"}, ("evaluate", "evaluate"): {"dataset": "digits", "run": "0" * 16},
    ("search", "search"): {"dataset": "digits"}, ("flops", "flops"): {},
}


def test_a_question_of_everybody_has_the_key_and_the_family_that_it_always_had() -> None:
    stored = [record for record in Store(demo=places.PROJECT / "ddcore" / "demo", root=Path("no runs")).records()
              if record.demo]
    assert len(stored) > 10
    for record in stored:
        assert "salt" not in record.info
        assert record.question().key == record.id
        if record.info.get("length") is not None:  # it could be continued by the version that made it
            assert record.question().family == record.info["family"]
    for (kind, name), values in KEYS.items():
        one = spec(kind, name, values)
        assert "salt" not in one.identity | one.to_json()
        assert one.private("").key == one.key == spec(kind, name, values, "").key


def test_a_private_question_has_a_key_of_its_own_and_so_has_all_that_it_needs(hosted: Path) -> None:
    mine, theirs, bobs = (spec("distill", "pad", {"dataset": "digits"}, salt) for salt in (
        private.salt(ANNE.id), "", private.salt(BOB.id)))
    assert len({one.key for one in (mine, theirs, bobs)}) == 3
    assert mine.key == spec("distill", "pad", {"dataset": "digits"}, private.salt(ANNE.id)).key, "asked again it is one"
    assert mine != theirs
    needs = [{one.key for need in asked.needs for one in (need, *need.needs)} for asked in (mine, theirs, bobs)]
    assert all(len(each) > 1 for each in needs)
    assert len(set.union(*needs)) == sum(map(len, needs))
    assert {one.salt for one in mine.needs} == {private.salt(ANNE.id)}


def test_the_salt_is_drawn_once_for_each_person_and_is_nobodys_name(hosted: Path) -> None:
    salts = {person: private.salt(person.id) for person in (ANNE, BOB)}
    assert salts == {person: private.salt(person.id) for person in (ANNE, BOB)}
    assert len({*salts.values(), ANNE.id, BOB.id}) == 4
    assert [private.salted_by(salt) for salt in salts.values()] == [ANNE.id, BOB.id]
    assert private.salted_by("0" * 16) == private.salted_by("") == ""
    assert (hosted / "private" / ANNE.id).stat().st_mode & 0o077 == 0


def test_a_record_gives_its_question_back_and_its_file_agrees_with_its_key(hosted: Path) -> None:
    run = finished(Store(), anne())
    assert (run.question(), run.question().key) == (anne(), run.id)
    assert run.stored()["salt"] == read_json(run.folder / "spec.json")["salt"] == private.salt(ANNE.id)
    told = key.of_stored(run.stored())
    assert (told["id"], told["family"]) == (run.id, run.info["family"])
    assert key.of_stored({**run.stored(), "salt": "0" * 16})["id"] != run.id
    assert ANNE.id not in str(run.stored()) + (run.folder / "spec.json").read_text()


def test_nobody_but_the_record_makes_a_question_of_what_is_stored() -> None:
    """Else the salt is forgotten somewhere."""
    for path in [*(places.PROJECT / "ddcore").rglob("*.py"), *(places.PROJECT / "pages").rglob("*.py")]:
        text = path.read_text().replace(" ", "")
        for name in ("record", "run", "one", "of", "search", "each"):
            found = f"pec({name}.kind,{name}.name" in text
            assert not found, f"{path} makes a question of a record: RunRecord.question does"


# Who sees what

def test_a_private_run_lies_apart_and_is_there_for_its_owner_for_admins_and_for_the_machine(hosted: Path) -> None:
    shared, mine = finished(Store(), question()), finished(Store(), anne(ipc=2))
    assert mine.folder == hosted / "private" / ANNE.id / "distill" / mine.id
    assert (mine.private, shared.private) == (ANNE.id, "")
    for person in SEEING:
        store = seen_by(person)
        assert ids(store) == {shared.id, mine.id}
        assert store.record(mine.id[:8]).id == mine.id
        assert store.finished("distill", 9) == [*dict.fromkeys(store.finished("distill", 9))]
        assert {*store.finished("distill", 9), *store.answered("distill", [mine.id])} == {shared.id, mine.id}
    for person in BLIND:
        store = seen_by(person)
        assert ids(store) == set(store.finished("distill", 9)) == {shared.id}
        assert not store.exists(mine.id)
        assert not list(store.answered("distill", [mine.id]))
        assert set(store.by_id()) == {shared.id} == {path.name for path in store.folders()["distill"]}
    assert ids(seen_by(BOB).whole()) == {shared.id, mine.id}


@pytest.mark.parametrize("look", [
    lambda store, run_id: store.record(run_id), lambda store, run_id: store.record(run_id[:8]),
    lambda store, run_id: store.images(run_id), lambda store, run_id: store.events(run_id),
    lambda store, run_id: store.log(run_id), lambda store, run_id: store.annotate(run_id, name="x"),
    lambda store, run_id: store.trash(run_id), lambda store, run_id: store.restore(run_id),
    lambda store, run_id: store.purge(run_id), lambda store, run_id: store.share(run_id),
    lambda store, run_id: store.shared_with(run_id),
], ids=["whole id", "beginning", "images", "events", "log", "rename", "trash", "restore", "purge", "share",
        "what goes along"])
@pytest.mark.parametrize("person", BLIND, ids=["another student", "teacher", "viewer"])
def test_who_does_not_see_a_private_run_is_told_what_they_are_told_of_none(
    hosted: Path, person: Person, look: Any
) -> None:
    mine = finished(Store(), anne())
    finished(Store(), question())
    near = mine.id[:-1] + ("0" if mine.id[-1] != "0" else "1")  # no run at all, and as like one as can be
    told = []
    with acting_as(person):
        for run_id in (mine.id, near):
            with pytest.raises(DDCoreError) as error:
                look(Store(), run_id)
            told.append(str(error.value).replace(run_id, "ID").replace(run_id[:8], "BEGINNING"))
    assert told[0] == told[1]
    assert mine.id not in told[0]


def test_beginnings_and_suggestions_name_no_private_run(hosted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, shared = finished(Store(), anne()), finished(Store(), question())
    for folder, name in ((mine.folder, "abcdef0000000001"), (shared.folder, "abcdef0000000002")):
        text = (folder / "run.json").read_text()
        (folder / "run.json").write_text(text.replace(folder.name, name))
        folder.rename(folder.with_name(name))
    assert seen_by(BOB).record("abcdef").id == "abcdef0000000002"
    with pytest.raises(RunNotFound, match="is the beginning of 2 runs: abcdef0000000001, abcdef0000000002"):
        seen_by(ANNE).record("abcdef")
    for person, suggestion in ((ANNE, "abcdef0000000001"), (BOB, "abcdef0000000002")):
        with pytest.raises(RunNotFound) as error:
            seen_by(person).record("abcdef0000000011")
        assert str(error.value) == f"no run 'abcdef0000000011'; did you mean '{suggestion}'?"


def test_the_trash_of_private_runs_is_their_owners(hosted: Path) -> None:
    mine, shared = finished(Store(), anne()), finished(Store(), question())
    for run in (mine, shared):
        Store().trash(run.id)
    assert mine.folder.parents[1] / ".trash" / "distill" / mine.id in seen_by(ANNE).folders(trash=True)["distill"]
    assert [record.id for record in seen_by(BOB).trashed()] == [shared.id]
    for person, words in ((ANNE, f"run {mine.id} is in the trash"), (BOB, f"no run '{mine.id}'")):
        with pytest.raises(RunNotFound, match=words):
            seen_by(person).record(mine.id)
    assert {record.id for record in seen_by(ANNE).trashed()} == {shared.id, mine.id}
    assert Store().restore(mine.id).folder == mine.folder
    Store().trash(mine.id)
    Store().purge(mine.id)
    assert not seen_by(ANNE).exists(mine.id)
    assert len(Store().trashed()) == 1


def test_a_look_of_one_person_is_never_that_of_another(hosted: Path) -> None:
    mine, shared = finished(Store(), anne()), finished(Store(), question())

    def told(store: Store) -> set[str]:
        return {record.id for record in store.records()}

    for _ in range(2):
        for person, expected in ((ANNE, {mine.id, shared.id}), (BOB, {shared.id}), (VIEWER, {shared.id}),
                                 (MACHINE, {mine.id, shared.id})):
            with acting_as(person), moment() as look:
                assert {*look.by_id()} == told(look) == look.kept(told) == look.once(told) == expected


def test_people_without_private_runs_share_one_list_and_few_others_are_kept(
    hosted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(Store(), question())
    made: list[frozenset[str]] = []

    def told(store: Store) -> frozenset[str]:
        made.append(frozenset(ids(store)))
        return made[-1]

    for person in (BOB, TEACHER, VIEWER, Person("e" * 16, "student"), MACHINE):
        Moment(person=person).kept(told)
    assert len(made) == 1
    finished(Store(), anne())
    others = [Person(f"{n:016x}", "student") for n in range(20)]
    for person in others:
        finished(Store(), question(ipc=2).private(private.salt(person.id)))
    for person in (BOB, ANNE, *others):
        assert len(Moment(person=person).kept(told)) == 1 + (person != BOB)
    assert len(listing._last) == listing.PLACES


# What builds on a private run

def evaluation(of: RunRecord | Spec, **changes: Any) -> Spec:
    return plans.evaluation(of, HOW, **changes)


def judged(store: Store, one: Spec, mean: float = 0.5) -> RunRecord:
    """A finished evaluation."""
    accuracy = {"mean": mean, "std": 0.01, "n": 2, "protocol": "quick"}
    summary = KINDS["evaluate"].summary.model_validate({"accuracy": accuracy, "majority": 0.1})
    record = store.create(one)
    FolderRecorder(store, record.id).finish(summary, {"started": 1.0})
    return store.record(record.id)


def test_what_builds_on_a_private_run_is_private_with_it_whoever_asks(hosted: Path) -> None:
    mine = finished(Store(), anne())
    for store in (seen_by(ANNE), seen_by(ADMIN), Store()):
        one = evaluation(mine, seed=SEEING.index(store.person))
        assert not one.salt
        record = store.create(one)
        assert (record.private, record.folder.parents[1].name) == (ANNE.id, ANNE.id)
        assert not seen_by(BOB).exists(record.id)
    features = spec("features", "features", {"dataset": "digits", "runs": f"{mine.id},{'0' * 16}"})
    assert Store().place(features) == hosted / "private" / ANNE.id


def test_the_plan_of_a_private_set_asks_for_nothing_that_tells_of_it(hosted: Path) -> None:
    mine = finished(Store(), anne())
    for of in (mine, anne()):
        plan = plans.plan(of, HOW)
        public = plans.plan(question(), HOW)
        assert {one.key for one in plan.specs()}.isdisjoint(one.key for one in public.specs())
        assert {Store().place(one) for one in plan.specs() if one.kind == "distill"} == {hosted / "private" / ANNE.id}
        Store().create(plan.random)
        assert Store().place(plan.random_real) == hosted / "private" / ANNE.id
        assert plan.full.key == public.full.key, "training on all data tells nothing of the set"
    pad = plans.plan(spec("distill", "pad", {"dataset": "digits"}, private.salt(ANNE.id)), HOW)
    assert {one.distil.salt for one in pad.variations} == {private.salt(ANNE.id)}


def test_nothing_is_made_of_the_private_runs_of_two_people(hosted: Path) -> None:
    mine = finished(Store(), anne())
    bobs = finished(Store(), question().private(private.salt(BOB.id)))
    both = spec("features", "features", {"dataset": "digits", "runs": f"{mine.id},{bobs.id}"})
    with pytest.raises(ConfigError, match="private runs of several people"):
        Store().create(both)
    with pytest.raises(ConfigError, match="it is private, and not of whoever asks for it"):
        seen_by(BOB).create(anne(ipc=3))
    with pytest.raises(ConfigError, match="it is private, and not of whoever asks for it"):
        Store().create(question().private("0" * 16))


@pytest.mark.parametrize(("kind", "name"), [("sweep", "dm"), ("search", "search"), ("truth", "truth")])
def test_what_gathers_runs_of_everybody_is_refused_as_private_in_a_sentence(
    hosted: Path, kind: str, name: str
) -> None:
    values = {"vary": "ipc=1,2"} if kind == "sweep" else {}
    one = spec(kind, name, {"dataset": "digits", **values}, private.salt(ANNE.id))
    with pytest.raises(ConfigError) as error:
        seen_by(ANNE).create(one)
    assert str(error.value).rstrip(".") == KINDS[kind].not_private.rstrip(".")
    assert Store().create(one.private("")).private == ""


def test_a_search_on_a_private_set_is_private_and_tells_nobody_what_it_tried(hosted: Path) -> None:
    mine = finished(Store(), anne(ipc=2))
    search = Store().create(spec("search", "search", {"dataset": "digits", "proxies": mine.id, "ipc": 2}))
    assert search.private == ANNE.id
    recorder = FolderRecorder(Store(), search.id)
    trial = {"dataset": "digits", "steps": 1, "nets": 1}
    on_mine, on_all = spec("trial", "trial", {**trial, "run": mine.id}), spec("trial", "trial", trial)
    summary = KINDS["trial"].summary.model_validate({"accuracy": {"mean": 0.5, "n": 1}, "seconds": 1.0, "members": []})
    for one in (on_mine, on_all):
        answer = recorder.answer(one, summary, 1.0)
        assert (known := recorder.answered(one)) is not None
        assert known.id == answer.id
        assert not seen_by(BOB).exists(answer.id)
        assert not seen_by(BOB).exists(one.key)
        assert not seen_by(BOB).has_finished("trial")
    public = Store().create(on_all)
    FolderRecorder(Store(), public.id).finish(summary, {"started": 1.0})
    other = Store().create(spec("search", "search", {"dataset": "digits", "proxies": mine.id, "ipc": 2, "seed": 1}))
    known = FolderRecorder(Store(), other.id).answered(spec("trial", "trial", {**trial, "seed": 5}))
    assert known is None
    shared = FolderRecorder(Store(), Store().create(spec("search", "search", {"dataset": "digits"})).id)
    assert shared.answered(on_all).id == public.id


def test_what_everybody_knows_a_private_run_uses_and_not_the_other_way_round(hosted: Path) -> None:
    values = {"dataset": "digits", "ipc": 1, "batch_real": 8, "width": 8}
    short, long = (spec("distill", "dm", {**values, "num_iters": n}) for n in (4, 8))
    salt = private.salt(ANNE.id)
    assert short.family == long.family == long.private(salt).family
    mine = finished(Store(), short.private(salt))
    at_work = {store.person.id: FolderRecorder(store, store.create(one).id) for store, one in (
        (seen_by(BOB), long), (seen_by(ANNE), long.private(salt)))}
    prefix = {who: recorder.store.longest_prefix(recorder.record) for who, recorder in at_work.items()}
    assert prefix == {BOB.id: None, ANNE.id: mine}
    assert begun(long, seen_by(ANNE).records()) is None, "nor does an estimate count on it"
    assert begun(long.private(salt), seen_by(ANNE).records()) == mine
    public = finished(Store(), spec("distill", "dm", {**values, "num_iters": 6}))
    for recorder in at_work.values():
        assert recorder.store.longest_prefix(recorder.record) == public
    seen_by(ANNE).share(mine.id)
    assert begun(spec("distill", "dm", {**values, "num_iters": 5}), seen_by(BOB).records()).id == mine.id


def test_a_worker_reads_nothing_that_its_run_may_not_know(hosted: Path) -> None:
    mine = finished(Store(), anne())
    recorder = FolderRecorder(Store(), Store().create(question(ipc=4)).id)
    with pytest.raises(RunNotFound):
        recorder.parent(mine.id)
    assert recorder.answered(anne()) is None
    assert FolderRecorder(Store(), Store().create(evaluation(mine)).id).parent(mine.id).id == mine.id


# Shared

def test_a_shared_run_is_everybodys_with_all_that_follows_from_it_and_nothing_else(hosted: Path) -> None:
    mine, other = finished(Store(), anne()), finished(Store(), anne(ipc=2))
    evaluated = judged(Store(), evaluation(mine))
    failed = Store().create(evaluation(mine, seed=3))
    mark_queued(failed.folder)
    mark_ended(failed.folder, "failed", "It broke.")
    both = Store().create(spec("features", "features", {"dataset": "digits", "runs": f"{mine.id},{other.id}"}))
    control = Store().create(plans.plan(mine, HOW).random)
    owners.take(ANNE.id, mine.id)
    with acting_as(ANNE):
        moved = Store().share(mine.id)
    assert moved[0].id == mine.id
    assert {record.id for record in moved} == {mine.id, evaluated.id, failed.id}
    for record in moved:
        assert (record.private, record.folder.parents[1]) == ("", hosted / "runs")
    assert ids(seen_by(BOB)) == {mine.id, evaluated.id, failed.id}
    assert ids(seen_by(ANNE)) == {mine.id, evaluated.id, failed.id, other.id, both.id, control.id}
    assert Store().record(mine.id).question().key == mine.id
    assert plans.plan(Store().record(mine.id), HOW).random.salt == ""
    assert Store().create(evaluation(Store().record(mine.id), seed=7)).private == ""
    with acting_as(ANNE), pytest.raises(DDCoreError, match="is everybody's already"):
        Store().share(mine.id)


def test_what_a_shared_run_builds_on_is_shared_before_it(hosted: Path) -> None:
    one = spec("distill", "herding", {"dataset": "digits", "ipc": 1}, private.salt(ANNE.id))
    (scores,) = one.needs
    need, mine = finished(Store(), scores), finished(Store(), one)
    sister = finished(Store(), spec("distill", "herding", {"dataset": "digits", "ipc": 2}, private.salt(ANNE.id)))
    assert sister.info["parents"] == [need.id]
    assert [record.id for record in Store().share(mine.id)] == [need.id, mine.id]
    assert ids(seen_by(BOB)) == {need.id, mine.id}
    assert Store().record(sister.id).private == ANNE.id, "it was asked for privately itself"


def test_nothing_is_shared_while_something_that_goes_along_is_under_way(hosted: Path) -> None:
    mine = finished(Store(), anne())
    waits = Store().create(evaluation(mine))
    mark_queued(waits.folder)
    with pytest.raises(DDCoreError, match=f"run {waits.id}, which builds on it, is queued"):
        Store().share(mine.id)
    assert not ids(seen_by(BOB))
    mark_ended(waits.folder, "cancelled")
    assert len(Store().share(mine.id)) == 2
    for state in ("queued", "failed"):
        begun_ = Store().create(anne(ipc=3))
        mark_queued(begun_.folder) if state == "queued" else mark_ended(begun_.folder, state)
        with pytest.raises(DDCoreError, match=f"is {state}; only a finished run can be shared"):
            Store().share(begun_.id)


@pytest.mark.parametrize("moves", range(4))
def test_who_shares_and_is_killed_leaves_nothing_that_others_cannot_look_at_or_ask_for_twice(
    hosted: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    one = spec("distill", "herding", {"dataset": "digits", "ipc": 1}, private.salt(ANNE.id))
    need, mine = finished(Store(), one.needs[0]), finished(Store(), one)
    evaluated = judged(Store(), evaluation(mine))
    made, move = [], stores._move

    def killed(folder: Path, root: Path) -> Path:
        if len(made) == moves:
            raise KeyboardInterrupt
        made.append(folder)
        return move(folder, root)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(stores, "_move", killed)
        Store().share(mine.id)
    seen = {record.id: record for record in seen_by(BOB).records()}
    assert set(seen) == {run.id for run in (need, mine, evaluated)[:moves]}
    assert all(parent in seen for record in seen.values() for parent in record.info["parents"])
    if mine.id in seen:
        again = seen_by(BOB).create(evaluation(Store().record(mine.id)))
        assert (again.id, again.state, again.private) == (evaluated.id, "done", "")
    else:
        Store().share(mine.id)
    assert sorted(record.id for record in seen_by(ANNE).records()) == sorted((need.id, mine.id, evaluated.id))
    assert ids(seen_by(BOB)) == {need.id, mine.id, evaluated.id}


def test_what_comes_back_from_the_trash_is_private_as_long_as_what_it_builds_on(hosted: Path) -> None:
    mine, other = finished(Store(), anne()), finished(Store(), anne(ipc=2))
    on_mine, on_other = (judged(Store(), evaluation(run)) for run in (mine, other))
    for run in (on_mine, on_other, other):
        Store().trash(run.id)
    Store().share(mine.id)
    assert Store().restore(on_mine.id).private == "", "anybody may ask for it now"
    assert Store().restore(on_other.id).private == ANNE.id, "what it builds on is away"
    assert Store().restore(other.id).private == ANNE.id
    Store().trash(on_mine.id)
    again = Store().create(evaluation(Store().record(mine.id)))
    with pytest.raises(DDCoreError, match="was computed again meanwhile"):
        Store().restore(again.id)


# The same question twice

def test_what_was_asked_privately_and_by_all_counts_once(hosted: Path) -> None:
    shared, mine, seed = (finished(Store(), one) for one in (question(), anne(), anne(seed=1)))
    records = [mine, seed, shared]
    assert repeats(records) == {mine.id: shared.id}
    assert distinct(records) == [seed, shared]
    assert repeats([mine, seed]) == {}, "alone it counts"
    on_shared, on_mine, on_seed = (judged(Store(), evaluation(run)) for run in (shared, mine, seed))
    sets = {run.id: run for run in records}
    assert repeats([on_seed, on_mine, on_shared], sets) == {on_mine.id: on_shared.id}
    far = imported(finished(Store(), question(ipc=5)))
    assert repeats([far, finished(Store(), anne(ipc=5))]) == {}
