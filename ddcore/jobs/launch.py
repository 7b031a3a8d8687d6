"""Starting runners: whoever looks at the queue makes sure that somebody works on it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from ddcore import home
from ddcore.errors import RunBroken
from ddcore.jobs.queue import Queue
from ddcore.jobs.slots import Slot, slots
from ddcore.runs.files import read_json, write_json
from ddcore.runs.process import is_alive, start_mark
from ddcore.runs.record import RunRecord
from ddcore.runs.store import Store

LOG_LIMIT = 1_000_000  # bytes
ASIDE = "aside"  # in place of the name of a slot


def tend(store: Store, queue: Queue) -> None:
    """Start a runner for every slot that has work and no live runner. Cheap when there is nothing to do."""
    if not queue.idle() and (_strays(queue) or _missing(queue)):
        with store.lock():
            for stray, run_id in _strays(queue).items():  # give back what it took
                state = store.state(run_id) if store.exists(run_id) else "gone"
                if state == "queued":
                    queue.add(run_id)
                if state not in ("running", "cancelling"):
                    queue.release(stray, run_id)
            for slot in _missing(queue):
                _start(slot)


def start_aside(record: RunRecord) -> None:
    """Start the worker of a run that waits, beside the slots. Should it not come up, the run still stands in the queue.
    """
    with open(record.folder / "log.txt", "ab") as log:
        _collect(child(["-m", "ddcore.jobs.worker", record.id, ASIDE], log))


def runner_file(slot: str) -> Path:
    """Where the process of a slot's runner is written down."""
    return home.jobs_root() / "slots" / f"{slot}.json"


def child(arguments: list[str], log: IO[bytes], **environment: str) -> subprocess.Popen[bytes]:
    """A Python process of its own session, which outlives this one and knows the same folders."""
    place = {"DDCORE_HOME": str(home.home()), "DDCORE_DATA": str(home.data_root())}
    return subprocess.Popen(
        [sys.executable, *arguments], env={**os.environ, **place, **environment}, start_new_session=True,
        cwd=home.PROJECT,  # so that `-m ddcore…` is found; hence the absolute folders above
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    )


def _missing(queue: Queue) -> list[Slot]:
    """The slots that should have a runner and have none."""
    active = queue.active()
    free = [slot for slot in slots() if slot.name not in active]
    busy = [*(slot for slot in slots() if slot.name in active), *free[: len(queue.waiting())]]
    return [slot for slot in busy if not _lives(slot.name)]


def _lives(slot: str) -> bool:
    try:
        process: dict[str, Any] = read_json(runner_file(slot))
    except (OSError, RunBroken):
        return False
    return is_alive(process.get("pid"), process.get("mark"))


def _start(slot: Slot) -> None:
    place = runner_file(slot.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    log = place.with_suffix(".log")
    fresh = log.exists() and log.stat().st_size > LOG_LIMIT
    gpu = {"CUDA_VISIBLE_DEVICES": slot.gpu} if slot.gpu is not None else {}
    with open(log, "wb" if fresh else "ab") as output:
        process = child(["-m", "ddcore.jobs.runner", slot.name], output, **gpu)
    write_json(place, {"pid": process.pid, "mark": start_mark(process.pid)}, durable=False)
    _collect(process)


def _collect(process: subprocess.Popen[bytes]) -> None:
    """Somebody has to wait for the exit status, or a long-lived server gathers zombies."""
    threading.Thread(target=process.wait, daemon=True).start()


def _strays(queue: Queue) -> dict[str, str]:
    """slot name → run id, for what was taken by a slot that this process does not have (a GPU was removed) and that
    nobody serves.

    A slot with a live runner belongs to a process that may see other GPUs (CUDA_VISIBLE_DEVICES).
    """
    own = {slot.name for slot in slots()}
    return {slot: run_id for slot, run_id in queue.active().items() if slot not in own and not _lives(slot)}
