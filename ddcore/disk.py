"""How many bytes folders take."""

from __future__ import annotations

import contextlib
import os
from functools import lru_cache
from pathlib import Path


def bytes_of(folder: Path | str) -> int:
    """The bytes of all files in a folder and in those within; links are not followed."""
    total, waiting = 0, [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    with contextlib.suppress(OSError):  # gone meanwhile: that of the others counts
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # gone meanwhile, or not for us to read
            continue
    return total


def run_bytes(folder: Path) -> int:
    """The bytes of a run, measured again only when a finished one has changed."""
    if folder.is_symlink():
        return 0
    try:
        return _measured(str(folder), os.stat(folder).st_mtime_ns, os.stat(folder / "run.json").st_mtime_ns)
    except OSError:
        return bytes_of(folder)


@lru_cache(maxsize=4096)
def _measured(folder: str, changed: int, finished: int) -> int:
    return bytes_of(folder)
