"""Whether the workbench works, for monitors: the queue, the slots, the disk. Nothing in it is anybody's, and no id."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import Any

from ddcore import home
from ddcore.errors import ConfigError
from ddcore.hosting.settings import settings
from ddcore.jobs.drain import draining
from ddcore.jobs.launch import lives
from ddcore.jobs.queue import Queue
from ddcore.jobs.slots import ASIDE, slots
from ddcore.runs import provenance

LEAST_FREE = 1e9  # bytes, below which the disk is nearly full
FRESH_SECONDS = 1.0  # for which one answer serves all that ask

_lock = threading.Lock()
_last: list[tuple[float, str, dict[str, Any]]] = []  # at most one: when, of which home, what


def health() -> dict[str, Any]:
    """status, "ok" or "failing"; problems, a sentence each; version, commit; queue, slots and disk, as docs/hosting.md
    tells them. Worked out once a second at most, however many ask."""
    with _lock:
        place = str(home.home())
        if not _last or _last[0][1] != place or not 0 <= time.monotonic() - _last[0][0] < FRESH_SECONDS:
            _last[:] = [(time.monotonic(), place, _health())]
        return _last[0][2]


def _health() -> dict[str, Any]:
    queue = Queue()
    active, waiting = queue.active(), [ticket for ticket in queue.waiting() if not ticket.aside]
    unwritable, disk = _unwritable(), _disk()
    problems = [*unwritable, *_full(disk), *_unsettled()]
    return {
        "status": "failing" if problems else "ok", "problems": problems, **provenance.code(),
        "queue": {"waiting": len(waiting), "working": sum(slot != ASIDE.name for slot in active),
                  "draining": draining()},
        "slots": [{"name": slot.name, "working": slot.name in active, "runner_alive": lives(slot.name)}
                  for slot in slots()],
        "disk": disk,
    }


def _disk() -> dict[str, int] | None:
    try:
        used = shutil.disk_usage(home.home())
    except OSError:
        return None
    return {"free_bytes": used.free, "total_bytes": used.total}


def _unwritable() -> list[str]:
    """Tried with a file: a disk may be mounted read-only, and permissions do not tell."""
    probe = home.home() / f".health.{os.getpid()}.tmp"
    try:
        home.home().mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return [f"The home cannot be written: {error.strerror}."]
    return []


def _full(disk: dict[str, int] | None) -> list[str]:
    if disk is None or disk["free_bytes"] >= LEAST_FREE:
        return []
    return [f"The disk is nearly full: {disk['free_bytes'] / 1e6:,.0f} MB are free."]


def _unsettled() -> list[str]:
    try:
        settings()
    except ConfigError:
        return ["The settings cannot be read, so nobody is let in."]
    return []
