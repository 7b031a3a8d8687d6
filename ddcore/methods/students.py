"""The batches of a student: how a network that learns from a synthetic set goes through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddcore.data import DATASETS
from ddcore.lazy import lazy
from ddcore.methods.base import Task

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.ops import augment
else:
    torch, augment = lazy("torch"), lazy("ddcore.ops.augment")

LARGEST_BATCH = 1000  # of the published settings of trajectory matching


def size(dataset: str, ipc: int) -> int:
    """Synthetic images of a set."""
    return len(DATASETS[dataset].classes) * ipc


def batches(task: Task, images: int, steps: int, number: int) -> list[tuple[Tensor, augment.Draw]]:
    """For each of the student's steps in iteration `number`: which of so many images, each once before one comes again,
    and how each is augmented. They follow from config.batch_syn, config.augment and the seed."""
    config = task.config
    order = task.generator("batches", number)
    changes = task.generator("augment", number, on="cpu")
    queue: list[Tensor] = []
    drawn = []
    for _ in range(steps):
        queue = queue or list(torch.randperm(images, generator=order, device=task.device).split(config.batch_syn))
        indices = queue.pop(0)
        drawn.append((indices, augment.draw(config.augment, changes, config.shape, images=len(indices))))
    return drawn
