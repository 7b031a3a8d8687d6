"""The runner of one slot: takes jobs from the queue, one worker process each, until nothing waits.

`python -m ddcore.jobs.runner SLOT`; the place beside the slots has one, too. It never imports torch. When it dies, its
worker goes on and the next runner of the slot takes over; there is at most one, because each holds the lock file.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from filelock import FileLock, Timeout

from ddcore.errors import DDCoreError
from ddcore.hosting import ledger
from ddcore.jobs import limits, notices
from ddcore.jobs.drain import draining
from ddcore.jobs.job import (
    cancel_grace,
    cancel_reason,
    data_of,
    grant,
    mark_ended,
    mark_killed,
    read_job,
    request_cancel,
    worked,
)
from ddcore.jobs.launch import beat, begun, child, runner_file
from ddcore.jobs.queue import Queue, Ticket
from ddcore.jobs.slots import ASIDE
from ddcore.jobs.turns import asked_by, gives_way, lines, rules
from ddcore.runs.files import sweep, write_json
from ddcore.runs.process import is_alive, is_stopped, start_mark
from ddcore.runs.record import RunRecord
from ddcore.runs.state import ACTIVE, CANCELLED, KILLED, STOOD, STOPPED_SECONDS, asking, awaited
from ddcore.runs.store import Store

POLL_SECONDS = 0.05
BEAT_SECONDS = 2.0  # from one sign of life to the next
NICE = 5  # the page's server goes first
SPINS = 1000  # of a thread that waits for another one, before it sleeps
ALREADY_RUNNING = 75  # a worker's exit code: another worker holds this run
LOST = {"gone": "is no longer there", "failed": "failed",
        "cancelled": "was cancelled", "interrupted": "was interrupted"}


def main(slot: str) -> None:
    """Work until the queue is empty. Returns at once when the slot has a live runner."""
    lock = runner_file(slot).with_suffix(".lock")
    try:
        with FileLock(lock, timeout=5):
            Runner(slot).work()
    except Timeout:
        return


class Runner:
    """One slot's share of the queue."""

    def __init__(self, slot: str) -> None:
        self.slot, self.store, self.queue = slot, Store(), Queue()

    def work(self) -> None:
        write_json(runner_file(self.slot), {"pid": os.getpid(), "mark": start_mark(os.getpid())}, durable=False)
        if (left := self.queue.active().get(self.slot)) is not None:
            self._safely(self._adopt, left)
        while (run_id := self._take()) is not None:
            self._safely(self._run, run_id)

    def _safely(self, work: Callable[[str], None], run_id: str) -> None:
        """Do this work for a claimed job; what stops it ends that job, and not the runner that others wait for."""
        try:
            work(run_id)
        except (DDCoreError, OSError) as error:  # it was put into the trash meanwhile, or the disk is full
            traceback.print_exc()
            with self.store.lock():
                with contextlib.suppress(DDCoreError, OSError):
                    state = self.store.state(run_id)
                    if state == "queued":
                        mark_ended(self.store.record(run_id).folder, "failed", f"It could not be started: {error}")
                    elif state == "interrupted":
                        self.queue.interrupt(run_id)
                self.queue.release(self.slot, run_id)

    def _take(self) -> str | None:
        """Claim the first job that can start; None when nothing waits (and then the runner is signed off)."""
        while True:
            with self.store.lock():
                state, stays = cache(partial(self._state, held=self.queue.held())), draining()
                held_back = limits.holding(self.store, self.queue)
                for ticket in () if stays else self._in_turn():
                    if self._ready(ticket, state) and (ticket.aside or not held_back(self.store.record(ticket.run_id))):
                        self.queue.claim(ticket, self.slot)
                        return ticket.run_id
                if stays or not self._waiting():
                    # Under the lock: who adds a job after this sees that there is no runner.
                    begun(self.slot)
                    runner_file(self.slot).unlink(missing_ok=True)
                    return None
            beat(self.slot)
            time.sleep(4 * POLL_SECONDS)

    def _waiting(self) -> list[Ticket]:
        return [ticket for ticket in self.queue.waiting() if ticket.aside == (self.slot == ASIDE.name)]

    def _in_turn(self) -> Sequence[Ticket]:
        """What waits for this slot, in the order in which it is taken."""
        slots, aside = lines(self.store, self.queue, self.slot)
        return (aside if self.slot == ASIDE.name else slots).tickets

    def _ready(self, ticket: Ticket, state_of: Callable[[str], str]) -> bool:
        """Whether a waiting job can start now; one that never can is ended and leaves the queue."""
        record = self.store.record(ticket.run_id) if self.store.exists(ticket.run_id) else None
        if record is None or record.state != "queued":
            self.queue.remove(ticket)
            if record is not None and record.state == "interrupted":
                self.queue.interrupt(record.id)
            return False
        parents = {run_id: state_of(run_id) for run_id in record.info["parents"]}
        for run_id, state in parents.items():
            if state != "done" and state not in ACTIVE:
                why = f"The run {run_id} that it builds on {LOST.get(state, f'is {state}')}."
                mark_ended(record.folder, state if state in ("cancelled", "interrupted") else "failed", why)
                if state == "interrupted":
                    self.queue.interrupt(record.id)
                self.queue.remove(ticket)
                return False
        return _can_start(record, state_of)

    def _gives_way(self, run_id: str) -> bool:
        """Whether the run in this slot, which has had its time, keeps somebody else's job from it."""
        state = cache(lambda other: self.store.state(other) if self.store.exists(other) else "gone")
        held_back = limits.holding(self.store, self.queue)

        def ready(ticket: Ticket) -> bool:
            if state(ticket.run_id) != "queued":  # it may be gone
                return False
            record = self.store.record(ticket.run_id)
            return _can_start(record, state) and not held_back(record)

        return not draining() and gives_way(self.store, self.queue, self.slot, run_id, ready)

    def _state(self, run_id: str, held: set[str]) -> str:
        """The state of a run that another one needs; one that is queued and fell out of the queue is put back."""
        if not self.store.exists(run_id):
            return "gone"
        state = self.store.state(run_id)
        if state == "queued" and run_id not in held:
            self.queue.add(run_id, aside=self.store.record(run_id).aside)
        return state

    def _run(self, run_id: str) -> None:
        """Run a claimed job in a worker, to its end."""
        folder = self.store.own(run_id, "computed again").folder
        data = data_of(folder)  # of the one who asked; this runner may be another's, with other data
        place = {"DDCORE_DATA": data} if data else {}
        self._count(run_id, begins=True)
        with open(folder / "log.txt", "ab") as log:
            worker = child(["-m", "ddcore.jobs.worker", run_id, self.slot], log, **place, **_threads())
        code = self._watch(folder, worker.pid, start_mark(worker.pid), worker)
        if code == ALREADY_RUNNING:
            self._adopt(run_id)
        else:
            self._settle(run_id, code)

    def _adopt(self, run_id: str) -> None:
        """Take over what a dead runner left in this slot: a live worker, a dead one, or none yet."""
        if not self.store.exists(run_id):
            self.queue.release(self.slot, run_id)
            return
        state = self.store.state(run_id)
        if state == "queued":
            if any(ticket.run_id == run_id for ticket in self.queue.waiting()):
                self._settle(run_id, None)  # it asked for others, or let them go first
                return
            # Claimed, but no worker has said hello. Should one be starting, the two settle it by lock.
            time.sleep(4 * POLL_SECONDS)
            self._run(run_id)
            return
        if state in ("running", "cancelling"):
            folder = self.store.own(run_id, "watched").folder
            job = read_job(folder)
            self._watch(folder, job.get("pid") or 0, job.get("mark"))  # it may have ended meanwhile
        self._settle(run_id, None)

    def _watch(
        self, folder: Path, pid: int, mark: str | None, worker: subprocess.Popen[bytes] | None = None
    ) -> int | None:
        """Wait until a worker has ended, and kill it when it ignores a cancel; its exit code if it is our child."""
        begun(self.slot)
        began, run_id = time.monotonic(), folder.name
        asked: float | None = None
        stopped: float | None = None
        looked = 0.0
        while (worker.poll() is None) if worker is not None else is_alive(pid, mark):
            now = time.monotonic()
            if (grace := cancel_grace(folder)) is not None:
                asked = asked or now
                if now - asked > grace:
                    _kill_group(pid, mark)
            if now - looked > BEAT_SECONDS:
                looked = now
                beat(self.slot)
                self._count(run_id)
                self._slice(folder, now - began)
                if asked is None and (why := limits.time_up(asking(folder), worked(folder))):
                    request_cancel(folder, limits.GRACE, why)
                stopped = (stopped or now) if is_stopped(pid) else None
                if stopped and now - stopped > STOPPED_SECONDS:
                    mark_ended(folder, "interrupted", STOOD)
                    _kill_group(pid, mark)
            time.sleep(POLL_SECONDS)
        self._count(run_id)
        return worker.returncode if worker is not None else None

    def _count(self, run_id: str, begins: bool = False) -> None:
        """Count what this slot is used for whom, where many share the workbench."""
        if self.slot == ASIDE.name or rules() is None:
            return
        with contextlib.suppress(DDCoreError, OSError):  # nothing ends for what is not counted
            if begins:
                ledger.begin(self.slot, run_id)
            (people,) = asked_by(self.store, [run_id])
            ledger.count(self.slot, people)

    def _slice(self, folder: Path, seconds: float) -> None:
        """Have a worker step aside that has had its time, for as long as somebody else's job would be next.

        seconds: that this runner has watched it. The worker itself knows since when it has worked; before that time
        nobody has to look at the queue for it.
        """
        now = rules()
        if self.slot == ASIDE.name or now is None or not now.slice_minutes:
            return
        with contextlib.suppress(DDCoreError, OSError):
            over = seconds >= 60 * now.slice_minutes and self._gives_way(folder.name)
            grant(folder, 60 * now.slice_minutes if over else None)

    def _settle(self, run_id: str, code: int | None) -> None:
        """Write down how a job ended whose worker could not, and free the slot."""
        with self.store.lock():
            # Asked for again the moment it ended? Then what job.json says is about the next session.
            waits = any(ticket.run_id == run_id for ticket in self.queue.waiting())
            again = waits or any(s != self.slot and r == run_id for s, r in self.queue.active().items())
            if self.store.exists(run_id):  # else it was put into the trash the moment it ended
                folder = self.store.record(run_id).folder
                grant(folder, None)
                self._end(folder, code, again)
            self.queue.release(self.slot, run_id)
            with contextlib.suppress(OSError):
                ledger.end(self.slot)
        if self.slot != ASIDE.name and self.store.exists(run_id):
            notices.note(self.store.record(run_id).folder, self.store.state(run_id))

    def _end(self, folder: Path, code: int | None, again: bool) -> None:
        """Write down how a run ended whose worker is gone and could not. again: it waits for another session."""
        state = self.store.state(folder.name)
        if state in ("running", "cancelling"):  # by another worker
            return
        sweep(folder)
        job = read_job(folder).get("state") if state not in ("done", "broken") else ""
        if job == "running" or (job == "queued" and not again):
            if cancel_grace(folder) is not None:
                why = cancel_reason(folder)
                mark_ended(folder, "cancelled", KILLED if why == CANCELLED else why)
            elif job == "running":
                mark_ended(folder, "interrupted", _killed(code))
            elif code is not None and code < 0:
                mark_killed(folder, _killed(code))
            else:
                mark_ended(folder, "failed", f"Its worker could not start (exit code {code}); see the log.")
        if self.store.state(folder.name) == "interrupted":
            self.queue.interrupt(folder.name)


