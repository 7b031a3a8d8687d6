"""Finished runs without the files that only a longer run, or one that builds on them, would go on from.

Checkpoints and memory-mapped arrays (expert trajectories) can be huge. Without them a run is shown, compared, evaluated
and exported as before. The file `thinned` in its folder says which were deleted, so that nobody takes that for damage.
"""

from __future__ import annotations

import os
from pathlib import Path

from ddcore.errors import RunBroken
from ddcore.runs import clock
from ddcore.runs.apart import HEAVY
from ddcore.runs.checkpoint import FILE as CHECKPOINT
from ddcore.runs.files import read_json, write_json

FILE = "thinned"


def heavy(folder: Path) -> list[str]:
    """The names of the files that can be deleted of a finished run."""
    try:
        with os.scandir(folder) as entries:
            files = [one.name for one in entries if one.is_file(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(name for name in files if HEAVY.fullmatch(name))


def thin(folder: Path) -> list[str]:
    """Delete these files; their names. Under the store's lock, so that nothing begins to build on them meanwhile."""
    if names := heavy(folder):
        write_json(folder / FILE, {"when": clock.now(), "files": sorted({*deleted(folder), *names})})
        for name in names:
            (folder / name).unlink(missing_ok=True)
    return names


def deleted(folder: Path) -> list[str]:
    """The names of the files that were deleted."""
    try:
        names = read_json(folder / FILE).get("files")
    except (OSError, RunBroken):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def lacks_arrays(folder: Path) -> bool:
    """Whether arrays are gone that other runs build on, so that it has to be computed again before one does."""
    return any(name != CHECKPOINT and not (folder / name).exists() for name in deleted(folder))
