"""Full-data training and the evaluation of small sets, on digits."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from pathlib import Path
from statistics import mean
from types import SimpleNamespace
from typing import Any

import numpy as np
import plain
import pytest
import torch
from recording import MemoryRecorder

from ddcore import jobs
from ddcore.data import DATASETS, Availability, Split
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import Cancelled, ConfigError, DataMissing
from ddcore.experiments import KINDS, ImageSet, Spec, baseline, evaluate, experts, metrics, scores, spec, training
from ddcore.experiments.flops import FlopsConfig
from ddcore.experiments.flops import run as count_all
from ddcore.ops import acceleration, nets, seeds, train
from ddcore.protocols import PROTOCOLS
from ddcore.runs import RunRecord, Store
from ddcore.settings import TrainConfig
from ddcore.summary import Arithmetic, Summary

STEPS = 11  # optimiser steps of an epoch over the training part of digits, batch 128
SMALL: dict[str, Any] = {"dataset": "digits", "width": 8, "device": "cpu"}
UNSCHEDULED: dict[str, Any] = {"experts": 1, "train_epochs": 1, "initial_ratio": 1.0, "remove_ratio": 0.0,
                               "second_remove_ratio": 0.0}


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def small_set(ipc: int = 5) -> ImageSet:
    data = load("digits")
    part = Resident.from_split(data.train, data, "cpu")
    images = part.sample(ipc, torch.Generator().manual_seed(0))
    labels = torch.arange(10).repeat_interleave(ipc)
    return ImageSet(images, labels, data.classes, data.mean, data.std)


def evaluated(
    images: ImageSet | dict[Any, ImageSet], /, recorder: MemoryRecorder | None = None, **changes: Any
) -> tuple[evaluate.EvaluateSummary, MemoryRecorder]:
    """images: a set, or what its run kept: by name, by step."""
    recorder = recorder or MemoryRecorder()
    kept = images if isinstance(images, dict) else dict.fromkeys(("initial", "images", 3), images)
    parent = SimpleNamespace(
        id="0123456789abcdef", kind="distill", name="random", config={"ipc": 5, "seed": 0}, summary=Summary(),
        images=kept.__getitem__, snapshot=kept.__getitem__,
    )
    recorder.parents[parent.id] = parent
    config = spec("evaluate", "evaluate", {**SMALL, "run": parent.id, "nets": 2, **changes}).config
    return evaluate.run("evaluate", config, recorder), recorder  # type: ignore[arg-type]


def test_an_evaluation_says_how_it_was_made() -> None:
    summary, recorder = evaluated(small_set(), batch_size=10)
    accuracy = summary.accuracy
    assert (accuracy.n, accuracy.protocol) == (2, "course, batch 10")
    assert accuracy.mean == pytest.approx(sum(summary.accuracy.values) / 2)
    assert accuracy.std == pytest.approx(abs(summary.accuracy.values[0] - summary.accuracy.values[1]) / 2**0.5)
    assert summary.steps == 20 * 5
    assert accuracy.mean > 0.4 > summary.majority
    assert len(recorder.told("epoch")) == 20
    assert summary.source.run == "0123456789abcdef"
    assert (accuracy.split, summary.labels, summary.stored_floats) == ("test", "hard", 50 * 64)
    counted = torch.tensor(summary.confusion)
    assert counted.sum() == 2 * summary.test_images
    assert counted.diagonal().sum() / counted.sum() == pytest.approx(accuracy.mean)
    assert summary.balanced_accuracy.mean == pytest.approx(sum(summary.per_class) / 10)
    assert summary.auc is None
    assert not summary.arithmetic.compiled  # so short a run would take longer
    assert all(0.7 < reached <= 1 for reached in summary.accuracies_train)


def part_of(split: str) -> Resident:
    """A part of digits."""
    data = load("digits")
    return Resident.from_split(getattr(data, split), data, "cpu")


def fresh(*purpose: str | int) -> nets.Net:
    """The network of these tests with its first weights."""
    return nets.build("convnet3", (1, 8, 8), 10, {"width": 8}, seeds.generator(*purpose, "network"))


@pytest.mark.parametrize(("split", "soft", "together"), [("test", True, True), ("val", False, False)])
def test_an_evaluation_is_of_networks_each_with_weights_and_orders_of_its_own(
    split: str, soft: bool, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, logits = small_set(), torch.randn(50, 10, generator=seeds.generator(1))
    if soft:
        images = dataclasses.replace(images, label_logits=logits + 4 * torch.eye(10)[images.labels], lr=0.1)
    if not together:
        monkeypatch.setattr(train, "fitting", lambda *given: 1)
    asked = {"seed": 3, "batch_size": 30, "augment": "siamese-no-flip", "split": split}
    summary, recorder = evaluated(images, **asked, **({"lr_from": "learnt"} if soft else {}))
    setting = PROTOCOLS["course"].training("none").replace(
        batch_size=30, augment="siamese-no-flip", lr=0.1 if soft else 0.01
    )
    judge, other = part_of(split), part_of("val" if split == "test" else "test")
    losses, judged, learnt, elsewhere = [], [], [], []  # of each network, the first two after each epoch
    for i in range(2):
        network = fresh(3, "evaluate", i)
        epochs = plain.epochs(
            network, images.images.__getitem__, images.labels, setting, 3, "evaluate", i,
            soft=images.label_logits.softmax(1) if soft else None,
        )
        told = [(loss, right, plain.accuracy(network, judge)) for loss, right in epochs]
        losses.append([loss for loss, *_ in told])
        learnt.append(told[-1][1])
        judged.append([right for *_, right in told])
        elsewhere.append(plain.accuracy(network, other))
    ends, image = [curve[-1] for curve in judged], 1 / len(judge)
    assert summary.accuracy.values == pytest.approx(ends, abs=1.5 * image)
    assert abs(ends[0] - ends[1]) > 2 * image, "another network would be told from this one"
    assert elsewhere != pytest.approx(ends, abs=2 * image), "and other images from these"
    assert summary.accuracies_train == pytest.approx(learnt, abs=1.5 / 50)
    assert summary.majority == max(judge.counts) / len(judge)
    curves = [curve[1:-1:2] for curve in judged]  # as often as a test curve has a point
    groups = [list(map(mean, zip(*losses, strict=True)))] if together else losses
    assert [e["loss"] for e in recorder.told("epoch")] == pytest.approx([*itertools.chain(*groups)], rel=1e-3)
    assert [e["test_accuracy"] for e in recorder.told("tested")] == pytest.approx(
        curves[0] if together else [*itertools.chain(*curves)], abs=1.5 * image
    )


def test_an_evaluation_tells_a_curve_of_training_and_one_of_testing() -> None:
    _, recorder = evaluated(small_set(), nets=1)
    assert [e["step"] for e in recorder.told("epoch")] == list(range(1, 21))
    tested = recorder.told("tested")
    assert [e["step"] for e in tested] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert tested[-1]["test_accuracy"] > tested[0]["test_accuracy"]
    assert tested[0]["images"] == 359


def test_two_classes_have_an_area_under_the_curve() -> None:
    said = torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0], [0.0, 0.0]])
    assert metrics.auc(said, torch.tensor([0, 1, 1, 0])) == 1.0
    assert metrics.auc(said, torch.tensor([1, 0, 0, 1])) == 0.0
    assert metrics.auc(said, torch.tensor([0, 1, 0, 1])) == 0.5


def part(labels: list[int], classes: tuple[str, ...] = ("a", "b")) -> Resident:
    images = torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8)
    return Resident(images, torch.tensor(labels, dtype=torch.int64), classes, (0.5,), (0.5,))


def test_a_network_that_always_answers_the_frequent_class_is_right_on_its_share_and_balanced_at_one_half() -> None:
    uneven = part([1, 1, 1, 0])
    found = metrics.classification_scores(torch.tensor([[0.0, 1.0]]).expand(4, 2), uneven)
    assert found == {"accuracy": 0.75, "balanced_accuracy": 0.5, "auc": 0.5, "confusion": [[0, 1], [0, 3]]}
    assert metrics.majority(uneven) == 0.75


def test_what_is_right_of_three_uneven_classes_is_counted_by_hand() -> None:
    """Right are 3 of 4, 1 of 2 and 0 of 1: 4 of 7, balanced 5/12. The most frequent class is the first."""
    uneven = part([0, 0, 0, 0, 1, 1, 2], ("a", "b", "c"))
    said = 5 * torch.eye(3)[torch.tensor([0, 0, 0, 2, 1, 0, 1])]
    assert metrics.classification_scores(said, uneven) == {
        "accuracy": pytest.approx(4 / 7), "balanced_accuracy": pytest.approx(5 / 12), "auc": None,
        "confusion": [[3, 0, 1], [1, 1, 0], [0, 1, 0]],
    }
    assert metrics.majority(uneven) == 4 / 7


def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order() -> None:
    """The second class scores 3 and 1, the first 2, 0 and −1: of six pairs one, 1 and 2, is the wrong way round."""
    said = torch.tensor([[0.0, 2.0], [5.0, 5.0], [1.0, 0.0], [-3.0, 0.0], [0.0, 1.0]])
    assert metrics.classification_scores(said, part([0, 0, 0, 1, 1]))["auc"] == pytest.approx(5 / 6)


def test_a_part_that_lacks_a_class_has_no_area_under_the_curve_and_balances_those_it_has() -> None:
    said = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert metrics.classification_scores(said, part([1, 1]))["auc"] is None
    assert metrics.classification_scores(said, part([1, 1]))["balanced_accuracy"] == 0.5
    assert metrics.majority(part([])) is None


def tiles(labels: np.ndarray) -> Split:
    pixels = np.random.default_rng(0).integers(0, 60, (len(labels), 1, 8, 8))
    return Split((pixels + 150 * labels[:, None, None, None]).astype(np.uint8), labels)


def two_classes(monkeypatch: pytest.MonkeyPatch, each: int = 40, **changes: Any) -> None:
    """A data set "tiles" of two classes, with something to know of it: the second is three times as frequent in the
    training part; of the test images two thirds are of the first."""
    official, test = (tiles(np.tile(labels, each)) for labels in ([0, 1, 1, 1], [0, 0, 1]))
    facts = dataclasses.replace(
        DATASETS["digits"], name="tiles", classes=("dark", "bright"), sizes=(len(official.labels), len(test.labels)),
        read=lambda root, side: (official, test), fingerprint=lambda root, side: "tiles",
        notes=("Copies were left out.",),
        check=lambda root: Availability("ready", "there", caveat="These are other images."), **changes,
    )
    monkeypatch.setitem(DATASETS._entries, "tiles", facts)


def test_two_classes_have_balanced_accuracy_auc_and_what_must_be_known_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    two_classes(monkeypatch)
    data = load("tiles")
    images = Resident.from_split(data.train, data, "cpu").sample(2, torch.Generator().manual_seed(0))
    small = ImageSet(images, torch.tensor([0, 0, 1, 1]), data.classes, data.mean, data.std)
    summary = evaluated(small, dataset="tiles", nets=2)[0]
    recorder = MemoryRecorder()
    config = spec("baseline", "baseline", {**SMALL, "dataset": "tiles", "epochs": 1}).config
    full = baseline.run("baseline", config, recorder)  # type: ignore[arg-type]
    for found, n in ((summary, 2), (full, 1)):
        assert found.balanced_accuracy.n == found.auc.n == n
        assert found.balanced_accuracy.mean == pytest.approx(sum(found.per_class) / 2)
        assert (found.majority, found.classes) == (2 / 3, ("dark", "bright"))
        assert found.notes == ("These are other images.", "Copies were left out.")
    (told,) = recorder.told("judge")
    assert (told["images"], told["majority"]) == (len(data.val), 0.75)


def test_a_data_set_too_small_for_a_validation_part_is_trained_on_and_not_validated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two_classes(monkeypatch, each=1)
    assert len(load("tiles").val) == 0
    recorder = MemoryRecorder()
    config = spec("baseline", "baseline", {**SMALL, "dataset": "tiles", "epochs": 1}).config
    assert baseline.run("baseline", config, recorder).accuracy.n == 1  # type: ignore[arg-type]
    assert [e["val_accuracy"] for e in recorder.told("epoch")] == [None]
    with pytest.raises(DataMissing, match="so small that no image of it is held out for validation"):
        evaluated(dataclasses.replace(small_set(), classes=("dark", "bright")), dataset="tiles", split="val")
    for kind, run, values in (("scores", scores.run, {"epochs": 1}), ("experts", experts.run, UNSCHEDULED)):
        asked = spec(kind, kind, {**SMALL, "dataset": "tiles", **values}).config
        assert run(kind, asked, MemoryRecorder()).val_accuracy is None  # type: ignore[operator]


def test_choices_are_made_on_the_validation_split() -> None:
    chosen, tested = evaluated(small_set(), split="val", nets=1)[0], evaluated(small_set(), nets=1)[0]
    assert (chosen.accuracy.split, chosen.test_images) == ("val", 144)
    assert (tested.accuracy.split, tested.test_images) == ("test", 359)


def test_soft_labels_are_learnt_unless_hard_ones_are_asked_for() -> None:
    plain = small_set()
    wrong = dataclasses.replace(plain, label_logits=50 * torch.eye(10)[(plain.labels + 1) % 10], lr=0.02)
    soft, hard = evaluated(wrong, nets=1)[0], evaluated(wrong, nets=1, labels="hard")[0]
    assert soft.labels == "soft"
    assert soft.accuracy.mean < 0.1 < hard.accuracy.mean  # labels one class off teach one class off
    assert soft.stored_floats == 50 * 64 + 50 * 10 + 1


def test_a_learnt_learning_rate_is_used_on_request_only() -> None:
    learnt = dataclasses.replace(small_set(), lr=0.02)
    usual, own = evaluated(learnt, nets=1)[0], evaluated(learnt, nets=1, lr_from="learnt")[0]
    assert (usual.training["lr"], own.training["lr"]) == (0.01, 0.02)
    assert own.accuracy.protocol == "course, learnt learning rate"
    assert usual.accuracy.values != own.accuracy.values


@pytest.mark.slow
def test_a_protocol_in_steps_trains_equally_long_whatever_the_size() -> None:
    asked = {"protocol": "quick", "augment": "none", "nets": 1}
    few = evaluated(small_set(2), **asked)[0]
    training = PROTOCOLS["quick"].training("none")
    assert few.steps == training.optimiser_steps(20) == training.optimiser_steps(30_000) == 600
    assert few.accuracy.protocol == "quick, no augmentation"


def test_either_epochs_or_steps_say_how_long() -> None:
    assert TrainConfig.build({"steps": 7}).epochs is None
    assert TrainConfig.build({"steps": 7}).optimiser_steps(1000) == 7
    assert TrainConfig.build({"epochs": 3, "batch_size": 10}).optimiser_steps(21) == 9
    with pytest.raises(ConfigError, match="either epochs or steps, got 3 epochs and 7 steps"):
        TrainConfig.build({"steps": 7, "epochs": 3})


def test_the_same_evaluation_gives_the_same_numbers_and_more_networks_only_add() -> None:
    first, again, more = (evaluated(small_set(), nets=n)[0].accuracy.values for n in (2, 2, 3))
    assert first == again
    assert more[:2] == first


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the shortest run goes the way of those that are compiled; what the compiler makes is the function itself."""
    monkeypatch.setattr(acceleration, "WORTH_COMPILING", {"cpu": 0})
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "")
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)


