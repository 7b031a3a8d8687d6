"""Training a network on the full training data: what a distilled set is held against, its ceiling if trained long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddcore import counts
from ddcore.experiments.base import Curve, Kind, Recorder
from ddcore.experiments.cost import accelerate, of_training, part_sizes, trained_images
from ddcore.experiments.metrics import judged, majority, notes
from ddcore.lazy import lazy
from ddcore.settings import NetworkConfig, TrainConfig, network_title
from ddcore.summary import Accuracy, Arithmetic, Count, Share, Summary

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.data import load, resident
    from ddcore.data.resident import Resident
    from ddcore.ops import device, flops, nets, seeds, train
else:
    torch = lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    device, flops, nets, seeds, train = (lazy(f"ddcore.ops.{m}") for m in ("device", "flops", "nets", "seeds", "train"))


class BaselineConfig(TrainConfig, NetworkConfig):
    """A network and how it is trained. The defaults are the course's full-data task."""


class BaselineSummary(Summary):
    """accuracy_train: in the last epoch, while it learnt; macs_test_set: of one pass over all test images."""

    accuracy: Accuracy
    accuracy_train: Share | None = None
    macs_test_set: Count | None = None


def run(name: str, config: BaselineConfig, recorder: Recorder) -> BaselineSummary:
    """Train once on the training part; validate every epoch, test once, at the end."""
    where = device.pick(config.device)
    recorder.progress(0, 1, "Reading the data set")
    data = load.load(config.dataset, config.resolution)
    train_part, val_part, test_part = (
        resident.Resident.from_split(split, data, where) for split in (data.train, data.val, data.test)
    )
    network = nets.build(
        config.network, config.shape, len(data.classes), config.network_options(),
        generator=seeds.generator(config.seed, "baseline", "network", device=where), device=where,
    )
    speed = accelerate(config, _cost(name, config, None), where, recorder)
    passes = train.CompiledSteps(network, speed, len(test_part))
    training = train.Training.begin(network, passes=passes)
    seconds_before, reached = _resume(training, recorder)
    if not training.step:
        recorder.event("judge", images=len(val_part), majority=majority(val_part))
    watch = device.Stopwatch(where, seconds_before)
    steps = config.optimiser_steps(len(train_part))
    per_epoch = counts.steps_per_epoch(len(train_part), config.batch_size)

    def on_step() -> None:
        recorder.check_cancelled()
        recorder.progress(training.step, steps, "Training")

    def on_epoch(loss: Tensor, accuracy: Tensor) -> None:
        nonlocal reached
        seconds, reached = watch.stop(), accuracy.item()
        recorder.event(
            "epoch", epoch=-(-training.step // per_epoch), step=training.step, loss=loss.item(), train_accuracy=reached,
            val_accuracy=_accuracy(training, val_part, recorder), seconds=round(seconds, 3),
        )
        recorder.checkpoint(training.dump(), {"step": training.step, "seconds": seconds, "reached": reached})
        watch.go()

    train.train(
        training, train_part.batch, train_part.labels, train.Setting(**config.training_values()),
        [(config.seed, "baseline")], on_epoch, on_step,
    )
    recorder.progress(steps, steps, "Testing")
    tested = device.Stopwatch(where)
    found = judged(_said(training, test_part, recorder), test_part)
    tested.stop()
    counted = flops.count(config.network, config.shape, len(data.classes), config.network_options())
    return BaselineSummary(
        accuracy=Accuracy.of([found["accuracy"]], protocol_of(config)),
        balanced_accuracy=Accuracy.of([found["balanced_accuracy"]]),
        auc=None if found["auc"] is None else Accuracy.of([found["auc"]]),
        accuracy_train=reached, confusion=found["confusion"], per_class=train.shares(torch.tensor(found["confusion"])),
        classes=data.classes, majority=majority(test_part), notes=notes(config),
        seconds=watch.seconds + tested.seconds, seconds_train=watch.seconds, seconds_test=tested.seconds,
        images=len(train_part), test_images=len(test_part), steps=steps,
        parameters=counted.parameters, macs=counted.macs, flops=counted.flops,
        macs_test_set=counted.macs * len(test_part), arithmetic=Arithmetic(**passes.speed.told()),
    )


def _resume(training: train.Training, recorder: Recorder) -> tuple[float, float]:
    """Load the last checkpoint, if any; the seconds that training took and the training accuracy until then."""
    if (point := recorder.resume_point()) is None:
        return 0.0, 0.0
    tensors, meta = point
    training.load(tensors, meta["step"])
    recorder.note(f"Goes on after step {training.step}.")
    return float(meta["seconds"]), float(meta["reached"])


def protocol_of(config: BaselineConfig) -> str:
    """The named protocol whose setting this is, else "own setting"."""
    from ddcore.protocols import PROTOCOLS

    for protocol in PROTOCOLS.values():
        if protocol.training(config.facts.augment) == TrainConfig(**config.training_values()):
            return protocol.name
    return "own setting"


def _said(training: train.Training, part: Resident, recorder: Recorder) -> Tensor:
    assert training.passes is not None
    return train.logits(training.passes, training.network, part.batch, len(part), recorder.check_cancelled)


def _accuracy(training: train.Training, part: Resident, recorder: Recorder) -> float | None:
    """None of a part without images, as a very small data set's validation part is."""
    if not len(part):
        return None
    return (_said(training, part, recorder).argmax(1) == part.labels).float().mean().item()


def _cost(name: str, config: BaselineConfig, images: int | None) -> int:
    part, val, test = part_sizes(config)
    trained = trained_images(config, part)
    return of_training(config, trained, round(val * trained / max(1, part)) + test)


KIND = Kind(
    name="baseline",
    title="Full-data training",
    help="Train a network on the full training data.",
    config=lambda name: BaselineConfig,
    summary=BaselineSummary,
    run=run,
    version=lambda name: 3,
    cost=_cost,
    steps=lambda name, config, images: config.optimiser_steps(part_sizes(config)[0]),
    details=lambda config: (network_title(config),),
    page="Baselines",
    result=True,
    curves=lambda name: tuple(Curve(one, "epoch", one) for one in ("loss", "train_accuracy", "val_accuracy")),
)
