"""K-Center: real images that cover their class, in the features of a trained network.

Sener and Savarese (ICLR 2018) choose so what to label; the published tables of distillation quote it as "K-Center".
Greedy, farthest first, from the image nearest the class mean; DeepCore draws the first. So the seed changes the choice
only through the network, which it trains, and the images that were scored.
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
    """The chosen images, the one nearest the mean first, then the farthest from all before it."""
    return scored.by_features(task, coreset.k_center)


METHOD = Method(
    name="kcenter", title="K-Center",
    summary="Real images that cover their class, in the features of a trained network. The seed trains the network; "
            "nothing else is random.",
    paper="Sener & Savarese, Active learning for convolutional neural networks: a core-set approach, ICLR 2018",
    url="https://arxiv.org/abs/1708.00489",
    Config=scored.ScoredConfig, start=start, cost=scored.embedding_cost, needs=scored.needs, presets=scored.presets(),
    rank=81,
)