def test_the_fast_way_and_the_plain_one_agree_and_a_summary_says_which_it_was(fast: None) -> None:
    quick, exact = (evaluated(small_set(), exact=plain)[0] for plain in (False, True))
    assert quick.arithmetic == Arithmetic(compiled=True)
    assert exact.arithmetic == Arithmetic(exact=True)
    assert quick.accuracy.values == pytest.approx(exact.accuracy.values, abs=0.02)
    assert quick.accuracies_train == pytest.approx(exact.accuracies_train, abs=0.03)


def test_one_network_has_no_spread() -> None:
    assert evaluated(small_set(), nets=1)[0].accuracy.std is None


def test_the_start_the_result_and_a_snapshot_of_a_run_are_each_judged_by_their_own_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluate, "TEST_POINTS", 1)  # the end is enough
    real = dataclasses.replace(small_set(), lr=0.1)
    kept = {"images": real, "initial": dataclasses.replace(real, labels=(real.labels + 1) % 10),
            3: dataclasses.replace(real, labels=(real.labels + 2) % 10)}
    asked: dict[Any, dict[str, Any]] = {"images": {}, "initial": {"images": "initial"}, 3: {"step": 3}}
    for name, off in (("images", 0), ("initial", 1), (3, 2)):  # labels so many classes off teach so many classes off
        counted = torch.tensor(evaluated(kept, nets=1, lr_from="learnt", **asked[name])[0].confusion)
        answers = [counted.roll(-classes, 1).trace().item() for classes in range(10)]
        assert answers[off] == max(answers) > 1.5 * sorted(answers)[-2]


