"""What quick presets take from a data set, so that they stay quick on large images and on sets that people bring."""

from __future__ import annotations

from ddcore.data import DATASETS

LEAST_BATCH, MOST_BATCH = 8, 128  # real images of each class in a step
LEAST_SCORED = 20  # images of each class that agents learn


def real_batch(dataset: str, pixels: int) -> dict[str, int]:
    """A real batch of about so many pixels a step."""
    facts = DATASETS[dataset]
    _, height, width = facts.shape()
    return {"batch_real": max(LEAST_BATCH, min(MOST_BATCH, pixels // (len(facts.classes) * height * width)))}


def some_images(dataset: str, pixels: int) -> dict[str, int]:
    """So many training images for agents and experts as have about so many pixels; 0, that is all, where those fit."""
    facts = DATASETS[dataset]
    _, height, width = facts.shape()
    some = max(LEAST_SCORED * len(facts.classes), pixels // (height * width))
    return {"train_images": some if some < facts.parts.get("train", 0) else 0}
