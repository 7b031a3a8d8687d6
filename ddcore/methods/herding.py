"""Herding: real images whose mean, in the features of a trained network, follows the mean of their class.

Welling (ICML 2009) chose so for kernels, iCaRL (CVPR 2017) for the memory of a network; the published tables of
distillation quote it class by class as "Herding". At one image per class it is the image nearest the class mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddcore.lazy import lazy
from ddcore.methods import scored
from ddcore.methods.base import Method, State, Task

if TYPE_CHECKING:
    from ddcore.ops import coreset
else:
    coreset = lazy("ddcore.ops.coreset")


def start(task: Task) -> State:
    """The chosen images, those that bring the mean nearest first."""
    return scored.by_features(task, coreset.herding)


METHOD = Method(
    name="herding", title="Herding",
    summary="Real images whose mean follows the class mean, in the features of a trained network. "
            "The seed trains the network; nothing else is random.",
    paper="Welling, Herding dynamical weights to learn, ICML 2009",
    url="https://doi.org/10.1145/1553374.1553517",
    Config=scored.ScoredConfig, start=start, cost=scored.embedding_cost, needs=scored.needs, presets=scored.presets(),
    rank=80,
)
