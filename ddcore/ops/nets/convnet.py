"""ConvNet (D, W): the network of the field (Gidaris & Komodakis 2018; Zhao et al., DC, ICLR 2021)."""

from __future__ import annotations

from torch import Tensor, nn

from ddcore.errors import ConfigError
from ddcore.ops.nets.base import Net
from ddcore.ops.nets.layers import ConvBlock, run_blocks


class ConvNet(Net):
    """`depth` blocks of convolution 3×3, normalisation, activation and pooling 2×2; then one linear layer.

    The first convolution pads by 3 where images have one channel, as published (28 → 32 pixels). The embedding
    is the flattened output of the last block.
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, *, width: int = 128, depth: int = 3, norm: str = "instance",
        activation: str = "relu", pooling: str = "avg",
    ) -> None:
        super().__init__()
        sizes = {"width": width, "depth": depth}
        if too_small := [f"{name} must be at least 1, got {size}" for name, size in sizes.items() if size < 1]:
            raise ConfigError(too_small)
        channels, *sides = shape
        size = (sides[0], sides[1])
        self.blocks = nn.ModuleList()
        for d in range(depth):
            block = ConvBlock(channels if d == 0 else width, width, size, padding=3 if channels == 1 and d == 0 else 1,
                              norm=norm, activation=activation, pooling=pooling)
            self.blocks.append(block)
            size = block.size
        self.classifier = nn.Linear(width * size[0] * size[1], classes)

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        return run_blocks(self.blocks, images, maps).flatten(1)
