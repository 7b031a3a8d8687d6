"""Where the quotas of hosting.quotas are asked: before a run is queued, before it is begun, and while it works."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import TYPE_CHECKING

from ddcore.errors import ConfigError
from ddcore.hosting import ledger, quotas
from ddcore.hosting.people import acting
from ddcore.hosting.settings import settings
from ddcore.jobs import requirements
from ddcore.jobs.drain import TOLD, draining
from ddcore.jobs.job import worked
from ddcore.jobs.queue import Queue
from ddcore.jobs.slots import ASIDE
from ddcore.jobs.turns import asked_by
from ddcore.runs.state import asking
from ddcore.runs.store import Store

if TYPE_CHECKING:
    from ddcore.experiments.base import Spec
    from ddcore.runs.record import RunRecord

GRACE = 60.0  # seconds that a run whose time is up is given until its next safe point


def check(store: Store, spec: Spec) -> None:
    """QuotaReached where who acts has used up the GPU minutes, the disk or the hours of one run that this takes."""
    if not quotas.limited() or _aside(spec) or _waits_already(store, spec):
        return
    me = acting().id
    most = quotas.of(me)
    if most.gpu_minutes:
        quotas.check("gpu_minutes", ledger.last_day().get(me, 0.0) / 60)
    quotas.check_disk(lambda: requirements.disk([spec], store.records()))
    if most.run_hours and store.exists(spec.key):
        quotas.check("run_hours", worked(store.record(spec.key).folder) / 3600)


def check_waiting(store: Store, queue: Queue, spec: Spec) -> None:
    """QuotaReached where as many runs wait for who acts as may. Under the lock."""
    if quotas.limited() and not _aside(spec) and not _waits_already(store, spec):
        quotas.check("waiting", len(waiting_for(acting().id, store, queue)))


def waiting_for(person: str, store: Store, queue: Queue) -> set[str]:
    """Ids of the runs that wait for a slot and for which this person waits, those among them that a run of theirs asked
    for by itself."""
    ids = [ticket.run_id for ticket in queue.waiting() if not ticket.aside]
    return {run_id for run_id, people in zip(ids, asked_by(store, ids), strict=True) if person in people}


def working(store: Store, queue: Queue) -> dict[str, tuple[str, ...]]:
    """run → who waits for it, of each run that has a slot."""
    ids = [run_id for slot, run_id in queue.active().items() if slot != ASIDE.name]
    return dict(zip(ids, asked_by(store, ids), strict=True))


def holding(store: Store, queue: Queue) -> Callable[[RunRecord], str]:
    """Of a run that waits for a slot and could start: why it has to wait for its people's quota, as a sentence; ""
    where it need not. What works, and what was used, is looked at once for all that are asked about."""
    at_work = cache(lambda: [one for people in working(store, queue).values() for one in people])
    spent = cache(ledger.last_day)

    def why(record: RunRecord) -> str:
        if not _hosted() or not (people := asking(record.folder)):
            return ""
        return quotas.held_back(people, lambda one: at_work().count(one), lambda one: spent().get(one, 0.0))

    return why


def time_up(people: Collection[str], seconds: float) -> str:
    """Why a run of these people that has computed for so long is ended, as a sentence; "" where it may go on."""
    if not _hosted() or seconds < (most := quotas.run_seconds(people)):
        return ""
    return quotas.sentence("run_hours", seconds / 3600, most / 3600)


def waits_because(record: RunRecord, store: Store, queue: Queue) -> str:
    """Why a run stays in the queue though a slot may be free, as a sentence; "" where it only waits for its turn."""
    return TOLD if draining() else "" if record.aside else holding(store, queue)(record)


def _waits_already(store: Store, spec: Spec) -> bool:
    """Whether this is under way for who acts: asked again, nothing is started."""
    return store.exists(spec.key) and (record := store.record(spec.key)).active and acting().id in asking(record.folder)


def _hosted() -> bool:
    """Whether there are quotas. Settings that cannot be read refuse what is asked for, and stop nothing that was."""
    try:
        return settings() is not None
    except ConfigError:
        return False


def _aside(spec: Spec) -> bool:
    """Whether it takes so little that it counts for nothing."""
    from ddcore.experiments import KINDS

    return KINDS[spec.kind].aside
