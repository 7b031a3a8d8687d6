"""Starting runners: whoever looks at the queue makes sure that somebody works on it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ddcore import home
from ddcore.errors import RunBroken
from ddcore.jobs.drain import draining
from ddcore.jobs.job import mark_ended
from ddcore.jobs.queue import Queue, Ticket
from ddcore.jobs.slots import ASIDE, Slot, slots
from ddcore.runs.files import read_json, sweep, write_json
from ddcore.runs.process import is_alive, start_mark
from ddcore.runs.store import Store

LOG_LIMIT = 1_000_000  # bytes
PATIENCE = (0.5, 1.0, 2.0, 4.0)  # seconds after each start in vain until the next
SILENT = 60.0  # seconds without a beat after which a runner counts as dead
KILLED_STARTS = 25  # starts after which one is given up that was killed each time and never said a word
AGAIN = 600.0  # seconds after which a slot that was given up is tried once more


@dataclass(frozen=True)
class Share:
    """Slots, and what waits for one of them."""

    slots: tuple[Slot, ...]
    waiting: list[Ticket]


def shares(queue: Queue) -> tuple[Share, Share]:
    """All that there is to be looked after: the slots, and the place beside them."""
    waiting = queue.waiting()
    return (Share(slots(), [one for one in waiting if not one.aside]),
            Share((ASIDE,), [one for one in waiting if one.aside]))


def tend(store: Store, queue: Queue) -> None:
    """Start a runner for every slot that has work and no live runner. Cheap when there is nothing to do.

    One that dies before it has begun a job is started again a few times, each time later; then what waits for it ends
    with the reason.
    """
    store = store.whole()  # what whoever looks does not see would be taken for gone
    if not queue.idle() and (_strays(queue) or any(_missing(queue, one) or not _hope(one) for one in shares(queue))):
        with store.lock():
            for stray, run_id in _strays(queue).items():  # give back what it took
                state = store.state(run_id) if store.exists(run_id) else "gone"
                if state == "queued":
                    queue.add(run_id, aside=stray == ASIDE.name)
                if state not in ("running", "cancelling"):
                    queue.release(stray, run_id)
            for share in shares(queue):
                for slot in _missing(queue, share):
                    _end_silent(slot.name)
                    _start(slot)
                if not _hope(share):
                    _give_up(store, queue, share)


def runner_file(slot: str) -> Path:
    """Where the process of a slot's runner is written down."""
    return home.jobs_root() / "slots" / f"{slot}.json"


def beat(slot: str) -> None:
    """A runner of this slot is there and works."""
    with contextlib.suppress(OSError):
        os.utime(runner_file(slot))


def begun(slot: str) -> None:
    """A runner of this slot came as far as a job, or found none: the next that dies is the first to die."""
    _starts_file(slot).unlink(missing_ok=True)


def child(arguments: list[str], log: IO[bytes], **environment: str) -> subprocess.Popen[bytes]:
    """A Python process of its own session, which outlives this one and knows the same folders."""
    place = {"DDCORE_HOME": str(home.home()), "DDCORE_DATA": str(home.data_root())}
    return subprocess.Popen(
        [sys.executable, *arguments], env={**os.environ, **place, **environment}, start_new_session=True,
        cwd=home.PROJECT,  # so that `-m ddcore…` is found; hence the absolute folders above
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    )


def _missing(queue: Queue, share: Share) -> list[Slot]:
    """The slots that should have a runner and have none."""
    active = queue.active()
    due = [slot for slot in share.slots if not lives(slot.name) and _due(slot.name)]
    busy = [slot for slot in due if slot.name in active]
    served = sum(slot.name not in active and lives(slot.name) for slot in share.slots)
    free = [] if draining() else [slot for slot in due if slot.name not in active]
    return [*busy, *free[: max(0, len(share.waiting) - served)]]


def _starts_file(slot: str) -> Path:
    """Where is written down how many runners in succession were started in vain, and how many bytes their log had
    before the first; its age is that of the last start."""
    return runner_file(slot).with_suffix(".starts")


def _starts(slot: str) -> int:
    return _numbers(slot)[0]


def _numbers(slot: str) -> list[int]:
    try:
        return [*map(int, _starts_file(slot).read_text().split()), 0][:2]
    except (OSError, ValueError):
        return [0, 0]


