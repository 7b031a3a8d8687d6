"""Files that are always whole, files that are only added to, and how many bytes folders take."""

from __future__ import annotations

import contextlib
import itertools
import os
from functools import lru_cache
from pathlib import Path

_counter = itertools.count()


def write_bytes(path: Path, content: bytes, durable: bool = True) -> None:
    """Put `content` at `path` atomically: readers see the old file or the new one, never a part.

    durable: also survive a power cut (fsync of the file and of its folder). A crash in between
    leaves only a hidden temporary file, which `runs.files.sweep` removes.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_counter)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def append(path: Path, *lines: str) -> None:
    """Add lines to the end of a file that nobody but its owner may read, in one call: those of several processes do not
    mix. OSError where they cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(file)


def last_lines(path: Path, most: int) -> list[bytes]:
    """The lines in the last `most` bytes of a file; the first of them may be cut. OSError where it cannot be read."""
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - most))
        return file.read().split(b"\n")


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


def _sync_folder(folder: Path) -> None:
    # Not every file system can; the rename itself is atomic regardless.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
