"""How sure a difference between two accuracies is: Welch's interval over the evaluation networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from ddcore.lazy import pd
from ddcore.report.compare_runs import Compared, measured_on
from ddcore.summary import Accuracy, Interval


def pairs(found: Sequence[Compared], against: Compared | None = None) -> pd.DataFrame:
    """One row a pair of runs that were judged alike: first, second, mean, low, high (points), n (text), says.

    against: only the pairs with this run, as their second.
    """
    judged = [one for one in found if one.accuracy]
    asked = combinations(judged, 2) if against is None else ((one, against) for one in judged if one is not against)
    rows: list[dict[str, Any]] = []
    for one, other in asked:
        if alike(one, other) and (known := sample(one).minus(sample(other))):
            rows.append({
                "first": one.label, "second": other.label, "mean": 100 * known.mean, "low": 100 * known.low,
                "high": 100 * known.high, "n": f"{_counted(one)} and {_counted(other)}",
                "says": _says(one, other, known),
            })
    return pd.DataFrame(rows, columns=["first", "second", "mean", "low", "high", "n", "says"])


def sample(one: Compared) -> Accuracy:
    """What varies by chance: the seeds' means of a set that was made from several, else its networks.

    All networks of all seeds as one sample would count what a seed's networks share as if each had drawn it anew:
    with 3 seeds of 5 networks that called equal methods different in 42 of 100 simulated cases instead of 5.
    """
    return Accuracy.of(one.seeds if len(one.seeds) > 1 else one.accuracies)


def _counted(one: Compared) -> str:
    return f"{len(one.seeds)} seeds" if len(one.seeds) > 1 else f"{len(one.accuracies)} networks"


def alike(one: Compared, other: Compared) -> bool:
    """Whether two accuracies were measured on the same images, network and protocol, so that they compare."""
    mine, theirs = one.evaluation, other.evaluation
    if mine is None or theirs is None or measured_on(one) != measured_on(other):
        return False
    same_version = mine.kind != theirs.kind or mine.info.get("version") == theirs.info.get("version")
    return same_version and mine.info.get("dataset") == theirs.info.get("dataset")


def _says(one: Compared, other: Compared, known: Interval) -> str:
    if not known.decided:
        return "not told apart"
    better = one if known.mean > 0 else other
    return f"{better.label} is better"
