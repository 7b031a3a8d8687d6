"""What is written of a sweep's axes, and what is wrong with it."""

from __future__ import annotations

import pytest

from ddcore.errors import ConfigError
from ddcore.experiments.axes import axes
from ddcore.experiments.sweep import config_of

PARAMS = config_of("datadam").varied()


def points(text: str) -> list[list[tuple[object, ...]]]:
    return [list(axis.points) for axis in axes(text, PARAMS)]


def test_a_list_is_read_as_the_parameter_is_declared() -> None:
    assert points("lambda_task=0,0.01,1; ipc=1,10; init=real,noise") == [
        [(0.0,), (0.01,), (1.0,)], [(1,), (10,)], [("real",), ("noise",)]]


def test_a_range_is_even_and_on_a_logarithm_where_the_parameter_is_declared_so() -> None:
    assert points("lr_img=0.1..100:4") == [[(0.1,), (1.0,), (10.0,), (100.0,)]]
    assert points("attn_power=1..4:4") == [[(1.0,), (2.0,), (3.0,), (4.0,)]]
    assert points("num_inits=10..100:3") == [[(10,), (55,), (100,)]]
    assert points("lambda_task=0.001..10:5") == [[(0.001,), (0.01,), (0.1,), (1.0,), (10.0,)]]
    assert points("lambda_task=0..1:3") == [[(0.0,), (0.5,), (1.0,)]], "0 has no logarithm"
    assert points("ipc=1..64:4") == [[(1,), (4,), (16,), (64,)]]
    assert points("ipc=1..4:6") == [[(1,), (2,), (3,), (4,)]]  # rounded, each once


def test_a_range_ends_where_it_says() -> None:
    assert points("lr_img=0.0012345..1:3") == [[(0.0012345,), (0.0351,), (1.0,)]]
    assert points("num_inits=12345..20000:2") == [[(12345,), (20000,)]]


def test_a_choice_with_a_plus_is_one_value_also_beside_another_parameter() -> None:
    assert points("init=real,real+noise") == [[("real",), ("real+noise",)]]
    (axis,) = axes("init + lr_img = real+noise + 1e+2, real + 0.5", PARAMS)
    assert axis.points == (("real+noise", 100.0), ("real", 0.5))
    assert axes(str(axis), PARAMS) == (axis,)


def test_two_parameters_move_together() -> None:
    (axis,) = axes("lr_img+momentum_img=1+0.5,10+0.9", PARAMS)
    assert [axis.at(0), axis.at(1)] == [{"lr_img": 1.0, "momentum_img": 0.5}, {"lr_img": 10.0, "momentum_img": 0.9}]


def test_a_value_twice_is_one_and_dashes_are_as_good_as_lines() -> None:
    assert [str(axis) for axis in axes("lambda-task = 1, 1.0, 0.5", PARAMS)] == ["lambda_task=1,0.5"]


@pytest.mark.parametrize(("text", "sentence"), [
    ("", "varies at least one parameter"),
    ("lamda_task=1", "did you mean 'lambda_task'"),
    ("ipc", "written name=value"),
    ("ipc=1.5", "whole number, got '1.5'"),
    ("lambda_task=much", "must be a number, got 'much'"),
    ("lambda_task=nan", "must be a number, got 'nan'"),
    ("ipc=1; ipc=2", "ipc is varied twice"),
    ("lr_img=0..1:3", "above 0"),
    ("lr_img=5..1:3", "smaller number to a larger"),
    ("lr_img=1..5", "how many values"),
    ("init=real..noise:2", "no range"),
    ("lr_img+ipc=1,2", "2 values at a time"),
    ("seed=1,2", "no parameter 'seed'"),
    ("dataset=mnist", "no parameter 'dataset'"),
    ("num_inits=1..1000:500", "2 to 100"),
])
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        axes(text, PARAMS)
    assert sentence in str(error.value)


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        axes("lamda_task=1; ipc=x", PARAMS)
    assert len(error.value.problems) == 2