def _can_start(record: RunRecord, state_of: Callable[[str], str]) -> bool:
    """Whether all that a run builds on is done, and all that it asked for has ended."""
    return all(state_of(run_id) == "done" for run_id in record.info["parents"]) and not any(
        state_of(run_id) in ACTIVE for run_id in awaited(record.folder))


def _killed(code: int | None) -> str:
    """What became of a worker with this exit code, as a sentence; None: it was no child of ours."""
    how = "was killed" if code is None else f"was killed by {signal.Signals(-code).name}" if code < 0 else "ended"
    memory = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
    return f"The worker {how} before it had finished{memory}. It can be resumed."


def _kill_group(pid: int, mark: str | None) -> None:
    """SIGKILL a worker and what it started. The mark is checked first: the pid may be another's by now."""
    if not is_alive(pid, mark):
        return
    with contextlib.suppress(OSError):
        if not hasattr(os, "killpg"):  # Windows
            os.kill(pid, signal.SIGTERM)
        elif os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:  # started by hand, in somebody else's group
            os.kill(pid, signal.SIGKILL)


def _threads() -> dict[str, str]:
    """How the threads of a worker's numerical libraries compute and wait, unless the user said otherwise.

    They take all cores. One that waits for the others spins SPINS times before it sleeps, and not GCC's 300,000, in
    which it keeps its core from whoever it waits for: with those, runs of two homes at once on two cores take 5.5 times
    as long as one alone, with these twice as long, and one alone is as fast (`python -m benchmarks.together`).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting = {} if "OMP_WAIT_POLICY" in os.environ else {"GOMP_SPINCOUNT": str(SPINS)}
    ours = {"OMP_NUM_THREADS": str(cores), **waiting}
    return {name: value for name, value in ours.items() if name not in os.environ}


if __name__ == "__main__":
    faulthandler.enable()  # one that says nothing when it dies was killed
    with contextlib.suppress(AttributeError, OSError):
        os.nice(NICE)
    main(sys.argv[1])
