"""What pages and the command line ask of the job system.

Every call is a look at files, so it works from any process and after any restart. Imports that need
pydantic are made where they are used: the runner loads this package and has to start fast.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ddcore.errors import Cancelled, ConfigError, DDCoreError, JobFailed, RunNotFound
from ddcore.hosting import owners, rights
from ddcore.hosting.people import Person, acting
from ddcore.jobs import limits
from ddcore.jobs.asking import along, enqueue, only_for, requeue
from ddcore.jobs.asking import withdraw as withdraw_from
from ddcore.jobs.job import mark_asked, mark_ended, mark_resumed, mark_waiting, request_cancel
from ddcore.jobs.launch import tend
from ddcore.jobs.queue import Queue
from ddcore.jobs.requirements import check_data, check_disk, specs_of
from ddcore.jobs.status import Status, read_status
from ddcore.jobs.turns import Line, Turn, before, lines
from ddcore.runs.files import FolderUnusable
from ddcore.runs.record import RunRecord
from ddcore.runs.state import ACTIVE, asker, awaited
from ddcore.runs.store import Store

if TYPE_CHECKING:
    from ddcore.experiments.base import Spec

GRACE_SECONDS = 5.0


def submit(spec: Spec, asked_by: str | None = None) -> str:
    """Have a question answered; the id of its run, at once. asked_by: the run that it is asked along with, if it is to
    be cancelled with that one while nobody else asks for it.

    Done already or under way: nothing is started. Ended early: it is queued again and goes on from
    its checkpoint, and so are the parents that it needs; what it needs and nobody asked yet is asked too. All of it is
    computed with this process's data root, whoever starts the runner.
    Raises RunNotFound or RunBroken for a parent that is unknown or cannot be read, FolderUnusable when the
    question cannot be written down or the disk is too small for the answer, NotAllowed for whom the table in
    hosting.rights forbids it, QuotaReached for whoever has used up what hosting.quotas allows.
    """
    with rights.deed(deed_of(spec.kind), spec.key, private=bool(spec.salt)) as outcome:
        outcome.private = (store := Store()).place(spec) != store.root
        run_id, outcome.word = _submit(spec, asked_by)
    return run_id


def deed_of(kind: str) -> str:
    """The deed that it is to ask for a run of this kind: what only tells of its data set is computed for whoever
    looks."""
    from ddcore.experiments import KINDS

    return "look" if KINDS[kind].of_data else "submit"


def _submit(spec: Spec, asked_by: str | None = None, alone: bool = True) -> tuple[str, str]:
    """(id of the run, what was done). alone: False for what goes on along with another one, which answers for it before
    the quota, as one does that it is asked by."""
    store = Store()
    run_id = spec.key
    if store.exists(run_id) and store.record(run_id).state == "done":
        owners.take(acting().id, run_id)
        return run_id, "was done already"
    check_data(store, [spec])
    check_disk(store, [spec])
    if alone := alone and not asked_by:
        limits.check(store, spec)
    with store.lock():
        if alone:
            limits.check_waiting(store, Queue(), spec)
        (record,) = enqueue(store, Queue(), [spec], asked_by)
        if not asked_by:
            mark_asked(record.folder)
    tend(store, Queue())
    return run_id, "done"


def status(run_id: str) -> Status:
    """How a run is going. Starts a runner when something waits and nobody works on it."""
    store, queue = Store(), Queue()
    record = store.record(run_id)
    if record.state == "done":
        return read_status(record)
    with contextlib.suppress(FolderUnusable):  # of a home that is only to be looked at
        if record.state == "queued" and not queue.holds(record.id):  # a crash or a tidy hand took it from the queue
            with store.lock():
                if store.record(record.id).state == "queued" and not queue.holds(record.id):
                    queue.add(record.id, aside=record.aside)
            record = store.record(record.id)
        tend(store, queue)
    now = read_status(record, *_places(queue, *lines(store, queue))(record))
    return replace(now, message=limits.waits_because(record, store, queue)) if now.state == "queued" else now


def cancel(run_id: str, grace: float = GRACE_SECONDS) -> bool:
    """Stop a run: out of the queue at once, or at its next safe point, or killed after `grace` seconds.

    What it asked for and waits for, and nobody else, is stopped too. A run that has ended already stays as it is, and
    one that somebody else waits for goes on: False says so. Raises NotAllowed for somebody else's run.
    """
    record = Store().record(run_id)
    with rights.deed("cancel", record.id, owners.owners(record.id), bool(record.private)) as outcome:
        stopped = _cancel(record.id, grace)
        outcome.word = "done" if stopped else "no longer waits for it"
    return stopped


def withdraw(run_id: str, person: Person, grace: float = GRACE_SECONDS) -> bool:
    """This person waits for a run no longer; it is stopped where nobody else does, and True says so. For whom may
    cancel everybody's runs."""
    rights.require("cancel", run_id)
    return _cancel(run_id, grace, person)


