"""The keeper: looks after the queue while nobody looks, and lets interrupted runs go on.

Whoever asks for a run's status starts the runner that is missing. At night nobody asks, and after a reboot nothing
runs. The app keeps its own queue for as long as its server runs; `python -m ddcore serve` does it without the app.

Runners write down in the queue which runs were interrupted, so that none is missed however quickly it starts and dies,
and whether or not a keeper was there.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from operator import attrgetter

from ddcore.errors import DDCoreError
from ddcore.hosting.people import MACHINE, acting_as
from ddcore.jobs import api, notices, retention
from ddcore.jobs.job import read_job
from ddcore.jobs.launch import tend
from ddcore.jobs.queue import Queue
from ddcore.runs.files import FolderUnusable
from ddcore.runs.record import RunRecord
from ddcore.runs.state import ACTIVE, asker, resumed, resumes
from ddcore.runs.store import Store

__all__ = ["Keeper", "keep", "resumes"]

POLL_SECONDS = 2.0
UNDECIDED_SECONDS = 60.0  # for which a keeper that lets nothing go on leaves an interrupted run to another one


class Keeper:
    """Looks after the queue of one home. most: how often an interrupted run goes on by itself; called: what a run that
    ended is called where that is told elsewhere."""

    def __init__(self, most: int, called: Callable[[RunRecord], str] = attrgetter("name")) -> None:
        self.most, self.called = most, called
        self._first = True

    def look(self) -> None:
        """One look: runners for what waits; what was interrupted goes on, what ended is told, the old is deleted."""
        store, queue = Store(), Queue()
        if self._first:
            _gather(store, queue)
        self._first = False
        tend(store, queue)
        for run_id in queue.interrupted():
            with store.lock():
                goes_on = self._goes_on(store, run_id, queue.interrupted())
                if goes_on is False:
                    queue.forget(run_id)
            if goes_on:
                _go_on(store, queue, run_id)
        notices.post(store, self.called)
        retention.look(store)

    def _goes_on(self, store: Store, run_id: str, undecided: Mapping[str, float]) -> bool | None:
        """Whether an interrupted run goes on; None while that cannot be said yet. undecided: its seconds since then."""
        if run_id not in undecided or not store.exists(run_id) or store.state(run_id) != "interrupted":
            return False
        if not self.most:
            return None if undecided[run_id] < UNDECIDED_SECONDS else False
        record = store.record(run_id)
        parents, by = record.info.get("parents") or (), asker(record.folder)
        if any(one in undecided for one in parents):
            return None
        if store.exists(by) and store.state(by) == "cancelled":
            return False
        return resumed(record.folder) < self.most and all(
            store.exists(one) and store.state(one) in ("done", *ACTIVE) for one in parents)


def _go_on(store: Store, queue: Queue, run_id: str) -> None:
    try:
        api.go_on(run_id)
    except FolderUnusable:  # once it can be used again
        pass
    except DDCoreError:  # what it builds on is gone
        with store.lock():
            queue.forget(run_id)


def _gather(store: Store, queue: Queue) -> None:
    """Put into the queue what was lost from it where everything went down at once: what waits and is not there, and
    what nobody saw end."""
    unfinished = [folder for folders in store.folders().values() for folder in folders
                  if not (folder / "run.json").exists() and read_job(folder).get("state") in ("queued", "running")]
    with store.lock():
        held = queue.held()
        for folder in unfinished:
            if (state := store.state(folder.name)) == "queued" and folder.name not in held:
                queue.add(folder.name, aside=store.record(folder.name).aside)
            elif state == "interrupted":
                queue.interrupt(folder.name)


def keep(
    most: int, goes_on: Callable[[], bool] = lambda: True, called: Callable[[RunRecord], str] = attrgetter("name")
) -> None:
    """Look after the queue for as long as `goes_on` says; most, called: see Keeper."""
    keeper = Keeper(most, called)
    while goes_on():
        try:
            with acting_as(MACHINE):  # also in a server, where people are found by their requests
                keeper.look()
        except (DDCoreError, OSError):  # a home that is away for a moment comes back
            pass
        except Exception:  # nobody would notice that nobody looks any longer
            traceback.print_exc()
        time.sleep(POLL_SECONDS)
