"""The Pareto front by hand, and against its definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ddcore.report import compare_runs, tradeoff
from ddcore.runs import Store
from tests.report.conftest import Answer, distilled
from tests.report.test_compare_runs import judged_as

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


def test_a_dearer_set_is_on_the_front_only_if_it_is_better() -> None:
    assert tradeoff.front([1, 2, 3], [50, 40, 60]) == [True, False, True]
    assert tradeoff.front([1, 1, 2], [50, 50, 50]) == [True, True, False]


@given(POINTS)
def test_every_point_off_the_front_is_beaten_by_one_on_it(points: list[tuple[int, int]]) -> None:
    on = tradeoff.front([float(c) for c, _ in points], [float(g) for _, g in points])
    best = [point for point, there in zip(points, on, strict=True) if there]
    for (cost, gain), there in zip(points, on, strict=True):
        beaten = any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in best)
        assert beaten != there


def test_the_time_of_a_set_counts_all_that_it_builds_on(store: Store, answer: Answer) -> None:
    run = distilled(store)
    judged_as(answer, run, "course", 0.5)
    numbers = compare_runs.numbers(compare_runs.compared(store, [run]))
    numbers = numbers.assign(seconds_distill=[3.0], seconds_parents=[4.0])
    found = tradeoff.tradeoff(numbers, "distill")
    assert found["x"].tolist() == [7.0]
    assert found["mean"].tolist() == [50.0]
    assert tradeoff.tradeoff(numbers.assign(seconds_parents=[None]), "distill").empty  # a parent that is gone
