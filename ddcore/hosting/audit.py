"""The audit log: who did what to which run when. One JSON line each, only ever added to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ddcore import home
from ddcore.disk import append, last_lines
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
    append(path(), json.dumps(short))


def lines(most: int = 1000) -> list[dict[str, Any]]:
    """The last lines, newest first; lines that a full disk cut short are left out."""
    return [line for line, _ in zip(_newest(), range(most), strict=False)]


def path() -> Path:
    return home.home() / "audit.jsonl"


def _newest() -> Iterator[dict[str, Any]]:
    try:
        texts = last_lines(path(), TAIL)
    except FileNotFoundError:
        return
    for text in reversed(texts):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line
