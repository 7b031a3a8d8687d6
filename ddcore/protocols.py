"""Named evaluation protocols: how networks are trained on a set before they are tested.

An accuracy means nothing without one. Only the final iteration is ever reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcore.settings import TrainConfig


@dataclass(frozen=True)
class Protocol:
    """A named training setting. `augment` says whether the data set's own strategy is used."""

    name: str
    help: str
    values: Mapping[str, Any]
    augment: bool = False

    def training(self, dataset_augment: str) -> TrainConfig:
        """The training setting for a data set with this augmentation strategy."""
        return TrainConfig.build({**self.values, "augment": dataset_augment if self.augment else "none"})


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "course",
            "The setting of the course's full-data task, unchanged: SGD, momentum 0.9, learning rate 0.01 "
            "annealed by a cosine over 20 epochs, batch 128, no augmentation.",
            {"epochs": 20, "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0, "schedule": "cosine", "batch_size": 128},
        ),
        Protocol(
            "standard",
            "What the papers use: 1,000 epochs, SGD, momentum 0.9 kept throughout, learning rate 0.01 divided by ten "
            "half-way, weight decay 5e-4, batch 256, siamese augmentation.",
            {"epochs": 1000, "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "half", "batch_size": 256},
            augment=True,
        ),
        Protocol(
            "steps",
            "1,000 optimiser steps whatever the set's size, so that small and large sets are trained equally long: "
            "SGD, momentum 0.9, learning rate 0.01 divided by ten half-way, weight decay 5e-4, batch 256, siamese "
            "augmentation.",
            {"steps": 1000, "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "half", "batch_size": 256},
            augment=True,
        ),
        Protocol(
            "quick",
            "For a small CPU: 600 optimiser steps whatever the set's size, SGD, momentum 0.9, learning rate 0.05 "
            "annealed by a cosine, weight decay 5e-4, batch 50, siamese augmentation. A ConvNet-3 of width 32 "
            "learns 100 images and is tested on MNIST in 20 s on two cores; wider ones take longer.",
            {"steps": 600, "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine", "batch_size": 50},
            augment=True,
        ),
    )
}
