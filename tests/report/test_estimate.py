from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ddcore.data import DATASETS
from ddcore.experiments import spec
from ddcore.methods import METHODS
from ddcore.networks import NETWORKS
from ddcore.report import estimate
from tests.report.test_tables import record

QUICK = METHODS["datadam"].preset("quick").for_dataset("digits")


def finished(seconds: float, **config: Any) -> Any:
    run = spec("distill", "datadam", {**QUICK, **config}).config
    info = {"times": {"seconds": seconds}, "device": {"type": "cpu"}}
    return record(kind="distill", name="datadam", config=run.values(), summary={"images": 100}, info=info)


def guess(records: list[Any], **config: Any) -> estimate.Estimate:
    return estimate.estimate("distill", "datadam", spec("distill", "datadam", {**QUICK, **config}).config, records)


def test_without_a_finished_run_the_estimate_is_rough_and_says_so() -> None:
    first = guess([])
    assert first.rough
    assert "(rough)" in str(first)


def test_a_finished_run_predicts_itself() -> None:
    predicted = guess([finished(60.0)])
    assert predicted.seconds == pytest.approx(60.0, rel=0.01)
    assert not predicted.rough


def test_twice_the_work_takes_twice_as_long() -> None:
    work = guess([finished(64.0)], num_inits=2 * QUICK["num_inits"]).seconds - estimate.START
    assert work == pytest.approx(2 * (64.0 - estimate.START), rel=0.01)


def test_the_middle_of_several_runs_counts() -> None:
    assert guess([finished(30.0), finished(50.0), finished(900.0)]).seconds == pytest.approx(50.0, rel=0.01)


def test_runs_on_another_device_failed_and_foreign_runs_say_nothing() -> None:
    gpu = replace(finished(9.0), info={"times": {"seconds": 9.0}, "device": {"type": "cuda"}})
    odd = replace(finished(9.0), config={"dataset": "gone"})
    assert guess([gpu, replace(finished(9.0), state="failed"), odd]).rough


@pytest.mark.parametrize("protocol", ["course", "standard", "steps", "quick"])
def test_evaluations_and_baselines_have_a_cost(protocol: str) -> None:
    evaluation = spec("evaluate", "evaluate", {"run": "0" * 16, "protocol": protocol, "nets": 2})
    assert estimate.cost("evaluate", "evaluate", evaluation.config, 100) > 0
    assert estimate.cost("baseline", "baseline", spec("baseline", "baseline", {}).config) > 0


def test_work_that_is_not_training_costs_only_the_start() -> None:
    asked = spec("flops", "flops", {})
    assert estimate.estimate("flops", "flops", asked.config, []).seconds == estimate.START


def test_the_shipped_table_is_what_fvcore_counts_now() -> None:
    from ddcore.ops import flops

    for dataset in DATASETS.values():
        if dataset.resolution > 64:  # the largest take seconds each; the slow test counts them all
            continue
        for name, entry in NETWORKS.items():
            if not entry.problems(dataset.shape(), {}):
                counted, size = flops.count(name, dataset.shape(), len(dataset.classes)), len(dataset.classes)
                assert estimate.macs(name, dataset.shape(), size) == counted.macs, name
                assert estimate.parameters(name, dataset.shape(), size) == counted.parameters, name


@pytest.mark.slow
def test_the_whole_shipped_table_is_current() -> None:
    from tests.report import macs_table

    assert estimate.shipped() == {**macs_table.table(), "sizes": macs_table.SIZES}


def test_the_shipped_sizes_are_those_of_the_data() -> None:
    from ddcore.data.load import load

    data = load("digits")
    assert estimate.shipped()["sizes"]["digits"] == {s: len(getattr(data, s)) for s in ("train", "val", "test")}