def test_images_of_another_shape_are_refused_before_training() -> None:
    wrong = small_set()
    with pytest.raises(ConfigError, match=r"images of shape \(1, 4, 4\), the evaluation expects \(1, 8, 8\)"):
        evaluated(ImageSet(wrong.images[:, :, :4, :4], wrong.labels, wrong.classes, wrong.mean, wrong.std))


def test_a_baseline_tells_curves_time_and_cost() -> None:
    recorder = MemoryRecorder()
    config = spec("baseline", "baseline", {**SMALL, "epochs": 3}).config
    summary = baseline.run("baseline", config, recorder)  # type: ignore[arg-type]
    epochs = recorder.told("epoch")
    assert [e["epoch"] for e in epochs] == [1, 2, 3]
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert summary.accuracy.protocol == "own setting"
    assert summary.accuracy.mean > 0.3
    assert summary.macs_test_set == summary.macs * summary.test_images
    assert summary.images == 1294
    assert summary.seconds_train <= summary.seconds


def test_a_baseline_is_validated_and_tested_on_the_images_that_its_labels_say() -> None:
    recorder = MemoryRecorder()
    values = {"epochs": 3, "lr": 0.05, "momentum": 0.8, "weight_decay": 0.01, "augment": "siamese-no-flip", "seed": 5}
    config = spec("baseline", "baseline", {**SMALL, **values}).config
    summary = baseline.run("baseline", config, recorder)  # type: ignore[arg-type]
    network, part, val, test = fresh(5, "baseline"), part_of("train"), part_of("val"), part_of("test")
    learnt = plain.epochs(network, part.batch, part.labels, config, 5, "baseline")
    by_hand = [(loss, plain.accuracy(network, val)) for loss, _ in learnt]
    told = recorder.told("epoch")
    assert [e["loss"] for e in told] == pytest.approx([loss for loss, _ in by_hand], rel=1e-3)
    assert [e["val_accuracy"] for e in told] == pytest.approx([right for _, right in by_hand], abs=1.5 / len(val))
    assert summary.accuracy.mean == pytest.approx(plain.accuracy(network, test), abs=1.5 / len(test))
    assert abs(by_hand[-1][1] - plain.accuracy(network, test)) > 0.05, "the other images would be told from these"
    assert summary.majority == max(test.counts) / len(test) != max(val.counts) / len(val)


