"""Where things lie on disk. Read from the environment at every call, so tests can move it."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TRASH = ".trash"  # among the runs
OWN = "own"  # in a data root: the data sets that people brought


def home() -> Path:
    """Root of everything the app writes: `DDCORE_HOME`, else `cache/` beside the code."""
    return Path(os.environ.get("DDCORE_HOME") or PROJECT / "cache").expanduser().absolute()


def data_root() -> Path:
    """Root of the data sets: `DDCORE_DATA`, else `data/` under home."""
    return Path(os.environ.get("DDCORE_DATA") or home() / "data").expanduser().absolute()


def runs_root() -> Path:
    return home() / "runs"


def private_root() -> Path:
    """Runs that only those see who asked for them, where many people share one workbench."""
    return home() / "private"


def jobs_root() -> Path:
    return home() / "jobs"


def memo_root() -> Path:
    return home() / "memo"


def demo_root() -> Path:
    """Finished runs that ship with the code; read-only."""
    return PROJECT / "ddcore" / "demo"
