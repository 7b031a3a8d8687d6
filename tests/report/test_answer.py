"""The answer of a set in short: which question it is about, how it stands beside random real images and full data."""

from __future__ import annotations

from typing import Any

import pytest

from ddcore.data import DATASETS
from ddcore.evaluation.plans import Question, plan
from ddcore.experiments import Spec, spec
from ddcore.report import answer
from ddcore.runs.store import RunRecord, Store
from tests.pages.conftest import DM, finish, put

WIDTH = {"network": "convnet3", "width": 8}


@pytest.fixture
def run(home: None) -> RunRecord:
    return Store().record(finish(spec("distill", "dm", DM), {"images": 20, "ipc": 2}))


def judge(asked: Spec | None, mean: float, seconds: float = 1.0, n: int = 5) -> None:
    assert asked
    accuracy = {"mean": mean, "std": 0.01 if n > 1 else None, "n": n, "protocol": "quick"}
    told: dict[str, Any] = {"accuracy": accuracy, "majority": 0.1, "seconds_train": seconds, "per_class": [mean] * 10}
    finish(asked, told)


def test_before_any_evaluation_the_first_protocol_is_asked_on_the_runs_own_network(run: RunRecord) -> None:
    known = answer.answer(Store(), run)
    config = known.row("final").specs[-1].config.values()
    assert (config["protocol"], config["network"], config["width"]) == ("course", "convnet3", 8)
    assert (known.accuracy(), known.points, known.interval, known.seconds) == (None, None, None, None)
    assert {row.role for row in known.missing} == {"final", "initial", "random_real"}


def test_the_question_asked_last_on_the_own_network_speaks_for_the_set(run: RunRecord) -> None:
    asked = plan(run, Question("quick", nets=5, network={"network": "convnet3"}))
    judge(asked.final, 0.8)
    put(plan(run, Question("steps", nets=2, network={"network": "lenet"})).final, "queued")
    known = answer.answer(Store(), run)
    assert (known.question.protocol, known.question.nets) == ("quick", 5)
    assert known.accuracy().mean == 0.8


def test_points_over_random_real_images_come_with_an_interval_and_times_with_both_trainings(run: RunRecord) -> None:
    asked = plan(run, Question("quick", nets=5, network={"network": "convnet3"}))
    judge(asked.final, 0.8, seconds=2.0)
    judge(asked.random_real, 0.7)
    judge(asked.full, 0.95, seconds=24.0, n=1)
    known = answer.answer(Store(), run)
    assert known.points == pytest.approx(0.1)
    assert known.interval is not None
    assert (round(known.interval.low, 4), round(known.interval.high, 4)) == (0.0854, 0.1146)
    assert known.seconds == (2.0, 24.0)
    assert known.warnings == ()


@pytest.mark.parametrize(("protocol", "images", "faster"), [("quick", 50, False), ("quick", 49, True),
                                                            ("course", 50, True)])
def test_no_set_trains_faster_than_the_full_data_where_both_learn_as_many_steps_of_as_many_images(
    run: RunRecord, protocol: str, images: int, faster: bool
) -> None:
    asked = plan(run, Question(protocol, nets=5, network={"network": "convnet3"}))
    told = {"accuracy": {"mean": 0.8, "std": 0.01, "n": 5, "protocol": protocol}, "seconds_train": 2.0}
    finish(asked.final, {**told, "images": images})
    finish(asked.full, told)
    assert bool(answer.answer(Store(), run).seconds) == faster


@pytest.mark.parametrize(("final", "random", "words"), [
    (0.8, 0.9, "As many random real images do better"), (0.1, 0.05, "the networks learnt nothing"), (0.8, 0.8, ""),
])
def test_a_set_that_is_worth_nothing_is_told_so(run: RunRecord, final: float, random: float, words: str) -> None:
    asked = plan(run, Question("quick", nets=5, network={"network": "convnet3"}))
    judge(asked.final, final)
    judge(asked.random_real, random)
    found = " ".join(answer.answer(Store(), run).warnings)
    assert words in found
    assert bool(words) == bool(found)


def test_the_random_real_images_themselves_are_not_compared_with_themselves(home: None) -> None:
    drawn = finish(spec("distill", "random", {"dataset": "digits", "ipc": 2}), {"images": 20, "ipc": 2})
    random = Store().record(drawn)
    own = DATASETS["digits"].network
    judge(plan(random, Question("quick", nets=5, network={"network": own})).final, 0.7)
    known = answer.answer(Store(), random)
    assert known.is_control
    assert (known.accuracy().mean, known.points, known.interval) == (0.7, None, None)