def test_a_baseline_stops_when_asked() -> None:
    config = spec("baseline", "baseline", {**SMALL, "epochs": 50}).config
    with pytest.raises(Cancelled):
        baseline.run("baseline", config, MemoryRecorder(cancel_at=3))  # type: ignore[arg-type]


def test_the_baselines_defaults_are_the_course_protocol() -> None:
    config = spec("baseline", "baseline", {"dataset": "mnist"}).config
    assert baseline.protocol_of(config) == "course"  # type: ignore[arg-type]
    assert baseline.protocol_of(config.replace(batch_size=64)) == "own setting"  # type: ignore[arg-type]


def test_the_standard_protocol_is_the_published_one() -> None:
    setting = PROTOCOLS["standard"].training("siamese-no-flip")
    assert setting.values() == {
        "epochs": 1000, "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "half", "batch_size": 256,
        "augment": "siamese-no-flip", "steps": None,
    }


def test_learning_rates_follow_their_schedules() -> None:
    assert [train.learning_rate(e, 1000, 0.01, "half") for e in (0, 499, 500, 999)] == [0.01, 0.01, 0.001, 0.001]
    assert train.learning_rate(0, 20, 0.01, "cosine") == pytest.approx(0.01)
    assert train.learning_rate(10, 20, 0.01, "cosine") == pytest.approx(0.005)
    assert train.learning_rate(19, 20, 0.01, "cosine") == pytest.approx(0.01 * (1 + math.cos(math.pi * 0.95)) / 2)