def _cancel(run_id: str, grace: float, person: Person | None = None) -> bool:
    """person: who waits for it no longer, else who acts."""
    store, queue = Store().whole(), Queue()
    with store.lock():
        record = store.record(run_id)
        if not record.active:
            return True
        if withdraw_from(store, record, person or acting()):
            return False
        taken, tickets = queue.active().values(), {ticket.run_id: ticket for ticket in queue.waiting()}
        for one in (*only_for(store, queue, record), record):
            if one.state == "queued" and (one.id in tickets or one.id not in taken):
                mark_ended(one.folder, "cancelled", "It was cancelled while it waited.")
                if one.id in tickets:
                    queue.remove(tickets[one.id])
            else:
                request_cancel(one.folder, grace)
    tend(store, queue)
    return True


def resume(run_id: str) -> str:
    """Go on with a run that was cancelled, failed or interrupted, and with what was asked along with it; its id."""
    record = Store().record(run_id)
    rights.require("resume", record.id, owners.owners(record.id))
    if record.state == "broken":
        raise JobFailed(f"run {record.id} cannot be resumed: {record.problem}")
    spec = record.question()
    if record.state == "done":
        return record.id
    if (now := spec.key) != record.id:
        raise JobFailed(
            f"run {record.id} cannot be resumed: the code or the data set has changed since, and the same "
            f"parameters are now run {now}; submit it anew"
        )
    ended = along(Store(), record)
    with rights.deed("resume", record.id, owners.owners(record.id), bool(record.private)):
        _submit(spec)
        for one in ended:
            _submit(one.question(), asker(one.folder), alone=False)
    return record.id


def go_on(run_id: str) -> None:
    """An interrupted run goes on by itself, once more, and what was asked along with it: as they stand, each with the
    data root that it was asked for with, which may not be this process's.

    Raises RunNotFound or RunBroken for a parent that is gone or cannot be read, FolderUnusable when the disk is too
    small for the answer.
    """
    store, queue = Store(), Queue()
    record = store.record(run_id)
    runs = [record, *along(store, record)]
    check_disk(store, specs_of(runs))
    with store.lock():
        for one in (store.record(each.id) for each in runs):
            if one.state not in ("done", "broken", *ACTIVE):
                requeue(store, queue, one)
            if one.state == "interrupted":
                mark_resumed(one.folder)
    tend(store, queue)


def extend(run_id: str, length: int) -> str:
    """The id of a longer run, which goes on where this finished one ended."""
    record = Store().record(run_id)
    rights.require("extend", record.id, owners.owners(record.id))
    if record.state != "done":
        raise DDCoreError(f"run {record.id} is {record.state}; only a finished run can be extended")
    spec = record.question()
    if (now := spec.config.length()) is None:
        raise ConfigError([f"a {record.name} run cannot be extended: it has no length"])
    if length <= now:
        raise ConfigError([f"{spec.config.length_param} must be above the {now} that are done, got {length}"])
    longer = record.question({spec.config.length_param: length})
    with rights.deed("extend", record.id, owners.owners(record.id), bool(record.private)):
        return _submit(longer)[0]


def list_jobs() -> list[tuple[str, Status]]:
    """(run id, status) of what is being worked on and of what waits, in that order."""
    return _under_way()[0]


def hidden() -> list[Status]:
    """State and place in the queue, and no more, of what is under way and not there for who acts: private runs of
    others, which take their turns like all."""
    return [] if Store().sees_all() else [status for _, status in _under_way()[1]]


