"""EL2N: the real images that networks early in training find easiest, or hardest.

Paul et al. keep the hardest when they drop part of a large set; for a few images per class the easiest teach more,
which is also what PAD starts from at a low IPC.
"""

from __future__ import annotations

from typing import Literal

from ddcore.methods import scored
from ddcore.methods.base import Method, State, Task
from ddcore.params import Param


class EL2NConfig(scored.ScoredConfig):
    """Scores, and from which end to take."""

    order: Literal["easiest", "hardest"] = Param("easiest", label="Order",
                                                 help="Which images of each class to take: "
                                                      "those with the lowest EL2N score, or the highest.")


def start(task: Task) -> State:
    """The images at the wanted end of the score."""
    return scored.by_scores(task, "el2n", hardest=task.config.order == "hardest")


METHOD = Method(
    name="el2n", title="EL2N",
    summary="Real images by their error early in training: the easiest of each class, or the hardest.",
    paper="Paul et al., Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021",
    url="https://arxiv.org/abs/2107.07075",
    Config=EL2NConfig, start=start, needs=scored.needs, presets=scored.presets(order="easiest"), rank=82,
)
