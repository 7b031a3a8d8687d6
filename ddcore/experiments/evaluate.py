"""How good a small set is: networks trained on it from scratch, tested on the real test images."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Literal

from ddcore.errors import ConfigError
from ddcore.experiments.base import ImageSet, Kind, Recorder
from ddcore.experiments.baseline import majority
from ddcore.lazy import lazy
from ddcore.params import Param
from ddcore.protocols import PROTOCOLS
from ddcore.settings import NetworkConfig, TrainConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.data import load, resident
    from ddcore.ops import device, flops, nets, seeds, train
else:
    torch = lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    device, flops, nets, seeds, train = (lazy(f"ddcore.ops.{m}") for m in ("device", "flops", "nets", "seeds", "train"))


class EvaluateConfig(NetworkConfig):
    """Which images, on which network, under which protocol."""

    run: str = Param(
        "", label="Run", group="Images", help="Id of the finished run whose images are evaluated.",
    )  # fmt: skip
    images: Literal["images", "initial"] = Param(
        "images", label="Images", group="Images",
        help="'images' is the run's result, 'initial' what it started from, undistilled.",
    )  # fmt: skip
    protocol: str = Param(
        "course", label="Protocol", group="Evaluation", choices=PROTOCOLS,
        help="How each network is trained on the small set. Numbers compare only under the same protocol.",
    )  # fmt: skip
    batch_size: int | None = Param(
        None, label="Batch size", group="Evaluation", unit="images", ge=1, le=8192,
        help="Overrides the protocol's batch size. Smaller batches mean more steps on a small set.",
    )  # fmt: skip
    nets: int = Param(
        3, label="Networks", symbol="n", group="Evaluation", ge=1, le=100, step=1,
        help="How many networks are trained from different random weights; the spread is over them.",
    )  # fmt: skip

    def problems(self) -> list[str]:
        return [*super().problems(), *([] if self.run else ["run must name a finished run, got nothing"])]

    def training(self) -> TrainConfig:
        """The training setting: the protocol's, with this batch size and the data set's augmentation."""
        return PROTOCOLS[self.protocol].training(self.facts.augment, self.batch_size)


def run(name: str, config: EvaluateConfig, recorder: Recorder) -> dict[str, Any]:
    """Train `nets` networks one after another; the final iteration of each is tested, once."""
    where = device.pick(config.device)
    parent = recorder.parent(config.run)
    subject = parent.images(config.images)
    _check_fit(config, subject)
    setting = config.training()
    recorder.progress(0, 100 * config.nets, "Reading the data set")
    data = load.load(config.dataset, config.resolution)
    test = resident.Resident.from_split(data.test, data, where)
    images, labels = subject.images.to(where), subject.labels.to(where)
    began = device.now(where)
    accuracies, per_class, seconds_train = [], [], []
    for index in range(config.nets):
        trained = _train_one(config, setting, images, labels, index, recorder)
        seconds_train.append(trained[1])
        predicted = train.predict(trained[0], test.batch, len(test), where, on_batch=recorder.check_cancelled)
        accuracies.append((predicted == test.labels).float().mean().item())
        per_class.append(train.per_class_accuracy(predicted, test.labels, len(data.classes)))
        recorder.event("net", net=index, accuracy=accuracies[-1], seconds_train=round(seconds_train[-1], 3))
        tested = f"Trained and tested {index + 1} of {config.nets} networks"
        recorder.progress(100 * (index + 1), 100 * config.nets, tested)
    counted = flops.count(config.network, config.shape, len(data.classes), config.network_options())
    return {
        "accuracy": {"mean": statistics.mean(accuracies), "n": len(accuracies), "protocol": config.protocol,
                     "std": statistics.stdev(accuracies) if len(accuracies) > 1 else None},
        "accuracies": accuracies,
        "per_class": [statistics.mean(column) for column in zip(*per_class, strict=True)],
        "majority": majority(test),
        "seconds": device.now(where) - began,
        "seconds_train": statistics.mean(seconds_train),
        "images": len(labels), "steps": setting.epochs * -(-len(labels) // setting.batch_size),
        "batch_size": setting.batch_size, "training": setting.values(), "network": config.network,
        "parameters": counted.parameters, "macs": counted.macs, "flops": counted.flops,
        "source": {"run": parent.id, "method": parent.name, "images": config.images,
                   "ipc": parent.config.get("ipc"), "seed": parent.config.get("seed")},
    }  # fmt: skip


def _train_one(
    config: EvaluateConfig, setting: TrainConfig, images: Tensor, labels: Tensor, index: int, recorder: Recorder
) -> tuple[Any, float]:
    """(a network trained on the set, the seconds that took)."""
    where = images.device
    network = nets.build(
        config.network, config.shape, len(config.facts.classes), config.network_options(),
        generator=seeds.generator(config.seed, "evaluate", index, "network", device=where), device=where,
    )  # fmt: skip
    often = max(1, setting.epochs // 100)

    def on_epoch(epoch: int, loss: float, accuracy: float) -> None:
        if (epoch + 1) % often == 0:
            recorder.event("epoch", net=index, epoch=epoch + 1, loss=loss, train_accuracy=accuracy)
            done = index + (epoch + 1) / setting.epochs
            recorder.progress(int(100 * done), 100 * config.nets, f"Training network {index + 1} of {config.nets}")

    began = device.now(where)
    train.train(
        network, lambda indices: images[indices], labels, train.Setting(**setting.training_values()),
        (config.seed, "evaluate", index), on_epoch, recorder.check_cancelled,
    )  # fmt: skip
    return network, device.now(where) - began


def _check_fit(config: EvaluateConfig, subject: ImageSet) -> None:
    """Refuse images of another data set or size before anything is trained on them."""
    shape = tuple(subject.images.shape[1:])
    problems = []
    if shape != config.shape:
        problems.append(f"run {config.run} holds images of shape {shape}, the evaluation expects {config.shape}")
    if subject.classes != config.facts.classes:
        problems.append(f"run {config.run} has the classes {subject.classes}, {config.dataset} {config.facts.classes}")
    if problems:
        raise ConfigError(problems)


KIND = Kind(
    name="evaluate",
    title="Evaluation",
    names=lambda: ("evaluate",),
    config=lambda name: EvaluateConfig,
    run=run,
    parents=lambda config: (config.run,),
)
