"""Arrays that took long to make, kept as .npy files under the data root.

Nothing depends on them: a missing, damaged or unwritable file only costs the time to make it again.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np


def folder(root: Path) -> Path:
    """Where the prepared files of a data root lie."""
    return root / "prepared"


def array(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array kept in `path`, memory-mapped; made and kept first where it is not or cannot be read."""
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):  # not there, cut short, or no .npy file
        values = make()
    with contextlib.suppress(OSError):  # a data root shared read-only, a full disk
        write(path, lambda stream: np.save(stream, values, allow_pickle=False))
    return values


def write(path: Path, fill: Callable[..., object]) -> None:
    """Write `path` whole or not at all: `fill` gets a binary stream, whose file is then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made with open(), unlike tempfile's 0600: a data root may be shared by a group.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        with unfinished.open("xb") as stream:
            fill(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
