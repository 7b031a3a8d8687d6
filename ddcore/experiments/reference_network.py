"""A lens: one fixed network, trained on real training images, through which images are looked at.

Kept for the runs that build on it: "network", its weights after the last step; "real", of some real training images of
each class their `indices` in the training part and `labels` (int64), `features` (float32 (N, F), what the last layer
sees), and the plane in which these differ most: `mean` (F,), `components` (2, F), `coords` (float32 (N, 2)). The plane
is that of real images alone, so it is the same whatever is put into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ddcore.experiments.base import RUNS_PAGE, Array, Kind, Recorder
from ddcore.experiments.cost import accelerate, of_training, part_sizes, trained_images
from ddcore.lazy import lazy
from ddcore.params import Param
from ddcore.settings import NetworkConfig, TrainConfig, network_title
from ddcore.summary import Arithmetic, Count, Share, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from ddcore.data import load, resident
    from ddcore.data.resident import Resident
    from ddcore.ops import device, embedding, nets, seeds, train
else:
    torch = lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    device, embedding, nets, seeds, train = (
        lazy(f"ddcore.ops.{m}") for m in ("device", "embedding", "nets", "seeds", "train")
    )

WIDTH = 64  # half the published width: what it sees is much the same, in a quarter of the time


class LensConfig(TrainConfig, NetworkConfig):
    """The network, how it is trained, and how many real images stand for their class."""

    epochs: ClassVar[None] = None  # type: ignore[misc]  # in steps it takes about as long on every data set
    absent: ClassVar[Mapping[str, str]] = {"epochs": "the network is trained for a number of steps"}

    steps: int = Param(
        300, label="Optimiser steps", group="Training", ge=1, le=1_000_000, step=100,
        help="How long the network is trained on the real training images.",
    )
    real_per_class: int = Param(
        100, label="Real images per class", group="Images", ge=2, le=1000, step=10,
        help="So many training images of each class are drawn to be shown; the plane is made of them.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        given = values.get("width")
        values = super().fill(values)
        if given is None and "width" in values:
            values["width"] = WIDTH
        if values.get("epochs") is None:
            values.pop("epochs", None)
        return values


class LensSummary(Summary):
    """variance: shares of the features' variance along the plane's two axes; features: how many the network has;
    val_accuracy: of the network; None where no image is held out."""

    variance: tuple[Share, ...] = ()
    features: Count | None = None
    real_images: Count | None = None
    val_accuracy: Share | None = None


def run(name: str, config: LensConfig, recorder: Recorder) -> LensSummary:
    """Train the network; what it sees of real images, and the plane in which that differs most."""
    where = device.pick(config.device)
    recorder.progress(0, config.steps, "Reading the data set")
    data = load.load(config.dataset, config.resolution)
    part, val = (resident.Resident.from_split(split, data, where) for split in (data.train, data.val))
    speed = accelerate(config, _cost(name, config, None), where, recorder)
    passes = train.CompiledSteps(network(config, part), speed, len(val))
    training = train.Training.begin(network(config, part), passes=passes)
    seconds = _train(config, training, part, recorder)
    indices = chosen(config, part)
    features = embedding.embed(training.network, part.batch, indices, recorder.check_cancelled)
    plane, variance = embedding.principal_plane(features)
    recorder.save_arrays("network", training.network.state_dict())
    recorder.save_arrays("real", {
        "indices": indices, "labels": part.labels[indices], "features": features, "mean": plane.mean,
        "components": plane.components, "coords": plane.coords(features.cpu()),
    })
    return LensSummary(
        classes=data.classes, variance=variance, features=features.shape[1], real_images=len(indices),
        val_accuracy=_accuracy(training, val, recorder), images=len(part), steps=training.step,
        seconds=seconds, arithmetic=Arithmetic(**passes.speed.told()),
    )


def network(config: LensConfig, part: Resident) -> nets.Net:
    """The network before its first step, with the weights that the seed gives it."""
    draws = seeds.generator(config.seed, "lens", "network", device=part.device)
    options = config.network_options()
    return nets.build(config.network, config.shape, len(part.classes), options, draws, part.device)


def chosen(config: LensConfig, part: Resident) -> Tensor:
    """Indices of the real images that are shown, by class; of a class with fewer all of them, and none twice."""
    drawn = []
    for label in range(len(part.classes)):
        members = part.of_class(label)
        order = seeds.permutation(len(members), config.seed, "lens", "real", label).to(part.device)
        drawn.append(members[order[: config.real_per_class]])
    return torch.cat(drawn)


def _train(config: LensConfig, training: train.Training, part: Resident, recorder: Recorder) -> float:
    """Train to the last step, from a checkpoint if there is one; the seconds that took."""
    seconds = 0.0
    if (point := recorder.resume_point()) is not None:
        tensors, meta = point
        training.load(tensors, meta["step"])
        seconds = float(meta["seconds"])
        recorder.note(f"Goes on after step {training.step}.")
    watch = device.Stopwatch(part.device, seconds)

    def on_step() -> None:
        recorder.check_cancelled()
        recorder.progress(training.step, config.steps, "Training the network that looks")

    def on_epoch(loss: Tensor, accuracy: Tensor) -> None:
        seconds = watch.stop()
        told = {"step": training.step, "loss": loss.item(), "train_accuracy": accuracy.item()}
        recorder.event("epoch", epoch=-(-training.step * config.batch_size // len(part)), **told,
                       seconds=round(seconds, 3))
        recorder.checkpoint(training.dump(), {"step": training.step, "seconds": seconds})
        watch.go()

    setting = train.Setting(**config.training_values())
    train.train(training, part.batch, part.labels, setting, [(config.seed, "lens")], on_epoch, on_step)
    return watch.seconds


def _accuracy(training: train.Training, val: Resident, recorder: Recorder) -> float | None:
    """None where so small a data set holds none out."""
    if not len(val):
        return None
    assert training.passes is not None
    said = train.logits(training.passes, training.network, val.batch, len(val), recorder.check_cancelled)
    return (said.argmax(1) == val.labels).float().mean().item()


def _cost(name: str, config: LensConfig, images: int | None) -> int:
    part, val, _ = part_sizes(config)
    shown = config.real_per_class * len(config.facts.classes)
    return of_training(config, trained_images(config, part), val + shown)


KIND = Kind(
    name="lens",
    title="Feature lens",
    help="Train the network through which a feature space is looked at.",
    config=lambda name: LensConfig,
    summary=LensSummary,
    run=run,
    cost=_cost,
    steps=lambda name, config, images: config.optimiser_steps(part_sizes(config)[0]),
    arrays={"real": {"indices": Array("iu", "n"), "labels": Array("iu", "n"), "features": Array("f", "nd"),
                     "mean": Array("f", "d"), "components": Array("f", "2d"), "coords": Array("f", "n2")}},
    details=lambda config: (network_title(config),),
    page=RUNS_PAGE,
    command=None,
)
