"""What stored runs hold at the least: how an id looks, and what a number is. Without pydantic, for the job runner."""

from __future__ import annotations

import re
from typing import Any

RUN_ID = re.compile(r"[0-9a-f]{16}")  # part of addresses, commands and parameters, and the name of a run's folder
LARGEST = 1e300  # numbers beyond it cannot be calculated with


def is_number(value: Any) -> bool:
    """Whether it is a finite number, however many digits somebody wrote down; NaN is none."""
    return isinstance(value, int | float) and -LARGEST <= value <= LARGEST
