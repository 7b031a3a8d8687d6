"""Forgetting: the real images that networks learn and unlearn most often while they train.

Toneva et al. keep the most forgotten; the published tables of distillation quote that as "Forgetting". How our counts
differ from theirs is said in ops/scoring.py. Networks that train for few epochs have little time to forget, so that
many images share a score: among equals the seed decides.
"""

from __future__ import annotations

from typing import Literal

from ddcore.methods import scored
from ddcore.methods.base import Method, State, Task
from ddcore.params import Param


class ForgettingConfig(scored.ScoredConfig):
    """Scores, and from which end to take."""

    order: Literal["hardest", "easiest"] = Param("hardest", label="Order",
                                                 help="Which images of each class to take: "
                                                      "those forgotten most often (as published), or least often.")


def start(task: Task) -> State:
    """The images at the wanted end of the score."""
    return scored.by_scores(task, "forgetting", hardest=task.config.order == "hardest")


METHOD = Method(
    name="forgetting", title="Forgetting",
    summary="Real images by how often networks forget them in training: the most forgotten, or the least.",
    paper="Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, ICLR 2019",
    url="https://arxiv.org/abs/1812.05159",
    Config=ForgettingConfig, start=start, needs=scored.needs, presets=scored.presets(order="hardest"), rank=83,
)
