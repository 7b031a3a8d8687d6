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
    some = frame.sample(15, random_state=3)
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


def test_chance_alone_matters_little():
    """Of pure noise over 18 networks with 5 degrees of freedom least squares explains 5/17 = 29 %; 60 tables."""
    rng = np.random.default_rng(1)
    told = [100 - shares(results(lambda *_: rng.normal()))[REST] for _ in range(60)]
    assert np.mean(told) < 18


def test_an_effect_under_noise_is_told_as_large_as_it_is():
    """Depth has variance 2/3, noise 1: 40 % (less a little, since effects below 0 are told as 0 and others grow)."""
    rng = np.random.default_rng(2)
    told = [shares(results(lambda depth, *_: depth + rng.normal()))["depth"] for _ in range(60)]
    assert np.mean(told) == pytest.approx(37, abs=4)


def test_omega_squared_by_hand():
    """Twice two networks: depth 2 reaches 0 and 2, depth 3 reaches 4 and 6. SS_depth 16, SS_rest 4 on 2 degrees of
    freedom, MSE 2: ω² = (16 − 2)/(20 + 2) = 7/11."""
    frame = pd.DataFrame({"depth": [2, 2, 3, 3], "accuracy": [0.0, 2.0, 4.0, 6.0], "pruned": False})
    found = importance(frame, ("depth",))
    assert found["share"].tolist() == pytest.approx([700 / 11, 400 / 11])


@pytest.mark.parametrize("known", [[], [0], [0, 9, 16], range(14)])
def test_fewer_than_three_networks_for_a_degree_of_freedom_say_nothing(known: list[int]):
    frame = results(lambda depth, width, activation: 10.0 * depth + width)
    assert importance(frame.iloc[known], OPTIONS).empty


def test_an_option_that_was_not_varied_is_not_said_to_matter_little():
    frame = results(lambda depth, width, activation: 10.0 * depth + width)
    some = frame[frame["depth"] == 2]
    assert set(shares(pd.concat([some, some]))) == {"width", "activation", REST}


def test_equally_accurate_networks_say_nothing():
    assert importance(results(lambda depth, width, activation: 50.0), OPTIONS).empty
