"""Accuracy against the number of images: the lossless set and what each is worth, against numbers made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from ddcore.experiments import spec
from ddcore.experiments.sweep import SweepConfig, replay
from ddcore.report import sizes, sweep_figures, sweeps
from ddcore.report.sizes import Sizes, lossless, worth, worths
from ddcore.runs.store import Store
from ddcore.summary import Accuracy
from tests.sweeping import World, config, question

FULL = Accuracy.of([0.978, 0.980, 0.982])
SETS = {1: Accuracy.of([0.90, 0.91, 0.92]), 10: Accuracy.of([0.9765, 0.978, 0.9795]),
        50: Accuracy.of([0.9795, 0.980, 0.9805])}


def test_a_set_is_lossless_where_the_whole_interval_lies_within_the_margin() -> None:
    high = stats.ttest_ind(FULL.each, SETS[10].each, equal_var=False).confidence_interval().high
    assert 0.005 < high < 0.0065, "0.2 points behind, but not surely within half a point"
    assert lossless(SETS, FULL) == 50
    assert lossless(SETS, FULL, margin=0.0065) == 10
    assert lossless({1: SETS[1]}, FULL) is None


def test_a_set_that_beats_the_full_data_is_lossless_and_one_network_decides_nothing() -> None:
    assert lossless({5: Accuracy.of([0.990, 0.991, 0.992])}, FULL) == 5
    assert lossless({5: Accuracy.of([0.99])}, FULL) is None


@pytest.mark.parametrize(("accuracy", "images"), [(0.5, 0.0), (0.6, 1.0), (0.7, 2.0), (0.75, 2 * math.sqrt(2)),
                                                  (0.8, 4.0), (0.85, 8.0), (0.9, 16.0), (0.91, math.inf)])
def test_so_many_random_images_are_as_accurate_on_a_line_over_the_doublings(accuracy: float, images: float) -> None:
    assert worth(accuracy, {1: 0.6, 2: 0.7, 4: 0.8, 16: 0.9}) == pytest.approx(images)


def test_random_images_that_dip_are_worth_what_first_reaches_it() -> None:
    assert worth(0.7, {1: 0.6, 2: 0.8, 4: 0.5, 8: 0.9}) == pytest.approx(math.sqrt(2))
    assert worth(0.7, {}) is None


def test_the_interval_of_what_a_set_is_worth_ends_where_it_is_surely_better_and_surely_worse() -> None:
    set_ = Accuracy.of([0.70, 0.72, 0.71])
    random = {1: Accuracy.of([0.60, 0.61, 0.62]), 4: Accuracy.of([0.70, 0.71, 0.72]), 16: Accuracy.of([0.80, 0.81])}
    low, high = worths(set_, random) or (0, 0)
    reached = worth(set_.mean, {ipc: one.mean for ipc, one in random.items()})
    assert reached == pytest.approx(4)
    assert 1 < low < 4 < high < 16
    ends = [stats.ttest_ind(set_.each, random[ipc].each, equal_var=False).confidence_interval() for ipc in (1, 4)]
    assert low == pytest.approx(4 ** (ends[0].low / (ends[0].low - ends[1].low)))
    assert worths(set_, {**random, 32: Accuracy.of([0.9])}) is None, "one network has no spread"
    said = of(sets={2: set_}, samples={2: set_}, random=random, random_samples=random).sentences[1]
    assert said == (f"Random real images per class that reach the same accuracy (95 % interval): IPC 2 → about 4 "
                    f"({low:.2g} to {high:.2g}).")
    far = {**random, 16: Accuracy.of([0.7, 0.8])}
    assert "to over 16)" in of(sets={2: set_}, samples={2: set_}, random=far, random_samples=far).sentences[1]


def of(**changes: Any) -> Sizes:
    random = {1: Accuracy.of([0.6]), 10: Accuracy.of([0.95])}
    given = {"sets": SETS, "samples": SETS, "random": random, "full": FULL, "classes": 10, "total": 54000,
             "equal_steps": True, "protocol": "course"}
    return Sizes(**{**given, **changes})


def test_what_can_be_read_off_is_said_with_the_margin_and_the_share() -> None:
    first, second = of().sentences
    assert first == ("Lossless at IPC 50, 0.9 % of the data: the smallest set surely within 0.5 points of the full "
                     "data (95 % interval, equal optimiser steps).")
    assert second == ("Random real images per class that reach the same accuracy: IPC 1 → about 7.7, IPC 10 → more "
                      "than 10, IPC 50 → more than 10.")
    assert "IPC 10, 0.2 % of the data: the smallest set surely within 3 points" in of(margin=0.03).sentences[0]


def test_what_keeps_a_set_from_being_called_lossless_is_said() -> None:
    uneven = of(equal_steps=False)
    assert uneven.lossless is None
    assert "Protocol course is not of equal steps" in uneven.sentences[0]
    assert "no spread" in of(full=Accuracy.of([0.98])).sentences[0]
    assert "was not trained on" in of(full=None).sentences[0]
    assert "Training on the full data has not ended yet" in of(full=None, awaited=True).sentences[0]
    assert "has not ended yet. Protocol course is not" in of(awaited=True, equal_steps=False).sentences[0]
    assert "Training on the full data has not ended yet" in of(awaited=True).sentences[0], "one is to come"
    assert "No set is lossless" in of(samples={1: SETS[1]}).sentences[0]


@pytest.fixture
def asked(home: Path) -> SweepConfig:
    one = question(vary="ipc=1,2,5", seeds=2, with_full=True)
    World(lambda values: 0.4 + 0.05 * values["ipc"]).stored(one, Store())
    assert isinstance(one.config, SweepConfig)
    return one.config


def test_a_coreset_and_other_seeds_of_the_full_data_come_from_what_was_run_before(asked: SweepConfig) -> None:
    store = Store()
    before = sizes.of(sweeps.answer(asked, store), store)
    assert before
    assert (before.full and before.full.n, before.coresets, before.equal_steps) == (4, {}, True)
    cell, world = asked.cell({"ipc": 2}, 0), World(lambda values: 0.66)
    chosen = spec("distill", "herding", {"dataset": "digits", "ipc": 2, "width": 8})
    other = spec("baseline", "baseline", {**cell.full[0].config.values(), "seed": 7})
    world.put([chosen, cell.judged_as(chosen.key), other], store)
    after = sizes.of(sweeps.answer(asked, store), store)
    assert after
    assert {name: {ipc: one.mean for ipc, one in line.items()} for name, line in after.coresets.items()} == {
        "Herding": {2: pytest.approx(0.665)}}
    assert after.full
    assert after.full.n == 6


def test_every_size_has_its_tick_and_the_axis_above_is_in_percent_of_the_data(asked: SweepConfig) -> None:
    answer = sweeps.answer(asked, Store())
    found = sizes.of(answer, Store())
    assert found
    layout = sweep_figures.against_size(answer, found).layout
    assert list(layout.xaxis.tickvals) == [1, 2, 5]
    assert layout.xaxis.range == layout.xaxis2.range
    assert layout.xaxis2.ticktext[0] == f"{100 * 10 / found.total:.3g} %"


def test_another_axis_is_no_sweep_of_sizes(home: Path) -> None:
    one = question(vary="lambda_task=0,1")
    World(lambda values: 0.5).stored(one, Store())
    assert sizes.of(sweeps.answer(one.config, Store()), Store()) is None  # type: ignore[arg-type]


def test_a_coreset_is_offered_until_there_is_one_at_every_size(asked: SweepConfig) -> None:
    answer, store = sweeps.answer(asked, Store()), Store()
    found = sizes.of(answer, store)
    assert found
    assert sizes.coreset(answer, found)["vary"] == "ipc=1,2,5"
    some = {"Herding": {1: FULL, 2: FULL}}
    assert sizes.coreset(answer, replace(found, coresets=some))
    assert sizes.coreset(answer, replace(found, coresets={"Herding": {**some["Herding"], 5: FULL}})) == {}


@pytest.mark.parametrize(("changes", "told"), [
    ({"vary": "ipc=1,2", "with_full": True, "protocol": "course"}, True),
    ({"vary": "ipc=1,2", "with_full": True, "protocol": "quick"}, False),
    ({"vary": "ipc=1,2", "protocol": "course"}, False),
    ({"vary": "lambda_task=0,1", "with_full": True, "protocol": "course"}, False),
])
def test_that_no_set_can_be_called_lossless_is_known_before_a_sweep_starts(
    changes: dict[str, Any], told: bool
) -> None:
    assert sizes.uneven(config(**changes)).startswith("Protocol course is not of equal steps") == told


def test_while_the_full_data_is_trained_on_the_page_says_so(home: Path) -> None:
    one, world, store = question(vary="ipc=1,2", with_full=True), World(lambda values: 0.5), Store()
    assert isinstance(one.config, SweepConfig)
    world.put([spec for spec in replay(one.config, world.look).missing if spec.kind != "baseline"], store)
    answer = sweeps.answer(one.config, store)
    found = sizes.of(answer, store)
    assert answer.full_awaited
    assert found
    assert "Training on the full data has not ended yet" in found.sentences[0]
    world.put(replay(one.config, world.look).missing, store)
    assert not sweeps.answer(one.config, Store()).full_awaited
