"""How much a run computes, from its config alone, and how its arithmetic is done accordingly; without torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.experiments.base import Recorder
from ddcore.lazy import lazy
from ddcore.methods import METHODS
from ddcore.settings import TrainConfig

if TYPE_CHECKING:
    import torch

    from ddcore.methods.trajectories import TrajectoryConfig
    from ddcore.ops import acceleration
    from ddcore.ops.acceleration import Acceleration
else:
    acceleration = lazy("ddcore.ops.acceleration")

TSNE = 1000, 100_000  # rounds of t-SNE; multiply-adds that take about as long as a point does in one of them
LOOKED_AT = 1000  # validation images for an expert's curve; after the last epoch all: as long as a short epoch


def pace(kind: str, config: Any, device: torch.device, recorder: Recorder, images: int | None = None) -> Acceleration:
    """What a run that trains networks may use of the machine; `images` as in `cost`."""
    work = cost(kind, kind, config, images)
    return acceleration.Acceleration(device, exact=config.exact, work=work, note=recorder.note)


def cost(kind: str, name: str, config: Any, images: int | None = None) -> int:
    """Multiply-adds of a whole run without what it needs and without its parts, which have their own.

    images: the size of the set that an evaluation or a trial trains on. A training step is three forward passes
    (forward, gradient of activations, gradient of weights). 0 where unknown.
    """
    if kind == "tsne":
        return math.prod(TSNE) * config.real_per_class * len(config.facts.classes)
    if kind not in ("distill", "baseline", "evaluate", "scores", "experts", "lens", "features", "trial"):
        return 0
    facts = DATASETS[config.dataset]
    classes = len(facts.classes)
    network = getattr(config, "network", facts.network)
    options = config.network_options() if hasattr(config, "network_options") else {}
    one = counts.macs(network, config.shape, classes, options)
    if kind == "distill":
        return METHODS[name].cost(config, one, classes)
    trained, looked_at = _passes(kind, config, images)
    return one * (3 * trained + looked_at)


def compiled(kind: str, name: str, config: Any, device: str, images: int | None = None) -> bool:
    """Whether a run is worth compiling on "cpu" or "cuda", as `Acceleration.long` says; `images` as in `cost`."""
    return not getattr(config, "exact", False) and cost(kind, name, config, images) >= counts.WORTH_COMPILING[device]


def steps(kind: str, name: str, config: Any, images: int | None = None) -> int:
    """Optimiser steps of a whole run, without those of networks trained inside a method."""
    if kind == "distill":
        return (METHODS[name].rounds or METHODS[name].steps)(config)
    if kind == "evaluate":
        return config.nets * config.training().optimiser_steps(_set_size(config, images))
    train = config.facts.parts.get("train", 0)
    if kind == "trial":
        return config.nets * config.optimiser_steps(_learnt(config, images))
    if kind == "scores":
        return config.agents * config.optimiser_steps(config.train_images or train)
    if kind == "experts":
        return config.experts * sum(-(-images // config.batch_train) for images in _in_use(config, train))
    if kind in ("features", "tsne"):
        return TSNE[0] if kind == "tsne" else 0
    return config.optimiser_steps(train)


def _passes(kind: str, config: Any, images: int | None) -> tuple[int, int]:
    """(images trained on, images only predicted) in a whole run, each counted as often as it passes."""
    train, val, test = (config.facts.parts.get(part, 0) for part in ("train", "val", "test"))
    if kind == "baseline":
        trained = _trained(config, train)
        return trained, round(val * trained / max(1, train)) + test
    if kind == "scores":
        scored = config.train_images or train
        return config.agents * config.epochs * scored, config.agents * config.epochs * (scored + val)
    if kind == "experts":
        looked_at = val + (config.train_epochs - 1) * min(LOOKED_AT, val)
        return config.experts * sum(_in_use(config, train)), config.experts * looked_at
    if kind == "lens":
        return _trained(config, train), val + config.real_per_class * len(config.facts.classes)
    if kind == "features":
        return 0, train
    if kind == "trial":
        looked_at = val + (test if config.tested else 0)
        return config.nets * _trained(config, _learnt(config, images)), config.nets * looked_at
    judged = test if config.split == "test" else val
    return config.nets * _trained(config.training(), _set_size(config, images)), config.nets * judged


def _in_use(config: TrajectoryConfig, train: int) -> list[int]:
    """Images that each expert learns in each epoch."""
    windows = map(config.window, range(config.train_epochs))
    return [round((config.train_images or train) * (high - low)) for low, high in windows]


def _trained(training: TrainConfig, images: int) -> int:
    """Images that pass through a network while it is trained on so many."""
    if training.steps:
        return training.steps * min(training.batch_size, images)
    return (training.epochs or 0) * images


def _learnt(config: Any, images: int | None) -> int:
    """Images that the networks of a trial learn: those of a run, else the whole training part."""
    return _set_size(config, images) if config.run else config.facts.parts.get("train", 0)


def _set_size(config: Any, images: int | None) -> int:
    return images or 10 * len(config.facts.classes)