def test_training_is_torchs_sgd_with_momentum_decay_and_schedule() -> None:
    ours = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2))
    theirs = copy.deepcopy(ours)
    x, y = torch.randn(6, 3, 1, 1, generator=seeds.generator(0)), torch.tensor([0, 1, 0, 1, 1, 0])
    setting = train.Setting(4, 0.1, 0.8, 0.05, "half", 4, "none")
    training = train.Training.begin(ours)
    train.train(training, lambda i: x[i], y, setting, [(0, "test")])
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.8, weight_decay=0.05)
    for epoch in range(4):
        optimiser.param_groups[0]["lr"] = 0.1 if epoch < 2 else 0.01
        order = seeds.permutation(6, 0, "test", "order", epoch)
        for some in order.split(4):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(theirs(x[some]), y[some]).backward()
            optimiser.step()
    for a, b in zip(training.network.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_images_a_network_trains_on_are_each_augmented_with_parameters_of_their_own() -> None:
    class Watcher(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            changed.append(x.flatten(1))
            return super().forward(x.flatten(1))

    changed: list[torch.Tensor] = []
    image = torch.randn(1, 1, 8, 8, generator=seeds.generator(0))
    setting = train.Setting(20, 0.1, 0.9, 0.0, "constant", 4, "siamese-no-flip")
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    train.train(
        train.Training.begin(Watcher(64, 2)), lambda i: image.expand(*i.shape, -1, -1, -1), labels, setting,
        [(0, "test")],
    )
    assert {len(batch) for batch in changed} == {4, 2}
    # one image all over the batch comes out as many; by chance alone a crop or a hole may fall alike for all
    assert sum(len(batch.unique(dim=0)) > 1 for batch in changed) > 0.9 * len(changed)


def test_the_accuracy_of_each_class_is_counted_by_hand() -> None:
    predicted, labels = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 1, 1])
    assert train.shares(train.confusion(predicted, labels, 3)) == [1.0, 0.75, 0.0]


