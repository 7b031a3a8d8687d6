"""Differentiable siamese augmentation (DSA; Zhao & Bilen, ICML 2021), with explicit draws.

A `Draw` is one operation with its parameters. As in the published code there are two kinds: while real and synthetic
images are matched, one set of parameters is applied to every image of both batches (that is what "siamese" means), so
that both are changed alike; while a network is trained, where nothing is compared, each image gets its own.

Drawing and applying are apart, so nothing here touches a global generator. Images are (N, C, H, W), normalised; what
moves in from outside is 0, the mean grey. Each operation takes its parameters as numbers, for all images, or as tensors
(N,) on the images' device, one for each image; both give the same pixels.
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

Parameters = tuple[float | Tensor, ...]


@dataclass(frozen=True)
class Draw:
    """The changes of a batch: operations in order, each (name, parameters of its function). Empty: no change.

    Parameters drawn for each image are tensors (n,) on the CPU; such draws cannot be compared with ==.
    """

    steps: tuple[tuple[str, Parameters], ...] = ()


def draw(strategy: str, generator: torch.Generator, shape: Sequence[int], images: int | None = None) -> Draw:
    """One operation of the strategy, picked at random, with parameters for images of `shape` (C, H, W).

    images: None draws once for a batch of any size (matching); a number draws for each of so many images (training).
    Give a CPU generator: the numbers are needed on the host, and a CUDA one would make the device wait. Raises
    UnknownName for the strategy.
    """
    if strategy not in STRATEGIES:
        raise UnknownName("augmentation", strategy, STRATEGIES)
    operations = STRATEGIES[strategy]
    if not operations:
        return Draw()
    operation = operations[_integer(generator, 0, len(operations) - 1)]
    names = ("brightness", "saturation", "contrast") if operation == "color" else (operation,)
    return Draw(tuple((name, DRAWS[name](generator, shape[1], shape[2], images)) for name in names))


def apply(images: Tensor, draw: Draw) -> Tensor:
    """The images after the operations of `draw`; shape and type stay, gradients flow.

    Raises ValueError where the draw was made for another number of images.
    """
    for name, parameters in _on_device(draw.steps, images):
        images = OPERATIONS[name](images, *parameters)
    return images


def _on_device(steps: tuple[tuple[str, Parameters], ...], images: Tensor) -> tuple[tuple[str, Parameters], ...]:
    """The steps with the parameters of each image brought to the images' device, in one copy."""
    tensors = [value for _, parameters in steps for value in parameters if isinstance(value, Tensor)]
    if not tensors:
        return steps
    packed = torch.stack(tensors)
    if packed.shape[1] != len(images):
        raise ValueError(f"this draw was made for {packed.shape[1]} images, got {len(images)}")
    # So few bytes go to CUDA without a wait for its queue; they have been read when the call returns.
    rows = iter(packed.to(images.device, non_blocking=images.is_cuda))
    return tuple((name, tuple(next(rows) if isinstance(v, Tensor) else v for v in values)) for name, values in steps)


def _column(value: float | Tensor, images: Tensor) -> float | Tensor:
    """A number as it is; a tensor (n,) as (n, 1, 1, 1), to meet the images, whose type real numbers take."""
    if not isinstance(value, Tensor):
        return value
    return value.view(-1, 1, 1, 1).to(images.dtype if value.is_floating_point() else value.dtype)


def brightness(images: Tensor, added: float | Tensor) -> Tensor:
    return images + _column(added, images)


def saturation(images: Tensor, factor: float | Tensor) -> Tensor:
    """Distance of each pixel from its own mean over channels, times `factor` (one channel: no change)."""
    grey = images.mean(1, keepdim=True)
    return (images - grey) * _column(factor, images) + grey


