"""In which order a sweep tries its cells, on toy grids whose best is known."""

from __future__ import annotations

import itertools

import pytest

from ddcore.experiments.strategies import STRATEGIES, Asking, Grid, Trial, coarse_first, later, remembered, rungs


def space(*sizes: int, length: int | None = None, budget: int | None = None, seed: int = 0) -> Grid:
    places = tuple(itertools.product(*map(range, sizes)))
    return Grid(places, sizes, (True,) * len(sizes), length, budget, seed)


def play(name: str, grid: Grid, quality: object) -> list[list[Trial]]:
    """The batches that a strategy asks for, answered by quality(trial)."""
    return played(STRATEGIES[name](grid), quality)


def played(strategy: Asking, quality: object) -> list[list[Trial]]:
    standing, batches = {}, []
    trials = next(strategy, [])
    while trials:
        batches.append(trials)
        standing |= {one: quality(one) for one in trials}  # type: ignore[operator]
        try:
            trials = strategy.send(standing)
        except StopIteration:
            break
    return batches


def test_the_ends_and_the_middle_come_first() -> None:
    assert coarse_first([(i,) for i in range(5)], [5]) == [(0,), (2,), (4,), (1,), (3,)]
    (batch,) = play("grid", space(3, 4), lambda one: 0.5)
    assert [one.positions for one in batch[:9]] == list(itertools.product((0, 1, 2), (0, 2, 3)))
    assert {one.positions for one in batch} == set(itertools.product(range(3), range(4)))


def test_a_larger_budget_of_random_trials_adds_to_a_smaller_one() -> None:
    (five,), (eight,) = (play("random", space(4, 4, budget=n), lambda one: 0.5) for n in (5, 8))
    assert eight[:5] == five
    assert len(set(eight)) == 8
    (other,) = play("random", space(4, 4, budget=5, seed=1), lambda one: 0.5)
    assert other != five


def peak(one: Trial) -> float:
    """Best at (6, 2) of a 9 × 9 grid; a shorter run is a little worse and keeps the order."""
    return 1 - ((one.positions[0] - 6) ** 2 + (one.positions[1] - 2) ** 2) / 200 - (0.01 if one.length == 1 else 0)


def test_halving_finds_what_the_whole_grid_finds_and_lengthens_only_the_best_third() -> None:
    batches = play("halving", space(9, 9, length=81), peak)
    assert [len(batch) for batch in batches] == [81, 27, 9, 3, 1]
    assert [batch[0].length for batch in batches] == [1, 3, 9, 27, 81]
    assert batches[-1] == [Trial((6, 2), 81)]
    for batch, following in itertools.pairwise(batches):
        ranked = sorted(batch, key=peak, reverse=True)
        assert {one.positions for one in following} == {one.positions for one in ranked[: len(following)]}


def test_what_has_no_standing_goes_no_further() -> None:
    def quality(one: Trial) -> float | None:
        return None if one.positions == (8,) else float(one.positions[0])

    batches = play("halving", space(9, length=9), quality)
    assert [one.positions for one in batches[1]] == [(7,), (6,), (5,)]


@pytest.mark.parametrize(("length", "trials", "expected"), [(90, 9, [10, 30, 90]), (100, 1, [100]), (2, 27, [1, 2])])
def test_rungs_end_with_the_whole_length(length: int, trials: int, expected: list[int]) -> None:
    assert rungs(length, trials) == expected


def test_tpe_comes_near_the_best_with_a_third_of_the_grid_and_replays_itself() -> None:
    grid = space(9, 9, budget=27)
    batches = play("tpe", grid, peak)
    tried = list(itertools.chain.from_iterable(batches))
    assert len(tried) == len(set(tried)) == 27
    assert max(map(peak, tried)) > 0.98
    assert play("tpe", grid, peak) == batches


def test_tpe_ends_where_the_whole_grid_is_tried_or_nothing_can_be_measured() -> None:
    assert len(list(itertools.chain.from_iterable(play("tpe", space(2, 2, budget=20), peak)))) <= 4
    play("tpe", space(3, budget=3), lambda one: None)


def test_a_strategy_is_asked_again_only_after_standings_that_it_has_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, grid = list[Grid](), space(9, 9, budget=14, seed=5)
    monkeypatch.setitem(STRATEGIES, "tpe", lambda space, own=STRATEGIES["tpe"]: [asked.append(space), own(space)][1])
    batches = played(remembered("tpe", grid), peak)
    assert played(remembered("tpe", space(9, 9, budget=14, seed=5)), peak) == batches
    assert len(asked) == 1
    other = played(remembered("tpe", grid), lambda one: 1 - peak(one))
    assert other == play("tpe", grid, lambda one: 1 - peak(one)) != batches


def test_what_is_remembered_in_part_goes_on_as_if_it_were_new() -> None:
    grid, standing = space(9, 9, budget=14, seed=6), dict[Trial, float | None]()
    looking = remembered("tpe", grid)
    for _ in range(3):  # a look at a sweep under way ends where nothing more is known
        trials = looking.send(dict(standing)) if standing else next(looking)
        standing |= {one: peak(one) for one in trials}
    assert played(remembered("tpe", grid), peak) == play("tpe", grid, peak)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_what_a_strategy_will_still_ask_for_ends_at_nothing(name: str) -> None:
    grid, asked = space(9, 9, length=81, budget=20, seed=3), list[Trial]()
    for batch in play(name, grid, peak):
        asked += batch
    assert later(name, grid, [one.length for one in asked]) == 0
    assert later(name, grid, []) == 0


def test_of_twenty_trials_five_leave_three_times_as_much_and_of_four_rungs_one() -> None:
    assert later("tpe", space(9, 9, budget=20), [None] * 5) == 3
    assert later("halving", space(27, length=27), [1] * 27) == 3
    assert later("grid", space(9, 9), [None] * 5) == later("random", space(9, 9, budget=20), [None] * 20) == 0