def test_the_flops_table_has_every_network_that_fits() -> None:
    table = count_all("flops", FlopsConfig.build({"dataset": "digits"}), MemoryRecorder())
    found = {row.network: row for row in table.rows}
    assert "convnet3" in found
    assert "convnet7" not in found  # too deep for 8 pixels
    assert all(row.flops == 2 * row.macs for row in table.rows)
    assert "fvcore" in table.convention


class Halting(MemoryRecorder):
    """Stops the run at its first checkpoint that `when` accepts."""

    def __init__(self, when: Any) -> None:
        super().__init__()
        self.when = when

    def checkpoint(self, tensors: Any, meta: Any) -> None:
        super().checkpoint(copy.deepcopy(tensors), copy.deepcopy(meta))
        if self.when(meta):
            raise Cancelled("stopped by the test")


def test_a_baseline_that_was_stopped_goes_on_to_the_same_numbers() -> None:
    config = spec("baseline", "baseline", {**SMALL, "epochs": 3, "augment": "siamese"}).config
    whole = baseline.run("baseline", config, MemoryRecorder())  # type: ignore[arg-type]
    halted = Halting(lambda meta: meta["step"] == 2 * STEPS)
    with pytest.raises(Cancelled):
        baseline.run("baseline", config, halted)  # type: ignore[arg-type]
    resumed = MemoryRecorder(point=halted.points[-1])
    again = baseline.run("baseline", config, resumed)  # type: ignore[arg-type]
    assert [e["epoch"] for e in resumed.told("epoch")] == [3]
    finished = Halting(lambda meta: meta["step"] == 3 * STEPS)
    with pytest.raises(Cancelled):
        baseline.run("baseline", config, finished)  # type: ignore[arg-type]
    tested_only = baseline.run("baseline", config, MemoryRecorder(point=finished.points[-1]))  # type: ignore[arg-type]
    assert tested_only.accuracy_train == again.accuracy_train == whole.accuracy_train > 0
    assert (again.accuracy, again.per_class) == (whole.accuracy, whole.per_class)


