"""Whether a process that was written down is still the same process.

A pid alone is not enough: it is given to somebody else later. So the moment the process started is kept beside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


def start_mark(pid: int) -> str | None:
    """When process `pid` started, in a form that compares equal only for the same process; None when it is dead.

    On Linux it is the boot's id and the clock ticks since boot (wall-clock start times move when the
    clock is set); elsewhere the start time. A zombie is dead.
    """
    if (boot := _boot()) is None:
        return _start_time(pid)
    fields = _stat(pid)
    return None if not fields or fields[0] in "ZX" else f"{boot}/{fields[19]}"


def is_alive(pid: object, mark: object) -> bool:
    """Whether the process with this pid and start mark runs. Tolerates anything a file may hold."""
    return isinstance(pid, int) and pid > 0 and isinstance(mark, str) and start_mark(pid) == mark


def is_stopped(pid: int) -> bool:
    """Whether a signal or a debugger has stopped this process: it is there, and does nothing until it is continued."""
    if _boot() is not None:
        return _stat(pid)[:1] in (["T"], ["t"])
    import psutil  # type: ignore[import-untyped]

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def _stat(pid: int) -> list[str]:
    """What Linux says of a process: its state, …, as the twentieth its start; [] where there is none."""
    try:
        # The name in parentheses may hold anything, so count from the last one.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


@cache
def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _start_time(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
