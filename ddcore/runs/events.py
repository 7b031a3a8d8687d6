"""Events: an append-only file of JSON lines, readable while it is written."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any


def read_events(path: Path, since: int = 0) -> tuple[list[dict[str, Any]], int]:
    """(events after byte `since`, offset to go on from); a half-written last line waits for its rest.

    ([], 0) when the file no longer has a line end at `since`: it was rewritten, read it from the start.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(since - 1, 0))
            if since and (not 0 < since <= size or file.read(1) != b"\n"):
                return [], 0
            content = file.read(size - since)
    except FileNotFoundError:
        return [], 0
    whole = content.rfind(b"\n") + 1
    return [e for line in content[:whole].splitlines() if (e := _event(line)) is not None], since + whole


def state(path: Path) -> tuple[int, ...]:
    """What is another one after events were written or taken back; () while there are none."""
    try:
        now = os.stat(path)
    except FileNotFoundError:
        return ()
    return now.st_ino, now.st_size, now.st_mtime_ns


def first_event(path: Path, name: str, lines: int = 50) -> dict[str, Any] | None:
    """The first event of this name, looked for in so many lines; the rest of the file is not read."""
    try:
        with open(path, "rb") as file:
            events = (_event(line) for line in islice(file, lines))
            return next((event for event in events if event and event.get("event") == name), None)
    except OSError:
        return None


def rewind(path: Path, offset: int) -> None:
    """Forget every event after byte `offset`."""
    try:
        with open(path, "r+b") as file:
            file.truncate(min(offset, file.seek(0, os.SEEK_END)))
    except FileNotFoundError:
        pass


def _event(line: bytes) -> dict[str, Any] | None:
    """The event of a line; None for a line that a crash left in pieces."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
