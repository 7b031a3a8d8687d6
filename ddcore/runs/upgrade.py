"""What run.json held in earlier versions, under today's names: the one place that knows of older answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summary(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored summary under today's names; what is not understood stays as it is, for the kind's Summary to refuse."""
    upgraded = dict(stored)
    accuracy, values, splits = (upgraded.get(name) for name in ("accuracy", "accuracies", "splits"))
    if isinstance(accuracy, Mapping) and values and "values" not in accuracy:
        upgraded["accuracy"] = {**accuracy, "values": values}  # those of each network stood beside the accuracy
    if isinstance(splits, Mapping):
        upgraded["splits"] = {name: _listed_votes(part) for name, part in splits.items()}
    return upgraded


def _listed_votes(part: Any) -> Any:
    """A split of a described data set, whose votes were stored by their number, in order of that number."""
    votes = part.get("votes") if isinstance(part, Mapping) else None
    if not isinstance(votes, Mapping) or not all(str(number).isdecimal() for number in votes):
        return part
    counts = {int(number): images for number, images in votes.items()}
    return {**part, "votes": [counts.get(number, 0) for number in range(max(counts, default=-1) + 1)]}
