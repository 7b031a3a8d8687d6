"""Putting questions into the queue: with what they need, for a person or for a run that waits for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ddcore.errors import RunBroken, RunNotFound
from ddcore.jobs.job import mark_queued, mark_waiting, read_job
from ddcore.jobs.launch import tend
from ddcore.jobs.queue import Queue
from ddcore.jobs.requirements import check_data, check_disk
from ddcore.runs.record import RunRecord
from ddcore.runs.state import awaited
from ddcore.runs.store import Store

if TYPE_CHECKING:
    from ddcore.experiments.base import Spec


def enqueue(store: Store, queue: Queue, spec: Spec, asked_by: str | None = None) -> RunRecord:
    """Queue the run of a question and what it needs, as far as they are not done or under way. Under the lock.

    asked_by: the run that waits for it. Raises RunNotFound or RunBroken for a parent that is unknown or cannot be read.
    """
    _create_needs(store, spec)
    _check_parents(store, spec.kind, spec.parents)
    record = store.create(spec)
    _enqueue(store, queue, record, asked_by)
    return record


def await_runs(store: Store, record: RunRecord, specs: Iterable[Spec]) -> None:
    """Queue these for a run that goes on when all of them have ended, and put it behind them."""
    specs, queue = tuple(specs), Queue()
    check_data(store, specs)
    check_disk(store, specs)
    with store.lock():
        ids = [enqueue(store, queue, one, record.id).id for one in specs]
        mark_waiting(record.folder, dict.fromkeys((*awaited(record.folder), *ids)))
        queue.add(record.id)
    tend(store, queue)


def only_for(store: Store, queue: Queue, record: RunRecord) -> list[RunRecord]:
    """What is under way for this run alone: it asked for it, and nobody else did or waits for it."""
    under_way = [store.record(run_id) for run_id in (*queue.active().values(), *(t.run_id for t in queue.waiting()))
                 if store.exists(run_id)]
    own = [one for one in under_way if one.active and read_job(one.folder).get("asked_by") == record.id]
    others = [one for one in under_way if one not in own and one.id != record.id]
    needed = {run_id for one in others for run_id in (*one.info.get("parents", ()), *awaited(one.folder))}
    return [one for one in own if one.id not in needed]


def _create_needs(store: Store, spec: Spec) -> None:
    """A folder for every question that this one needs answered, and for what those need. Under the lock."""
    for one in spec.needs:
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


def _enqueue(store: Store, queue: Queue, record: RunRecord, asked_by: str | None) -> None:
    """Queue a run that is not done or under way, behind the parents that it needs. Under the lock."""
    if record.state in ("done", "running", "cancelling") or (record.state == "queued" and queue.holds(record.id)):
        return
    for run_id in record.info["parents"]:
        _enqueue(store, queue, store.record(run_id), asked_by)
    mark_queued(record.folder, asked_by)
    queue.add(record.id)
