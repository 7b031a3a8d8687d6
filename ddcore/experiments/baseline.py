"""Training a network on the full training data: the ceiling a distilled set is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddcore.experiments.base import Kind, Recorder
from ddcore.lazy import lazy
from ddcore.settings import NetworkConfig, TrainConfig

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ddcore.data import load, resident
    from ddcore.data.resident import Resident
    from ddcore.ops import device, flops, nets, seeds, train
else:
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    device, flops, nets, seeds, train = (lazy(f"ddcore.ops.{m}") for m in ("device", "flops", "nets", "seeds", "train"))


class BaselineConfig(TrainConfig, NetworkConfig):
    """A network and how it is trained. The defaults are the course's full-data task."""


def run(name: str, config: BaselineConfig, recorder: Recorder) -> dict[str, Any]:
    """Train once on the training part; validate every epoch, test once, at the end."""
    where = device.pick(config.device)
    recorder.progress(0, config.epochs, "Reading the data set")
    data = load.load(config.dataset, config.resolution)
    train_part, val_part, test_part = (
        resident.Resident.from_split(split, data, where) for split in (data.train, data.val, data.test)
    )
    network = nets.build(
        config.network, config.shape, len(data.classes), config.network_options(),
        generator=seeds.generator(config.seed, "baseline", "network", device=where), device=where,
    )  # fmt: skip
    began = device.now(where)
    validating = 0.0
    train_accuracy = 0.0
    steps = 0
    per_epoch = -(-len(train_part) // config.batch_size)

    def on_step() -> None:
        nonlocal steps
        recorder.check_cancelled()
        recorder.progress(steps, config.epochs * per_epoch, "Training")
        steps += 1

    def on_epoch(epoch: int, loss: float, accuracy: float) -> None:
        nonlocal validating, train_accuracy
        train_accuracy = accuracy
        paused = device.now(where)
        val_accuracy = _accuracy(network, val_part, recorder)
        network.train()
        validating += device.now(where) - paused
        recorder.event(
            "epoch", epoch=epoch + 1, loss=loss, train_accuracy=accuracy, val_accuracy=val_accuracy,
            seconds=round(device.now(where) - began - validating, 3),
        )  # fmt: skip

    train.train(
        network, train_part.batch, train_part.labels, train.Setting(**config.training_values()),
        (config.seed, "baseline"), on_epoch, on_step,
    )  # fmt: skip
    seconds_train = device.now(where) - began - validating
    recorder.progress(steps, steps, "Testing")
    predicted = _predict(network, test_part, recorder)
    counted = flops.count(config.network, config.shape, len(data.classes), config.network_options())
    tested = len(test_part)
    return {
        "accuracy": {"mean": (predicted == test_part.labels).float().mean().item(), "std": None, "n": 1,
                     "protocol": protocol_of(config)},
        "accuracy_train": train_accuracy,
        "per_class": train.per_class_accuracy(predicted, test_part.labels, len(data.classes)),
        "majority": majority(test_part),
        "seconds": device.now(where) - began,
        "seconds_train": seconds_train,
        "images": len(train_part), "test_images": tested, "steps": steps,
        "parameters": counted.parameters, "macs": counted.macs, "flops": counted.flops,
        "macs_test_set": counted.macs * tested,
    }  # fmt: skip


def protocol_of(config: TrainConfig) -> str:
    """The named protocol whose setting this is, else "own setting"."""
    from ddcore.protocols import PROTOCOLS

    for protocol in PROTOCOLS.values():
        if protocol.training(config.augment) == TrainConfig(**config.training_values()):
            return protocol.name
    return "own setting"


def majority(part: Resident) -> float:
    """Accuracy of always answering the most frequent class."""
    return part.labels.bincount().max().item() / len(part)


def _predict(network: nn.Module, part: Resident, recorder: Recorder) -> Tensor:
    return train.predict(network, part.batch, len(part), part.labels.device, on_batch=recorder.check_cancelled)


def _accuracy(network: nn.Module, part: Resident, recorder: Recorder) -> float:
    return (_predict(network, part, recorder) == part.labels).float().mean().item()


KIND = Kind(
    name="baseline",
    title="Full-data training",
    names=lambda: ("baseline",),
    config=lambda name: BaselineConfig,
    run=run,
)
