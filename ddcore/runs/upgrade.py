"""What run.json held in earlier versions, told as this version tells it: the one place that knows of older answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summary(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored summary under today's names. The accuracy of each network stood beside the accuracy, not within it."""
    accuracy, values = stored.get("accuracy"), stored.get("accuracies")
    if isinstance(accuracy, Mapping) and values and "values" not in accuracy:
        return {**stored, "accuracy": {**accuracy, "values": values}}
    return dict(stored)
