"""job.json: the states a job goes through, each written by the one who may write it.

queued      by submit, under the lock; by   running     by the worker, when it starts
            the worker that waits or steps aside
done        follows from run.json           failed      by the worker; by the runner for lost parents
cancelled   by the worker; by cancel while it waits; by the runner after a kill
interrupted by the runner, also for interrupted parents; and read from a dead worker where no runner saw it die
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ddcore import home
from ddcore.errors import RunBroken
from ddcore.runs import clock, thinned
from ddcore.runs.files import read_json, write_bytes, write_json
from ddcore.runs.process import is_alive, start_mark
from ddcore.runs.state import ASKER, ASKING, CANCEL_FLAG, CANCELLED, RESUMED, SLICE_FLAG, resumed

THINNED = "Its arrays were deleted, as those of old runs are. It is computed again where they are needed."


def read_job(folder: Path) -> dict[str, Any]:
    """job.json; empty when it is missing or malformed."""
    try:
        return read_json(folder / "job.json")
    except (OSError, RunBroken):
        return {}


def mark_queued(folder: Path, asked_by: str | None = None, data: str | None = None) -> None:
    """Ready to be (re)started: what the last session left for people is put away. asked_by: the run that waits for it,
    where only that one asked; data: the data root that it is to be computed with, this process's where not given."""
    for name in (CANCEL_FLAG, SLICE_FLAG, "error.txt", ASKER):
        (folder / name).unlink(missing_ok=True)
    if asked_by:
        write_bytes(folder / ASKER, asked_by.encode(), durable=False)
    _write(folder, state="queued", queued=clock.now(), message=None, finished=None, pid=None, mark=None, awaited=None,
           aside=None, data=data or str(home.data_root()))


def worked(folder: Path) -> float:
    """Seconds that its workers have worked on it, of all sessions."""
    return _worked(folder, read_job(folder))


def _worked(folder: Path, job: Mapping[str, Any]) -> float:
    before, begun = (job.get(name) for name in ("worked", "session_started"))
    total = float(before) if isinstance(before, int | float) else 0.0
    if job.get("state") != "running" or not isinstance(begun, int | float):
        return total
    return total + max(0.0, (clock.now() if is_alive(job.get("pid"), job.get("mark")) else _last_sign(folder)) - begun)


def _last_sign(folder: Path) -> float:
    """When a worker that is gone told last how far it was; 0 where it never did."""
    try:
        return (folder / "progress.json").stat().st_mtime
    except OSError:
        return 0.0


def data_of(folder: Path) -> str | None:
    """The data root that a run is to be computed with; None where an earlier version asked for it."""
    data = read_job(folder).get("data")
    return data if isinstance(data, str) else None


def mark_waiting(folder: Path, awaited: Iterable[str]) -> None:
    """It goes on when the runs that it asked for have ended."""
    _write(folder, state="queued", queued=clock.now(), pid=None, mark=None, awaited=list(awaited))


def mark_aside(folder: Path) -> None:
    """It has stepped aside for others, and goes on when it is its turn again."""
    grant(folder, None)
    _write(folder, state="queued", aside=clock.now(), pid=None, mark=None)


def came_at(folder: Path) -> int:
    """Its number in the queue, by when it was asked for: about nanoseconds since 1970."""
    return int(float(read_job(folder).get("queued") or clock.now()) * 1e9)


def grant(folder: Path, seconds: float | None) -> None:
    """How long its worker may go on while others wait: so many seconds since it began; None: as long as it takes."""
    if seconds is None:
        (folder / SLICE_FLAG).unlink(missing_ok=True)
    else:
        write_bytes(folder / SLICE_FLAG, str(seconds).encode(), durable=False)


def mark_asked(folder: Path) -> None:
    """A person asked for it: it outlives the run that waits for it, and may go on by itself as often as any."""
    for name in (ASKER, RESUMED):  # files of their own: its worker may be writing job.json
        (folder / name).unlink(missing_ok=True)


def mark_asking(folder: Path, people: Iterable[str]) -> None:
    """These people wait for it."""
    write_bytes(folder / ASKING, "\n".join(people).encode(), durable=False)


def mark_resumed(folder: Path) -> None:
    """It goes on by itself, once more since a person asked for it."""
    write_bytes(folder / RESUMED, str(resumed(folder) + 1).encode())


def mark_running(folder: Path, slot: str) -> dict[str, Any]:
    """This process works on it now; what job.json then says. To go on after stepping aside is no session of its own."""
    job, now = read_job(folder), clock.now()
    grant(folder, None)
    return _write(
        folder, state="running", slot=slot, pid=os.getpid(), mark=start_mark(os.getpid()), aside=None,
        started=job.get("started") or now, session_started=now,
        sessions=int(job.get("sessions") or 0) + (not job.get("aside")),
    )


def mark_ended(folder: Path, state: str, message: str | None = None, error: str | None = None) -> None:
    """It ended as "done", "failed", "cancelled" or "interrupted". message: a sentence; error: a traceback."""
    if error is not None:
        write_bytes(folder / "error.txt", error.encode())
    _write(folder, state=state, message=message, finished=clock.now(), pid=None, mark=None)


def reopen(folder: Path) -> None:
    """A finished run whose arrays were deleted is to be computed again, from the beginning: another one builds on them.
    Under the lock."""
    _write(folder, state="interrupted", message=THINNED, finished=clock.now(), worked=None)
    for name in ("run.json", thinned.FILE):
        (folder / name).unlink(missing_ok=True)


def mark_killed(folder: Path, message: str) -> None:
    """Its worker was killed before it had said hello, which counts as a session: who tries again must end some day."""
    sessions = int(read_job(folder).get("sessions") or 0) + 1
    _write(folder, state="interrupted", message=message, finished=clock.now(), sessions=sessions)


def request_cancel(folder: Path, grace: float, why: str = CANCELLED) -> None:
    """Ask the worker to stop; after `grace` seconds the runner kills it. why: a sentence that the run keeps."""
    write_json(folder / CANCEL_FLAG, {"asked": clock.now(), "grace": grace, "why": why})


def cancel_reason(folder: Path) -> str:
    """Why it was asked to stop, as a sentence."""
    try:
        return str(read_json(folder / CANCEL_FLAG)["why"])
    except (OSError, RunBroken, KeyError):
        return CANCELLED


def cancel_grace(folder: Path) -> float | None:
    """Seconds a worker is given to stop by itself; None when nobody asked it to."""
    try:
        grace = read_json(folder / CANCEL_FLAG).get("grace")
    except OSError:
        return None
    except RunBroken:
        grace = None
    return float(grace) if isinstance(grace, int | float) else 5.0


def _write(folder: Path, **changes: Any) -> dict[str, Any]:
    before = read_job(folder)
    if before.get("state") == "running":  # that session has ended
        changes["worked"] = round(_worked(folder, before), 3)
    job = {k: v for k, v in {**before, **changes}.items() if v is not None}
    write_json(folder / "job.json", job)
    return job
