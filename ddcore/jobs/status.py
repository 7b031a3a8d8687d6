"""How a job is going, read from its run folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ddcore.errors import RunBroken
from ddcore.jobs.job import read_job
from ddcore.jobs.turns import Turn
from ddcore.runs.files import read_json
from ddcore.runs.process import is_stopped
from ddcore.runs.record import RunRecord
from ddcore.runs.state import ACTIVE, STANDS, stands_aside


@dataclass(frozen=True)
class Status:
    """position: 1 for the job that is taken next, None when it does not wait; awaited: how many of the runs that it
    asked for are still to end, which it waits for; done of total units;
    elapsed_seconds over all sessions; eta_seconds None until there is a speed; message: why it
    stands still, or why it ended; heartbeat_age: seconds since the worker last said something; turn: why it stands at
    this position, where people take turns; aside: whether it has stepped aside for others."""

    state: str
    position: int | None = None
    done: int = 0
    total: int = 0
    phase: str = ""
    elapsed_seconds: float = 0.0
    eta_seconds: float | None = None
    message: str = ""
    heartbeat_age: float | None = None
    awaited: int = 0
    turn: Turn | None = None
    aside: bool = False

    @property
    def active(self) -> bool:
        """Whether it may still change by itself."""
        return self.state in ACTIVE


def read_status(
    record: RunRecord, position: int | None = None, awaited: int = 0, turn: Turn | None = None
) -> Status:
    """The status of a run; tolerates missing and malformed files."""
    path = record.folder / "progress.json"
    try:
        note, age = read_json(path), max(0.0, time.time() - path.stat().st_mtime)
    except (OSError, RunBroken):
        note, age = {}, None
    done, total, elapsed = (_number(note, name) for name in ("done", "total", "elapsed"))
    phase = str(note.get("phase", ""))
    if record.state == "done":
        seconds = record.info["times"].get("seconds")
        return Status("done", None, int(total), int(total), phase, elapsed if seconds is None else seconds)
    live = record.state in ("running", "cancelling")
    eta = note.get("eta") if live else None
    stands = live and is_stopped(read_job(record.folder).get("pid") or 0)
    return Status(
        state=record.state, position=position, awaited=awaited, done=int(done), total=int(total), phase=phase,
        elapsed_seconds=elapsed + (age or 0.0) * live,
        eta_seconds=max(0.0, eta - (age or 0.0)) if isinstance(eta, int | float) and not stands else None,
        message=STANDS if stands else record.problem or "", heartbeat_age=age if live else None, turn=turn,
        aside=record.state == "queued" and stands_aside(record.folder),
    )


def _number(note: dict[str, Any], name: str) -> float:
    value = note.get(name)
    return value if isinstance(value, int | float) else 0
