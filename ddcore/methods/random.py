"""Random real images: the control that every distilled set is held against.

The published tables call it "Random": `ipc` training images drawn without replacement in each class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddcore.lazy import lazy
from ddcore.methods.base import Method, State, Task
from ddcore.methods.coreset import CoresetConfig

if TYPE_CHECKING:
    import torch
else:
    torch = lazy("torch")


class RandomConfig(CoresetConfig):
    """Random selection needs no more than a size and a seed."""


def start(task: Task) -> State:
    """The drawn images; nothing is left to do."""
    labels = torch.arange(task.classes, device=task.device).repeat_interleave(task.config.ipc)
    return State(task.real("random real"), labels)


METHOD = Method(
    name="random", title="Random real images",
    summary="Real training images drawn at random: the control for every distilled set.",
    paper="", Config=RandomConfig, start=start, rank=90,
)
