"""A lens: one fixed network, trained on real training images, through which images are looked at.

Kept for the runs that build on it: "network", its weights after the last step; "real", of some real training images of
each class their `indices` in the training part and `labels` (int64), `features` (float32 (N, F), what the last layer
sees), and the plane in which these differ most: `mean` (F,), `components` (2, F), `coords` (float32 (N, 2)). The plane
is that of real images alone, so it is the same whatever is put into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.experiments.base import RUNS_PAGE, Array, Kind, Recorder
from ddcore.experiments.cost import accelerate, of_training, part_sizes, trained_images
from ddcore.experiments.heavy import device, embedding, seeds, torch, train
from ddcore.experiments.training import Session, accuracy, initial_network
from ddcore.params import Param
from ddcore.settings import NETWORK_PARAMS, NetworkConfig, TrainConfig, network_title
from ddcore.summary import Arithmetic, Count, Share, Summary

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
        width = values.get("width")
        values = super().fill(values)
        if width is None and "width" in values:
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
    data = load(config.dataset, config.resolution)
    part, val = (Resident.from_split(split, data, where) for split in (data.train, data.val))
    speed = accelerate(config, _cost(name, config, None), where, recorder)
    passes = train.CompiledSteps(initial_network(config, where, "lens"), speed, len(val))
    training = train.Training.begin(initial_network(config, where, "lens"), passes=passes)
    seconds = _train(config, training, part, recorder)
    indices = shown_images(config, part)
    features = embedding.embed(training.network, part.batch, indices, recorder.check_cancelled)
    plane, variance = embedding.principal_plane(features)
    recorder.save_arrays("network", training.network.state_dict())
    recorder.save_arrays("real", {
        "indices": indices, "labels": part.labels[indices], "features": features, "mean": plane.mean,
        "components": plane.components, "coords": plane.coords(features.cpu()),
    })
    return LensSummary(
        classes=data.classes, variance=variance, features=features.shape[1], real_images=len(indices),
        val_accuracy=accuracy(passes, training.network, val, recorder), images=len(part), steps=training.step,
        seconds=seconds, arithmetic=Arithmetic(**speed.told()),
    )


def shown_images(config: LensConfig, part: Resident) -> torch.Tensor:
    """Indices of the real images that are shown, by class; of a class with fewer all of them, and none twice."""
    indices = []
    for label in range(len(part.classes)):
        members = part.of_class(label)
        order = seeds.permutation(len(members), config.seed, "lens", "real", label).to(part.device)
        indices.append(members[order[: config.real_per_class]])
    return torch.cat(indices)


def _train(config: LensConfig, training: train.Training, part: Resident, recorder: Recorder) -> float:
    """Train to the last step, from a checkpoint if there is one; the seconds that took."""
    session = Session(training, recorder, config.steps)
    session.resume(recorder.resume_point())

    def on_epoch(loss: torch.Tensor, learnt: torch.Tensor) -> None:
        with session.pause() as seconds:
            recorder.event(
                "epoch", epoch=-(-training.step * config.batch_size // len(part)), step=training.step,
                loss=loss.item(), train_accuracy=learnt.item(), seconds=round(seconds, 3),
            )
            session.checkpoint()

    train.train(
        training, part.batch, part.labels, train.Setting(**config.training_values()), [(config.seed, "lens")],
        on_epoch, lambda: session.tell("Training the network that looks"),
    )
    return session.watch.seconds


def _cost(name: str, config: LensConfig, images: int | None) -> int:
    part, val, _ = part_sizes(config)
    shown = config.real_per_class * len(config.facts.classes)
    return of_training(config, trained_images(config, part), val + shown)


KIND = Kind(
    name="lens", title="Feature lens", help="Train the network through which a feature space is looked at.",
    config=lambda name: LensConfig, summary=LensSummary, run=run,
    cost=_cost, steps=lambda name, config, images: config.optimiser_steps(part_sizes(config)[0]),
    arrays={"real": {"indices": Array("iu", "n"), "labels": Array("iu", "n"), "features": Array("f", "nd"),
                     "mean": Array("f", "d"), "components": Array("f", "2d"), "coords": Array("f", "n2")}},
    details=lambda config: (network_title(config),), told=NETWORK_PARAMS, page=RUNS_PAGE, command=None,
)
