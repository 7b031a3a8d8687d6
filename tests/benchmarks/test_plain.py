"""The plain way of working computes what ours computes, so that their times may be held against each other."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import bare, distill, evaluate, paired, plain
from ddcore.ops import augment, nets, seeds
from ddcore.ops.augment import Draw

CPU = torch.device("cpu")
SIZES = {"ipc": 2, "width": 4, "exact": False, "device": "cpu"}


def config(method: str, shape: str = "mnist") -> Any:
    sizes = {"batch_real": 4, "student_steps": 2, "unroll": None}
    return distill.configured(argparse.Namespace(method=method, shape=shape, **SIZES, **sizes))


def case(which: str) -> evaluate.Case:
    sizes = {"nets": 2, "epochs": 3, "timed_epochs": None, "timed_images": 8, "timed_test": 5}
    return evaluate.cased(argparse.Namespace(case=which, shape="mnist", **SIZES, **sizes), CPU)


@pytest.mark.parametrize(("method", "shape"), [("dm", "mnist"), ("datadam", "cifar10"), ("pad", "mnist")])
@pytest.mark.parametrize("exact", [True, False])
def test_both_ways_find_the_same_loss_and_gradients_on_the_same_draws(method: str, shape: str, exact: bool) -> None:
    asked = config(method, shape)
    theirs = distill.Plain(asked.replace(exact=True), CPU).first()
    ours = distill.Ours(asked.replace(exact=exact), CPU).first()
    told = paired.same(method, "exact", ours, theirs)
    assert told["ours"] != 0
    assert 0 < theirs["images"].norm() < float("inf")


@pytest.mark.parametrize("which", evaluate.CASES)
def test_both_ways_learn_the_same_from_a_batch_and_answer_the_same(which: str) -> None:
    one = case(which)
    ours = evaluate.Ours(one, CPU)
    theirs = evaluate.Plain(one, CPU).first(ours)
    untrained = evaluate.plain.ConvNet((1, 28, 28), 10, 4, 3, "instance")
    evaluate.alike(untrained, ours.network(1))
    paired.same(which, "exact", ours.first(), theirs)
    with torch.no_grad():
        before = untrained(ours.test.all())
    assert (before - theirs["logits"]).norm() > 1e-4 * before.norm()


@pytest.mark.parametrize("wrong", ["loss", "images"])
def test_what_differs_ends_the_benchmark(wrong: str) -> None:
    ours: dict[str, Any] = {"loss": 2.0, "images": torch.ones(3)}
    theirs = {**ours, wrong: ours[wrong] * 1.01}
    with pytest.raises(paired.NotTheSame, match=rf"a step differs between ours \(exact\).*{wrong}"):
        paired.same("a step", "exact", ours, theirs)
    assert paired.same("a step", "bfloat16", ours, theirs)["arithmetic"] == "bfloat16"


@pytest.mark.parametrize(
    ("steps", "arithmetic", "apart", "fits"),
    [
        (5, "exact", 0.9e-3, True), (5, "exact", 1.1e-3, False), (40, "exact", 7e-3, True), (40, "exact", 9e-3, False),
        (40, "float32", 4e-2, True), (40, "float32", 6e-2, False),
    ],
)
def test_gradients_that_came_through_many_student_steps_may_differ_by_more(
    steps: int, arithmetic: str, apart: float, fits: bool
) -> None:
    plainly = {"loss": 1.0, "images": torch.ones(4)}
    ours = {"loss": 1.0, "images": torch.ones(4) * (1 + apart)}
    if fits:
        told = paired.same("a step", arithmetic, ours, plainly, steps)
        assert (told["student_steps"], told["tensors_tolerance"] > apart) == (steps, True)
    else:
        with pytest.raises(paired.NotTheSame, match="the images"):
            paired.same("a step", arithmetic, ours, plainly, steps)
    with pytest.raises(paired.NotTheSame, match="the losses"):
        paired.same("a step", "exact", {**plainly, "loss": 1.001}, plainly, steps)


def test_what_has_many_student_steps_is_first_held_to_the_plain_way_over_few() -> None:
    few, many = config("pad"), config("pad").replace(student_steps=40)
    assert [one.student_steps for one in distill.lengths(many)] == [paired.FEW_STEPS, 40]
    assert distill.lengths(few) == [few]
    assert distill.lengths(config("dm")) == [config("dm")]


@pytest.mark.parametrize("images", [None, 6])
@pytest.mark.parametrize("operation", augment.DRAWS)
def test_augmentation_written_out_for_each_image_is_ours(operation: str, images: int | None) -> None:
    drawn = Draw(((operation, augment.DRAWS[operation](seeds.generator(3), 9, 9, images)),))
    given = torch.randn(6, 3, 9, 9, generator=seeds.generator(4))
    torch.testing.assert_close(plain.changed(given, drawn), augment.apply(given, drawn), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "passes"), [("forward", 1), ("images", 2), ("weights", 3), ("twice", 9)])
def test_the_bare_convolutions_are_all_of_a_step_and_no_more(kind: str, passes: int) -> None:
    network = nets.build("convnet3", (2, 16, 16), 10, {"width": 4})
    macs = [4 * 9 * inputs * side * side for inputs, side in ((2, 16), (4, 8), (4, 4))]
    alone = bare.Bare(network, (2, 16, 16), [bare.Work(16, kind, at_once=8)], CPU, half=False)
    with FlopCounterMode(display=False) as counted:
        alone()
    # A training step asks for no gradient to the images that it learns from, so the way back has none to go through.
    left_out = {"weights": 1, "twice": 3}.get(kind, 0) * macs[0]
    assert counted.get_total_flops() == 2 * 16 * (passes * sum(macs) - left_out)


def test_a_whole_evaluation_is_counted_up_from_what_was_timed() -> None:
    one = case("full-data")
    assert one.timed == (1, 8, 5)
    assert one.steps == 3 * -(-55_000 // 128)
    assert one.whole(evaluate.Seconds(begun=3.0, trained=2.0, tested=1.0)) == 3.0 + 2.0 * one.steps + 10_000 / 5
