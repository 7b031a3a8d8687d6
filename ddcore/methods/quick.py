"""What quick presets take from a data set, so that they stay quick on large images and on sets that people bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddcore.data import DATASETS

WIDTH = 32  # of a network that a small CPU trains in seconds
# So narrow on MNIST that a set and its controls are judged in minutes; digits are small enough for the published width.
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "digits": {"width": 128},
    "mnist": {"width": 16},
    "mhist": {"resolution": 64, "network": "convnet5"},
}
LEAST_BATCH, MOST_BATCH = 8, 128  # real images of each class in a step
MOST_IPC = 10
LEAST_SCORED = 20  # images of each class that agents learn


def network(dataset: str) -> dict[str, Any]:
    """The network of every quick preset on a data set, so that their sets compare; its own one where none is named."""
    return {"width": WIDTH, **NETWORKS.get(dataset, {})}


def real_batch(dataset: str, pixels: int) -> dict[str, int]:
    """A real batch of about so many pixels a step."""
    facts = DATASETS[dataset]
    _, height, width = facts.shape()
    return {"batch_real": max(LEAST_BATCH, min(MOST_BATCH, pixels // (len(facts.classes) * height * width)))}


def small_set(dataset: str, pixels: int) -> dict[str, int]:
    """So many synthetic images per class as have about so many pixels together: from 1 to 10."""
    facts = DATASETS[dataset]
    _, height, width = facts.shape()
    return {"ipc": max(1, min(MOST_IPC, pixels // (len(facts.classes) * height * width)))}


def some_images(dataset: str, pixels: int) -> dict[str, int]:
    """So many training images for agents and experts as have about so many pixels; 0, that is all, where those fit."""
    facts = DATASETS[dataset]
    _, height, width = facts.shape()
    some = max(LEAST_SCORED * len(facts.classes), pixels // (height * width))
    return {"train_images": some if some < facts.parts.get("train", 0) else 0}
