"""The multi-layer perceptron of the field (VICO, DC, ICLR 2021)."""

from __future__ import annotations

import math

from torch import Tensor, nn

from ddcore.errors import ConfigError
from ddcore.ops.nets.base import Net


class MLP(Net):
    """Two hidden layers of `width` units with ReLU on the flattened image.

    Its maps are the hidden units as (N, width, 1, 1); the embedding is the second hidden layer.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, *, width: int = 128) -> None:
        super().__init__()
        if width < 1:
            raise ConfigError([f"width must be at least 1, got {width}"])
        self.hidden = nn.ModuleList([nn.Linear(math.prod(shape), width), nn.Linear(width, width)])
        self.classifier = nn.Linear(width, classes)

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        x = images.flatten(1)
        for layer in self.hidden:
            x = layer(x).relu()
            if maps is not None:
                maps.append(x[:, :, None, None])
        return x
