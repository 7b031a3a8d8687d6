"""The Pareto front by hand, and against its definition."""

from __future__ import annotations

from dataclasses import replace

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
    one = replace(compare_runs.compared(store, [run])[0], seconds_parents=4.0)
    times = {**run.info["times"], "seconds": 3.0}
    one = replace(one, record=replace(one.record, info={**run.info, "times": times}))
    numbers = compare_runs.numbers([one])
    found = tradeoff.tradeoff(numbers, "distill")
    assert found["x"].tolist() == [7.0]
    assert found["y"].tolist() == [50.0]
    gone = compare_runs.numbers([replace(one, seconds_parents=None)])
    assert tradeoff.tradeoff(gone, "distill").empty


def test_other_quantities_have_no_front_and_no_spread(store: Store, answer: Answer) -> None:
    run = distilled(store)
    judged_as(answer, run, "course", 0.5, 0.6)
    numbers = compare_runs.numbers(compare_runs.compared(store, [run])).assign(width=[8.0])
    found = tradeoff.scatter(numbers, "width", "seconds_train")
    assert found[["x", "y"]].to_numpy().tolist() == [[8.0, 0.5]]
    assert found["std"].isna().all()
    assert not found["front"].any()
