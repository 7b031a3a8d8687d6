"""Pieces that several networks share, with the sizes of the maps worked out when they are built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddcore.errors import ConfigError, UnknownName
from ddcore.networks import GROUPS, NORMS

Size = tuple[int, int]  # (H, W) of a map

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu, "leakyrelu": F.leaky_relu, "sigmoid": torch.sigmoid,
}


class Leak(nn.Module):
    """x above 0, slope·x below: ReLU (slope 0) and LeakyReLU (0.01) as one kind of layer, so that networks of both can
    be stacked."""

    slope: Tensor

    def __init__(self, slope: float, device: torch.device) -> None:
        super().__init__()
        self.register_buffer("slope", torch.tensor(slope, device=device))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.slope * x)


SLOPES: Mapping[Any, float] = {F.relu: 0.0, F.leaky_relu: 0.01}


def leaking(network: nn.Module) -> None:
    """Make every ReLU and LeakyReLU of a network that has them as attributes a `Leak`, in place; the answers stay."""
    for layer in list(network.modules()):
        slope = SLOPES.get(getattr(layer, "activation", None))
        if slope is not None:
            layer.activation = Leak(slope, next(network.parameters()).device)


def average_pool(maps: Tensor) -> Tensor:
    """Means of 2×2 windows, (N, C, H, W) → (N, C, H/2, W/2).

    Where gradients flow on a CPU it is a product with a constant matrix, which gives the same to float error: forward
    and backward together take 10 ms instead of 78 for (50, 64, 32, 32) on one core, a fifth of a training step.
    """
    height, width = maps.shape[2:]
    slow = torch.is_grad_enabled() and not maps.is_cuda and maps.is_contiguous()
    if not slow or height % 2 or width % 2:
        return F.avg_pool2d(maps, 2)
    means = torch.eye(width // 2, dtype=maps.dtype).repeat_interleave(2, 0).repeat(2, 1) / 4
    pooled: Tensor = maps.reshape(*maps.shape[:2], height // 2, 2 * width) @ means
    return pooled


POOLINGS: Mapping[str, Callable[[Tensor], Tensor] | None] = {
    "avg": average_pool, "max": lambda maps: F.max_pool2d(maps, 2), "none": None,
}


def norm_layer(name: str, channels: int, size: Size) -> nn.Module:
    """The normalisation `name` of maps (N, channels, *size).

    "instance" is group normalisation with one channel a group, as published: the same formula as instance
    normalisation, affine, and with no running statistics.
    """
    match name:
        case "instance":
            return nn.GroupNorm(channels, channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "layer":
            return nn.LayerNorm([channels, *size])
        case "group":
            if channels % GROUPS:
                raise ConfigError([f"width must be a multiple of {GROUPS} with group normalisation, got {channels}"])
            return nn.GroupNorm(GROUPS, channels)
        case "none":
            return nn.Identity()
    raise UnknownName("normalisation", name, NORMS)


class ConvBlock(nn.Module):
    """Convolution, normalisation, activation, pooling; `size` is that of the output.

    Calling it gives (map after the activation, output after the pooling).
    """

    def __init__(
        self, channels_in: int, channels: int, size: Size, *, kernel: int = 3, padding: int = 1, norm: str = "none",
        activation: str = "relu", pooling: str = "none",
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise UnknownName("activation", activation, ACTIVATIONS)
        if pooling not in POOLINGS:
            raise UnknownName("pooling", pooling, POOLINGS)
        self.conv = nn.Conv2d(channels_in, channels, kernel, padding=padding)
        height, width = (side + 2 * padding - kernel + 1 for side in size)
        self.norm = norm_layer(norm, channels, (height, width))
        self.activation, self.pooling = ACTIVATIONS[activation], POOLINGS[pooling]
        self.size = (height // 2, width // 2) if self.pooling else (height, width)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mapped = self.activation(self.norm(self.conv(images)))
        return mapped, self.pooling(mapped) if self.pooling else mapped


def run_blocks(blocks: nn.ModuleList, images: Tensor, maps: list[Tensor] | None) -> Tensor:
    """The output of the last block; the maps of all of them are appended to `maps`, unless that is None."""
    x = images
    for block in blocks:
        mapped, x = block(x)
        if maps is not None:
            maps.append(mapped)
    return x


def to_grid(maps: Tensor, grid: int) -> Tensor:
    """Maps averaged to (N, C, grid, grid); left as they are where they have that size.

    The classifier of the published nets expects the grid that 28 or 32 pixels give; other image sizes reach it
    here. Whole windows are averaged where the sides divide, which is deterministic on CUDA too.
    """
    height, width = maps.shape[2:]
    if (height, width) == (grid, grid):
        return maps
    if height % grid == 0 and width % grid == 0:
        return F.avg_pool2d(maps, (height // grid, width // grid))
    return F.adaptive_avg_pool2d(maps, grid)
