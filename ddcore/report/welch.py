"""How sure a difference between two accuracies is: Welch's interval over the evaluation networks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ddcore.lazy import lazy
from ddcore.report.compare_runs import measured_on

if TYPE_CHECKING:
    import pandas as pd
    from scipy import special

    from ddcore.report.compare_runs import Compared
else:
    pd, special = lazy("pandas"), lazy("scipy.special")

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """mean: of the differences, first minus second; low, high: where it lies at `LEVEL`; fractions, like the input."""

    mean: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether zero lies outside: one of the two is better, as far as these networks tell."""
        return self.low > 0 or self.high < 0


def interval(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Welch's interval for the difference of two means, of samples with unequal variances.

    d ± t(ν)·√(s₁²/n₁ + s₂²/n₂) with Welch and Satterthwaite's ν (Welch 1947, Biometrika 34). None where a sample has
    fewer than two values: one network has no spread to judge by.
    """
    if min(len(first), len(second)) < 2:
        return None
    difference = statistics.mean(first) - statistics.mean(second)
    parts = [statistics.variance(one) / len(one) for one in (first, second)]
    if not (square := sum(parts)):
        return Interval(difference, difference, difference)
    freedom = square**2 / sum(part**2 / (len(one) - 1) for part, one in zip(parts, (first, second), strict=True))
    reach = float(special.stdtrit(freedom, (1 + level) / 2)) * math.sqrt(square)
    return Interval(difference, difference - reach, difference + reach)


def pairs(found: Sequence[Compared], against: Compared | None = None) -> pd.DataFrame:
    """One row a pair of runs that were judged alike: first, second, mean, low, high (points), n (text), says.

    against: only the pairs with this run, as their second.
    """
    judged = [one for one in found if one.accuracy]
    asked = combinations(judged, 2) if against is None else ((one, against) for one in judged if one is not against)
    rows: list[dict[str, Any]] = []
    for one, other in asked:
        if alike(one, other) and (known := interval(sample(one), sample(other))):
            rows.append({
                "first": one.label, "second": other.label, "mean": 100 * known.mean, "low": 100 * known.low,
                "high": 100 * known.high, "n": f"{_counted(one)} and {_counted(other)}",
                "says": _says(one, other, known),
            })
    return pd.DataFrame(rows, columns=["first", "second", "mean", "low", "high", "n", "says"])


def sample(one: Compared) -> tuple[float, ...]:
    """What varies by chance: the seeds' means of a set that was made from several, else its networks.

    All networks of all seeds as one sample would count what a seed's networks share as if each had drawn it anew:
    with 3 seeds of 5 networks that called equal methods different in 42 of 100 simulated cases instead of 5.
    """
    return one.seeds if len(one.seeds) > 1 else one.accuracies


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
