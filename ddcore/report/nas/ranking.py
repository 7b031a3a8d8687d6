"""How well one ranking of networks agrees with another: Spearman and Kendall, with bootstrap intervals.

All coefficients of all resamples are computed at once: a resample is a row that counts how often each network was
drawn, and the first row counts every network once, so that it gives the coefficient itself.
Notation: B resamples, n networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ddcore.lazy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    Array = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 1000
SEED = 8
LEAST = 3  # networks: with two, every ranking is either right or wrong
LEAST_INTERVAL = 6  # networks: of 5 without any relation, intervals leave out 0 in 12 % of all cases
TOPS = (5, 10, 20)  # percent


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of agreement from −1 to 1 over n networks and where it lies at `LEVEL`.

    value is None where it is not defined, low and high where nothing can be said; reason: why that is.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


@dataclass(frozen=True)
class Agreement:
    """Both coefficients over the same n networks."""

    n: int
    spearman: Coefficient
    kendall: Coefficient


def agreement(proxy: Sequence[float], truth: Sequence[float]) -> Agreement:
    """How well the accuracies of networks on a proxy rank them as their true accuracies do.

    Equal accuracies share a mean rank in Spearman's ρ and count as ties in Kendall's τ-b.
    """
    x, y, reason = tuple(proxy), tuple(truth), _undefined(truth, proxy)
    return Agreement(len(x), _bounded(_spearman, x, y, reason), _bounded(_kendall, x, y, reason))


def top(truth: Sequence[float], percent: int) -> list[int]:
    """Which networks are the best `percent` by true accuracy, in the order given.

    Rounded up: 5 % of 54 are 3 networks; and all that are as accurate as the last of them are with them. How few they
    may be is no concern here: an agreement over fewer than `LEAST` says that it is not defined, and n is always told.
    """
    if not len(truth):
        return []
    last = sorted(truth, reverse=True)[math.ceil(percent * len(truth) / 100) - 1]
    return [index for index, accuracy in enumerate(truth) if accuracy >= last]


def tops(proxy: Sequence[float], truth: Sequence[float]) -> dict[int, Agreement]:
    """The agreement over the best 5, 10 and 20 % alone: percent → agreement. Which these are is not resampled."""
    return {percent: agreement([proxy[index] for index in best], [truth[index] for index in best])
            for percent in TOPS for best in [top(truth, percent)]}


def difference(first: Sequence[float], second: Sequence[float], truth: Sequence[float]) -> Coefficient:
    """How much higher Spearman's ρ of the first proxy is than that of the second, over the same networks.

    Both are looked at in the same resamples: what makes one ranking easy makes the other easy as well, so this tells
    two proxies apart that their own intervals do not.
    """
    reason = _undefined(truth, first) or _undefined(truth, second)
    return _bounded(_apart, (tuple(first), tuple(second)), tuple(truth), reason)


def _undefined(truth: Sequence[float], proxy: Sequence[float]) -> str:
    """Why rankings of these cannot be compared; "" if they can."""
    if len(truth) < LEAST:
        return f"{len(truth)} network{'s' if len(truth) != 1 else ''}: a ranking needs at least {LEAST}"
    if len(set(truth)) == 1:
        return f"all {len(truth)} networks are equally accurate on the whole data"
    return f"the proxy finds all {len(truth)} networks equally accurate" if len(set(proxy)) == 1 else ""


@lru_cache(maxsize=512)  # a page asks again at every click
def _bounded(of: Callable[..., Array], proxy: tuple[Any, ...], truth: tuple[float, ...], reason: str) -> Coefficient:
    """The coefficient and its percentile interval; resamples in which it is not defined are left out."""
    n = len(truth)
    if reason:
        return Coefficient(None, None, None, n, reason)
    values = of(_resamples(n), np.array(proxy, float), np.array(truth, float))
    drawn = values[1:][~np.isnan(values[1:])]
    if n < LEAST_INTERVAL:
        return Coefficient(float(values[0]), None, None, n, f"{n} networks are too few for an interval")
    if drawn.min() == drawn.max():
        return Coefficient(float(values[0]), None, None, n, "every resample says the same, which bounds nothing")
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Coefficient(float(values[0]), float(low), float(high), n)


@lru_cache(maxsize=8)
def _resamples(n: int) -> Array:
    """How often each network is in each resample (1 + B, n); the first row is the networks themselves."""
    drawn = np.random.default_rng([SEED, n]).multinomial(n, np.full(n, 1 / n), RESAMPLES)
    return np.vstack([np.ones((1, n)), drawn])


def _spearman(counts: Array, x: Array, y: Array) -> Array:
    """Pearson's correlation of the mean ranks in each resample (B,); NaN where all ranks are equal."""
    a, b = _ranks(counts, x), _ranks(counts, y)
    variances = np.einsum("bn,bn,bn->b", counts, a, a) * np.einsum("bn,bn,bn->b", counts, b, b)
    return _ratio(np.einsum("bn,bn,bn->b", counts, a, b), variances)


def _kendall(counts: Array, x: Array, y: Array) -> Array:
    """τ-b in each resample (B,): concordant minus discordant pairs over those untied in x and those untied in y."""
    signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    return _ratio(np.einsum("bn,bn->b", counts @ signs, counts), _untied(counts, x) * _untied(counts, y))


def _apart(counts: Array, proxies: Array, y: Array) -> Array:
    """How much higher ρ of the first of two proxies is in each resample (B,)."""
    return _spearman(counts, proxies[0], y) - _spearman(counts, proxies[1], y)


def _ratio(above: Array, square: Array) -> Array:
    """above / √square, NaN where that is 0 / 0. Both are sums of halves of whole numbers, so 0 is exactly 0."""
    return np.divide(above, np.sqrt(square), out=np.full(len(above), np.nan), where=square > 0)


def _ranks(counts: Array, values: Array) -> Array:
    """The mean rank of each network in each resample, less the mean of all ranks (B, n)."""
    tied, level = _tied(counts, values)
    return (np.cumsum(tied, axis=1) - (tied + counts.shape[1]) / 2)[:, level]


def _untied(counts: Array, values: Array) -> Array:
    """Twice the pairs of each resample that differ in their value (B,)."""
    tied, _ = _tied(counts, values)
    return counts.shape[1] ** 2 - (tied**2).sum(axis=1)


def _tied(counts: Array, values: Array) -> tuple[Array, NDArray[np.intp]]:
    """How many of each resample have each distinct value, from low to high (B, levels); the level of each network."""
    _, level, sizes = np.unique(values, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    return np.add.reduceat(counts[:, np.argsort(level, kind="stable")], starts, axis=1), level
