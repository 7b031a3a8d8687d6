"""AlexNet (Krizhevsky et al. 2012) as the field has it, for small images (VICO, DC, ICLR 2021)."""

from __future__ import annotations

from torch import Tensor, nn

from ddcore.ops.nets.base import Net
from ddcore.ops.nets.layers import ConvBlock, run_blocks, to_grid

GRID = 4  # side of the last map at 28 and 32 pixels


class AlexNet(Net):
    """Five convolutions without normalisation, three poolings, one linear layer.

    The first convolution pads by 4 where images have one channel, as published (28 → 32 pixels). Other sizes are
    averaged to the published 4×4 grid, so the number of parameters stays. The embedding is that grid, flattened.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        size = (height, width)
        layers = (  # channels, kernel, padding, pooling
            (128, 5, 4 if channels == 1 else 2, "max"), (192, 5, 2, "max"),
            (256, 3, 1, "none"), (192, 3, 1, "none"), (192, 3, 1, "max"),
        )
        self.blocks = nn.ModuleList()
        for out, kernel, padding, pooling in layers:
            block = ConvBlock(channels, out, size, kernel=kernel, padding=padding, pooling=pooling)
            self.blocks.append(block)
            channels, size = out, block.size
        self.classifier = nn.Linear(channels * GRID * GRID, classes)

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        return to_grid(run_blocks(self.blocks, images, maps), GRID).flatten(1)