@pytest.mark.parametrize(
    ("network", "shape", "options"),
    [
        ("convnet3", (1, 28, 28), {"width": 32}), ("convnet3", (1, 28, 28), {"depth": 2}),
        ("convnet5", (3, 64, 64), {"width": 64, "depth": 4}), ("convnet3", (1, 8, 8), {"pooling": "none"}),
        ("convnet3", (1, 28, 28), {"norm": "batch"}), ("convnet3", (1, 8, 8), {"norm": "layer", "pooling": "max"}),
        ("convnet3", (1, 8, 8), {"norm": "group", "width": 8}), ("convnet3", (3, 32, 32), {"norm": "none"}),
        ("mlp", (1, 28, 28), {"width": 512}),
    ],
)  # fmt: skip
def test_other_options_are_counted_exactly(network: str, shape: Any, options: dict[str, Any]) -> None:
    from ddcore.ops import flops

    classes = 2 if shape[0] == 3 else 10
    counted = flops.count(network, shape, classes, options)
    assert estimate.macs(network, shape, classes, options) == counted.macs
    assert estimate.parameters(network, shape, classes, options) == counted.parameters


def test_an_unknown_size_is_scaled_by_its_pixels() -> None:
    largest = estimate.macs("lenet", (3, 224, 224), 2)
    assert estimate.macs("lenet", (3, 448, 448), 2) == 4 * largest
    assert estimate.parameters("lenet", (3, 448, 448), 2) == estimate.parameters("lenet", (3, 224, 224), 2)


def judged(protocol: str, **changes: Any) -> Any:
    return spec("evaluate", "evaluate", {"run": "0" * 16, "protocol": protocol, **changes})


def test_a_protocol_told_in_steps_costs_the_same_whatever_the_set_is_large() -> None:
    test = judged("steps")
    small, large = (estimate.cost("evaluate", "evaluate", test.config, images) for images in (256, 25600))
    assert small == large
    assert estimate.steps("evaluate", "evaluate", test.config, 100) == 3 * 1000


def test_an_evaluation_on_the_validation_split_predicts_fewer_images() -> None:
    test, val = judged("course", nets=1), judged("course", nets=1, split="val")
    one = estimate.macs("convnet3", (1, 8, 8), 10)
    costs = [estimate.cost("evaluate", "evaluate", asked.config, 100) for asked in (test, val)]
    assert costs == [one * (3 * 20 * 100 + 359), one * (3 * 20 * 100 + 144)]


def test_a_baseline_may_be_told_in_steps() -> None:
    asked = spec("baseline", "baseline", {"steps": 50, "batch_size": 10}).config
    assert estimate.steps("baseline", "baseline", asked) == 50
    assert (
        0
        < estimate.cost("baseline", "baseline", asked)
        < estimate.cost("baseline", "baseline", asked.replace(steps=500))
    )


def test_a_coreset_that_needs_scores_takes_as_long_as_both_until_they_are_there(home: Any) -> None:
    from ddcore.experiments import KINDS
    from ddcore.runs.key import key

    asked = spec("distill", "herding", METHODS["herding"].preset("quick").for_dataset("digits"))
    (scores,) = KINDS["distill"].needs(asked.name, asked.config)
    both = estimate.estimate("distill", "herding", asked.config, [])
    alone = estimate.estimate("scores", "scores", scores.config, [])
    done = record(id=key(scores), kind="scores", name="scores", config=scores.config.values(), info={})
    after = estimate.estimate("distill", "herding", asked.config, [done])
    assert both.seconds == pytest.approx(alone.seconds + after.seconds)
    assert alone.seconds > estimate.START


def test_several_runs_are_counted_once_each_and_not_where_they_are_done(home: Any) -> None:
    from ddcore.runs.key import key

    first, second = (judged("course", seed=seed) for seed in (0, 1))
    one = estimate.total([first], []).seconds
    assert estimate.total([first, first, second], []).seconds == pytest.approx(2 * one)
    done = record(id=key(first), kind="evaluate", config=first.config.values(), info={})
    assert estimate.total([first, second], [done]).seconds == pytest.approx(one)
    assert estimate.total([first], [done]).seconds == 0
