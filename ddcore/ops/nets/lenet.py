"""LeNet (LeCun et al. 1998) as the field has it, with ReLU and maximum pooling (VICO, DC, ICLR 2021)."""

from __future__ import annotations

from torch import Tensor, nn

from ddcore.ops.nets.base import Net
from ddcore.ops.nets.layers import ConvBlock, run_blocks, to_grid

GRID = 5  # side of the last map at 28 and 32 pixels
PUBLISHED_SIDE = 28  # the second convolution would find nothing left of images much smaller than this


class LeNet(Net):
    """Convolution 6@5×5, pooling, convolution 16@5×5, pooling, linear 120, 84, classes.

    The first convolution pads by 2 where images have one channel, as published; below 28 pixels both do. Other
    sizes than 28 and 32 are averaged to the published 5×5 grid, so the number of parameters stays. The embedding is
    the layer of 84 units; the maps are those of the two convolutions.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        small = min(height, width) < PUBLISHED_SIDE
        first = ConvBlock(channels, 6, (height, width), kernel=5, padding=2 if channels == 1 or small else 0,
                          pooling="max")
        second = ConvBlock(6, 16, first.size, kernel=5, padding=2 if small else 0, pooling="max")
        self.blocks = nn.ModuleList([first, second])
        self.hidden = nn.ModuleList([nn.Linear(16 * GRID * GRID, 120), nn.Linear(120, 84)])
        self.classifier = nn.Linear(84, classes)

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        x = to_grid(run_blocks(self.blocks, images, maps), GRID).flatten(1)
        for layer in self.hidden:
            x = layer(x).relu()
        return x