def test_a_fast_baseline_that_was_stopped_goes_on_to_the_same_numbers(fast: None) -> None:
    config = spec("baseline", "baseline", {**SMALL, "width": 4, "epochs": 2}).config
    whole = baseline.run("baseline", config, MemoryRecorder())  # type: ignore[arg-type]
    halted = Halting(lambda meta: meta["step"] == STEPS)
    with pytest.raises(Cancelled):
        baseline.run("baseline", config, halted)  # type: ignore[arg-type]
    again = baseline.run("baseline", config, MemoryRecorder(point=halted.points[-1]))  # type: ignore[arg-type]
    assert again.arithmetic.compiled
    assert (again.accuracy, again.accuracy_train) == (whole.accuracy, whole.accuracy_train)


@pytest.mark.parametrize("when", ["between groups", "within a group"])
def test_an_evaluation_that_was_stopped_goes_on_to_the_same_numbers(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1)
    monkeypatch.setattr(train, "fitting", lambda *a: 2)  # three networks are a pair and a single one
    images = small_set()
    whole, _ = evaluated(images, nets=3)
    step = 7 if when == "within a group" else 0
    halted = Halting(lambda meta: len(meta["done"]) == 2 and meta["step"] == step)
    with pytest.raises(Cancelled):
        evaluated(images, recorder=halted, nets=3)
    if when == "within a group":  # it goes on as it was begun, whatever fits now
        monkeypatch.setattr(train, "fitting", lambda *a: 3)
    again, resumed = evaluated(images, recorder=MemoryRecorder(point=halted.points[-1]), nets=3)
    assert again.accuracy.values == whole.accuracy.values
    assert again.accuracies_train == whole.accuracies_train
    assert {e["net"] for e in resumed.told("net")} == {2}


RANDOM: dict[str, Any] = {"dataset": "digits", "ipc": 2}


def asked_of(run_id: str, nets: int, **changes: Any) -> Spec:
    values = {**SMALL, "run": run_id, "nets": nets, "augment": "siamese-no-flip", **changes}
    return spec("evaluate", "evaluate", values)


def at_once(home: Path, nets: int) -> RunRecord:
    """An evaluation with so many networks in a store where there is no other."""
    store = Store(home / "elsewhere")
    subject = jobs.run_inline(spec("distill", "random", RANDOM), store)
    return store.record(jobs.run_inline(asked_of(subject, nets), store))


