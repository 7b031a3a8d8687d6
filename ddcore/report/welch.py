"""How sure a difference between two accuracies is: Welch's interval over the evaluation networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from ddcore.lazy import pd
from ddcore.report.compare_runs import Compared, measured_on
from ddcore.summary import Accuracy


def pairs(runs: Sequence[Compared], against: Compared | None = None) -> pd.DataFrame:
    """One row a pair of runs that were judged alike: first, second, mean, low, high (points), n (text), says.

    against: only the pairs with this run, as their second.
    """
    judged = [run for run in runs if run.accuracy]
    both = combinations(judged, 2) if against is None else ((run, against) for run in judged if run is not against)
    rows = [
        (one.label, other.label, 100 * interval.mean, 100 * interval.low, 100 * interval.high,
         f"{_counted(one)} and {_counted(other)}",
         f"{(one if interval.mean > 0 else other).label} is better" if interval.decided else "not told apart")
        for one, other in both if alike(one, other) and (interval := sample(one).minus(sample(other)))
    ]
    return pd.DataFrame(rows, columns=["first", "second", "mean", "low", "high", "n", "says"])


def sample(run: Compared) -> Accuracy:
    """What varies by chance: the seeds' means of a set that was made from several, else its networks.

    All networks of all seeds as one sample would count what a seed's networks share as if each had drawn it anew:
    with 3 seeds of 5 networks that called equal methods different in 42 of 100 simulated cases instead of 5.
    """
    return Accuracy.of(run.seeds if len(run.seeds) > 1 else run.accuracies)


def _counted(run: Compared) -> str:
    return f"{len(run.seeds)} seeds" if len(run.seeds) > 1 else f"{len(run.accuracies)} networks"


def alike(one: Compared, other: Compared) -> bool:
    """Whether two accuracies were measured on the same images, network and protocol, so that they compare."""
    mine, theirs = one.evaluation, other.evaluation
    if mine is None or theirs is None or measured_on(one) != measured_on(other):
        return False
    same_version = mine.kind != theirs.kind or mine.info.get("version") == theirs.info.get("version")
    return same_version and mine.info.get("dataset") == theirs.info.get("dataset")
