"""Differentiable siamese augmentation (DSA; Zhao & Bilen, ICML 2021), with explicit draws.

A `Draw` is one operation with its parameters, made once and applied alike to every image of the real and of the
synthetic batch: that is what "siamese" means. Drawing and applying are apart, so nothing here touches a global
generator. Images are (N, C, H, W), normalised; what moves in from outside is 0, the mean grey.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ddcore.augmentations import STRATEGIES
from ddcore.errors import UnknownName

# Published strengths (`ParamDiffAug` of the DSA code).
BRIGHTNESS = 1.0  # added: uniform in ±1/2 of it
SATURATION = 2.0  # factor on the distance from grey: uniform in 0..2
CONTRAST = 0.5  # factor on the distance from the image's mean: uniform in 0.5..1.5
CROP = 0.125  # shift as share of the side
CUTOUT = 0.5  # side of the hole as share of the side
FLIP = 0.5  # probability
SCALE = 1.2  # extent of the view: uniform in 1/1.2..1.2 along each axis
ROTATE = 15.0  # degrees: uniform in ±15

Parameters = tuple[float | int | bool, ...]


@dataclass(frozen=True)
class Draw:
    """What is done to a batch: operations in order, each (name, parameters of its function). Empty: nothing."""

    steps: tuple[tuple[str, Parameters], ...] = ()


def draw(strategy: str, generator: torch.Generator, shape: Sequence[int]) -> Draw:
    """One operation of the strategy, picked at random, with parameters for images of `shape` (C, H, W).

    Give a CPU generator: the numbers are needed on the host, and a CUDA one would make the device wait. Raises
    UnknownName for the strategy.
    """
    if strategy not in STRATEGIES:
        raise UnknownName("augmentation", strategy, STRATEGIES)
    operations = STRATEGIES[strategy]
    if not operations:
        return Draw()
    picked = operations[_integer(generator, 0, len(operations) - 1)]
    names = ("brightness", "saturation", "contrast") if picked == "color" else (picked,)
    return Draw(tuple((name, DRAWS[name](generator, shape[1], shape[2])) for name in names))


def apply(images: Tensor, draw: Draw) -> Tensor:
    """The images after the operations of `draw`; shape and type stay, gradients flow."""
    for name, parameters in draw.steps:
        images = OPERATIONS[name](images, *parameters)
    return images


def brightness(images: Tensor, added: float) -> Tensor:
    return images + added


def saturation(images: Tensor, factor: float) -> Tensor:
    """Distance of each pixel from its own mean over channels, times `factor` (one channel: no change)."""
    grey = images.mean(1, keepdim=True)
    return (images - grey) * factor + grey


def contrast(images: Tensor, factor: float) -> Tensor:
    """Distance of each pixel from the mean of its image, times `factor`."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * factor + mean


def crop(images: Tensor, down: int, right: int) -> Tensor:
    """The view moved by whole pixels: out[h, w] = in[h + down, w + right], 0 outside."""
    return F.pad(images, (-right, right, -down, down))


def cutout(images: Tensor, row: int, column: int, height: int, width: int) -> Tensor:
    """A hole of height × width around (row, column) set to 0; what lies outside the image is cut."""
    top, left = row - height // 2, column - width // 2
    mask = images.new_ones(images.shape[2:])
    mask[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = 0
    return images * mask


def flip(images: Tensor, flipped: bool) -> Tensor:
    """Left and right exchanged, or not."""
    return images.flip(3) if flipped else images


def scale(images: Tensor, horizontal: float, vertical: float) -> Tensor:
    """The view stretched by these factors; below 1 things look larger. Bilinear."""
    return _affine(images, ((horizontal, 0.0, 0.0), (0.0, vertical, 0.0)))


def rotate(images: Tensor, angle: float) -> Tensor:
    """The image turned by `angle` radians about its middle. Bilinear."""
    cos, sin = math.cos(angle), math.sin(angle)
    return _affine(images, ((cos, -sin, 0.0), (sin, cos, 0.0)))


def _affine(images: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    theta = torch.tensor([matrix], dtype=images.dtype, device=images.device)
    grid = F.affine_grid(theta, [1, *images.shape[1:]], align_corners=True)
    return F.grid_sample(images, grid.expand(len(images), -1, -1, -1), align_corners=True)


OPERATIONS: Mapping[str, Callable[..., Tensor]] = {
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "crop": crop,
    "cutout": cutout,
    "flip": flip,
    "scale": scale,
    "rotate": rotate,
}


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, device=generator.device))


def _integer(generator: torch.Generator, low: int, high: int) -> int:
    """Uniform in low..high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator, device=generator.device))


def _share(side: int, ratio: float) -> int:
    return int(side * ratio + 0.5)


def _draw_crop(generator: torch.Generator, height: int, width: int) -> Parameters:
    down, right = _share(height, CROP), _share(width, CROP)
    return _integer(generator, -down, down), _integer(generator, -right, right)


def _draw_cutout(generator: torch.Generator, height: int, width: int) -> Parameters:
    tall, wide = _share(height, CUTOUT), _share(width, CUTOUT)
    # A hole of even size lies between pixels, so it has one more place to be.
    row = _integer(generator, 0, height - tall % 2)
    column = _integer(generator, 0, width - wide % 2)
    return row, column, tall, wide


DRAWS: Mapping[str, Callable[[torch.Generator, int, int], Parameters]] = {
    "brightness": lambda g, h, w: (_uniform(g, -BRIGHTNESS / 2, BRIGHTNESS / 2),),
    "saturation": lambda g, h, w: (_uniform(g, 0.0, SATURATION),),
    "contrast": lambda g, h, w: (_uniform(g, CONTRAST, 1 + CONTRAST),),
    "crop": _draw_crop,
    "cutout": _draw_cutout,
    "flip": lambda g, h, w: (_uniform(g, 0.0, 1.0) < FLIP,),
    "scale": lambda g, h, w: (_uniform(g, 1 / SCALE, SCALE), _uniform(g, 1 / SCALE, SCALE)),
    "rotate": lambda g, h, w: (_uniform(g, -math.radians(ROTATE), math.radians(ROTATE)),),
}
