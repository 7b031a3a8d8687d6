"""How much a run computes, from its config alone, without torch; each kind adds up its own in `Kind.cost`.

Counted in multiply-adds. A training step is three forward passes: forward, gradient of activations and of weights.
"""

from __future__ import annotations

from ddcore import counts
from ddcore.experiments.base import Recorder
from ddcore.experiments.heavy import acceleration, torch
from ddcore.params import Config
from ddcore.settings import DataConfig, NetworkConfig, TrainConfig


def accelerate(
    config: NetworkConfig, work: int, device: torch.device, recorder: Recorder
) -> acceleration.Acceleration:
    """What a run of so many multiply-adds may use of the machine."""
    speed = acceleration.Acceleration(device, exact=config.exact, work=work, note=recorder.note)
    recorder.uses(speed.told)
    return speed


def macs(config: DataConfig) -> int:
    """Multiply-adds of one image forward through the config's network, else through its data set's own."""
    network = getattr(config, "network", None) or config.facts.network
    options = config.network_options() if hasattr(config, "network_options") else {}
    return counts.macs(network, config.shape, len(config.facts.classes), options)


def of_training(config: DataConfig, trained: int, predicted: int) -> int:
    """Of a network that learns so many images and predicts so many, each counted as often as it passes."""
    return macs(config) * (3 * trained + predicted)


def compiled(config: Config, work: int, device: str) -> bool:
    """Whether a run of so many multiply-adds is worth compiling on "cpu" or "cuda", as `Acceleration.long` says."""
    return not getattr(config, "exact", False) and work >= counts.WORTH_COMPILING[device]


def trained_images(training: TrainConfig, images: int) -> int:
    """Images that pass through a network while it is trained on so many."""
    if training.steps:
        return training.steps * min(training.batch_size, images)
    return (training.epochs or 0) * images


def part_sizes(config: DataConfig) -> tuple[int, int, int]:
    """Images of the training, validation and test part; 0 where that is not known before they are read."""
    train, val, test = (config.facts.parts.get(part, 0) for part in ("train", "val", "test"))
    return train, val, test


def set_size(config: DataConfig, images: int | None) -> int:
    """Images of a small set, ten a class where that is not known."""
    return images or 10 * len(config.facts.classes)