def _most(slot: str) -> int:
    """How many starts in vain are borne: few of a runner that says why it dies, more of one that somebody kills."""
    begin = _numbers(slot)[1]
    return len(PATIENCE) if _size(runner_file(slot).with_suffix(".log")) != begin else KILLED_STARTS


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _due(slot: str) -> bool:
    """Whether another runner may be started by now."""
    if not (starts := _starts(slot)):
        return True
    try:
        age = time.time() - _starts_file(slot).stat().st_mtime
    except FileNotFoundError:  # it has just begun a job
        return False
    return not 0 <= age < (AGAIN if starts > _most(slot) else PATIENCE[min(starts, len(PATIENCE)) - 1])


def _given_up(slot: str) -> bool:
    """Whether its runners died one after another, and the last is not there either."""
    return _starts(slot) > _most(slot) and not lives(slot)


def _hope(share: Share) -> bool:
    """Whether some slot has a runner, or will have one."""
    return not all(_given_up(slot.name) for slot in share.slots)


def _give_up(store: Store, queue: Queue, share: Share) -> None:
    """End what waits with the reason why nobody works on it. Under the lock."""
    first = share.slots[0].name
    message = f"No job could be started: {_last_words(first)} More is in {first}.log in the folder jobs/slots. Once " \
              "that is mended, it can be resumed."
    for ticket in share.waiting:
        if store.exists(ticket.run_id) and store.state(ticket.run_id) == "queued":
            mark_ended(store.record(ticket.run_id).folder, "failed", message)
        queue.remove(ticket)
    for slot in share.slots:
        begun(slot.name)


def _last_words(slot: str) -> str:
    """The last line that a slot's runner wrote, as a sentence."""
    try:
        lines = runner_file(slot).with_suffix(".log").read_text(errors="replace").split("\n")
    except OSError as error:
        return f"{error}."
    return f"{next((line.strip() for line in reversed(lines) if line.strip()), 'it died without a word')}."


def lives(slot: str) -> bool:
    """Whether the slot's runner is there and has shown it lately."""
    try:
        age = time.time() - runner_file(slot).stat().st_mtime
    except OSError:
        return False
    return age < SILENT and bool(_process(slot))


def _process(slot: str) -> int:
    """The process of the slot's runner; 0 where it has none."""
    try:
        process: dict[str, Any] = read_json(runner_file(slot))
    except (OSError, RunBroken):
        return 0
    return int(process["pid"]) if is_alive(process.get("pid"), process.get("mark")) else 0


def _end_silent(slot: str) -> None:
    """Kill a runner that is there and shows no sign of it (stopped, or hanging): the next one takes over its worker."""
    if pid := _process(slot):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


def _start(slot: Slot) -> None:
    place = runner_file(slot.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    sweep(place.parent)
    log = place.with_suffix(".log")
    fresh = _size(log) > LOG_LIMIT
    starts, begin = _numbers(slot.name)
    _starts_file(slot.name).write_text(f"{starts + 1} {begin if starts else 0 if fresh else _size(log)}")
    gpu = {"CUDA_VISIBLE_DEVICES": slot.gpu} if slot.gpu is not None else {}
    with open(log, "wb" if fresh else "ab") as output:
        process = child(["-m", "ddcore.jobs.runner", slot.name], output, **gpu)
    _write_down(slot.name, process)


def _write_down(slot: str, process: subprocess.Popen[bytes]) -> None:
    """Which process serves this slot; and wait for its exit status, or a long-lived server gathers zombies."""
    write_json(runner_file(slot), {"pid": process.pid, "mark": start_mark(process.pid)}, durable=False)
    threading.Thread(target=process.wait, daemon=True).start()


def _strays(queue: Queue) -> dict[str, str]:
    """slot name → run id, for what was taken by a slot that this process does not have (a GPU was removed) and that
    nobody serves, or by one that was given up.

    A slot with a live runner belongs to a process that may see other GPUs (CUDA_VISIBLE_DEVICES).
    """
    own = {slot.name for slot in (*slots(), ASIDE)}
    return {slot: run_id for slot, run_id in queue.active().items()
            if (_given_up(slot) if slot in own else not lives(slot))}
