"""Small files that are always whole: written beside their place, then renamed onto it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ddcore.disk import write_bytes
from ddcore.errors import DDCoreError, RunBroken
from ddcore.runs.process import start_mark

Version = tuple[int, int, int]
LEFT_SECONDS = 3600.0  # after which a file that is not whole is nobody's, whoever has its writer's process id by now


class FolderUnusable(DDCoreError):
    """A folder of the app that cannot be used: full, read-only, not permitted, not a folder."""


@contextlib.contextmanager
def usable(folder: Path) -> Iterator[None]:
    """What the file system refuses in here becomes one sentence that names `folder`: FolderUnusable."""
    try:
        yield
    except OSError as error:
        at = f" ({error.filename})" if error.filename and str(error.filename) != str(folder) else ""
        raise FolderUnusable(
            f"the folder {folder} cannot be used: {error.strerror or error}{at}; DDCORE_HOME can name another place"
        ) from error


def check_room(folder: Path, needed: int) -> None:
    """FolderUnusable, with the numbers, where the disk under `folder` has less than `needed` bytes to give."""
    with usable(folder):
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise FolderUnusable(
            f"the disk is too small: needs {size(needed)}, {size(free)} are free in {folder}; "
            "DDCORE_HOME can name another place"
        )


def size(number: int) -> str:
    """12_800_000_000 → "12.8 GB"; 44_000_000 → "44 MB"; 1_200_000 → "1.2 MB"."""
    if number >= 1e9:
        return f"{number / 1e9:.1f} GB"
    return f"{number / 1e6:.0f} MB" if number >= 1e7 else f"{number / 1e6:.1f} MB"


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    """`write_bytes` of one line of JSON."""
    write_bytes(path, (dumps(value) + "\n").encode(), durable)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. FileNotFoundError when absent, RunBroken when it is something else."""
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise RunBroken(f"{path.name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RunBroken(f"{path.name} holds a {type(value).__name__}, not an object")
    return value


def read_json_cached(path: Path) -> dict[str, Any]:
    """`read_json`, parsed again only when the file was replaced. The result is shared: do not change it."""
    return _parsed(str(path), version(str(path)))


def version(path: str) -> Version:
    """What differs once the file was replaced, or changed in its place; OSError when there is none."""
    stat = os.stat(path)
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def sha256(path: Path) -> str:
    """The hash of what a file holds, in hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dumps(value: Any) -> str:
    """One line of strict JSON. Scalars of numpy and torch become numbers; nan and inf become null."""
    try:
        return json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False)
    except ValueError:
        return json.dumps(_finite(value), default=lambda v: _finite(_plain(v)), allow_nan=False, ensure_ascii=False)


def sweep(folder: Path) -> None:
    """Remove temporary files that a crash left in a folder and in those within, but no file that is being written."""
    for left in folder.rglob(".*.tmp"):
        with contextlib.suppress(OSError):  # finished or removed meanwhile
            if time.time() - left.stat().st_mtime > LEFT_SECONDS or not _writes(left):
                left.unlink()


def _writes(temporary: Path) -> bool:
    """Whether the process that began this file may still be at it."""
    pid = temporary.name.split(".")[-3]
    return pid.isdecimal() and start_mark(int(pid)) is not None


@lru_cache(maxsize=4096)
def _parsed(path: str, known: Version) -> dict[str, Any]:
    return read_json(Path(path))


def _plain(value: Any) -> Any:
    """What JSON can hold of a numpy or torch value."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON: {value!r}")


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {k: _finite(v) for k, v in value.items()}
        case list() | tuple():
            return [_finite(v) for v in value]
        case _:
            return value
