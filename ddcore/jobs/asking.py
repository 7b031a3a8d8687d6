"""Putting questions into the queue: with what they need, for a person or for a run that waits for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ddcore.errors import Cancelled, RunBroken, RunNotFound
from ddcore.hosting.owners import take
from ddcore.hosting.people import Person, acting
from ddcore.hosting.rights import may
from ddcore.hosting.settings import settings
from ddcore.jobs.job import came_at, cancel_grace, data_of, mark_aside, mark_asking, mark_queued, mark_waiting, reopen
from ddcore.jobs.launch import tend
from ddcore.jobs.queue import Queue
from ddcore.jobs.requirements import check_data, check_disk
from ddcore.runs.record import RunRecord
from ddcore.runs.state import asker, asking, awaited
from ddcore.runs.store import Store
from ddcore.runs.thinned import lacks_arrays

if TYPE_CHECKING:
    from ddcore.experiments.base import Spec


def enqueue(store: Store, queue: Queue, specs: Iterable[Spec], asked_by: str | None = None) -> list[RunRecord]:
    """Queue the runs of these questions and what they need, as far as that is not done or under way. Under the lock.

    asked_by: the run that waits for them, with whose data root they are computed, else with this process's. Raises
    RunNotFound or RunBroken, before anything is queued, for a parent that is unknown or cannot be read.
    """
    data = data_of(store.record(asked_by).folder) if asked_by and store.exists(asked_by) else None
    records = []
    for one in specs:
        _create_needs(store, one)
        _check_parents(store, one.kind, one.parents)
        records.append(store.create(one))
    held = queue.held()
    queued = [one for record in records for one in _queued(store, record, held, asked_by, data)]
    _add(queue, queued)
    if settings() is not None:
        people = asking(store.record(asked_by).folder) if asked_by and store.exists(asked_by) else (acting().id,)
        _ask(store, [one.id for one in records], people, {one.id for one in queued})
    return records


def requeue(store: Store, queue: Queue, record: RunRecord) -> None:
    """Queue a run that ended early as it stands, with the data root that it was asked for with: its question is not
    asked anew, as only its worker sees its data. Under the lock.

    Raises RunNotFound or RunBroken for a parent that is gone or cannot be read.
    """
    _check_parents(store, record.kind, record.info["parents"])
    _add(queue, _queued(store, record, queue.held(), asker(record.folder), data_of(record.folder)))


def _ask(store: Store, run_ids: Sequence[str], people: tuple[str, ...], new: Collection[str]) -> None:
    """These people wait for these runs, for what those need and for what those asked for, and own them. new: ids of the
    runs for which whoever waited before does so no longer. Under the lock."""
    records, left = dict[str, RunRecord](), list(run_ids)
    while left:
        if (run_id := left.pop()) in records or (record := store.record(run_id)).state in ("done", "broken"):
            continue
        records[run_id] = record
        left += [*(record.info.get("parents") or ()), *filter(store.exists, awaited(record.folder))]
        before = () if run_id in new else asking(record.folder)
        mark_asking(record.folder, dict.fromkeys((*before, *people)))
    private = any(records[run_id].private for run_id in run_ids if run_id in records)
    own = [one for one in records.values() if not one.is_part and (one.private or not private)]  # else it would be told
    for person in people:
        take(person, *(one.id for one in own))
    for one in own:  # it is also theirs among whose private runs it lies, whoever asked for it
        take(one.private, one.id)


def withdraw(store: Store, record: RunRecord, me: Person) -> bool:
    """This person waits for an active run no longer; whether it goes on, because somebody else does. A teacher who
    stops what others asked for stops it for all. Under the lock."""
    people = asking(record.folder)
    others = [one for one in people if one != me.id]
    if not others or (me.id not in people and may("cancel", (), me)):
        return False
    mark_asking(record.folder, others)
    _withdraw_behind(store, record, me)
    return True


def _withdraw_behind(store: Store, record: RunRecord, me: Person) -> None:
    """Nor for what was asked along with it or by it, unless another run that this person waits for needs it: else it
    would be counted as theirs to its end."""
    under_way, needs = _under_way(store, Queue())
    theirs = [run_id for run_id, one in under_way.items() if run_id != record.id and not asker(one.folder)
              and me.id in asking(one.folder)]
    for run_id in _behind([record.id], needs) - {*theirs, *_behind(theirs, needs)}:
        if (one := under_way.get(run_id)) and asker(one.folder) and (
                others := [each for each in asking(one.folder) if each != me.id]):
            mark_asking(one.folder, others)


def await_runs(store: Store, record: RunRecord, specs: Iterable[Spec]) -> None:
    """Queue these for a run that goes on when all of them have ended, and put it behind them."""
    specs, queue = tuple(specs), Queue()
    check_data(store, specs)
    check_disk(store, specs)
    with store.lock():
        if cancel_grace(record.folder) is not None:  # else all of them would be computed before it stopped
            raise Cancelled(f"run {record.id} was cancelled")
        ids = [one.id for one in enqueue(store, queue, specs, record.id)]
        mark_waiting(record.folder, dict.fromkeys((*awaited(record.folder), *ids)))
        queue.add(record.id)
    tend(store, queue)


def step_aside(store: Store, record: RunRecord) -> None:
    """Put a run back into the queue, whose worker has kept where it stands: it goes on when it is its turn again."""
    queue = Queue()
    with store.lock():
        if cancel_grace(record.folder) is not None:
            raise Cancelled(f"run {record.id} was cancelled")
        queue.put_back(record.id, came_at(record.folder))
        mark_aside(record.folder)


def only_for(store: Store, queue: Queue, record: RunRecord) -> list[RunRecord]:
    """What is under way for this run alone: it waits for it or was asked along with it, no person asked for it, and
    nothing else needs it."""
    under_way, needs = _under_way(store, queue)
    askers = {run_id: asker(one.folder) for run_id, one in under_way.items()}
    along = [run_id for run_id, by in askers.items() if by == record.id]
    own = {run_id for run_id in (*along, *_behind([record.id, *along], needs)) if askers.get(run_id)} - {record.id}
    others = _behind([run_id for run_id in needs if run_id not in own and run_id != record.id], needs)
    return [under_way[run_id] for run_id in own - others]


def along(store: Store, record: RunRecord) -> list[RunRecord]:
    """What was asked along with a run and ended with it before it was done, and what was interrupted with it as it
    builds on it; not what the run asks for by itself. Parents come first."""
    by_itself = awaited(record.folder)
    ended = [one for one in reversed(store.records()) if one.state not in ("done", "broken") and not one.active
             and one.id not in by_itself]
    taken = {record.id: record}
    while new := [one for one in ended if one.id not in taken and (asker(one.folder) == record.id or (
            one.state == "interrupted" and not taken.keys().isdisjoint(one.info["parents"])))]:
        taken |= {one.id: one for one in new}
    return [one for one in taken.values() if one is not record]


def _under_way(store: Store, queue: Queue) -> tuple[dict[str, RunRecord], dict[str, tuple[str, ...]]]:
    """(what waits or works, by id; what each of these needs or waits for)"""
    runs = {run_id: one for run_id in queue.held() if store.exists(run_id) if (one := store.record(run_id)).active}
    return runs, {run_id: (*one.info.get("parents", ()), *awaited(one.folder)) for run_id, one in runs.items()}


def _behind(run_ids: Sequence[str], needs: Mapping[str, Sequence[str]]) -> set[str]:
    """Everything that these need, directly or for what they need."""
    found, left = set[str](), [one for run_id in run_ids for one in needs.get(run_id, ())]
    while left:
        if (run_id := left.pop()) not in found:
            found.add(run_id)
            left += needs.get(run_id, ())
    return found


def _create_needs(store: Store, spec: Spec) -> None:
    """A folder for every question that this one needs answered, and for what those need. Under the lock."""
    if store.exists(spec.key) and store.record(spec.key).state == "done":
        return
    for one in spec.needs:
        if store.exists(one.key) and lacks_arrays((need := store.record(one.key)).folder) and need.state == "done":
            reopen(need.folder)
        _create_needs(store, one)
        store.create(one)


def _check_parents(store: Store, kind: str, parents: Iterable[str]) -> None:
    """Refuse what could never start: some run that it needs is not there or cannot be read. Under the lock."""
    for run_id in parents:
        if not store.exists(run_id):
            raise RunNotFound(f"no run {run_id!r}, which this {kind} run builds on")
        record = store.record(run_id)
        if record.state == "broken":
            raise RunBroken(
                f"run {run_id}, which this {kind} run builds on, cannot be read ({record.problem}); "
                "compute it again first"
            )
        if record.state not in ("done", "running", "cancelling"):
            _check_parents(store, record.kind, record.info["parents"])


def _add(queue: Queue, records: Iterable[RunRecord]) -> None:
    """Put these into the queue, each for its place."""
    queued = list(records)
    for aside in (True, False):
        queue.add(*(one.id for one in queued if one.aside is aside), aside=aside)


def _queued(
    store: Store, record: RunRecord, held: set[str], asked_by: str | None, data: str | None
) -> Iterator[RunRecord]:
    """Mark a run that is not done or under way as queued, after the parents that it needs: those marked.

    held: what the queue holds, or will.
    """
    if record.state in ("done", "running", "cancelling") or (record.state == "queued" and record.id in held):
        return
    for run_id in record.info["parents"]:
        yield from _queued(store, store.record(run_id), held, asked_by, data)
    mark_queued(record.folder, asked_by, data)
    held.add(record.id)
    yield record
