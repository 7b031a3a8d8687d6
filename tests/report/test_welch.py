"""Welch's interval against hand-made numbers and scipy's own."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from ddcore.report import compare_runs, welch
from ddcore.runs import Store
from ddcore.summary import Accuracy
from tests.report.conftest import Answer, distilled
from tests.report.test_compare_runs import judged_as


def test_two_samples_of_two_by_hand() -> None:
    # d = 0.1, s² = 0.005 and 0.005, n = 2: error √0.005, ν = 2, t₀.₉₇₅(2) = 4.30265
    found = Accuracy.of([0.1, 0.2]).minus(Accuracy.of([0.0, 0.1]))
    assert found is not None
    assert found.mean == pytest.approx(0.1)
    assert found.high - found.mean == pytest.approx(4.302653 * math.sqrt(0.005), rel=1e-6)
    assert not found.decided


def test_it_is_the_interval_that_scipy_gives_for_unequal_variances() -> None:
    one, other = [0.61, 0.65, 0.59, 0.70], [0.40, 0.44, 0.41]
    told = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    found = Accuracy.of(one).minus(Accuracy.of(other))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((told.low, told.high))
    assert found.decided


def test_one_network_has_no_spread_to_judge_by_and_equal_networks_none_to_doubt() -> None:
    assert Accuracy.of([0.5]).minus(Accuracy.of([0.4, 0.6])) is None
    found = Accuracy.of([0.5, 0.5]).minus(Accuracy.of([0.4, 0.4]))
    assert found is not None
    assert found.low == found.high == pytest.approx(0.1)


def test_only_runs_judged_alike_are_held_against_each_other(store: Store, answer: Answer) -> None:
    runs = [distilled(store, seed=seed) for seed in range(3)]
    judged_as(answer, runs[0], "course", 0.5, 0.52)
    judged_as(answer, runs[1], "course", 0.9, 0.92)
    judged_as(answer, runs[2], "quick", 0.9, 0.92)
    pairs = welch.pairs(compare_runs.compared(store, runs))
    assert len(pairs) == 1
    row = pairs.iloc[0]
    assert row["mean"] == pytest.approx(-40)
    assert row["says"] == f"{row['second']} is better"


def test_several_seeds_are_a_sample_of_seeds_not_of_all_their_networks(store: Store, answer: Answer) -> None:
    rates = {"a": 1.0, "b": 2.0}
    runs = {name: [distilled(store, seed=seed, lr_img=rate) for seed in (0, 1)] for name, rate in rates.items()}
    for name, values in (("a", (0.2, 0.4)), ("b", (0.5, 0.7))):
        for run, value in zip(runs[name], values, strict=True):
            judged_as(answer, run, "course", value, value + 0.02)
    found = compare_runs.seeds_together(store, compare_runs.compared(store, [*runs["a"], *runs["b"]]))
    assert welch.sample(found[0]).values == pytest.approx((0.21, 0.41))
    assert welch.pairs(found)["n"].tolist() == ["2 seeds and 2 seeds"]


def test_against_one_run_every_other_is_held_once(store: Store, answer: Answer) -> None:
    runs = [distilled(store, seed=seed) for seed in range(3)]
    for run in runs:
        judged_as(answer, run, "course", 0.5, 0.52)
    found = compare_runs.compared(store, runs)
    assert welch.pairs(found, found[1])["second"].tolist() == [found[1].label] * 2


def test_no_interval_reaches_beyond_the_difference_that_there_can_be() -> None:
    found = Accuracy.of([0.2, 0.4]).minus(Accuracy.of([0.1, 0.5]), 0.99)
    assert found is not None
    assert (found.low, found.high, found.known) == (-1, 1, False)
    found = Accuracy.of([0.30, 0.32]).minus(Accuracy.of([0.1, 0.12]), 0.99)
    assert found is not None
    assert found.known
