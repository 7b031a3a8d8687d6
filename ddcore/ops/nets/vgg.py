"""VGG11 (Simonyan & Zisserman 2015) as the field has it, with instance normalisation (VICO, DC, ICLR 2021)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ddcore.ops.nets.base import Net
from ddcore.ops.nets.layers import ConvBlock, run_blocks

STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))  # widths of the convolutions between poolings


class VGG11(Net):
    """Eight convolutions in five stages, each ended by a maximum pooling; one linear layer.

    The first convolution pads by 3 where images have one channel, as published (28 → 32 pixels). What is left after
    the last stage is averaged to one position. A small image skips the poolings that would leave a single position
    to normalise: instance normalisation would make it a constant. The embedding has 512 numbers.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, *, norm: str = "instance") -> None:
        super().__init__()
        channels, height, width = shape
        size = (height, width)
        self.blocks = nn.ModuleList()
        for widths in STAGES:
            for i, out in enumerate(widths):
                padding = 3 if channels == 1 else 1
                ends_stage = i == len(widths) - 1
                needed = 1 if len(self.blocks) == sum(map(len, STAGES)) - 1 else 2
                halves = ends_stage and (min(size) + 2 * padding - 2) // 2 >= needed
                block = ConvBlock(channels, out, size, padding=padding, norm=norm, pooling="max" if halves else "none")
                self.blocks.append(block)
                channels, size = out, block.size
        self.classifier = nn.Linear(channels, classes)

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        x = run_blocks(self.blocks, images, maps)
        return F.avg_pool2d(x, x.shape[2:]).flatten(1)
