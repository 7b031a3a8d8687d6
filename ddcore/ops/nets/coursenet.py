"""The plain convolutional network of a university course, whose variants are a small search space."""

from __future__ import annotations

from torch import Tensor, nn

from ddcore.errors import ConfigError
from ddcore.ops.nets.base import Net
from ddcore.ops.nets.layers import ACTIVATIONS, ConvBlock, run_blocks


class CourseNet(Net):
    """`depth` blocks of convolution 3×3 (padding 1), activation and max pooling 2×2; a hidden layer; a classifier.

    There is no normalisation. The embedding is the hidden layer of `units` units after the same activation.
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, *, width: int = 32, depth: int = 3, units: int = 128,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        sizes = {"width": width, "depth": depth, "units": units}
        if too_small := [f"{name} must be at least 1, got {size}" for name, size in sizes.items() if size < 1]:
            raise ConfigError(too_small)
        channels, *sides = shape
        size = (sides[0], sides[1])
        self.blocks = nn.ModuleList()
        for block in range(depth):
            inputs = channels if block == 0 else width
            layers = ConvBlock(inputs, width, size, activation=activation, pooling="max")
            self.blocks.append(layers)
            size = layers.size
        self.hidden = nn.Linear(width * size[0] * size[1], units)
        self.activation = ACTIVATIONS[activation]
        self.classifier = nn.Linear(units, classes)

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        x = self.activation(self.hidden(run_blocks(self.blocks, images, maps).flatten(1)))
        if maps is not None:
            maps.append(x[:, :, None, None])
        return x
