"""Full-data training and the evaluation of small sets, on digits."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from recording import MemoryRecorder

from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import Cancelled, ConfigError
from ddcore.experiments import ImageSet, baseline, evaluate, spec
from ddcore.experiments.flops import FlopsConfig
from ddcore.experiments.flops import run as count_all
from ddcore.ops import seeds, train
from ddcore.protocols import PROTOCOLS

SMALL: dict[str, Any] = {"dataset": "digits", "width": 8, "device": "cpu"}


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def small_set(ipc: int = 5) -> ImageSet:
    data = load("digits")
    part = Resident.from_split(data.train, data, "cpu")
    images = part.sample(ipc, torch.Generator().manual_seed(0))
    labels = torch.arange(10).repeat_interleave(ipc)
    return ImageSet(images, labels, data.classes, data.mean, data.std)


def evaluated(
    images: ImageSet, recorder: MemoryRecorder | None = None, **changes: Any
) -> tuple[dict[str, Any], MemoryRecorder]:
    recorder = recorder or MemoryRecorder()
    parent = SimpleNamespace(
        id="0123456789abcdef",
        kind="distill",
        name="random",
        config={"ipc": 5, "seed": 0},
        summary={},
        images=lambda name: images,
    )
    recorder.parents[parent.id] = parent
    config = spec("evaluate", "evaluate", {**SMALL, "run": parent.id, "nets": 2, **changes}).config
    return evaluate.run("evaluate", config, recorder), recorder  # type: ignore[arg-type]


def test_an_evaluation_says_how_it_was_made() -> None:
    summary, recorder = evaluated(small_set(), batch_size=10)
    accuracy = summary["accuracy"]
    assert (accuracy["n"], accuracy["protocol"]) == (2, "course, batch 10")
    assert accuracy["mean"] == pytest.approx(sum(summary["accuracies"]) / 2)
    assert accuracy["std"] == pytest.approx(abs(summary["accuracies"][0] - summary["accuracies"][1]) / 2**0.5)
    assert summary["steps"] == 20 * 5
    assert accuracy["mean"] > 0.4 > summary["majority"]
    assert len(recorder.told("epoch")) == 40
    assert summary["source"]["run"] == "0123456789abcdef"


def test_the_same_evaluation_gives_the_same_numbers_and_more_networks_only_add() -> None:
    first, again, more = (evaluated(small_set(), nets=n)[0]["accuracies"] for n in (2, 2, 3))
    assert first == again
    assert more[:2] == first


def test_one_network_has_no_spread() -> None:
    assert evaluated(small_set(), nets=1)[0]["accuracy"]["std"] is None


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
    assert summary["accuracy"]["protocol"] == "own setting"
    assert summary["accuracy"]["mean"] > 0.3
    assert summary["macs_test_set"] == summary["macs"] * summary["test_images"]
    assert summary["images"] == 1294
    assert summary["seconds_train"] <= summary["seconds"]


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
        "augment": "siamese-no-flip",
    }  # fmt: skip


def test_learning_rates_follow_their_schedules() -> None:
    assert [train.learning_rate(e, 1000, 0.01, "half") for e in (0, 499, 500, 999)] == [0.01, 0.01, 0.001, 0.001]
    assert train.learning_rate(0, 20, 0.01, "cosine") == pytest.approx(0.01)
    assert train.learning_rate(10, 20, 0.01, "cosine") == pytest.approx(0.005)
    assert train.learning_rate(19, 20, 0.01, "cosine") == pytest.approx(0.01 * (1 + math.cos(math.pi * 0.95)) / 2)


def test_training_is_torchs_sgd_with_momentum_decay_and_schedule() -> None:
    ours = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2))
    theirs = copy.deepcopy(ours)
    x, y = torch.randn(6, 3, 1, 1), torch.tensor([0, 1, 0, 1, 1, 0])
    setting = train.Setting(4, 0.1, 0.9, 0.01, "half", 6, "none")
    train.train(train.Training.begin(ours), lambda i: x[i], y, setting, (0, "test"))
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    for epoch in range(4):
        optimiser.param_groups[0]["lr"] = 0.1 if epoch < 2 else 0.01
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(theirs(x), y).backward()
        optimiser.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


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
        train.Training.begin(Watcher(64, 2)), lambda i: image.expand(len(i), -1, -1, -1), labels, setting, (0, "test")
    )
    assert {len(batch) for batch in changed} == {4, 2}
    # one image all over the batch comes out as many; by chance alone a crop or a hole may fall alike for all
    assert sum(len(batch.unique(dim=0)) > 1 for batch in changed) > 0.9 * len(changed)


def test_the_accuracy_of_each_class_is_counted_by_hand() -> None:
    predicted, labels = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 1, 1])
    assert train.per_class_accuracy(predicted, labels, 3) == [1.0, 0.75, 0.0]


def test_the_flops_table_has_every_network_that_fits() -> None:
    table = count_all("flops", FlopsConfig.build({"dataset": "digits"}), MemoryRecorder())
    found = {row["network"]: row for row in table["rows"]}
    assert "convnet3" in found
    assert "convnet7" not in found  # too deep for 8 pixels
    assert all(row["flops"] == 2 * row["macs"] for row in table["rows"])
    assert "fvcore" in table["convention"]


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
    halted = Halting(lambda meta: meta["epoch"] == 2)
    with pytest.raises(Cancelled):
        baseline.run("baseline", config, halted)  # type: ignore[arg-type]
    resumed = MemoryRecorder(point=halted.points[-1])
    again = baseline.run("baseline", config, resumed)  # type: ignore[arg-type]
    assert [e["epoch"] for e in resumed.told("epoch")] == [3]
    finished = Halting(lambda meta: meta["epoch"] == 3)
    with pytest.raises(Cancelled):
        baseline.run("baseline", config, finished)  # type: ignore[arg-type]
    tested_only = baseline.run("baseline", config, MemoryRecorder(point=finished.points[-1]))  # type: ignore[arg-type]
    assert tested_only["accuracy_train"] == again["accuracy_train"] == whole["accuracy_train"] > 0
    assert (again["accuracy"], again["per_class"]) == (whole["accuracy"], whole["per_class"])


@pytest.mark.parametrize("when", ["between networks", "within a network"])
def test_an_evaluation_that_was_stopped_goes_on_to_the_same_numbers(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = small_set()
    whole, _ = evaluated(images)
    monkeypatch.setattr(evaluate, "CHECKPOINT_SECONDS", -1)
    within = when == "within a network"
    halted = Halting(lambda meta: len(meta["trained"]) == 1 and (meta["epoch"] == 7) == within)
    with pytest.raises(Cancelled):
        evaluated(images, recorder=halted)
    again, resumed = evaluated(images, recorder=MemoryRecorder(point=halted.points[-1]))
    assert again["accuracies"] == whole["accuracies"]
    assert {e["net"] for e in resumed.told("epoch")} == {1}


def test_a_batch_size_of_ones_own_is_part_of_the_label_and_of_the_question() -> None:
    usual, same, other = (
        spec("evaluate", "evaluate", {**SMALL, "run": "0123456789abcdef", "batch_size": size}).config
        for size in (None, 128, 10)
    )
    assert evaluated(small_set(), batch_size=10, nets=1)[0]["accuracy"]["protocol"] == "course, batch 10"
    assert usual.protocol_label() == same.protocol_label() == "course"  # type: ignore[attr-defined]
    assert usual.key_values() == same.key_values() != other.key_values()


def test_standards_numbers_without_its_augmentation_are_not_standard() -> None:
    values = {**PROTOCOLS["standard"].values, "dataset": "mnist"}
    plain = spec("baseline", "baseline", {**values, "augment": "none"}).config
    published = spec("baseline", "baseline", {**values, "augment": "siamese-no-flip"}).config
    assert baseline.protocol_of(plain) == "own setting"  # type: ignore[arg-type]
    assert baseline.protocol_of(published) == "standard"  # type: ignore[arg-type]