def contrast(images: Tensor, factor: float | Tensor) -> Tensor:
    """Distance of each pixel from the mean of its image, times `factor`."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * _column(factor, images) + mean


def crop(images: Tensor, down: int | Tensor, right: int | Tensor) -> Tensor:
    """The view moved by whole pixels: out[h, w] = in[h + down, w + right], 0 outside."""
    if not (isinstance(down, Tensor) or isinstance(right, Tensor)):
        return F.pad(images, (-right, right, -down, down))
    height, width = images.shape[2:]
    rows = _places(height, 2, images.device) + _column(down, images)
    columns = _places(width, 3, images.device) + _column(right, images)
    outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    source = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    view = images.flatten(2).gather(2, source.flatten(2).expand(*images.shape[:2], -1))
    return view.view_as(images).masked_fill(outside, 0)


def cutout(images: Tensor, row: int | Tensor, column: int | Tensor,
           height: int | Tensor, width: int | Tensor) -> Tensor:
    """A hole of height × width around (row, column) set to 0; what lies outside the image is cut."""
    rows = _places(images.shape[2], 2, images.device) - _column(row - height // 2, images)
    columns = _places(images.shape[3], 3, images.device) - _column(column - width // 2, images)
    tall, wide = _column(height, images), _column(width, images)
    hole = (rows >= 0) & (rows < tall) & (columns >= 0) & (columns < wide)
    return images * ~hole


def _places(side: int, axis: int, device: torch.device) -> Tensor:
    """0..side-1 along this axis of four, the others of length 1."""
    return torch.arange(side, device=device).view([side if a == axis else 1 for a in range(4)])


def flip(images: Tensor, flipped: bool | Tensor) -> Tensor:
    """Left and right exchanged, or not."""
    if isinstance(flipped, Tensor):
        return torch.where(flipped.view(-1, 1, 1, 1), images.flip(3), images)
    return images.flip(3) if flipped else images


def scale(images: Tensor, horizontal: float | Tensor, vertical: float | Tensor) -> Tensor:
    """The view stretched by these factors; below 1 things look larger. Bilinear."""
    return _affine(images, ((horizontal, 0.0), (0.0, vertical)))


def rotate(images: Tensor, angle: float | Tensor) -> Tensor:
    """The image turned by `angle` radians about its middle. Bilinear."""
    cos = angle.cos() if isinstance(angle, Tensor) else math.cos(angle)
    sin = angle.sin() if isinstance(angle, Tensor) else math.sin(angle)
    return _affine(images, ((cos, -sin), (sin, cos)))


def _affine(images: Tensor, matrix: tuple[tuple[float | Tensor, float | Tensor], ...]) -> Tensor:
    """out[x, y] = in[matrix · (x, y)], where both run over -1..1 from the middle of the first pixel to the last's.

    The places are made on the device: F.affine_grid would need the matrix there, a copy that the host waits for.
    """
    height, width = images.shape[2:]
    x = torch.linspace(-1, 1, width, dtype=images.dtype, device=images.device).view(1, 1, width, 1)
    y = torch.linspace(-1, 1, height, dtype=images.dtype, device=images.device).view(1, height, 1, 1)
    grid = torch.cat([x * _column(a, images) + y * _column(b, images) for a, b in matrix], -1)
    return F.grid_sample(images, grid.expand(len(images), -1, -1, -1), align_corners=True)


OPERATIONS: Mapping[str, Callable[..., Tensor]] = {
    "brightness": brightness, "saturation": saturation, "contrast": contrast, "crop": crop, "cutout": cutout,
    "flip": flip, "scale": scale, "rotate": rotate,
}


def _uniform(generator: torch.Generator, low: float, high: float, images: int | None) -> float | Tensor:
    """Uniform in low..high: a number, or float64 (images,)."""
    drawn = torch.rand(() if images is None else (images,), generator=generator, device=generator.device)
    return low + (high - low) * (float(drawn) if images is None else drawn.double())


def _integer(generator: torch.Generator, low: int, high: int, images: int | None = None) -> int | Tensor:
    """Uniform in low..high, both included: a number, or int64 (images,)."""
    size = () if images is None else (images,)
    drawn = torch.randint(low, high + 1, size, generator=generator, device=generator.device)
    return int(drawn) if images is None else drawn


def _share(side: int, ratio: float) -> int:
    return int(side * ratio + 0.5)


def _draw_crop(generator: torch.Generator, height: int, width: int, images: int | None = None) -> Parameters:
    down, right = _share(height, CROP), _share(width, CROP)
    return _integer(generator, -down, down, images), _integer(generator, -right, right, images)


def _draw_cutout(generator: torch.Generator, height: int, width: int, images: int | None = None) -> Parameters:
    tall, wide = _share(height, CUTOUT), _share(width, CUTOUT)
    # A hole of even size lies between pixels, so it has one more place to be.
    row = _integer(generator, 0, height - tall % 2, images)
    column = _integer(generator, 0, width - wide % 2, images)
    return row, column, tall, wide


# Each: (generator, height, width, number of images or None) -> parameters.
DRAWS: Mapping[str, Callable[..., Parameters]] = {
    "brightness": lambda g, h, w, n=None: (_uniform(g, -BRIGHTNESS / 2, BRIGHTNESS / 2, n),),
    "saturation": lambda g, h, w, n=None: (_uniform(g, 0.0, SATURATION, n),),
    "contrast": lambda g, h, w, n=None: (_uniform(g, CONTRAST, 1 + CONTRAST, n),),
    "crop": _draw_crop,
    "cutout": _draw_cutout,
    "flip": lambda g, h, w, n=None: (_uniform(g, 0.0, 1.0, n) < FLIP,),
    "scale": lambda g, h, w, n=None: (_uniform(g, 1 / SCALE, SCALE, n), _uniform(g, 1 / SCALE, SCALE, n)),
    "rotate": lambda g, h, w, n=None: (_uniform(g, -math.radians(ROTATE), math.radians(ROTATE), n),),
}
