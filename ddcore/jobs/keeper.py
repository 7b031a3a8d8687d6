"""The keeper: looks after the queue while nobody looks, and lets interrupted runs go on.

Whoever asks for a run's status starts the runner that is missing. At night nobody asks, and after a reboot nothing
runs. The app keeps its own queue for as long as its server runs; `python -m ddcore serve` does it without the app.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable

from ddcore.errors import DDCoreError
from ddcore.jobs import api
from ddcore.jobs.job import read_job
from ddcore.jobs.launch import tend
from ddcore.jobs.queue import Queue
from ddcore.runs.files import write_bytes
from ddcore.runs.state import RESUMED, resumed
from ddcore.runs.store import Store

POLL_SECONDS = 2.0


def resumes() -> int:
    """How often an interrupted run goes on by itself: `DDCORE_RESUMES`, 0 (never) unless it is set.

    Raises DDCoreError where that is no whole number.
    """
    value = os.environ.get("DDCORE_RESUMES") or "0"
    if not value.isdecimal():
        raise DDCoreError(f"DDCORE_RESUMES is how often an interrupted run goes on by itself, 0 or more; got {value!r}")
    return int(value)


class Keeper:
    """Looks after the queue of one home. most: how often an interrupted run goes on by itself."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._watched: set[str] | None = None

    def look(self) -> None:
        """One look: runners for what waits, and what was interrupted since the last look goes on."""
        store, queue = Store(), Queue()
        # Before anybody is started who writes down how these ended.
        left = set(_left(store)) if self.most and self._watched is None else set[str]()
        tend(store, queue)
        if self.most:
            active = set(queue.active().values())
            for run_id in left if self._watched is None else self._watched - active:
                with contextlib.suppress(DDCoreError):  # its code or data are no longer the same; others go on
                    self._go_on(store, run_id)
            self._watched = active

    def _go_on(self, store: Store, run_id: str) -> None:
        if not store.exists(run_id) or store.state(run_id) != "interrupted":
            return
        folder = store.record(run_id).folder
        if (times := resumed(folder)) < self.most:
            write_bytes(folder / RESUMED, str(times + 1).encode())
            api.resume(run_id, by_itself=True)


def _left(store: Store) -> Iterable[str]:
    """The runs whose worker and runner went down together, as in a reboot: nobody has written down how they ended."""
    return [folder.name for folders in store.folders().values() for folder in folders
            if not (folder / "run.json").exists() and read_job(folder).get("state") == "running"]


def keep(most: int, goes_on: Callable[[], bool] = lambda: True) -> None:
    """Look after the queue for as long as `goes_on` says."""
    keeper = Keeper(most)
    while goes_on():
        with contextlib.suppress(DDCoreError, OSError):  # a home that is away for a moment comes back
            keeper.look()
        time.sleep(POLL_SECONDS)