def ahead() -> list[Status]:
    """Of what is being worked on, and of what would go before a run that who acts asked for now."""
    first, (jobs, others) = before(Store(), Queue(), (acting().id,)), _under_way()
    return [status for run_id, status in (*jobs, *others)
            if first is None or status.position is None or run_id in first]


def _under_way() -> tuple[list[tuple[str, Status]], list[tuple[str, Status]]]:
    """(what is being worked on and what waits, in that order; private runs of others among it, of which no more is told
    than where they stand)."""
    store, queue = Store(), Queue()
    with contextlib.suppress(FolderUnusable):  # of a home that is only to be looked at
        tend(store, queue)
    slots, aside = lines(store, queue)
    waiting = [*slots.tickets, *aside.tickets]
    if not slots.people:
        waiting.sort(key=lambda ticket: ticket.path.name)
    place, whole = _places(queue, slots, aside), store.whole()
    jobs, others = list[tuple[str, Status]](), list[tuple[str, Status]]()
    for run_id in dict.fromkeys((*queue.active().values(), *(ticket.run_id for ticket in waiting))):
        with contextlib.suppress(RunNotFound):  # it was put away meanwhile
            if (record := whole.record(run_id)).active and store.sees(record.folder):
                jobs.append((run_id, read_status(record, *place(record))))
            elif record.active:
                others.append((run_id, Status(record.state, place(record)[0])))
    return jobs, others


def wait(run_id: str, on_status: Callable[[Status], None] | None = None, poll: float = 0.2) -> Status:
    """Wait until a run has ended; its last status. Raises JobFailed or Cancelled when it is not done."""
    while True:
        now = status(run_id)
        if on_status is not None:
            on_status(now)
        if not now.active:
            break
        time.sleep(poll)
    if now.state == "cancelled":
        raise Cancelled(f"run {run_id} was cancelled")
    if now.state != "done":
        raise JobFailed(f"run {run_id} {now.state}: {now.message}")
    return now


def run_inline(spec: Spec, store: Store | None = None) -> str:
    """Compute a run and what it needs in this process, without queue or runner (tests, notebooks); its id."""
    from ddcore.jobs.worker import execute

    store = store or Store()
    check_disk(store, [spec])
    for one in spec.needs:
        run_inline(one, store)
    with store.lock():
        record = store.create(spec)
    if record.active:
        raise JobFailed(f"run {record.id} is {record.state} elsewhere")
    while (state := execute(store, record, await_runs=_inline)) == "queued":
        record = store.record(record.id)
    if state == "cancelled":
        raise Cancelled(f"run {record.id} was cancelled")
    if state != "done":
        raise JobFailed(f"run {record.id} failed: {store.record(record.id).problem}")
    return record.id


def _inline(store: Store, record: RunRecord, specs: Iterable[Spec]) -> None:
    """Compute what a run waits for in this process."""
    ids = list(awaited(record.folder))
    for one in specs:
        with contextlib.suppress(JobFailed, Cancelled):  # the run goes on without it
            run_inline(one, store)
        if store.record(one.key).active:
            raise JobFailed(f"run {one.key}, which it waits for, is being computed elsewhere")
        ids.append(one.key)
    mark_waiting(record.folder, ids)


def _places(queue: Queue, slots: Line, aside: Line) -> Callable[[RunRecord], tuple[int | None, int, Turn | None]]:
    """Of any run: (its place in the queue, None where it is in none; how many of the runs that it asked for are under
    way; why it stands there, where turns are taken). slots, aside: what waits, listed once for all of them: a sweep
    puts thousands into the queue."""
    order = {ticket.run_id: (where, place) for where in (slots, aside) for place, ticket in enumerate(where.tickets)}
    under_way = {*order, *queue.active().values()}

    def place(record: RunRecord) -> tuple[int | None, int, Turn | None]:
        if record.state != "queued":
            return None, 0, None
        pending = len(under_way.intersection(awaited(record.folder)))
        if record.id not in order:
            return None, pending, None
        where, at = order[record.id]
        return at + 1, pending, where.turn(at)

    return place
