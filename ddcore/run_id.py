"""What stored runs hold at the least: how an id looks, and what a number is. Without pydantic, for the job runner."""

from __future__ import annotations

import re
from typing import Any

KEY = re.compile(r"[0-9a-f]{16}")  # of a question
# Part of addresses, commands and parameters, and the name of a run's folder: the key of its question; behind that of a
# run that was not computed here a hash of what it holds, so that it never lies where an answer is looked for.
RUN_ID = re.compile(rf"{KEY.pattern}(?:-{KEY.pattern})?")
LARGEST = 1e300  # numbers beyond it cannot be calculated with


def is_number(value: Any) -> bool:
    """Whether it is a finite number, however many digits somebody wrote down; NaN is none."""
    return isinstance(value, int | float) and -LARGEST <= value <= LARGEST
