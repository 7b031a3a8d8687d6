"""How good a small set is: networks trained on it from scratch, tested on the real test images."""

from __future__ import annotations

import statistics
import time
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

CHECKPOINT_SECONDS = 15


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

    def key_values(self) -> dict[str, Any]:
        """What the protocol says enters the key instead of its name, so a changed protocol is another question."""
        values = super().key_values()
        del values["protocol"], values["batch_size"]
        return {**values, "training": self.training().values()}

    def protocol_label(self) -> str:
        """The protocol's name, and the batch size where it is not the protocol's own."""
        own = PROTOCOLS[self.protocol].values["batch_size"]
        return self.protocol if self.batch_size in (None, own) else f"{self.protocol}, batch {self.batch_size}"

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
    point = recorder.resume_point()
    trained: list[dict[str, Any]] = list(point[1]["trained"]) if point else []
    for index in range(len(trained), config.nets):
        network, seconds = _train_one(config, setting, images, labels, trained, recorder, point)
        point = None
        watch = device.Stopwatch(where)
        predicted = train.predict(network, test.batch, len(test), where, on_batch=recorder.check_cancelled)
        trained.append({
            "accuracy": (predicted == test.labels).float().mean().item(),
            "per_class": train.per_class_accuracy(predicted, test.labels, len(data.classes)),
            "seconds_train": seconds, "seconds_test": watch.stop(),
        })  # fmt: skip
        recorder.event("net", net=index, accuracy=trained[-1]["accuracy"], seconds_train=round(seconds, 3))
        recorder.progress(100 * (index + 1), 100 * config.nets, f"Trained and tested {index + 1} of {config.nets}")
        recorder.checkpoint({}, {"trained": trained, "epoch": 0, "seconds": 0.0})
    accuracies = [one["accuracy"] for one in trained]
    counted = flops.count(config.network, config.shape, len(data.classes), config.network_options())
    return {
        "accuracy": {"mean": statistics.mean(accuracies), "n": len(accuracies), "protocol": config.protocol_label(),
                     "std": statistics.stdev(accuracies) if len(accuracies) > 1 else None},
        "accuracies": accuracies,
        "per_class": [statistics.mean(column) for column in zip(*(one["per_class"] for one in trained), strict=True)],
        "majority": majority(test),
        "seconds": sum(one["seconds_train"] + one["seconds_test"] for one in trained),
        # The median: the first network on a GPU also pays for loading its kernels.
        "seconds_train": statistics.median(one["seconds_train"] for one in trained),
        "images": len(labels), "steps": setting.epochs * -(-len(labels) // setting.batch_size),
        "batch_size": setting.batch_size, "training": setting.values(), "network": config.network,
        "network_options": config.network_options(),
        "parameters": counted.parameters, "macs": counted.macs, "flops": counted.flops,
        "source": {"run": parent.id, "method": parent.name, "images": config.images,
                   "ipc": parent.config.get("ipc"), "seed": parent.config.get("seed")},
    }  # fmt: skip


def _train_one(
    config: EvaluateConfig, setting: TrainConfig, images: Tensor, labels: Tensor, trained: list[dict[str, Any]],
    recorder: Recorder, point: tuple[dict[str, Any], dict[str, Any]] | None,
) -> tuple[Any, float]:  # fmt: skip
    """(the next network, trained on the set; the seconds that took). point: where it was left, if it was begun."""
    where, index = images.device, len(trained)
    training = train.Training.begin(
        nets.build(
            config.network, config.shape, len(config.facts.classes), config.network_options(),
            generator=seeds.generator(config.seed, "evaluate", index, "network", device=where), device=where,
        )
    )  # fmt: skip
    watch = device.Stopwatch(where)
    if point and point[0]:
        training.load(point[0], point[1]["epoch"])
        watch.seconds = point[1]["seconds"]
        recorder.note(f"Goes on with network {index + 1} after epoch {training.epoch}.")
    often = max(1, setting.epochs // 100)
    saved = time.monotonic()

    def on_epoch(loss: Tensor, accuracy: Tensor) -> None:
        nonlocal saved
        if training.epoch % often:
            return
        recorder.event(
            "epoch", net=index, epoch=training.epoch, loss=loss.item(), train_accuracy=accuracy.item()
        )  # fmt: skip
        done = int(100 * (index + training.epoch / setting.epochs))
        recorder.progress(done, 100 * config.nets, f"Training network {index + 1} of {config.nets}")
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            meta = {"trained": trained, "epoch": training.epoch, "seconds": watch.stop()}
            recorder.checkpoint(training.dump(), meta)
            watch.go()
            saved = time.monotonic()

    train.train(
        training, lambda indices: images[indices], labels, train.Setting(**setting.training_values()),
        (config.seed, "evaluate", index), on_epoch, recorder.check_cancelled,
    )  # fmt: skip
    return training.network, watch.stop()


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
