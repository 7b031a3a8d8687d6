"""What state a run folder is in, read from its files and from whether its worker lives.

Nothing has to be written for a dead worker to be seen: "running" is only believed of a live process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ddcore.errors import DDCoreError, RunBroken
from ddcore.runs.files import read_json, read_json_cached
from ddcore.runs.process import is_alive

STATES = ("queued", "running", "cancelling", "cancelled", "failed", "interrupted", "done", "broken")
ACTIVE = ("queued", "running", "cancelling")

CANCEL_FLAG = "cancel"
SLICE_FLAG = "slice"  # the file with the seconds after which a run steps aside, while others wait for its slot
RESUMED = "resumed"  # the file with the number of times that it went on by itself
ASKING = "asking"  # the file with the ids of the people who wait for it, one a line, where many share one workbench
ASKER = "asker"  # the file with the id of the run that asked for this one, while no person did

DIED = "The worker died without a word (killed, out of memory, or the machine went down). It can be resumed."
CANCELLED = "It was cancelled."
KILLED = "It did not stop when asked to, so it was killed. It can be resumed."
STOPPED_SECONDS = 600.0  # for which a stopped worker keeps its slot
STOOD = f"Its worker was stopped (SIGSTOP) for {STOPPED_SECONDS / 60:.0f} minutes, so it was ended. It can be resumed."
STANDS = f"Its worker is stopped (SIGSTOP) and computes nothing; after {STOPPED_SECONDS / 60:.0f} minutes it is ended."
NEVER_QUEUED = "It was never put into the queue. It can be resumed."


def job_state(folder: Path) -> tuple[str, dict[str, Any]]:
    """(state, job.json) of a folder; a folder with run.json is done whatever job.json says.

    Raises RunBroken when job.json is malformed.
    """
    state, job = _read(folder)
    if state not in ACTIVE and job.get("state") == "running":
        # The worker may have ended in good order between the look at its file and the look for its process.
        state, job = _read(folder)
    return state, job


def _read(folder: Path) -> tuple[str, dict[str, Any]]:
    try:
        job = read_json(folder / "job.json")
    except FileNotFoundError:
        job = {"state": "interrupted", "message": NEVER_QUEUED}
    if (folder / "run.json").exists():
        return "done", job
    state = job.get("state")
    if state == "running":
        asked_to_stop = (folder / CANCEL_FLAG).exists()
        if is_alive(job.get("pid"), job.get("mark")):
            return ("cancelling" if asked_to_stop else "running"), job
        return ("cancelled", {**job, "message": KILLED}) if asked_to_stop else ("interrupted", {**job, "message": DIED})
    if state == "done":
        raise RunBroken("job.json says done but there is no run.json")
    if state not in STATES:
        raise RunBroken(f"job.json has the state {state!r}")
    return state, job


def awaited(folder: Path) -> tuple[str, ...]:
    """Ids of the runs that this one asked for on its way and waits for, or has waited for."""
    return tuple(_job(folder).get("awaited", ()))


def asker(folder: Path) -> str:
    """Id of the run that asked for this one; "" where a person did, alone or as well."""
    try:
        return (folder / ASKER).read_text()
    except FileNotFoundError:
        return ""


def asking(folder: Path) -> tuple[str, ...]:
    """Ids of the people who wait for it; () where nobody wrote that down."""
    try:
        return tuple((folder / ASKING).read_text().split())
    except FileNotFoundError:
        return ()


def resumed(folder: Path) -> int:
    """How often it went on by itself since a person asked for it."""
    try:
        return int((folder / RESUMED).read_text())
    except (OSError, ValueError):
        return 0


def resumes() -> int:
    """How often an interrupted run goes on by itself: `DDCORE_RESUMES`, 0 (never) unless it is set.

    Raises DDCoreError where that is no whole number.
    """
    value = os.environ.get("DDCORE_RESUMES") or "0"
    if not value.isdecimal():
        raise DDCoreError(f"DDCORE_RESUMES is how often an interrupted run goes on by itself, 0 or more; got {value!r}")
    return int(value)


def stands_aside(folder: Path) -> bool:
    """Whether it has stepped aside for others, and waits to go on."""
    return bool(_job(folder).get("aside"))


def sessions(folder: Path) -> int:
    """How often a worker has begun or gone on with it, but for going on after it stepped aside."""
    return int(_job(folder).get("sessions") or 0)


def ended_at(folder: Path) -> float:
    """When it ended, in seconds since 1970; 0 where it has not."""
    return float(_job(folder).get("finished") or 0.0)


def _job(folder: Path) -> dict[str, Any]:
    """job.json; empty where it is missing or malformed."""
    try:
        return read_json_cached(folder / "job.json")
    except (OSError, RunBroken):
        return {}
