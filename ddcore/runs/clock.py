"""The moment that runs write down."""

from __future__ import annotations

import time

LATEST = 4e9  # seconds since 1970: the year 2096


def now() -> float:
    """Seconds since 1970. A clock that is off by decades, as of a machine without a battery, makes no run unreadable:
    what lies before 1970 or after 2096 is told as the end that it lies beyond."""
    return min(max(time.time(), 0.0), LATEST)
