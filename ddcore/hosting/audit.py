"""The audit log: who did what to which run when. One JSON line each, only ever added to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ddcore import home
from ddcore.hosting.people import acting

PRIVATE = "private"  # in a line of a deed that was done to a private run, which may be gone by the time it is read
LONGEST = 500  # characters of a text in it
TAIL = 2_000_000  # bytes at its end that are looked at


def write(deed: str, what: str, outcome: str, **more: str) -> None:
    """Add a line. what: the id or name that it was done to; outcome: "done", "refused" or "failed: why".

    OSError where it cannot be written: nothing that has to be told is done in silence.
    """
    one = acting()
    line = {"when": round(time.time(), 3), "who": one.id, "role": one.role, "deed": deed, "what": what,
            "outcome": outcome, **more}
    short = {name: value[:LONGEST] if isinstance(value, str) else value for name, value in line.items()}
    path().parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, (json.dumps(short) + "\n").encode())  # in one call: lines of several processes do not mix
    finally:
        os.close(file)


def lines(most: int = 1000) -> list[dict[str, Any]]:
    """The last lines, newest first; lines that a full disk cut short are left out."""
    return [line for line, _ in zip(_newest(), range(most), strict=False)]


def path() -> Path:
    return home.home() / "audit.jsonl"


def _newest() -> Iterator[dict[str, Any]]:
    try:
        with open(path(), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            texts = file.read().split(b"\n")
    except FileNotFoundError:
        return
    for text in reversed(texts):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line
