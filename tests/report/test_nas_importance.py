"""Which option of a space matters, on tables of results whose answer is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ddcore.report.nas.importance import REST, importance

OPTIONS = ("depth", "width", "activation")


def results(accuracy: Callable[[int, int, str], float]) -> pd.DataFrame:
    product = itertools.product((2, 3, 4), (16, 32, 64), ("relu", "leakyrelu"))
    rows = [(*values, accuracy(*values), False) for values in product]
    return pd.DataFrame(rows, columns=[*OPTIONS, "accuracy", "pruned"])


def shares(frame: pd.DataFrame) -> dict[str, float]:
    found = importance(frame, OPTIONS)
    return dict(zip(found["option"], found["share"], strict=True))


def test_an_option_that_decides_everything_explains_everything():
    found = importance(results(lambda depth, width, activation: 10.0 * depth), OPTIONS)
    assert found["option"].tolist()[0] == "depth"
    assert found["share"].tolist() == pytest.approx([100, 0, 0, 0], abs=1e-9)


def test_two_options_share_the_variance_by_hand():
    """Depth adds −3, 0 or 3 (variance 6), activation −1 or 1 (variance 1): 6/7 and 1/7."""
    found = shares(results(lambda depth, width, activation: 3.0 * (depth - 3) + (1 if activation == "relu" else -1)))
    assert found == pytest.approx({"depth": 600 / 7, "activation": 100 / 7, "width": 0, REST: 0}, abs=1e-9)


def test_what_options_do_together_belongs_to_none_of_them():
    """A product of two centred options: each alone explains nothing."""
    found = shares(results(lambda depth, width, activation: (depth - 3) * (1.0 if activation == "relu" else -1.0)))
    assert found[REST] == pytest.approx(100)


def test_with_networks_missing_an_additive_space_gives_effects_as_they_are():
    frame = results(lambda depth, width, activation: 3.0 * (depth - 3) + (1 if activation == "relu" else -1))
    some = frame.sample(10, random_state=3)
    assert all(some[option].nunique() == frame[option].nunique() for option in OPTIONS)
    assert shares(some) == pytest.approx(shares(frame), abs=1e-9)


def test_networks_that_were_given_up_are_left_out():
    frame = results(lambda depth, width, activation: 10.0 * depth)
    wrong = pd.DataFrame([(2, 16, "relu", 99.0, True)], columns=frame.columns)
    assert shares(pd.concat([frame, wrong])) == pytest.approx(shares(frame))


def test_all_of_it_adds_up():
    rng = np.random.default_rng(0)
    found = shares(results(lambda depth, width, activation: depth + rng.normal()))
    assert sum(found.values()) == pytest.approx(100)
    assert all(share >= 0 for share in found.values())


@pytest.mark.parametrize("known", [[], [0], [0, 9, 16]])
def test_too_few_networks_say_nothing(known: list[int]):
    frame = results(lambda depth, width, activation: 10.0 * depth + width)
    assert importance(frame.iloc[known], OPTIONS).empty


def test_an_option_that_was_not_varied_is_not_said_to_matter_little():
    frame = results(lambda depth, width, activation: 10.0 * depth + width)
    assert set(shares(frame[frame["depth"] == 2])) == {"width", "activation", REST}


def test_equally_accurate_networks_say_nothing():
    assert importance(results(lambda depth, width, activation: 50.0), OPTIONS).empty
