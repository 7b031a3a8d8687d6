"""Spearman and Kendall against worked examples and scipy, and what their intervals are worth."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ddcore.report.nas import ranking

TIED = st.integers(3, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n) for _ in range(2)])
)


def test_five_networks_by_hand():
    """Ranks 1 2 3 4 5 and 2 1 4 3 5: Σd² = 1+1+1+1+0 = 4, so ρ = 1 − 6·4/(5·24) = 0.8. Of the 10 pairs (1, 2) and
    (3, 4) are the wrong way round: τ = (8 − 2)/10 = 0.6."""
    found = ranking.agreement([0.2, 0.1, 0.4, 0.3, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.n == 5
    assert found.spearman.value == pytest.approx(0.8)
    assert found.kendall.value == pytest.approx(0.6)


def test_a_tie_by_hand():
    """Mean ranks 1 2½ 2½ 4 and 1 3 2 4, less 2½: ρ = (2.25+0+0+2.25)/√(4.5·5) = 4.5/√22.5. Of 6 pairs one is tied in
    the first, the other 5 agree: τ-b = 5/√((6−1)·6) = 5/√30."""
    found = ranking.agreement([0.5, 0.7, 0.7, 0.9], [0.1, 0.3, 0.2, 0.4])
    assert found.spearman.value == pytest.approx(4.5 / math.sqrt(22.5))
    assert found.kendall.value == pytest.approx(5 / math.sqrt(30))


@settings(max_examples=60, deadline=None)
@given(TIED)
def test_with_ties_it_is_what_scipy_finds(both: tuple[list[int], list[int]]):
    x, y = both
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    found = ranking.agreement(x, y)
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert found.kendall.value == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)


def test_every_resample_gives_what_scipy_finds_for_the_networks_that_were_drawn():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 13).astype(float), rng.normal(size=13)
    counts = ranking._resamples(13)[:60]
    drawn = [np.repeat(np.arange(13), row.astype(int)) for row in counts]
    assert all(len(one) == 13 for one in drawn)
    expected = [(stats.spearmanr(x[i], y[i]).statistic, stats.kendalltau(x[i], y[i]).statistic) for i in drawn]
    assert list(zip(ranking._spearman(counts, x, y), ranking._kendall(counts, x, y), strict=True)) == [
        pytest.approx(one, abs=1e-12) for one in expected
    ]


def test_the_interval_lies_around_the_value_and_is_the_same_every_time():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=54)
    proxy = truth + rng.normal(size=54)
    one = ranking.agreement(proxy, truth)
    ranking._resamples.cache_clear()
    ranking._bounded.cache_clear()
    assert ranking.agreement(proxy, truth) == one
    for found in (one.spearman, one.kendall):
        assert -1 < found.low < found.value < found.high < 1


def test_fewer_networks_say_less():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=200)
    proxy = truth + rng.normal(size=200)
    few, many = (ranking.agreement(proxy[:n], truth[:n]).spearman for n in (20, 200))
    assert few.high - few.low > 2 * (many.high - many.low)


@pytest.mark.parametrize(("proxy", "truth", "reason"), [
    ([], [], "0 networks: a ranking needs at least 3"),
    ([0.1, 0.2], [0.1, 0.2], "2 networks: a ranking needs at least 3"),
    ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3], "the proxy finds all 3 networks equally accurate"),
    ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5], "all 3 networks are equally accurate on the whole data"),
])
def test_what_is_not_defined_has_no_value_and_says_why(proxy: list[float], truth: list[float], reason: str):
    found = ranking.agreement(proxy, truth)
    nothing = ranking.Coefficient(None, None, None, len(truth), reason)
    assert (found.spearman, found.kendall) == (nothing, nothing)


def test_too_few_networks_have_a_value_without_an_interval():
    found = ranking.agreement([0.1, 0.3, 0.2, 0.4, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]).spearman
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high, found.reason) == (None, None, "5 networks are too few for an interval")
    six = ranking.agreement([0.1, 0.3, 0.2, 0.4, 0.6, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).spearman
    assert six.low is not None


def test_a_perfect_ranking_of_few_networks_claims_no_certainty():
    found = ranking.agreement([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]).spearman
    assert found.value == 1.0
    assert (found.low, found.high) == (None, None)
    assert "bounds nothing" in found.reason


def test_the_top_is_rounded_up_and_takes_equals_with_it():
    truth = [index / 54 for index in range(54)]
    assert [len(ranking.top(truth, percent)) for percent in ranking.TOPS] == [3, 6, 11]
    assert ranking.top(truth, 5) == [51, 52, 53]
    assert ranking.top([0.1, 0.9, 0.8, 0.8, 0.8, 0.2], 20) == [1, 2, 3, 4]
    assert ranking.top([], 20) == []


def test_the_top_alone_may_disagree_where_all_agree():
    """Of 20 networks in order the best 4 are the wrong way round: their ρ and τ are −1, over all Σd² = 9+1+1+9 = 20, so
    ρ = 1 − 6·20/(20·399)."""
    truth = [float(index) for index in range(20)]
    proxy = [*truth[:16], 19.0, 18.0, 17.0, 16.0]
    found = ranking.tops(proxy, truth)
    assert ranking.agreement(proxy, truth).spearman.value == pytest.approx(1 - 120 / (20 * 399))
    assert (found[20].n, found[20].spearman.value, found[20].kendall.value) == (4, -1.0, -1.0)
    assert found[5].spearman.reason == "1 network: a ranking needs at least 3"


def test_two_proxies_are_told_apart_in_the_same_resamples():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=54)
    good = truth + 0.3 * rng.normal(size=54)
    bad = truth + 3.0 * rng.normal(size=54)
    found = ranking.difference(good, bad, truth)
    apart = ranking.agreement(good, truth).spearman.value - ranking.agreement(bad, truth).spearman.value
    assert found.value == pytest.approx(apart)
    assert 0 < found.low < found.value < found.high
    alike = ranking.difference(good, good + 0.05 * rng.normal(size=54), truth)
    assert alike.low < 0 < alike.high
    assert alike.high - alike.low < found.high - found.low


@pytest.mark.slow
def test_nineteen_of_twenty_intervals_hold_the_truth():
    """Of normal pairs with correlation r, ρ is 6/π·asin(r/2) and τ is 2/π·asin(r)."""
    rng, r, held, times = np.random.default_rng(4), 0.7, np.zeros(2), 600
    true = 6 / math.pi * math.asin(r / 2), 2 / math.pi * math.asin(r)
    for _ in range(times):
        x, y = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], 54).T
        found = ranking.agreement(x, y)
        pairs = zip((found.spearman, found.kendall), true, strict=True)
        held += [one.low <= value <= one.high for one, value in pairs]
    assert all(0.91 < share < 0.98 for share in held / times), held / times


@pytest.mark.slow
def test_rankings_without_any_relation_are_seldom_told_from_chance():
    """From the least number of networks on that have an interval; of 5, 12 % would leave out 0."""
    rng, n, times = np.random.default_rng(6), ranking.LEAST_INTERVAL, 1000
    found = [ranking.agreement(rng.normal(size=n), rng.normal(size=n)).spearman for _ in range(times)]
    wrong = sum(one.low is not None and not one.low <= 0 <= one.high for one in found)
    assert wrong / times < 0.08, wrong / times


@pytest.mark.slow
def test_six_proxies_over_720_networks_are_answered_in_seconds():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=720)
    proxies = [truth + rng.normal(size=720) for _ in range(6)]
    started = time.process_time()
    for proxy in proxies:
        ranking.agreement(proxy, truth)
        ranking.tops(proxy, truth)
    assert time.process_time() - started < 5