def test_an_evaluation_with_more_networks_goes_on_from_the_longest_shorter_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "fitting", lambda *a: 2)  # the third network was alone; at once it is one of a pair
    subject = jobs.run_inline(spec("distill", "random", RANDOM))
    short, one = (jobs.run_inline(asked_of(subject, nets)) for nets in (3, 1))
    (jobs.run_inline(asked_of(subject, 4, **other)) for other in ({"split": "val"}, {"seed": 1}))
    store = Store()
    longer = store.record(jobs.run_inline(asked_of(subject, 5)))
    whole = at_once(home, 5)
    assert longer.info["continued_from"] == short
    assert store.record(short).info["continued_from"] is None  # it was there before the one of a single network
    told, known = (record.summary for record in (longer, whole))
    for name in ("accuracy", "accuracies_train", "confusion", "per_class", "balanced_accuracy"):
        assert getattr(told, name) == getattr(known, name), name
    assert told.accuracy.values[:3] == store.record(short).summary.accuracy.values
    assert told.accuracy.values[:1] == store.record(one).summary.accuracy.values
    events = store.events(longer.id)[0]
    assert [event["net"] for event in events if event["event"] == "net"] == [0, 1, 2, 3, 4]
    assert [event["first"] for event in events if event.get("epoch") == 20] == [0, 2, 3]
    assert f"Continues run {short}: 3 of 5 are done." in store.log(longer.id)


def test_an_evaluation_that_grows_long_enough_to_be_compiled_begins_anew(fast: None, home: Path) -> None:
    subject = jobs.run_inline(spec("distill", "random", RANDOM))
    plain, whole = asked_of(subject, 2), asked_of(subject, 3)
    acceleration.WORTH_COMPILING["cpu"] = KINDS["evaluate"].cost("evaluate", whole.config, 20)
    jobs.run_inline(plain)
    longer, alone = Store().record(jobs.run_inline(whole)), at_once(home, 3)
    assert (longer.info["continued_from"], longer.summary.arithmetic.compiled) == (None, True)
    assert longer.summary.accuracy.values == alone.summary.accuracy.values
    nets = [event["net"] for event in Store().events(longer.id)[0] if event["event"] == "net"]
    assert nets == [0, 1, 2]


def test_an_evaluation_goes_on_from_a_checkpoint_that_does_not_say_whether_it_was_long() -> None:
    whole, recorder = evaluated(small_set(), nets=3)
    before = [({}, {name: value for name, value in meta.items() if name != "long"}) for _, meta in recorder.points]
    again, resumed = evaluated(small_set(), recorder=MemoryRecorder(point=before[0]), nets=3)
    assert again.accuracy.values == whole.accuracy.values
    assert len(resumed.told("net")) < 3


def test_a_batch_size_of_ones_own_is_part_of_the_label_and_of_the_question() -> None:
    usual, same, other = (
        spec("evaluate", "evaluate", {**SMALL, "run": "0123456789abcdef", "batch_size": size}).config
        for size in (None, 128, 10)
    )
    assert evaluated(small_set(), batch_size=10, nets=1)[0].accuracy.protocol == "course, batch 10"
    assert usual.protocol_label() == same.protocol_label() == "course"  # type: ignore[attr-defined]
    assert usual.key_values() == same.key_values() != other.key_values()


def test_standards_numbers_without_its_augmentation_are_not_standard() -> None:
    values = {**PROTOCOLS["standard"].values, "dataset": "mnist"}
    plain = spec("baseline", "baseline", {**values, "augment": "none"}).config
    published = spec("baseline", "baseline", {**values, "augment": "siamese-no-flip"}).config
    assert baseline.protocol_of(plain) == "own setting"  # type: ignore[arg-type]
    assert baseline.protocol_of(published) == "standard"  # type: ignore[arg-type]
