"""ResNet18 (He et al. 2016) as the field has it: 3×3 stem, instance normalisation (VICO, DC, ICLR 2021)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ddcore.ops.nets.base import Net
from ddcore.ops.nets.layers import Size, norm_layer

STAGES = (64, 128, 256, 512)
BLOCKS = 2  # of each stage


class ResidualBlock(nn.Module):
    """relu(f(x) + x), f being two convolutions 3×3; a 1×1 convolution brings x to f's shape where they differ."""

    def __init__(self, channels_in: int, channels: int, size: Size, stride: int, norm: str) -> None:
        super().__init__()
        height, width = ((side - 1) // stride + 1 for side in size)
        self.size: Size = (height, width)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = norm_layer(norm, channels, self.size)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm_layer(norm, channels, self.size)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels:
            self.shortcut.append(nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False))
            self.shortcut.append(norm_layer(norm, channels, self.size))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        out += self.shortcut(x)
        return out.relu()


class ResNet18(Net):
    """A stem and four stages of two residual blocks; the first block of all stages but the first halves the side.

    What is left is averaged to one position (published: windows of 4, which is the same at 28 and 32 pixels). A
    small image is not halved to a single position, which instance normalisation would make a constant. The maps are
    those of the stem and of the eight blocks; the embedding has 512 numbers.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, *, norm: str = "instance") -> None:
        super().__init__()
        channels, height, width = shape
        size: Size = (height, width)
        self.conv = nn.Conv2d(channels, STAGES[0], 3, padding=1, bias=False)
        self.norm = norm_layer(norm, STAGES[0], size)
        self.blocks = nn.ModuleList()
        channels = STAGES[0]
        for stage, out in enumerate(STAGES):
            for i in range(BLOCKS):
                stride = 2 if stage > 0 and i == 0 and min(size) > 2 else 1
                block = ResidualBlock(channels, out, size, stride, norm)
                self.blocks.append(block)
                channels, size = out, block.size
        self.classifier = nn.Linear(channels, classes)

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        x = self.norm(self.conv(images)).relu()
        if maps is not None:
            maps.append(x)
        for block in self.blocks:
            x = block(x)
            if maps is not None:
                maps.append(x)
        return F.avg_pool2d(x, x.shape[2:]).flatten(1)
